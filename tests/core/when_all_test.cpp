// SPDX-License-Identifier: Apache-2.0
#include <fronta/wait.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>

#include <gmock/gmock.h>

#include <support/later_callback.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
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

future<const int&> reference_to(const int& target) {
  promise<const int&> made;
  made.set_value(target);
  return made.get_future();
}

// On an unset promise.
struct pending_chain {
  pending_chain() {
    for (int i = 0; i < 100'000; ++i) last = fronta::when_all(std::vector{last});
  }
  promise<void> root;
  future<void> last = root.get_future();
};

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

TEST(WhenAll, OfReferencesAndVoidsIsATupleOfReferencesAndMonostates) {
  int target = 1;
  promise<int&> reference;
  promise<void> nothing;
  const auto all =
      fronta::when_all(reference.get_future(), nothing.get_future(), reference_to(target));
  static_assert(
      std::is_same_v<decltype(all), const future<std::tuple<int&, std::monostate, const int&>>>);
  nothing.set_value();
  reference.set_value(target);
  ASSERT_TRUE(all.done());
  EXPECT_EQ(&std::get<0>(all.result()), &target);
  EXPECT_EQ(&std::get<2>(all.get()), &target);
}

TEST(WhenAll, OfAnEmptyHandleIsRefused) {
  EXPECT_THROW(static_cast<void>(fronta::when_all(std::vector<future<int>>(1))),
               fronta::invalid_state_error);
  EXPECT_THROW(static_cast<void>(fronta::when_all(future<int>(), future<long>())),
               fronta::invalid_state_error);
  EXPECT_THROW(static_cast<void>(fronta::when_any(std::vector<future<int>>(1))),
               fronta::invalid_state_error);
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

// F-08, F-12
TEST(WhenAll, LeavesAValueToACallbackThatHasYetToRun) {
  future<std::vector<std::string>> all;
  const auto seen =
      fronta::test::seen_by_a_later_callback(std::string("text"), [&](future<std::string> f) {
        std::vector<future<std::string>> last;
        last.push_back(std::move(f));
        all = fronta::when_all(std::move(last));
      });
  EXPECT_EQ(seen, "text");
  EXPECT_THAT(all.result(), ElementsAre("text"));
}

// F-08, F-12
TEST(WhenAll, LeavesAValueToACallbackThatWasAddedLater) {
  promise<std::string> made;
  std::vector<future<std::string>> members;
  members.push_back(made.get_future());
  auto member = members[0];
  const auto all = fronta::when_all(std::move(members));
  std::string seen;
  member.add_done_callback([&](const future<std::string>& f) { seen = f.get(); });
  member = {};
  made.set_value("text");
  EXPECT_EQ(seen, "text");
  EXPECT_THAT(all.result(), ElementsAre("text"));
}

TEST(WhenAll, MovesValuesThatCallbacksHaveSeen) {
  promise<std::unique_ptr<int>> made;
  std::vector<future<std::unique_ptr<int>>> members;
  members.push_back(made.get_future());
  int seen = 0;
  members[0].add_done_callback([&](const auto& f) { seen = *f.result(); });
  const auto all = fronta::when_all(std::move(members));
  made.set_value(std::make_unique<int>(7));
  EXPECT_EQ(seen, 7);
  EXPECT_EQ(*all.result()[0], 7);
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

TEST(WhenAny, LeavesTheValueToItsLastHandle) {
  promise<std::unique_ptr<int>> made;
  std::vector<future<std::unique_ptr<int>>> members;
  members.push_back(made.get_future());
  std::unique_ptr<int> taken;
  fronta::when_any(members).add_done_callback(
      [&](const future<std::size_t>& first) { taken = std::move(members[first.get()]).get(); });
  made.set_value(std::make_unique<int>(7));
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(*taken, 7);
}

TEST(JointFutures, OfOneMemberAreDoneInOrderOfAddition) {
  promise<void> made;
  const auto member = fronta::when_all(std::vector{made.get_future()});
  std::vector<int> order;
  std::vector<future<void>> joints;
  for (int i = 0; i < 3; ++i) {
    joints.push_back(fronta::when_all(std::vector{member}));
    joints.back().add_done_callback([&order, i](const auto&) { order.push_back(i); });
  }
  made.set_value();
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
}

TEST(JointFutures, ThatACallbackDecidesAreDoneInIt) {
  promise<void> made;
  const auto all = fronta::when_all(std::vector{made.get_future()});
  bool done = false;
  all.add_done_callback([&](const auto&) {
    promise<int> other;
    const auto nested = fronta::when_all(std::vector{other.get_future()});
    other.set_value(1);
    done = nested.done();
  });
  made.set_value();
  EXPECT_TRUE(done);
}

// D-12
TEST(JointFutures, InALongChainComplete) {
  pending_chain chain;
  chain.root.set_value();
  ASSERT_TRUE(chain.last.done());
  EXPECT_NO_THROW(chain.last.result());
}

// D-12, D-05
TEST(JointFutures, InALongChainFailToItsEnd) {
  pending_chain chain;
  chain.root.set_exception(a_failure());
  ASSERT_TRUE(chain.last.done());
  EXPECT_THROW(chain.last.result(), broken);
}

// D-12, D-06
TEST(JointFutures, InALongChainEndWithItsDroppedPromise) {
  future<void> last;
  {
    pending_chain chain;
    last = std::move(chain.last);
  }
  ASSERT_TRUE(last.done());
  EXPECT_THROW(last.result(), fronta::cancelled_error);
  const pending_chain with_last_handle;
}

// D-12
TEST(JointFutures, InALongChainOfTheFirstThatIsDoneComplete) {
  promise<std::size_t> root;
  auto last = root.get_future();
  for (int i = 0; i < 100'000; ++i) last = fronta::when_any(std::vector{last});
  root.set_value(7U);
  ASSERT_TRUE(last.done());
  EXPECT_EQ(last.get(), 0U);
}

// D-12
TEST(JointFutures, InALongChainWithTasksComplete) {
  fronta::executor ex{fronta::cpu::threads{.workers = 1}};
  promise<void> root;
  auto last = root.get_future();
  for (int i = 0; i < 50'000; ++i) {
    last = fronta::when_all(std::vector{last}).then(ex, [] {});
  }
  root.set_value();
  EXPECT_NO_THROW(last.result());
}

// D-12, D-05
TEST(JointFutures, InALongChainWithTasksFailToItsEnd) {
  fronta::executor ex{fronta::cpu::threads{.workers = 1}};
  promise<void> root;
  auto last = root.get_future();
  for (int i = 0; i < 50'000; ++i) {
    last = fronta::when_all(std::vector{last}).then(ex, [] {});
  }
  root.set_exception(a_failure());
  ASSERT_TRUE(last.done());
  EXPECT_THROW(last.result(), broken);
}

}  // namespace
