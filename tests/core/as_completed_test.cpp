// SPDX-License-Identifier: Apache-2.0
#include <fronta/wait.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>

#include <gmock/gmock.h>

#include <chrono>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::completion_queue;
using fronta::future;
using fronta::on_error;
using fronta::promise;
using fronta::time_limit;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

using futures = std::vector<future<int>>;
using queue = completion_queue<int>;

struct broken : std::runtime_error {
  broken() : std::runtime_error("broken") {}
};

fronta::executor one_worker() { return fronta::executor{fronta::cpu::threads{.workers = 1}}; }

// Promises with their futures.
struct outcomes {
  explicit outcomes(std::size_t n) : promises(n) {
    for (auto& p : promises) all.push_back(p.get_future());
  }
  void set(std::size_t i) { promises[i].set_value(static_cast<int>(i)); }
  void fail(std::size_t i) { promises[i].set_exception(std::make_exception_ptr(broken())); }
  std::vector<promise<int>> promises;
  futures all;
};

std::vector<int> values_in_order(const futures& from) {
  std::vector<int> values;
  for (const auto& f : fronta::as_completed(from)) values.push_back(f.get());
  return values;
}

using range = decltype(fronta::as_completed(std::declval<futures&>()));
static_assert(std::ranges::input_range<range>);
static_assert(std::same_as<std::ranges::range_value_t<range>, future<int>>);
static_assert(!std::copyable<range>);
static_assert(std::movable<range>);

// ---- as_completed

//
TEST(AsCompleted, YieldsEveryFutureOnceHoweverItEndsThenEnds) {
  outcomes o(4);
  o.set(0);
  o.fail(1);
  o.all[2].cancel();
  auto ex = one_worker();
  const auto seen = ex.submit([&] {
    futures yielded;
    for (auto f : fronta::as_completed(o.all)) yielded.push_back(std::move(f));
    return yielded;
  });
  ex.submit([&] { o.set(3); });  // when the one before it blocks
  EXPECT_THAT(seen.result(), UnorderedElementsAre(o.all[0], o.all[1], o.all[2], o.all[3]));
}

//
TEST(AsCompleted, OfNothingEndsAtOnce) {
  auto none = fronta::as_completed(futures());
  EXPECT_TRUE(none.begin() == none.end());
}

//
TEST(AsCompleted, FinishedOnesComeFirstThenTheOthersInOrderOfCompletion) {
  outcomes o(7);
  o.set(6);
  o.set(5);
  auto completed = fronta::as_completed(o.all);
  for (const std::size_t i : {3U, 1U, 4U, 0U, 2U}) o.set(i);
  std::vector<int> order;
  for (const auto& f : completed) order.push_back(f.get());
  EXPECT_THAT((std::vector<int>(order.begin(), order.begin() + 2)), UnorderedElementsAre(5, 6));
  EXPECT_THAT((std::vector<int>(order.begin() + 2, order.end())), ElementsAre(3, 1, 4, 0, 2));
}

//
TEST(AsCompleted, StepsAlongWithTheCompletions) {
  outcomes o(3);
  auto completed = fronta::as_completed(o.all);
  o.set(2);
  auto at = completed.begin();
  EXPECT_EQ((*at).get(), 2);
  o.set(0);
  ++at;
  EXPECT_EQ((*at).get(), 0);
  o.set(1);
  ++at;
  EXPECT_EQ((*at).get(), 1);
  ++at;
  EXPECT_TRUE(at == completed.end());
}

//
TEST(AsCompleted, YieldsDuplicatesOnce) {
  outcomes o(2);
  o.set(0);
  o.set(1);
  EXPECT_THAT(values_in_order({o.all[0], o.all[1], o.all[0], o.all[1]}),
              UnorderedElementsAre(0, 1));
}

//
TEST(AsCompleted, ReadsAnyRangeThatCanBePassedOnce) {
  outcomes o(3);
  for (const std::size_t i : {0U, 1U, 2U}) o.set(i);
  std::istringstream numbers("2 0 1");
  auto one_shot = std::ranges::istream_view<std::size_t>(numbers) |
                  std::views::transform([&](std::size_t i) { return o.all[i]; });
  std::vector<int> order;
  for (const auto& f : fronta::as_completed(one_shot)) order.push_back(f.get());
  EXPECT_THAT(order, UnorderedElementsAre(0, 1, 2));
}

