/* Whom the worker runs as: the program's own getpwnam() and geteuid() come before the C library's. */
#include "control/privilege.h"

#include <errno.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/count.h"

#define NOT_THERE (-1)

/* What looking up each of the two says: 0 found, NOT_THERE, or errno. */
static int tiergate_says, nobody_says;

struct passwd *getpwnam(const char *name)
{
    static struct passwd pw = {.pw_gid = 7};
    int says = strcmp(name, "tiergate") == 0 ? tiergate_says : nobody_says;
    pw.pw_uid = strcmp(name, "tiergate") == 0 ? 100 : 65534;
    if (says > 0) {
        errno = says;
    }
    return says == 0 ? &pw : NULL;
}

uid_t geteuid(void)
{
    return 0;
}

static void test_whom(void **state)
{
    static const struct {
        const char *name, *asked;
        int tiergate, nobody;
        uid_t uid; /* 0: refused */
    } cases[] = {
        {"the user of that name", NULL, 0, 0, 100},
        {"nobody, where there is none", NULL, NOT_THERE, 0, 65534},
        {"nobody, where a service says so", NULL, ENOENT, 0, 65534},
        {"neither", NULL, NOT_THERE, NOT_THERE, 0},
        {"not nobody, when there are no descriptors to look it up", NULL, EMFILE, 0, 0},
        {"not nobody, when there is no memory to look it up", NULL, ENOMEM, 0, 0},
        {"asked for", "tiergate", 0, 0, 100},
        {"asked for and not there", "tiergate", NOT_THERE, 0, 0},
        {"asked for and not to be looked up", "tiergate", EMFILE, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct privilege p;
        errno = 0;
        tiergate_says = cases[i].tiergate;
        nobody_says = cases[i].nobody;
        struct res r = privilege_find(cases[i].asked, &p);
        if (res_ok(r) != (cases[i].uid != 0) || (res_ok(r) && p.uid != cases[i].uid)) {
            fail_msg("%s: %s, uid %u", cases[i].name, res_ok(r) ? "taken" : r.err, (unsigned)p.uid);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whom)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
