// SPDX-License-Identifier: Apache-2.0
// Random graphs of GPU and CPU tasks on simulated devices.
#include <fronta/gpu/backend.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/errors.hpp>
#include <fronta/executor.hpp>

#include <gtest/gtest.h>

#include <support/host_kernel.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::future;
using fronta::task_options;
using fronta::cpu::threads;
using fronta::gpu::buffer;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::gpu::view;
using fronta::test::host_kernel;

constexpr int modulus = 1'000'003;

// Plain device memory that the kernels write and read: the sanitizers watch the order of the
// device.
buffer<int> combined(stream& s, const buffer<int>& a, const buffer<int>& b) {
  auto out = s.allocate<int>(1);
  s.launch(host_kernel([](view<const int> x, view<const int> y, view<int> to) {
             to[0] = (3 * x[0] + 5 * y[0] + 1) % modulus;
           }),
           {}, {}, s.read(a), s.read(b), s.write(out));
  return out;
}

buffer<int> started(stream& s, int value) { return s.to_device(std::span<const int>(&value, 1)); }

TEST(DeviceEdgesStress, RandomGraphsGiveTheRightNumbers) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    simulated config{.devices = 1, .streams = 1 + static_cast<int>(seed % 4), .seed = seed};
    if (seed % 2 == 0) {
      config.model = time_model::instant();
    } else {
      config.model.jitter = 1;
    }
    executor ex{threads{.workers = 2}, config};
    std::vector<future<buffer<int>>> made;
    std::vector<int> expected;
    for (int i = 0; i < 4; ++i) {
      made.push_back(ex.submit(started, i));
      expected.push_back(i);
    }
    for (int i = 0; i < 300; ++i) {
      const auto a = random() % made.size();
      const auto b = random() % made.size();
      task_options o;
      if (random() % 3 == 0) o.needs = {{"gpu", 1}};
      if (random() % 4 == 0) o.retries = 1;  // then its dependents wait for its end
      if (random() % 5 == 0) o.priority = static_cast<int>(random() % 3) - 1;
      made.push_back(ex.submit(o, combined, made[a], made[b]));
      expected.push_back((3 * expected[a] + 5 * expected[b] + 1) % modulus);
    }
    std::vector<int> results(made.size(), -1);
    std::vector<future<void>> fetched;
    for (std::size_t i = 0; i < made.size(); ++i) {
      fetched.push_back(ex.submit(
          [](stream& s, const buffer<int>& b, int* to) { s.to_host(std::span(to, 1), b); }, made[i],
          &results[i]));
      if (random() % 2 == 0) made[i] = {};
    }
    for (const auto& f : fetched) f.get();
    ASSERT_EQ(results, expected) << "seed " << seed;
  }
}

TEST(DeviceEdgesStress, FailuresTimeoutsCancellationAndFaultsEndEverything) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    simulated config{.devices = 2, .streams = 2, .model = time_model::instant(), .seed = seed};
    if (seed % 4 == 3) config.faults.break_at_kernel = 1 + random() % 100;
    std::vector<future<buffer<int>>> made;
    {
      executor ex{threads{.workers = 2}, config};
      for (int i = 0; i < 4; ++i) made.push_back(ex.submit({.place_on = "gpu:0"}, started, i));
      for (int i = 0; i < 150; ++i) {
        const auto a = random() % made.size();
        const auto b = random() % made.size();
        task_options o;
        if (random() % 3 == 0) o.needs = {{"gpu", 1}};
        if (random() % 10 == 0) o.timeout = std::chrono::microseconds(random() % 500);
        const bool fails = random() % 20 == 0;
        made.push_back(ex.submit(
            o,
            [fails](stream& s, const buffer<int>& x, const buffer<int>& y) {
              if (fails) throw std::runtime_error("drawn to fail");
              return combined(s, x, y);
            },
            made[a], made[b]));
        if (random() % 15 == 0) made[random() % made.size()].cancel();
      }
      if (seed % 2 == 0) ex.shutdown();
    }
    for (const auto& f : made) {
      ASSERT_TRUE(f.done()) << "seed " << seed;
      if (f.cancelled()) continue;
      try {
        f.result();
      } catch (const std::exception&) {  // any of the above; that all have ended is the test
      }
    }
  }
}

// A buffer that goes from hand to hand and is updated in place.
TEST(DeviceEdgesStress, LongChainsWithAmounts) {
  executor ex{threads{.workers = 2}, simulated{.streams = 3, .model = time_model::instant()}};
  const task_options one{.needs = {{"gpu", 1}}};
  constexpr int links = 2'000;
  std::array<future<buffer<int>>, 2> chains;
  for (auto& c : chains) c = ex.submit(one, started, 0);
  for (int i = 0; i < links; ++i) {
    for (auto& c : chains) {
      c = ex.submit(
          one,
          [](stream& s, buffer<int>&& b) {
            s.launch(host_kernel([](view<int> v) { ++v[0]; }), {}, {}, s.write(b));
            return std::move(b);
          },
          std::move(c));
    }
  }
  for (const auto& c : chains) {
    int result = 0;
    ex.submit([&](stream& s, const buffer<int>& b) { s.to_host(std::span(&result, 1), b); }, c)
        .get();
    EXPECT_EQ(result, links);
  }
}

}  // namespace
