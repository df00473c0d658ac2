// SPDX-License-Identifier: Apache-2.0
// Tasks that run their CPU body where a device could not run the other one.
#include <fronta/variants.hpp>

#include <fronta/array.hpp>
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/this_task.hpp>
#include <fronta/trace.hpp>
#include <fronta/wait.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/host_kernel.hpp>
#include <support/test_kernels.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::array;
using fronta::device_bad_alloc;
using fronta::device_fault;
using fronta::device_lost_error;
using fronta::executor;
using fronta::fallback;
using fronta::future;
using fronta::select_by;
using fronta::task_options;
using fronta::variants;
using fronta::cpu::threads;
using fronta::gpu::simulated;
using fronta::gpu::simulated_faults;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::gpu::view;
using fronta::test::gate;
using fronta::test::run_on;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

simulated faulty(simulated_faults faults, int count = 1) {
  return {.devices = count, .streams = 2, .model = time_model::instant(), .faults = faults};
}
simulated breaks_at_once(int count = 1) { return faulty({.break_at_kernel = 1}, count); }
simulated full() { return faulty({.out_of_memory_at = 1, .out_of_memory_for = 1'000'000}); }

const task_options asked{.needs = {{"gpu", 1}}, .fallback = fallback::cpu};
const task_options not_asked{.needs = {{"gpu", 1}}};

// Says which body gave the value, with a kernel and memory of the device.
const auto where = variants([] { return std::string("cpu"); },
                            [](stream& s) {
                              static_cast<void>(s.allocate<int>(1));
                              run_on(s, [] {});
                              return std::string("gpu");
                            });

// The sum of an array, by a kernel that needs memory too.
const auto sum = variants(
    [](std::span<const int> v) {
      int all = 0;
      for (const int x : v) all += x;
      return array<int>{all};
    },
    [](stream& s, view<const int> in) {
      auto out = s.make_array<int>(1);
      run_on(s, [in, to = s.write(out)] {
        to[0] = 0;
        for (const int x : in) to[0] += x;
      });
      return out;
    });

TEST(Fallback, RunsTheCpuBodyWhereTheDeviceBreaks) {
  executor ex{threads{.workers = 2}, breaks_at_once()};
  EXPECT_EQ(ex.submit(asked, where).get(), "cpu");
}

TEST(Fallback, IsNotDoneUnasked) {
  executor ex{threads{.workers = 2}, breaks_at_once()};
  EXPECT_THROW(ex.submit(not_asked, where).get(), device_fault);
  EXPECT_THROW(ex.submit(not_asked, where).get(), device_lost_error);
}

TEST(Fallback, LaterTasksGoStraightToTheCpu) {
  executor ex{threads{.workers = 2}, breaks_at_once()};
  EXPECT_EQ(ex.submit(asked, where).get(), "cpu");
  std::atomic<int> tried = 0;
  const auto counted = variants([] { return 1; },
                                [&](stream&) {
                                  ++tried;
                                  return 2;
                                });
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ex.submit(asked, counted).get(), 1);
    EXPECT_EQ(ex.submit({.place_on = "gpu:0", .fallback = fallback::cpu}, counted).get(), 1);
    EXPECT_EQ(ex.submit({.select = select_by::data}, counted).get(), 1);
  }
  EXPECT_EQ(tried, 0);
  EXPECT_THROW(ex.submit(not_asked, counted).get(), device_lost_error);
}

TEST(Fallback, RunsTheCpuBodyWhereTheDeviceHangs) {
  executor ex{threads{.workers = 2}, simulated{.streams = 1,
                                               .model = time_model::instant(),
                                               .faults = {.hang_at_kernel = 1},
                                               .options = {.hang_timeout = 50ms}}};
  const auto stuck = ex.submit(asked, where);
  const auto behind = ex.submit({.place_on = "gpu:0", .fallback = fallback::cpu}, where);
  EXPECT_EQ(stuck.get(), "cpu");
  EXPECT_EQ(behind.get(), "cpu");
}

TEST(Fallback, RunsTheCpuBodyWhereMemoryRunsOut) {
  executor ex{threads{.workers = 2}, faulty({.out_of_memory_at = 1, .out_of_memory_for = 1})};
  EXPECT_EQ(ex.submit(asked, where).get(), "cpu");
  EXPECT_EQ(ex.submit(asked, where).get(), "gpu");  // the device is well
}

