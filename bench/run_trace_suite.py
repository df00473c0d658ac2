#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures traces and the visualizer: what recording costs a run, being watched too, and what the model and its pictures take.

One process at a time, medians of the processes. See bench/README.md for what the rows measure.
"""
import contextlib
import dataclasses
import os
import pathlib
import select
import shutil
import sys
import tempfile
import time

from suite import (ROOT, Failure, Missing, ValueGoals, ValueSuite, chosen_rows, middle, output_of, parser,
                   print_circumstances, print_value_goals, print_values, report_of, start)

sys.path.append(str(ROOT / "tests/viz"))
from with_display import virtual_display  # noqa: E402


def grouped(number):
    return f"{number:,}".replace(",", " ")


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    program: str
    forms: tuple  # names of benchmarks: a process each, which take turns
    values: dict  # "benchmark.counter" -> what it is
    seconds: float = 0.5  # of each benchmark
    limit: int = 60


# What one takes of which a program does so many a second; "percent" is of a core, for a million a second.
UNITS = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9, "percent": 1e6 * 100}
PRESETS = {
    "stage": "stage", "timeline": "timeline", "timeline_near": "timeline, a thousandth of the time",
    "completion": "completion", "graph": "graph", "statistics": "statistics", "inspector": "inspector",
    "plots": "plots", "progress": "progress"}
TRACES = {"little": 1_000, "million": 1_000_000}
ROWS = [
    Row("event", "an event, for the thread that tells it", "bench_trace", ("off", "on", "counter"), {
        "off.ns": "ns, not recorded", "on.ns": "ns, recorded",
        "counter.ns": "ns, of which the processor's counter alone"}),
    Row("drain", "moving what was told into the file", "bench_trace", ("drain",), {
        "drain.ns": "ns of processor time an event", "drain.percent": "% of a core at 1 M events/s"}),
    Row("tasks", "tasks of 10 µs on one worker", "bench_live", (
        "tasks_of_10_us/off", "tasks_of_10_us/recorded", "tasks_of_10_us/watched"), {
        "tasks_of_10_us/off.us": "µs a task, not recorded",
        "tasks_of_10_us/recorded.us": "µs a task, recorded",
        "tasks_of_10_us/watched.us": "µs a task, recorded and watched by another process",
        "tasks_of_10_us/watched.viewer_percent": "% of a core, that process, pixels apart"}, seconds=2),
    Row("reading", "reading of a recording that goes on", "bench_live", ("follow", "idle_recording"), {
        "follow.ns": "ns an event, by a follower",
        "idle_recording.ns": "ns a look of the recording where nothing was told"}),
    Row("model", "the model of 1 M tasks", "bench_viz", ("construct",), {
        "construct.s": "s to make it", "construct.events_a_task": "events a task",
        "construct.bytes_beyond_own_events": "bytes a task beside its own 32 an event",
        "construct.bytes_beyond_the_files": "bytes a task beside the file's 40 an event"}, limit=120),
    Row("moment", "what a picture of a moment asks that model", "bench_viz", ("ask",), {
        "ask/counts_at.ms": "ms, counts of states", "ask/length_at.ms": "ms, lengths of all queues",
        "ask/queued_at.ms": "ms, 12 tasks of each queue", "ask/open_at.ms": "ms, what is open in each lane",
        "ask/all.ms": "ms, all of that"}),
    Row("scene", "a picture of that model at 1920x1080, but for its pixels", "bench_viz", ("scene",), {
        f"scene/{preset}.{counter}": text
        for preset, title in PRESETS.items()
        for counter, text in (("ms", f"ms, {title}"), ("first_ms", f"ms, the first one, {title}"))
        if (preset, counter) != ("timeline_near", "first_ms")}, limit=120),
    Row("first_frame", "fronta stage FILE, 1280x720, from the program's start", "bench_record", (), {
        f"{trace}.{counter}": f"s {text}, {grouped(tasks)} tasks"
        for trace, tasks in TRACES.items()
        for counter, text in (("first_frame", "to the first frame"),
                              ("seen", "until the trace was seen and the window is closed again"))}, limit=120),
]


def plain(name):
    """Without what Google Benchmark adds: a benchmark's options."""
    return "/".join(part for part in name.split("/") if ":" not in part and part not in ("real_time", "process_time"))


@contextlib.contextmanager
def some_display():
    """Its DISPLAY, and what to call it."""
    if shutil.which("Xvfb"):
        with virtual_display() as display:
            yield display, "software GL (Mesa on Xvfb)"
    elif os.environ.get("DISPLAY"):
        yield os.environ["DISPLAY"], "GL of the machine's display"
    else:
        raise Missing("there is neither Xvfb nor a display")


