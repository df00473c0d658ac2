// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/clock_map.hpp>

#include <fronta/gpu/simulated.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

namespace {

using fronta::gpu::clock_map;
using fronta::gpu::clock_sample;
using namespace std::chrono_literals;

// A device whose clock is known: what it shows at a time of the host's.
struct known_clock {
  std::int64_t ahead;
  double drift;
  [[nodiscard]] std::int64_t at(std::int64_t host) const {
    return host + ahead + std::llround(static_cast<double>(host) * drift);
  }
};

// Samples from `host` on, with round trips like a real device's: 8 µs at least, now and then far
// more, the device's reading anywhere between.
std::vector<clock_sample> batch(const known_clock& of, std::int64_t host, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> late(1 / 4000.0);
  std::uniform_real_distribution<double> where(0, 1);
  std::vector<clock_sample> samples;
  for (std::size_t i = 0; i < clock_map::batch; ++i) {
    const auto trip = 8'000 + std::llround(late(random));
    const auto read = host + std::llround(where(random) * static_cast<double>(trip));
    samples.push_back({host, of.at(read), host + trip});
    host += trip + 500;
  }
  return samples;
}

constexpr std::int64_t second = 1'000'000'000;

TEST(ClockMap, HoldsAnOffsetAndADriftWithinItsError) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const known_clock of{.ahead = -5 * second, .drift = 40e-6};
    clock_map map;
    for (int i = 0; i < 5; ++i) map.add(batch(of, i * second, seed * 5 + static_cast<unsigned>(i)));
    for (std::int64_t host = 0; host < 5 * second; host += 10'007'003) {
      const auto [mapped, error] = map.to_host(of.at(host));
      ASSERT_LE(std::abs(mapped - host), error + 1) << "seed " << seed << ", at " << host;
      ASSERT_LT(error, 8'000) << "worse than the round trip";
    }
    EXPECT_NEAR(map.drift(), 40e-6, 5e-6);
  }
}

TEST(ClockMap, AWorseBatchHasAGreaterError) {
  clock_map close;
  close.add(std::vector<clock_sample>{{0, 100, 10}});
  clock_map wide;
  wide.add(std::vector<clock_sample>{{0, 100, 4'000}});
  EXPECT_EQ(close.to_host(100).error, 5);
  EXPECT_EQ(wide.to_host(100).error, 2'000);
}

TEST(ClockMap, TheShortestRoundTripsDecide) {
  clock_map map;
  // The device is 1 000 ahead; the long round trip alone would allow it to be 98 950 behind.
  map.add(std::vector<clock_sample>{{0, 1'050, 100'000}, {100'000, 101'005, 100'010}});
  const auto [host, error] = map.to_host(101'005);
  EXPECT_EQ(error, 5);
  EXPECT_NEAR(static_cast<double>(host), 100'005, 5);
}

TEST(ClockMap, OneBatchKnowsNoDriftSoItsErrorGrowsWithTheDistance) {
  const known_clock of{.ahead = 0, .drift = clock_map::most_drift};
  clock_map map;
  map.add(batch(of, 0, 1));
  EXPECT_EQ(map.drift(), 0);
  const auto near = map.to_host(of.at(0));
  const auto far = map.to_host(of.at(10 * second));
  EXPECT_GT(far.error, near.error);
  EXPECT_LE(std::abs(far.host - 10 * second), far.error);
}

TEST(ClockMap, BeyondItsBatchesTheErrorGrows) {
  const known_clock of{.ahead = second, .drift = -20e-6};
  clock_map map;
  map.add(batch(of, 0, 1));
  map.add(batch(of, second, 2));
  for (const auto host : {-10 * second, 20 * second}) {
    const auto [mapped, error] = map.to_host(of.at(host));
    EXPECT_LE(std::abs(mapped - host), error);
    EXPECT_GT(error, map.to_host(of.at(second / 2)).error);
  }
}

TEST(ClockMap, IgnoresWhatIsNoSample) {
  clock_map map;
  map.add({});
  EXPECT_TRUE(map.empty());
  map.add(std::vector<clock_sample>{{10, 5, 0}});
  EXPECT_TRUE(map.empty()) << "it ended before it began";
}

TEST(ClockMap, LongRunsKeepFewBatches) {
  const known_clock of{.ahead = 7, .drift = 1e-6};
  clock_map map;
  for (int i = 0; i < 1'000; ++i) map.add(batch(of, i * second, static_cast<unsigned>(i)));
  const auto [mapped, error] = map.to_host(of.at(998 * second + 1));
  EXPECT_LE(std::abs(mapped - 998 * second - 1), error + 1);
}

// The fit against a device whose clock is skewed and drifts, as the host sees it.
TEST(ClockMap, FitsASimulatedDevicesClock) {
  const fronta::gpu::simulated skewed{.model = {.clock_offset = -3s, .clock_drift = 50e-6}};
  fronta::gpu::simulation all(skewed);
  auto& d = all.at(0);
  clock_map map;
  map.add(sample_batch(d));
  const auto between = d.sample_clocks();
  // For some drift.
  while (d.sample_clocks().host_after < between.host_after + 20'000'000) {
  }
  map.add(sample_batch(d));
  const auto [host, error] = map.to_host(between.device);
  EXPECT_GE(host + error, between.host_before);
  EXPECT_LE(host - error, between.host_after);
  EXPECT_NEAR(map.drift(), 50e-6, 100e-6) << "20 ms are short for more";
}

TEST(ClockMap, IsExactInVirtualTime) {
  fronta::gpu::simulation all({.time = fronta::gpu::simulated_time::virtual_(),
                               .model = {.clock_offset = 3us, .clock_drift = 1e-3}});
  auto& d = all.at(0);
  clock_map map;
  map.add(sample_batch(d, 1));
  EXPECT_EQ(map.to_host(3'000).host, 0);
  EXPECT_EQ(map.to_host(3'000).error, 0);
}

}  // namespace
