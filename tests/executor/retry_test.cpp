// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <support/captured_errors.hpp>
#include <support/gate.hpp>
#include <support/manual_clock.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::executor_options;
using fronta::future;
using fronta::keep;
using fronta::cpu::threads;
using fronta::test::gate;
using fronta::test::manual_clock;
using testing::ElementsAre;
using testing::HasSubstr;

std::string what_of(const fronta::any_future& f) {
  try {
    std::rethrow_exception(f.exception());
  } catch (const std::exception& e) {
    return e.what();
  }
}

// Fails with "run 1", "run 2", … until `good`.
struct flaky {
  std::atomic<int>* runs;
  int good;
  int operator()() const {
    const int run = ++*runs;
    if (run < good) throw std::runtime_error("run " + std::to_string(run));
    return run;
  }
};
constexpr int never = std::numeric_limits<int>::max();

void wait_until_at_least(const std::atomic<int>& n, int least) {
  for (int now = n.load(); now < least; now = n.load()) std::this_thread::yield();
}

class Retry : public testing::Test {
 protected:
  executor ex{threads{.workers = 1}};
  std::atomic<int> runs = 0;
};

//
TEST_F(Retry, ALateSuccessGivesTheValueAndLeavesNoException) {
  std::vector<int> attempts;
  const auto f = ex.submit({.retries = 3}, [&] {
    attempts.push_back(fronta::this_task::attempt());
    return flaky{&runs, 3}();
  });
  EXPECT_EQ(f.get(), 3);
  EXPECT_EQ(f.exception(), nullptr);
  EXPECT_THAT(attempts, ElementsAre(0, 1, 2));
  EXPECT_EQ(runs, 3);
}

//
TEST_F(Retry, ATaskRunsAtMostOnceMoreThanItsRetriesAndKeepsTheLastException) {
  const auto f = ex.submit({.retries = 3}, flaky{&runs, never});
  EXPECT_EQ(what_of(f), "run 4");
  EXPECT_EQ(runs, 4);
  const auto once = ex.submit({.retries = 1}, flaky{&runs, never});
  EXPECT_EQ(what_of(once), "run 6");
}

//
TEST_F(Retry, NoRetriesMeansTheFirstException) {
  EXPECT_EQ(what_of(ex.submit({.retries = 0}, flaky{&runs, never})), "run 1");
  EXPECT_EQ(what_of(ex.submit(flaky{&runs, never})), "run 2");
}

//
TEST_F(Retry, DependentsSeeOnlyTheLastOutcome) {
  const auto f = ex.submit({.retries = 1}, flaky{&runs, 2});
  const auto g = ex.submit([](int x) { return x * 10; }, f);
  EXPECT_EQ(g.get(), 20);
}

//
TEST_F(Retry, EveryRunGetsItsArgumentsIntact) {
  std::vector<std::size_t> sizes;
  const auto greedy = [&](std::vector<int> a, std::vector<int>&& b, const std::vector<int>& c,
                          std::vector<int> d) {
    const auto mine = std::move(b);
    sizes.push_back(a.size() + mine.size() + c.size() + d.size());
    a.clear();
    return flaky{&runs, 3}();
  };
  const auto input = ex.submit([] { return std::vector{1, 2, 3}; });
  const auto one = ex.submit([] { return 1; });
  const auto f = ex.submit({.retries = 5}, greedy, std::vector{1, 2}, std::vector{3}, input,
                           std::vector{one, one});
  EXPECT_EQ(f.get(), 3);
  EXPECT_THAT(sizes, ElementsAre(8U, 8U, 8U));
}

//
TEST_F(Retry, IsRefusedForWhatCanOnlyBeUsedOnce) {
  const auto refused = [&](auto&&... submitted) {
    try {
      ex.submit({.name = "once", .retries = 1}, std::forward<decltype(submitted)>(submitted)...);
      ADD_FAILURE() << "it was accepted";
    } catch (const std::invalid_argument& e) {
      EXPECT_THAT(e.what(), HasSubstr("\"once\""));
      EXPECT_THAT(e.what(), HasSubstr("retries"));
      EXPECT_THAT(e.what(), HasSubstr("lvalue"));
    }
  };
  const auto take = [](std::unique_ptr<int>) {};
  refused(take, std::make_unique<int>(1));
  refused(take, ex.submit([] { return std::make_unique<int>(1); }));
  refused([](int) {}, ex.submit([] { return 1; }));
  struct one_shot {
    void operator()() && {}
  };
  refused(one_shot());
  // A move-only callable that can be called again is fine.
  const auto f = ex.submit({.retries = 1},
                           [p = std::make_unique<int>(1), this] { return flaky{&runs, 2}() + *p; });
  EXPECT_EQ(f.get(), 3);
}