TEST(Fallback, OwnFailuresOfTheGpuBodyStay) {
  executor ex{threads{.workers = 1}, faulty({.refuse_kernel = 1})};
  const auto throws =
      variants([] { return 1; }, [](stream&) -> int { throw std::runtime_error("of its own"); });
  EXPECT_THROW(ex.submit(asked, where).get(), fronta::launch_error);
  EXPECT_THAT([&] { ex.submit(asked, throws).get(); },
              ThrowsMessage<std::runtime_error>("of its own"));
}

TEST(Fallback, AFailureOfTheCpuBodyIsTheOutcome) {
  executor ex{threads{.workers = 1}, full()};
  const auto fails = variants([]() -> int { throw std::runtime_error("on the cpu"); },
                              [](stream& s) {
                                static_cast<void>(s.allocate<int>(1));
                                return 1;
                              });
  EXPECT_THAT([&] { ex.submit(asked, fails).get(); },
              ThrowsMessage<std::runtime_error>("on the cpu"));
}

TEST(Fallback, ReadsWhatIsStillOnTheHost) {
  executor ex{threads{.workers = 2}, breaks_at_once()};
  EXPECT_THAT(ex.submit(asked, sum, array<int>{1, 2, 3}).get(), ElementsAre(6));
}

TEST(Fallback, ReadsWhatAnotherDeviceHas) {
  executor ex{threads{.workers = 2}, breaks_at_once(2)};
  const auto input = ex.submit({.place_on = "gpu:1"}, [](stream& s) {
    auto a = s.make_array<int>(2);
    run_on(s, [to = s.write(a)] { to[0] = to[1] = 4; });
    return a;
  });
  const auto f = ex.submit({.place_on = "gpu:0", .fallback = fallback::cpu}, sum, input);
  EXPECT_THAT(f.get(), ElementsAre(8));
}

TEST(Fallback, FetchesItsInputFromAFullDevice) {
  executor ex{threads{.workers = 2}, faulty({.out_of_memory_at = 2, .out_of_memory_for = 100})};
  const auto input = ex.submit([](stream& s) {
    auto a = s.make_array<int>(3);
    run_on(s, [to = s.write(a)] { to[0] = to[1] = to[2] = 5; });
    return a;
  });
  EXPECT_THAT(ex.submit(asked, sum, input).get(), ElementsAre(15));
}

TEST(Fallback, IsNotDoneWhereAnInputWasOnTheDeviceAlone) {
  executor ex{threads{.workers = 2}, faulty({.break_at_kernel = 2})};
  std::atomic<bool> ran = false;
  const auto input = ex.submit([](stream& s) {
    auto a = s.make_array<int>(2);
    run_on(s, [to = s.write(a)] { to[0] = to[1] = 1; });
    return a;
  });
  input.wait();
  const auto watched = variants(
      [&](std::span<const int>) {
        ran = true;
        return 0;
      },
      [](stream& s, view<const int>) {
        run_on(s, [] {});
        return 1;
      });
  EXPECT_THROW(ex.submit(asked, watched, input).get(), device_fault);
  // Straight to the CPU, which finds it lost.
  EXPECT_THROW(ex.submit(asked, watched, input).get(), device_lost_error);
  EXPECT_FALSE(ran);
}

TEST(Fallback, GivesAmountsOfTheDeviceBack) {
  executor ex{threads{.workers = 2}, faulty({.out_of_memory_at = 1, .out_of_memory_for = 1})};
  gate runs;
  gate go;
  const auto held = variants(
      [&] {
        runs.open();
        go.wait();
        return fronta::this_task::place();
      },
      [](stream& s) {
        static_cast<void>(s.allocate<int>(1));
        return std::string();
      });
  const auto f = ex.submit(asked, held);
  runs.wait();
  EXPECT_EQ(ex.submit(not_asked, where).get(), "gpu");
  go.open();
  EXPECT_EQ(f.get(), "cpu");
}

TEST(Fallback, KeepsOtherTags) {
  executor ex{{.tags = {{"licence", 1}}}, threads{.workers = 2}, full()};
  fronta::test::concurrency_meter meter;
  const auto counted = variants([&] { const fronta::test::concurrency_meter::scope s(meter); },
                                [&](stream& s) {
                                  const fronta::test::concurrency_meter::scope here(meter);
                                  static_cast<void>(s.allocate<int>(1));
                                });
  std::vector<future<void>> all;
  for (int i = 0; i < 50; ++i) {
    all.push_back(
        ex.submit({.needs = {{"gpu", 0.5}, {"licence", 1}}, .fallback = fallback::cpu}, counted));
  }
  for (const auto& f : all) f.get();
  EXPECT_EQ(meter.most(), 1);
}

