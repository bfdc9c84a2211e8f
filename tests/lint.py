#!/usr/bin/env python3
"""House rules that a compiler does not know: sizes, banned calls, who may include what. CONTRIBUTING.md says why."""
import os
import re
import sys

LAYERS = "base net http policy store gate origin config edge control cli".split()
# What a layer sees besides itself; the same table as src/meson.build.
SEES = {
    "base": "", "net": "base", "http": "base net", "policy": "base net http", "store": "base net",
    "gate": "base net http policy store",
    "origin": "base net http policy", "config": "base net http policy store gate origin",
    "edge": "base net http policy store gate origin config", "control": "base net http policy store gate origin config edge",
    "cli": "base net http policy store gate origin config edge control",
}
CONFINED = [  # (include, files that may have it)
    (r"event2/|event\.h|ares\.h|openssl/ssl\.h|openssl/tls1\.h", r"src/net/"),
    (r"openssl/", r"src/(base/crypto|net)/"),
    (r"jansson\.h", r"src/base/json\.c"),
    (r"pcre2\.h", r"src/policy/"),
    (r"crypt\.h", r"src/gate/"),
    (r"libpsl\.h", r"src/config/"),
    (r"seccomp\.h|linux/landlock\.h", r"src/net/sandbox|tests/unit/net/sandbox"),
    (r"nghttp2/", r"src/http/h2/"),
    (r"sqlite3\.h|hiredis/", r"src/store/"),
    (r"curl/", r"src/net/"),
]
BANNED = re.compile(
    r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gmtime|localtime|strerror|rand|srand|system|popen|gets|alloca)\s*\("
)
# Spelled in pieces, so that this file does not hold what it looks for.
HOSTS = re.compile("registry" r"\.|npm" r"js\.|debian" r"\.org|py" r"pi\.|crates" r"\.io")
UNDONE = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE = re.compile(r"(?<![\w.])/(wo" r"rk|ro" r"ot|ho" r"me)/\w")
MAX_FILE, MAX_FUNCTION = 600, 80
SKIP_DIRS = re.compile(r"^(build.*|node_modules|\.git|\.cache|\.svelte-kit|__pycache__)$")
TEXT = (".c", ".h", ".mjs", ".js", ".svelte", ".py", ".sh", ".json", ".md", ".build", ".yml", ".html")

problems = []


def tell(path, line, what):
    problems.append(f"{path}:{line}: {what}")


def files():
    for top, dirs, names in os.walk("."):
        dirs[:] = sorted(d for d in dirs if not SKIP_DIRS.match(d))
        for name in sorted(names):
            yield os.path.relpath(os.path.join(top, name), ".")


def without_comments(text):
    """Comments and strings become blanks, lines stay where they are."""
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def check_text(path, lines):
    for n, line in enumerate(lines, 1):
        if HOSTS.search(line):
            tell(path, n, "names a package host")
        if UNDONE.search(line):
            tell(path, n, "marks unfinished work")
        if MACHINE.search(line):
            tell(path, n, "names a path of one machine")
        if line != line.rstrip():
            tell(path, n, "space at the end of the line")


def check_functions(path, lines):
    start = 0
    for n, line in enumerate(lines, 1):
        if line == "{":
            start = n
        elif line == "}" and start:
            if n - start - 1 > MAX_FUNCTION:
                tell(path, start, f"function of {n - start - 1} lines, at most {MAX_FUNCTION}")
            start = 0


def check_state(path, code):
    for n, line in enumerate(code, 1):
        if re.match(r"static (?!inline\b)[^()]*(=|;)", line) and not re.search(r"\bconst\b|sig_atomic_t", line):
            tell(path, n, "mutable state at file scope")


# What the comment of a header says of who may include it.
PRIVATE = re.compile(r"(?:Inside of|Private to|Only) (?:src/)?([\w/]+)/(?:[:;.]| includes)")


def home_of(header):
    """The folder that a header keeps to; empty: any that sees its layer."""
    if not os.path.exists("src/" + header):
        return ""
    with open("src/" + header, encoding="utf-8") as f:
        comment = re.match(r"/\*(.*?)\*/", f.read(), flags=re.S)
    m = PRIVATE.search(comment.group(1)) if comment else None
    return m.group(1) if m else ""


def check_includes(path, lines):
    layer = path.split("/")[1]
    seen_own = False
    own = re.sub(r"^src/|\.c$", "", path) + ".h"
    has_own = path.endswith(".c") and os.path.exists("src/" + own)
    for n, line in enumerate(lines, 1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not m:
            continue
        quote, name = m.groups()
        if has_own and not seen_own:
            if name != own:
                tell(path, n, f'"{own}" comes first')
            seen_own = True
        if ".." in name:
            tell(path, n, "include climbs out of its folder")
        if quote == '"':
            top = name.split("/")[0]
            if top not in LAYERS:
                tell(path, n, f'"{name}": project headers are named from their layer on')
            elif top != layer and top not in SEES[layer].split():
                tell(path, n, f"{layer} does not see {top}")
            elif (home := home_of(name)) and f"/{home}/" not in f"/{path}":
                tell(path, n, f'"{name}" keeps to {home}/')
        for pattern, home in CONFINED:
            if re.match(pattern, name):
                if not re.match(home, path):
                    tell(path, n, f"<{name}> belongs to {home}")
                break


def check_c(path, text):
    lines, code = text.split("\n"), without_comments(text).split("\n")
    if len(lines) > MAX_FILE + 1 and "/generated/" not in path and not path.endswith("_table.c"):
        tell(path, 1, f"{len(lines) - 1} lines, at most {MAX_FILE}")
    for n, line in enumerate(code, 1):
        m = BANNED.search(line)
        if m:
            tell(path, n, f"{m.group(1)} is banned")
        if "\t" in line:
            tell(path, n, "a tab")
    check_functions(path, code)
    if path.startswith("src/"):
        if path.endswith(".c"):
            check_state(path, code)
        check_includes(path, lines)


def main():
    for path in files():
        if not path.endswith(TEXT) and path not in ("dev", ".ci/run"):
            continue
        with open(path, encoding="utf-8") as f:
            text = f.read()
        check_text(path, text.split("\n"))
        if path.endswith((".c", ".h")):
            check_c(path, text)
        elif path.endswith((".mjs", ".py")) and text.count("\n") > MAX_FILE:
            tell(path, 1, f"{text.count(chr(10))} lines, at most {MAX_FILE}")
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
