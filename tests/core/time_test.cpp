// SPDX-License-Identifier: Apache-2.0
#include <fronta/time.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

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

TEST(Deadline, OfAnInfiniteLimitNeverPasses) {
  EXPECT_TRUE(deadline{time_limit::none()}.never());
  EXPECT_TRUE(deadline::at(std::chrono::steady_clock::time_point::max()).never());
  EXPECT_FALSE(deadline{time_limit::none()}.passed());
}

TEST(Deadline, OfAZeroLimitHasPassed) { EXPECT_TRUE(deadline{time_limit{0s}}.passed()); }

}  // namespace
