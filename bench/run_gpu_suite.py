#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures GPU tasks against the bare CUDA runtime: one process at a time, medians of the processes.

On a CUDA device where there is one; else on a simulated device, which shows that the suite works: no figure of it says
anything about a GPU, every line says SIMULATED, and no goal is judged. See bench/README.md.
"""
import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

from run_suite import ROOT, figure, machine, print_table, revision


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    values: dict  # counter -> what it is
    n: int
    quick: int
    passes: int = 3
    seconds: float | None = None


EACH = {"ns": "ns per task"}
LATENCY = {"median_us": "µs, median", "p90_us": "µs, 9 of 10", "p99_us": "µs, 99 of 100",
           "clock_error_us": "± µs, clocks", "library_clock_error_us": "± µs, clocks by sample_clocks",
           "clock_step_ns": "ns, step of the device's clock"}
MECHANISMS = ("frontier", "event_polling", "blocking_sync", "host_callback")
KERNELS = ("fill", "axpy", "transform", "transform_two", "is_divisible", "reduce_sum", "inclusive_scan", "histogram",
           "sobel")
ROWS = [
    Row("bare_launches", "launch loop without an executor, by the CUDA runtime on a GPU", EACH, 20_000, 200),
    Row("tasks", "independent tasks", EACH, 20_000, 200),
    Row("tasks_with_breadcrumbs", "independent tasks, breadcrumbs on", EACH, 20_000, 200),
    Row("chain", "chain of tasks on one stream", EACH, 20_000, 200),
    Row("chain_with_breadcrumbs", "chain of tasks, breadcrumbs on", EACH, 20_000, 200),
    *(Row(f"latency_{m}", f"kernel's end to future done, {m}", LATENCY, 500, 10, passes=1) for m in MECHANISMS),
    Row("edges", "edges between streams", {
        "device_ns_per_step": "ns a step on the device", "by_hand_ns_per_step": "ns a step by hand",
        "host_ns_per_edge": "ns of host an edge", "host_ns_per_task": "ns of host a task",
        "record_and_wait_ns": "ns for record + wait"}, 2_000, 10, passes=1),
    Row("marks", "calls of the device", {
        "write_word_ns": "ns, write_word", "record_event_ns": "ns, record", "query_event_ns": "ns, query of an event",
        "query_stream_ns": "ns, query of a stream", "memory_ns": "ns, memory", "is_pinned_ns": "ns, is_pinned"},
        10_000, 100, passes=1),
    Row("bandwidth", "memory on the device, read and written", {k: f"GB/s, {k}" for k in ("copy", *KERNELS)},
        1 << 27, 1 << 16, passes=1),
    Row("copies", "copies between host and device", {
        f"{way}_{how}": f"GB/s, {way.replace('_', ' ')}, {text}" for way in ("to_device", "to_host")
        for how, text in (("pinned", "pinned"), ("ring", "pageable through our ring"),
                          ("by_driver", "pageable by the driver"))}, 1 << 28, 1 << 20, passes=1),
    Row("matmul", "product of float matrices", {"matmul": "GFLOP/s", "cublas": "GFLOP/s, cuBLAS"}, 4096, 64, passes=1),
    Row("idle", "warm executor left alone", {"cpu_percent": "% of a core"}, 1, 1, passes=1, seconds=3),
]


def measured(options, row, context, failures):
    """Medians of the row's counters over the processes."""
    samples = []
    command = [str(options.programs / "bench_gpu"), "--row", row.name, "--device", options.device, "--workers",
               str(options.workers), "--n", str(row.quick if options.quick else row.n), "--passes", str(row.passes)]
    if row.seconds:
        command += ["--seconds", "0.05" if options.quick else str(row.seconds)]
    for _ in range(options.rounds):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=options.limit)
        except subprocess.TimeoutExpired:
            failures[row.name] = f"took more than {options.limit} s"
            break
        if done.returncode != 0:
            failures[row.name] = f"exit status {done.returncode}: {done.stderr.strip()[-300:]}"
            break
        report = json.loads(done.stdout)
        context.update({k: report["context"][k] for k in ("device", "simulated", "driver", "compiler")})
        samples.append(report["benchmarks"][0])
    return {k: {"median": statistics.median(s[k] for s in samples), "least": min(s[k] for s in samples),
                "most": max(s[k] for s in samples)}
            for k in row.values if samples and all(k in s for s in samples)}


