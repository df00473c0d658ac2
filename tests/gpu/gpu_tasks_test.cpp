// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/backend.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>
#include <fronta/wait.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/gpu_kind.hpp>
#include <support/manual_clock.hpp>
#include <support/test_kernels.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::executor_options;
using fronta::future;
using fronta::cpu::threads;
using fronta::gpu::buffer;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::test::affine;
using fronta::test::gate;
using fronta::test::host_call;
using fronta::test::run_on;
using testing::Each;
using testing::HasSubstr;

class GpuTasks : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(GpuTasks);

class BreakingGpuTasks : public fronta::test::OnGpus {};
FRONTA_BREAKING_EACH_GPU_KIND(BreakingGpuTasks);

simulated with_memory(std::size_t bytes) {
  return {.memory = bytes, .model = time_model::instant()};
}

TEST_P(GpuTasks, EndWhenTheirWorkHas) {
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  std::atomic<bool> ran = false;
  const auto f = ex.submit([&](stream& s) {
    run_on(s, [&] {
      go.wait();
      ran = true;
    });
    return 7;
  });
  // The worker has let go of it.
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  EXPECT_EQ(ex.submit([] { return 2; }).get(), 2);
  EXPECT_FALSE(f.done());
  go.open();
  EXPECT_EQ(f.get(), 7);
  EXPECT_TRUE(ran);
}

