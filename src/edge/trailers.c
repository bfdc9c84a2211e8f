/* Fields behind a payload. They come when everything has been decided by the head, so nothing that decides anything may be among them; and
 * what is not let through in a head is not let through here. */
#include "edge/exchange.h"
#include "edge/strip.h"

static void drop_what_decides(struct headers *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (!field_may_trail(h->v[i].name))
            h->v[i].drop = 1;
}

bool trailers_to_origin(struct exchange *x)
{
    if (!x->client->trailers || !x->via->send_trailers)
        return true;
    struct headers *h = x->client->trailers(x);
    if (!h)
        return true;
    drop_what_decides(h);
    strip_request(h, x->site->origin, x->who != NULL);
    return x->via->send_trailers(x, h);
}

bool trailers_to_client(struct exchange *x)
{
    if (!x->via->trailers || !x->client->send_trailers)
        return true;
    struct headers *h = x->via->trailers(x);
    if (!h)
        return true;
    drop_what_decides(h);
    return x->client->send_trailers(x, h);
}
