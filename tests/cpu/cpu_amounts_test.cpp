// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <support/gate.hpp>
#include <support/occupied.hpp>
#include <support/record.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <optional>
#include <random>
#include <vector>

namespace {

using fronta::task_options;
using fronta::test::concurrency_meter;
using fronta::test::gate;
using fronta::test::occupied_worker;
using fronta::test::record;

task_options cpu(fronta::amount a) { return {.needs = {{"cpu", a}}}; }

fronta::executor pool(int workers) {
  return fronta::executor{fronta::cpu::threads{.workers = workers}};
}

// The sum of amounts that run at once, in hundredths.
class usage {
 public:
  class scope {
   public:
    scope(usage& u, int hundredths) : usage_(u), mine_(hundredths) {
      const int now = usage_.now_.fetch_add(mine_) + mine_;
      int most = usage_.most_.load();
      while (now > most && !usage_.most_.compare_exchange_weak(most, now)) {
      }
    }
    ~scope() { usage_.now_.fetch_sub(mine_); }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    usage& usage_;
    int mine_;
  };
  [[nodiscard]] int most() const { return most_.load(); }

 private:
  std::atomic<int> now_{0};
  std::atomic<int> most_{0};
};

TEST(CpuAmounts, TwoHalvesRunAtOnceOnOneWorker) {
  std::latch both{2};
  auto ex = pool(1);
  auto a = ex.submit(cpu(0.5), [&] { both.arrive_and_wait(); });
  auto b = ex.submit(cpu(0.5), [&] { both.arrive_and_wait(); });
  a.get();
  b.get();
}

TEST(CpuAmounts, TenTenthsFillOneWorkerExactly) {
  std::latch all{10};
  concurrency_meter meter;
  auto ex = pool(1);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) {
      ex.post(cpu(0.1), [&, round] {
        const concurrency_meter::scope inside(meter);
        if (round == 0) all.arrive_and_wait();
      });
    }
  }
  ex.shutdown();
  EXPECT_EQ(meter.most(), 10);
}

TEST(CpuAmounts, ATaskThatTakesAllWorkersRunsAlone) {
  usage used;
  auto ex = pool(3);
  for (int i = 0; i < 30; ++i) {
    ex.post([&] { const usage::scope inside(used, 100); });
    ex.post(cpu(3), [&] { const usage::scope inside(used, 300); });
    ex.post(cpu(2), [&] { const usage::scope inside(used, 200); });
  }
  ex.shutdown();
  EXPECT_EQ(used.most(), 300);
}

TEST(CpuAmounts, AmountsThatRunAtOnceNeverExceedTheWorkers) {
  usage used;
  std::minstd_rand random(7);
  auto ex = pool(2);
  for (int i = 0; i < 300; ++i) {
    const auto hundredths = static_cast<int>(random() % 200) + 1;
    ex.post(cpu(hundredths / 100.0),
            [&, hundredths] { const usage::scope inside(used, hundredths); });
  }
  ex.shutdown();
  EXPECT_LE(used.most(), 200);
}

TEST(CpuAmounts, MoreThanTheWorkersIsRefusedAtSubmit) {
  auto ex = pool(2);
  try {
    ex.submit(cpu(2.5), [] {});
    FAIL() << "was accepted";
  } catch (const fronta::unsatisfiable_error& e) {
    EXPECT_EQ(e.tag(), "cpu");
    EXPECT_EQ(e.asked(), fronta::amount(2.5));
    EXPECT_EQ(e.largest_offer(), fronta::amount(2));
  }
}

// A task that submits itself anew, with the same options, for as long as `going` holds.
void go_on(const task_options& options, const std::atomic<bool>& going) {
  if (!going.load()) return;
  fronta::this_task::executor().post(options, [&options, &going] { go_on(options, going); });
}

TEST(CpuAmounts, ALargeTaskIsNotStarvedByAStreamOfOrdinaryOnes) {
  std::atomic<bool> going = true;
  const task_options plain;
  auto ex = pool(2);
  for (int i = 0; i < 4; ++i) ex.post([&] { go_on(plain, going); });
  ex.submit(cpu(2), [&] { going = false; }).get();
}

// Streams of halves, more than can run at once, that are under way.
class halves {
 public:
  explicit halves(fronta::executor& ex) {
    for (int i = 0; i < 5; ++i) {
      ex.post(half_, [this] {
        running_.open();
        go_on(half_, going_);
      });
    }
    running_.wait();
  }
  void end() { going_ = false; }

 private:
  const task_options half_ = cpu(0.5);
  std::atomic<bool> going_{true};
  gate running_;
};

TEST(CpuAmounts, ALargeTaskIsNotStarvedByAStreamOfHalves) {
  auto ex = pool(2);
  halves stream(ex);
  ex.submit(cpu(2), [&] { stream.end(); }).get();
  ex.shutdown();
}

