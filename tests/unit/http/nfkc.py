#!/usr/bin/env python3
"""The table of compatibility characters is what its generator makes of Unicode. usage: nfkc.py SRC_HTTP

With another version of Unicode than the table was made with, the table must still hold all that this version knows
of: characters are added over time, their NFKC forms never change.
"""
import importlib.util
import re
import sys
import unicodedata


def main():
    folder = sys.argv[1]
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("nfkc_table", f"{folder}/nfkc_table.py")
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    with open(f"{folder}/nfkc_table.h", encoding="utf-8") as f:
        text = f.read()
    version = re.search(r'NFKC_UNICODE "([0-9.]+)"', text).group(1)
    have = [[int(a, 16), int(b, 16)] for a, b in re.findall(r"\{0x([0-9a-f]+), 0x([0-9a-f]+)\}", text)]
    assert all(a <= b for a, b in have) and all(x[1] < y[0] for x, y in zip(have, have[1:])), "not sorted"
    if version == unicodedata.unidata_version:
        assert have == table.ranges(), "the table differs from what the generator makes"
    else:
        known = {cp for a, b in have for cp in range(a, b + 1)}
        old = {cp for cp in table.code_points() if unicodedata.ucd_3_2_0.category(chr(cp)) != "Cn"}
        assert old <= known, f"missing: {sorted(map(hex, old - known))}"
    # A few that a proxy was fooled by, so that a generator that yields nothing is seen.
    for cp in (0xFF0F, 0xFF0E, 0x2024, 0x2025, 0xFF05, 0xFF1B, 0x037E, 0x212A, 0xFF41, 0x00A0, 0x0085):
        assert any(a <= cp <= b for a, b in have), hex(cp)
    for cp in (0x00E9, 0x00DF, 0x4E2D, 0x1F680, 0x0430):
        assert not any(a <= cp <= b for a, b in have), hex(cp)


if __name__ == "__main__":
    main()