TEST(Fallback, UsesUpNoRetryAndKeepsTheAttempt) {
  executor ex{{.seed = 7}, threads{.workers = 1}, full()};
  std::mutex mutex;
  std::vector<std::string> runs;
  std::vector<std::uint64_t> numbers;
  std::vector<std::uint64_t> nested;
  const auto note = [&](const char* body) {
    const auto child =
        fronta::this_task::executor().submit([] { return fronta::this_task::path(); });
    const std::lock_guard lock(mutex);
    runs.push_back(body + std::to_string(fronta::this_task::attempt()));
    numbers.push_back(fronta::this_task::rng()());
    child.add_done_callback([&](const fronta::any_future&) {});
    return child;
  };
  const auto both = variants(
      [&] {
        auto child = note("cpu ");
        if (fronta::this_task::attempt() == 0) throw std::runtime_error("once");
        return child;
      },
      [&](stream& s) {
        auto child = note("gpu ");
        static_cast<void>(s.allocate<int>(1));
        return child;
      });
  ex.submit({.needs = {{"gpu", 1}}, .retries = 1, .fallback = fallback::cpu}, both).get().get();
  EXPECT_THAT(runs, ElementsAre("gpu 0", "cpu 0", "cpu 1"));
  EXPECT_EQ(numbers[0], numbers[1]);
  EXPECT_NE(numbers[1], numbers[2]);
}

TEST(Fallback, NestedTasksOfBothRunsAreToldApart) {
  executor ex{threads{.workers = 2}, full()};
  std::mutex mutex;
  std::vector<std::uint64_t> paths;
  const auto submit_one = [&] {
    fronta::this_task::executor().post([&] {
      const std::lock_guard lock(mutex);
      paths.push_back(fronta::this_task::path());
    });
  };
  const auto both = variants([&] { submit_one(); },
                             [&](stream& s) {
                               submit_one();
                               static_cast<void>(s.allocate<int>(1));
                             });
  ex.submit(asked, both).get();
  ex.shutdown();
  ASSERT_EQ(paths.size(), 2U);
  EXPECT_NE(paths[0], paths[1]);
}

TEST(Fallback, DependentsSeeTheValue) {
  executor ex{threads{.workers = 2}, breaks_at_once(2)};
  const auto f = ex.submit({.place_on = "gpu:0", .fallback = fallback::cpu}, sum, array<int>{1, 2});
  const auto plain = ex.submit([](std::span<const int> v) { return v[0]; }, f);
  const auto on_other = ex.submit({.place_on = "gpu:1"}, sum, f);
  const auto again = ex.submit({.place_on = "gpu:0", .fallback = fallback::cpu}, sum, f);
  EXPECT_EQ(plain.get(), 3);
  EXPECT_THAT(on_other.get(), ElementsAre(3));
  EXPECT_THAT(again.get(), ElementsAre(3));
}

TEST(Fallback, AWholeChainSurvivesItsDevice) {
  executor ex{threads{.workers = 2}, faulty({.break_at_kernel = 4})};
  const auto next = variants([](std::span<const int> v) { return array<int>{v[0] + 1}; },
                             [](stream& s, view<const int> in) {
                               auto out = s.make_array<int>(1);
                               run_on(s, [in, to = s.write(out)] { to[0] = in[0] + 1; });
                               return out;
                             });
  // Each link's value is on the host too, since somebody looks at it there.
  auto f = ex.submit([] { return array<int>{0}; });
  for (int i = 0; i < 10; ++i) {
    f = ex.submit(asked, next, f);
    static_cast<void>(f.get().data());
  }
  EXPECT_THAT(f.get(), ElementsAre(10));
}

// An input whose work waits for the gate.
future<array<int>> behind_gate(executor& ex, gate& go, const task_options& options = {}) {
  gate enqueued;
  auto f = ex.submit(options, [&](stream& s) {
    auto a = s.make_array<int>(1);
    run_on(s, [&go, to = s.write(a)] {
      go.wait();
      to[0] = 9;
    });
    enqueued.open();
    return a;
  });
  enqueued.wait();
  return f;
}

