// SPDX-License-Identifier: Apache-2.0
#include <fronta/annotate.hpp>
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <support/captured_errors.hpp>
#include <support/gate.hpp>
#include <support/manual_clock.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <ranges>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::annotate;
using fronta::executor;
using fronta::executor_options;
using fronta::future;
using fronta::promise;
using fronta::cpu::threads;
using fronta::test::captured_errors;
using fronta::test::gate;
using fronta::test::manual_clock;
using testing::HasSubstr;

std::string what_of(const fronta::any_future& f) {
  try {
    std::rethrow_exception(f.exception());
  } catch (const std::exception& e) {
    return e.what();
  }
}

// ---- Timeouts of tasks.

class TaskTimeout : public testing::Test {
 protected:
  std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
  executor ex{executor_options{.tags = {{"t", 1}}, .clock = clock}, threads{.workers = 1}};
  std::atomic<int> runs = 0;
  void drain() {
    ex.submit([] {}).wait();
  }
};

TEST_F(TaskTimeout, OfZeroOrLessEndsTheTaskBeforeItRuns) {
  const auto zero = ex.submit({.name = "late", .timeout = 0s}, [&] { ++runs; });
  const auto negative = ex.submit({.timeout = -5s}, [&] { ++runs; });
  EXPECT_THROW(zero.get(), fronta::timeout_error);
  EXPECT_THROW(negative.get(), fronta::timeout_error);
  EXPECT_THAT(what_of(zero), HasSubstr("\"late\""));
  EXPECT_THAT(what_of(zero), HasSubstr(".timeout"));
  drain();
  EXPECT_EQ(runs, 0);
}

TEST_F(TaskTimeout, OfTheLongestDurationsNeverComes) {
  const auto most = ex.submit({.timeout = std::chrono::nanoseconds::max()}, [] { return 1; });
  const auto hours = ex.submit({.timeout = std::chrono::hours::max()}, [] { return 2; });
  const auto infinite =
      ex.submit({.timeout = std::chrono::duration<double>(std::numeric_limits<double>::infinity())},
                [] { return 3; });
  clock->advance(24h * 365 * 90);
  EXPECT_EQ(most.get() + hours.get() + infinite.get(), 6);
}

TEST_F(TaskTimeout, DropsAPendingTaskWithItsCaptures) {
  gate go;
  const auto busy = ex.submit([&] { go.wait(); });
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> held = token;
  const auto f = ex.submit({.timeout = 10ms}, [&, token = std::move(token)] { ++runs; });
  const auto dependent = ex.submit([&] { ++runs; }, f);
  clock->wait_for_waiter();
  clock->advance(9ms);
  EXPECT_FALSE(f.done());
  clock->advance(1ms);
  EXPECT_THROW(f.get(), fronta::timeout_error);
  EXPECT_TRUE(held.expired());
  EXPECT_FALSE(f.cancelled());
  EXPECT_THROW(dependent.get(), fronta::timeout_error);
  go.open();
  drain();
  EXPECT_EQ(runs, 0);
}

TEST_F(TaskTimeout, DropsATaskThatWaitsForAnInput) {
  promise<int> p;
  const auto f = ex.submit({.timeout = 10ms}, [&](int) { ++runs; }, p.get_future());
  clock->wait_for_waiter();
  clock->advance(10ms);
  EXPECT_THROW(f.get(), fronta::timeout_error);
  p.set_value(1);
  drain();
  EXPECT_EQ(runs, 0);
}

TEST_F(TaskTimeout, CountsFromSubmitAlsoForATaskThatBecomesReadyTooLate) {
  promise<int> p;
  gate go;
  const auto busy = ex.submit([&] { go.wait(); });
  const auto f = ex.submit({.timeout = 10ms}, [&](int) { ++runs; }, p.get_future());
  clock->advance(10ms);
  p.set_value(1);
  EXPECT_THROW(f.get(), fronta::timeout_error);
  go.open();
  drain();
  EXPECT_EQ(runs, 0);
}

