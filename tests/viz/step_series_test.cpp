// SPDX-License-Identifier: Apache-2.0
#include <src/step_series.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

std::optional<std::pair<double, double>> range(const step_series& of, std::int64_t from,
                                               std::int64_t to) {
  const auto all = of.over(from, to);
  return all ? std::optional(std::pair(all->least, all->greatest)) : std::nullopt;
}

TEST(StepSeries, HoldsAValueUntilTheNext) {
  step_series s;
  s.add(10, 1);
  s.add(20, 3);
  s.finish();
  EXPECT_EQ(s.at(9), std::nullopt);
  EXPECT_EQ(s.at(10), 1);
  EXPECT_EQ(s.at(19), 1);
  EXPECT_EQ(s.at(20), 3);
  EXPECT_EQ(s.at(1'000), 3);
}

TEST(StepSeries, KeepsNoValueThatHoldsForNoTime) {
  step_series s;
  s.add(0, 0);
  s.add(10, 5);
  s.add(10, 0);
  s.add(20, 7);
  s.add(30, 7);
  s.finish();
  EXPECT_EQ(s.steps(), 2U);
  EXPECT_EQ(range(s, 0, 20), std::pair(0.0, 0.0));
}

TEST(StepSeries, HasNoRangeBeforeItsFirstValueNorOfNoTime) {
  step_series s;
  s.add(10, 1);
  s.finish();
  EXPECT_EQ(range(s, 0, 10), std::nullopt);
  EXPECT_EQ(range(s, 20, 20), std::nullopt);
  EXPECT_EQ(range(s, 0, 11), std::pair(1.0, 1.0));
  EXPECT_EQ(range(step_series(), 0, 10), std::nullopt);
}

TEST(StepSeries, SumsTimeByValue) {
  step_series s;
  s.add(10, 2);
  s.add(20, 0);
  s.add(30, 1);
  s.finish();
  EXPECT_EQ(s.integral(0, 100), 20 + 70);
  EXPECT_EQ(s.integral(15, 35), 10 + 5);
  EXPECT_EQ(s.integral(35, 15), 0);
}

TEST(StepSeries, KnowsMeanAndStepsOfAStretch) {
  step_series s;
  s.add(10, 2);
  s.add(20, 0);
  s.add(30, 1);
  s.finish();
  EXPECT_EQ(s.over(10, 30)->mean, 1);
  EXPECT_EQ(s.over(0, 30)->mean, 1) << "of the time in which it had a value";
  EXPECT_EQ(s.over(15, 25)->mean, 1);
  EXPECT_EQ(s.over(0, 100)->steps, 3U);
  EXPECT_EQ(s.over(10, 30)->steps, 1U);
  EXPECT_EQ(s.over(40, 50)->steps, 0U);
}

TEST(StepSeries, FindsTheExactRangeHoweverLong) {
  std::mt19937_64 random(3);
  for (const int steps : {1, 15, 16, 17, 256, 257, 5'000}) {
    step_series s;
    std::vector<double> of_time;  // its value in each unit of time
    for (int i = 0; i < steps; ++i) {
      const auto value = static_cast<double>(random() % 1'000) - 500;
      s.add(static_cast<std::int64_t>(of_time.size()), value);
      of_time.resize(of_time.size() + 1 + random() % 3, value);
    }
    s.finish();
    for (int round = 0; round < 200; ++round) {
      auto from = random() % of_time.size();
      auto to = random() % of_time.size();
      if (from > to) std::swap(from, to);
      ++to;
      const auto [least, most] =
          std::minmax_element(of_time.begin() + static_cast<std::ptrdiff_t>(from),
                              of_time.begin() + static_cast<std::ptrdiff_t>(to));
      const auto all = s.over(static_cast<std::int64_t>(from), static_cast<std::int64_t>(to));
      ASSERT_TRUE(all);
      ASSERT_EQ(all->least, *least);
      ASSERT_EQ(all->greatest, *most);
      const auto sum = std::accumulate(of_time.begin() + static_cast<std::ptrdiff_t>(from),
                                       of_time.begin() + static_cast<std::ptrdiff_t>(to), 0.0);
      ASSERT_NEAR(all->mean, sum / static_cast<double>(to - from), 1e-9);
    }
  }
}

}  // namespace
}  // namespace fronta::viz
