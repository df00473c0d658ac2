// SPDX-License-Identifier: Apache-2.0
#include <fronta/wait.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>

#include <gmock/gmock.h>

#include <support/later_callback.hpp>
#include <support/manual_backend.hpp>
#include <support/running_task.hpp>

#include <array>
#include <chrono>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::all_completed;
using fronta::any_future;
using fronta::first_completed;
using fronta::first_exception;
using fronta::future;
using fronta::promise;
using fronta::time_limit;
using fronta::test::running_task;
using testing::ElementsAre;
using testing::IsEmpty;

using futures = std::vector<future<int>>;

struct broken : std::runtime_error {
  broken() : std::runtime_error("broken") {}
};

fronta::executor one_worker() { return fronta::executor{fronta::cpu::threads{.workers = 1}}; }

// Promises with their futures.
struct outcomes {
  explicit outcomes(std::size_t n) : promises(n) {
    for (auto& p : promises) all.push_back(p.get_future());
  }
  void fail(std::size_t i) { promises[i].set_exception(std::make_exception_ptr(broken())); }
  std::vector<promise<int>> promises;
  futures all;
};

// ---- wait

// W-01
TEST(Wait, ForAllReturnsWhenAllHaveEndedInWhateverWay) {
  outcomes o(5);
  o.promises[0].set_value(1);
  o.fail(1);
  o.all[2].cancel();
  auto ex = one_worker();
  const auto waiter = ex.submit([&] { return fronta::wait(o.all); });
  // The only worker takes these when the waiter blocks.
  ex.submit([&] { o.promises[3].set_value(4); });
  ex.submit([&] { o.promises[4].set_value(5); });
  const auto [done, not_done] = waiter.result();
  EXPECT_EQ(done, o.all);
  EXPECT_THAT(not_done, IsEmpty());
}

// W-02
TEST(Wait, ForTheFirstReturnsOnTheFirstOneThatFinishes) {
  outcomes o(3);
  auto ex = one_worker();
  const auto waiter = ex.submit([&] { return fronta::wait(o.all, first_completed); });
  ex.submit([&] { o.promises[1].set_value(1); });
  const auto [done, not_done] = waiter.result();
  EXPECT_THAT(done, ElementsAre(o.all[1]));
  EXPECT_THAT(not_done, ElementsAre(o.all[0], o.all[2]));
}

// W-02
TEST(Wait, ForTheFirstReturnsOnACancellation) {
  outcomes o(2);
  auto ex = one_worker();
  const auto waiter = ex.submit([&] { return fronta::wait(o.all, first_completed); });
  ex.submit([&] { o.all[0].cancel(); });
  const auto [done, not_done] = waiter.result();
  EXPECT_THAT(done, ElementsAre(o.all[0]));
  EXPECT_THAT(not_done, ElementsAre(o.all[1]));
}

// W-02
TEST(Wait, ForTheFirstReturnsAtOnceWithEveryOneThatHasEnded) {
  outcomes o(5);
  o.promises[0].set_value(1);
  o.fail(2);
  o.all[4].cancel();
  const auto [done, not_done] = fronta::wait(o.all, first_completed);
  EXPECT_THAT(done, ElementsAre(o.all[0], o.all[2], o.all[4]));
  EXPECT_THAT(not_done, ElementsAre(o.all[1], o.all[3]));
}

// W-03
TEST(Wait, ForTheFirstExceptionPassesOverASuccess) {
  outcomes o(3);
  auto ex = one_worker();
  const auto waiter = ex.submit([&] { return fronta::wait(o.all, first_exception); });
  // A waiter that has been woken goes on before the second of these starts.
  ex.submit([&] { o.promises[0].set_value(1); });
  ex.submit([&] { o.fail(1); });
  const auto [done, not_done] = waiter.result();
  EXPECT_THAT(done, ElementsAre(o.all[0], o.all[1]));
  EXPECT_THAT(not_done, ElementsAre(o.all[2]));
}

// W-03
TEST(Wait, ForTheFirstExceptionReturnsAtOnceWhenOneHasFailed) {
  outcomes o(2);
  o.fail(1);
  const auto [done, not_done] = fronta::wait(o.all, first_exception);
  EXPECT_THAT(done, ElementsAre(o.all[1]));
  EXPECT_THAT(not_done, ElementsAre(o.all[0]));
}