def overlap(options, failures):
    """The demo's own report, or nothing."""
    if not options.fronta.exists():
        failures["overlap"] = f"there is no program {options.fronta}"
        return None
    environment = dict(os.environ, **({"CUDA_VISIBLE_DEVICES": ""} if options.device == "simulated" else {}))
    command = [str(options.fronta), "run", "overlap", "--json", *(["--chunks", "4", "--streams", "1,3"]
                                                                if options.quick else ["--streams", "1,2,3,4,6,8"])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    except subprocess.TimeoutExpired:
        failures["overlap"] = "took more than 120 s"
        return None
    if done.returncode != 0:
        failures["overlap"] = f"exit status {done.returncode}: {done.stderr.strip()[-300:]}"
        return None
    return json.loads(done.stdout)


class Suite:
    def __init__(self, options):
        self.options, self.began, self.context = options, time.monotonic(), {}
        self.rows, self.overlap, self.failures = {}, None, {}

    def measure(self, name):
        if name == "overlap":
            self.overlap = overlap(self.options, self.failures)
        else:
            row = next(r for r in ROWS if r.name == name)
            self.rows[name] = measured(self.options, row, self.context, self.failures)

    def report(self):
        options, context, shown = self.options, self.context, self.overlap
        # Simulated unless every part says that it was not.
        simulated = (context.get("simulated", "no" if shown else "yes") != "no"
                     or bool(shown and shown["simulated"]))
        return {
            "suite": "gpu", "simulated": simulated,
            "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(), "machine": machine(),
            "device": context.get("device") or (shown or {}).get("device", {}).get("model", "none"),
            "driver": context.get("driver", "unknown"), "compiler": context.get("compiler", "unknown"),
            "revision": os.environ.get("FRONTA_REVISION") or revision(), "rounds": options.rounds,
            "quick": options.quick, "workers": options.workers, "seconds": round(time.monotonic() - self.began),
            "goals": Goals(self.rows, shown, judged=not simulated and not options.quick).fill(), "rows": self.rows,
            "overlap": shown, "failures": self.failures,
        }

    def write(self):
        target = self.options.json or ROOT / "out" / "bench-gpu.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(self.report(), indent=1, ensure_ascii=False) + "\n")


class Goals:
    """Of the issue that asks for these figures; judged on a CUDA device alone."""

    def __init__(self, rows, shown, judged):
        self.rows, self.overlap, self.judged, self.lines = rows, shown, judged, []

    def value(self, row, counter):
        return self.rows.get(row, {}).get(counter, {}).get("median")

    def add(self, what, goal, measured, met, unit):
        """`measured` may be missing. `met`: a function of it."""
        self.lines.append({"what": what, "goal": goal, "unit": unit,
                           "measured": None if measured is None else round(measured, 4),
                           "met": met(measured) if self.judged and measured is not None else None})

    def share(self, what, row, goal=80):
        bare, ours = self.value("bare_launches", "ns"), self.value(row, "ns")
        share = None if bare is None or not ours else 100 * bare / ours
        met = (lambda x: x >= goal) if goal else (lambda x: None)
        self.add(what, f"at least {goal}" if goal else "reported", share, met, "%")

    def fill(self):
        self.share("throughput of tasks of a bare launch loop's", "tasks")
        self.share("the same in a chain", "chain")
        self.share("the same, breadcrumbs on", "tasks_with_breadcrumbs", None)
        self.share("the same in a chain, breadcrumbs on", "chain_with_breadcrumbs", None)
        latency = {m: self.value(f"latency_{m}", "median_us") for m in MECHANISMS}
        ours = latency["frontier"]
        self.add("completion latency, frontier", "at most 10", ours, lambda x: x <= 10, "µs")
        for m in MECHANISMS[1:]:
            self.add(f"completion latency, {m}", "more than the frontier's", latency[m],
                     lambda x: None if ours is None else x > ours, "µs")
        three = [r for r in (self.overlap or {}).get("result", []) if r["at_a_time"] == 3]
        best = max(three, key=lambda r: r["share_of_bound"], default=None)
        self.add("three at a time of (n-1) max + Σ" + (f", {best['streams']} streams" if best else ""), "at least 95",
                 best and 100 * best["share_of_bound"], lambda x: x >= 95, "%")
        copy = self.value("bandwidth", "copy")
        for k in KERNELS:
            mine = self.value("bandwidth", k)
            self.add(f"bandwidth of {k} of a copy's", "at least 90", 100 * mine / copy if mine and copy else None,
                     lambda x: x >= 90, "%")
        self.add("host time of an edge between streams", "at most 2000", self.value("edges", "host_ns_per_edge"),
                 lambda x: x <= 2000, "ns")
        ours, theirs = (self.value("edges", k) for k in ("device_ns_per_step", "by_hand_ns_per_step"))
        self.add("device time of edges, of events by hand", "at most 1.2", ours / theirs if ours and theirs else None,
                 lambda x: x <= 1.2, "times")
        self.add("CPU of an idle executor", "0", self.value("idle", "cpu_percent"), lambda x: x < 0.05, "%")
        return self.lines


def say(report, rows):
    about, simulated = report["machine"], report["simulated"]
    mark = "SIMULATED " if simulated else ""
    print(f"{about['cpu']}, {about['usable_cpus']} CPUs, {about['system']}; {report['device']}, driver "
          f"{report['driver']}; {report['compiler']}; {report['date']}, {report['revision']}; medians of "
          f"{report['rounds']} processes, {report['seconds']} s in all")
    if simulated:
        print("SIMULATED: no GPU was measured. These figures show that the suite works, and nothing else.")
    for row in rows:
        values = report["rows"].get(row.name)
        if not values:
            continue
        print(f"\n{mark}{row.title}")
        print_table(["", "median", "least", "most"],
                    [[row.values[k], figure(v["median"]), figure(v["least"]), figure(v["most"])]
                     for k, v in values.items()])
    shown = report["overlap"]
    if shown:
        print(f"\n{mark}three at a time: {', '.join(f'{k} {v}' for k, v in shown['stages'].items())}")
        print_table(["at a time", "streams", "ms", "of the bound, %"],
                    [[str(r["at_a_time"]), str(r["streams"]), f"{r['seconds'] * 1e3:.1f}",
                      f"{100 * r['share_of_bound']:.0f}"] for r in shown["result"]])
    print("\nGoals" + (": not judged, SIMULATED" if simulated else ": not judged, --quick" if report["quick"] else ""))
    word = {True: "met", False: "MISSED", None: ""}
    print_table(["", "goal", "SIMULATED" if simulated else "measured", "unit", ""],
                [[g["what"], g["goal"], "no figure" if g["measured"] is None else figure(g["measured"]), g["unit"],
                  word[g["met"]]] for g in report["goals"]])


def main():
    parser = argparse.ArgumentParser(prog="./run bench gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="", help="comma-separated; all without it")
    parser.add_argument("--rounds", type=int, default=3, help="processes per line (default 3)")
    parser.add_argument("--workers", type=int, default=0, help="of the CPU pool (default 4, or as many as there are)")
    parser.add_argument("--device", choices=["auto", "simulated"], default="auto")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it works, measures nothing")
    parser.add_argument("--limit", type=int, default=60, help="seconds for a process (default 60)")
    parser.add_argument("--json", type=pathlib.Path, default=None, help="default out/bench-gpu.json")
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build/bench/bin", help=argparse.SUPPRESS)
    parser.add_argument("--fronta", type=pathlib.Path, default=ROOT / "build/release/bin/fronta", help=argparse.SUPPRESS)
    options = parser.parse_args()
    known = [row.name for row in ROWS] + ["overlap"]
    chosen = [name for name in options.rows.split(",") if name] or known
    for name in chosen:
        if name not in known:
            parser.error(f"there is no row '{name}'; choose from {', '.join(known)}")
    if options.rounds < 1:
        parser.error("--rounds starts at 1")
    options.workers = options.workers or min(4, len(os.sched_getaffinity(0)))

    # Whoever ends the suite early gets what was measured until then.
    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    suite = Suite(options)
    try:
        for number, name in enumerate(chosen, 1):
            print(f"[{number}/{len(chosen)}] {name}", file=sys.stderr, flush=True)
            suite.measure(name)
            suite.write()
    except KeyboardInterrupt:
        suite.failures["the suite"] = "was ended before all rows were measured"
    suite.write()
    say(suite.report(), ROWS)
    for name, why in suite.failures.items():
        print(f"FAILED: {name}: {why}", file=sys.stderr)
    return 1 if [name for name in suite.failures if name != "overlap" or options.fronta.exists()] else 0


if __name__ == "__main__":
    sys.exit(main())
