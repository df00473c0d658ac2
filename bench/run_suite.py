#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a suite of benchmarks: one process at a time, the families of pools turn by turn, medians of the processes.

Prints tables and writes JSON. See bench/README.md for what the rows measure and how to read them.
"""
import dataclasses
import os
import statistics
import sys

from suite import (Circumstances, Failure, chosen_rows, figure, parser, print_circumstances, print_table, report_of,
                   start, write_report)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of a row: what one family does for it."""

    family: str
    row: str
    label: str
    n: int | None = None  # instead of the row's
    needs_worker: bool = False  # hangs when the calling thread is the only worker


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    entries: tuple
    n: int = 200_000
    passes: int = 3
    options: tuple = ()
    value: str = "ns"
    also: str | None = "first_ns"  # a second value, shown beside the first
    unit: str = "ns"
    everywhere: bool = True  # in every configuration, not only with 2 workers
    together: bool = False  # the processes of one round sleep: they may run at the same time


def fronta(row="", label="Fronta", **more):
    return Entry("fronta", row, label, **more)


def tbb(row, label, **more):
    return Entry("tbb", row, "oneTBB " + label, **more)


def asio(row):
    return Entry("asio", row, "Asio")


def parked(name, gap_us, n):
    return Row(name, f"round trip after {gap_us / 1000:g} ms in which all threads sleep", (
        Entry("bare", "parked", "two futexes"),
        fronta("parked"),
        tbb("parked", "task_group::run + future::get", needs_worker=True),
        asio("parked"),
    ), n=n, passes=1, options=("--gap-us", str(gap_us)), also=None)


def allocations(name, title, *entries):
    return Row("allocations_" + name, "calls of operator new per " + title, entries, n=50_000,
               options=("--count", "1"), value="allocations_first", also="allocations", unit="first, then recycled",
               everywhere=False)


def burn(rate):
    entries = [
        Entry("bare", "burn", "the generator alone"),
        fronta("burn"),
        tbb("burn", "task_arena::enqueue"),
    ]
    if rate == 1000:
        entries += [tbb("burn_group", "task_group::run"), asio("burn")]
    return Row(f"burn_{rate}", f"CPU time at {rate} tasks per second, generator included", tuple(entries), passes=1,
               options=("--rate", str(rate), "--seconds", "1.5"), value="cpu_percent", also=None, unit="% of a core",
               everywhere=False)