//
TEST_F(TaskTimeout, AsksARunningTaskToStopAndKeepsItsTagsAndCapturesUntilTheCodeEnds) {
  gate running;
  gate go;
  gate stop_seen;
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> held = token;
  const auto f = ex.submit({.needs = {{"t", 1}}, .timeout = 10ms}, [&, token = std::move(token)] {
    const std::stop_callback seen(fronta::this_task::stop_token(), [&] { stop_seen.open(); });
    running.open();
    const fronta::this_task::blocking lent;
    go.wait();
    ++runs;
  });
  const auto next = ex.submit({.needs = {{"t", 1}}}, [] { return 1; });
  running.wait();
  clock->advance(10ms);
  stop_seen.wait();
  EXPECT_THROW(f.get(), fronta::timeout_error);
  EXPECT_FALSE(f.running());
  drain();
  EXPECT_FALSE(next.done());
  EXPECT_FALSE(held.expired());
  go.open();
  EXPECT_EQ(next.get(), 1);
  EXPECT_EQ(runs, 1);
  drain();
  EXPECT_TRUE(held.expired());
  EXPECT_THROW(f.get(), fronta::timeout_error);
}

// Blocks user code that a timeout has called.
class Blocked : public TaskTimeout {
 protected:
  void block() {
    reached.open();
    go.wait();
  }
  // Once the timeout of 10 ms has come, and while what it called is blocked.
  void expect_that_others_come_in_time() {
    const auto timed = ex.submit({.timeout = 20ms}, [](int) {}, never.get_future());
    const auto paused = ex.submit({.retries = 1, .backoff = 20ms}, [&] {
      if (++runs == 1) throw std::runtime_error("once");
      return 2;
    });
    clock->advance(10ms);
    reached.wait();
    clock->advance(10ms);
    EXPECT_THROW(timed.get(), fronta::timeout_error);
    const auto end_pause = [&] {
      while (!paused.done()) {
        clock->advance(20ms);
        std::this_thread::yield();
      }
    };
    if (worker_is_free) end_pause();
    go.open();
    end_pause();
    EXPECT_EQ(paused.get(), 2);
    ex.shutdown();
  }
  gate reached;
  gate go;
  promise<int> never;
  bool worker_is_free = true;
};

TEST_F(Blocked, ACallbackHoldsUpNoOtherTimeoutOrPause) {
  promise<int> input;
  const auto f = ex.submit({.timeout = 10ms}, [](int) {}, input.get_future());
  f.add_done_callback([&](const auto&) { block(); });
  expect_that_others_come_in_time();
}

TEST_F(Blocked, ADestructorHoldsUpNoOtherTimeoutOrPause) {
  promise<int> input;
  std::shared_ptr<void> capture(nullptr, [&](void*) { block(); });
  const auto f = ex.submit({.timeout = 10ms}, [c = std::move(capture)](int) {}, input.get_future());
  expect_that_others_come_in_time();
}

TEST_F(Blocked, AStopCallbackHoldsUpNoOtherTimeout) {
  worker_is_free = false;
  gate running;
  const auto f = ex.submit({.timeout = 10ms}, [&] {
    const std::stop_callback asked(fronta::this_task::stop_token(), [&] { block(); });
    running.open();
    go.wait();
  });
  running.wait();
  expect_that_others_come_in_time();
}

TEST_F(TaskTimeout, ACallbackOfOneMayWaitForARetryThatPauses) {
  promise<int> input;
  const auto f = ex.submit({.timeout = 10ms}, [](int) {}, input.get_future());
  int got = 0;
  gate over;
  f.add_done_callback([&](const auto&) {
    got = ex.submit({.retries = 1, .backoff = 5ms}, [&] {
              if (++runs == 1) throw std::runtime_error("once");
              return 7;
            }).get();
    over.open();
  });
  clock->wait_for_waiter(10ms);
  clock->advance(10ms);
  clock->wait_for_waiter(5ms);
  clock->advance(5ms);
  over.wait();
  EXPECT_EQ(got, 7);
}

TEST_F(TaskTimeout, CallbacksOfSeveralMayWaitForEachOther) {
  constexpr int several = 8;
  promise<int> input;
  const auto never = input.get_future();
  std::barrier meet(several);
  for (int i = 0; i < several; ++i) {
    const auto f = ex.submit({.timeout = 10ms}, [](int) {}, never);
    f.add_done_callback([&](const auto&) { meet.arrive_and_wait(); });
  }
  clock->advance(10ms);
  ex.shutdown();
}