//
TEST(AsCompleted, OnTimeoutTheFinishedOnesComeFirstAndTheSlowOneNever) {
  for (const time_limit limit : {time_limit(0ms), time_limit(100ms)}) {
    outcomes o(3);
    o.set(0);
    o.fail(2);
    futures seen;
    const auto iterate = [&] {
      for (auto f : fronta::as_completed(o.all, limit)) seen.push_back(std::move(f));
    };
    EXPECT_THROW(iterate(), fronta::timeout_error);
    EXPECT_THAT(seen, UnorderedElementsAre(o.all[0], o.all[2]));
  }
}

//
TEST(AsCompleted, HasEndedAfterItsTimeout) {
  outcomes o(1);
  auto completed = fronta::as_completed(o.all, 0ms);
  EXPECT_THROW(static_cast<void>(completed.begin()), fronta::timeout_error);
  o.set(0);
  EXPECT_TRUE(completed.begin() == completed.end());
}

//
TEST(AsCompleted, TheTimeoutErrorCountsUnfinishedAndAllDistinctFutures) {
  outcomes o(4);
  o.set(0);
  o.set(1);
  const futures with_duplicates{o.all[0], o.all[1], o.all[2], o.all[3], o.all[3], o.all[0]};
  try {
    for (const auto& f : fronta::as_completed(with_duplicates, 0ms)) f.wait();
    FAIL() << "two are unfinished";
  } catch (const fronta::timeout_error& e) {
    EXPECT_EQ(e.pending(), 2U);
    EXPECT_EQ(e.total(), 4U);
    EXPECT_THAT(e.what(), HasSubstr("2 (of 4) futures unfinished"));
  }
}

//
TEST(AsCompleted, ReadsItsInputInTheCall) {
  outcomes o(2);
  auto input = o.all;
  auto completed = fronta::as_completed(input);
  input.clear();
  o.set(0);
  o.set(1);
  EXPECT_EQ(std::ranges::distance(completed), 2);
}

void wait_until_passed(std::chrono::steady_clock::time_point at) {
  while (std::chrono::steady_clock::now() < at) std::this_thread::yield();
}

//
TEST(AsCompleted, TheDeadlineIsCountedFromTheCallAndCoversTheWholeIteration) {
  outcomes o(2);
  constexpr auto limit = 400ms;
  auto completed = fronta::as_completed(o.all, limit);
  o.set(0);
  wait_until_passed(std::chrono::steady_clock::now() + limit);
  const auto begun = std::chrono::steady_clock::now();
  auto at = completed.begin();
  EXPECT_EQ((*at).get(), 0) << "what is done is delivered after the deadline too";
  EXPECT_THROW(++at, fronta::timeout_error);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, limit) << "counted anew it would have waited";
}

// A-06, F-05
TEST(AsCompleted, AHugeLimitIsNone) {
  outcomes o(1);
  auto ex = one_worker();
  const auto n = ex.submit([&] {
    auto completed = fronta::as_completed(o.all, std::chrono::hours::max());
    return std::ranges::distance(completed);
  });
  ex.submit([&] { o.set(0); });
  EXPECT_EQ(n.get(), 1);
}

