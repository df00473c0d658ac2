#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps the example in README.md equal to demos/examples/readme.cpp, which is compiled and run as a test.

The README's first ```cpp block is the part of that file between `// [readme]` and `// [/readme]`.

usage: tools/readme_example.py [--check]      writes the block, or with --check only compares (exit 1 if they differ)
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = "demos/examples/readme.cpp"
FENCE = re.compile(r"(?<=^```cpp\n).*?(?=^```$)", re.M | re.S)
REGION = re.compile(r"^// \[readme\]\n(.*?)^// \[/readme\]$", re.M | re.S)


def updated(readme: str, source: str) -> str:
    """The README with the source's marked region as its first cpp block."""
    region = REGION.search(source)
    if region is None:
        raise ValueError(f"{SOURCE} has no lines between '// [readme]' and '// [/readme]'; mark the example.")
    if FENCE.search(readme) is None:
        raise ValueError("README.md has no ```cpp block; add an empty one where the example belongs.")
    return FENCE.sub(lambda _: region[1], readme, count=1)


def main(arguments: list[str], root: pathlib.Path = ROOT) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    page = root / "README.md"
    before = page.read_text(encoding="utf-8")
    try:
        after = updated(before, (root / SOURCE).read_text(encoding="utf-8"))
    except ValueError as problem:
        print(f"readme_example: {problem}", file=sys.stderr)
        return 1
    if not arguments:
        page.write_text(after, encoding="utf-8")
    elif before != after:
        print(f"readme_example: README.md differs from {SOURCE}; run tools/readme_example.py.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