TEST_P(GpuTasks, ComputeAndReturnData) {
  executor ex{threads{.workers = 1}, devices()};
  std::vector<int> numbers(1'000);
  std::iota(numbers.begin(), numbers.end(), 0);
  const auto made = ex.submit(
      [](stream& s, const std::vector<int>& in) {
        auto from = s.to_device(std::span(in));
        auto to = s.allocate<int>(in.size());
        affine(s, s.read(from), 3, 1, s.write(to));
        return to;
      },
      numbers);
  std::vector<int> result(numbers.size());
  const auto copied =
      ex.submit([](stream& s, const buffer<int>& b, std::span<int> to) { s.to_host(to, b); }, made,
                std::span(result));
  copied.get();
  for (std::size_t i = 0; i < result.size(); ++i) {
    ASSERT_EQ(result[i], 3 * numbers[i] + 1);
  }
}

TEST_P(GpuTasks, TheDeviceItselfReadsAndWritesPinnedMemory) {
  executor ex{threads{.workers = 1}, devices()};
  fronta::gpu::device* on = nullptr;
  auto* const pinned = ex.submit([&](stream& s) {
                           on = &s.on();
                           return static_cast<int*>(s.on().allocate_pinned(2 * sizeof(int)));
                         }).get();
  int pageable = 1;
  pinned[0] = 1;
  gate go;
  int through_pageable = 0;
  const auto f = ex.submit([&](stream& s) {
    run_on(s, [&] { go.wait(); });
    const auto a = s.to_device(std::span<const int>(&pageable, 1));
    const auto b = s.to_device(std::span<const int>(pinned, 1));
    s.to_host(std::span(&through_pageable, 1), a);
    s.to_host(std::span(pinned + 1, 1), b);
    pageable = 2;  // too late: it has been taken
    pinned[0] = 2;
  });
  EXPECT_EQ(ex.submit([] { return 7; }).get(), 7);  // the host part is over
  go.open();
  f.get();
  EXPECT_EQ(through_pageable, 1);
  EXPECT_EQ(pinned[1], 2);
  on->deallocate_pinned(pinned);
}

TEST_P(GpuTasks, ReadersOfATaskThatFillsPinnedMemoryWaitForItsEnd) {
  executor ex{threads{.workers = 1}, devices()};
  fronta::gpu::device* on = nullptr;
  auto* const pinned = ex.submit([&](stream& s) {
                           on = &s.on();
                           return static_cast<int*>(s.on().allocate_pinned(sizeof(int)));
                         }).get();
  *pinned = 0;
  gate go;
  const auto made = ex.submit([&](stream& s) {
    run_on(s, [&] { go.wait(); });
    auto b = s.to_device(std::span<const int>({3}));
    s.to_host(std::span(pinned, 1), b);
    return b;
  });
  const auto seen = ex.submit([&](stream&, const buffer<int>&) { return *pinned; }, made);
  EXPECT_EQ(ex.submit([] { return 7; }).get(), 7);  // what need not wait has run
  go.open();
  EXPECT_EQ(seen.get(), 3);
  on->deallocate_pinned(pinned);
}

TEST_P(GpuTasks, KeepTheMemoryThatTheirWorkUses) {
  executor ex{threads{.workers = 1}, devices()};
  gate go;
  auto made = ex.submit([](stream& s) { return s.to_device(std::span<const int>({1, 2, 3})); });
  const auto f = ex.submit(
      [&](stream& s, buffer<int>&& b) {
        const buffer<int> mine = std::move(b);  // gone when the host part returns
        auto doubled = s.allocate<int>(mine.size());
        run_on(s, [&] { go.wait(); });
        affine(s, s.read(mine), 2, 0, s.write(doubled));
        return doubled;
      },
      std::move(made));
  std::vector<int> result(3);
  ex.submit([] {}).get();  // the only worker has done its host part
  go.open();
  ex.submit([&](stream& s, const buffer<int>& b) { s.to_host(std::span(result), b); }, f).get();
  EXPECT_THAT(result, testing::ElementsAre(2, 4, 6));
}

TEST_P(GpuTasks, AreKnownByTheirFirstParameter) {
  executor ex{threads{.workers = 1}, devices()};
  EXPECT_EQ(ex.submit([](int x) { return x; }, 1).get(), 1);
  EXPECT_EQ(ex.submit([](stream&, int x) { return x; }, 2).get(), 2);
  // What can be called without a stream is plain, unless it is said to be for one.
  const auto generic = [](auto&&... args) { return sizeof...(args); };
  EXPECT_EQ(ex.submit(generic, 1).get(), 1U);
  EXPECT_EQ(ex.submit(fronta::gpu::task(generic), 1).get(), 2U);
  const auto first = ex.submit([] { return 3; });
  EXPECT_EQ(ex.submit([](stream&, const int& x) { return x; }, first).get(), 3);
  EXPECT_EQ(ex.submit({.name = "named"}, [](stream&) { return fronta::this_task::name(); }).get(),
            "named");
}

TEST_P(GpuTasks, MoveOnlyCallablesAndResults) {
  executor ex{threads{.workers = 1}, devices()};
  auto f =
      ex.submit([p = std::make_unique<int>(4)](stream&) { return std::make_unique<int>(*p + 1); });
  EXPECT_EQ(*f.result(), 5);
}

TEST_P(GpuTasks, WithoutADeviceAreRefusedAtSubmit) {
  executor ex{threads{.workers = 1}};
  try {
    ex.submit({.name = "blur"}, [](stream&) {});
    FAIL() << "it was accepted";
  } catch (const fronta::unsatisfiable_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("\"blur\""));
    EXPECT_THAT(e.what(), HasSubstr("gpu::simulated"));
  }
}

TEST_P(GpuTasks, HoldTheirTagsUntilTheDeviceHasEnded) {
  executor ex{threads{.workers = 2}, devices()};
  gate started;
  gate go;
  std::atomic<bool> over = false;
  const auto f = ex.submit({.needs = {{"gpu", 1}}}, [&](stream& s) {
    run_on(s, [&] {
      started.open();
      go.wait();
      over = true;
    });
  });
  started.wait();  // of two in a queue either worker may claim first
  const auto next = ex.submit({.needs = {{"gpu", 1}}}, [&](stream&) { return over.load(); });
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  EXPECT_FALSE(next.done());
  go.open();
  EXPECT_TRUE(next.get());
  f.get();
}

TEST_P(GpuTasks, AskForMoreThanADeviceHasAreRefused) {
  executor ex{threads{.workers = 1}, devices(2)};
  EXPECT_THROW(ex.submit({.needs = {{"gpu", 2}}}, [](stream&) {}), fronta::unsatisfiable_error);
}