// W-04
TEST(Wait, ForTheFirstExceptionWithoutOneWaitsForAllAndACancellationIsNone) {
  outcomes o(3);
  o.all[0].cancel();
  EXPECT_EQ(fronta::wait(o.all, first_exception, 0ms).done.size(), 1U);
  auto ex = one_worker();
  const auto waiter = ex.submit([&] { return fronta::wait(o.all, first_exception); });
  ex.submit([&] { o.promises[1].set_value(1); });
  ex.submit([&] { o.all[2].cancel(); });
  const auto [done, not_done] = waiter.result();
  EXPECT_EQ(done, o.all);
  EXPECT_THAT(not_done, IsEmpty());
}

// W-05
TEST(Wait, ThatTimesOutReturnsTheSplitAsItIs) {
  outcomes o(3);
  o.promises[0].set_value(1);
  o.all[2].cancel();
  for (const time_limit limit : {time_limit(0ms), time_limit(-1s), time_limit(10ms)}) {
    const auto [done, not_done] = fronta::wait(o.all, limit);
    EXPECT_THAT(done, ElementsAre(o.all[0], o.all[2]));
    EXPECT_THAT(not_done, ElementsAre(o.all[1]));
  }
}

// W-05
TEST(Wait, ThatTimesOutKeepsNothingOfItsFutures) {
  outcomes o(1);
  fronta::wait(o.all, all_completed, 1ms);
  o.promises[0].set_value(1);
  EXPECT_EQ(std::move(o.all[0]).get(), 1);
}

// F-05
TEST(Wait, WithAHugeLimitWaitsForEver) {
  outcomes o(1);
  auto ex = one_worker();
  const auto waiter =
      ex.submit([&] { return fronta::wait(o.all, std::chrono::hours::max()).done.size(); });
  ex.submit([&] { o.promises[0].set_value(1); });
  EXPECT_EQ(waiter.get(), 1U);
}

// W-06
TEST(Wait, CountsAFutureGivenTwiceOnce) {
  outcomes o(2);
  const futures twice{o.all[0], o.all[1], o.all[0], o.all[0]};
  const auto before = fronta::wait(twice, 0ms);
  EXPECT_THAT(before.not_done, ElementsAre(o.all[0], o.all[1]));
  auto ex = one_worker();
  for (const auto mode : {first_completed, first_exception, all_completed}) {
    outcomes fresh(1);
    const auto waiter = ex.submit(
        [&] { return fronta::wait(futures{fresh.all[0], fresh.all[0]}, mode).done.size(); });
    ex.submit([&] { fresh.promises[0].set_value(1); });
    EXPECT_EQ(waiter.get(), 1U);
  }
}

// W-07
TEST(Wait, ForNothingReturnsAtOnceInEveryMode) {
  for (const auto mode : {first_completed, first_exception, all_completed}) {
    for (const time_limit limit : {time_limit(0ms), time_limit(1h), time_limit::none()}) {
      const auto [done, not_done] = fronta::wait(futures(), mode, limit);
      EXPECT_THAT(done, IsEmpty());
      EXPECT_THAT(not_done, IsEmpty());
    }
  }
}

// W-08
TEST(Wait, ACancelledFutureIsDoneAlthoughNoWorkerHasSeenIt) {
  running_task busy;
  const futures queued{busy.executor().submit([] { return 1; })};
  EXPECT_TRUE(queued[0].cancel());
  EXPECT_EQ(fronta::wait(queued).done, queued);
  EXPECT_EQ(fronta::wait(queued, first_completed).done, queued);
  EXPECT_THROW(static_cast<void>(queued[0].result()), fronta::cancelled_error);
}

