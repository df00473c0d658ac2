// SPDX-License-Identifier: Apache-2.0
// Edges between GPU tasks that stay on the device: the next host part goes on when the one before
// has been issued.
#include <fronta/gpu/backend.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>
#include <fronta/wait.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/counting_device.hpp>
#include <support/gate.hpp>
#include <support/gpu_kind.hpp>
#include <support/manual_clock.hpp>
#include <support/test_kernels.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
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
using fronta::test::add;
using fronta::test::affine;
using fronta::test::counted;
using fronta::test::counting_device;
using fronta::test::gate;
using fronta::test::run_on;
using fronta::test::set;

class DeviceEdges : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(DeviceEdges);
class BreakingDeviceEdges : public fronta::test::OnGpus {};
FRONTA_BREAKING_EACH_GPU_KIND(BreakingDeviceEdges);

// A buffer with one number that the device writes.
template <class Before>
buffer<int> made_of(stream& s, int value, Before before) {
  auto b = s.allocate<int>(1);
  run_on(s, before);
  set(s, s.write(b), value);
  return b;
}

buffer<int> plus_one(stream& s, const buffer<int>& in) {
  auto out = s.allocate<int>(1);
  affine(s, s.read(in), 1, 1, s.write(out));
  return out;
}

int fetched(executor& ex, const future<buffer<int>>& f) {
  int result = 0;
  ex.submit([&](stream& s, const buffer<int>& b) { s.to_host(std::span(&result, 1), b); }, f).get();
  return result;
}

TEST_P(DeviceEdges, TheNextHostPartDoesNotWaitForTheWorkBefore) {
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  gate next_enqueued;
  const auto first = ex.submit([&](stream& s) { return made_of(s, 1, [&] { go.wait(); }); });
  const auto second = ex.submit(
      [&](stream& s, const buffer<int>& b) {
        auto out = plus_one(s, b);
        next_enqueued.open();
        return out;
      },
      first);
  next_enqueued.wait();
  EXPECT_FALSE(first.done());
  EXPECT_FALSE(second.done());
  go.open();
  EXPECT_EQ(fetched(ex, second), 2);
}

TEST_P(DeviceEdges, AChainIsEnqueuedAheadOfItsWork) {
  constexpr int links = 100;
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  gate all_enqueued;
  auto last = ex.submit([&](stream& s) { return made_of(s, 0, [&] { go.wait(); }); });
  const auto first = last;
  for (int i = 0; i < links; ++i) last = ex.submit(plus_one, std::move(last));
  const auto told = ex.submit([&](stream&, const buffer<int>&) { all_enqueued.open(); }, last);
  all_enqueued.wait();
  EXPECT_FALSE(first.done());
  go.open();
  EXPECT_EQ(fetched(ex, last), links);
  told.get();
}

// For tests that count what is asked of a device.
simulated simulated_devices() { return {.model = time_model::instant()}; }

TEST(DeviceEdges, AChainCallsNoEventsThoughItsFuturesAreKept) {
  const auto device = std::make_shared<counting_device>(simulated_devices());
  executor ex{threads{.workers = 2}, counted{device}};
  gate go;
  gate all_enqueued;
  std::vector links{ex.submit([&](stream& s) { return made_of(s, 0, [&] { go.wait(); }); })};
  for (int i = 0; i < 20; ++i) links.push_back(ex.submit(plus_one, links.back()));
  const auto told =
      ex.submit([&](stream&, const buffer<int>&) { all_enqueued.open(); }, links.back());
  all_enqueued.wait();
  EXPECT_EQ(device->records, 0);
  EXPECT_EQ(device->waits, 0);
  go.open();
  told.get();
}