TEST_F(TaskTimeout, DoesNothingToATaskThatEndedInTime) {
  const auto f = ex.submit({.timeout = 10ms}, [] { return 1; });
  EXPECT_EQ(f.get(), 1);
  clock->advance(1h);
  drain();
  EXPECT_EQ(f.get(), 1);
}

TEST(DefaultTimeout, HoldsForTasksThatNameNone) {
  auto clock = std::make_shared<manual_clock>();
  executor ex{executor_options{.default_timeout = 10ms, .clock = clock}, threads{.workers = 1}};
  gate go;
  gate running;
  const auto busy = ex.submit({.timeout = fronta::time_limit::none()}, [&] {
    running.open();
    go.wait();
    return 1;
  });
  running.wait();
  const auto plain = ex.submit([] { return 2; });
  const auto patient = ex.submit({.timeout = 1h}, [] { return 3; });
  clock->wait_for_waiter();
  clock->advance(10ms);
  EXPECT_THROW(plain.get(), fronta::timeout_error);
  go.open();
  EXPECT_EQ(busy.get(), 1);
  EXPECT_EQ(patient.get(), 3);
  EXPECT_EQ(ex.submit([] { return 4; }).get(), 4);
}

// ---- Stop tokens.

TEST(StopToken, CancelsAPendingTaskAndItsDependents) {
  executor ex{threads{.workers = 1}};
  gate go;
  const auto busy = ex.submit([&] { go.wait(); });
  std::stop_source source;
  const auto f = ex.submit({.stop = source.get_token()}, [] { return 1; });
  const auto g = ex.submit([](int x) { return x; }, f);
  EXPECT_FALSE(f.done());
  source.request_stop();
  EXPECT_TRUE(f.cancelled());
  EXPECT_TRUE(g.cancelled());
  go.open();
}

TEST(StopToken, RequestsTheStopOfARunningTask) {
  executor ex{threads{.workers = 1}};
  gate running;
  std::stop_source source;
  const auto f = ex.submit({.stop = source.get_token()}, [&] {
    const auto token = fronta::this_task::stop_token();
    EXPECT_FALSE(token.stop_requested());
    gate stopped;
    const std::stop_callback seen(token, [&] { stopped.open(); });
    running.open();
    stopped.wait();
    return 5;
  });
  running.wait();
  source.request_stop();
  EXPECT_EQ(f.get(), 5);
  EXPECT_FALSE(f.cancelled());
}

TEST(StopToken, ThatWasStoppedBeforeSubmitMeansNoRun) {
  executor ex{threads{.workers = 2}};
  std::stop_source source;
  source.request_stop();
  for (int i = 0; i < 200; ++i) {
    const auto f = ex.submit({.stop = source.get_token()}, [] { ADD_FAILURE() << "it ran"; });
    f.wait();
    EXPECT_TRUE(f.cancelled());
  }
}

TEST(StopToken, OfATaskThatHasEndedDoesNothing) {
  executor ex{threads{.workers = 1}};
  std::stop_source source;
  const auto f = ex.submit({.stop = source.get_token()}, [] { return 1; });
  EXPECT_EQ(f.get(), 1);
  source.request_stop();
  EXPECT_EQ(f.get(), 1);
}

// ---- Keys.

// D-09
TEST(Key, EqualKeysShareOneTask) {
  executor ex{threads{.workers = 2}};
  gate go;
  std::atomic<int> runs = 0;
  const auto job = [&] {
    go.wait();
    return ++runs;
  };
  const auto a = ex.submit({.key = "k"}, job);
  const auto b = ex.submit({.key = "k"}, job);
  const auto other = ex.submit({.key = "l"}, [] { return 10; });
  EXPECT_TRUE(a == b);
  EXPECT_EQ(other.get(), 10);
  go.open();
  EXPECT_EQ(a.get() + b.get(), 2);
  EXPECT_TRUE(ex.submit({.key = "k"}, job) == a);
  EXPECT_EQ(runs, 1);
}

// D-09
TEST(Key, IsFreeAgainWhenTheTaskIsGone) {
  executor ex{threads{.workers = 1}};
  std::atomic<int> runs = 0;
  const auto job = [&] { return ++runs; };
  auto a = ex.submit({.key = "k"}, job);
  EXPECT_EQ(a.get(), 1);
  a = {};
  ex.submit([] {}).wait();
  EXPECT_EQ(ex.submit({.key = "k"}, job).get(), 2);
}

