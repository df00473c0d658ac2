#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/CONFORMANCE.md: for every behaviour of tests/conformance.tsv the tests that show it.

A test carries an ID in its name (`TEST(future, F01_predicates_agree)`), or in the comment lines directly above
it (`// F-01, F-02`); in a CMakeLists.txt the comment stands directly above `add_test(NAME ...)`.

usage: tools/conformance.py [--check]      --check only says whether the page is up to date
"""
import pathlib
import re
import sys
from typing import NamedTuple

GROUPS = {
    "F": "Futures", "W": "wait", "A": "as_completed", "M": "map", "S": "Shutdown and lifetime", "T": "Thread pool",
    "P": "Process pool", "C": "Coroutines", "D": "Dependencies", "N": "Nested tasks", "R": "Retries and resilience",
    "Q": "Resources and priorities", "L": "Scatter and locality", "K": "Cluster client",
}
HEAD = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Written by tools/conformance.py from tests/conformance.tsv and the names of the tests. Do not edit. -->
# Conformance

The behaviours that users of futures and executors may expect, and the tests that show them. A line without a test
names the work that builds it.
"""
CPP_TEST = re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P)\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)
CMAKE_TEST = re.compile(r"^\s*add_test\(\s*NAME\s+([\w.]+)()", re.M)
ID_IN_NAME = re.compile(r"(?:^|_)([A-Z])(\d\d)(?=_|$)")
ID_IN_COMMENT = re.compile(r"\b([A-Z])-(\d\d)\b")


class Behaviour(NamedTuple):
    id: str
    works: list[str]
    title: str


class Test(NamedTuple):
    name: str
    path: str  # relative to tests/
    ids: set[str]


def read_catalogue(text: str) -> list[Behaviour]:
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return [Behaviour(id, works.split(","), title) for id, works, title in rows]


def comment_above(text: str, position: int) -> str:
    """The unbroken run of comment lines that ends on the line before `position`."""
    lines = text[:position].splitlines()
    first = len(lines)
    while first > 0 and lines[first - 1].lstrip().startswith(("//", "#")):
        first -= 1
    return "\n".join(lines[first:])


def tests_in(text: str, path: str) -> list[Test]:
    """The tests of one file that carry an ID; each suite and name once."""
    pattern = CMAKE_TEST if path.endswith("CMakeLists.txt") else CPP_TEST
    found = []
    for match in pattern.finditer(text):
        suite, name = match.groups()
        ids = ID_IN_NAME.findall(name) + ID_IN_COMMENT.findall(comment_above(text, match.start()))
        if ids:
            full_name = f"{suite}.{name}" if name else suite
            found.append(Test(full_name, path, {f"{group}-{number}" for group, number in ids}))
    return found


def page(catalogue: list[Behaviour], tests: list[Test]) -> str:
    known = {behaviour.id for behaviour in catalogue}
    for test in tests:
        if unknown := test.ids - known:
            sys.exit(f"{test.path}: test {test.name} names {', '.join(sorted(unknown))}, "
                     "which tests/conformance.tsv does not list.")
    by_id = {id: [test for test in tests if id in test.ids] for id in known}
    shown = sum(1 for id in known if by_id[id])
    out = [HEAD, f"{shown} of {len(catalogue)} behaviours have a test."]
    for letter, group in GROUPS.items():
        rows = [behaviour for behaviour in catalogue if behaviour.id.startswith(letter)]
        if not rows:
            continue
        out += ["", f"## {group} ({letter})", "", "| ID | behaviour | tests |", "|---|---|---|"]
        for id, works, title in rows:
            links = [f"[{test.name}]({test.path})" for test in by_id[id]]
            if len(works) > 1 and links:
                links.append(f"again in: {', '.join(works[1:])}")
            out.append(f"| {id} | {title} | {'<br>'.join(links) or f'not built yet ({works[0]})'} |")
    return "\n".join(out) + "\n"


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: tools/conformance.py [--check]", file=sys.stderr)
        return 2
    folder = pathlib.Path(__file__).resolve().parent.parent / "tests"
    files = sorted([*folder.rglob("*_test.cpp"), *folder.rglob("CMakeLists.txt")])
    tests = [test for file in files for test in tests_in(file.read_text(), file.relative_to(folder).as_posix())]
    wanted = page(read_catalogue((folder / "conformance.tsv").read_text()), tests)
    target = folder / "CONFORMANCE.md"
    if arguments and (not target.exists() or target.read_text() != wanted):
        print("tests/CONFORMANCE.md is out of date; run: python3 tools/conformance.py", file=sys.stderr)
        return 1
    if not arguments:
        target.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