TEST(Fallback, BehindAnInputThatFailsThereIsNone) {
  executor ex{threads{.workers = 2}, faulty({})};
  gate go;
  gate enqueued;
  std::atomic<bool> ran = false;
  const auto input = ex.submit({.name = "input"}, [&](stream& s) {
    auto a = s.make_array<int>(1);
    run_on(s, [&go] {
      go.wait();
      throw std::runtime_error("a bad address");
    });
    return a;
  });
  const auto f = ex.submit(asked,
                           variants(
                               [&](std::span<const int>) {
                                 ran = true;
                                 return 1;
                               },
                               [&](stream& s, view<const int>) {
                                 run_on(s, [] {});
                                 enqueued.open();
                                 return 2;
                               }),
                           input);
  enqueued.wait();  // it went ahead, behind the input on the device
  go.open();
  EXPECT_THROW(f.get(), fronta::device_error);
  EXPECT_FALSE(ran);
}

TEST(Fallback, WaitsForInputsThatWereOnlyIssued) {
  executor ex{threads{.workers = 2}, faulty({.out_of_memory_at = 2, .out_of_memory_for = 100})};
  gate go;
  const auto input = behind_gate(ex, go);
  gate tried;
  const auto f = ex.submit(asked,
                           variants([](std::span<const int> v) { return v[0]; },
                                    [&](stream& s, view<const int>) {
                                      tried.open();
                                      static_cast<void>(s.allocate<int>(1));
                                      return -1;
                                    }),
                           input);
  tried.wait();
  EXPECT_FALSE(input.done());
  go.open();
  EXPECT_EQ(f.get(), 9);
}

TEST(Fallback, OfATaskWhoseInputIsTakenEarlyOnADeviceThatIsLost) {
  executor ex{threads{.workers = 2}, faulty({.break_at_kernel = 2})};
  gate go;
  const auto input = behind_gate(ex, go);
  // On the other stream of the device, which breaks under it once the engine is free.
  const auto breaks =
      ex.submit({.name = "breaks", .place_on = "gpu:0", .fallback = fallback::cpu}, where);
  const auto f = ex.submit(asked, sum, input);
  go.open();
  EXPECT_EQ(breaks.get(), "cpu");
  // Done or not, its only copy went with the device.
  EXPECT_THROW(f.get(), fronta::device_error);
}

TEST(Fallback, AnOwnerThatAsksToStopGetsTheError) {
  executor ex{threads{.workers = 2}, breaks_at_once()};
  gate go;
  gate enqueued;
  const auto f = ex.submit(asked, variants([] { return 1; },
                                           [&](stream& s) {
                                             run_on(s, [] {});
                                             enqueued.open();
                                             go.wait();
                                             return 2;
                                           }));
  enqueued.wait();
  EXPECT_FALSE(f.cancel());
  f.request_stop();
  go.open();
  EXPECT_THROW(f.get(), fronta::device_error);
}

TEST(Fallback, AShutdownWaitsForItUnlessItCancels) {
  for (const bool cancel : {false, true}) {
    executor ex{threads{.workers = 2}, full()};
    gate go;
    gate tried;
    const auto f = ex.submit(asked, variants([] { return 1; },
                                             [&](stream& s) {
                                               tried.open();
                                               go.wait();
                                               static_cast<void>(s.allocate<int>(1));
                                               return 2;
                                             }));
    tried.wait();
    ex.shutdown({.wait = false, .cancel_futures = cancel});
    go.open();
    ex.shutdown();
    if (cancel) {
      EXPECT_THROW(f.get(), device_bad_alloc);
    } else {
      EXPECT_EQ(f.get(), 1);
    }
  }
}

TEST(Fallback, CanBeCancelledWhileItWaitsForTags) {
  executor ex{threads{.workers = 2, .offers = {{"lathe", 1}}}, full()};
  gate tried;
  gate fail;
  std::atomic<bool> ran = false;
  const auto f = ex.submit({.needs = {{"gpu", 1}, {"lathe", 1}}, .fallback = fallback::cpu},
                           variants([&] { ran = true; },
                                    [&](stream& s) {
                                      tried.open();
                                      fail.wait();
                                      static_cast<void>(s.allocate<int>(1));
                                    }));
  tried.wait();
  gate go;
  const auto next = ex.submit({.needs = {{"lathe", 1}}}, [&] { go.wait(); });
  fail.open();
  while (!f.cancel()) std::this_thread::yield();  // until its run has ended, and it waits
  go.open();
  next.get();
  EXPECT_THROW(f.get(), fronta::cancelled_error);
  EXPECT_FALSE(ran);
}