TEST_P(GpuTasks, GoToTheNamedOrTheEmptierDevice) {
  executor ex{threads{.workers = 2}, devices(2)};
  const auto place = [](stream&) { return fronta::this_task::place(); };
  EXPECT_THAT(ex.submit({.place_on = "gpu:1"}, place).get(), HasSubstr("gpu:1"));
  EXPECT_THAT(ex.submit({.place_on = "gpu:0"}, place).get(), HasSubstr("gpu:0"));
  gate started;
  gate go;
  const auto busy = ex.submit({.place_on = "gpu:0"}, [&](stream& s) {
    run_on(s, [&] {
      started.open();
      go.wait();
    });
  });
  started.wait();
  EXPECT_THAT(ex.submit(place).get(), HasSubstr("gpu:1"));
  go.open();
  busy.get();
}

TEST_P(GpuTasks, FollowTheBuffersAmongTheirInputs) {
  executor ex{threads{.workers = 2}, devices(2)};
  for (int i = 0; i < 20; ++i) {
    const auto made = ex.submit({.place_on = i % 2 == 0 ? "gpu:0" : "gpu:1"},
                                [i](stream& s) { return s.to_device(std::span<const int>({i})); });
    int back = -1;
    ex.submit([&](stream& s, const buffer<int>& b) { s.to_host(std::span(&back, 1), b); }, made)
        .get();
    EXPECT_EQ(back, i);
  }
}

TEST_P(GpuTasks, PlainTasksNeverRunOnAGpuPlaceButMayHoldIt) {
  executor ex{threads{.workers = 1}, devices()};
  EXPECT_EQ(ex.submit([] { return fronta::this_task::place(); }).get(), "cpu");
  EXPECT_EQ(ex.submit({.needs = {{"gpu", 1}}}, [] { return fronta::this_task::place(); }).get(),
            "cpu gpu:0");
}

TEST_P(GpuTasks, AThrowingHostPartFailsThemWhenTheirWorkHasEnded) {
  executor ex{threads{.workers = 1}, devices()};
  gate go;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  const auto f = ex.submit([&go, held = std::move(held)](stream& s) {
    run_on(s, [&go, p = held.get()] {
      go.wait();
      ++*p;  // the capture is alive
    });
    throw std::runtime_error("host part");
  });
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  EXPECT_FALSE(f.done());
  EXPECT_FALSE(watch.expired());
  go.open();
  EXPECT_THROW(f.get(), std::runtime_error);
  EXPECT_TRUE(watch.expired());
}

TEST_P(GpuTasks, RetriesWaitForTheDeviceToo) {
  executor ex{threads{.workers = 1}, devices()};
  std::atomic<int> on_device = 0;
  const auto f = ex.submit({.retries = 2}, [&](stream& s) {
    const auto before = on_device.load();
    run_on(s, [&] { ++on_device; });
    if (fronta::this_task::attempt() < 2) throw std::runtime_error("again");
    return before;
  });
  EXPECT_EQ(f.get(), 2);
  EXPECT_EQ(on_device, 3);
}

TEST_P(GpuTasks, ADependentFailsWithItsInput) {
  executor ex{threads{.workers = 1}, devices()};
  const auto f = ex.submit({.name = "bad"}, [](stream&) -> int { throw std::runtime_error("no"); });
  const auto g = ex.submit([](stream&, int x) { return x; }, f);
  const auto h = ex.submit([](int x) { return x; }, g);
  EXPECT_THROW(h.get(), std::runtime_error);
  EXPECT_EQ(h.failed_input(), "bad");
}

