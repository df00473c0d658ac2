// SPDX-License-Identifier: Apache-2.0
#include <fronta/wait.hpp>

#include <gmock/gmock.h>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using fronta::future;
using fronta::promise;
using testing::ElementsAre;
using testing::IsEmpty;

struct broken : std::runtime_error {
  broken() : std::runtime_error("broken") {}
};

std::exception_ptr a_failure() { return std::make_exception_ptr(broken()); }

TEST(WhenAll, HasTheValuesInArgumentOrder) {
  std::vector<promise<int>> promises(3);
  std::vector<future<int>> futures;
  for (auto& p : promises) futures.push_back(p.get_future());
  const auto all = fronta::when_all(futures);
  promises[2].set_value(2);
  promises[0].set_value(0);
  EXPECT_FALSE(all.done());
  promises[1].set_value(1);
  ASSERT_TRUE(all.done());
  EXPECT_THAT(all.result(), ElementsAre(0, 1, 2));
}

TEST(WhenAll, OfDifferentTypesIsATuple) {
  promise<int> number;
  promise<std::string> text;
  const auto all = fronta::when_all(number.get_future(), text.get_future());
  text.set_value("text");
  number.set_value(7);
  EXPECT_EQ(all.result(), std::tuple(7, std::string("text")));
}

TEST(WhenAll, OfVoidsIsVoid) {
  promise<void> one;
  promise<void> two;
  const future<void> all = fronta::when_all(std::vector{one.get_future(), two.get_future()});
  one.set_value();
  EXPECT_FALSE(all.done());
  two.set_value();
  EXPECT_NO_THROW(all.result());
}

TEST(WhenAll, OfNothingIsDoneAtOnce) {
  const auto all = fronta::when_all(std::vector<future<int>>());
  ASSERT_TRUE(all.done());
  EXPECT_THAT(all.result(), IsEmpty());
}

TEST(WhenAll, FailsAtOnceWhenAMemberFailsAndTheOthersGoOn) {
  promise<int> fails;
  promise<int> goes_on;
  const auto other = goes_on.get_future();
  const auto all = fronta::when_all(std::vector{other, fails.get_future()});
  fails.set_exception(a_failure());
  ASSERT_TRUE(all.done());
  EXPECT_THROW(static_cast<void>(all.result()), broken);
  EXPECT_FALSE(other.done());
  goes_on.set_value(1);
  EXPECT_EQ(other.get(), 1);
}

TEST(WhenAll, FailsWhenAMemberIsCancelled) {
  promise<int> made;
  const auto member = made.get_future();
  const auto all = fronta::when_all(std::vector{member});
  member.cancel();
  EXPECT_THROW(static_cast<void>(all.result()), fronta::cancelled_error);
}

TEST(WhenAll, MovesValuesOutOfTheirLastHandles) {
  promise<std::unique_ptr<int>> one;
  promise<std::unique_ptr<int>> two;
  std::vector<future<std::unique_ptr<int>>> futures;
  futures.push_back(one.get_future());
  futures.push_back(two.get_future());
  auto all = fronta::when_all(std::move(futures));
  one.set_value(std::make_unique<int>(7));
  two.set_value(std::make_unique<int>(8));
  ASSERT_TRUE(all.done());
  EXPECT_EQ(*all.result()[0] + *all.result()[1], 15);
}

TEST(WhenAll, OfAMoveOnlyValueWithAnotherHandleFailsAndSaysSo) {
  promise<std::unique_ptr<int>> made;
  const auto kept = made.get_future();
  const auto all = fronta::when_all(std::vector{kept});
  made.set_value(std::make_unique<int>(7));
  EXPECT_THROW(static_cast<void>(all.result()), fronta::invalid_state_error);
  EXPECT_EQ(*kept.result(), 7);
}

TEST(WhenAll, CanBeCancelledWithoutItsMembers) {
  promise<int> made;
  const auto member = made.get_future();
  const auto all = fronta::when_all(std::vector{member});
  EXPECT_TRUE(all.cancel());
  EXPECT_FALSE(member.done());
  EXPECT_NO_THROW(made.set_value(1));
  EXPECT_TRUE(all.cancelled());
  EXPECT_EQ(member.get(), 1);
}

TEST(WhenAll, CountsAMemberGivenTwiceTwice) {
  promise<int> made;
  const auto member = made.get_future();
  const auto all = fronta::when_all(std::vector{member, member});
  made.set_value(3);
  EXPECT_THAT(all.result(), ElementsAre(3, 3));
}

TEST(WhenAny, IsTheIndexOfTheFirstMemberThatIsDoneHoweverItEnded) {
  std::vector<promise<int>> promises(3);
  std::vector<future<int>> futures;
  for (auto& p : promises) futures.push_back(p.get_future());
  const auto first = fronta::when_any(futures);
  EXPECT_FALSE(first.done());
  promises[1].set_exception(a_failure());
  promises[0].set_value(1);
  EXPECT_EQ(first.get(), 1U);
  EXPECT_EQ(fronta::when_any(futures).get(), 0U) << "those that are done already count in order";
}

TEST(WhenAny, SeesACancellation) {
  promise<int> made;
  const auto member = made.get_future();
  const auto first = fronta::when_any(std::vector{member});
  member.cancel();
  EXPECT_EQ(first.get(), 0U);
}

TEST(WhenAny, CanBeCancelled) {
  promise<int> made;
  const auto first = fronta::when_any(std::vector{made.get_future()});
  EXPECT_TRUE(first.cancel());
  EXPECT_NO_THROW(made.set_value(1));
  EXPECT_TRUE(first.cancelled());
}

TEST(WhenAny, OfNothingIsRefused) {
  EXPECT_THROW(static_cast<void>(fronta::when_any(std::vector<future<int>>())),
               std::invalid_argument);
}

}  // namespace