// D-09
TEST(Key, OfAnotherResultTypeIsRefused) {
  executor ex{threads{.workers = 1}};
  const auto a = ex.submit({.key = "k"}, [] { return 1; });
  try {
    ex.submit({.key = "k"}, [] { return 1.0; });
    ADD_FAILURE() << "it was accepted";
  } catch (const std::invalid_argument& e) {
    EXPECT_THAT(e.what(), HasSubstr("\"k\""));
  }
}

// D-09
TEST(Key, BelongsToOneExecutor) {
  executor a{threads{.workers = 1}};
  executor b{threads{.workers = 1}};
  const auto f = a.submit({.key = "k"}, [] { return 1; });
  const auto g = b.submit({.key = "k"}, [] { return 2; });
  EXPECT_EQ(f.get() + g.get(), 3);
}

TEST(Key, OfACancelledTaskWhoseHandleIsHeldStaysWithIt) {
  executor ex{threads{.workers = 1}};
  promise<int> p;
  const auto f = ex.submit({.key = "k"}, [](int x) { return x; }, p.get_future());
  EXPECT_TRUE(f.cancel());
  EXPECT_TRUE(ex.submit({.key = "k"}, [] { return 1; }) == f);
}

// ---- max_pending.

class MaxPending : public testing::Test {
 protected:
  executor ex{executor_options{.max_pending = 2}, threads{.workers = 1}};
};

TEST_F(MaxPending, RefusesWhatIsTooMuchAndAdmitsAgainAsSoonAsOneHasEnded) {
  gate go;
  const auto a = ex.submit([&] { go.wait(); });
  const auto b = ex.submit([] {});
  try {
    ex.submit([] {});
    ADD_FAILURE() << "it was accepted";
  } catch (const fronta::queue_full_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("submit"));
    EXPECT_THAT(e.what(), HasSubstr("(2)"));
    EXPECT_THAT(e.what(), HasSubstr("try_submit"));
  }
  EXPECT_THROW(ex.post([] {}), fronta::queue_full_error);
  EXPECT_FALSE(ex.try_submit([] { return 1; }).has_value());
  EXPECT_FALSE(ex.try_submit({.name = "x"}, [] { return 1; }).has_value());
  EXPECT_TRUE(b.cancel());
  const auto c = ex.try_submit([] { return 7; });
  ASSERT_TRUE(c.has_value());
  EXPECT_FALSE(ex.try_submit([] {}).has_value());
  go.open();
  EXPECT_EQ(c->get(), 7);
}

TEST_F(MaxPending, ATaskThatSomebodySawEndNoLongerCounts) {
  for (int i = 0; i < 500; ++i) {
    const auto a = ex.submit([] {});
    const auto b = ex.submit([] { return 1; });
    a.wait();
    b.wait();
  }
}

TEST_F(MaxPending, DoesNotCountNestedTasksDependentsAndRetries) {
  gate go;
  std::atomic<int> runs = 0;
  const auto busy = ex.submit({.retries = 3}, [&] {
    go.wait();
    if (++runs < 3) throw std::runtime_error("again");
    auto ref = fronta::this_task::executor();
    int total = 0;
    for (int i = 0; i < 5; ++i) total += ref.submit([] { return 1; }).get();
    return total;
  });
  const auto other = ex.submit([] { return 1; });
  EXPECT_FALSE(ex.try_submit([] {}).has_value());
  std::vector<future<int>> dependents;
  for (int i = 0; i < 5; ++i) {
    dependents.push_back(ex.submit([](int a, int b) { return a + b; }, busy, other));
  }
  EXPECT_FALSE(ex.try_submit([] {}).has_value());
  go.open();
  for (const auto& d : dependents) EXPECT_EQ(d.get(), 6);
}

TEST_F(MaxPending, IsGivenBackWhenASubmitFails) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_THROW(ex.submit({.needs = {{"nowhere", 1}}}, [] {}), fronta::unsatisfiable_error);
  }
  const auto a = ex.submit([] {});
  const auto b = ex.submit([] {});
  a.wait();
  b.wait();
}