//
TEST(AsCompleted, KeepsNoReferenceToALiveFutureThatItHasYielded) {
  promise<std::shared_ptr<int>> waits;
  std::optional<promise<std::shared_ptr<int>>> made(std::in_place);
  std::vector<future<std::shared_ptr<int>>> all{made->get_future(), waits.get_future()};
  auto completed = fronta::as_completed(std::exchange(all, {}));
  auto value = std::make_shared<int>(7);
  const std::weak_ptr<int> watched = value;
  made->set_value(std::move(value));
  made.reset();  // a promise keeps its value
  auto at = completed.begin();
  {
    const auto yielded = *at;
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_TRUE(watched.expired());
}

TEST(AsCompleted, MayBeReadTwiceByViews) {
  outcomes o(3);
  for (const auto i : {0U, 1U, 2U}) o.set(i);
  const auto is_even = [](const future<int>& f) { return f.result() % 2 == 0; };
  std::vector<int> even;
  auto completed = fronta::as_completed(o.all);
  for (const auto& f : completed | std::views::filter(is_even)) even.push_back(f.result());
  queue all(o.all);
  for (const auto& f : all | std::views::filter(is_even)) even.push_back(f.result());
  EXPECT_THAT(even, ElementsAre(0, 2, 0, 2));
}

//
TEST(AsCompleted, AYieldedFutureDroppedInTheLoopIsDestroyedThere) {
  constexpr std::size_t n = 3;
  std::vector<std::weak_ptr<int>> values;
  std::vector<future<std::shared_ptr<int>>> all;
  for (std::size_t i = 0; i < n; ++i) {
    promise<std::shared_ptr<int>> made;
    auto value = std::make_shared<int>(static_cast<int>(i));
    values.emplace_back(value);
    made.set_value(std::move(value));
    all.push_back(made.get_future());
  }
  auto completed = fronta::as_completed(std::exchange(all, {}));
  std::size_t seen = 0;
  for (auto f : completed) {
    const std::weak_ptr<int> value = f.result();
    EXPECT_FALSE(value.expired());
    f = {};
    EXPECT_TRUE(value.expired());
    ++seen;
    for (std::size_t i = seen; i < n; ++i) EXPECT_FALSE(values[i].expired());
  }
  EXPECT_EQ(seen, n);
}

TEST(AsCompleted, DroppedHalfWayForgetsTheRest) {
  outcomes o(2);
  o.set(0);
  {
    auto completed = fronta::as_completed(o.all);
    EXPECT_EQ((*completed.begin()).get(), 0);
  }
  o.set(1);
  EXPECT_EQ(std::move(o.all[1]).get(), 1);
}

TEST(AsCompleted, RefusesAnEmptyHandle) {
  EXPECT_THROW(static_cast<void>(fronta::as_completed(futures(1))), fronta::invalid_state_error);
  queue q;
  EXPECT_THROW(q.add({}), fronta::invalid_state_error);
  EXPECT_TRUE(q.is_empty());
}

// ---- completion_queue

//
TEST(CompletionQueue, YieldsOncePerAdd) {
  outcomes o(1);
  o.set(0);
  queue q;
  q.add(o.all[0]);
  q.add(o.all[0]);
  std::vector<int> seen;
  for (const auto& f : q) seen.push_back(f.get());
  EXPECT_THAT(seen, ElementsAre(0, 0));
}

//
TEST(CompletionQueue, AddingWhileIteratingExtendsTheIteration) {
  outcomes o(4);
  for (std::size_t i = 0; i < 4; ++i) o.set(i);
  queue q(futures{o.all[0]});
  std::vector<int> seen;
  for (const auto& f : q) {
    seen.push_back(f.get());
    if (seen.size() == 1) q.add(o.all[1]);
    if (seen.size() == 2) q.update(futures{o.all[2], o.all[3]});
  }
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3));
}

//
TEST(CompletionQueue, YieldsAgainAfterItsEndWhenMoreIsAdded) {
  outcomes o(2);
  o.set(0);
  o.set(1);
  queue q(futures{o.all[0]});
  EXPECT_EQ(std::ranges::distance(q.begin(), q.end()), 1);
  EXPECT_TRUE(q.begin() == q.end());
  q.add(o.all[1]);
  EXPECT_EQ(std::ranges::distance(q.begin(), q.end()), 1);
}

//
TEST(CompletionQueue, CountsWhatIsAddedAndNotYetHandedOut) {
  outcomes o(2);
  queue q;
  EXPECT_TRUE(q.is_empty());
  EXPECT_EQ(q.count(), 0U);
  EXPECT_FALSE(q.has_ready());
  q.update(o.all);
  EXPECT_FALSE(q.is_empty());
  EXPECT_EQ(q.count(), 2U);
  EXPECT_FALSE(q.has_ready());
  o.set(1);
  EXPECT_TRUE(q.has_ready());
  EXPECT_EQ(q.count(), 2U);
  EXPECT_EQ(q.next()->get(), 1);
  EXPECT_FALSE(q.has_ready());
  EXPECT_EQ(q.count(), 1U);
  EXPECT_FALSE(q.is_empty());
  o.set(0);
  EXPECT_EQ(q.next()->get(), 0);
  EXPECT_TRUE(q.is_empty());
  EXPECT_FALSE(q.next().has_value());
}

//
TEST(CompletionQueue, ClearEndsTheIterationEvenWithFinishedOnesQueued) {
  outcomes o(4);
  o.set(0);
  o.set(1);
  queue q(o.all);
  int seen = 0;
  for (const auto& f : q) {
    f.wait();
    ++seen;
    q.clear();
  }
  EXPECT_EQ(seen, 1);
  EXPECT_TRUE(q.is_empty());
  o.set(2);
  EXPECT_TRUE(q.is_empty()) << "forgotten, although it has ended now";
  EXPECT_FALSE(o.all[3].done()) << "and not cancelled";
}

//
TEST(CompletionQueue, ClearWakesAWaitingThread) {
  outcomes o(1);
  queue q(o.all);
  auto ex = one_worker();
  const auto waiter = ex.submit([&] { return q.next().has_value(); });
  ex.submit([&] { q.clear(); });  // when the one before it blocks
  EXPECT_FALSE(waiter.get());
}