TEST(DeviceEdges, AReaderOnAnotherStreamWaitsForItsInputAndNotForWhatCameNext) {
  const auto device = std::make_shared<counting_device>(simulated_devices());
  executor ex{threads{.workers = 3}, counted{device}};
  gate registered;
  gate next_enqueued;
  gate reader_enqueued;
  gate go_first;
  gate go;
  const auto first = ex.submit([&](stream& s) {
    registered.wait();
    return made_of(s, 7, [&] { go_first.wait(); });
  });
  const auto next = ex.submit(
      [&](stream& s, const buffer<int>& b) {
        run_on(s, [&] { go.wait(); });
        static_cast<void>(s.read(b));
        next_enqueued.open();
      },
      first);
  const auto later = ex.submit([&] { next_enqueued.wait(); });
  int seen = 0;
  const auto reader = ex.submit(
      [&](stream& s, const buffer<int>& b) {
        s.to_host(std::span(&seen, 1), b);
        reader_enqueued.open();
      },
      first, later);
  registered.open();
  reader_enqueued.wait();
  go_first.open();
  // It needs the copy engine alone; behind `next` it would not come to that.
  EXPECT_EQ(reader.wait_for(10s), fronta::future_status::ready);
  go.open();
  next.get();
  reader.get();
  EXPECT_EQ(seen, 7);
  EXPECT_EQ(device->records, 1);
  EXPECT_EQ(device->waits, 1);
}

TEST(DeviceEdges, EachStreamWaitsForAnotherOncePerInput) {
  const auto device = std::make_shared<counting_device>(simulated_devices());
  executor ex{threads{.workers = 2}, counted{device}};
  gate go;
  gate enqueued;
  const auto left = ex.submit([&](stream& s) { return made_of(s, 1, [&] { go.wait(); }); });
  const auto right = ex.submit([&](stream& s) { return made_of(s, 2, [&] { go.wait(); }); });
  const auto sum_of = [](stream& s, const buffer<int>& a, const buffer<int>& b) {
    auto out = s.allocate<int>(1);
    add(s, s.read(a), s.read(b), s.write(out));
    return out;
  };
  auto sum = ex.submit(sum_of, left, right);
  for (int i = 0; i < 10; ++i) sum = ex.submit(sum_of, std::move(sum), right);
  const auto told = ex.submit([&](stream&, const buffer<int>&) { enqueued.open(); }, sum);
  enqueued.wait();
  EXPECT_FALSE(left.done());
  EXPECT_LE(device->records, 2);
  EXPECT_EQ(device->waits, 1);
  go.open();
  EXPECT_EQ(fetched(ex, sum), 23);
  told.get();
}

TEST_P(DeviceEdges, InputsOfSeveralStreamsAreAllWaitedFor) {
  executor ex{threads{.workers = 2}, devices()};
  for (int round = 0; round < 50; ++round) {
    std::array<gate, 3> go;
    std::vector<future<buffer<int>>> made;
    for (auto& g : go) {
      made.push_back(ex.submit([&](stream& s) { return made_of(s, 1, [&g] { g.wait(); }); }));
    }
    const auto sum = ex.submit(
        [](stream& s, const buffer<int>& a, const buffer<int>& b, const buffer<int>& c) {
          auto out = s.allocate<int>(1);
          add(s, s.read(a), s.read(b), s.write(out));
          add(s, s.read(out), s.read(c), s.write(out));
          return out;
        },
        made[0], made[1], made[2]);
    for (auto& g : go) g.open();
    ASSERT_EQ(fetched(ex, sum), 3);
  }
}

TEST_P(DeviceEdges, NoTaskIsDoneBeforeItsInputs) {
  executor ex{threads{.workers = 2}, devices()};
  for (int round = 0; round < 200; ++round) {
    auto first = ex.submit([](stream& s) { return made_of(s, 1, [] {}); });
    const auto side = ex.submit([](stream& s) { return made_of(s, 1, [] {}); });
    const auto second = ex.submit(
        [](stream& s, const buffer<int>& a, const buffer<int>&) { return plus_one(s, a); }, first,
        side);
    second.result();
    ASSERT_TRUE(first.done());
    ASSERT_TRUE(side.done());
  }
}