// Nothing is said of who wins: the outcome is one of three, and nothing hangs.
TEST(Fallback, RacesWithCancelsTimeoutsAndStops) {
  for (int round = 0; round < 60; ++round) {
    executor ex{threads{.workers = 2}, round % 2 == 0 ? full() : breaks_at_once()};
    std::vector<future<array<int>>> all;
    for (int i = 0; i < 8; ++i) {
      all.push_back(ex.submit({.needs = {{"gpu", i % 2 == 0 ? 1 : 0.5}},
                               .retries = i % 3,
                               .timeout = i % 4 == 3 ? 100us : 10s,
                               .fallback = fallback::cpu},
                              sum, array<int>{i, i}));
    }
    all[static_cast<std::size_t>(round % 8)].cancel();
    all[static_cast<std::size_t>((round + 3) % 8)].request_stop();
    if (round % 5 == 4) ex.shutdown({.wait = false, .cancel_futures = true});
    for (int i = 0; i < 8; ++i) {
      try {
        EXPECT_THAT(all[static_cast<std::size_t>(i)].get(), ElementsAre(2 * i));
      } catch (const fronta::error&) {
        // Cancelled, timed out, or stopped and so told of the device.
      } catch (const device_bad_alloc&) {
      }
    }
  }
}

TEST(Fallback, NeedsArgumentsThatCanBeUsedTwice) {
  executor ex{threads{.workers = 1}, faulty({})};
  const auto takes = variants([](std::unique_ptr<int> p) { return *p; },
                              [](stream&, std::unique_ptr<int> p) { return *p; });
  const auto expected = ThrowsMessage<std::invalid_argument>(
      AllOf(HasSubstr("\"one\""), HasSubstr("fall back"), HasSubstr("copyable arguments")));
  const task_options one{.name = "one", .needs = {{"gpu", 1}}, .fallback = fallback::cpu};
  EXPECT_THAT([&] { ex.submit(one, takes, std::make_unique<int>(1)); }, expected);
  EXPECT_THAT([&] { ex.submit(one, sum, ex.submit([] { return array<int>{1}; })); }, expected);
  const auto buffers = variants([](const fronta::gpu::buffer<int>&) {},
                                [](stream&, const fronta::gpu::buffer<int>&) {});
  const auto b = ex.submit([](stream& s) { return s.allocate<int>(1); });
  EXPECT_THAT(
      [&] { ex.submit(one, buffers, b); },
      ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("\"one\""), HasSubstr("gpu::buffer"))));
  // On the CPU by its tags it has nothing to fall back from.
  EXPECT_EQ(ex.submit({.fallback = fallback::cpu}, takes, std::make_unique<int>(1)).get(), 1);
}

// What a run that may be repeated is called with are copies.
TEST(Fallback, ArgumentsLiveUntilTheDeviceHasEnded) {
  executor ex{threads{.workers = 2}, faulty({})};
  const auto both = variants([](const std::vector<int>& v) { return std::make_shared<int>(v[0]); },
                             [](stream& s, const std::vector<int>& v) {
                               auto result = std::make_shared<int>(0);
                               run_on(s, [&v, result] { *result = v.back(); });
                               return result;
                             });
  gate go;
  const auto first = behind_gate(ex, go);
  const auto f = ex.submit({.needs = {{"gpu", 1}}, .retries = 1, .fallback = fallback::cpu}, both,
                           std::vector<int>(100, 6));
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  go.open();
  EXPECT_EQ(*f.get(), 6);
}

TEST(Fallback, IsTraced) {
  struct : fronta::trace::sink {
    void record(const fronta::trace::event& e) noexcept override {
      if (e.kind == fronta::trace::event_kind::fall_back) ++count;
    }
    std::atomic<int> count = 0;
  } sink;
  auto* const before = fronta::trace::set_sink(&sink);
  {
    executor ex{threads{.workers = 1}, full()};
    ex.submit(asked, where).get();
  }
  fronta::trace::set_sink(before);
  EXPECT_EQ(sink.count, 1);
}

TEST(Quarantine, OfTwoDevicesTheOtherOneIsTakenEvenIfItIsBusy) {
  executor ex{threads{.workers = 2}, breaks_at_once(2)};
  EXPECT_THROW(ex.submit({.place_on = "gpu:0"}, where).get(), device_fault);
  gate go;
  gate runs;
  const auto holder = ex.submit(not_asked, [&](stream& s) {
    run_on(s, [&] {
      runs.open();
      go.wait();
    });
    return fronta::this_task::place();
  });
  runs.wait();
  const auto next = ex.submit(not_asked, [](stream&) { return fronta::this_task::place(); });
  go.open();
  EXPECT_EQ(holder.get(), "cpu gpu:1");
  EXPECT_EQ(next.get(), "cpu gpu:1");
}

}  // namespace