TEST_P(GpuTasks, WhatALaunchRefusesIsThatTasksAlone) {
  executor ex{threads{.workers = 1}, devices()};
  const auto nothing = host_call([] {}, "nothing");
  const auto launches = [&](fronta::gpu::extent grid, fronta::gpu::extent block) {
    return ex.submit([=](stream& s) { s.launch(nothing, grid, block); });
  };
  for (const auto& f : {launches({0}, {1}), launches({1, 65'536}, {1}), launches({1}, {0}),
                        launches({1}, {1'025}), launches({1}, {1, 1, 65})}) {
    try {
      f.get();
      ADD_FAILURE() << "it was launched";
    } catch (const fronta::launch_error& e) {
      EXPECT_THAT(e.what(), HasSubstr("\"nothing\""));
      EXPECT_EQ(e.device(), "gpu:0");
    }
  }
  EXPECT_NO_THROW(launches({1}, {1}).get());
}

TEST_P(GpuTasks, BuffersOfAnotherDeviceAreRefused) {
  executor ex{threads{.workers = 1}, devices(2)};
  const auto b = ex.submit({.place_on = "gpu:0"}, [](stream& s) { return s.allocate<int>(4); });
  const auto f = ex.submit(
      {.place_on = "gpu:1"}, [](stream& s, const buffer<int>& x) { return s.read(x).size(); }, b);
  try {
    f.get();
    ADD_FAILURE() << "it was read";
  } catch (const fronta::launch_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("gpu:0"));
    EXPECT_THAT(e.what(), HasSubstr("gpu:1"));
  }
}

TEST(GpuTasks, MoreMemoryThanThereIsIsSaid) {
  executor ex{threads{.workers = 1}, with_memory(1'000)};
  try {
    ex.submit([](stream& s) { return s.allocate<char>(1'001); }).get();
    ADD_FAILURE() << "there was enough";
  } catch (const fronta::device_bad_alloc& e) {
    EXPECT_EQ(e.asked(), 1'001U);
    EXPECT_LE(e.free(), 1'000U);
  }
}

TEST(GpuTasks, BuffersGoWithTheirLastReaderAndMayOutliveTheExecutor) {
  buffer<char> kept;
  {
    executor ex{threads{.workers = 1}, with_memory(1'024)};
    for (int i = 0; i < 10; ++i) {
      auto f = ex.submit([](stream& s) { return s.allocate<char>(600); });
      f.get();
      // The next allocation is made after this one is freed, in stream order or not at all.
      f = {};
      while (ex.submit([](stream& s) { return s.on().memory().free_bytes; }).get() < 1'024) {
        std::this_thread::yield();
      }
    }
    kept = ex.submit([](stream& s) { return s.allocate<char>(10); }).get();
  }
  EXPECT_EQ(kept.size(), 10U);
}

TEST_P(BreakingGpuTasks, AFaultNamesItsSuspectsAndLosesTheDevice) {
  executor ex{threads{.workers = 1}, devices()};
  gate started;
  gate go;
  const auto bad = ex.submit({.name = "bad"}, [&](stream& s) {
    run_on(s, [&] {
      started.open();
      go.wait();
      throw std::runtime_error("out of bounds");
    });
  });
  started.wait();
  static gate& never = *new gate;
  const auto beside =
      ex.submit({.name = "beside"}, [](stream& s) { run_on(s, [] { never.wait(); }); });
  ex.submit([] {}).get();  // the only worker has done its host part
  go.open();
  try {
    bad.get();
    ADD_FAILURE() << "no fault";
  } catch (const fronta::device_fault& e) {
    EXPECT_THAT(e.suspects(), testing::Contains("bad"));
    EXPECT_FALSE(e.certain());
    EXPECT_EQ(e.code(), 700);
    if (GetParam() == fronta::test::gpu_kind::simulated) {
      EXPECT_THAT(e.what(), HasSubstr("out of bounds"));
    }
  }
  EXPECT_THROW(beside.get(), fronta::device_error);
  const auto late = ex.submit({.name = "late"}, [](stream&) {});
  EXPECT_THROW(late.get(), fronta::device_lost_error);
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1) << "the CPU goes on";
}

// Of CUDA it is not known: it promises nothing to a process whose device broke.
TEST(GpuTasks, ABrokenDeviceIsAvoidedWhereThereIsAnother) {
  executor ex{threads{.workers = 1}, simulated{.devices = 2, .model = time_model::instant()}};
  const auto bad = ex.submit({.place_on = "gpu:0"}, [](stream& s) { run_on(s, [] { throw 1; }); });
  EXPECT_THROW(bad.get(), fronta::device_fault);
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(ex.submit([](stream&) { return fronta::this_task::place(); }).get(),
                HasSubstr("gpu:1"));
  }
  // And a retry finds its way there.
  const auto again = ex.submit({.retries = 1}, [](stream& s) {
    if (fronta::this_task::attempt() == 0) throw std::runtime_error("once");
    run_on(s, [] {});
    return 1;
  });
  EXPECT_EQ(again.get(), 1);
}

TEST_P(GpuTasks, BackendsMayComeInAnyOrder) {
  for (int round = 0; round < 20; ++round) {
    executor ex{devices(), threads{.workers = 2}};
    for (int i = 0; i < 10; ++i) ex.submit([](stream& s) { run_on(s, [] {}); });
  }
}

TEST_P(GpuTasks, OtherAmountsOfCpuServeHostPartsToo) {
  executor ex{threads{.workers = 2}, devices()};
  for (const double cpu : {0.5, 2.0}) {
    std::atomic<int> ran = 0;
    std::vector<future<void>> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back(ex.submit({.needs = {{"cpu", cpu}, {"gpu", 1}}},
                              [&](stream& s) { run_on(s, [&] { ++ran; }); }));
    }
    for (const auto& f : all) f.get();
    EXPECT_EQ(ran, 20);
  }
}

TEST_P(GpuTasks, ACancellingShutdownWaitsForWhatIsOnTheDevice) {
  executor ex{threads{.workers = 1}, devices()};
  gate go;
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = held;
  const auto on_device =
      ex.submit({.needs = {{"gpu", 1}}}, [&go, held = std::move(held)](stream& s) {
        run_on(s, [&go, p = held.get()] {
          go.wait();
          ++*p;
        });
        return 1;
      });
  ex.submit([] {}).get();
  const auto pending = ex.submit({.needs = {{"gpu", 1}}}, [](stream&) {});
  EXPECT_FALSE(ex.shutdown_for(1ms, {.cancel_futures = true}));
  EXPECT_TRUE(pending.cancelled());
  EXPECT_FALSE(watch.expired());
  go.open();
  EXPECT_TRUE(ex.shutdown_for(1h));
  EXPECT_EQ(on_device.get(), 1);
  EXPECT_TRUE(watch.expired());
}

TEST_P(GpuTasks, DroppedFuturesDoNotStopTheirWork) {
  std::atomic<int> ran = 0;
  {
    executor ex{threads{.workers = 1}, devices()};
    for (int i = 0; i < 20; ++i) {
      ex.submit([&](stream& s) { run_on(s, [&] { ++ran; }); });
      ex.post([&](stream& s) { run_on(s, [&] { ++ran; }); });
    }
  }
  EXPECT_EQ(ran, 40) << "the destructor waits for work in flight";
}

TEST_P(GpuTasks, OnTheDeviceCannotBeCancelledPendingOnesCan) {
  executor ex{threads{.workers = 1}, devices()};
  gate go;
  const auto f =
      ex.submit({.needs = {{"gpu", 1}}}, [&](stream& s) { run_on(s, [&] { go.wait(); }); });
  while (!f.running()) std::this_thread::yield();
  const auto pending = ex.submit({.needs = {{"gpu", 1}}}, [](stream&) {});
  EXPECT_FALSE(f.cancel());
  EXPECT_TRUE(pending.cancel());
  go.open();
  EXPECT_NO_THROW(f.get());
}

TEST_P(GpuTasks, ATimeoutEndsTheFutureAndKeepsWhatTheDeviceUses) {
  const auto clock = std::make_shared<fronta::test::manual_clock>();
  executor ex{executor_options{.clock = clock}, threads{.workers = 1}, devices()};
  gate go;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  const auto f = ex.submit({.timeout = 1s}, [&go, held = std::move(held)](stream& s) {
    run_on(s, [&go, p = held.get()] {
      go.wait();
      ++*p;
    });
  });
  while (!f.running()) std::this_thread::yield();
  clock->wait_for_waiter(1s);
  clock->advance(1s);
  EXPECT_THROW(f.get(), fronta::timeout_error);
  EXPECT_FALSE(watch.expired());
  go.open();
  ex.shutdown();
  EXPECT_TRUE(watch.expired());
}

TEST_P(GpuTasks, AWorkerMayWaitForOne) {
  executor ex{threads{.workers = 1}, devices()};
  const auto f = ex.submit([] {
    auto own = fronta::this_task::executor();
    std::atomic<int> sum = 0;
    std::vector<future<void>> all;
    for (int i = 0; i < 10; ++i) {
      all.push_back(own.submit([&](stream& s) { run_on(s, [&] { ++sum; }); }));
    }
    fronta::wait(all);
    own.submit([&](stream& s) { run_on(s, [&] { ++sum; }); }).get();
    return sum.load();
  });
  EXPECT_EQ(f.get(), 11);
}

TEST_P(GpuTasks, AHostPartThatWaitsIsToldNotTo) {
  auto config = devices();
  config.streams = 1;
  executor ex{threads{.workers = 1}, config};
  const auto f = ex.submit({.name = "impatient"}, [](stream& s) {
    auto own = fronta::this_task::executor();
    std::vector<std::string> told;
    const auto inner = own.submit([](stream&) { return 1; });
    const auto plain = own.submit([] { return 2; });
    const auto tell = [&](auto&& wait) {
      try {
        wait();
      } catch (const fronta::invalid_state_error& e) {
        told.emplace_back(e.what());
      }
    };
    tell([&] { inner.wait(); });
    tell([&] { static_cast<void>(plain.result(1h)); });
    tell([&] { fronta::wait(inner, plain); });
    tell([] { const fronta::this_task::blocking lent; });
    run_on(s, [] {});
    return told;
  });
  EXPECT_THAT(f.get(),
              testing::AllOf(testing::SizeIs(4), Each(testing::AllOf(HasSubstr("\"impatient\""),
                                                                     HasSubstr("host part")))));
}

TEST_P(GpuTasks, CallbacksRunOnAWorker) {
  executor ex{threads{.workers = 1, .name = "pool"}, devices()};
  const auto worker = ex.submit([] { return std::this_thread::get_id(); }).get();
  gate go;
  gate called;
  std::thread::id where;
  const auto f = ex.submit([&](stream& s) { run_on(s, [&] { go.wait(); }); });
  f.add_done_callback([&](const auto&) {
    where = std::this_thread::get_id();
    called.open();
  });
  go.open();
  called.wait();
  EXPECT_EQ(where, worker);
}

TEST_P(GpuTasks, EveryMechanismOfCompletionServes) {
  using fronta::gpu::completion_mechanism;
  for (const auto m : {completion_mechanism::frontier, completion_mechanism::event_polling,
                       completion_mechanism::blocking_sync, completion_mechanism::host_callback}) {
    for (int round = 0; round < 10; ++round) {
      auto config = devices(GetParam() == fronta::test::gpu_kind::simulated ? 2 : 1);
      config.completion.mechanism = m;
      executor ex{threads{.workers = 2}, config};
      std::atomic<int> ran = 0;
      std::vector<future<void>> all;
      for (int i = 0; i < 30; ++i) {
        all.push_back(ex.submit([&](stream& s) { run_on(s, [&] { ++ran; }); }));
      }
      for (const auto& f : all) f.get();
      EXPECT_EQ(ran, 30);
    }
  }
}

TEST(GpuTasks, AConfigurationThatCannotBeIsRefused) {
  EXPECT_THROW(executor(threads{.workers = 1}, simulated{.streams = 0}), std::invalid_argument);
  EXPECT_THROW(executor(threads{.workers = 1}, simulated{.devices = 0}), std::invalid_argument);
  EXPECT_THROW(
      executor(threads{.workers = 1}, simulated{.time = fronta::gpu::simulated_time::virtual_()}),
      std::invalid_argument);
}

}  // namespace