TEST(CpuAmounts, AnOrdinaryTaskIsNotStarvedByAStreamOfHalves) {
  auto ex = pool(1);
  halves stream(ex);
  for (int i = 0; i < 10; ++i) ex.submit([] {}).get();
  stream.end();
  ex.shutdown();
}

TEST(CpuAmounts, OrdinaryTasksQueuedBehindAnOddOneRun) {
  auto ex = pool(1);
  for (int i = 0; i < 50; ++i) {
    gate go;
    auto half = ex.submit(cpu(0.5), [&] { go.wait(); });
    auto ordinary = ex.submit([] { return 1; });
    go.open();
    EXPECT_EQ(ordinary.get(), 1);
    half.get();
  }
}

TEST(CpuAmounts, OrdinaryTasksGoOnBesideAHalf) {
  gate go;
  auto ex = pool(2);
  auto half = ex.submit(cpu(0.5), [&] { go.wait(); });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ex.submit([i] { return i; }).get(), i);
  go.open();
  half.get();
}

TEST(CpuAmounts, HigherPrioritiesStartFirst) {
  record log;
  auto ex = pool(1);
  {
    const occupied_worker busy(ex);
    for (const int priority : {-1, 0, 5, 1}) {
      auto options = cpu(0.7);  // one at a time
      options.priority = priority;
      ex.post(options, log.noting(std::to_string(priority)));
    }
  }
  ex.shutdown();
  EXPECT_THAT(log.entries(), testing::ElementsAre("5", "1", "0", "-1"));
}

// ---- Waits inside.

TEST(CpuAmounts, AWaitInsideReturnsTheShare) {
  auto ex = pool(2);
  for (const double mine : {0.5, 1.0, 1.5, 2.0}) {
    for (const double childs : {0.5, 1.0, 2.0}) {
      auto f = ex.submit(cpu(mine), [childs] {
        return fronta::this_task::executor().submit(cpu(childs), [] { return 1; }).get();
      });
      EXPECT_EQ(f.get(), 1) << mine << ' ' << childs;
    }
  }
}

TEST(CpuAmounts, WaitsNestInTasksThatTakeAllWorkers) {
  auto ex = pool(2);
  const std::function<int(int)> nest = [&](int depth) -> int {
    if (depth == 0) return 0;
    return 1 + ex.submit(cpu(2), [&, depth] { return nest(depth - 1); }).get();
  };
  EXPECT_EQ(ex.submit(cpu(2), [&] { return nest(20); }).get(), 20);
}

TEST(CpuAmounts, AWaitTakesTheShareBackBeforeItReturns) {
  usage used;
  auto ex = pool(2);
  std::vector<fronta::future<void>> parents;
  for (int i = 0; i < 20; ++i) {
    parents.push_back(ex.submit(cpu(1.5), [&] {
      auto child = fronta::this_task::executor().submit(
          cpu(0.5), [&] { const usage::scope inside(used, 50); });
      child.wait();
      const usage::scope inside(used, 150);
    }));
  }
  for (auto& p : parents) p.get();
  EXPECT_LE(used.most(), 200);
}

TEST(CpuAmounts, BlockingReturnsTheShare) {
  gate go;
  auto ex = pool(1);
  auto waiting = ex.submit(cpu(0.5), [&] {
    const fronta::this_task::blocking lent;
    go.wait();
  });
  ex.submit(cpu(1), [&] { go.open(); }).get();
  waiting.get();
}

// N-03
TEST(CpuAmounts, AnOrdinaryTaskThatWaitedGoesBeforeHalvesThatHaveNotStarted) {
  auto ex = pool(1);
  std::optional<halves> stream;
  ex.submit([&] {
      {
        const fronta::this_task::blocking lent;
        stream.emplace(ex);
      }
      ex.submit(cpu(0.5), [] {}).wait();
      stream->end();
    }).get();
  ex.shutdown();
}

TEST(CpuAmounts, AQueuedTaskCanBeCancelled) {
  auto ex = pool(1);
  occupied_worker busy(ex);
  auto f = ex.submit(cpu(0.5), [] {});
  EXPECT_TRUE(f.cancel());
  busy.release();
  ex.submit(cpu(0.5), [] {}).get();
}

// S-04
TEST(CpuAmounts, ACancellingShutdownCancelsWhatWaitsForItsShare) {
  auto ex = pool(1);
  occupied_worker busy(ex);
  auto f = ex.submit(cpu(0.5), [] {});
  ex.shutdown({.wait = false, .cancel_futures = true});
  EXPECT_TRUE(f.cancelled());
  busy.release();
  ex.shutdown();
}

// T-04
TEST(CpuAmounts, AFailedTaskReturnsItsShare) {
  auto ex = pool(1);
  for (int i = 0; i < 10; ++i) {
    EXPECT_THROW(ex.submit(cpu(0.7), [] { throw 42; }).get(), int);
  }
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
}

}  // namespace