TEST(ExecutorOptions, OutOfRangeAreRefused) {
  EXPECT_THROW((executor{executor_options{.max_pending = 0}, threads{.workers = 1}}),
               std::invalid_argument);
  EXPECT_THROW((executor{executor_options{.max_pending = -1}, threads{.workers = 1}}),
               std::invalid_argument);
  EXPECT_THROW((executor{executor_options{.tags = {{"cpu", 1}}}, threads{.workers = 1}}),
               std::invalid_argument);
  EXPECT_THROW((executor{threads{.workers = 1}, threads{.workers = 1}}), std::invalid_argument);
  EXPECT_THROW(executor(executor_options{}, std::vector<std::unique_ptr<fronta::backend>>{}),
               std::invalid_argument);
}

// ---- The error hook.

TEST(ErrorHook, OfTheExecutorGetsWhatPostedTasksThrow) {
  const captured_errors process_wide;
  std::mutex mutex;
  std::vector<std::string> seen;
  {
    executor ex{executor_options{.error_hook =
                                     [&](const std::exception_ptr& e, const std::string& context) {
                                       const std::lock_guard lock(mutex);
                                       seen.push_back(context + fronta::detail::describe(e));
                                     }},
                threads{.workers = 1}};
    ex.post([] { throw std::runtime_error("posted"); });
    ex.post({.timeout = 0s}, [] {});
    ex.submit([] { throw std::runtime_error("submitted"); }).wait();
  }
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_THAT(seen, testing::Contains(HasSubstr("posted")));
  EXPECT_THAT(seen, testing::Contains(HasSubstr("timeout")));
  EXPECT_EQ(process_wide.count(), 0U);
}

TEST(ErrorHook, OfTheProcessServesExecutorsWithoutOne) {
  const captured_errors process_wide;
  {
    executor ex{threads{.workers = 1}};
    ex.post([] { throw std::runtime_error("posted"); });
    ex.post([] { throw 42; });
  }
  ASSERT_EQ(process_wide.count(), 2U);
  EXPECT_THAT(process_wide.texts()[0], HasSubstr("posted"));
}

TEST(ErrorHook, ThatThrowsIsReportedAndHarmsNobody) {
  const captured_errors process_wide;
  {
    executor ex{executor_options{.error_hook = [](auto&&...) { throw 1; }}, threads{.workers = 1}};
    ex.post([] { throw std::runtime_error("posted"); });
    EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  }
  EXPECT_EQ(process_wide.count(), 1U);
}

// ---- Random numbers.

using numbers = std::vector<std::uint64_t>;

// Draws inside nested tasks, dependents, retries and maps.
numbers draws(std::uint64_t seed, int workers) {
  executor ex{executor_options{.seed = seed}, threads{.workers = workers}};
  const auto draw = [] { return fronta::this_task::rng()(); };
  numbers all;
  std::vector<future<std::uint64_t>> flat;
  for (int i = 0; i < 20; ++i) flat.push_back(ex.submit(draw));
  std::vector<future<numbers>> nested;
  for (int i = 0; i < 8; ++i) {
    nested.push_back(ex.submit([draw] {
      auto ref = fronta::this_task::executor();
      std::vector<future<std::uint64_t>> children;
      for (int c = 0; c < 4; ++c) {
        children.push_back(c % 2 == 0 ? ref.submit(draw) : ref.submit({.name = "named"}, draw));
      }
      numbers mine{fronta::this_task::rng()()};
      for (auto& c : children) mine.push_back(c.get());
      for (auto v : ref.map([draw](int) { return draw(); }, std::views::iota(0, 3))) {
        mine.push_back(v);
      }
      return mine;
    }));
  }
  const auto retried = ex.submit({.retries = 3}, [] {
    const auto n = fronta::this_task::rng()();
    if (fronta::this_task::attempt() < 2) throw std::runtime_error("again");
    return n;
  });
  const auto dependent = ex.submit([draw](std::uint64_t x) { return x ^ draw(); }, flat[3]);
  for (auto& f : flat) all.push_back(f.get());
  for (auto& f : nested) {
    const auto mine = f.get();
    all.insert(all.end(), mine.begin(), mine.end());
  }
  all.push_back(retried.get());
  all.push_back(dependent.get());
  for (auto v : ex.map([draw](int) { return draw(); }, std::views::iota(0, 10))) all.push_back(v);
  return all;
}

