// SPDX-License-Identifier: Apache-2.0
// Arrays that lie on devices, the host or both, and move when they are asked for.
#include <fronta/array.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/this_task.hpp>
#include <fronta/trace.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/counting_device.hpp>
#include <support/gate.hpp>
#include <support/gpu_kind.hpp>
#include <support/test_kernels.hpp>
#include <support/trace_recorder.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace {

using fronta::array;
using fronta::executor;
using fronta::future;
using fronta::cpu::threads;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::gpu::view;
using fronta::test::affine;
using fronta::test::counted;
using fronta::test::counting_device;
using fronta::test::gate;
using fronta::test::run_on;
using fronta::test::set;
using fronta::test::trace_recorder;
using fronta::trace::event_kind;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::ThrowsMessage;

constexpr std::size_t kibi = 1024;
// So many numbers that a pool of memory need not round.
constexpr std::size_t even = 64 * kibi;

class DeviceArray : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(DeviceArray);
class DeviceLanes : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(DeviceLanes);

// As small as no real device is.
simulated small_devices(int count, std::size_t memory) {
  return {.devices = count, .memory = memory, .model = time_model::instant()};
}

array<int> counting(std::size_t size, int from = 0) {
  std::vector<int> v(size);
  std::iota(v.begin(), v.end(), from);
  return array<int>(std::move(v));
}

array<int> plus_one(stream& s, view<const int> in) {
  auto out = s.make_array<int>(in.size());
  affine(s, in, 1, 1, s.write(out));
  return out;
}

// In place where nobody else has it.
array<int> increment(stream& s, array<int> a) {
  const auto v = s.write(a);
  affine(s, v, 1, 1, v);
  return a;
}

std::uint64_t told_argument(std::int32_t place, std::uint64_t bytes) {
  return fronta::trace::place_bytes{place, bytes}.argument();
}

std::size_t used(executor& ex, const char* place = "gpu:0") {
  return ex
      .submit({.place_on = place},
              [](stream& s) {
                const auto m = s.on().memory();
                return m.total_bytes - m.free_bytes;
              })
      .get();
}

