// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/backend.hpp>

#include <fronta/array.hpp>
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>
#include <fronta/trace.hpp>
#include <fronta/wait.hpp>

#include <gmock/gmock.h>

#include <support/counting_device.hpp>
#include <support/gate.hpp>
#include <support/host_kernel.hpp>
#include <support/test_kernels.hpp>
#include <support/trace_recorder.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::cpu::threads;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::test::gate;
using fronta::test::run_on;
using fronta::test::trace_recorder;
using fronta::trace::device_span;
using fronta::trace::device_work;
using fronta::trace::event_kind;
using fronta::trace::time_grade;
using testing::IsEmpty;
using testing::SizeIs;

std::int64_t now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A device whose clock is far from the host's and runs differently.
simulated skewed(time_grade times, int streams = 1) {
  auto model = time_model::instant();
  model.clock_offset = -3s;
  model.clock_drift = 50e-6;
  return {.streams = streams, .model = model, .options = {.times = times}};
}

void expect_ordered(const device_span& s) {
  EXPECT_LE(s.begin_earliest, s.begin_latest);
  EXPECT_LE(s.end_earliest, s.end_latest);
  EXPECT_LE(s.begin_earliest, s.end_latest);
}

TEST(WorkTimes, ObservedOnesHoldWhatReallyHappened) {
  trace_recorder trace;
  executor ex{threads{.workers = 1}, skewed(time_grade::observed)};
  std::int64_t began = 0;
  std::int64_t ended = 0;
  const auto before = now();
  const auto task = ex.submit([&](stream& s) {
                        run_on(s, [&] {
                          began = now();
                          ended = now();
                        });
                        return fronta::this_task::path();
                      }).get();
  const auto after = now();
  const auto spans = trace.spans();
  ASSERT_THAT(spans, SizeIs(1));
  const auto& s = spans.front();
  expect_ordered(s);
  EXPECT_EQ(s.task, task);
  EXPECT_EQ(s.what, device_work::task);
  EXPECT_EQ(s.grade, time_grade::observed);
  EXPECT_TRUE(s.simulated);
  EXPECT_EQ(s.executor, trace.of(task).front().executor);
  EXPECT_LE(before, s.begin_earliest);
  EXPECT_LE(s.begin_earliest, began);
  EXPECT_LE(began, s.begin_latest);
  EXPECT_LE(s.end_earliest, ended + 1'000'000) << "it was looked for, in vain, after its end";
  EXPECT_LE(ended, s.end_latest);
  EXPECT_LE(s.end_latest, after);
}