TEST(Rng, GivesTheSameNumbersWhateverTheWorkersAndTheSchedule) {
  const auto expected = draws(17, 1);
  EXPECT_EQ(draws(17, 1), expected);
  EXPECT_EQ(draws(17, 4), expected);
  EXPECT_EQ(draws(17, 3), expected);
  EXPECT_NE(draws(18, 1), expected);
  // No two tasks share a stream; the dependent's draw is mixed, so it differs too.
  const std::set<std::uint64_t> distinct(expected.begin(), expected.end());
  EXPECT_EQ(distinct.size(), expected.size());
}

// What a task submits must not shift the numbers of what is submitted outside.
TEST(Rng, OfATaskDoesNotDependOnWhenOthersSubmitNestedTasks) {
  const auto second = [](bool nested_first) {
    executor ex{executor_options{.seed = 5}, threads{.workers = 1}};
    gate go;
    const auto first = ex.submit([&] {
      go.wait();
      fronta::this_task::executor().submit({.name = "nested"}, [] {}).wait();
    });
    if (nested_first) {
      go.open();
      first.wait();
    }
    const auto f = ex.submit([] { return fronta::this_task::rng()(); });
    go.open();
    return f.get();
  };
  EXPECT_EQ(second(true), second(false));
}

TEST(Rng, OfATaskDoesNotDependOnHowOftenSubmitWasRefused) {
  const auto second = [](int refusals) {
    executor ex{executor_options{.max_pending = 1, .seed = 5}, threads{.workers = 1}};
    gate go;
    const auto first = ex.submit([&] { go.wait(); });
    for (int i = 0; i < refusals; ++i) EXPECT_FALSE(ex.try_submit([] {}).has_value());
    go.open();
    first.wait();
    return ex.submit([] { return fronta::this_task::rng()(); }).get();
  };
  EXPECT_EQ(second(0), second(3));
}

TEST(Rng, OfARetryDiffersFromTheFirstRunAndIsReproducible) {
  const auto run = [] {
    executor ex{executor_options{.seed = 5}, threads{.workers = 2}};
    numbers seen;
    ex.submit({.retries = 2}, [&] {
        seen.push_back(fronta::this_task::rng()());
        EXPECT_EQ(fronta::this_task::rng()(), seen.back());
        if (seen.size() < 3) throw std::runtime_error("again");
      }).wait();
    return seen;
  };
  const auto seen = run();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_NE(seen[0], seen[1]);
  EXPECT_NE(seen[1], seen[2]);
  EXPECT_EQ(run(), seen);
}

TEST(Rng, OfTasksThatCallbacksSubmitAreDistinct) {
  executor ex{executor_options{.seed = 5}, threads{.workers = 1}};
  const auto draw = [] { return fronta::this_task::rng()(); };
  promise<std::vector<future<std::uint64_t>>> submitted;
  gate go;
  const auto f = ex.submit([&] { go.wait(); });
  f.add_done_callback([&](const auto&) {
    submitted.set_value(std::vector{ex.submit(draw), ex.submit(draw), ex.submit(draw)});
  });
  go.open();
  std::set<std::uint64_t> seen;
  for (const auto& g : submitted.get_future().get()) seen.insert(g.get());
  EXPECT_EQ(seen.size(), 3U);
}

TEST(Rng, OfAMapIsTheSameInChunksAndInAWindow) {
  const auto mapped = [](fronta::map_options options, int workers) {
    executor ex{executor_options{.seed = 9}, threads{.workers = workers}};
    numbers all;
    for (auto v : ex.map(
             std::move(options),
             [](int i) { return fronta::this_task::rng()() + static_cast<unsigned>(i); },
             std::views::iota(0, 20))) {
      all.push_back(v);
    }
    return all;
  };
  const auto expected = mapped({}, 1);
  EXPECT_EQ(mapped({.chunk_size = 3}, 2), expected);
  EXPECT_EQ(mapped({.chunk_size = 100}, 1), expected);
  EXPECT_EQ(mapped({.window = 2}, 2), expected);
  EXPECT_EQ(mapped({.chunk_size = 3, .window = 5}, 2), expected);
}

TEST(Rng, OutsideATaskIsAnError) {
  EXPECT_THROW(static_cast<void>(fronta::this_task::rng()), fronta::invalid_state_error);
}

TEST(Rng, WithoutASeedDiffersFromRunToRun) {
  const auto draw = [] {
    executor ex{threads{.workers = 1}};
    return ex.submit([] { return fronta::this_task::rng()(); }).get();
  };
  EXPECT_NE(draw(), draw());
}