TEST_F(Retry, NegativeRetriesAreRefused) {
  EXPECT_THROW(ex.submit({.retries = -1}, [] {}), std::invalid_argument);
}

//
TEST_F(Retry, RetryIfDecidesByTheException) {
  const auto only_runtime = [](const std::exception_ptr& e) {
    try {
      std::rethrow_exception(e);
    } catch (const std::runtime_error&) {
      return true;
    } catch (...) {
      return false;
    }
  };
  const auto f = ex.submit({.retries = 5, .retry_if = only_runtime}, [&] {
    if (++runs == 3) throw std::logic_error("given up");
    throw std::runtime_error("again");
  });
  EXPECT_EQ(what_of(f), "given up");
  EXPECT_EQ(runs, 3);
}

TEST_F(Retry, AThrowingRetryIfEndsTheTaskWithItsOwnErrorAndIsReported) {
  const fronta::test::captured_errors errors;
  const auto f =
      ex.submit({.retries = 5, .retry_if = [](const std::exception_ptr&) -> bool { throw 1; }},
                flaky{&runs, never});
  EXPECT_EQ(what_of(f), "run 1");
  ASSERT_EQ(errors.count(), 1U);
  EXPECT_THAT(errors.texts()[0], HasSubstr("retry_if"));
}

TEST_F(Retry, APostedTaskIsTriedAgainAndReportedOnce) {
  const fronta::test::captured_errors errors;
  ex.post({.retries = 2}, flaky{&runs, never});
  ex.shutdown();
  EXPECT_EQ(runs, 3);
  ASSERT_EQ(errors.count(), 1U);
  EXPECT_THAT(errors.texts()[0], HasSubstr("run 3"));
}

//
TEST_F(Retry, AStopRequestEndsTheRetries) {
  gate running;
  gate go;
  const auto f = ex.submit({.retries = 5}, [&] {
    running.open();
    go.wait();
    return flaky{&runs, never}();
  });
  running.wait();
  EXPECT_TRUE(f.request_stop());
  go.open();
  EXPECT_EQ(what_of(f), "run 1");
  EXPECT_EQ(runs, 1);
}

TEST_F(Retry, CancelWorksBetweenTwoRuns) {
  const auto f = ex.submit({.retries = 5, .backoff = fronta::backoff(1h)}, flaky{&runs, never});
  wait_until_at_least(runs, 1);
  // Running, about to be put aside, or already there.
  while (!f.cancel()) std::this_thread::yield();
  EXPECT_TRUE(f.cancelled());
  EXPECT_EQ(runs, 1);
}

class RetryOnAClock : public testing::Test {
 protected:
  std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
  executor ex{executor_options{.clock = clock}, threads{.workers = 1}};
  std::atomic<int> runs = 0;
  int plain() {
    return ex.submit([] { return 1; }).get();
  }
};

//
TEST_F(RetryOnAClock, AConstantBackoffPausesBeforeEachRetryAndHoldsNoWorker) {
  const auto f = ex.submit({.retries = 2, .backoff = 100ms}, flaky{&runs, 3});
  for (int done = 1; done <= 2; ++done) {
    wait_until_at_least(runs, done);
    clock->wait_for_waiter(100ms);
    clock->advance(99ms);
    EXPECT_EQ(plain(), 1);
    EXPECT_EQ(runs, done);
    EXPECT_FALSE(f.done());
    EXPECT_FALSE(f.running());
    clock->advance(1ms);
  }
  EXPECT_EQ(f.get(), 3);
}

//
TEST_F(RetryOnAClock, AnExponentialBackoffGrowsUpToItsLimit) {
  const auto f = ex.submit({.retries = 4, .backoff = fronta::backoff::exponential(100ms, 3, 500ms)},
                           flaky{&runs, 5});
  int done = 0;
  for (const auto pause : {100ms, 300ms, 500ms, 500ms}) {
    wait_until_at_least(runs, ++done);
    clock->wait_for_waiter(pause);
    clock->advance(pause - 1ms);
    EXPECT_EQ(plain(), 1);
    EXPECT_EQ(runs, done);
    clock->advance(1ms);
  }
  EXPECT_EQ(f.get(), 5);
}