TEST(DeviceEdges, AChainThatNeedsMoreMemoryThanThereIsAtOnceIsHeldBack) {
  executor ex{threads{.workers = 2}, simulated{.memory = 64 << 10, .model = time_model::instant()}};
  auto last = ex.submit([](stream& s) { return s.allocate<char>(4'096); });
  for (int i = 0; i < 200; ++i) {
    last = ex.submit(
        [](stream& s, const buffer<char>& before) {
          auto after = s.allocate<char>(4'096);
          static_cast<void>(s.read(before));
          run_on(s, [] {});
          return after;
        },
        std::move(last));
  }
  EXPECT_EQ(last.result().size(), 4'096U);
}

TEST_P(DeviceEdges, ACallbackMayReadWhatTheNextTaskWasGiven) {
  executor ex{threads{.workers = 2}, devices()};
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> read = 0;
    auto first = ex.submit([](stream& s) { return made_of(s, 1, [] {}); });
    first.add_done_callback([&](const auto& f) { read += static_cast<int>(f.result().size()); });
    const auto second = ex.submit([](stream&, buffer<int>&& b) { return b; }, std::move(first));
    second.result();
    ex.shutdown();
    ASSERT_EQ(read, 1);
    ex = executor{threads{.workers = 2}, devices()};
  }
}

TEST_P(DeviceEdges, ReadersGoToTheDeviceOfTheBuffer) {
  executor ex{threads{.workers = 2}, devices(2)};
  for (int round = 0; round < 200; ++round) {
    const auto first = ex.submit([](stream& s) { return made_of(s, 1, [] {}); });
    ASSERT_EQ(fetched(ex, ex.submit(plus_one, first)), 2);
  }
}

TEST_P(DeviceEdges, OfSeveralDependentsOneHasTheAmount) {
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  std::atomic<int> at_once = 0;
  std::atomic<int> most = 0;
  const fronta::task_options one{.needs = {{"gpu", 1}}};
  const auto first = ex.submit(one, [&](stream& s) { return made_of(s, 1, [&] { go.wait(); }); });
  std::vector<future<void>> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(ex.submit(
        one,
        [&](stream& s, const buffer<int>&) {
          run_on(s, [&] {
            const int now = ++at_once;
            int seen = most.load();
            while (seen < now && !most.compare_exchange_weak(seen, now)) {
            }
            --at_once;
          });
        },
        first));
  }
  go.open();
  for (const auto& f : all) f.get();
  EXPECT_EQ(most, 1);
}

TEST_P(DeviceEdges, ValuesForTheHostAreWaitedFor) {
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  std::vector<int> numbers(3);
  const auto first = ex.submit([&](stream& s) {
    const auto b = made_of(s, 7, [&] { go.wait(); });
    std::vector<int> out(1);
    s.to_host(std::span(out), b);
    return out;
  });
  const auto second = ex.submit([](stream&, const std::vector<int>& v) { return v.at(0); }, first);
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  EXPECT_FALSE(second.running());
  go.open();
  EXPECT_EQ(second.get(), 7);
}

TEST_P(DeviceEdges, WhatMayBeTriedAgainIsWaitedFor) {
  executor ex{threads{.workers = 2}, devices()};
  std::atomic<int> tries = 0;
  const auto first = ex.submit({.retries = 1}, [&](stream& s) {
    if (++tries == 1) throw std::runtime_error("once");
    return made_of(s, 1, [] {});
  });
  EXPECT_EQ(fetched(ex, ex.submit(plus_one, first)), 2);
  EXPECT_EQ(tries, 2);
}

TEST_P(DeviceEdges, AMovedBufferIsUpdatedInPlace) {
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  auto first = ex.submit([&](stream& s) { return made_of(s, 1, [&] { go.wait(); }); });
  const auto second = ex.submit(
      [](stream& s, buffer<int>&& b) {
        affine(s, s.write(b), 10, 0, s.write(b));
        return std::move(b);
      },
      std::move(first));
  go.open();
  EXPECT_EQ(fetched(ex, second), 10);
}

TEST_P(DeviceEdges, AHostPartThatFailsFailsItsDependents) {
  executor ex{threads{.workers = 2}, devices()};
  std::atomic<int> ran = 0;
  const auto first =
      ex.submit({.name = "first"}, [](stream&) -> buffer<int> { throw std::runtime_error("no"); });
  const auto second = ex.submit(
      [&](stream& s, const buffer<int>& b) {
        ++ran;
        return plus_one(s, b);
      },
      first);
  EXPECT_THROW(second.result(), std::runtime_error);
  EXPECT_EQ(second.failed_input(), "first");
  EXPECT_EQ(ran, 0);
}

TEST_P(BreakingDeviceEdges, AFaultEndsTheWholeChain) {
  executor ex{threads{.workers = 2}, devices()};
  gate go;
  gate enqueued;  // who still enqueues would only find the device lost
  auto last = ex.submit({.name = "first"}, [&](stream& s) {
    auto b = made_of(s, 1, [&] {
      go.wait();
      throw std::runtime_error("a bad address");
    });
    enqueued.open();
    return b;
  });
  std::vector<future<buffer<int>>> all{last};
  for (int i = 0; i < 20; ++i) {
    last = ex.submit(plus_one, last);
    all.push_back(last);
  }
  enqueued.wait();
  go.open();
  for (const auto& f : all) {
    f.wait();
    EXPECT_THROW(f.result(), fronta::device_error);
  }
  EXPECT_THROW(all.front().result(), fronta::device_fault);
}

TEST_P(DeviceEdges, AnInputThatTimesOutFailsWhatWasIssuedBehindIt) {
  const auto clock = std::make_shared<fronta::test::manual_clock>();
  executor ex{executor_options{.clock = clock}, threads{.workers = 2}, devices()};
  gate go;
  gate enqueued;
  const auto first = ex.submit({.name = "slow", .timeout = 1s},
                               [&](stream& s) { return made_of(s, 1, [&] { go.wait(); }); });
  const auto second = ex.submit(
      [&](stream& s, const buffer<int>& b) {
        auto out = plus_one(s, b);
        enqueued.open();
        return out;
      },
      first);
  enqueued.wait();
  clock->wait_for_waiter(1s);
  clock->advance(1s);
  EXPECT_THROW(first.result(), fronta::timeout_error);
  EXPECT_FALSE(second.done());  // its work is on the device
  go.open();
  EXPECT_THROW(second.result(), fronta::timeout_error);
  EXPECT_EQ(second.failed_input(), "slow");
}

TEST_P(DeviceEdges, DroppedFuturesKeepTheChainGoing) {
  int result = 0;
  {
    gate go;
    executor ex{threads{.workers = 2}, devices()};
    auto last = ex.submit([&](stream& s) { return made_of(s, 1, [&] { go.wait(); }); });
    for (int i = 0; i < 5; ++i) last = ex.submit(plus_one, std::move(last));
    ex.post([&](stream& s, const buffer<int>& b) { s.to_host(std::span(&result, 1), b); },
            std::move(last));
    go.open();
  }
  EXPECT_EQ(result, 6);
}

TEST_P(DeviceEdges, GoBetweenDevices) {
  executor ex{threads{.workers = 2}, devices(2)};
  gate go;
  std::atomic<bool> made = false;
  const auto first = ex.submit({.place_on = "gpu:0"}, [&](stream& s) {
    return made_of(s, 1, [&] {
      go.wait();
      made = true;
    });
  });
  std::atomic<bool> seen = false;
  gate enqueued;
  const auto second = ex.submit(
      {.place_on = "gpu:1"},
      [&](stream& s, const buffer<int>&) {
        run_on(s, [&] { seen = made.load(); });
        enqueued.open();
      },
      first);
  enqueued.wait();
  go.open();
  second.get();
  EXPECT_TRUE(seen);
}

}  // namespace
