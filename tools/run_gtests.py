#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of a gtest program for a device: as many as possible in one process, since opening a device is slow.

A test that fails, hangs or ends the process does not take the next ones with it: those go on in a new process. Tests
whose names begin with `CudaAlone` break their device and get a process each.

Exit status: 0 when tests passed and none failed, 1 when one failed, 77 when all were skipped (ctest's way to say so).
"""
import argparse
import dataclasses
import json
import pathlib
import re
import shlex
import subprocess
import sys
import threading
import time

ALONE = "CudaAlone"
LINE = re.compile(r"^\[ *(RUN|OK|FAILED|SKIPPED) *\] ([\w/.]+\.[\w/]+)(?:,| \((\d+) ms\)|$)")
MOST_RESTARTS = 20  # when everything fails, failing in one process is quicker


@dataclasses.dataclass
class Result:
    name: str
    outcome: str  # passed, failed, skipped
    seconds: float = 0
    text: str = ""  # what the test printed


def listed(program, chosen):
    out = subprocess.run([*program, "--gtest_list_tests", f"--gtest_filter={chosen}"], check=True, timeout=60,
                         capture_output=True, text=True).stdout
    names, suite = [], ""
    for line in out.splitlines():
        text = line.split("#")[0].rstrip()
        if re.match(r"^[\w/]+\.$", text):
            suite = text
        elif suite and text.startswith("  "):
            names.append(suite + text.strip())
    return [n for n in names if "DISABLED_" not in n]


def run_process(command, names, limit, restart):
    """Results of the tests that one process came to, in order."""
    process = subprocess.Popen([*command, "--gtest_color=no", "--gtest_filter=" + ":".join(names)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    results, current, began, text, overtime = [], None, time.monotonic(), [], threading.Event()

    def expired():
        overtime.set()
        process.kill()

    def watch():
        timer = threading.Timer(limit, expired)
        timer.daemon = True
        timer.start()
        return timer

    timer = watch()
    for line in process.stdout:
        match = LINE.match(line)
        if not match:
            text.append(line)
            continue
        what, name = match.group(1), match.group(2)
        if what == "RUN":
            timer.cancel()
            current, began, text, timer = name, time.monotonic(), [], watch()
        elif name == current:
            outcome = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[what]
            results.append(Result(name, outcome, time.monotonic() - began, "".join(text)))
            current, text = None, []
            timer.cancel()
            timer = watch()  # for what is left: the process may hang while it ends
            if outcome == "failed" and restart:
                process.kill()
                process.wait()
                timer.cancel()
                return results
    code = process.wait()
    timer.cancel()
    why = f"took more than {limit:g} s" if overtime.is_set() else f"the process ended with {code}"
    if current is not None:
        results.append(Result(current, "failed", time.monotonic() - began, "".join(text) + why + "\n"))
    elif code != 0 and not any(r.outcome == "failed" for r in results):
        # All of them passed, and still something is wrong: it hung at its end, or a sanitizer found something.
        last = results[-1].name if results else names[0]
        results.append(Result(last + " (the end of its process)", "failed", 0, "".join(text) + why + "\n"))
        results += [Result(n, "failed", 0, why + "\n") for n in names if not any(r.name == n for r in results)]
    return results


def run(command, names, limit):
    results = []
    together = [n for n in names if not n.startswith(ALONE)]
    restarts = 0
    while together:
        done = run_process(command, together, limit, restarts < MOST_RESTARTS)
        results += done
        restarts += 1
        seen = {r.name for r in done}
        if not seen.intersection(together):
            break
        together = [n for n in together if n not in seen]
    results += [Result(n, "failed", 0, "was never started\n") for n in together]
    alone = [n for n in names if n.startswith(ALONE)]
    if results and all(r.outcome == "skipped" for r in results):
        # No device, so none for these either.
        return results + [Result(n, "skipped", 0, results[0].text) for n in alone]
    for name in alone:
        results += run_process(command, [name], limit, False)
    return results


def reason(result):
    lines = [l.strip() for l in result.text.splitlines() if l.strip() and not l.startswith("[")]
    return next((l for l in lines if not re.match(r"^\S+:\d+: Skipped$", l)), "no reason given")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--filter", default="*", help="as --gtest_filter")
    parser.add_argument("--limit", type=float, default=60, help="seconds for each test (default 60)")
    parser.add_argument("--under", default="", help="a program to run it under, with its options")
    parser.add_argument("--json", type=pathlib.Path, help="where to write the results")
    options = parser.parse_args()
    names = listed([str(options.program.resolve())], options.filter)
    if not names:
        print(f"{options.program.name} has no tests {options.filter}")
        return 1
    began = time.monotonic()
    results = run([*shlex.split(options.under), str(options.program.resolve())], names, options.limit)
    of = {o: [r for r in results if r.outcome == o] for o in ("passed", "failed", "skipped")}
    for r in of["failed"]:
        print(f"FAILED {r.name}\n{r.text}", end="" if r.text.endswith("\n") else "\n")
    for text in sorted({reason(r) for r in of["skipped"]}):
        print(f"skipped {sum(reason(r) == text for r in of['skipped'])}: {text}")
    print(f"{options.program.name}: {len(of['passed'])} passed, {len(of['failed'])} failed, {len(of['skipped'])} skipped"
          f" in {time.monotonic() - began:.1f} s")
    if options.json:
        options.json.write_text(json.dumps([dataclasses.asdict(r) for r in results], indent=1) + "\n")
    return 1 if of["failed"] else 0 if of["passed"] else 77


if __name__ == "__main__":
    sys.exit(main())