//
TEST(CompletionQueue, NextBatchHasAllThatAreReadyAndBlocksOnlyOnDemand) {
  outcomes o(4);
  queue q(o.all);
  EXPECT_THAT(q.next_batch(queue::block::no), IsEmpty());
  o.set(0);
  o.set(1);
  EXPECT_THAT(q.next_batch(queue::block::no), ElementsAre(o.all[0], o.all[1]));
  auto ex = one_worker();
  const auto batch = ex.submit([&] { return q.next_batch(queue::block::yes); });
  ex.submit([&] { o.set(2); });  // when the one before it blocks
  EXPECT_THAT(batch.result(), ElementsAre(o.all[2]));
  o.set(3);
  EXPECT_THAT(q.next_batch(), SizeIs(1));
  EXPECT_THAT(q.next_batch(), IsEmpty()) << "nothing is left: it cannot block";
}

//
TEST(CompletionQueue, BatchesCoverEveryInputOnce) {
  constexpr int n = 100;
  fronta::executor ex{fronta::cpu::threads{.workers = 2}};
  queue q;
  for (int i = 0; i < n; ++i) q.add(ex.submit([i] { return i; }));
  std::vector<int> times_seen(n);
  for (auto batch = q.next_batch(); !batch.empty(); batch = q.next_batch()) {
    for (const auto& f : batch) ++times_seen[static_cast<std::size_t>(f.get())];
  }
  EXPECT_THAT(times_seen, testing::Each(1));
}

//
TEST(CompletionQueue, TakesFuturesFromAnyThread) {
  constexpr int n = 200;
  queue q;
  promise<int> last;  // keeps the iteration going until all are added
  bool last_is_set = false;
  q.add(last.get_future());
  std::vector<std::jthread> adders;
  for (int t = 0; t < 2; ++t) {
    adders.emplace_back([&q] {
      for (int i = 0; i < n; ++i) {
        promise<int> made;
        made.set_value(1);
        q.add(made.get_future());
      }
    });
  }
  int sum = 0;
  for (const auto& f : q) {
    if (last_is_set) continue;
    sum += f.get();
    if (sum == 2 * n) {
      last_is_set = true;
      last.set_value(0);
    }
  }
  EXPECT_EQ(sum, 2 * n);
}

TEST(CompletionQueue, NextGivesUpAtItsLimit) {
  outcomes o(1);
  queue q(o.all);
  EXPECT_FALSE(q.next(0ms).has_value());
  EXPECT_FALSE(q.next(5ms).has_value());
  EXPECT_EQ(q.count(), 1U);
  o.set(0);
  EXPECT_TRUE(q.next(0ms).has_value());
}

//
TEST(CompletionQueue, GivesReferencesWithTheirFutures) {
  int target = 1;
  promise<int&> made;
  made.set_value(target);
  fronta::completion_queue<int&> q(std::vector{made.get_future()});
  const auto next = q.next_with_result();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(&next->second.value(), &target);
}

//
TEST(CompletionQueue, DeliversFuturesWithTheirValues) {
  outcomes o(2);
  queue q(o.all);
  o.set(1);
  const auto next = q.next_with_result();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->first, o.all[1]);
  EXPECT_EQ(next->second.value(), 1);
}

//
TEST(CompletionQueue, AnErrorIsThrownAtItsStepAndTheNextStepGoesOn) {
  outcomes o(2);
  queue q(o.all);
  o.fail(0);
  o.set(1);
  EXPECT_THROW(static_cast<void>(q.next_with_result(on_error::raise)), broken);
  EXPECT_EQ(q.next_with_result(on_error::raise)->second.value(), 1);
  EXPECT_FALSE(q.next_with_result().has_value());
}

//
TEST(CompletionQueue, ErrorsAndCancellationsAreKeptAsOutcomesOnDemand) {
  outcomes o(3);
  queue q(o.all);
  o.fail(0);
  o.all[1].cancel();
  o.set(2);
  const auto failed = q.next_with_result(on_error::keep);
  ASSERT_FALSE(failed->second.has_value());
  EXPECT_THROW(std::rethrow_exception(failed->second.error()), broken);
  const auto cancelled = q.next_with_result(on_error::keep);
  ASSERT_FALSE(cancelled->second.has_value());
  EXPECT_THROW(std::rethrow_exception(cancelled->second.error()), fronta::cancelled_error);
  EXPECT_EQ(q.next_with_result(on_error::keep)->second.value(), 2);
}

//
TEST(CompletionQueue, ErrorsAreSkippedOnDemand) {
  outcomes o(3);
  queue q(o.all);
  o.fail(0);
  o.all[1].cancel();
  o.set(2);
  EXPECT_EQ(q.next_with_result(on_error::skip)->first, o.all[2]);
  EXPECT_FALSE(q.next_with_result(on_error::skip).has_value());
}

}  // namespace
