#!/usr/bin/env python3
"""Reads what gcovr wrote: line coverage per folder of src/ and in all, and the lines that no test reaches where a bar is set.
Fails when a folder is below its bar."""
import json
import os
import sys
from collections import defaultdict

BARS = {"http": 96, "policy": 96, "gate": 96}  # who gets in is decided there


def read(path):
    """folder -> file -> {line: times run}"""
    found = defaultdict(dict)
    with open(path, encoding="utf-8") as f:
        for file in json.load(f)["files"]:
            # Headers are seen through the layers' views, which are links.
            top, _, name = os.path.relpath(os.path.realpath(file["file"])).partition("/")
            if top != "src":
                continue
            lines = found[name.split("/")[0]].setdefault(name, {})
            for l in file["lines"]:
                if not l.get("gcovr/noncode"):
                    lines[l["line_number"]] = lines.get(l["line_number"], 0) + l["count"]
    return found


def ranges(numbers):
    out = []
    for n in numbers:
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def print_missing(files):
    for name, lines in sorted(files.items()):
        missing = sorted(n for n, count in lines.items() if count == 0)
        if missing:
            print(f"    src/{name}: {ranges(missing)}")


def print_row(title, total, hit, bar):
    print(f"{title:10} {total:7} {hit:7} {100 * hit / total:7.2f} %  {f'at least {bar} %' if bar else ''}".rstrip())


def main():
    found, low, all_total, all_hit = read(sys.argv[1]), [], 0, 0
    print(f"{'folder':10} {'lines':>7} {'run':>7} {'':>9}")
    for folder, files in sorted(found.items()):
        total = sum(len(lines) for lines in files.values())
        hit = sum(1 for lines in files.values() for count in lines.values() if count)
        bar = BARS.get(folder)
        print_row(folder, total, hit, bar)
        if bar:
            print_missing(files)
            low += [folder] if 100 * hit < bar * total else []
        all_total, all_hit = all_total + total, all_hit + hit
    print_row("all", all_total, all_hit, None)
    missing = sorted(set(BARS) - set(found))
    if low or missing:
        print("below the bar:", *low, *missing)
    return 1 if low or missing else 0


if __name__ == "__main__":
    sys.exit(main())
