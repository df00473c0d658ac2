#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rejects what g++ 12 miscompiles: lambdas with captures and braced temporaries inside the operand of a co_await.

    co_await ex.submit([x] { return x; });           // wrong: the closure is destroyed twice
    auto f = ex.submit([x] { return x; });           // right: submit in one statement,
    co_await f;                                      //        await in the next

Reads C++ files and the ```cpp blocks of Markdown files. It works on tokens, so it also rejects a few harmless
braces (`co_await f(int{1})`); a variable of their own is always possible.

usage: tools/coroutine_rule.py [FILE...]      default: all files of the repository
"""
import pathlib
import re
import sys
from typing import Iterator, NamedTuple

CPP = {".cpp", ".hpp", ".cu", ".cuh"}
TOKEN = re.compile(
    r"""(?P<skip> //[^\n]* | /\*.*?\*/ | \s+ )
      | (?P<literal> (?:u8|[uUL])?R"(?P<tag>[^()\\\s]*)\(.*?\)(?P=tag)" | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )
      | (?P<word> (?:[^\W\d]\w* | \d(?:'?[\w.])*) )
      | (?P<sign> :: | -> | . )""",
    re.X | re.S)
OPENING, CLOSING = "([{", ")]}"
FENCE = re.compile(r"^```(?:cpp|c\+\+)\n(.*?)^```", re.M | re.S)


class Token(NamedTuple):
    text: str
    line: int


class Finding(NamedTuple):
    line: int
    message: str


def tokens(source: str) -> list[Token]:
    found, line = [], 1
    for match in TOKEN.finditer(source):
        text = match.group()
        if match.lastgroup == "literal":
            found.append(Token('""', line))
        elif match.group("skip") is None:
            found.append(Token(text, line))
        line += text.count("\n")
    return found


def end_of_group(code: list[Token], start: int) -> int:
    """The index behind the bracket that closes the one at `start`."""
    depth = 0
    for index in range(start, len(code)):
        depth += (code[index].text in OPENING) - (code[index].text in CLOSING)
        if depth == 0:
            return index + 1
    return len(code)


def opens_lambda(code: list[Token], index: int) -> bool:
    """A bracket behind a value subscripts it; elsewhere it introduces a lambda."""
    before = code[index - 1].text
    is_value = before in (")", "]", "}", '""') or (before[0].isalnum() or before[0] == "_")
    return not is_value or before in ("return", "co_return", "co_await", "co_yield")


def behind_lambda(code: list[Token], index: int) -> int:
    """The index behind the body of the lambda whose introducer begins at `index`."""
    index = end_of_group(code, index)
    while index < len(code) and code[index].text not in ("{", ";"):
        index = end_of_group(code, index) if code[index].text in OPENING else index + 1
    return end_of_group(code, index)


def check_operand(code: list[Token], start: int) -> Iterator[Finding]:
    """Follows the operand that begins at `start` to the end of its full expression."""
    depth, index = 0, start
    while index < len(code):
        token = code[index]
        if depth == 0 and token.text in (";", ",", *CLOSING):
            return
        if token.text == "[" and opens_lambda(code, index):
            if code[index + 1].text != "]":
                yield Finding(token.line, "a lambda with captures inside a co_await operand")
            index = behind_lambda(code, index)
            continue
        if token.text == "{":
            yield Finding(token.line, "a braced temporary inside a co_await operand")
            index = end_of_group(code, index)
            continue
        depth += (token.text in OPENING) - (token.text in CLOSING)
        index += 1


def check(source: str) -> list[Finding]:
    code = tokens(source)
    awaits = [index for index, token in enumerate(code)
              if token.text == "co_await" and code[index - 1].text != "operator"]
    return sorted({finding for index in awaits for finding in check_operand(code, index + 1)})


def check_markdown(source: str) -> list[Finding]:
    return [Finding(finding.line + source.count("\n", 0, block.start(1)), finding.message)
            for block in FENCE.finditer(source) for finding in check(block.group(1))]


def repository_files() -> list[pathlib.Path]:
    root = pathlib.Path(__file__).resolve().parent.parent
    ours = [folder for folder in root.iterdir()
            if folder.is_dir() and not folder.name.startswith(".") and folder.name not in ("build", "out")]
    files = [*root.glob("*.md"), *(file for folder in ours for file in folder.rglob("*"))]
    return sorted(file for file in files if file.suffix in CPP | {".md"})


def main(arguments: list[str]) -> int:
    files = [pathlib.Path(argument) for argument in arguments] or repository_files()
    failed = False
    for file in files:
        checker = check_markdown if file.suffix == ".md" else check
        for line, message in checker(file.read_text()):
            failed = True
            print(f"{file}:{line}: {message}; submit in one statement, await in the next", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