// However seldom the thread that looks gets a core: the longer a task runs, the surer it is looked
// at.
TEST(WorkTimes, AnEndIsNotEarlierThanTheLastLookInVain) {
  trace_recorder trace;
  executor ex{threads{.workers = 1}, skewed(time_grade::observed)};
  std::int64_t runs = 5'000'000;
  for (std::size_t task = 1;; ++task, runs *= 2) {
    gate go;
    const auto f = ex.submit([&](stream& s) { run_on(s, [&] { go.wait(); }); });
    trace.wait_for(event_kind::issue, task);
    const auto still_running = now();
    while (now() < still_running + runs) std::this_thread::yield();
    const auto opened = now();
    go.open();
    f.wait();
    const auto spans = trace.spans();
    ASSERT_THAT(spans, SizeIs(task));
    EXPECT_GT(spans.back().end_latest, opened);
    if (spans.back().end_earliest > still_running) break;
    ASSERT_LT(runs, 10'000'000'000) << "nobody has looked";
  }
}

TEST(WorkTimes, ATaskIsIssuedOnceOnItsPlaceAndStream) {
  trace_recorder trace;
  executor ex{threads{.workers = 1}, skewed(time_grade::observed)};
  const auto task = ex.submit([](stream& s) {
                        run_on(s, [] {});
                        return fronta::this_task::path();
                      }).get();
  const auto issued = trace.of(event_kind::issue);
  ASSERT_THAT(issued, SizeIs(1));
  EXPECT_EQ(issued[0].task, task);
  const auto spans = trace.spans();
  ASSERT_THAT(spans, SizeIs(1));
  EXPECT_EQ(issued[0].argument >> 32, static_cast<std::uint64_t>(spans[0].place));
  EXPECT_EQ(issued[0].argument & 0xFFFF'FFFF, static_cast<std::uint64_t>(spans[0].stream));
}

TEST(WorkTimes, TasksOfOneStreamBeginAfterTheOneBefore) {
  trace_recorder trace;
  {
    executor ex{threads{.workers = 2}, skewed(time_grade::observed)};
    std::vector<fronta::future<void>> all;
    for (int i = 0; i < 50; ++i) all.push_back(ex.submit([](stream& s) { run_on(s, [] {}); }));
    fronta::wait(all);
  }
  auto spans = trace.spans();
  ASSERT_THAT(spans, SizeIs(50));
  std::map<std::int32_t, std::int64_t> ended;
  for (const auto& s : spans) {
    expect_ordered(s);
    EXPECT_GE(s.begin_earliest, ended[s.stream]);
    ended[s.stream] = s.end_earliest;
  }
}

// On a clock that is 3 s behind and drifts. A simulated device shows an end only after its engine
// has woken, perhaps late, so a stamp may lie before what was looked for in vain; never before its
// task was submitted, nor after its end was seen.
TEST(WorkTimes, StampedOnesLieBetweenTheSubmissionAndTheObservedEnd) {
  trace_recorder trace;
  const auto before = now();
  {
    executor ex{threads{.workers = 2}, skewed(time_grade::stamped, 2)};
    std::vector<fronta::future<void>> all;
    for (int i = 0; i < 200; ++i) all.push_back(ex.submit([](stream& s) { run_on(s, [] {}); }));
    fronta::wait(all);
  }
  const auto observed = trace.spans(time_grade::observed);
  const auto stamped = trace.spans(time_grade::stamped);
  ASSERT_THAT(observed, SizeIs(200));
  ASSERT_THAT(stamped, SizeIs(200));
  for (const auto& s : stamped) {
    expect_ordered(s);
    EXPECT_TRUE(s.simulated);
    const auto same = std::ranges::find(observed, s.task, &device_span::task);
    ASSERT_NE(same, observed.end());
    EXPECT_EQ(same->stream, s.stream);
    EXPECT_GE(s.begin_latest, before);
    EXPECT_LE(s.end_earliest, same->end_latest);
    EXPECT_LE(s.begin_latest - s.begin_earliest, 1'000'000) << "the clocks are known better";
  }
}

TEST(WorkTimes, ProfiledOnesTellOfEachKernelAndCopy) {
  trace_recorder trace;
  std::uint64_t task = 0;
  const std::vector<int> numbers(1'000, 7);
  std::vector<int> back(numbers.size());
  {
    executor ex{threads{.workers = 1}, skewed(time_grade::profiled)};
    task = ex.submit([&](stream& s) {
               auto in = s.to_device(std::span<const int>(numbers));
               run_on(s, [] {});
               run_on(s, [] {});
               s.to_host(std::span(back), in);
               return fronta::this_task::path();
             }).get();
    ex.submit([](stream&) {}).wait();
  }
  const auto observed = trace.spans(time_grade::observed);
  const auto spans = trace.spans(time_grade::profiled);
  std::map<device_work, int> pieces;
  const auto same = std::ranges::find(observed, task, &device_span::task);
  ASSERT_NE(same, observed.end());
  std::int64_t last = 0;
  for (const auto& s : spans) {
    ASSERT_EQ(s.task, task);
    expect_ordered(s);
    ++pieces[s.what];
    EXPECT_EQ(s.executor, trace.of(task).front().executor);
    if (s.what != device_work::kernel) {
      EXPECT_EQ(s.bytes, 4'000U);
    }
    EXPECT_LE(s.end_earliest, same->end_latest);
    EXPECT_GE(s.begin_latest, last) << "one stream, one after another";
    last = s.end_earliest;
  }
  EXPECT_EQ(pieces[device_work::kernel], 2);
  EXPECT_EQ(pieces[device_work::to_device], 1);
  EXPECT_EQ(pieces[device_work::to_host], 1);
}

TEST(WorkTimes, ProfiledCopiesOfArraysAreToldWhoeverAskedForThem) {
  trace_recorder trace;
  std::uint64_t filler = 0;
  {
    executor ex{threads{.workers = 1}, skewed(time_grade::profiled)};
    const fronta::array<int> numbers(100'000, 7);
    auto same = ex.submit(
        [&filler](stream& s, fronta::gpu::view<const int> in) {
          filler = fronta::this_task::path();
          auto out = s.make_array<int>(in.size());
          const auto copy = fronta::test::host_kernel(
              [](fronta::gpu::view<const int> from, fronta::gpu::view<int> to) {
                std::ranges::copy(from, to.begin());
              });
          s.launch(copy, {1}, {1}, in, s.write(out));
          return out;
        },
        numbers);
    EXPECT_EQ(ex.submit([](std::span<const int> v) { return v.back(); }, same).get(), 7);
  }
  std::uint64_t there = 0;
  std::uint64_t back = 0;
  for (const auto& s : trace.spans(time_grade::profiled)) {
    if (s.what == device_work::to_device) {
      EXPECT_EQ(s.task, filler);
      there += s.bytes;
    }
    if (s.what == device_work::to_host) back += s.bytes;
  }
  EXPECT_EQ(there, 400'000U);
  EXPECT_EQ(back, 400'000U);
}

TEST(WorkTimes, NothingIsToldOfATaskWhoseDeviceBroke) {
  trace_recorder trace;
  for (const auto grade : {time_grade::observed, time_grade::stamped, time_grade::profiled}) {
    auto config = skewed(grade);
    config.faults.break_at_kernel = 1;
    executor ex{threads{.workers = 1}, config};
    EXPECT_ANY_THROW(ex.submit([](stream& s) { run_on(s, [] {}); }).get());
  }
  EXPECT_THAT(trace.spans(), IsEmpty());
}

TEST(WorkTimes, NothingIsStampedUnlessSomebodyTraces) {
  const auto device = std::make_shared<fronta::test::counting_device>(skewed(time_grade::stamped));
  const auto run_one = [&] {
    executor ex{threads{.workers = 1},
                fronta::test::counted{.device = device, .options = {.times = time_grade::stamped}}};
    ex.submit([](stream& s) { run_on(s, [] {}); }).wait();
  };
  run_one();
  EXPECT_EQ(device->stamps, 0);
  const trace_recorder trace;
  run_one();
  EXPECT_EQ(device->stamps, 2);
}

TEST(WorkTimes, TracingMayBeginAndEndWhileTasksAreOnTheDevice) {
  trace_recorder trace;
  fronta::trace::set_sink(nullptr);
  executor ex{threads{.workers = 1}, skewed(time_grade::stamped)};
  gate go;
  const auto early = ex.submit([&](stream& s) { run_on(s, [&] { go.wait(); }); });
  fronta::trace::set_sink(&trace);
  const auto late = ex.submit([](stream& s) { run_on(s, [] {}); });
  trace.wait_for(event_kind::issue, 1);
  fronta::trace::set_sink(nullptr);
  go.open();
  early.get();
  late.get();
}

}  // namespace
