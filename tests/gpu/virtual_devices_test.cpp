// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/virtual_devices.hpp>

#include <fronta/array.hpp>
#include <fronta/cpu/manual.hpp>
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/gpu/errors.hpp>
#include <fronta/gpu/stream.hpp>
#include <fronta/this_task.hpp>
#include <fronta/trace.hpp>
#include <fronta/trace_file.hpp>
#include <fronta/trace_recording.hpp>

#include <gmock/gmock.h>

#include <support/host_kernel.hpp>
#include <support/temporary_folder.hpp>
#include <support/test_kernels.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::cpu::manual;
using fronta::cpu::manual_tasks;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::view;
using fronta::gpu::virtual_devices;
using fronta::test::host_kernel;
using fronta::trace::device_span;
using fronta::trace::time_grade;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

// Writes down all that it is told, and when by the simulated clock.
class transcript final : public fronta::trace::sink {
 public:
  explicit transcript(const virtual_devices& clock)
      : clock_(clock), before_(fronta::trace::set_sink(this)) {}
  ~transcript() override { fronta::trace::set_sink(before_); }
  transcript(const transcript&) = delete;
  transcript& operator=(const transcript&) = delete;

  void record(const fronta::trace::event& e) noexcept override {
    add({static_cast<std::int64_t>(e.kind), e.slot, static_cast<std::int64_t>(e.task),
         static_cast<std::int64_t>(e.argument)});
  }
  void record(const device_span& s) noexcept override {
    spans.push_back(s);
    add({-1, static_cast<std::int64_t>(s.task), s.place, s.stream,
         static_cast<std::int64_t>(s.what), static_cast<std::int64_t>(s.grade), s.begin_earliest,
         s.begin_latest, s.end_earliest, s.end_latest, static_cast<std::int64_t>(s.bytes)});
  }
  std::string text;
  std::vector<device_span> spans;

 private:
  void add(std::initializer_list<std::int64_t> numbers) {
    text += std::to_string(clock_.now());
    for (const auto n : numbers) text += ' ' + std::to_string(n);
    text += '\n';
  }
  const virtual_devices& clock_;
  fronta::trace::sink* before_;
};

// A graph with arrays, tags, random durations, failures and retries; its trace and its answer.
struct outcome {
  std::string trace;
  long sum = 0;
  int failures = 0;
  std::int64_t ended_at = 0;
};

