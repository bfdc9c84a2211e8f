"""The test programs of the instrumented tree: which mutants each of them passes, and whether it notices one."""
import json
import os
import resource
import subprocess
import time
from dataclasses import dataclass, field

ROOM = 65536  # bytes of the record, as in mutant.c
OWN = ("tests/unit/policy/", "tests/unit/gate/", "tests/table/")  # of the layers
OTHER = ("tests/prove/", "tests/unit/config/", "tests/unit/edge/")
SHORTER = {"prove": ["3"]}  # the suite goes further, but a mutant that only that finds has no test of its own


@dataclass
class Test:
    name: str
    build: str
    command: list
    program: str
    variables: dict
    passes: set = field(default_factory=set)  # mutants
    seconds: float = 0.0


def environment(test, **more):
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    return keep | {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:strict_string_checks=1",
                   "UBSAN_OPTIONS": "halt_on_error=1"} | test.variables | more


def find_tests(build, folders):
    out = subprocess.run(["meson", "introspect", build, "--tests"], check=True, capture_output=True).stdout
    tests = []
    for t in json.loads(out):
        program = os.path.relpath(t["cmd"][0], build)
        if program.startswith(folders):
            tests.append(Test(f"{t['suite'][0].split(':')[-1]} {program.split('/')[-1]}", build,
                              [t["cmd"][0], *SHORTER.get(t["name"], t["cmd"][1:])], program, t["env"]))
    return tests


def bounded(cpu_seconds):
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.nice(10)

    return limit


def passes(test, mutant, cpu_seconds, wall_seconds):
    """A test that hangs has noticed: processor time is what counts, so that a busy machine makes no difference."""
    try:
        done = subprocess.run(test.command, cwd=test.build, env=environment(test, TIERGATE_MUTANT=str(mutant)), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=wall_seconds,
                              preexec_fn=bounded(cpu_seconds))
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def record(test):
    """Runs it on the program as it is, and sees which mutants it comes by."""
    path = os.path.abspath(os.path.join(test.build, "seen"))
    with open(path, "wb") as f:
        f.truncate(ROOM)
    start = time.monotonic()
    done = subprocess.run(test.command, cwd=test.build, env=environment(test, TIERGATE_MUTANTS_SEEN=path), stdin=subprocess.DEVNULL,
                          capture_output=True, preexec_fn=bounded(600))
    test.seconds = time.monotonic() - start
    if done.returncode != 0:
        raise SystemExit(f"mutate: {test.name} fails without any mutant\n{done.stdout.decode()}{done.stderr.decode()}")
    with open(path, "rb") as f:
        test.passes = {i for i, byte in enumerate(f.read()) if byte and i}


def first_to_notice(tests, mutant, patience=10):
    """Who waits `patience` times as long as without a mutant, and as many seconds, hangs."""
    for test in tests:
        if mutant in test.passes and not passes(test, mutant, int(5 * test.seconds) + 3, patience * (test.seconds + 1)):
            return test
    return None
