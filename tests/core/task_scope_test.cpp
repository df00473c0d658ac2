// SPDX-License-Identifier: Apache-2.0
#include <fronta/task_scope.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/errors.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <gmock/gmock.h>

#include <support/gate.hpp>
#include <support/manual_clock.hpp>
#include <support/running_task.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>

namespace {

using fronta::task_scope;
using fronta::test::gate;
using fronta::test::running_task;

struct broken : std::runtime_error {
  broken() : std::runtime_error("broken") {}
};

fronta::executor workers(int n) { return fronta::executor{fronta::cpu::threads{.workers = n}}; }

void run_until_stopped(gate& started) {
  const auto stop = fronta::this_task::stop_token();
  started.open();
  while (!stop.stop_requested()) std::this_thread::yield();
}

TEST(TaskScope, WaitReturnsWhenAllHaveEnded) {
  auto ex = workers(2);
  std::atomic<int> ended = 0;
  task_scope scope(ex);
  for (int i = 0; i < 20; ++i) scope.submit([&] { ++ended; });
  scope.wait();
  EXPECT_EQ(ended, 20);
}

TEST(TaskScope, SubmitGivesTheFuture) {
  auto ex = workers(1);
  task_scope scope(ex);
  const auto f = scope.submit([](int x) { return x + 1; }, 41);
  EXPECT_EQ(f.get(), 42);
}

TEST(TaskScope, ItsEndCancelsWhatHasNotStarted) {
  running_task busy;
  bool ran = false;
  fronta::future<void> f;
  {
    task_scope scope(busy.executor());
    f = scope.submit([&] { ran = true; });
  }
  EXPECT_TRUE(f.cancelled());
  busy.release();
  busy.executor().shutdown();
  EXPECT_FALSE(ran);
}

TEST(TaskScope, ItsEndRequestsTheStopOfWhatRunsAndWaitsForIt) {
  auto ex = workers(1);
  gate started;
  bool ended = false;
  {
    task_scope scope(ex);
    scope.submit([&] {
      run_until_stopped(started);
      ended = true;
    });
    started.wait();
  }
  EXPECT_TRUE(ended);
}

TEST(TaskScope, ItsEndWaitsForWhatItsTasksSubmitMeanwhile) {
  auto ex = workers(2);
  gate started;
  gate child_started;
  bool child_ended = false;
  {
    task_scope scope(ex);
    scope.submit([&] {
      run_until_stopped(started);  // until the end has begun
      scope.submit([&] {
        run_until_stopped(child_started);
        child_ended = true;
      });
      child_started.wait();
    });
    started.wait();
  }
  EXPECT_TRUE(child_ended);
}

TEST(TaskScope, AFailureCancelsTheOthersAndIsThrownWhenAllHaveEnded) {
  auto ex = workers(2);
  gate started;
  bool ended = false;
  task_scope scope(ex);
  scope.submit([&] {
    run_until_stopped(started);
    ended = true;
  });
  scope.submit([&] {
    started.wait();
    throw broken();
  });
  EXPECT_THROW(scope.wait(), broken);
  EXPECT_TRUE(ended);
  EXPECT_NO_THROW(scope.wait()) << "it was thrown once";
}

TEST(TaskScope, WaitIncludesWhatIsSubmittedMeanwhile) {
  auto ex = workers(1);
  std::atomic<int> ended = 0;
  task_scope scope(ex);
  scope.submit([&] {
    scope.submit([&] {
      scope.submit([&] { ++ended; });
      ++ended;
    });
    ++ended;
  });
  scope.wait();
  EXPECT_EQ(ended, 3);
}

TEST(TaskScope, CancelLeavesTheScopeUsable) {
  running_task busy;
  task_scope scope(busy.executor());
  const auto f = scope.submit([] { return 1; });
  scope.cancel();
  EXPECT_TRUE(f.cancelled());
  const auto g = scope.submit([] { return 2; });
  busy.release();
  EXPECT_NO_THROW(scope.wait()) << "a cancellation is no failure";
  EXPECT_EQ(g.get(), 2);
}

TEST(TaskScope, WaitsForTheCodeOfATaskWhoseTimeoutHasPassed) {
  for (const bool by_wait : {false, true}) {
    const auto clock = std::make_shared<fronta::test::manual_clock>();
    fronta::executor ex{fronta::executor_options{.clock = clock},
                        fronta::cpu::threads{.workers = 1}};
    gate started;
    gate go;
    std::atomic<bool> over = false;
    {
      task_scope scope(ex);
      const auto late = scope.submit({.timeout = std::chrono::seconds(1)}, [&] {
        started.open();
        go.wait();
        for (int i = 0; i < 10'000; ++i) std::this_thread::yield();
        over = true;
      });
      started.wait();
      clock->advance(std::chrono::seconds(1));
      EXPECT_THROW(late.get(), fronta::timeout_error);
      EXPECT_FALSE(over);
      go.open();
      if (by_wait) {
        EXPECT_THROW(scope.wait(), fronta::timeout_error);
        EXPECT_TRUE(over);
      }
    }
    EXPECT_TRUE(over);
  }
}

TEST(TaskScope, InsideATaskLendsItsCpuShare) {
  auto ex = workers(1);
  const auto f = ex.submit([] {
    auto own = fronta::this_task::executor();
    int value = 0;
    task_scope scope(own);
    scope.submit([&] { value = 7; });
    scope.wait();
    return value;
  });
  EXPECT_EQ(f.get(), 7);
}

// Its wait can have no substitute; it keeps its share then.
TEST(TaskScope, DestructorWaitsWithoutASubstituteToo) {
  fronta::executor ex{fronta::cpu::threads{.workers = 2, .max_substitutes = 0}};
  gate started;
  gate go;
  gate leaves;
  std::atomic<bool> ran = false;
  const auto outer = ex.submit([&] {
    task_scope scope(ex);
    scope.submit([&] {
      started.open();
      go.wait();
      ran = true;
    });
    started.wait();  // the other worker has it
    leaves.open();
  });
  leaves.wait();
  go.open();
  EXPECT_NO_THROW(outer.get());
  EXPECT_TRUE(ran);
}

}  // namespace
