// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/detail/compact_numbers.hpp>

#include <fronta/viz/detail/made_range.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <ranges>
#include <vector>

namespace {

using namespace fronta::viz::detail;

static_assert(std::ranges::random_access_range<made_range<rising_numbers>>);
static_assert(std::ranges::borrowed_range<made_range<rising_numbers>>);

constexpr auto most = std::numeric_limits<std::uint32_t>::max();

// Rows of many lengths, around the sizes of words and blocks, of numbers up to some bound.
template <class Check>
void for_each_row(Check check) {
  std::mt19937 random(1);
  for (const std::size_t size : {0U, 1U, 2U, 63U, 64U, 65U, 511U, 512U, 513U, 5'000U}) {
    for (const std::uint32_t bound : {0U, 1U, 255U, 256U, 65'535U, 65'536U, 0xFF'FFFFU, most}) {
      std::vector<std::uint32_t> row(size);
      for (auto& n : row) n = std::uniform_int_distribution<std::uint32_t>(0, bound)(random);
      if (size > 1) row[size / 2] = bound;
      check(row);
    }
  }
}

template <class Made>
void check_same(const Made& made, const std::vector<std::uint32_t>& row) {
  for (std::size_t n = 0; n < row.size(); ++n) ASSERT_EQ(made[n], row[n]) << n;
}

TEST(BitRow, CountsAndFindsWhatIsSet) {
  std::mt19937 random(2);
  for (const std::size_t size : {1U, 64U, 512U, 513U, 20'000U}) {
    for (const std::uint32_t one_in : {1U, 2U, 70U, 3'000U}) {
      bit_row bits(size);
      std::vector<std::size_t> set;
      for (std::size_t i = 0; i < size; ++i) {
        if (random() % one_in != 0) continue;
        bits.set(i);
        set.push_back(i);
      }
      bits.finish();
      std::size_t before = 0;
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_EQ(bits.ones_before(i), before);
        if (bits[i]) ++before;
      }
      ASSERT_EQ(before, set.size());
      for (std::size_t n = 0; n < set.size(); ++n) ASSERT_EQ(bits.place_of(n), set[n]);
    }
  }
}

TEST(CompactNumbers, ReadAsTheyWereWritten) {
  for_each_row([](const std::vector<std::uint32_t>& row) {
    check_same(narrow_numbers(row), row);
    check_same(small_numbers(row), row);
    auto rising = row;
    std::ranges::sort(rising);
    const rising_numbers made(rising);
    ASSERT_EQ(made.size(), rising.size());
    check_same(made, rising);
  });
}

TEST(CompactNumbers, RiseInStepsOfAnySize) {
  std::vector<std::uint32_t> row;
  for (std::uint32_t i = 0; i < 1'000; ++i) row.push_back(7);
  for (std::uint32_t i = 0; i < 1'000; ++i) row.push_back(1'000'000 + i);
  row.push_back(most - 1);
  row.push_back(most);
  check_same(rising_numbers(row), row);
}

TEST(MadeRange, CanBeSearchedLikeWhatIsThere) {
  const std::vector<std::uint32_t> row{1, 4, 4, 9, 12};
  const rising_numbers made(row);
  const made_range all(made);
  EXPECT_TRUE(std::ranges::equal(all, row));
  EXPECT_EQ(std::ranges::lower_bound(all, 9U) - all.begin(), 3);
  EXPECT_TRUE(std::ranges::equal(all.first(2), std::views::take(row, 2)));
  EXPECT_TRUE(std::ranges::equal(std::views::reverse(all), std::views::reverse(row)));
  EXPECT_EQ(all.front(), 1U);
  EXPECT_EQ(all.back(), 12U);
  EXPECT_EQ(*(all.end() - 2), 9U);
  EXPECT_TRUE(made_range(rising_numbers()).empty());
}

}  // namespace
