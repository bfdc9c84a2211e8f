/* Which mutant is active, and, for the run without one, which were passed: a file that is mapped before anything else
 * happens, so that it also works in a process that may not open files, or that is killed. */
#include "mutant.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROOM 65536

static unsigned char unrecorded[ROOM];
unsigned mutant_active = 0;
unsigned char *mutant_seen = unrecorded;

static void record_into(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *at = fd == -1 ? MAP_FAILED : mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        abort();
    mutant_seen = at;
    (void)close(fd);
}

__attribute__((constructor)) static void mutant_start(void)
{
    const char *active = getenv("TIERGATE_MUTANT"), *seen = getenv("TIERGATE_MUTANTS_SEEN");
    if (active)
        mutant_active = (unsigned)strtoul(active, NULL, 10);
    if (seen)
        record_into(seen);
}
