# SPDX-License-Identifier: Apache-2.0
"""What the suites share: processes and what they report, tables, goals, and what a report says of machine and day."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Failure(Exception):
    """Says in words that follow "FAILED: the row: " why there is no figure."""


class Missing(Failure):
    """Nothing is wrong: this machine lacks what the row needs."""


# --- processes ------------------------------------------------------------------------------------------------------


def start(command, **how):
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            **how)


def output_of(process, limit=60):
    """What it printed. Throws Failure."""
    try:
        out, err = process.communicate(timeout=limit)
    except BaseException as error:
        process.kill()
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise Failure(f"took more than {limit} s") from None
        raise
    if process.returncode != 0:
        raise Failure(f"exit status {process.returncode}: {err.strip()[-300:]}")
    return out


def report_of(process, limit=60):
    """What a program of Google Benchmark's reports. Throws Failure."""
    report = json.loads(output_of(process, limit))
    for each in report["benchmarks"]:
        if each.get("error_occurred"):
            raise Failure(f"{each['name']}: {each['error_message']}")
    return report


def middle(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


# --- what a report says besides ---------------------------------------------------------------------------------------


def machine():
    """The kind of machine; nothing that names this one."""
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"cpu": model, "cpus": os.cpu_count(), "usable_cpus": len(os.sched_getaffinity(0)),
            "system": f"{platform.system()} {platform.release().split('-')[0]}", "architecture": platform.machine()}


def revision():
    """Where there is no repository, whoever carried the programs there says it."""
    if given := os.environ.get("FRONTA_REVISION"):
        return given
    asked = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return asked.stdout.strip() or "unknown"


class Circumstances:
    """Of a run of a suite: begin it before the first measurement."""

    def __init__(self, suite, options):
        self.suite, self.options = suite, options
        self.began, self.load = time.monotonic(), os.getloadavg()[0]
        if self.load > 0.5 and not options.quick:
            print(f"This machine is busy (load {self.load:.1f}): the figures will scatter.", file=sys.stderr)

    def report(self):
        return {"suite": self.suite, "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
                "machine": machine(), "revision": revision(), "rounds": self.options.rounds,
                "quick": self.options.quick, "load_at_start": round(self.load, 2),
                "seconds": round(time.monotonic() - self.began)}


def write_report(report, suite, options):
    target = options.json or ROOT / "out" / f"bench-{suite}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def print_circumstances(report, *parts):
    about = report["machine"]
    print("; ".join([f"{about['cpu']}, {about['usable_cpus']} CPUs, {about['system']}", *parts,
                     f"{report['date']}, {report['revision']}",
                     f"medians of {report['rounds']} processes, {report['seconds']} s in all"]))


# --- tables -----------------------------------------------------------------------------------------------------------


def figure(value):
    if value is None:
        return ""
    if value == 0 or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def print_table(header, lines):
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
    for line in [header, ["-" * w for w in widths], *lines]:
        left = f"{line[0]:<{widths[0]}}"
        print("  ".join([left, *(f"{text:>{w}}" for text, w in zip(line[1:], widths[1:]))]).rstrip())


# --- suites whose rows are several values each ------------------------------------------------------------------------


class ValueGoals:
    """What the project wants, beside what was measured; not judged where that means nothing."""

    def __init__(self, rows, judged):
        self.rows, self.judged, self.lines = rows, judged, []

    def value(self, row, name):
        return self.rows.get(row, {}).get(name, {}).get("median")

    def add(self, what, goal, measured, met, unit):
        """`measured` may be missing. `met`: a function of it."""
        self.lines.append({"what": what, "goal": goal, "unit": unit,
                           "measured": None if measured is None else round(measured, 4),
                           "met": met(measured) if self.judged and measured is not None else None})

    def at_most(self, what, limit, measured, unit):
        self.add(what, f"at most {limit:g}", measured, lambda x: x <= limit, unit)


class ValueSuite:
    """Runs its rows one by one; after each it writes what is known by then."""

    def __init__(self, name, options):
        self.name, self.options, self.circumstances = name, options, Circumstances(name, options)
        self.context, self.rows, self.failures, self.missing = {}, {}, {}, {}

    def measure(self, name):
        """The values of a row: name to `middle` of what was measured. Throws Failure."""
        raise NotImplementedError

    def report(self):
        return self.circumstances.report() | {"rows": self.rows, "failures": self.failures, "missing": self.missing}

    def run(self, chosen):
        # Whoever ends the suite early gets what was measured until then.
        def stop(*_):
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, stop)
        try:
            for number, name in enumerate(chosen, 1):
                print(f"[{number}/{len(chosen)}] {name}", file=sys.stderr, flush=True)
                try:
                    if values := self.measure(name):
                        self.rows[name] = values
                except Missing as why:
                    self.missing[name] = str(why)
                except Failure as why:
                    self.failures[name] = str(why)
                write_report(self.report(), self.name, self.options)
        except KeyboardInterrupt:
            self.failures["the suite"] = "was ended before all rows were measured"
            write_report(self.report(), self.name, self.options)

    def print_failures(self):
        """The exit status."""
        for what, words in (("MISSING", self.missing), ("FAILED", self.failures)):
            for name, why in words.items():
                print(f"{what}: {name}: {why}", file=sys.stderr)
        return 1 if self.failures else 0


def print_values(rows, measured, mark=""):
    """Rows have `name`, `title` and `values`: name to what it is."""
    for row in rows:
        values = measured.get(row.name)
        if not values:
            continue
        print(f"\n{mark}{row.title}")
        print_table(["", "median", "least", "most"],
                    [[row.values[k], figure(v["median"]), figure(v["least"]), figure(v["most"])]
                     for k, v in values.items()])


def print_value_goals(lines, column="measured", unjudged=""):
    if not lines:
        return
    print("\nGoals" + (f": not judged, {unjudged}" if unjudged else ""))
    word = {True: "met", False: "MISSED", None: ""}
    print_table(["", "goal", column, "unit", ""],
                [[g["what"], g["goal"], "no figure" if g["measured"] is None else figure(g["measured"]), g["unit"],
                  word[g["met"]]] for g in lines])


# --- command lines ----------------------------------------------------------------------------------------------------


def parser(prog, about, rounds):
    """With the options of every suite."""
    result = argparse.ArgumentParser(prog=prog, description=about.splitlines()[0])
    result.add_argument("--rows", default="", help="comma-separated; all without it")
    result.add_argument("--rounds", type=int, default=rounds, help=f"processes per line (default {rounds})")
    result.add_argument("--quick", action="store_true", help="tiny sizes: shows that it works, measures nothing")
    result.add_argument("--json", type=pathlib.Path, default=None, help="default out/bench-SUITE.json")
    result.add_argument("--programs", type=pathlib.Path, default=ROOT / "build/bench/bin", help=argparse.SUPPRESS)
    result.add_argument("--fronta", type=pathlib.Path, default=ROOT / "build/release/bin/fronta", help=argparse.SUPPRESS)
    return result


def chosen_rows(of, options, known):
    """Ends the program where an option makes no sense."""
    if options.rounds < 1:
        of.error("--rounds starts at 1")
    chosen = [name for name in options.rows.split(",") if name] or known
    for name in chosen:
        if name not in known:
            of.error(f"there is no row '{name}'; choose from {', '.join(known)}")
    return chosen
