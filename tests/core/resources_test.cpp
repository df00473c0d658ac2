// SPDX-License-Identifier: Apache-2.0
#include <fronta/resources.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

namespace {

using fronta::amount;
using fronta::resources;

TEST(Amount, TenTenthsAreExactlyOne) {
  amount sum;
  for (int i = 0; i < 10; ++i) sum = sum + amount{0.1};
  EXPECT_EQ(sum, amount{1});
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
}

}  // namespace