EXECUTOR = [
    Row("fan_out", "futures fan-out, per task", (
        fronta("fan_out"),
        tbb("fan_out", "task_group::run + make_shared<promise> + wait()"),
        tbb("fan_out_vector", "the same with a vector of promises"),
        tbb("fan_out_get", "the same without wait()", needs_worker=True),
        asio("fan_out"),
        Entry("openmp", "fan_out", "OpenMP tasks, no futures"),
        Entry("async", "fan_out", "std::async", n=2000),
    )),
    Row("post", "post fan-out, per task", (
        fronta("post"),
        tbb("post", "task_arena::enqueue"),
        tbb("post_group", "task_group::run + wait()"),
        asio("post"),
    )),
    Row("ping_pong", "round trip, warm", (
        Entry("bare", "cache_line", "a cache line to and fro", n=50_000, needs_worker=True),
        fronta("ping_pong"),
        tbb("ping_pong", "task_group::run + future::get", n=1000, needs_worker=True),
        tbb("ping_pong_help", "task_group::run + wait(), the caller helping"),
        asio("ping_pong"),
        Entry("async", "ping_pong", "std::async", n=500),
    ), n=10_000),
    parked("parked_500us", 500, 300),
    parked("parked_5ms", 5000, 100),
    Row("fib", "nested fork-join, fib(27), per call of fib", (
        fronta("fib_every_newest", "Fronta, a future for every call, the newest joined first"),
        fronta("fib_every", "Fronta, a future for every call, the oldest joined first"),
        tbb("fib_every_promise", "task_group + promise, for every call"),
        tbb("fib_every", "task_group alone, for every call"),
        fronta("fib", "Fronta, one branch of two"),
        tbb("fib_promise", "task_group + promise, one branch of two"),
        tbb("fib", "task_group alone, one branch of two"),
        Entry("openmp", "fib", "OpenMP tasks, one branch of two"),
    )),
    Row("chain", "dependent chain, per link", (
        fronta("chain"),
        fronta("chain_gated", "Fronta, submitted whole before it starts"),
        tbb("chain", "flow graph of continue_node"),
    )),
    Row("map", "map over 1 M items, chunk_size 1, per item", (
        fronta("map"),
        tbb("map", "parallel_for, grain 1, no futures"),
        Entry("openmp", "map", "OpenMP taskloop, grain 1, no futures"),
    ), n=1_000_000, passes=2),
    Row("map_100", "map over 1 M items, chunk_size 100, per item", (
        fronta("map_100"),
        tbb("map_100", "parallel_for, grain 100, no futures"),
    ), n=1_000_000),
    Row("graph", "layered graph, 10 000 nodes of 3 inputs, per node", (
        fronta("graph"),
        tbb("graph", "flow graph, built and run"),
        tbb("graph_reused", "flow graph, run again"),
        Entry("openmp", "graph", "OpenMP tasks with depend"),
    ), n=10_000, passes=10),
    Row("tagged", 'tasks that need {"gpu", 1} of 1: one at a time, per task', (
        fronta("tagged"),
        tbb("tagged", "serial function_node, no futures"),
        Entry("asio", "tagged", "Asio strand"),
    ), n=50_000),
    Row("gpu_simulated", "GPU tasks on a simulated device that takes no time: scheduling alone, no figure of a GPU", (
        fronta("gpu_tasks", "Fronta, independent tasks"),
        fronta("gpu_chain", "Fronta, a chain"),
        fronta("gpu_chain_needs", 'Fronta, a chain of {"gpu", 1}'),
    ), n=20_000),
    allocations("fan_out", "submitted task", fronta("fan_out"), tbb("fan_out", "(its own allocator is not seen)"),
                asio("fan_out")),
    allocations("post", "posted task", fronta("post"), asio("post")),
    allocations("chain", "link with a future argument", fronta("chain_gated")),
    allocations("map", "item of a map", fronta("map")),
    allocations("map_100", "item of a map with chunk_size 100", fronta("map_100")),
    allocations("tagged", "tagged task", fronta("tagged")),
    Row("pending", "resident bytes per pending task with a future", (
        fronta("pending"),
        tbb("pending", "task_group::run + make_shared<promise>"),
        asio("pending"),
    ), passes=1, value="bytes", also="heap_bytes", unit="bytes, and those of operator new", everywhere=False),
    burn(100),
    burn(1000),
    burn(10_000),
    Row("idle", "CPU time of a warm pool that is left alone for 5 s", (
        fronta("idle"),
        tbb("idle", "task_group"),
    ), passes=1, options=("--seconds", "5"), value="cpu_percent", also=None, unit="% of a core", everywhere=False,
        together=True),
]

SUITES = {"executor": EXECUTOR}


@dataclasses.dataclass(frozen=True)
class Configuration:
    name: str
    workers: int
    cpus: frozenset | None = None  # confined to these


def configurations(names):
    usable = sorted(os.sched_getaffinity(0))
    result = []
    for name in names:
        if name == "quota":
            result.append(Configuration("quota", 1, frozenset(usable[-1:])))
        else:
            workers = len(usable) if name == "all" else int(name)
            if all(c.cpus or c.workers != workers for c in result):
                result.append(Configuration(str(workers), workers))
    return result


