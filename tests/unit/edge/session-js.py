#!/usr/bin/env python3
"""The script that is served is what its generator makes of its source, small, and plain. usage: session-js.py SRC_EDGE"""
import importlib.util
import re
import sys


def main():
    folder = sys.argv[1]
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("session_js", f"{folder}/session_js.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    with open(f"{folder}/session_js.h", encoding="ascii") as f:
        assert f.read() == made.header(), "session_js.h is not what session_js.py makes of session.js"
    text = made.served()
    assert 500 < len(text) <= 3072, f"{len(text)} bytes are served"
    for word in ("eval", "Function(", "innerHTML", "insertAdjacent", "document.write", ".style", "http://"):
        assert word not in text, f"{word}: not under every policy"
    assert set(re.findall(r"globalThis\.(\w+) =", text)) == {"tiergate"}, "one name of the page's is taken"


if __name__ == "__main__":
    main()
