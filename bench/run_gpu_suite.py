#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures GPU tasks against the bare CUDA runtime: one process at a time, medians of the processes.

On a CUDA device where there is one; else on a simulated device, which shows that the suite works: no figure of it says
anything about a GPU, every line says SIMULATED, and no goal is judged. See bench/README.md.
"""
import dataclasses
import json
import os
import sys

from suite import (Failure, Missing, ValueGoals, ValueSuite, chosen_rows, middle, output_of, parser,
                   print_circumstances, print_table, print_value_goals, print_values, report_of, start)


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


def overlap(options):
    """The demo's own report."""
    if not options.fronta.exists():
        raise Missing(f"there is no program {options.fronta}")
    environment = dict(os.environ, **({"CUDA_VISIBLE_DEVICES": ""} if options.device == "simulated" else {}))
    command = [options.fronta, "run", "overlap", "--json", *(["--chunks", "4", "--streams", "1,3"]
                                                           if options.quick else ["--streams", "1,2,3,4,6,8"])]
    return json.loads(output_of(start(command, env=environment), limit=120))


class Suite(ValueSuite):
    def __init__(self, options):
        super().__init__("gpu", options)
        self.overlap = None

    def measure(self, name):
        options = self.options
        if name == "overlap":
            self.overlap = overlap(options)
            return {}
        row = next(r for r in ROWS if r.name == name)
        command = [options.programs / "bench_gpu", "--row", row.name, "--device", options.device, "--workers",
                   options.workers, "--n", row.quick if options.quick else row.n, "--passes", row.passes]
        if row.seconds:
            command += ["--seconds", 0.05 if options.quick else row.seconds]
        samples = []
        try:
            for _ in range(options.rounds):
                report = report_of(start(command), options.limit)
                self.context.update({k: report["context"][k] for k in ("device", "simulated", "driver", "compiler")})
                samples.append(report["benchmarks"][0])
        except Failure as why:
            self.failures[name] = str(why)  # beside what the processes before it have measured
        return {k: middle([s[k] for s in samples]) for k in row.values if samples and all(k in s for s in samples)}

    def report(self):
        context, shown = self.context, self.overlap
        # Simulated unless every part says that it was not.
        simulated = (context.get("simulated", "no" if shown else "yes") != "no"
                     or bool(shown and shown["simulated"]))
        return super().report() | {
            "simulated": simulated,
            "device": context.get("device") or (shown or {}).get("device", {}).get("model", "none"),
            "driver": context.get("driver", "unknown"), "compiler": context.get("compiler", "unknown"),
            "workers": self.options.workers,
            "goals": Goals(self.rows, shown, judged=not simulated and not self.options.quick).fill(), "overlap": shown,
        }


class Goals(ValueGoals):
    """Of the issue that asks for these figures; judged on a CUDA device alone."""

    def __init__(self, rows, shown, judged):
        super().__init__(rows, judged)
        self.overlap = shown

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


def say(report):
    simulated = report["simulated"]
    mark = "SIMULATED " if simulated else ""
    print_circumstances(report, f"{report['device']}, driver {report['driver']}", report["compiler"])
    if simulated:
        print("SIMULATED: no GPU was measured. These figures show that the suite works, and nothing else.")
    print_values(ROWS, report["rows"], mark)
    shown = report["overlap"]
    if shown:
        print(f"\n{mark}three at a time: {', '.join(f'{k} {v}' for k, v in shown['stages'].items())}")
        print_table(["at a time", "streams", "ms", "of the bound, %"],
                    [[str(r["at_a_time"]), str(r["streams"]), f"{r['seconds'] * 1e3:.1f}",
                      f"{100 * r['share_of_bound']:.0f}"] for r in shown["result"]])
    print_value_goals(report["goals"], "SIMULATED" if simulated else "measured",
                      unjudged="SIMULATED" if simulated else "--quick" if report["quick"] else "")


def main():
    of = parser("./run bench gpu", __doc__, rounds=3)
    of.add_argument("--workers", type=int, default=0, help="of the CPU pool (default 4, or as many as there are)")
    of.add_argument("--device", choices=["auto", "simulated"], default="auto")
    of.add_argument("--limit", type=int, default=60, help="seconds for a process (default 60)")
    options = of.parse_args()
    chosen = chosen_rows(of, options, [row.name for row in ROWS] + ["overlap"])
    options.workers = options.workers or min(4, len(os.sched_getaffinity(0)))
    suite = Suite(options)
    suite.run(chosen)
    say(suite.report())
    return suite.print_failures()


if __name__ == "__main__":
    sys.exit(main())
