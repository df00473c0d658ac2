// SPDX-License-Identifier: Apache-2.0
#include <fronta/trace.hpp>
#include <fronta/trace_recording.hpp>

#include "common.hpp"

#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

// What an event costs the thread that tells it, off and on, and whoever moves it into the file.
namespace {

using benchmark::State;
using fronta::trace::event_kind;
using namespace std::chrono_literals;

constexpr std::uint64_t tasks_told = 1 << 12;
constexpr std::uint64_t events_told = 5 * tasks_told;  // a good half of a ring

// What is told of a plain task whose value is an int.
void tell() {
  for (std::uint64_t i = 1; i <= tasks_told; ++i) {
    const auto one = [i](event_kind kind, std::uint64_t argument) {
      fronta::trace::detail::emit(kind, i, argument);
      benchmark::ClobberMemory();
    };
    one(event_kind::submit, 0);
    one(event_kind::ready, 0);
    one(event_kind::enqueue, 1);
    one(event_kind::start, 0);
    one(event_kind::finish, 2 * sizeof(int));
  }
}

void off(State& state) {
  for ([[maybe_unused]] auto _ : state) tell();
  state.counters["per_second"] = bench::per_second(events_told);
}

// The ring is emptied between the batches, which does not count: so this is the writer's share.
void on(State& state) {
  fronta::trace::recording trace(bench::trace_file(), {.flush_every = 0ms});
  for ([[maybe_unused]] auto _ : state) {
    tell();
    state.PauseTiming();
    trace.flush();
    state.ResumeTiming();
  }
  if (trace.dropped() != 0) state.SkipWithError("events were dropped");
  state.counters["per_second"] = bench::per_second(events_told);
}

// What a stamp takes alone, one after the other as in `on`.
void counter(State& state) {
  for ([[maybe_unused]] auto _ : state) {
    for (std::uint64_t i = 0; i < events_told; ++i) {
#if defined(__x86_64__)
      benchmark::DoNotOptimize(__rdtsc());
#else
      benchmark::DoNotOptimize(std::chrono::steady_clock::now());
#endif
    }
  }
  state.counters["per_second"] = bench::per_second(events_told);
}

// CPU time that moving events into the file takes.
void drain(State& state) {
  fronta::trace::recording trace(bench::trace_file(), {.flush_every = 0ms});
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    tell();
    state.ResumeTiming();
    trace.flush();
  }
  if (trace.dropped() != 0) state.SkipWithError("events were dropped");
  state.counters["per_second"] = bench::per_second(events_told);
}

BENCHMARK(off);
BENCHMARK(on);
BENCHMARK(counter);
BENCHMARK(drain)->MeasureProcessCPUTime();

}  // namespace