def quick(row):
    """As little as shows that the row works."""
    options = list(row.options)
    if "--seconds" in options:
        options[options.index("--seconds") + 1] = "0.05"
    n = {"fib": 500, "graph": 1000, "parked_500us": 3, "parked_5ms": 3}.get(row.name, row.n // 200)
    return dataclasses.replace(row, n=n, passes=1, options=tuple(options), entries=tuple(
        dataclasses.replace(e, n=e.n and max(e.n // 50, 10)) for e in row.entries))


def command(programs, row, entry, configuration):
    return [str(programs / f"bench_executor_{entry.family}"), "--row", entry.row, "--workers",
            str(configuration.workers), "--n", str(entry.n or row.n), "--passes", str(row.passes), *row.options]


def begin(programs, row, entry, configuration):
    confine = (lambda: os.sched_setaffinity(0, configuration.cpus)) if configuration.cpus else None
    return start(command(programs, row, entry, configuration), preexec_fn=confine)


def measure(programs, row, configuration, rounds, context):
    entries = [e for e in row.entries if configuration.workers > 1 or not e.needs_worker]
    samples = {e: [] for e in entries}
    failures = {}
    for turn in range(rounds):
        first = turn % len(entries)
        order = entries[first:] + entries[:first]  # nobody always runs after the same neighbour
        waves = [order] if row.together else [[e] for e in order]
        for wave in waves:
            begun = [(e, begin(programs, row, e, configuration)) for e in wave if e not in failures]
            for entry, process in begun:
                try:
                    report = report_of(process)
                except Failure as why:
                    failures[entry] = str(why)
                    continue
                context[report["context"]["about"]] = report["context"]["compiler"]
                samples[entry].append(report["benchmarks"][0])
    return [summary(row, e, configuration, samples[e], failures.get(e)) for e in entries]


def summary(row, entry, configuration, samples, failure):
    cell = {"row": row.name, "configuration": configuration.name, "workers": configuration.workers,
            "family": entry.family, "form": entry.row, "label": entry.label, "n": entry.n or row.n, "value": row.value}
    if failure is not None:
        return cell | {"failure": failure}
    values = sorted(s[row.value] for s in samples)
    cell |= {"median": statistics.median(values), "least": values[0], "most": values[-1], "processes": len(values)}
    if row.also:
        cell[row.also] = statistics.median(s[row.also] for s in samples)
    return cell


# --- the table of goals ---------------------------------------------------------------------------------------------


class Goals:
    """The goals that the project set itself, each beside what was measured with 2 workers."""

    def __init__(self, cells):
        self.cells = {(c["row"], c["family"], c["form"]): c for c in cells if c["configuration"] == "2"}
        self.lines = []

    def value(self, row, family, form, key="median"):
        return self.cells.get((row, family, form), {}).get(key)

    def add(self, row, title, goal, limit, measured, digits=2):
        if not any(of == row for of, _, _ in self.cells):
            return  # not asked for
        line = {"row": title, "goal": goal, "at_most": limit, "measured": None, "met": False, "text": "no figure"}
        if measured is not None:
            line |= {"measured": round(measured, digits + 2), "met": measured <= limit, "text": f"{measured:.{digits}f}"}
        self.lines.append(line)

    def ratio(self, title, goal, limit, row, form, family, other):
        ours, theirs = self.value(row, "fronta", form), self.value(row, family, other)
        self.add(row, title, goal, limit, ours / theirs if ours is not None and theirs else None)

    def plain(self, title, goal, limit, row, form, key="median", digits=0):
        self.add(row, title, goal, limit, self.value(row, "fronta", form, key), digits)


def goals(cells):
    g = Goals(cells)
    g.ratio("futures fan-out", "0.40 x task_group::run + make_shared<promise> + wait()", 0.40, "fan_out", "fan_out",
            "tbb", "fan_out")
    g.plain("futures fan-out", "220 ns", 220, "fan_out", "fan_out")
    g.ratio("post fan-out", "0.6 x task_arena::enqueue", 0.6, "post", "post", "tbb", "post")
    g.ratio("post fan-out", "1.0 x task_group", 1.0, "post", "post", "tbb", "post_group")
    g.ratio("ping-pong warm", "0.1 x run + future::get", 0.1, "ping_pong", "ping_pong", "tbb", "ping_pong")
    g.ratio("ping-pong warm", "5 x a bare cache-line round trip", 5, "ping_pong", "ping_pong", "bare", "cache_line")
    g.ratio("ping-pong from parked, 5 ms", "1.3 x a bare futex round trip", 1.3, "parked_5ms", "parked", "bare",
            "parked")
    every = "nested fib(27), a future per call"
    g.ratio(every, "0.25 x task_group + promise", 0.25, "fib", "fib_every_newest", "tbb",
            "fib_every_promise")
    g.ratio(every, "1.2 x task_group alone", 1.2, "fib", "fib_every_newest", "tbb", "fib_every")
    g.plain("dependent chain", "150 ns a link", 150, "chain", "chain")
    g.plain("map, 1 M items, chunk_size 1", "300 ns an item", 300, "map", "map")
    simulated = "GPU tasks on a simulated device, scheduling"
    for form, title in (("gpu_tasks", "independent"), ("gpu_chain", "a chain"), ("gpu_chain_needs", 'a chain of {"gpu", 1}')):
        g.plain(simulated, f"10 000 ns (100 000/s), {title}", 10_000, "gpu_simulated", form)
    # A hundredth of an allocation leaves room for what the pool itself allocates once.
    g.plain("allocations per submitted task", "1, on new memory", 1.01, "allocations_fan_out", "fan_out", digits=3)
    g.plain("allocations per submitted task", "1, a future argument included", 1.01, "allocations_chain",
            "chain_gated", digits=3)
    g.plain("allocations per submitted task", "0 amortised, recycled", 0.01, "allocations_fan_out", "fan_out",
            key="allocations", digits=3)
    g.ratio("CPU burnt at 1 000 tasks/s", "0.5 x oneTBB's", 0.5, "burn_1000", "burn", "tbb", "burn")
    g.plain("idle pool", "0 % CPU over 5 s", 0.05, "idle", "idle", digits=2)
    return g.lines


# --- output ---------------------------------------------------------------------------------------------------------


def print_rows(suite, cells, shown):
    for row in suite:
        mine = [c for c in cells if c["row"] == row.name]
        if not mine:
            continue
        print(f"\n{row.title} ({row.unit})")
        header, names = ["median (least to most)"], [c.name for c in shown if any(
            m["configuration"] == c.name for m in mine)]
        header += ["1 CPU" if name == "quota" else "1 worker" if name == "1" else f"{name} workers" for name in names]
        header += [{"first_ns": "first pass", "allocations": "recycled", "heap_bytes": "operator new"}[row.also]
                   ] if row.also else []
        lines = []
        for entry in row.entries:
            line = [entry.label]
            of_entry = {c["configuration"]: c for c in mine if (c["family"], c["form"]) == (entry.family, entry.row)}
            for name in names:
                c = of_entry.get(name)
                line.append("-" if c is None else "FAILED" if "failure" in c else
                            f"{figure(c['median'])} ({figure(c['least'])} to {figure(c['most'])})")
            if row.also:
                last = of_entry.get("2") or (list(of_entry.values()) or [{}])[-1]
                line.append(figure(last.get(row.also)))
            lines.append(line)
        print_table(header, lines)


def print_goals(lines):
    if not lines:
        return
    print("\nGoals, with 2 workers")
    print_table(["row", "at most", "measured", ""],
                [[l["row"], l["goal"], l["text"], "met" if l["met"] else "MISSED"] for l in lines])


def arguments():
    of = parser("./run bench", __doc__, rounds=7)
    of.add_argument("suite", nargs="?", default="executor", choices=sorted(SUITES))
    of.add_argument("--workers", default="1,2,all,quota",
                    help="comma-separated: numbers, all (usable CPUs), quota (confined to 1 CPU)")
    options = of.parse_args()
    options.rows = chosen_rows(of, options, [row.name for row in SUITES[options.suite]])
    try:
        options.workers = configurations(options.workers.split(","))
    except ValueError:
        of.error(f"--workers takes numbers, all and quota, and got '{options.workers}'")
    if any(c.workers < 1 for c in options.workers):
        of.error("--workers starts at 1")
    return options


def main():
    options = arguments()
    suite = [row for row in SUITES[options.suite] if row.name in options.rows]
    if options.quick:
        suite = [quick(row) for row in suite]
    circumstances, context, cells = Circumstances(options.suite, options), {}, []
    for number, row in enumerate(suite, 1):
        for configuration in options.workers:
            if not row.everywhere and configuration.name != "2":
                continue
            print(f"[{number}/{len(suite)}] {row.name}, {configuration.name}", file=sys.stderr, flush=True)
            cells += measure(options.programs, row, configuration, options.rounds, context)
    reached = goals(cells)
    report = circumstances.report() | {
        "compilers": sorted(set(context.values())), "libraries": sorted(context),
        "configurations": {c.name: "confined to 1 CPU, 1 worker" if c.cpus else f"{c.workers} workers"
                           for c in options.workers},
        "goals": [{k: v for k, v in line.items() if k != "text"} for line in reached], "cells": cells,
    }
    write_report(report, options.suite, options)
    print_circumstances(report, ", ".join(report["compilers"]), ", ".join(report["libraries"]))
    print_rows(suite, cells, options.workers)
    if not options.quick:
        print_goals(reached)
    failed = [c for c in cells if "failure" in c]
    for c in failed:
        print(f"FAILED: {c['row']}, {c['configuration']}, {c['label']}: {c['failure']}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
