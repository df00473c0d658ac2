// SPDX-License-Identifier: Apache-2.0
#include <fronta/time.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>

namespace {

using namespace std::chrono_literals;
using fronta::deadline;
using fronta::time_limit;

static_assert(time_limit{}.infinite());
static_assert(time_limit{5s}.value() == 5s);

TEST(TimeLimit, WhatDoesNotFitMeansForEver) {
  EXPECT_TRUE(time_limit{std::chrono::hours::max()}.infinite());
  EXPECT_TRUE(time_limit{std::chrono::nanoseconds::max()}.infinite());
  EXPECT_TRUE(time_limit{std::chrono::duration<double>{std::numeric_limits<double>::infinity()}}
                  .infinite());
}

TEST(TimeLimit, ZeroNegativeAndNanDoNotWait) {
  EXPECT_TRUE(time_limit{0ms}.zero());
  EXPECT_TRUE(time_limit{-1h}.zero());
  EXPECT_TRUE(time_limit{std::chrono::hours::min()}.zero());
  EXPECT_TRUE(
      time_limit{std::chrono::duration<double>{std::numeric_limits<double>::quiet_NaN()}}.zero());
}

TEST(TimeLimit, APositiveWaitNeverRoundsDownToAPoll) {
  EXPECT_FALSE((time_limit{std::chrono::duration<double, std::pico>{1.0}}.zero()));
}

// F-05
TEST(TimeLimit, SaturatesInEveryUnit) {
  EXPECT_TRUE(time_limit{std::chrono::years::max()}.infinite());
  EXPECT_TRUE(time_limit{std::chrono::milliseconds::max()}.infinite());
  EXPECT_TRUE((time_limit{std::chrono::duration<std::uint64_t>::max()}.infinite()));
  EXPECT_TRUE((time_limit{std::chrono::duration<float>{1e30F}}.infinite()));
  EXPECT_TRUE(
      (time_limit{std::chrono::duration<double>{-std::numeric_limits<double>::infinity()}}.zero()));
  EXPECT_FALSE(time_limit{24h * 365 * 90}.infinite());
  EXPECT_EQ(time_limit{24h * 365 * 90}.value(), 24h * 365 * 90);
}

TEST(TimeLimit, EqualLimitsAreEqualWhateverTheirUnits) {
  EXPECT_EQ(time_limit{1s}, time_limit{1000ms});
  EXPECT_EQ(time_limit{std::chrono::duration<double>{0.5}}, time_limit{500ms});
  EXPECT_EQ(time_limit{}, time_limit::none());
  EXPECT_NE(time_limit{1s}, time_limit::none());
  EXPECT_EQ(time_limit{-1s}, time_limit{0s});
}

// F-05
TEST(Deadline, OfACoarseTimePointDoesNotOverflow) {
  using coarse = std::chrono::time_point<std::chrono::steady_clock, std::chrono::hours>;
  EXPECT_TRUE(deadline::at(coarse::max()).never());
  EXPECT_TRUE(deadline::at(coarse::min()).passed());
  using real = std::chrono::time_point<std::chrono::steady_clock, std::chrono::duration<double>>;
  constexpr std::chrono::duration<double> infinity{std::numeric_limits<double>::infinity()};
  EXPECT_TRUE(deadline::at(real(infinity)).never());
  EXPECT_TRUE(deadline::at(real(-infinity)).passed());
}

TEST(Deadline, CountsFromTheGivenInstant) {
  const auto now = std::chrono::steady_clock::now();
  EXPECT_EQ(deadline(time_limit(5s), now).when(), now + 5s);
  EXPECT_TRUE(deadline(time_limit(5s), deadline::time_point::max() - 1s).never());
  EXPECT_TRUE(deadline(time_limit(1s), now - 2s).passed());
  EXPECT_FALSE(deadline(time_limit(1h), now).passed());
}

TEST(SystemClock, IsTheSteadyClockAndOneForAll) {
  const auto before = std::chrono::steady_clock::now();
  const auto clock = fronta::system_clock();
  EXPECT_GE(clock->now(), before);
  EXPECT_EQ(clock, fronta::system_clock());
  std::mutex mutex;
  std::condition_variable changed;
  std::unique_lock lock(mutex);
  clock->wait_until(lock, changed, before);
  EXPECT_TRUE(lock.owns_lock());
}

TEST(Deadline, OfAnInfiniteLimitNeverPasses) {
  EXPECT_TRUE(deadline{time_limit::none()}.never());
  EXPECT_TRUE(deadline::at(std::chrono::steady_clock::time_point::max()).never());
  EXPECT_FALSE(deadline{time_limit::none()}.passed());
}

TEST(Deadline, OfAZeroLimitHasPassed) { EXPECT_TRUE(deadline{time_limit{0s}}.passed()); }

}  // namespace