TEST_F(RetryOnAClock, CancelDuringAPauseEndsTheTask) {
  const auto f = ex.submit({.retries = 2, .backoff = 100ms}, flaky{&runs, 3});
  wait_until_at_least(runs, 1);
  clock->wait_for_waiter(100ms);
  EXPECT_TRUE(f.cancel());
  clock->advance(1s);
  EXPECT_EQ(plain(), 1);
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(f.cancelled());
}

TEST_F(RetryOnAClock, ATimeoutCoversAllRunsAndPauses) {
  const auto f = ex.submit({.retries = 100, .backoff = 10ms, .timeout = 25ms}, flaky{&runs, never});
  for (int done = 1; done <= 2; ++done) {
    wait_until_at_least(runs, done);
    clock->wait_for_waiter(10ms);
    EXPECT_FALSE(f.done());
    clock->advance(10ms);
  }
  wait_until_at_least(runs, 3);
  clock->wait_for_waiter(5ms);
  clock->advance(5ms);
  EXPECT_THROW(f.get(), fronta::timeout_error);
  clock->advance(1h);
  EXPECT_EQ(plain(), 1);
  EXPECT_EQ(runs, 3);
}

TEST_F(RetryOnAClock, NothingIsRetriedAfterATimeoutThatCameWhileItRan) {
  gate running;
  gate go;
  const auto f = ex.submit({.retries = 5, .timeout = 10ms}, [&] {
    running.open();
    go.wait();
    return flaky{&runs, never}();
  });
  running.wait();
  clock->advance(10ms);
  EXPECT_THROW(f.get(), fronta::timeout_error);
  EXPECT_EQ(runs, 0);
  go.open();
  EXPECT_EQ(plain(), 1);
  EXPECT_EQ(runs, 1);
}

// The narrowest place for a timeout: the run has failed, and whether it is retried is being
// decided.
TEST_F(RetryOnAClock, ATimeoutBetweenAFailureAndItsRetryIsFinal) {
  gate deciding;
  gate go;
  const auto f = ex.submit({.retries = 5,
                            .retry_if =
                                [&](const std::exception_ptr&) {
                                  deciding.open();
                                  go.wait();
                                  return true;
                                },
                            .timeout = 10ms},
                           flaky{&runs, never});
  deciding.wait();
  clock->advance(10ms);
  EXPECT_THROW(f.get(), fronta::timeout_error);
  go.open();
  EXPECT_EQ(plain(), 1);
  EXPECT_TRUE(f.done());
  EXPECT_THROW(f.get(), fronta::timeout_error);
  EXPECT_EQ(runs, 1);
}

class ManualRetry : public testing::Test {
 protected:
  // Fails while `broken`.
  auto fragile() {
    return [this](int x) {
      ++runs;
      if (broken) throw std::runtime_error("broken");
      return x + 1;
    };
  }
  const fronta::task_options kept{.keep = keep::recipe};
  executor ex{threads{.workers = 1}};
  std::atomic<int> runs = 0;
  std::atomic<bool> broken = true;
};

//
TEST_F(ManualRetry, GivesANewFutureAndLeavesTheOldOneAsItIs) {
  const auto f = ex.submit(kept, fragile(), 1);
  EXPECT_THROW(f.get(), std::runtime_error);
  broken = false;
  const auto again = f.retry();
  EXPECT_FALSE(again == f);
  EXPECT_EQ(again.get(), 2);
  EXPECT_THROW(f.get(), std::runtime_error);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(again.retry().get(), 2);
}

//
TEST_F(ManualRetry, RunsFailedInputsAnewAlsoWhenTheirHandlesWereDropped) {
  auto a = ex.submit(kept, fragile(), 1);
  const auto good = ex.submit(kept, [&](int x) { return ++runs, x; }, 100);
  auto b = ex.submit(kept, fragile(), a);
  const auto c = ex.submit(
      kept, [](int x, int y, const std::vector<int>& z) { return x + y + z.at(0); }, b, good,
      std::vector{a});
  fronta::wait(c, good);
  a = {};
  b = {};
  EXPECT_EQ(runs, 2);
  broken = false;
  EXPECT_EQ(c.retry().get(), 3 + 100 + 2);
  EXPECT_EQ(good.get(), 100);
  EXPECT_EQ(runs, 2 + 3);  // a twice, as an input of b and of c; good not at all
}