// ---- Scoped options.

class Annotated : public testing::Test {
 protected:
  executor ex{threads{.workers = 1}};
  std::string name_of_next() {
    return ex.submit([] { return fronta::this_task::name(); }).get();
  }
  int runs_of_failing(const fronta::task_options& options) {
    std::atomic<int> runs = 0;
    ex.submit(options, [&] {
        ++runs;
        throw std::runtime_error("no");
      }).wait();
    return runs;
  }
};

//
TEST_F(Annotated, InnerScopesBeatOuterOnesAndUnwind) {
  {
    const annotate outer{{.name = "outer", .retries = 2}};
    EXPECT_EQ(name_of_next(), "outer");
    {
      const annotate inner{{.name = "inner"}};
      EXPECT_EQ(name_of_next(), "inner");
      EXPECT_EQ(runs_of_failing({}), 3);
    }
    EXPECT_EQ(name_of_next(), "outer");
    try {
      const annotate inner{{.name = "inner"}};
      throw 1;
    } catch (int) {
    }
    EXPECT_EQ(name_of_next(), "outer");
  }
  EXPECT_EQ(name_of_next(), "unnamed");
  EXPECT_EQ(runs_of_failing({}), 1);
}

//
TEST_F(Annotated, AnExplicitOptionBeatsEveryScopeAlsoWhenItIsZero) {
  const annotate outer{{.needs = {{"cpu", 1}, {"nowhere", 1}}, .retries = 2, .priority = 5}};
  EXPECT_THROW(ex.submit([] {}), fronta::unsatisfiable_error);
  EXPECT_EQ(runs_of_failing({.needs = fronta::no_needs}), 3);
  EXPECT_EQ(runs_of_failing({.needs = fronta::no_needs, .retries = 0}), 1);
  const annotate inner{{.needs = fronta::no_needs, .retries = 0}};
  EXPECT_EQ(runs_of_failing({}), 1);
  EXPECT_EQ(runs_of_failing({.retries = 1}), 2);
}

//
TEST_F(Annotated, AnExplicitPriorityOfZeroUndoesAnOuterOne) {
  gate go;
  std::vector<int> order;
  const auto busy = ex.submit([&] { go.wait(); });
  const annotate outer{{.priority = 5}};
  const auto zero = ex.submit({.priority = 0}, [&] { order.push_back(0); });
  const auto five = ex.submit([&] { order.push_back(5); });
  go.open();
  fronta::wait(zero, five, busy);
  EXPECT_THAT(order, testing::ElementsAre(5, 0));
}

//
TEST_F(Annotated, AnUnknownPlaceIsRefusedAtSubmitAndOnlyThere) {
  const annotate scope{{.place_on = "nowhere"}};
  try {
    ex.submit({.name = "lost"}, [] {});
    ADD_FAILURE() << "it was accepted";
  } catch (const fronta::unsatisfiable_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("\"nowhere\""));
    EXPECT_THAT(e.what(), HasSubstr("\"lost\""));
  }
  EXPECT_EQ(ex.submit({.place_on = "cpu"}, [] { return 1; }).get(), 1);
}

//
TEST(Annotation, NamesThePoolThatTasksGoTo) {
  executor ex{threads{.workers = 1, .name = "left"}, threads{.workers = 1, .name = "right"}};
  for (const std::string name : {"left", "right", "left"}) {
    const annotate scope{{.place_on = name}};
    EXPECT_EQ(ex.submit([] { return fronta::this_task::place(); }).get(), name);
  }
}

//
TEST_F(Annotated, AScopeIsOfItsThreadAndIsReadAtSubmit) {
  const annotate scope{{.name = "mine"}};
  const auto inside = ex.submit([] {
    return fronta::this_task::executor().submit([] { return fronta::this_task::name(); }).get();
  });
  EXPECT_EQ(inside.get(), "unnamed");
}

TEST(TaskOptions, NamesShowInsideTheTaskAndOnTheFuture) {
  executor ex{threads{.workers = 1}};
  const auto f = ex.submit({.name = "load"}, [] { return fronta::this_task::name(); });
  EXPECT_EQ(f.get(), "load");
  EXPECT_EQ(f.name(), "load");
}

}  // namespace
