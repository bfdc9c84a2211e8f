#include "gate/signin/impl.h"

void job_begin(struct signin *s, struct side_job *j, void (*release)(struct side_job *j))
{
    *j = (struct side_job){.next = s->jobs, .service = s, .release = release};
    if (s->jobs)
        s->jobs->prev = j;
    s->jobs = j;
}

void job_end(struct side_job *j)
{
    if (j->prev)
        j->prev->next = j->next;
    else
        j->service->jobs = j->next;
    if (j->next)
        j->next->prev = j->prev;
    j->release(j);
}