// W-08, F-07
TEST(Wait, CancellingWakesEveryKindOfWaiterAlthoughNoWorkerHasSeenTheTask) {
  const auto launched = std::make_shared<fronta::test::launched_tasks>();
  fronta::executor never_runs{fronta::test::manual{launched}};
  const futures queued{never_runs.submit([] { return 1; })};
  auto ex = one_worker();
  const auto on_result = ex.submit([&] { return queued[0].result(); });
  const auto on_all = ex.submit([&] { return fronta::wait(queued).done.size(); });
  const auto on_first =
      ex.submit([&] { return fronta::wait(queued, first_completed, 1h).done.size(); });
  const auto on_completion = ex.submit([&] {
    int n = 0;
    for (const auto& f : fronta::as_completed(queued)) n += f.cancelled() ? 1 : 0;
    return n;
  });
  // Runs when all of them block.
  ex.submit([&] { queued[0].cancel(); });
  EXPECT_THROW(static_cast<void>(on_result.result()), fronta::cancelled_error);
  EXPECT_EQ(on_all.get(), 1U);
  EXPECT_EQ(on_first.get(), 1U);
  EXPECT_EQ(on_completion.get(), 1);
  EXPECT_EQ(launched->size(), 1U);
}

// W-09
TEST(Wait, TakesFuturesOfDifferentExecutorsAndTypes) {
  auto one = one_worker();
  auto other = one_worker();
  const auto launched = std::make_shared<fronta::test::launched_tasks>();
  fronta::executor third{fronta::test::manual{launched}};
  promise<double> made;
  const auto a = one.submit([] { return 1; });
  const auto b = other.submit([] { return std::string("b"); });
  const auto c = third.submit([] {});
  const auto d = made.get_future();
  launched->run_all();
  made.set_value(1.5);
  const auto [done, not_done] = fronta::wait(a, b, c, d);
  EXPECT_THAT(done, ElementsAre(any_future(a), any_future(b), any_future(c), any_future(d)));
  EXPECT_THAT(not_done, IsEmpty());
  const std::array<any_future, 3> erased{a, b, c};
  EXPECT_EQ(fronta::wait(std::span<const any_future>(erased)).done.size(), 3U);
}

// W-09
TEST(Wait, OverlappingWaitsInOppositeOrderDoNotBlockEachOther) {
  for (int round = 0; round < 50; ++round) {
    outcomes o(2);
    const futures forth{o.all[0], o.all[1]};
    const futures back{o.all[1], o.all[0]};
    const std::jthread one{[&] { EXPECT_EQ(fronta::wait(forth).done.size(), 2U); }};
    const std::jthread two{[&] { EXPECT_EQ(fronta::wait(back).done.size(), 2U); }};
    o.promises[0].set_value(1);
    o.promises[1].set_value(2);
  }
}

TEST(Wait, RefusesAnEmptyHandle) {
  EXPECT_THROW(fronta::wait(futures(1)), fronta::invalid_state_error);
  EXPECT_THROW(fronta::wait(future<int>()), fronta::invalid_state_error);
}

TEST(Wait, TakesAnyRange) {
  outcomes o(2);
  o.promises[0].set_value(1);
  o.promises[1].set_value(2);
  EXPECT_EQ(fronta::wait(std::list<future<int>>(o.all.begin(), o.all.end())).done.size(), 2U);
  auto one_shot = fronta::as_completed(o.all);
  EXPECT_EQ(fronta::wait(one_shot).done.size(), 2U);
}

template <class... Args>
concept can_wait = requires(Args... args) { fronta::wait(args...); };
static_assert(can_wait<future<int>, future<void>>);
static_assert(!can_wait<>);
static_assert(!can_wait<std::vector<int>>);
static_assert(!can_wait<future<int>, int>);
static_assert(!can_wait<futures, int>);

// ---- gather

TEST(Gather, KeepsTheShapeOfItsFutures) {
  outcomes o(3);
  for (int i = 0; i < 3; ++i) o.promises[static_cast<std::size_t>(i)].set_value(i);
  EXPECT_THAT(fronta::gather(o.all), ElementsAre(0, 1, 2));
  promise<std::string> text;
  text.set_value("text");
  const auto pair = fronta::gather(std::pair(o.all[2], text.get_future()));
  static_assert(std::is_same_v<decltype(pair), const std::pair<int, std::string>>);
  EXPECT_EQ(pair, std::pair(2, std::string("text")));
}