outcome run_graph(std::uint64_t seed, time_grade times) {
  outcome result;
  virtual_devices gpus{{.devices = 2,
                        .streams = 2,
                        .model = {.jitter = 0.5, .clock_offset = 7ms, .clock_drift = 1e-5},
                        .seed = seed,
                        .options = {.times = times}}};
  transcript trace(gpus);
  const auto tasks = std::make_shared<manual_tasks>();
  {
    executor ex{{.seed = seed}, manual{tasks}, gpus.places()};
    const fronta::array<int> numbers(1'000, 3);
    std::vector<fronta::future<long>> sums;
    for (int i = 0; i < 20; ++i) {
      auto doubled = ex.submit(
          {.needs = {{"gpu", 1}}, .retries = 10},
          [&result](stream& s, view<const int> in) {
            if (fronta::this_task::rng().uniform() < 0.3) {
              ++result.failures;
              throw std::runtime_error("by chance");
            }
            auto out = s.make_array<int>(in.size());
            const auto twice = host_kernel([](view<const int> from, view<int> to) {
              for (std::size_t k = 0; k < from.size(); ++k) to[k] = 2 * from[k];
            });
            s.launch(twice, {4}, {256}, in, s.write(out));
            return out;
          },
          numbers);
      sums.push_back(ex.submit(
          [](std::span<const int> v) {
            long sum = 0;
            for (const int x : v) sum += x;
            return sum;
          },
          doubled));
    }
    auto all = ex.submit(
        [](const std::vector<long>& v) {
          long sum = 0;
          for (const long x : v) sum += x;
          return sum;
        },
        sums);
    while (tasks->run_one() || gpus.step()) {
    }
    result.sum = all.result(0s);
    result.ended_at = gpus.now();
  }
  result.trace = trace.text;
  return result;
}

TEST(VirtualDevices, TheSameSeedGivesTheSameTraceToTheByte) {
  for (const auto grade : {time_grade::observed, time_grade::stamped, time_grade::profiled}) {
    const auto first = run_graph(7, grade);
    const auto second = run_graph(7, grade);
    EXPECT_EQ(first.sum, 20 * 6'000);
    EXPECT_GT(first.failures, 0);
    EXPECT_GT(first.trace.size(), 1'000U);
    EXPECT_GT(first.ended_at, 0);
    EXPECT_EQ(first.trace, second.trace);
    EXPECT_EQ(first.ended_at, second.ended_at);
  }
}

TEST(VirtualDevices, ARecordingByTheirClockHasTasksAndDevicesInOneTime) {
  const fronta::test::temporary_folder folder;
  const auto record = [&](const std::string& name) {
    virtual_devices gpus{{.seed = 7}};
    const auto tasks = std::make_shared<manual_tasks>();
    fronta::trace::recording trace(folder.file(name),
                                   {.flush_every = 0ms, .clock = [&gpus] { return gpus.now(); }});
    {
      executor ex{{.seed = 7}, manual{tasks}, gpus.places()};
      const auto made = ex.submit([](stream& s) {
        const auto nothing = host_kernel([] {});
        s.launch(nothing, {4}, {256});
        return s.make_array<int>(1'000);
      });
      const auto last = ex.submit([](std::span<const int> v) { return v.size(); }, made);
      while (tasks->run_one() || gpus.step()) {
        trace.flush();  // also while time stands still
      }
      EXPECT_EQ(last.result(0s), 1'000U);
    }
    trace.stop();
    return fronta::trace::read_file(folder.file(name));
  };
  const auto first = record("first");
  EXPECT_TRUE(first.given_clock);
  EXPECT_EQ(first.origin_steady, 0);
  EXPECT_EQ(first.damage, "");
  ASSERT_EQ(first.spans.size(), 1U);
  const auto& span = first.spans[0];
  EXPECT_GT(span.what.end_latest, span.what.begin_earliest);
  // What is told lies around the work, to the nanosecond.
  for (const auto& e : first.events) {
    using enum fronta::trace::event_kind;
    const bool own = e.what.task == span.what.task;
    if (own && (e.what.kind == start || e.what.kind == issue)) {
      EXPECT_LE(e.time, span.what.begin_latest);
    }
    if (own && e.what.kind == finish) {
      EXPECT_GE(e.time, span.what.end_latest);
    }
    if (!own && e.what.kind == start) {
      EXPECT_GE(e.time, span.what.end_latest);
    }
  }
  const auto second = record("second");
  ASSERT_EQ(first.events.size(), second.events.size());
  for (std::size_t i = 0; i < first.events.size(); ++i) {
    if (first.events[i].what.kind == fronta::trace::event_kind::thread) continue;
    EXPECT_EQ(first.events[i].time, second.events[i].time);
    EXPECT_EQ(first.events[i].what.kind, second.events[i].what.kind);
  }
}

TEST(VirtualDevices, AnotherSeedGivesAnother) {
  const auto first = run_graph(7, time_grade::observed);
  const auto other = run_graph(8, time_grade::observed);
  EXPECT_NE(first.trace, other.trace);
  EXPECT_EQ(first.sum, other.sum);
}

// Design: the same results, failures and retries, whatever the time is.
TEST(VirtualDevices, RealAndScaledTimeGiveTheSameResultsAndFailures) {
  const auto virtual_time = run_graph(7, time_grade::observed);
  for (const auto time :
       {fronta::gpu::simulated_time::real(), fronta::gpu::simulated_time::scaled(0.1)}) {
    executor ex{{.seed = 7},
                fronta::cpu::threads{.workers = 2},
                simulated{.devices = 2, .streams = 2, .time = time, .seed = 7}};
    std::atomic<int> failures = 0;
    const fronta::array<int> numbers(1'000, 3);
    std::vector<fronta::future<void>> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back(ex.submit(
          {.needs = {{"gpu", 1}}, .retries = 10},
          [&failures](stream&, view<const int>) {
            if (fronta::this_task::rng().uniform() < 0.3) {
              ++failures;
              throw std::runtime_error("by chance");
            }
          },
          numbers));
      // The path of a task counts the submissions before it.
      ex.submit([] {}).wait();
    }
    for (const auto& f : all) f.get();
    EXPECT_EQ(failures, virtual_time.failures);
  }
}

void expect_times_of_the_model(std::chrono::nanoseconds offset) {
  for (const auto grade : {time_grade::stamped, time_grade::profiled}) {
    virtual_devices gpus{{.streams = 1,
                          .model = {.launch = 10us, .clock_offset = offset},
                          .options = {.times = grade}}};
    transcript trace(gpus);
    const auto tasks = std::make_shared<manual_tasks>();
    {
      executor ex{manual{tasks}, gpus.places()};
      for (int i = 0; i < 3; ++i) {
        ex.post([](stream& s) { fronta::test::run_on(s, [] {}); });
      }
      while (tasks->run_one() || gpus.step()) {
      }
    }
    std::int64_t at = 0;
    int found = 0;
    for (const auto& s : trace.spans) {
      if (s.grade != grade) continue;
      EXPECT_EQ(s.begin_earliest, at);
      EXPECT_EQ(s.begin_latest, at);
      at += 10'000;
      EXPECT_EQ(s.end_earliest, at);
      EXPECT_EQ(s.end_latest, at);
      ++found;
    }
    EXPECT_EQ(found, 3);
    EXPECT_EQ(gpus.now(), 30'000);
  }
}

TEST(VirtualDevices, TimesAreTheModelsToTheNanosecond) {
  expect_times_of_the_model(5s);
  expect_times_of_the_model(0s);  // the first stamp is 0
}

TEST(VirtualDevices, AFaultReachesItsTasksWithoutAnyClock) {
  virtual_devices gpus{{.streams = 1, .faults = {.break_at_kernel = 2}}};
  const auto tasks = std::make_shared<manual_tasks>();
  executor ex{manual{tasks}, gpus.places()};
  const auto good = ex.submit([](stream& s) { fronta::test::run_on(s, [] {}); });
  while (tasks->run_one() || gpus.step()) {
  }
  const auto bad = ex.submit([](stream& s) { fronta::test::run_on(s, [] {}); });
  while (tasks->run_one() || gpus.step()) {
  }
  EXPECT_NO_THROW(good.result(0s));
  EXPECT_THROW(bad.result(0s), fronta::device_fault);
}

// On threads the second one waits for the first one's end.
TEST(VirtualDevices, AHostPartThatFindsNoMemoryFailsAtOnceAndSaysWhoHasIt) {
  virtual_devices gpus{{.streams = 2, .memory = 1'000}};
  const auto tasks = std::make_shared<manual_tasks>();
  executor ex{manual{tasks}, gpus.places()};
  const auto use = [](stream& s) {
    const auto scratch = s.allocate<char>(600);
    fronta::test::run_on(s, [] {});
  };
  const auto first = ex.submit({.name = "first"}, use);
  const auto second = ex.submit({.name = "second"}, use);
  while (tasks->run_one() || gpus.step()) {
  }
  EXPECT_NO_THROW(first.result(0s));
  EXPECT_THAT([&] { second.result(0s); },
              ThrowsMessage<fronta::device_bad_alloc>(
                  AllOf(HasSubstr("by task \"second\""), HasSubstr("\"first\" (600 bytes)"))));
  const auto later = ex.submit(use);
  while (tasks->run_one() || gpus.step()) {
  }
  EXPECT_NO_THROW(later.result(0s));
}

TEST(VirtualDevices, AKernelThatHangsLeavesNothingToHappenUntilItsDeviceIsGivenUp) {
  virtual_devices gpus{{.faults = {.hang_at_kernel = 1}}};
  const auto tasks = std::make_shared<manual_tasks>();
  executor ex{manual{tasks}, gpus.places()};
  const auto f = ex.submit([](stream& s) { fronta::test::run_on(s, [] {}); });
  const auto run_all = [&] {
    while (tasks->run_one() || gpus.step()) {
    }
  };
  run_all();
  EXPECT_FALSE(f.done());
  EXPECT_FALSE(ex.shutdown_for(0s));
  gpus.at(0).give_up("it hangs");
  run_all();
  EXPECT_THROW(f.result(0s), fronta::device_lost_error);
}

TEST(VirtualDevices, RefuseWhatGoesByTheHostsClock) {
  EXPECT_THAT([] { virtual_devices gpus({.options = {.hang_timeout = 1s}}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("hang_timeout")));
  EXPECT_THAT(
      [] {
        virtual_devices gpus(
            {.completion = {.mechanism = fronta::gpu::completion_mechanism::blocking_sync}});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("blocking_sync")));
  EXPECT_THROW(virtual_devices gpus({.devices = 0}), std::invalid_argument);
}

TEST(VirtualDevices, ArePlacesOfOneExecutor) {
  virtual_devices gpus{{}};
  const auto tasks = std::make_shared<manual_tasks>();
  executor ex{manual{tasks}, gpus.places()};
  EXPECT_THAT([&] { executor other(fronta::cpu::threads{.workers = 1}, gpus.places()); },
              ThrowsMessage<std::logic_error>(HasSubstr("one executor already")));
}

TEST(VirtualDevices, OutliveTheirExecutor) {
  virtual_devices gpus{{}};
  {
    const auto tasks = std::make_shared<manual_tasks>();
    executor ex{manual{tasks}, gpus.places()};
    ex.post([](stream& s) { fronta::test::run_on(s, [] {}); });
    while (tasks->run_one() || gpus.step()) {
    }
  }
  EXPECT_FALSE(gpus.step());
}

}  // namespace
