// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/detail/bar_levels.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace {

using fronta::viz::detail::bar_levels;
using part = bar_levels::part;

// Bars of different lengths, one long one among them, in two rows.
std::vector<part> bars(std::size_t count) {
  std::mt19937_64 random(1);
  std::vector<part> all;
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = static_cast<std::int64_t>(10 * i);
    const auto length = i == count / 3 ? std::int64_t{5'000}
                                       : std::uniform_int_distribution<std::int64_t>(1, 9)(random);
    part p{.begin = begin, .end = begin + length, .busy = length};
    p.depth = static_cast<std::uint8_t>(i % 7 == 0 ? 1 : 0);
    if (i % 1'000 == 500) p.first_failure = p.end;
    all.push_back(p);
  }
  return all;
}

bar_levels levels_of(const std::vector<part>& all, bool in_rows = true) {
  bar_levels levels;
  for (const auto& b : all) levels.add(b, b.end - b.begin, in_rows);
  levels.finish();
  return levels;
}

// The first one that ends after t, and how many steps that took.
std::pair<std::size_t, std::size_t> first_after(const bar_levels& levels,
                                                const std::vector<part>& all, std::int64_t t) {
  std::size_t steps = 0;
  const auto found = levels.walk(
      0, levels.size(),
      [&](const bar_levels::node& many) {
        ++steps;
        return many.latest_end <= t;
      },
      [&](std::size_t nth) {
        ++steps;
        return all[nth].end <= t;
      });
  return {found, steps};
}

TEST(BarLevels, FindTheFirstOneInStepsByTheLogarithmOfTheirNumber) {
  const auto all = bars(1'000'000);
  const auto levels = levels_of(all);
  for (const std::size_t wanted : {0U, 1U, 63U, 64U, 65U, 4'096U, 333'333U, 777'777U, 999'999U}) {
    const auto t = all[wanted].begin;
    const auto naive = std::ranges::find_if(all, [t](const part& b) { return b.end > t; });
    const auto [found, steps] = first_after(levels, all, t);
    EXPECT_EQ(found, static_cast<std::size_t>(naive - all.begin())) << wanted;
    EXPECT_LE(steps, 4U * (bar_levels::fan + 4)) << wanted;
  }
  EXPECT_EQ(first_after(levels, all, all.back().end).first, all.size());
}

TEST(BarLevels, SumsAreThoseOfTheBars) {
  for (const std::size_t count : {1U, 63U, 64U, 65U, 4'095U, 4'096U, 4'097U, 20'000U}) {
    const auto all = bars(count);
    const auto levels = levels_of(all);
    ASSERT_EQ(levels.size(), count);
    const auto from = count / 5;
    std::vector<part> sums(2);
    for (auto& s : sums) s = {.begin = bar_levels::never, .end = 0, .bars = 0, .depth = 255};
    std::vector<part> naive = sums;
    levels.walk(
        from, count,
        [&](const bar_levels::node& many) {
          for (const auto& p : levels.parts(many)) sums[p.depth].take(p);
          return true;
        },
        [&](std::size_t nth) {
          sums[all[nth].depth].take(all[nth]);
          return true;
        });
    for (std::size_t i = from; i < count; ++i) naive[all[i].depth].take(all[i]);
    for (std::size_t row = 0; row < 2; ++row) {
      EXPECT_EQ(sums[row].begin, naive[row].begin);
      EXPECT_EQ(sums[row].end, naive[row].end);
      EXPECT_EQ(sums[row].busy, naive[row].busy);
      EXPECT_EQ(sums[row].bars, naive[row].bars);
      EXPECT_EQ(sums[row].first_failure, naive[row].first_failure);
    }
  }
}

TEST(BarLevels, NestedBarsAreOnePart) {
  const auto all = bars(10'000);
  const auto levels = levels_of(all, false);
  std::size_t nodes = 0;
  levels.walk(
      0, all.size(),
      [&](const bar_levels::node& many) {
        ++nodes;
        EXPECT_EQ(levels.parts(many).size(), 1U);
        return true;
      },
      [](std::size_t) { return true; });
  EXPECT_EQ(nodes, 1U) << "one node knows of all";
}

TEST(BarLevels, OfNoBarsThereIsNothing) {
  bar_levels levels;
  levels.finish();
  EXPECT_EQ(levels.size(), 0U);
  EXPECT_EQ(first_after(levels, {}, 0).first, 0U);
}

}  // namespace
