#!/usr/bin/env python3
"""Do the tests notice when a branch of policy/ or gate/ goes the wrong way? A copy of the tree is built once, with every
wrong way in it (instrument.py); then each is taken in turn, and the unit and table tests that come by must fail."""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
from glob import glob

from equivalent import read_equivalent
from instrument import File
from suite import OTHER, OWN, find_tests, first_to_notice, record

HERE = os.path.dirname(os.path.relpath(__file__))
LAYERS = ("policy", "gate")
KINDS = {"plain": [], "asan": ["-Db_sanitize=address,undefined", "-Db_lundef=false"]}
ROUNDS = (("plain", OWN), ("asan", OWN), ("plain", OTHER))
PATIENCE = 3  # times as long as without a mutant, when each test has a processor to itself
SKIPPED = re.compile(r"build|node_modules|\.git$|\.cache|\.svelte-kit|__pycache__")


def put(path, data):
    """Only what changed, so that the next build is short."""
    if os.path.exists(path):
        with open(path, "rb") as f:
            if f.read() == data:
                return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def files_below(top):
    for folder, dirs, names in os.walk(top):
        dirs[:] = [d for d in dirs if not SKIPPED.match(d)]
        yield from (os.path.relpath(os.path.join(folder, n), top) for n in names)


def copy_tree(tree, changed):
    wanted = set(files_below("."))
    for path in wanted:
        if path in changed:
            put(os.path.join(tree, path), changed[path])
        else:
            with open(path, "rb") as f:
                put(os.path.join(tree, path), f.read())
    for path in set(files_below(tree)) - wanted:
        os.unlink(os.path.join(tree, path))


def instrument_tree(tree, layers):
    mutants, changed = [], {}
    for path in sorted(p for layer in layers for p in glob(f"src/{layer}/**/*.c", recursive=True)):
        f = File(path, len(mutants) + 1)
        changed[path] = f.instrument().encode()
        mutants += f.mutants
    copy_tree(tree, changed)
    return mutants


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SystemExit(f"mutate: {' '.join(command)} failed\n{done.stdout.decode()[-4000:]}")


def build_tree(a, kind, folders):
    """The tests in these folders, built."""
    tree, build, runtime = (os.path.abspath(f"{a.build}/{name}") for name in ("tree", kind, "mutant.o"))
    run("cc", "-O1", "-fPIE", "-c", "-o", runtime, f"{HERE}/mutant.c")
    if not os.path.exists(f"{build}/build.ninja"):
        shutil.rmtree(build, ignore_errors=True)
        run("meson", "setup", build, tree, *KINDS[kind], "-Doptimization=1",
            f"-Dc_args=-w -include {os.path.abspath(HERE)}/mutant.h", f"-Dc_link_args={runtime}")
    run("ninja", "-C", build, "build.ninja")  # there may be new tests
    tests = find_tests(build, folders)
    run("nice", "ninja", "-C", build, *(t.program for t in tests))
    return tests


def judge_round(mutants, tests, jobs):
    """mutant id -> the test that noticed, or None"""
    found = {}
    for t in tests:
        record(t)
    tests.sort(key=lambda t: t.seconds)
    print(f"{len(mutants)} mutants, {len(tests)} test programs", flush=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        under_way = {pool.submit(first_to_notice, tests, m.id): m for m in mutants}
        for n, done in enumerate(concurrent.futures.as_completed(under_way), 1):
            found[under_way[done].id] = done.result()
            if n % 200 == 0:
                print(f"  {n} of {len(mutants)}", flush=True)
    return found


def judge_again(mutants, found, tests):
    """On a busy machine a test may fail for another reason and seem to have noticed. So who noticed is asked once more when
    little else runs, and all of them if it says otherwise then."""
    left = [m for m in mutants if found[m.id]]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = pool.map(lambda m: first_to_notice([found[m.id]], m.id, PATIENCE) or twice(tests, m.id), left)
        for n, (m, answer) in enumerate(zip(left, answers), 1):
            found[m.id] = answer
            if n % 200 == 0:
                print(f"  {n} of {len(left)} again", flush=True)


def twice(tests, mutant):
    """The first that notices it, and does so again."""
    for test in tests:
        if first_to_notice([test], mutant, PATIENCE) and first_to_notice([test], mutant, PATIENCE):
            return test
    return None


def judge(mutants, a, equivalent):
    """Who is missed in one round meets the slower one; the last one, which is not the layers' own, is for those without a
    reason alone."""
    found = {m.id: None for m in mutants}
    for kind, folders in ROUNDS[: a.rounds]:
        left = [m for m in mutants if found[m.id] is None and (folders == OWN or m.name not in equivalent)]
        if left:
            tests = build_tree(a, kind, folders)
            found.update(judge_round(left, tests, a.jobs))
            judge_again(left, found, tests)
            with open(f"{a.build}/missed", "w", encoding="utf-8") as f:
                f.writelines(m.name + "\n" for m in mutants if found[m.id] is None)
    return found


def report(mutants, found, equivalent):
    missed = {m.name for m in mutants if found[m.id] is None}
    new = [m for m in mutants if found[m.id] is None and m.name not in equivalent]
    noticed = sorted(n for n in equivalent if n not in missed and n in {m.name for m in mutants})
    gone = sorted(n for n in equivalent if n not in {m.name for m in mutants})
    for layer in LAYERS:
        of = [m for m in mutants if m.file.startswith(layer + "/")]
        caught = [m for m in of if found[m.id]]
        opens = [m for m in of if m.opens]
        print(f"{layer:8} {len(of):5} mutants, {len(caught)} caught, {sum(1 for m in of if m.name in missed & set(equivalent))} "
              f"without effect, {sum(1 for m in new if m in of)} missed; {len(opens)} take a refusal away, "
              f"{sum(1 for m in opens if found[m.id])} of them caught")
    for m in new:
        print(f"src/{m.file}:{m.line}: missed{', lets through' if m.opens else ''}\n{m.name}")
    for title, names in ( ("listed as without effect, but caught", noticed),
                         ("listed, but not there", gone)):
        if names:
            print(f"{title}:", *names, sep="\n")
    return 1 if new or noticed or gone else 0


def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return set(f.read().splitlines())


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default="build-mutate")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--only", default="", help="mutants whose name holds this")
    p.add_argument("--rounds", type=int, default=len(ROUNDS), help="fewer: without the slower ones")
    p.add_argument("--again", action="store_true", help="only those that the last run missed")
    p.add_argument("--list", action="store_true", help="only name them")
    p.add_argument("--show", action="store_true", help="also tell which test noticed")
    return p.parse_args()


def main():
    a = arguments()
    mutants = instrument_tree(f"{a.build}/tree", LAYERS)
    before = read_lines(f"{a.build}/missed") if a.again else None
    chosen = [m for m in mutants if a.only in m.name and (before is None or m.name in before)]
    if a.list:
        print(*(f"{m.id:5} src/{m.file}:{m.line} {m.name}" for m in chosen), sep="\n")
        return 0
    equivalent = read_equivalent(sorted(glob(f"{HERE}/equivalent/*.txt")))
    found = judge(chosen, a, equivalent)
    if a.show:
        print(*(f"{m.name}: {found[m.id].name if found[m.id] else '-'}" for m in chosen), sep="\n")
    names = {m.name for m in chosen}
    equivalent = {n: r for n, r in equivalent.items() if not (a.only or a.again) or n in names}
    return report(chosen, found, equivalent)


if __name__ == "__main__":
    sys.exit(main())
