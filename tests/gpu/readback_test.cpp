// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/readback.hpp>

#include <fronta/this_task.hpp>
#include <fronta/wait.hpp>

#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/gpu_kind.hpp>
#include <support/test_kernels.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::future;
using fronta::invalid_state_error;
using fronta::cpu::threads;
using fronta::gpu::buffer;
using fronta::gpu::readback;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::test::gate;
using fronta::test::run_on;

// Not to be taken early by another GPU task.
static_assert(!fronta::gpu::device_data<readback<int>>::value);
static_assert(!fronta::gpu::device_data<std::pair<buffer<int>, readback<int>>>::value);

class ReadbackOfATask : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(ReadbackOfATask);

/// The number, by way of the device.
readback<int> over_the_device(stream& s, int number) {
  const auto there = s.to_device(std::span(&std::as_const(number), 1));
  return s.readback(s.read(there));
}

class Readback : public fronta::test::OnEachGpuKind {};
FRONTA_ON_EACH_GPU_KIND(Readback);

TEST_P(Readback, TravelsInTheFutureOfItsTask) {
  std::vector<future<readback<int>>> all;
  all.reserve(500);
  for (int i = 0; i < 500; ++i) {
    all.push_back(on().submit([i](stream& s) { return over_the_device(s, i); }));
  }
  for (int i = 0; i < 500; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].get().value(), i);
}

TEST_P(Readback, HandsOverStructsOfAnySize) {
  const auto check = [&]<std::size_t N>(std::array<double, N>) {
    std::array<double, N> wanted{};
    for (std::size_t i = 0; i < N; ++i) wanted[i] = static_cast<double>(i) + 0.5;
    const auto found = run([&](stream& s) {
      const auto there = s.to_device(std::span(&std::as_const(wanted), 1));
      return s.readback(s.read(there));
    });
    EXPECT_EQ(found.value(), wanted);
  };
  check(std::array<double, 1>{});
  check(std::array<double, 8>{});
  check(std::array<double, 9>{});
  check(std::array<double, 1'000>{});
}

TEST_P(Readback, IsReadByDependents) {
  const auto made = on().submit([](stream& s) { return over_the_device(s, 20); });
  const auto plain = on().submit([](const readback<int>& r) { return r.value() + 1; }, made);
  const auto on_gpu = on().submit(
      [](stream& s, const readback<int>& r) { return over_the_device(s, r.value() + 2); }, made);
  EXPECT_EQ(plain.get(), 21);
  EXPECT_EQ(on_gpu.get().value(), 22);
}

TEST_P(ReadbackOfATask, IsNotThereBeforeTheTaskHasEnded) {
  executor ex{threads{.workers = 1}, devices()};
  std::optional<readback<int>> outside;
  gate enqueued;
  gate go;
  const auto f = ex.submit([&](stream& s) {
    run_on(s, [&] { go.wait(); });
    auto r = over_the_device(s, 5);
    EXPECT_THROW(static_cast<void>(r.value()), invalid_state_error);
    outside = r;
    enqueued.open();
    return r;
  });
  enqueued.wait();
  EXPECT_THROW(static_cast<void>(outside->value()), invalid_state_error);
  go.open();
  EXPECT_EQ(f.get().value(), 5);
  EXPECT_EQ(outside->value(), 5);
  EXPECT_THROW(static_cast<void>(readback<int>().value()), invalid_state_error);
}

TEST_P(ReadbackOfATask, TakesOneElement) {
  executor ex{threads{.workers = 1}, devices()};
  ex.submit([](stream& s) {
      auto two = s.allocate<int>(2);
      EXPECT_THROW(static_cast<void>(s.readback(s.read(two))), std::invalid_argument);
      EXPECT_THROW(static_cast<void>(s.readback(fronta::gpu::view<int>())), std::invalid_argument);
    }).get();
}

TEST_P(ReadbackOfATask, IsOfTheRunThatSucceeds) {
  executor ex{threads{.workers = 1}, devices()};
  std::vector<readback<int>> outside;
  const auto f = ex.submit({.retries = 2}, [&](stream& s) {
    auto r = over_the_device(s, fronta::this_task::attempt());
    outside.push_back(r);
    if (fronta::this_task::attempt() < 2) throw std::runtime_error("once more");
    return r;
  });
  EXPECT_EQ(f.get().value(), 2);
  ASSERT_EQ(outside.size(), 3U);
  EXPECT_THROW(static_cast<void>(outside[0].value()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(outside[1].value()), invalid_state_error);
  EXPECT_EQ(outside[2].value(), 2);
}

TEST_P(ReadbackOfATask, MayComeTooLate) {
  gate go;
  std::optional<readback<int>> outside;
  {
    executor ex{threads{.workers = 1}, devices()};
    const auto f = ex.submit({.timeout = 5ms}, [&](stream& s) {
      run_on(s, [&] { go.wait(); });
      outside = over_the_device(s, 5);
      return *outside;
    });
    EXPECT_THROW(static_cast<void>(f.get()), fronta::timeout_error);
    go.open();
    // Its memory serves the next one.
    EXPECT_EQ(ex.submit([](stream& s) { return over_the_device(s, 6); }).get().value(), 6);
  }
  if (outside) {
    EXPECT_THROW(static_cast<void>(outside->value()), invalid_state_error);
  }
}

TEST_P(ReadbackOfATask, NeedsNobodyWhoWaits) {
  gate go;
  std::atomic<int> enqueued = 0;
  {
    executor ex{threads{.workers = 1}, devices()};
    for (int i = 0; i < 200; ++i) {
      static_cast<void>(ex.submit([&, i](stream& s) {
        if (i == 0) run_on(s, [&] { go.wait(); });
        ++enqueued;
        return over_the_device(s, i);
      }));
    }
    go.open();
  }
  EXPECT_EQ(enqueued, 200);
}

TEST(ReadbackOnASimulatedDevice, IsNotThereAfterAFault) {
  executor ex{threads{.workers = 1},
              simulated{.model = time_model::instant(), .faults = {.break_at_kernel = 1}}};
  std::optional<readback<int>> outside;
  const auto f = ex.submit([&](stream& s) {
    outside = over_the_device(s, 5);
    run_on(s, [] {});
    return *outside;
  });
  EXPECT_THROW(static_cast<void>(f.get()), fronta::device_fault);
  EXPECT_THROW(static_cast<void>(outside->value()), invalid_state_error);
}

TEST_P(ReadbackOfATask, OutlivesTheExecutor) {
  std::optional<readback<int>> kept;
  {
    executor ex{threads{.workers = 1}, devices()};
    kept = ex.submit([](stream& s) { return over_the_device(s, 9); }).get();
  }
  EXPECT_EQ(kept->value(), 9);
}

}  // namespace
