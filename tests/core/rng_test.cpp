// SPDX-License-Identifier: Apache-2.0
#include <fronta/rng.hpp>

#include <gmock/gmock.h>

#include <array>
#include <cstdint>
#include <random>
#include <set>

namespace {

using fronta::rng;
using block = std::array<std::uint32_t, 4>;

static_assert(std::uniform_random_bit_generator<rng>);
// Known answers of the authors' library Random123 (philox4x32, 10 rounds).
static_assert(rng::philox({0, 0, 0, 0}, {0, 0}) ==
              block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});

TEST(Rng, GivesThePublishedAnswers) {
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(rng::philox({ones, ones, ones, ones}, {ones, ones}),
            (block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(rng::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, ReadsItsBlocksAsPairsOfWords) {
  rng r(0);
  const auto first = rng::philox({0, 0, 0, 0}, {0, 0});
  const auto second = rng::philox({1, 0, 0, 0}, {0, 0});
  const auto pair = [](std::uint32_t low, std::uint32_t high) {
    return std::uint64_t{high} << 32 | low;
  };
  EXPECT_EQ(r(), pair(first[2], first[3]));
  EXPECT_EQ(r(), pair(first[0], first[1]));
  EXPECT_EQ(r(), pair(second[2], second[3]));
}

TEST(Rng, EqualStreamsAreEqualAndOthersDiffer) {
  rng a(1, 2, 3);
  rng same(1, 2, 3);
  std::set<std::uint64_t> firsts;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a(), same());
  constexpr std::uint64_t high = std::uint64_t{1} << 40;
  for (auto other : {rng(1, 2, 3), rng(2, 2, 3), rng(1, 3, 3), rng(1, 2, 4), rng(1 + high, 2, 3),
                     rng(1, 2 + high, 3)}) {
    firsts.insert(other());
  }
  EXPECT_EQ(firsts.size(), 6U);
}

TEST(Rng, UniformLiesInTheHalfOpenUnitInterval) {
  rng r(7);
  double sum = 0;
  constexpr int n = 10'000;
  for (int i = 0; i < n; ++i) {
    const double u = r.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
  }
  EXPECT_NEAR(sum / n, 0.5, 0.02);
}

TEST(Rng, ServesStandardDistributions) {
  rng r(7);
  std::uniform_int_distribution<int> die(1, 6);
  for (int i = 0; i < 100; ++i) EXPECT_THAT(die(r), testing::AllOf(testing::Ge(1), testing::Le(6)));
}

}  // namespace
