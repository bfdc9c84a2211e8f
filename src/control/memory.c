#include "control/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/span.h"

#define LEAST ((size_t)16 << 20)
#define PATH_BYTES 4096
#define FILE_BYTES 16384

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Empty: not there, or not for us. */
static struct span read_file(const char *path, char room[FILE_BYTES])
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return span_make(room, 0);
    }
    size_t n = fread(room, 1, FILE_BYTES, f);
    (void)fclose(f);
    return span_make(room, n);
}

/* "max", and what is not a number, is no limit. */
static size_t limit_in(const char *path)
{
    char room[FILE_BYTES];
    struct span line, rest;
    uint64_t n;
    (void)span_cut(read_file(path, room), '\n', &line, &rest);
    return span_parse_u64(line, SIZE_MAX, &n) && n > 0 ? (size_t)n : SIZE_MAX;
}

/* A group is bound by all those around it. In a namespace the path may lead nowhere: then the root says it. */
static size_t limit_of_group(const char *root, struct span group, const char *file)
{
    char path[PATH_BYTES];
    size_t found = SIZE_MAX;
    for (;;) {
        int n = snprintf(path, sizeof(path), "%s%.*s/%s", root, SPAN_ARG(group), file);
        if (n > 0 && (size_t)n < sizeof(path)) {
            found = least(found, limit_in(path));
        }
        if (group.n == 0) {
            return found;
        }
        do {
            group.n--;
        } while (group.n > 0 && group.p[group.n] != '/');
    }
}

/* A line of /proc/self/cgroup: number:controllers:path. Version 2 has no controllers. */
static size_t limit_of_line(const char *cgroup, struct span line)
{
    struct span number, rest, controllers, group;
    char root[PATH_BYTES];
    if (!span_cut(line, ':', &number, &rest) || !span_cut(rest, ':', &controllers, &group)) {
        return SIZE_MAX;
    }
    if (controllers.n == 0) {
        return limit_of_group(cgroup, group, "memory.max");
    }
    if (!span_eq(controllers, SPAN("memory"))) {
        return SIZE_MAX;
    }
    int n = snprintf(root, sizeof(root), "%s/memory", cgroup);
    return n > 0 && (size_t)n < sizeof(root) ? limit_of_group(root, group, "memory.limit_in_bytes") : SIZE_MAX;
}

static size_t limit_of_groups(const char *proc, const char *cgroup)
{
    char path[PATH_BYTES], room[FILE_BYTES];
    struct span line, rest;
    size_t found = SIZE_MAX;
    (void)snprintf(path, sizeof(path), "%s/self/cgroup", proc);
    for (rest = read_file(path, room); rest.n > 0;) {
        (void)span_cut(rest, '\n', &line, &rest);
        found = least(found, limit_of_line(cgroup, line));
    }
    return found;
}

static size_t physical(const char *proc)
{
    char path[PATH_BYTES], room[FILE_BYTES];
    unsigned long long kib;
    (void)snprintf(path, sizeof(path), "%s/meminfo", proc);
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return SIZE_MAX;
    }
    size_t n = fread(room, 1, sizeof(room) - 1, f);
    (void)fclose(f);
    room[n] = 0;
    const char *at = strstr(room, "MemTotal:");
    return at != NULL && sscanf(at, "MemTotal: %llu kB", &kib) == 1 ? (size_t)kib * 1024 : SIZE_MAX;
}

size_t memory_of_machine(const char *proc, const char *cgroup)
{
    return least(physical(proc), limit_of_groups(proc, cgroup));
}

size_t memory_for_connections(size_t machine)
{
    return machine / 2 > LEAST ? machine / 2 : LEAST;
}