TEST_P(DeviceArray, AGpuTaskTakesAView) {
  executor ex{threads{.workers = 2}, devices()};
  const auto made = ex.submit(plus_one, counting(1'000));
  EXPECT_EQ(made.result().size(), 1'000U);
  EXPECT_FALSE(made.result().on_host());
  const auto numbers = made.get();
  EXPECT_THAT(std::vector<int>(numbers.begin(), numbers.end()),
              testing::ElementsAreArray(counting(1'000, 1)));
  EXPECT_TRUE(numbers.on_host());
}

TEST_P(DeviceArray, ACpuTaskTakesASpanOfIt) {
  executor ex{threads{.workers = 1}, devices()};
  const auto made = ex.submit(plus_one, counting(100));
  const auto sum = ex.submit(
      [](std::span<const int> v) { return std::accumulate(v.begin(), v.end(), 0); }, made);
  EXPECT_EQ(sum.get(), 5'050);
}

// For tests that count what is asked of a device.
simulated simulated_devices() { return {.model = time_model::instant()}; }

// An array that the device fills once `go` is open; the host part is over when `wanted` is.
array<int> filled_when(stream& s, std::size_t size, int value, gate& wanted, gate& go) {
  wanted.wait();
  auto out = s.make_array<int>(size);
  run_on(s, [&go] { go.wait(); });
  set(s, s.write(out), value);
  return out;
}

TEST(DeviceArray, IsOnItsWayToTheHostBeforeTheCpuTaskThatTakesItBegins) {
  const auto device = std::make_shared<counting_device>(simulated_devices());
  gate wanted;
  gate go;
  gate sent;
  device->on_copy = [&](fronta::gpu::copy_kind) { sent.open(); };
  executor ex{threads{.workers = 1}, counted{device}};
  const auto made = ex.submit([&](stream& s) { return filled_when(s, 1'000, 7, wanted, go); });
  std::atomic<bool> begun = false;
  const auto sum = ex.submit(
      [&](std::span<const int> v) {
        begun = true;
        return std::accumulate(v.begin(), v.end(), 0);
      },
      made);
  wanted.open();
  sent.wait();  // with the work before it still on the device
  EXPECT_FALSE(begun);
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);  // the only worker is free
  EXPECT_FALSE(begun);
  go.open();
  EXPECT_EQ(sum.get(), 7'000);
  EXPECT_EQ(device->copies_to_host, 1);
  EXPECT_TRUE(made.get().on_host());
}

TEST(DeviceArray, IsNotSentToTheHostWhereNobodyTakesItsNumbers) {
  const auto device = std::make_shared<counting_device>(simulated_devices());
  gate wanted;
  gate go;
  go.open();
  executor ex{threads{.workers = 2}, counted{device}};
  const auto made = ex.submit([&](stream& s) { return filled_when(s, 10, 7, wanted, go); });
  const auto size = ex.submit([](const array<int>& a) { return a.size(); }, made);
  const auto next =
      ex.submit([](stream& s, view<const int>) { return s.make_array<int>(1); }, made);
  const auto dropped = ex.submit([](std::span<const int>) {}, made);
  EXPECT_TRUE(dropped.cancel());
  wanted.open();
  EXPECT_EQ(size.get(), 10U);
  next.wait();
  EXPECT_EQ(device->copies_to_host, 0);
}

TEST(DeviceArray, IsSentOnceForSeveralTasksAndForEachFormOfACallable) {
  const auto device = std::make_shared<counting_device>(simulated_devices());
  gate wanted;
  gate go;
  go.open();
  executor ex{threads{.workers = 2}, counted{device}};
  auto made = ex.submit([&](stream& s) { return filled_when(s, 10, 7, wanted, go); });
  int (*const first)(std::span<const int>) = [](std::span<const int> v) { return v[0]; };
  const auto one = ex.submit(first, made);
  const auto two = ex.submit(
      [calls = 0](int factor, const std::span<const int>& v) mutable {
        return ++calls * factor * v[1];
      },
      2, std::move(made));
  wanted.open();
  EXPECT_EQ(one.get(), 7);
  EXPECT_EQ(two.get(), 14);
  EXPECT_EQ(device->copies_to_host, 1);
}

TEST(DeviceArray, IsSentAheadUpToALimitAndCopiedByTheFirstLookBeyond) {
  constexpr std::size_t large = (std::size_t{24} << 20) / sizeof(int);
  const auto device = std::make_shared<counting_device>(simulated_devices());
  gate wanted;
  gate go;
  executor ex{threads{.workers = 2}, counted{device}};
  std::vector<future<array<int>>> made;
  std::vector<future<int>> looks;
  for (int i = 0; i < 3; ++i) {
    made.push_back(ex.submit([&, i](stream& s) { return filled_when(s, large, i, wanted, go); }));
    looks.push_back(ex.submit([](std::span<const int> v) { return v.back(); }, made.back()));
  }
  gate all_enqueued;
  const auto told = ex.submit(
      [&](stream&, view<const int>, view<const int>, view<const int>) { all_enqueued.open(); },
      made[0], made[1], made[2]);
  wanted.open();
  all_enqueued.wait();
  EXPECT_EQ(device->copies_to_host, 2);
  go.open();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(looks[static_cast<std::size_t>(i)].get(), i);
  told.get();
}

TEST(DeviceArray, WhatIsSentAheadDoesNotWaitForWhatAnotherStreamSends) {
  executor ex{threads{.workers = 2}, simulated_devices()};
  gate wanted;
  gate go;
  const auto slow = ex.submit([&](stream& s) { return filled_when(s, 10, 7, wanted, go); });
  const auto slow_look = ex.submit([](std::span<const int> v) { return v[0]; }, slow);
  gate slow_enqueued;
  const auto told = ex.submit([&](stream&, view<const int>) { slow_enqueued.open(); }, slow);
  wanted.open();
  slow_enqueued.wait();
  gate looked_for;
  // Its numbers come by a copy, which does not wait for the kernel of `slow`.
  const auto quick = ex.submit(
      [&](stream& s, array<int> a) {
        looked_for.wait();
        static_cast<void>(s.write(a));
        return a;
      },
      array<int>(10, 3));
  const auto look = ex.submit([](std::span<const int> v) { return v[0]; }, quick);
  looked_for.open();
  EXPECT_EQ(look.get(), 3);
  EXPECT_TRUE(quick.done());
  EXPECT_FALSE(slow.done());
  go.open();
  EXPECT_EQ(slow_look.get(), 7);
  told.get();
}

TEST(DeviceArray, ChangingItDoesNotChangeWhatWasSentToTheHost) {
  executor ex{threads{.workers = 2}, simulated_devices()};
  for (int round = 0; round < 200; ++round) {
    auto made = ex.submit([](stream& s) {
      auto out = s.make_array<int>(1'000);
      set(s, s.write(out), 1);
      return out;
    });
    const auto before = ex.submit(
        [](std::span<const int> v) { return std::accumulate(v.begin(), v.end(), 0); }, made);
    const auto changed = ex.submit(
        [](stream& s, array<int>&& a) {
          const auto numbers = s.write(a);
          affine(s, numbers, 1, 1, numbers);
          return std::move(a);
        },
        std::move(made));
    const auto after = ex.submit(
        [](std::span<const int> v) { return std::accumulate(v.begin(), v.end(), 0); }, changed);
    ASSERT_EQ(before.get(), 1'000);
    ASSERT_EQ(after.get(), 2'000);
  }
}

TEST(DeviceArray, WhatWasSentFailsWithItsDevice) {
  auto config = simulated_devices();
  config.faults.break_at_kernel = 2;
  executor ex{threads{.workers = 2}, config};
  gate wanted;
  gate go;
  gate enqueued;
  const auto made = ex.submit([&](stream& s) { return filled_when(s, 10, 7, wanted, go); });
  const auto look = ex.submit([](std::span<const int> v) { return v[0]; }, made);
  const auto behind = ex.submit([&](stream&, view<const int>) { enqueued.open(); }, made);
  wanted.open();
  enqueued.wait();  // one that is still enqueueing would be told otherwise
  go.open();
  EXPECT_THROW(made.get(), fronta::device_fault);
  EXPECT_THROW(look.get(), fronta::device_fault);
  EXPECT_ANY_THROW(behind.get());
}

TEST_P(DeviceArray, LargeOnesGoInManyPieces) {
  executor ex{threads{.workers = 2}, devices()};
  const std::size_t size = (std::size_t{11} << 20) + 3;
  std::vector<unsigned char> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(i * 7 + i / 4096);
  const auto expected = bytes;
  const auto copy = ex.submit(
      [](stream& s, view<const unsigned char> in) {
        auto out = s.make_array<unsigned char>(in.size());
        affine(s, in, 1, 0, s.write(out));
        return out;
      },
      array<unsigned char>(std::move(bytes)));
  EXPECT_EQ(copy.get().take(), expected);
}

TEST_P(DeviceArray, StaysOnTheDeviceBetweenTasks) {
  executor ex{threads{.workers = 2}, devices()};
  auto last = ex.submit(plus_one, counting(10));
  const auto middle = last;
  for (int i = 0; i < 10; ++i) last = ex.submit(plus_one, last);
  EXPECT_EQ(last.get()[0], 11);
  EXPECT_FALSE(middle.result().on_host());
}

TEST_P(DeviceArray, TheNextTaskDoesNotWaitForIt) {
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  gate enqueued;
  const auto first = ex.submit([&](stream& s) {
    auto a = s.make_array<int>(1);
    run_on(s, [&] { go.wait(); });
    set(s, s.write(a), 1);
    return a;
  });
  const auto second = ex.submit(
      [&](stream& s, view<const int> in) {
        auto out = plus_one(s, in);
        enqueued.open();
        return out;
      },
      first);
  enqueued.wait();
  EXPECT_FALSE(first.done());
  go.open();
  EXPECT_EQ(second.get()[0], 2);
}

TEST_P(DeviceArray, IsCopiedToADeviceOnce) {
  executor ex{threads{.workers = 2}, devices()};
  const auto a = counting(even);
  const auto before = used(ex);
  for (int i = 0; i < 5; ++i) {
    ex.submit([](stream&, view<const int>) {}, a).get();
    EXPECT_EQ(used(ex) - before, a.size_bytes());
  }
}

TEST_P(DeviceArray, LeavesTheDeviceWithItsLastHandle) {
  executor ex{threads{.workers = 2}, devices()};
  const auto before = used(ex);
  {
    const auto a = counting(even);
    ex.submit([](stream&, view<const int>) {}, a).get();
    EXPECT_GT(used(ex), before);
  }
  while (used(ex) != before) std::this_thread::yield();  // it goes in the order of a stream
}

TEST_P(DeviceArray, GoesFromDeviceToDevice) {
  executor ex{threads{.workers = 2}, devices(2)};
  for (int round = 0; round < 20; ++round) {
    const auto on_0 = ex.submit({.place_on = "gpu:0"}, plus_one, counting(100));
    const auto on_1 = ex.submit({.place_on = "gpu:1"}, plus_one, on_0);
    const auto on_0_again = ex.submit({.place_on = "gpu:0"}, plus_one, on_1);
    ASSERT_EQ(on_0_again.get()[99], 102);
    ASSERT_FALSE(on_0.result().on_host());
  }
}

TEST_P(DeviceArray, SeveralReadersOnSeveralLanesFindTheCopyThere) {
  executor ex{threads{.workers = 4}, devices(2)};
  for (int round = 0; round < 50; ++round) {
    const auto a = counting(5'000, round);
    std::vector<future<array<int>>> made;
    for (int i = 0; i < 8; ++i) made.push_back(ex.submit(plus_one, a));
    for (const auto& f : made) ASSERT_EQ(f.get()[4'999], round + 5'000);
  }
}

TEST_P(DeviceArray, ASoleOwnerChangesItInPlace) {
  executor ex{threads{.workers = 2}, devices()};
  auto a = ex.submit(increment, counting(even)).get();
  const auto before = used(ex);
  a = ex.submit(increment, std::move(a)).get();
  EXPECT_EQ(used(ex), before);
  EXPECT_EQ(a[999], 1'001);
  a = ex.submit(increment, std::move(a)).get();
  EXPECT_FALSE(a.on_host());  // what the host had was old
  EXPECT_EQ(a[999], 1'002);
}

TEST_P(DeviceArray, AChainOfMovedFuturesWorksInPlace) {
  constexpr int links = 50;
  executor ex{threads{.workers = 2}, devices()};
  const auto empty = used(ex);
  gate go;
  auto last = ex.submit([&](stream& s) {
    auto a = s.make_array<int>(even);
    run_on(s, [&] { go.wait(); });
    set(s, s.write(a), 0);
    return a;
  });
  std::size_t most = 0;
  gate all;
  for (int i = 0; i < links; ++i) {
    last = ex.submit(
        [&, i](stream& s, array<int> a) {
          a = increment(s, std::move(a));
          const auto m = s.on().memory();
          most = std::max(most, m.total_bytes - m.free_bytes);
          if (i + 1 == links) all.open();
          return a;
        },
        std::move(last));
  }
  all.wait();
  EXPECT_EQ(most - empty, even * sizeof(int));
  go.open();
  EXPECT_THAT(last.get().take(), Each(links));
}

TEST_P(DeviceArray, ACallbackKeepsTheChainFromWorkingInPlace) {
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  gate second_enqueued;
  auto first = ex.submit([&](stream& s) {
    auto a = s.make_array<int>(10);
    run_on(s, [&] { go.wait(); });
    set(s, s.write(a), 1);
    return a;
  });
  std::optional<int> seen;
  first.add_done_callback([&](const future<array<int>>& f) { seen = f.result()[0]; });
  const auto second = ex.submit(
      [&](stream& s, array<int> a) {
        a = increment(s, std::move(a));
        second_enqueued.open();
        return a;
      },
      std::move(first));
  second_enqueued.wait();
  go.open();
  EXPECT_EQ(second.get()[0], 2);
  ex.shutdown();
  EXPECT_EQ(seen, 1);
}

// The reader's handle is gone when its host part is over, and its work has not begun.
TEST_P(DeviceArray, WorkThatReadsItKeepsOthersFromChangingIt) {
  executor ex{threads{.workers = 2}, devices(2)};
  gate go;
  gate enqueued;
  const auto late = ex.submit({.place_on = "gpu:1"}, [&](stream& s) {
    auto a = s.make_array<int>(1);
    run_on(s, [&] { go.wait(); });
    set(s, s.write(a), 0);
    return a;
  });
  auto a = counting(1, 7);
  const auto reader = ex.submit(
      {.place_on = "gpu:0"},
      [&](stream& s, view<const int>, array<int> x) {
        auto seen = s.make_array<int>(1);
        affine(s, s.read(x), 1, 0, s.write(seen));
        x = {};
        enqueued.open();
        return seen;
      },
      late, a);
  enqueued.wait();
  const auto changed = ex.submit({.place_on = "gpu:0"}, increment, std::move(a));
  changed.wait();
  go.open();
  EXPECT_EQ(reader.get()[0], 7);
  EXPECT_EQ(changed.get()[0], 8);
}

TEST_P(DeviceArray, ALookWhileItIsBeingFilledIsNotTheLast) {
  executor ex{threads{.workers = 2}, devices()};
  int looked = 0;
  const auto made = ex.submit([&](stream& s) {
    auto a = s.make_array<int>(1);
    const auto v = s.write(a);
    set(s, v, 1);
    looked = a[0];
    set(s, v, 2);
    return a;
  });
  EXPECT_EQ(made.get()[0], 2);
  EXPECT_EQ(looked, 1);
}

TEST_P(DeviceArray, WhoIsNotBehindItsFillingIsRefused) {
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  gate tried;
  std::optional<future<array<int>>> too_early;
  const auto filling = ex.submit([&](stream& s) {
    auto a = s.make_array<int>(1);
    run_on(s, [&] { go.wait(); });
    set(s, s.write(a), 5);
    too_early = ex.submit(plus_one, a);
    while (!too_early->done()) std::this_thread::yield();
    tried.open();
  });
  tried.wait();
  EXPECT_THAT([&] { static_cast<void>(too_early->get()); },
              ThrowsMessage<fronta::invalid_state_error>(HasSubstr("take the array through")));
  go.open();
}

TEST_P(DeviceArray, WhoHasItBesideTheFutureGoesBehindItsFilling) {
  executor ex{threads{.workers = 2}, devices(2)};
  gate go;
  gate enqueued;
  array<int> leaked;
  const auto filling = ex.submit({.place_on = "gpu:1"}, [&](stream& s) {
    leaked = s.make_array<int>(1);
    run_on(s, [&] { go.wait(); });
    set(s, s.write(leaked), 5);
    return leaked;
  });
  const auto told =
      ex.submit([&](stream&, const array<int>&) { enqueued.open(); }, filling);  // it is issued
  enqueued.wait();
  gate read;
  const auto beside = ex.submit(
      {.place_on = "gpu:0"},
      [&](stream& s, view<const int> v) {
        auto out = plus_one(s, v);
        read.open();
        return out;
      },
      leaked);
  read.wait();
  go.open();
  EXPECT_EQ(beside.get()[0], 6);
}

TEST_P(DeviceArray, WhoSharesItChangesACopy) {
  executor ex{threads{.workers = 2}, devices()};
  const auto old = ex.submit(plus_one, counting(100));
  const auto changed = ex.submit(increment, old);
  const auto changed_again = ex.submit(increment, old);
  EXPECT_EQ(changed.get()[0], 2);
  EXPECT_EQ(changed_again.get()[0], 2);
  EXPECT_EQ(old.get()[0], 1);
  const auto host = counting(3);
  EXPECT_EQ(ex.submit(increment, host).get()[2], 3);
  EXPECT_THAT(host, ElementsAre(0, 1, 2));
}

TEST_P(DeviceArray, EmptyOnesNeedNothing) {
  executor ex{threads{.workers = 1}, devices()};
  EXPECT_TRUE(ex.submit(plus_one, array<int>()).get().empty());
  EXPECT_TRUE(ex.submit(increment, array<int>()).get().empty());
  EXPECT_TRUE(ex.submit(plus_one, counting(0)).get().on_host());
}

TEST(DeviceArray, TheLeastRecentlyUsedMakesRoom) {
  executor ex{threads{.workers = 1}, small_devices(1, 64 * kibi)};
  const auto a = counting(4 * kibi);  // 16 KiB each
  const auto b = counting(4 * kibi);
  const auto c = counting(4 * kibi);
  const auto touch = [](stream&, view<const int>) {};
  for (const auto& x : {a, b, c, a}) ex.submit(touch, x).get();
  // 48 of 64 KiB are taken: one has to go, b.
  ex.submit([](stream& s) { static_cast<void>(s.make_array<int>(8 * kibi)); }).get();
  const auto left = used(ex);
  EXPECT_EQ(left, 32 * kibi);
  ex.submit(touch, a).get();
  ex.submit(touch, c).get();
  EXPECT_EQ(used(ex), left);
  ex.submit(touch, b).get();
  EXPECT_EQ(used(ex), 48 * kibi);
}

TEST(DeviceArray, WhatIsNowhereElseIsFetchedBeforeItMakesRoom) {
  executor ex{threads{.workers = 2}, small_devices(1, 64 * kibi)};
  std::vector<future<array<int>>> made;
  for (int i = 0; i < 20; ++i) {
    made.push_back(ex.submit([i](stream& s) {
      auto a = s.make_array<int>(4 * kibi);
      set(s, s.write(a), i);
      return a;
    }));
    made.back().wait();
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(made[static_cast<std::size_t>(i)].get().take(), Each(i));
  }
}

// One worker: it can run the opener only while the one that waits lends its share.
TEST(DeviceArray, WhatATaskUsesDoesNotMakeRoomUntilItHasEnded) {
  executor ex{threads{.workers = 1}, small_devices(1, 64 * kibi)};
  gate go;
  const auto a = counting(12 * kibi, 7);
  int seen = 0;
  std::atomic<bool> ended = false;
  const auto holds = ex.submit(
      [&](stream& s, view<const int> v) {
        run_on(s, [&, v] {
          go.wait();
          seen = v[0];
          ended = true;
        });
      },
      a);
  const auto waits = ex.submit([&](stream& s) {
    static_cast<void>(s.make_array<int>(8 * kibi));
    return ended.load();
  });
  const auto opens = ex.submit([&] { go.open(); });
  EXPECT_TRUE(waits.get());
  holds.get();
  EXPECT_EQ(seen, 7);
}

// What one device's task has of another device's memory comes back too.
TEST(DeviceMemory, ATaskOfAnotherDeviceIsWaitedFor) {
  executor ex{threads{.workers = 1}, small_devices(2, 64 * kibi)};
  gate go;
  const auto a = ex.submit({.place_on = "gpu:0"}, plus_one, counting(6 * kibi));
  a.wait();
  ex.submit({.place_on = "gpu:0"}, [](stream& s) {
      static_cast<void>(s.make_array<int>(10 * kibi));  // the input leaves
    }).get();
  const auto holds = ex.submit(
      {.place_on = "gpu:1"}, [&](stream& s, view<const int>) { run_on(s, [&] { go.wait(); }); }, a);
  const auto waits = ex.submit({.place_on = "gpu:0"},
                               [](stream& s) { static_cast<void>(s.make_array<int>(12 * kibi)); });
  const auto opens = ex.submit([&] { go.open(); });
  waits.get();
  holds.get();
}

TEST(DeviceMemory, AWaitForItIsTold) {
  trace_recorder trace;
  executor ex{threads{.workers = 1}, small_devices(1, 64 * kibi)};
  gate go;
  const auto holds = ex.submit([&](stream& s) {
    const auto b = s.allocate<int>(12 * kibi);
    run_on(s, [&] { go.wait(); });
  });
  const auto waits = ex.submit([](stream& s) {
    static_cast<void>(s.make_array<int>(8 * kibi));
    return fronta::this_task::path();
  });
  const auto opens = ex.submit([&] { go.open(); });  // when the one before it has lent the share
  const auto task = waits.get();
  EXPECT_THAT(trace.told(task, event_kind::block), ElementsAre(Pair(0U, "")));
  EXPECT_THAT(
      trace.told(task, event_kind::wait),
      ElementsAre(Pair(static_cast<std::uint64_t>(fronta::trace::wait_reason::memory), "")));
  EXPECT_EQ(trace.told(task, event_kind::unblock).size(), 1U);
  holds.get();
}

// One worker: the third task runs only once the second waits.
TEST(DeviceMemory, MemoryOfAnotherDeviceIsNoSignal) {
  executor ex{threads{.workers = 1}, small_devices(2, 64 * kibi)};
  gate go;
  const auto a = ex.submit({.place_on = "gpu:1"}, plus_one, counting(4 * kibi));
  a.wait();
  const auto holds = ex.submit({.place_on = "gpu:0"}, [&](stream& s) {
    const auto b = s.allocate<int>(12 * kibi);
    run_on(s, [&] { go.wait(); });
  });
  const auto waits = ex.submit(
      {.place_on = "gpu:0"},
      [](stream& s, view<const int>) { static_cast<void>(s.allocate<int>(8 * kibi)); }, a);
  ex.submit({.place_on = "gpu:1"}, [](stream& s) { static_cast<void>(s.allocate<int>(1)); }).get();
  go.open();
  waits.get();
  holds.get();
}

TEST(DeviceMemory, AFetchUnderWayIsWaitedFor) {
  for (int round = 0; round < 20; ++round) {
    executor ex{threads{.workers = 2}, small_devices(1, std::size_t{16} << 20)};
    const auto a = ex.submit([](stream& s) {
                       auto made = s.make_array<int>(std::size_t{3} << 20);
                       set(s, s.write(made), 1);
                       return made;
                     }).get();
    std::thread reader([&] { EXPECT_EQ(a[0], 1); });
    ex.submit([](stream& s) { static_cast<void>(s.allocate<int>(std::size_t{2} << 20)); }).get();
    reader.join();
  }
}

TEST(DeviceMemory, ALostCopyIsNoReasonToLetTheLastOneGo) {
  executor ex{threads{.workers = 1}, small_devices(2, 64 * kibi)};
  const auto a = ex.submit({.place_on = "gpu:1"}, plus_one, counting(4 * kibi)).get();
  ex.submit({.place_on = "gpu:0"}, [](stream&, view<const int>) {}, a).get();
  const auto fault = ex.submit(
      {.place_on = "gpu:1"}, [](stream& s) { run_on(s, [] { throw std::runtime_error("bad"); }); });
  EXPECT_THROW(fault.get(), fronta::device_fault);
  ex.submit({.place_on = "gpu:0"}, [](stream& s) {
      static_cast<void>(s.allocate<int>(14 * kibi));
    }).get();
  EXPECT_EQ(a[0], 1);
}

// A kernel's own array goes in a thread of the device, while somebody makes room.
TEST(DeviceMemory, RoomIsMadeWhileTheDeviceLetsArraysGo) {
  executor ex{threads{.workers = 2},
              simulated{.streams = 1, .memory = 64 * kibi, .model = time_model::instant()}};
  gate go;
  gate enqueued;
  const auto idle = ex.submit(plus_one, counting(6 * kibi));
  idle.wait();
  const auto holds = ex.submit([&](stream& s) {
    auto mine = s.make_array<int>(6 * kibi);
    const auto v = s.write(mine);
    run_on(s, [&go, v, mine] {
      go.wait();
      v[0] = 1;
    });
    mine = {};
    run_on(s, [] {});
    enqueued.open();
  });
  enqueued.wait();
  const auto needs = ex.submit([](stream& s) { static_cast<void>(s.allocate<int>(8 * kibi)); });
  const auto opens = ex.submit([&] { go.open(); });
  needs.get();
  holds.get();
}

// A callback of a task that has ended does not count as one who will give memory back.
TEST(DeviceMemory, NobodyWaitsForATaskThatHasLetGo) {
  executor ex{threads{.workers = 2}, small_devices(1, 64 * kibi)};
  gate go;
  gate called;
  std::optional<future<void>> refused;
  const auto kept = ex.submit([](stream& s) { return s.allocate<int>(12 * kibi); });
  kept.wait();
  const auto other = ex.submit([&](stream& s) { run_on(s, [&] { go.wait(); }); });
  other.add_done_callback([&](const future<void>&) {
    EXPECT_THROW(refused->get(), fronta::device_bad_alloc);
    called.open();
  });
  refused = ex.submit([](stream& s) { static_cast<void>(s.allocate<int>(8 * kibi)); });
  go.open();
  called.wait();
}

// A lane that is held keeps no worker from other tasks.
TEST_P(DeviceLanes, ATaskWithoutOneIsToldToWaitForAStream) {
  trace_recorder trace;
  auto config = devices();
  config.streams = 1;
  executor ex{threads{.workers = 2}, config};
  gate held;
  gate go;
  const auto first = ex.submit([&](stream&) {
    held.open();
    go.wait();
  });
  held.wait();
  const auto second = ex.submit([](stream&) { return fronta::this_task::path(); });
  const auto waits = Pair(static_cast<std::uint64_t>(fronta::trace::queue::stream), "");
  trace.wait_for(event_kind::enqueue, 3);  // both to the pool, then the second one here
  go.open();
  EXPECT_THAT(trace.told(second.get(), event_kind::enqueue), testing::Contains(waits));
}

TEST_P(DeviceLanes, TasksWithoutOneWaitInAQueue) {
  auto config = devices();
  config.streams = 1;
  executor ex{threads{.workers = 2, .max_substitutes = 0}, config};
  gate held;
  gate go;
  const auto first = ex.submit([&](stream&) {
    held.open();
    go.wait();
  });
  held.wait();
  std::vector<future<int>> others;
  for (int i = 0; i < 500; ++i) others.push_back(ex.submit([i](stream&) { return i; }));
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  EXPECT_FALSE(others.front().done());
  go.open();
  for (int i = 0; i < 500; ++i) EXPECT_EQ(others[static_cast<std::size_t>(i)].get(), i);
}

TEST(DeviceMemory, TasksThatWaitForItWithTheOnlyLane) {
  executor ex{threads{.workers = 1},
              simulated{.streams = 1, .memory = 64 * kibi, .model = time_model::instant()}};
  gate go;
  const auto holds = ex.submit([&](stream& s) {
    const auto b = s.allocate<int>(12 * kibi);
    run_on(s, [&] { go.wait(); });
  });
  std::vector<future<void>> others;
  for (int i = 0; i < 8; ++i) {
    others.push_back(ex.submit([](stream& s) { static_cast<void>(s.allocate<int>(8 * kibi)); }));
  }
  const auto opens = ex.submit([&] { go.open(); });
  for (const auto& f : others) f.get();
  holds.get();
}

// More than the ring holds, behind a kernel that does not end yet.
TEST_P(DeviceArray, AnUploadWaitsForNoKernel) {
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  const array<unsigned char> large(std::size_t{20} << 20, 'x');
  const array<unsigned char> small(1, 'y');
  gate uploaded;
  const auto first = ex.submit([&](stream& s) {
    run_on(s, [&] { go.wait(); });
    const auto v = s.read(large);
    auto last = s.make_array<unsigned char>(1);
    affine(s, {v.data() + v.size() - 1, 1}, 1, 0, s.write(last));
    uploaded.open();
    return last;
  });
  uploaded.wait();
  gate also;
  const auto second = ex.submit([&](stream&, view<const unsigned char>) { also.open(); }, small);
  also.wait();
  go.open();
  EXPECT_EQ(first.get()[0], 'x');
}

TEST(DeviceArray, TooLargeForTheDevice) {
  executor ex{threads{.workers = 1}, small_devices(1, 64 * kibi)};
  const auto refused = ex.submit(plus_one, counting(17 * kibi));
  try {
    refused.get();
    ADD_FAILURE() << "it fits";
  } catch (const fronta::device_bad_alloc& e) {
    EXPECT_EQ(e.asked(), 17 * kibi * sizeof(int));
    EXPECT_EQ(e.free(), 64 * kibi);
    EXPECT_THAT(e.what(), HasSubstr("gpu:0"));
  }
}

TEST(DeviceArray, GoesWithItsDeviceUnlessItIsElsewhere) {
  executor ex{threads{.workers = 2}, small_devices(2, 64 * kibi)};
  const auto kept = ex.submit({.place_on = "gpu:0"}, plus_one, counting(10));
  const auto lost = ex.submit({.place_on = "gpu:0"}, plus_one, counting(10));
  const auto copied = ex.submit({.place_on = "gpu:0"}, plus_one, counting(10));
  EXPECT_EQ(kept.get()[0], 1);
  lost.wait();
  ex.submit({.place_on = "gpu:1"}, [](stream&, view<const int>) {}, copied).get();
  const auto fault = ex.submit(
      {.place_on = "gpu:0"}, [](stream& s) { run_on(s, [] { throw std::runtime_error("bad"); }); });
  EXPECT_THROW(fault.get(), fronta::device_fault);
  EXPECT_EQ(kept.get()[0], 1);
  EXPECT_EQ(copied.get()[0], 1);
  EXPECT_THAT([&] { return lost.get()[0]; }, ThrowsMessage<fronta::device_lost_error>(AllOf(
                                                 HasSubstr("gpu:0"), HasSubstr("its arrays"))));
  EXPECT_EQ(ex.submit({.place_on = "gpu:1"}, plus_one, kept).get()[0], 2);
  EXPECT_THROW(ex.submit({.place_on = "gpu:1"}, plus_one, lost).get(), fronta::device_lost_error);
}

TEST_P(DeviceArray, AViewIsForHostParts) {
  const auto a = counting(3);
  EXPECT_THAT([&] { static_cast<void>(static_cast<view<const int>>(a)); },
              ThrowsMessage<fronta::invalid_state_error>(HasSubstr("host part")));
  executor ex{threads{.workers = 1}};
  const auto in_cpu_task = ex.submit([&] { return static_cast<view<const int>>(a).size(); });
  EXPECT_THROW(static_cast<void>(in_cpu_task.get()), fronta::invalid_state_error);
}

TEST_P(DeviceArray, IsToldWhereItComesAndGoes) {
  trace_recorder trace;
  executor ex{threads{.workers = 1}, devices()};
  const auto told = Pair(told_argument(1, 400), "");
  std::uint64_t reads = 0;
  {
    const auto made = ex.submit(
        [&](stream& s, view<const int> in) {
          reads = fronta::this_task::path();
          auto out = s.make_array<int>(in.size());
          affine(s, in, 1, 1, s.write(out));
          return out;
        },
        counting(100));
    made.wait();
    // Copied there, and made there.
    EXPECT_THAT(trace.told(reads, event_kind::placed), ElementsAre(told, told));
    EXPECT_THAT(trace.told(0, event_kind::moved), testing::IsEmpty());
    EXPECT_EQ(made.result()[0], 1);
    EXPECT_THAT(trace.told(0, event_kind::moved), ElementsAre(told));
  }
  ex.shutdown();
  const auto freed = trace.of(event_kind::freed);
  ASSERT_EQ(freed.size(), 2U);
  for (const auto& e : freed) {
    EXPECT_EQ(e.argument, told_argument(1, 400));
    EXPECT_EQ(e.executor, trace.of(reads).front().executor);
  }
}

TEST_P(DeviceArray, ThatIsSentAheadIsToldAsMovedByItsTask) {
  trace_recorder trace;
  executor ex{threads{.workers = 1}, devices()};
  std::uint64_t task = 0;
  gate go;
  const auto made = ex.submit([&](stream& s) {
    task = fronta::this_task::path();
    go.wait();
    auto out = s.make_array<int>(100);
    set(s, s.write(out), 1);
    return out;
  });
  const auto sum = ex.submit(
      [](std::span<const int> v) { return std::accumulate(v.begin(), v.end(), 0); }, made);
  go.open();
  EXPECT_EQ(sum.get(), 100);
  EXPECT_EQ(trace.of(event_kind::moved).size(), 1U);
  EXPECT_THAT(trace.told(task, event_kind::moved), testing::SizeIs(1));
}

TEST_P(DeviceArray, ThatIsScatteredIsToldOfNoTask) {
  trace_recorder trace;
  executor ex{threads{.workers = 1}, devices(2)};
  const auto there = ex.scatter(counting(100), "gpu:1");
  EXPECT_THAT(trace.told(0, event_kind::placed), ElementsAre(Pair(told_argument(2, 400), "")));
}

TEST_P(DeviceArray, IsScatteredToADevice) {
  executor ex{threads{.workers = 2}, devices(2)};
  const auto before = used(ex, "gpu:1");
  const auto there = ex.scatter(counting(even), "gpu:1");
  EXPECT_EQ(used(ex, "gpu:1") - before, even * sizeof(int));
  const auto where =
      ex.submit([](stream& s, view<const int>) { return s.on().properties().index; }, there);
  EXPECT_EQ(where.get(), 1);
  EXPECT_EQ(used(ex, "gpu:1") - before, even * sizeof(int));
  executor small{threads{.workers = 1}, small_devices(1, kibi)};
  EXPECT_THROW(static_cast<void>(small.scatter(counting(even), "gpu:0")), fronta::device_bad_alloc);
}

TEST_P(DeviceArray, AHostPartMayLookAtWhatIsStillBeingMade) {
  executor ex{threads{.workers = 1}, devices()};
  gate looking;
  const auto first = ex.submit([&](stream& s) {
    auto a = s.make_array<int>(1);
    run_on(s, [&] {
      looking.wait();
      for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
    });
    set(s, s.write(a), 5);
    return a;
  });
  const auto second = ex.submit(
      [&](stream&, const array<int>& a) {
        looking.open();
        return a[0];
      },
      first);
  EXPECT_EQ(second.get(), 5);
}

TEST_P(DeviceArray, WhoGotItBesideTheFutureWaitsForTheTask) {
  executor ex{threads{.workers = 1}, devices()};
  gate looking;
  gate leaked_there;
  array<int> leaked;
  const auto made = ex.submit([&](stream& s) {
    leaked = s.make_array<int>(1);
    run_on(s, [&] {
      looking.wait();
      for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
    });
    set(s, s.write(leaked), 5);
    leaked_there.open();
  });
  leaked_there.wait();
  int seen = 0;
  std::thread reader([&] {
    looking.open();
    seen = leaked[0];
  });
  reader.join();
  EXPECT_EQ(seen, 5);
}

TEST_P(DeviceArray, WhatTheHostGetsAtTheEndIsNotReadBefore) {
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  const auto made = ex.submit([&](stream& s) {
    auto on_device = s.allocate<int>(1);
    run_on(s, [&] { go.wait(); });
    set(s, s.write(on_device), 5);
    std::vector<int> host(1);
    s.to_host(std::span(host), on_device);
    return array<int>(std::move(host));
  });
  const auto next = ex.submit(plus_one, made);
  go.open();
  EXPECT_EQ(next.get()[0], 6);
}

TEST_P(DeviceArray, RetriesReadItAgain) {
  executor ex{threads{.workers = 2}, devices()};
  const auto input = ex.submit(plus_one, counting(10));
  std::atomic<int> runs = 0;
  const auto made = ex.submit(
      {.retries = 3},
      [&](stream& s, view<const int> in) {
        auto out = plus_one(s, in);
        if (++runs < 3) throw std::runtime_error("once more");
        return out;
      },
      input);
  EXPECT_EQ(made.get()[9], 11);
  EXPECT_EQ(runs, 3);
}

TEST_P(DeviceArray, OutlivesTheExecutor) {
  array<int> a;
  {
    executor ex{threads{.workers = 1}, devices()};
    a = ex.submit(plus_one, counting(10)).get();
  }
  EXPECT_EQ(a[9], 10);
}

}  // namespace