TEST(Gather, MovesOutOfTheLastHandles) {
  auto ex = one_worker();
  std::vector<future<std::unique_ptr<int>>> owners;
  owners.push_back(ex.submit([] { return std::make_unique<int>(7); }));
  owners.push_back(ex.submit([] { return std::make_unique<int>(8); }));
  const auto values = fronta::gather(std::move(owners));
  EXPECT_EQ(*values[0] + *values[1], 15);
}

// F-08, F-12
TEST(Gather, LeavesAValueToACallbackThatHasYetToRun) {
  const auto seen =
      fronta::test::seen_by_a_later_callback(std::string("text"), [](future<std::string> f) {
        std::vector<future<std::string>> last;
        last.push_back(std::move(f));
        EXPECT_THAT(fronta::gather(std::move(last)), ElementsAre("text"));
      });
  EXPECT_EQ(seen, "text");
}

TEST(Gather, ThrowsAtTheFirstFailureWithoutWaitingForTheOthers) {
  outcomes o(3);
  o.fail(1);
  EXPECT_THROW(static_cast<void>(fronta::gather(o.all)), broken);
  EXPECT_FALSE(o.all[0].done());
}

TEST(Gather, ThrowsAtTheFirstCancellationWithoutWaitingForTheOthers) {
  outcomes o(3);
  o.all[1].cancel();
  EXPECT_THROW(static_cast<void>(fronta::gather(o.all)), fronta::cancelled_error);
  EXPECT_FALSE(o.all[0].done());
}

TEST(Gather, OfFuturesWithoutValuesThrowsTheirExceptions) {
  std::vector<fronta::promise<void>> promises(2);
  const std::array all{promises[0].get_future(), promises[1].get_future()};
  promises[0].set_value();
  promises[1].set_exception(std::make_exception_ptr(broken()));
  EXPECT_THROW(fronta::gather(all), broken);
  fronta::gather(std::vector{all[0]});
}

TEST(Gather, IsWokenByACancellation) {
  outcomes o(2);
  std::jthread later([&] { o.all[1].cancel(); });
  EXPECT_THROW(static_cast<void>(fronta::gather(o.all)), fronta::cancelled_error);
}

TEST(Gather, SkipsOrKeepsFailuresOnDemand) {
  outcomes o(3);
  o.promises[0].set_value(1);
  o.fail(1);
  o.all[2].cancel();
  EXPECT_THAT(fronta::gather<fronta::on_error::skip>(o.all), ElementsAre(1));
  const auto kept = fronta::gather<fronta::on_error::keep>(o.all);
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].value(), 1);
  EXPECT_EQ(kept[0].error(), nullptr);
  EXPECT_FALSE(kept[1].has_value());
  EXPECT_THROW(static_cast<void>(kept[1].value()), broken);
  EXPECT_THROW(static_cast<void>(kept[2].value()), fronta::cancelled_error);
}

TEST(Gather, SkipsOrKeepsFailuresOfReferences) {
  int target = 1;
  std::vector<promise<int&>> promises(2);
  const std::vector all{promises[0].get_future(), promises[1].get_future()};
  promises[0].set_value(target);
  promises[1].set_exception(std::make_exception_ptr(broken()));
  EXPECT_THAT(fronta::gather<fronta::on_error::skip>(all), ElementsAre(1));
  auto kept = fronta::gather<fronta::on_error::keep>(all);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(&kept[0].value(), &target);
  EXPECT_EQ(&std::move(kept[0]).value(), &target);
  EXPECT_THROW(static_cast<void>(kept[1].value()), broken);
}

TEST(Gather, SkipsOrKeepsFailuresWithoutValues) {
  std::vector<promise<void>> promises(2);
  const std::vector all{promises[0].get_future(), promises[1].get_future()};
  promises[0].set_value();
  promises[1].set_exception(std::make_exception_ptr(broken()));
  static_assert(std::is_void_v<decltype(fronta::gather<fronta::on_error::skip>(all))>);
  EXPECT_NO_THROW(fronta::gather<fronta::on_error::skip>(all));
  const auto kept = fronta::gather<fronta::on_error::keep>(all);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_TRUE(kept[0].has_value());
  EXPECT_THROW(static_cast<void>(kept[1].value()), broken);
}

TEST(Gather, OfNothingIsNothing) { EXPECT_THAT(fronta::gather(futures()), IsEmpty()); }

}  // namespace
