"""The mutants that change nothing that could be seen, each with the reason: lines with the mutants' names, then the reason,
indented."""


def read_equivalent(path):
    found, names, reason = {}, [], []
    with open(path, encoding="utf-8") as f:
        lines = [line.rstrip() for line in f if not line.startswith("#")]
    for line in [*lines, ""]:
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