def open_window(fronta, trace, display, limit):
    """Seconds to the first frame, and until the trace was seen and the window is closed again."""
    environment = dict(os.environ, DISPLAY=display)
    environment.pop("WAYLAND_DISPLAY", None)
    told, tell = os.pipe()
    began = time.monotonic()
    # It tells of its first frame, and closes once all of a recording that has ended was drawn.
    process = start([fronta, "stage", trace, "--tell", tell, "--exit-after-run"], pass_fds=[tell], env=environment)
    os.close(tell)
    with os.fdopen(told) as lines:
        line = lines.readline() if select.select([lines], [], [], limit)[0] else None
    first = time.monotonic() - began
    if line is None:
        process.kill()
        process.communicate()
        raise Failure(f"showed nothing in {limit} s")
    if line.strip():
        process.communicate()
        raise Missing(f"there is no window: {line.strip()}")
    output_of(process, limit)
    closed = time.monotonic() - began
    if not line:
        raise Failure("it ended without a first frame")
    return {"first_frame": first, "seen": closed}


class Suite(ValueSuite):
    def __init__(self, options):
        super().__init__("trace", options)
        self.gl, self.traces = None, {}

    def measure(self, name):
        row = next(r for r in ROWS if r.name == name)
        samples = {}
        for turn in range(self.options.rounds):
            first = turn % max(len(row.forms), 1)
            for form in row.forms[first:] + row.forms[:first]:  # none always runs after the same neighbour
                self.add(row, form, samples)
        if name == "first_frame":
            samples = self.windows(row)
        return {k: middle(samples[k]) for k in row.values if k in samples}

    def add(self, row, form, samples):
        command = [self.options.programs / row.program, f"--benchmark_filter=^{form}(/|$)", "--benchmark_format=json",
                   f"--benchmark_min_time={0.01 if self.options.quick else row.seconds}"]
        if self.options.quick:
            command += ["--tasks", 2_000]
        report = report_of(start(command), row.limit)
        self.context["compiler"] = report["context"]["compiler"]
        for each in report["benchmarks"]:
            if rate := each.get("per_second"):
                each |= {unit: of_a_second / rate for unit, of_a_second in UNITS.items()}
            for counter, value in each.items():
                samples.setdefault(f"{plain(each['name'])}.{counter}", []).append(value)

    def windows(self, row):
        options = self.options
        if not options.fronta.exists():
            raise Missing(f"there is no program {options.fronta}")
        if not options.fronta.with_name("fronta-stage").exists():
            raise Missing(f"{options.fronta} was built without its window")
        samples = {}
        with some_display() as (display, self.gl), tempfile.TemporaryDirectory() as folder:
            traces = {}
            for trace, tasks in TRACES.items():
                traces[trace] = pathlib.Path(folder) / f"{trace}.trace"
                tasks = min(tasks, 2_000) if options.quick else tasks
                events = output_of(start([options.programs / row.program, traces[trace], tasks]), row.limit)
                self.traces[trace] = {"tasks": tasks, "events": int(events), "bytes": traces[trace].stat().st_size}
            for _ in range(options.rounds):
                for trace, file in traces.items():
                    for counter, seconds in open_window(options.fronta, file, display, row.limit).items():
                        samples.setdefault(f"{trace}.{counter}", []).append(seconds)
        return samples

    def report(self):
        return super().report() | {"compiler": self.context.get("compiler", "unknown"), "gl": self.gl,
                                   "traces": self.traces,
                                   "goals": Goals(self.rows, self.gl, judged=not self.options.quick).fill()}


class Goals(ValueGoals):
    """Of the issue that asks for trace and visualizer."""

    def __init__(self, rows, gl, judged):
        super().__init__(rows, judged)
        self.gl = gl

    def slower(self, form, than):
        a, b = (self.value("tasks", f"tasks_of_10_us/{of}.us") for of in (form, than))
        return 100 * (a / b - 1) if a is not None and b else None

    def fill(self):
        if "event" in self.rows:
            self.at_most("an event, recorded", 12, self.value("event", "on.ns"), "ns")
        if "tasks" in self.rows:
            self.at_most("tasks of 10 µs slower, recorded", 5, self.slower("recorded", "off"), "%")
            self.at_most("the same of what is recorded, watched", 3, self.slower("watched", "recorded"), "%")
        if "model" in self.rows:
            self.at_most("model of 1 M tasks", 4, self.value("model", "construct.s"), "s")
            self.at_most("the same, a task beside its events", 64,
                         self.value("model", "construct.bytes_beyond_own_events"), "bytes")
        for preset, title in PRESETS.items() if "scene" in self.rows else ():
            self.at_most(f"picture of a moment of 1 M tasks, {title}", 2, self.value("scene", f"scene/{preset}.ms"), "ms")
        for trace, tasks in TRACES.items() if "first_frame" in self.rows else ():
            self.at_most(f"first frame, {grouped(tasks)} tasks, {self.gl}", 2,
                         self.value("first_frame", f"{trace}.first_frame"), "s")
        return self.lines


def main():
    of = parser("./run bench trace", __doc__, rounds=5)
    options = of.parse_args()
    chosen = chosen_rows(of, options, [row.name for row in ROWS])
    suite = Suite(options)
    suite.run(chosen)
    report = suite.report()
    print_circumstances(report, report["compiler"])
    print_values([dataclasses.replace(r, title=f"{r.title}, {suite.gl}") if r.name == "first_frame" else r
                  for r in ROWS], report["rows"])
    print_value_goals(report["goals"], unjudged="--quick" if options.quick else "")
    return suite.print_failures()


if __name__ == "__main__":
    sys.exit(main())
