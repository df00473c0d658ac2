#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a terminal and draws what it showed as an SVG that plays in a browser.

A line that was drawn anew (a progress bar) is animated in real time; without animation, the last state is seen.
Understands what the program `fronta` writes: text, newline, carriage return and "erase to the end of the line".

usage: tools/terminal_picture.py -o FILE.svg [--columns N] [--say TEXT] -- COMMAND ARGS...
"""
import argparse
import html
import os
import pty
import re
import struct
import sys
import termios
import time
import fcntl
from typing import NamedTuple

CELL, LINE, SIZE, MARGIN = 8.4, 20, 14, 18  # pixels
FRAME = 0.4  # seconds between two states of an animated line, at least
HOLD = 4.0  # seconds for which the end is shown before it starts again
BACKGROUND, TEXT, DIM, BAR, EMPTY = "#14181f", "#d7dde6", "#8a94a3", "#4cc38a", "#2b3340"
STYLE = f"text{{font:{SIZE}px 'DejaVu Sans Mono','SFMono-Regular',Menlo,Consolas,monospace}}"


class State(NamedTuple):
    """A line as it was from `begin` on."""
    begin: float
    text: str


def record(command: list[str], columns: int) -> tuple[list[tuple[float, str]], int]:
    """The pieces of text that the command wrote, each with its time, and its exit code."""
    pid, end = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
        os.execvp(command[0], command)
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    begin, pieces, pending = time.monotonic(), [], b""
    while True:
        try:
            data = os.read(end, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not data:
            break
        pending += data
        try:
            text = pending.decode()
        except UnicodeDecodeError:  # cut inside a character
            continue
        pieces.append((time.monotonic() - begin, text))
        pending = b""
    return pieces, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def play(pieces: list[tuple[float, str]]) -> list[list[State]]:
    """Every line with all its states."""
    lines: list[list[State]] = [[]]
    line, column = "", 0

    def keep(when: float) -> None:
        states = lines[-1]
        if not states or states[-1].text != line:
            if states and len(states) > 1 and when - states[-1].begin < FRAME:
                states[-1] = State(states[-1].begin, line)
            else:
                states.append(State(when, line))

    for when, text in pieces:
        for token in re.findall(r"\x1b\[K|\r|\n|[^\x1b\r\n]+|\x1b", text):
            if token == "\n":
                keep(when)
                lines.append([])
                line, column = "", 0
            elif token == "\r":
                column = 0
            elif token == "\x1b[K":
                line = line[:column]
            elif token != "\x1b":
                line = line[:column] + token + line[column + len(token):]
                column += len(token)
        if line:
            keep(when)
    if not lines[-1]:
        lines.pop()
    return lines


def draw_text(text: str, y: float, colour: str) -> str:
    """One line; the cells of a bar become rectangles, since fonts leave gaps between them."""
    parts = []
    # Words apart are drawn apart: not every renderer keeps several spaces.
    for match in re.finditer(r"█+|░+|[^\s█░]+(?: [^\s█░]+)*", text):
        x, width = MARGIN + match.start() * CELL, len(match[0]) * CELL
        if match[0][0] in "█░":
            fill = BAR if match[0][0] == "█" else EMPTY
            parts.append(f'<rect x="{x:.1f}" y="{y - 12:.1f}" width="{width:.1f}" height="14" fill="{fill}"/>')
        else:
            parts.append(f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" textLength="{width:.1f}">'
                         f'{html.escape(match[0])}</text>')
    return "".join(parts)


def draw(lines: list[list[State]], title: str) -> str:
    columns = max((len(s.text) for states in lines for s in states), default=1)
    width, height = 2 * MARGIN + columns * CELL, 2 * MARGIN + len(lines) * LINE - 4
    end = max((s.begin for states in lines for s in states), default=0.0)
    total = end + HOLD
    styles, body = [STYLE], []
    for row, states in enumerate(lines):
        y = MARGIN + row * LINE + 12
        colour = DIM if states and states[0].text.startswith("$ ") else TEXT
        for number, state in enumerate(states):
            drawn = draw_text(state.text, y, colour)
            last = number + 1 == len(states)
            if not drawn:
                continue
            if last and state.begin == 0:
                body.append(drawn)
                continue
            name = f"s{row}-{number}"
            begin, until = 100 * state.begin / total, 100 if last else 100 * states[number + 1].begin / total
            hide = "" if last else f"{until:.2f}%,to{{visibility:hidden}}"
            styles.append(f"@keyframes {name}{{from{{visibility:hidden}}{begin:.2f}%{{visibility:visible}}{hide}}}"
                          f"#{name}{{animation:{name} {total:.1f}s step-end infinite}}")
            still = "" if last else ' visibility="hidden"'
            body.append(f'<g id="{name}"{still}>{drawn}</g>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
            f'height="{height:.0f}">\n<title>{html.escape(title)}</title>\n<style>{"".join(styles)}</style>\n'
            f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>\n' + "\n".join(body) + "\n</svg>\n")


def main() -> int:
    parser = argparse.ArgumentParser(description="Draws what a command shows on a terminal.")
    parser.add_argument("-o", dest="output", required=True, metavar="FILE.svg")
    parser.add_argument("--columns", type=int, default=90)
    parser.add_argument("--say", help="the command as the picture shows it (default: as it is)")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    given = parser.parse_args()
    shown = given.say or " ".join(given.command)
    pieces, code = record(given.command, given.columns)
    if code != 0:
        print(f"terminal_picture: the command ended with {code}; draw one that succeeds.", file=sys.stderr)
        return 1
    lines = [[State(0, f"$ {shown}")], *play(pieces)]
    with open(given.output, "w", encoding="utf-8") as file:
        file.write(draw(lines, f"A terminal running {shown}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
