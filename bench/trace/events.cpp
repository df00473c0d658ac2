// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/trace.hpp>
#include <fronta/trace_recording.hpp>

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

// What an event costs the thread that tells it, off and on, and what recording costs a run.
namespace {

using benchmark::State;
using namespace std::chrono_literals;

std::string file() { return std::filesystem::temp_directory_path() / "fronta-bench-trace"; }

void tell(benchmark::State& state, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    fronta::trace::detail::emit(fronta::trace::event_kind::ready, i, i);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.items_processed() + static_cast<std::int64_t>(count));
}

constexpr std::uint64_t batch = 1 << 14;  // half of a ring

void event_off(State& state) {
  for ([[maybe_unused]] auto _ : state) tell(state, batch);
}

// The ring is emptied between the batches, which does not count: so this is the writer's share.
void event_on(State& state) {
  fronta::trace::recording trace(file(), {.flush_every = 0ms});
  for ([[maybe_unused]] auto _ : state) {
    tell(state, batch);
    state.PauseTiming();
    trace.flush();
    state.ResumeTiming();
  }
  if (trace.dropped() != 0) state.SkipWithError("events were dropped");
}

// CPU time that moving events into the file takes, as seen by the thread that flushes.
void drain(State& state) {
  fronta::trace::recording trace(file(), {.flush_every = 0ms});
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    tell(state, batch);
    state.ResumeTiming();
    trace.flush();
  }
  if (trace.dropped() != 0) state.SkipWithError("events were dropped");
}

void busy(std::chrono::nanoseconds how_long) {
  const auto until = std::chrono::steady_clock::now() + how_long;
  while (std::chrono::steady_clock::now() < until) {
  }
}

// Tasks of 10 µs on one worker, so that the recording's thread has a core of its own.
void tasks_of_10_us(State& state) {
  std::optional<fronta::trace::recording> trace;
  if (state.range(0) != 0) trace.emplace(file());
  {
    fronta::executor ex{fronta::cpu::threads{.workers = 1}};
    std::vector<fronta::future<void>> all;
    for ([[maybe_unused]] auto _ : state) {
      all.clear();
      for (int i = 0; i < 2'000; ++i) all.push_back(ex.submit([] { busy(10us); }));
      fronta::wait(all);
    }
    state.SetItemsProcessed(state.iterations() * 2'000);
  }
  if (trace) {
    trace->stop();
    state.counters["dropped"] = static_cast<double>(trace->dropped());
  }
}

BENCHMARK(event_off);
BENCHMARK(event_on);
BENCHMARK(drain)->MeasureProcessCPUTime();
BENCHMARK(tasks_of_10_us)->ArgName("on")->Arg(0)->Arg(1)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
