// SPDX-License-Identifier: Apache-2.0
#include <fronta/resources.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <type_traits>

namespace {

using fronta::amount;
using fronta::resources;

TEST(Amount, TenTenthsAreExactlyOne) {
  amount sum;
  for (int i = 0; i < 10; ++i) sum = sum + amount{0.1};
  EXPECT_EQ(sum, amount{1});
}

static_assert(std::is_convertible_v<int, amount>);
static_assert(std::is_convertible_v<double, amount>);
static_assert(!std::is_constructible_v<amount, const char*>);

TEST(Amount, IsExactForWholeNumbersAndTenThousandths) {
  EXPECT_EQ(amount{3}.units(), 30'000);
  EXPECT_EQ(amount{0.0001}.units(), 1);
  EXPECT_EQ(amount{0.4} + amount{0.6}, amount{1});
  EXPECT_EQ(amount{1} - amount{0.25}, amount{0.75});
  EXPECT_DOUBLE_EQ(amount{2.5}.value(), 2.5);
  EXPECT_LT(amount{0.5}, amount{1});
  EXPECT_EQ(amount{}, amount{0});
  EXPECT_EQ(amount{true}, amount{1});
}

TEST(Amount, TakesItsLargestValueAndNothingAbove) {
  constexpr std::int64_t largest = 922'337'203'685'477;
  EXPECT_EQ(amount{largest}.units(), largest * amount::scale);
  EXPECT_THROW(amount{largest + 1}, std::invalid_argument);
  EXPECT_THROW(amount{9.3e14}, std::invalid_argument);
  EXPECT_THROW(amount{std::numeric_limits<double>::max()}, std::invalid_argument);
  EXPECT_THROW(amount{std::numeric_limits<std::int64_t>::min()}, std::invalid_argument);
}

TEST(Amount, RefusesWhatItsResolutionWouldRoundToNothing) {
  EXPECT_THROW(amount{0.00001}, std::invalid_argument);
  EXPECT_THROW(amount{std::numeric_limits<double>::denorm_min()}, std::invalid_argument);
  EXPECT_EQ(amount{0.0}, amount{});
  EXPECT_EQ(amount{-0.0}, amount{});
}

TEST(Amount, IsWrittenWithoutTrailingZeros) {
  EXPECT_EQ(amount{3}.to_string(), "3");
  EXPECT_EQ(amount{0.5}.to_string(), "0.5");
  EXPECT_EQ(amount{1.0001}.to_string(), "1.0001");
  EXPECT_EQ(amount{}.to_string(), "0");
  EXPECT_EQ((amount{1} - amount{1.5}).to_string(), "-0.5");
  EXPECT_EQ((amount{1} - amount{3.25}).to_string(), "-2.25");
}

TEST(Amount, TakesSizesByTheirUnits) {
  using namespace fronta::literals;
  EXPECT_EQ(amount{1_KiB}, amount{1024});
  EXPECT_EQ(amount{2_MiB}, amount{2 * 1024 * 1024});
  EXPECT_EQ(amount{8_GiB}, amount{std::int64_t{8} << 30});
  EXPECT_EQ(amount{1_TiB}, amount{std::int64_t{1} << 40});
}

TEST(Amount, RefusesNanNegativeAndTooLargeValues) {
  EXPECT_THROW(amount{std::numeric_limits<double>::quiet_NaN()}, std::invalid_argument);
  EXPECT_THROW(amount{std::numeric_limits<double>::infinity()}, std::invalid_argument);
  EXPECT_THROW(amount{-1}, std::invalid_argument);
  EXPECT_THROW(amount{-0.5}, std::invalid_argument);
  EXPECT_THROW(amount{std::numeric_limits<unsigned long long>::max()}, std::invalid_argument);
}

TEST(Resources, TellNotGivenFromGiven) {
  EXPECT_FALSE(resources{}.given());
  EXPECT_TRUE((resources{{"gpu", 1}}.given()));
}

TEST(Resources, NoNeedsAreGivenAndNone) {
  EXPECT_TRUE(fronta::no_needs.given());
  EXPECT_TRUE(fronta::no_needs.empty());
  EXPECT_NE(fronta::no_needs, resources{});
}

TEST(Resources, DoNotDependOnTheOrderOfTheirTags) {
  const resources one{{"gpu", 2}, {"cpu", 0.5}};
  const resources other{{"cpu", 0.5}, {"gpu", 2}};
  EXPECT_EQ(one, other);
  EXPECT_EQ(one.entries().front().tag, "cpu");
  EXPECT_NE(one, (resources{{"cpu", 0.5}}));
  EXPECT_NE(one, (resources{{"cpu", 0.5}, {"gpu", 1}}));
  EXPECT_EQ(one.to_string(), R"({"cpu": 0.5, "gpu": 2})");
  EXPECT_EQ(resources{}.to_string(), "{}");
}

TEST(Resources, RefuseEmptyAndRepeatedTagsAndZeroAmounts) {
  EXPECT_THROW((resources{{"", 1}}), std::invalid_argument);
  EXPECT_THROW((resources{{"gpu", 1}, {"gpu", 2}}), std::invalid_argument);
  EXPECT_THROW((resources{{"gpu", 0}}), std::invalid_argument);
}

TEST(Resources, FindTheirAmountsByTag) {
  const resources needs{{"gpu", 2}, {"cpu", 0.5}};
  ASSERT_NE(needs.find("cpu"), nullptr);
  EXPECT_EQ(*needs.find("cpu"), amount{0.5});
  EXPECT_EQ(needs.find("licence"), nullptr);
  EXPECT_EQ(needs.find(""), nullptr);
  EXPECT_EQ(needs.find("gp"), nullptr);
  EXPECT_EQ(needs.find("gpu0"), nullptr);
}

}  // namespace
