/* What a machine, or the container around us, allows. */
#include "control/memory.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/count.h"

#define MIB ((size_t)1 << 20)

struct file {
    const char *path, *text;
};

static const char machine[] = "MemFree: 5 kB\nMemTotal:         1048576 kB\n";

static const struct {
    const char *name;
    struct file files[6];
    size_t want;
} cases[] = {
    {"nobody says", {{0}}, SIZE_MAX},
    {"a machine", {{"proc/meminfo", machine}}, 1024 * MIB},
    {"no number", {{"proc/meminfo", "MemTotal: much\n"}}, SIZE_MAX},
    {"version 2",
     {{"proc/meminfo", machine}, {"proc/self/cgroup", "0::/a/b\n"}, {"cg/a/b/memory.max", "268435456\n"}},
     256 * MIB},
    {"version 2, unbound",
     {{"proc/meminfo", machine}, {"proc/self/cgroup", "0::/a\n"}, {"cg/a/memory.max", "max\n"}},
     1024 * MIB},
    {"a group around ours is narrower",
     {{"proc/meminfo", machine},
      {"proc/self/cgroup", "0::/a/b\n"},
      {"cg/a/b/memory.max", "536870912\n"},
      {"cg/a/memory.max", "134217728\n"}},
     128 * MIB},
    {"a namespace: only its root is there",
     {{"proc/meminfo", machine}, {"proc/self/cgroup", "0::/../../x\n"}, {"cg/memory.max", "67108864\n"}},
     64 * MIB},
    {"version 1",
     {{"proc/meminfo", machine},
      {"proc/self/cgroup", "9:cpu,cpuacct:/z\n4:memory:/a\n0::/\n"},
      {"cg/memory/a/memory.limit_in_bytes", "104857600\n"}},
     100 * MIB},
    {"version 1, unbound",
     {{"proc/meminfo", machine},
      {"proc/self/cgroup", "4:memory:/\n"},
      {"cg/memory/memory.limit_in_bytes", "9223372036854771712\n"}},
     1024 * MIB},
    {"more than the machine has",
     {{"proc/meminfo", machine}, {"proc/self/cgroup", "0::/\n"}, {"cg/memory.max", "99999999999\n"}},
     1024 * MIB},
};

static void write_file(const char *dir, const struct file *f)
{
    char path[512];
    int n = snprintf(path, sizeof path, "%s/%s", dir, f->path);
    assert_true(n > 0 && (size_t)n < sizeof path);
    for (char *at = path + strlen(dir) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = 0;
        (void)mkdir(path, 0700);
        *at = '/';
    }
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(f->text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    return remove(path);
}

static void test_machine(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        char dir[] = "/tmp/tiergate-memory-XXXXXX", proc[64], cgroup[64];
        assert_non_null(mkdtemp(dir));
        for (size_t k = 0; k < COUNT(cases[i].files) && cases[i].files[k].path; k++)
            write_file(dir, &cases[i].files[k]);
        (void)snprintf(proc, sizeof proc, "%s/proc", dir);
        (void)snprintf(cgroup, sizeof cgroup, "%s/cg", dir);
        size_t got = memory_of_machine(proc, cgroup);
        assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        if (got != cases[i].want)
            fail_msg("%s: %zu", cases[i].name, got);
    }
}

static void test_share(void **state)
{
    assert_int_equal(memory_for_connections(256 * MIB), 128 * MIB);
    assert_int_equal(memory_for_connections(8 * MIB), 16 * MIB);
    assert_int_equal(memory_for_connections(SIZE_MAX), SIZE_MAX / 2);
    assert_true(memory_of_machine("/proc", "/sys/fs/cgroup") < SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine),
        cmocka_unit_test(test_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
