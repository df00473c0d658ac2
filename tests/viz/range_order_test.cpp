// SPDX-License-Identifier: Apache-2.0
#include <src/range_order.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace fronta::viz {
namespace {

// Against sorting, for stretches and bounds at random.
void check(const std::vector<std::int64_t>& numbers, std::mt19937_64& random) {
  const range_order order(numbers);
  ASSERT_EQ(order.size(), numbers.size());
  for (int round = 0; round < 40; ++round) {
    auto begin = random() % (numbers.size() + 1);
    auto end = random() % (numbers.size() + 1);
    if (begin > end) std::swap(begin, end);
    std::vector<std::int64_t> part(numbers.begin() + static_cast<std::ptrdiff_t>(begin),
                                   numbers.begin() + static_cast<std::ptrdiff_t>(end));
    std::ranges::sort(part);
    if (!part.empty()) {
      const auto k = random() % part.size();
      ASSERT_EQ(order.smallest(begin, end, k), part[k]);
      ASSERT_EQ(order.smallest(begin, end, 0), part.front());
      ASSERT_EQ(order.smallest(begin, end, part.size() - 1), part.back());
    }
    auto bound = numbers.empty() ? 0 : numbers[random() % numbers.size()];
    if (bound < std::numeric_limits<std::int64_t>::max()) bound += static_cast<int>(random() % 2);
    ASSERT_EQ(order.below(begin, end, bound),
              static_cast<std::size_t>(std::ranges::lower_bound(part, bound) - part.begin()));
  }
}

TEST(RangeOrder, FindsWhatSortingFinds) {
  std::mt19937_64 random(1);
  for (const std::size_t size : {1U, 2U, 63U, 64U, 65U, 1'000U}) {
    for (const std::int64_t most : {1, 2, 3, 100, 1'000'000'000}) {
      std::vector<std::int64_t> numbers(size);
      for (auto& n : numbers) n = static_cast<std::int64_t>(random()) % most;
      check(numbers, random);
    }
  }
}

TEST(RangeOrder, OfNothingHasNothingBelow) {
  const range_order none;
  EXPECT_EQ(none.size(), 0U);
  EXPECT_EQ(none.below(0, 0, 5), 0U);
  EXPECT_EQ(range_order(std::vector<std::int64_t>{}).below(0, 0, 5), 0U);
}

TEST(RangeOrder, TakesTheLeastAndTheGreatestNumbers) {
  std::mt19937_64 random(2);
  using limits = std::numeric_limits<std::int64_t>;
  check({limits::max(), limits::min(), 0, limits::max(), -1}, random);
}

}  // namespace
}  // namespace fronta::viz