//
TEST_F(ManualRetry, AnInputWithoutARecipeKeepsItsFailure) {
  const auto a = ex.submit(fragile(), 1);
  const auto b = ex.submit(kept, fragile(), a);
  b.wait();
  broken = false;
  EXPECT_EQ(b.retry().exception(), a.exception());
}

//
TEST_F(ManualRetry, WorksAfterACancellation) {
  gate go;
  const auto busy = ex.submit([&] { go.wait(); });
  broken = false;
  const auto f = ex.submit(kept, fragile(), 5);
  EXPECT_TRUE(f.cancel());
  const auto again = f.retry();
  go.open();
  EXPECT_EQ(again.get(), 6);
}

//
TEST_F(ManualRetry, NeedsTheOptionAndSaysSo) {
  const auto f = ex.submit(fragile(), 1);
  const auto named = ex.submit({.name = "job"}, fragile(), 1);
  f.wait();
  EXPECT_THROW(static_cast<void>(f.retry()), fronta::invalid_state_error);
  try {
    static_cast<void>(named.retry());
    ADD_FAILURE() << "it was retried";
  } catch (const fronta::invalid_state_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("keep::recipe"));
    EXPECT_THAT(e.what(), HasSubstr("\"job\""));
  }
}

//
TEST_F(ManualRetry, NeedsACopyableTask) {
  const auto refused = [&](auto&&... submitted) {
    try {
      ex.submit(kept, std::forward<decltype(submitted)>(submitted)...);
      ADD_FAILURE() << "it was accepted";
    } catch (const std::invalid_argument& e) {
      EXPECT_THAT(e.what(), HasSubstr("keep"));
      EXPECT_THAT(e.what(), HasSubstr("cop"));
    }
  };
  refused([p = std::make_unique<int>()] {});
  refused([](const std::unique_ptr<int>&) {}, std::make_unique<int>());
  refused([](int) {}, ex.submit([] { return 1; }));
}

//
TEST_F(ManualRetry, KeepsTheArgumentsWhileAHandleExistsAndNoLonger) {
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> held = token;
  const auto read = [](const std::shared_ptr<int>& p) { return *p; };
  auto f = ex.submit(kept, read, std::move(token));
  EXPECT_EQ(f.get(), 1);
  ex.submit([] {}).wait();
  EXPECT_FALSE(held.expired());
  EXPECT_EQ(f.retry().get(), 1);
  ex.submit([] {}).wait();
  f = {};
  EXPECT_TRUE(held.expired());
}

//
TEST_F(ManualRetry, OfATaskWithAKeyRunsAnew) {
  const auto f = ex.submit({.key = "once", .keep = keep::recipe}, fragile(), 1);
  f.wait();
  broken = false;
  const auto again = f.retry();
  EXPECT_FALSE(again == f);
  EXPECT_EQ(again.get(), 2);
}

//
TEST_F(ManualRetry, AfterTheExecutorIsGoneIsAShutdownError) {
  future<int> f;
  {
    executor gone{threads{.workers = 1}};
    f = gone.submit(kept, fragile(), 1);
  }
  EXPECT_THROW(static_cast<void>(f.retry()), fronta::shutdown_error);
}

//
TEST_F(Retry, ARescheduledRunIsNeitherAFailureNorARetry) {
  std::vector<int> attempts;
  const auto f = ex.submit({.retries = 1}, [&] {
    attempts.push_back(fronta::this_task::attempt());
    switch (++runs) {
      case 1:
      case 2:
      case 4:
        fronta::this_task::reschedule();
      case 3:
        throw std::runtime_error("the only failure");
      default:
        return runs.load();
    }
  });
  EXPECT_EQ(f.get(), 5);
  EXPECT_THAT(attempts, ElementsAre(0, 0, 0, 1, 1));
}

//
TEST(Reschedule, GivesTagsBackBetweenTheRuns) {
  executor ex{executor_options{.tags = {{"t", 1}}}, threads{.workers = 1}};
  bool other_ran = false;
  int runs = 0;
  gate go;
  const auto f = ex.submit({.needs = {{"t", 1}}}, [&] {
    go.wait();
    ++runs;
    if (!other_ran) fronta::this_task::reschedule();
  });
  const auto other = ex.submit({.needs = {{"t", 1}}}, [&] { other_ran = true; });
  go.open();
  f.get();
  other.get();
  EXPECT_GE(runs, 2);
}

