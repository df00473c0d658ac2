// SPDX-License-Identifier: Apache-2.0
#include <fronta/trace_file.hpp>
#include <fronta/viz/index.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/view.hpp>

#include "../trace/common.hpp"
#include "plain_metrics.hpp"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

// What the model of a long trace takes: time and memory to make it, and time to ask it about a
// moment.
namespace {

using benchmark::State;
using fronta::trace::event_kind;
using fronta::trace::file_contents;

constexpr std::int32_t slots = 16;
constexpr std::uint32_t submitters = 4;
constexpr std::int32_t streams = 4;

// Four threads fan out; 16 slots take, sometimes from each other; each 16th task has parts that
// its worker runs inside it, each 16th enqueues work on a device. About 8 events a task.
class made_up {
 public:
  file_contents of(std::uint64_t tasks) {
    told_.events.reserve(8 * tasks + 1'000);
    told_.texts = {"", "cpu", "gpu:0", "resize", "load", "store"};
    told_.ended = true;
    for (std::uint32_t i = 0; i < submitters; ++i)
      told_.threads.push_back({i, "main " + std::to_string(i), 0, -1});
    for (std::int32_t i = 0; i < slots; ++i)
      told_.threads.push_back({100, "worker " + std::to_string(i), 1, 0});
    tell(0, 0, -1, event_kind::place, 0, 0, 1);
    tell(0, 0, -1, event_kind::place, 0, 1, 2);
    std::vector<std::int64_t> free(slots, 1'000);
    std::int64_t now = 0;
    for (std::uint64_t t = 1; t <= tasks; ++t) {
      now += up_to(600);
      const auto by = static_cast<std::uint32_t>(up_to(submitters - 1));
      submit(now, by, -1, t, 0);
      tell(now + 40, by, -1, event_kind::enqueue, t, 1);
      const auto at = std::ranges::min_element(free);
      const auto slot = static_cast<std::int32_t>(at - free.begin());
      *at = run(std::max(*at, now + 300), slot, t, tasks);
    }
    std::ranges::sort(told_.events, {}, &fronta::trace::recorded_event::time);
    told_.known_until = told_.events.back().time;
    return std::move(told_);
  }

 private:
  std::int64_t up_to(std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(0, most)(random_);
  }
  void tell(std::int64_t time, std::uint32_t thread, std::int32_t slot, event_kind kind,
            std::uint64_t task, std::uint64_t argument = 0, std::uint32_t text = 0) {
    told_.events.push_back({time, thread, text, {kind, 1, slot, task, argument}});
  }
  void submit(std::int64_t time, std::uint32_t thread, std::int32_t slot, std::uint64_t t,
              std::uint64_t parent) {
    tell(time, thread, slot, event_kind::submit, t, parent, 3 + static_cast<std::uint32_t>(t % 3));
    if (t > 64) tell(time + 10, thread, slot, event_kind::dependency, t, t - 64);
    tell(time + 20, thread, slot, event_kind::ready, t);
  }
  // When the slot is free again.
  std::int64_t run(std::int64_t begin, std::int32_t slot, std::uint64_t& t, std::uint64_t tasks) {
    const auto own = t;
    const auto thread = submitters + static_cast<std::uint32_t>(slot);
    if (t % 3 == 0) tell(begin - 50, thread, slot, event_kind::steal, t, 0);
    if (t % 8 == 0) {
      tell(begin - 200, thread, slot, event_kind::worker_park, 0);
      tell(begin - 60, thread, slot, event_kind::worker_unpark, 0);
    }
    tell(begin, thread, slot, event_kind::start, t);
    auto now = begin + 500 + up_to(12'000);
    if (t % 4 == 0) {
      tell(begin + 100, thread, slot, event_kind::zone_begin, t, 0, 4);
      tell(now - 50, thread, slot, event_kind::zone_end, t);
    } else if (t % 4 == 1) {
      tell(begin - 45, thread, slot, event_kind::route, t, 0);
      tell(begin - 44, thread, slot, event_kind::acquire, t);
      tell(now - 50, thread, slot, event_kind::release, t);
    }
    if (own % 16 == 0) {  // its parts
      const auto last = std::min(tasks, own + 3);
      while (t < last) {
        ++t;
        submit(now, thread, slot, t, own);
        tell(now + 50, thread, slot, event_kind::enqueue, t, 0);
        now = run(now + 100, slot, t, t) + 50;
      }
    } else if (own % 16 == 8) {
      const auto stream = static_cast<std::int32_t>(up_to(streams - 1));
      tell(now, thread, slot, event_kind::issue, own,
           (std::uint64_t{1} << 32U) | static_cast<std::uint64_t>(stream));
      const auto end = now + 20'000;
      told_.spans.push_back(
          {now,
           thread,
           {own, 1, stream, fronta::trace::device_work::task, fronta::trace::time_grade::stamped,
            false, now + 900, now + 1'100, end - 1'100, end - 900, 0}});
      tell(end, 0, -1, event_kind::finish, own);
      return now;
    }
    tell(now, thread, slot, event_kind::finish, own);
    return now;
  }

  file_contents told_;
  std::mt19937_64 random_{1};
};

std::size_t bytes_in_use() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

void construct(State& state) {
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    const auto before = bytes_in_use();
    auto told = made_up().of(bench::tasks());
    const auto events = static_cast<double>(told.events.size());
    state.ResumeTiming();
    const fronta::viz::index index(std::move(told));
    state.PauseTiming();
    const auto all = static_cast<double>(bytes_in_use() - before);
    const auto each = static_cast<double>(bench::tasks());
    const auto kept = static_cast<double>(index.events().size_bytes());
    state.counters["events_a_task"] = events / each;
    state.counters["bytes_beyond_own_events"] = (all - kept) / each;
    state.counters["bytes_beyond_the_files"] =
        (all - events * sizeof(fronta::trace::recorded_event)) / each;
    state.ResumeTiming();
  }
  state.counters["per_second"] = bench::per_second(1);
}

// Asked at random moments. Made once.
const fronta::viz::index& long_one() {
  static const fronta::viz::index index(made_up().of(bench::tasks()));
  return index;
}

template <class Ask>
void at_random_moments(State& state, Ask ask) {
  const auto& index = long_one();
  std::mt19937_64 random(2);
  std::uniform_int_distribution moments(index.begin(), index.end());
  for ([[maybe_unused]] auto _ : state) ask(index, moments(random));
  state.counters["per_second"] = bench::per_second(1);
}

void ask_counts(const fronta::viz::index& of, std::int64_t t) {
  benchmark::DoNotOptimize(of.counts_at(t));
}
void ask_lengths(const fronta::viz::index& of, std::int64_t t) {
  for (std::uint32_t q = 0; q < of.queues().size(); ++q)
    benchmark::DoNotOptimize(of.length_at(q, t));
}
void ask_queued(const fronta::viz::index& of, std::int64_t t) {
  for (std::uint32_t q = 0; q < of.queues().size(); ++q)
    benchmark::DoNotOptimize(of.queued_at(q, t, 12, fronta::viz::index::first::oldest));
}
void ask_open(const fronta::viz::index& of, std::int64_t t) {
  for (std::uint32_t l = 0; l < of.lanes().size(); ++l) benchmark::DoNotOptimize(of.open_at(l, t));
}

// What a picture of a moment takes from the model.
void ask_all(const fronta::viz::index& of, std::int64_t t) {
  ask_counts(of, t);
  ask_lengths(of, t);
  ask_queued(of, t);
  ask_open(of, t);
}

void ask(State& state, void (*what)(const fronta::viz::index&, std::int64_t)) {
  at_random_moments(state, what);
}

// A picture but for its pixels, at random moments: of the whole trace, or of a thousandth of it
// around the moment.
void scene(State& state, fronta::viz::preset what, std::int64_t part) {
  const auto& of = long_one();
  const fronta::bench::plain_metrics font;
  fronta::viz::view v;
  v.what = what;
  v.selected = static_cast<std::uint32_t>(bench::tasks() / 2);
  std::size_t primitives = 0;
  std::size_t pictures = 0;
  const auto draw_at = [&](std::int64_t t) {
    v.at = t;
    if (part > 1) {
      const auto width = (of.end() - of.begin()) / part;
      v.from = t - width / 2;
      v.to = t + width / 2;
    }
    const auto drawn = draw(of, v, 1920, 1080, font, fronta::viz::light_theme());
    primitives += drawn.primitives.size();
    ++pictures;
  };
  const auto before = std::chrono::steady_clock::now();
  draw_at(of.end());  // what is made once of the whole trace
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - before;
  // Google Benchmark calls this several times, to see how often it should be measured.
  static std::map<std::pair<fronta::viz::preset, std::int64_t>, double> firsts;
  const auto first = firsts.try_emplace({what, part}, took.count()).first->second;
  at_random_moments(state, [&](const fronta::viz::index&, std::int64_t t) { draw_at(t); });
  state.counters["first_ms"] = first;
  state.counters["primitives"] = static_cast<double>(primitives) / static_cast<double>(pictures);
}

BENCHMARK(construct)->Iterations(3)->UseRealTime();
BENCHMARK_CAPTURE(ask, counts_at, ask_counts);
BENCHMARK_CAPTURE(ask, length_at, ask_lengths);
BENCHMARK_CAPTURE(ask, queued_at, ask_queued);
BENCHMARK_CAPTURE(ask, open_at, ask_open);
BENCHMARK_CAPTURE(ask, all, ask_all);

using fronta::viz::preset;
BENCHMARK_CAPTURE(scene, stage, preset::stage, 1)->UseRealTime();
BENCHMARK_CAPTURE(scene, timeline, preset::timeline, 1)->UseRealTime();
BENCHMARK_CAPTURE(scene, timeline_near, preset::timeline, 1000)->UseRealTime();
BENCHMARK_CAPTURE(scene, completion, preset::completion, 1)->UseRealTime();
BENCHMARK_CAPTURE(scene, graph, preset::graph, 1)->UseRealTime();
BENCHMARK_CAPTURE(scene, statistics, preset::statistics, 1)->UseRealTime();
BENCHMARK_CAPTURE(scene, inspector, preset::inspector, 1)->UseRealTime();
BENCHMARK_CAPTURE(scene, plots, preset::plots, 1)->UseRealTime();
BENCHMARK_CAPTURE(scene, progress, preset::progress, 1)->UseRealTime();

}  // namespace
