"""The mutants that change nothing that could be seen, each with the reason: lines with the mutants' names, then the reason,
indented."""


def lines_of(path):
    with open(path, encoding="utf-8") as f:
        return [(path, line.rstrip()) for line in f if not line.startswith("#")] + [(path, "")]


def read_equivalent(paths):
    found, names, reason = {}, [], []
    for path, line in (pair for p in paths for pair in lines_of(p)):
        if line.startswith(" "):
            reason.append(line.strip())
            continue
        if names and (reason or not line):
            if not reason:
                raise SystemExit(f"mutate: {path}: no reason for {names[0]}")
            found.update({n: " ".join(reason) for n in names})
            names, reason = [], []
        if line:
            if line in names or line in found:
                raise SystemExit(f"mutate: {path}: twice: {line}")
            names.append(line)
    return found