//
TEST(Reschedule, ATaskCancelledBetweenItsRunsDisappearsAndItsTagsReturn) {
  executor ex{executor_options{.tags = {{"t", 1}}}, threads{.workers = 1}};
  gate running;
  gate go;
  gate blocking;
  gate end;
  std::atomic<int> runs = 0;
  const auto f = ex.submit({.needs = {{"t", 1}}}, [&] {
    ++runs;
    running.open();
    go.wait();
    fronta::this_task::reschedule();
  });
  running.wait();
  // Goes first, because it is urgent, and keeps the only worker.
  const auto urgent = ex.submit({.priority = 10}, [&] {
    blocking.open();
    end.wait();
  });
  go.open();
  blocking.wait();
  EXPECT_FALSE(f.running());
  EXPECT_TRUE(f.cancel());
  end.open();
  EXPECT_EQ(ex.submit({.needs = {{"t", 1}}}, [] { return 3; }).get(), 3);
  EXPECT_TRUE(f.cancelled());
  EXPECT_EQ(runs, 1);
}

// Asks for a second run; says how much that gets.
struct second_run {
  std::atomic<int>* runs;
  template <class V>
  std::size_t operator()(const V& v) const {
    if (++*runs == 1) fronta::this_task::reschedule();
    return v.size();
  }
};

//
TEST_F(Retry, ARunThatUsedUpAnArgumentCannotAskForAnother) {
  const std::vector<int> numbers{1, 2, 3};
  const auto by_value = [this](std::vector<int> v) { return second_run{&runs}(v); };
  const auto f = ex.submit({.name = "greedy"}, by_value, numbers);
  EXPECT_THROW(f.get(), fronta::invalid_state_error);
  EXPECT_THAT(what_of(f), testing::AllOf(HasSubstr("greedy"), HasSubstr(".retries")));
  EXPECT_EQ(runs, 1);
  runs = 0;
  EXPECT_EQ(ex.submit({.retries = 1}, by_value, numbers).get(), 3U);
  runs = 0;
  const auto generic = ex.submit([this](auto v) { return second_run{&runs}(v); }, numbers);
  EXPECT_THROW(generic.get(), fronta::invalid_state_error);
  runs = 0;
  const auto converted = ex.submit(
      [this](const std::optional<std::vector<int>>& v) { return second_run{&runs}(*v); }, numbers);
  EXPECT_THROW(converted.get(), fronta::invalid_state_error);
  runs = 0;
  const auto one = ex.submit([] { return 1; });
  EXPECT_THROW(ex.submit(by_value, std::vector{one, one}).get(), fronta::invalid_state_error);
}

//
TEST_F(Retry, AFurtherRunFindsWhatItTakesByReferenceOrAsAView) {
  const std::vector<int> numbers{1, 2, 3};
  const auto expect_all = [this](const future<std::size_t>& f) {
    EXPECT_EQ(f.get(), 3U);
    EXPECT_EQ(runs, 2);
    runs = 0;
  };
  const second_run work{&runs};
  expect_all(ex.submit([work](const std::vector<int>& v) { return work(v); }, numbers));
  expect_all(ex.submit([work](std::vector<int>&& v) { return work(v); }, numbers));
  expect_all(ex.submit([work](std::span<const int> v) { return work(v); }, numbers));
  expect_all(ex.submit([work](std::array<int, 3> v) { return work(v); }, std::array{1, 2, 3}));
  const auto input = ex.submit([] { return std::vector<int>{1, 2, 3}; });
  expect_all(ex.submit([work](std::vector<int> v) { return work(v); }, input));
  const auto one = ex.submit([] { return 1; });
  const std::vector ones{one, one, one};
  expect_all(ex.submit([work](const std::vector<int>& v) { return work(v); }, ones));
  expect_all(ex.submit([work](fronta::values<int> v) { return work(v); }, ones));
}

//
TEST_F(Retry, AnItemOfAMapThatWasUsedUpCannotBeRunAgain) {
  const auto by_value = [this](std::vector<int> v) { return second_run{&runs}(v); };
  for (const auto retries : {0, 1}) {
    runs = 0;
    auto sizes = ex.map({.task = {.retries = retries}}, by_value,
                        std::vector<std::vector<int>>(1, std::vector{1, 2}));
    if (retries == 0) {
      EXPECT_THROW(static_cast<void>(*sizes.begin()), fronta::invalid_state_error);
    } else {
      EXPECT_EQ(*sizes.begin(), 2U);
    }
  }
}

//
TEST(Reschedule, OutsideATaskIsAnError) {
  EXPECT_THROW(fronta::this_task::reschedule(), fronta::invalid_state_error);
}

}  // namespace
