// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/task_scope.hpp>
#include <fronta/this_task.hpp>
#include <fronta/wait.hpp>

#include <support/gate.hpp>
#include <support/occupied.hpp>
#include <support/record.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::deadlock_error;
using fronta::future;
using fronta::promise;
using fronta::test::concurrency_meter;
using fronta::test::gate;
using fronta::test::occupied_worker;
using fronta::test::record;
using testing::ElementsAre;
using testing::HasSubstr;

// Short bounds where each level costs a thread or a sanitizer's bookkeeping.
#if defined(__SANITIZE_THREAD__)
constexpr bool slow_build = true;
#else
constexpr bool slow_build = false;
#endif

fronta::executor pool(int workers) {
  return fronta::executor{fronta::cpu::threads{.workers = workers}};
}

// Threads of this process whose names begin with `prefix`.
std::size_t threads_named(const std::string& prefix) {
  std::size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    count += name.starts_with(prefix) ? 1 : 0;
  }
  return count;
}

// ---- Nested waits.

// N-01, T-07
TEST(Waits, ATaskWaitsForItsChildrenOnOneWorker) {
  auto ex = pool(1);
  auto sum = ex.submit([] {
    std::vector<future<int>> children;
    for (int i = 0; i < 10; ++i) {
      children.push_back(fronta::this_task::executor().submit([i] { return i; }));
    }
    int total = 0;
    for (const auto& c : children) total += c.get();
    return total;
  });
  EXPECT_EQ(sum.get(), 45);
}

// N-01, T-07
TEST(Waits, ForkAndJoinRecurseOnOneWorker) {
  auto ex = pool(1);
  const std::function<int(int)> fibonacci = [&](int n) -> int {
    if (n < 2) return n;
    auto a = ex.submit([&, n] { return fibonacci(n - 1); });
    auto b = ex.submit([&, n] { return fibonacci(n - 2); });
    return a.get() + b.get();
  };
  EXPECT_EQ(ex.submit([&] { return fibonacci(12); }).get(), 144);
}

// N-01, T-07
TEST(Waits, NestTenThousandDeepOnOneWorker) {
  auto ex = pool(1);
  const std::function<int(int)> nest = [&](int depth) -> int {
    return depth == 0 ? 0 : 1 + ex.submit([&, depth] { return nest(depth - 1); }).get();
  };
  EXPECT_EQ(ex.submit([&] { return nest(10'000); }).get(), 10'000);
}

// N-01
TEST(Waits, NestDeepAlsoWhenNothingCanRunInline) {
  constexpr int levels = slow_build ? 100 : 500;
  auto ex = pool(1);
  // A timed wait hands the share on instead.
  const std::function<int(int)> nest = [&](int depth) -> int {
    return depth == 0 ? 0 : 1 + ex.submit([&, depth] { return nest(depth - 1); }).get(1h);
  };
  EXPECT_EQ(ex.submit([&] { return nest(levels); }).get(), levels);
}

// T-07
TEST(Waits, FullPoolsOfWaitersComplete) {
  auto ex = pool(2);
  std::vector<future<int>> parents;
  for (int i = 0; i < 20; ++i) {
    parents.push_back(ex.submit([&ex, i] { return ex.submit([i] { return i; }).get(); }));
  }
  int total = 0;
  for (const auto& p : parents) total += p.get();
  EXPECT_EQ(total, 190);
}

// N-01
TEST(Waits, EveryKindOfWaitWorksOnOneWorker) {
  auto ex = pool(1);
  ex.submit([&] {
      const auto two = [&] {
        return std::vector{ex.submit([] { return 1; }), ex.submit([] { return 2; })};
      };
      EXPECT_EQ(fronta::wait(two()).done.size(), 2U);
      EXPECT_GE(fronta::wait(two(), fronta::first_completed).done.size(), 1U);
      EXPECT_EQ(fronta::wait(two(), fronta::first_exception).done.size(), 2U);
      EXPECT_EQ(fronta::wait(two(), 1h).done.size(), 2U);
      int sum = 0;
      for (const auto& f : fronta::as_completed(two())) sum += f.get();
      for (const auto& f : fronta::as_completed(two(), 1h)) sum += f.get();
      fronta::completion_queue<int> queue(two());
      for (const auto& f : queue) sum += f.get();
      EXPECT_EQ(sum, 9);
      EXPECT_THAT(fronta::gather(two()), ElementsAre(1, 2));
      EXPECT_EQ(two().front().result(1h), 1);
      EXPECT_EQ(two().front().wait_until(std::chrono::steady_clock::now() + 1h),
                fronta::future_status::ready);
      EXPECT_EQ(two().front().exception(), nullptr);
      EXPECT_EQ(fronta::when_all(two()).get().size(), 2U);
      fronta::task_scope scope(ex);
      scope.submit([] {});
      scope.wait();
    }).get();
}

// ---- What a waiting worker runs.

// N-08, T-07
TEST(Waits, TheAwaitedTaskRunsInTheWaitersThread) {
  auto ex = pool(1);
  EXPECT_TRUE(ex.submit([&] {
                  auto child = ex.submit([] { return std::this_thread::get_id(); });
                  ex.post([] {});  // not the newest any more
                  return child.get() == std::this_thread::get_id();
                }).get());
}

// T-07
TEST(Waits, OfSeveralAwaitedTasksAllRunInTheWaitersThread) {
  auto ex = pool(1);
  ex.submit([&] {
      std::vector<future<std::thread::id>> children;
      for (int i = 0; i < 5; ++i) {
        children.push_back(ex.submit([] { return std::this_thread::get_id(); }));
      }
      fronta::wait(children);
      for (const auto& c : children) EXPECT_EQ(c.get(), std::this_thread::get_id());
    }).get();
}

// T-07
TEST(Waits, NeverRunAStrangerWhoseLockTheWaiterHolds) {
  std::mutex lock;
  record log;
  {
    auto ex = pool(1);
    ex.submit([&] {
        const std::lock_guard held(lock);
        auto child = ex.submit(log.noting("child"));
        // Newer than the child, so that a waiter that helps at random would take it.
        ex.post([&] {
          const std::lock_guard own(lock);
          log.add("stranger");
        });
        child.wait();
        log.add("waiter");
      }).get();
  }
  EXPECT_THAT(log.entries(), ElementsAre("child", "waiter", "stranger"));
}

// T-07
TEST(Waits, NeverRunAStrangerWhileTheAwaitedTaskRunsElsewhere) {
  std::mutex lock;
  gate child_started;
  gate go;
  std::thread::id waiter;
  std::thread::id stranger;
  {
    auto ex = pool(2);
    auto parent = ex.submit([&] {
      const std::lock_guard held(lock);
      waiter = std::this_thread::get_id();
      auto child = ex.submit([&] {
        child_started.open();
        go.wait();
      });
      child_started.wait();  // by the other worker
      ex.post([&] {
        go.open();
        const std::lock_guard own(lock);
        stranger = std::this_thread::get_id();
      });
      child.wait();
    });
    parent.get();
  }
  EXPECT_NE(stranger, std::thread::id());
  EXPECT_NE(waiter, stranger);
}

// T-07
TEST(Waits, NeverRunADescendantOfTheAwaitedTask) {
  std::mutex lock;
  gate grandchild_exists;
  gate go;
  std::atomic<bool> grandchild_ran = false;
  {
    auto ex = pool(2);
    ex.submit([&] {
        auto child = ex.submit([&] {
          ex.post([&] {
            const std::lock_guard own(lock);
            grandchild_ran = true;
          });
          grandchild_exists.open();
          go.wait();
        });
        grandchild_exists.wait();
        const std::lock_guard held(lock);
        go.open();
        child.wait();
      }).get();
  }
  EXPECT_TRUE(grandchild_ran.load());
}

// T-07
TEST(Waits, ThreadsThatAreNoWorkersRunNoTasks) {
  auto ex = pool(1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_NE(ex.submit([] { return std::this_thread::get_id(); }).get(),
              std::this_thread::get_id());
  }
}

// N-08
TEST(Waits, AShortTimeLimitDoesNotDeadlockOnOneWorker) {
  auto ex = pool(1);
  EXPECT_EQ(ex.submit([&] {
                auto child = ex.submit([] { return 1; });
                while (child.wait_for(1ms) != fronta::future_status::ready) {
                }
                return child.get();
              }).get(),
            1);
}

// N-08
TEST(Waits, AZeroTimeLimitOnlyLooks) {
  // Without a substitute a wait that blocks would throw.
  fronta::executor ex{fronta::cpu::threads{.workers = 1, .max_substitutes = 0}};
  ex.submit([&] {
      auto child = ex.submit([] { return 1; });
      EXPECT_EQ(child.wait_for(0s), fronta::future_status::timeout);
      EXPECT_EQ(child.wait_for(-1s), fronta::future_status::timeout);
      EXPECT_THROW(child.result(0s), fronta::timeout_error);
      EXPECT_EQ(fronta::wait(std::vector{child}, 0s).not_done.size(), 1U);
      EXPECT_FALSE(child.done());
      EXPECT_EQ(child.get(), 1);
    }).get();
}

// T-07
TEST(Waits, ACallbackMayWaitOnItsWorker) {
  std::atomic<int> seen = 0;
  {
    auto ex = pool(1);
    occupied_worker busy(ex);
    auto first = ex.submit([] {});
    auto second = ex.submit([] { return 2; });
    first.add_done_callback([&](const auto&) { seen = second.get(); });
    busy.release();
  }
  EXPECT_EQ(seen.load(), 2);
}

// T-07
TEST(Waits, GoBackAndForthBetweenTwoExecutors) {
  auto a = pool(1);
  auto b = pool(1);
  const std::function<int(int)> bounce = [&](int depth) -> int {
    if (depth == 0) return 0;
    auto& to = depth % 2 == 0 ? a : b;
    return 1 + to.submit([&, depth] { return bounce(depth - 1); }).get();
  };
  EXPECT_EQ(a.submit([&] { return bounce(20); }).get(), 20);
}

// T-07
TEST(Waits, ForTheEndOfAnotherExecutorLendTheShare) {
  auto outer = pool(1);
  EXPECT_EQ(outer
                .submit([&] {
                  std::atomic<int> result = 0;
                  {
                    auto inner = pool(1);
                    // Needs the worker whose task waits in inner's destructor.
                    inner.post([&] { result = outer.submit([] { return 1; }).get(); });
                  }
                  auto again = pool(1);
                  again.post([&] { result += outer.submit([] { return 1; }).get(); });
                  again.shutdown();
                  auto bounded = pool(1);
                  bounded.post([&] { result += outer.submit([] { return 1; }).get(); });
                  EXPECT_TRUE(bounded.shutdown_for(1h));
                  return result.load();
                })
                .get(),
            3);
}

// ---- Substitutes.

// N-02
TEST(Substitutes, OrdinaryTasksNeverExceedTheWorkers) {
  constexpr int workers = 2;
  concurrency_meter meter;
  auto ex = pool(workers);
  std::vector<future<void>> parents;
  for (int i = 0; i < 30; ++i) {
    parents.push_back(ex.submit([&] {
      future<void> child;
      {
        const concurrency_meter::scope inside(meter);
        child = ex.submit([&] { const concurrency_meter::scope in_child(meter); });
      }
      child.get(1h);
      const concurrency_meter::scope inside(meter);
    }));
  }
  for (const auto& p : parents) p.get();
  EXPECT_LE(meter.most(), workers);
}

// N-02
TEST(Substitutes, BlockingGivesTheShareToAnotherTask) {
  gate go;
  auto ex = pool(1);
  auto blocked = ex.submit([&] {
    const fronta::this_task::blocking lent;
    go.wait();
  });
  ex.submit([&] { go.open(); }).get();
  blocked.get();
}

// N-02
TEST(Substitutes, ATaskThatBlocksUnseenKeepsItsShare) {
  gate go;
  concurrency_meter meter;
  auto ex = pool(3);
  for (int i = 0; i < 9; ++i) {
    ex.post([&] {
      const concurrency_meter::scope inside(meter);
      go.wait();
    });
  }
  meter.wait_for(3);
  go.open();
  ex.shutdown();
  EXPECT_EQ(meter.most(), 3);
}

// N-02
TEST(Substitutes, BlockingOutsideAWorkerDoesNothing) {
  const fronta::this_task::blocking nothing;
  std::thread([] { const fronta::this_task::blocking here; }).join();
}

// N-02
TEST(Substitutes, IdleOnesBeyondTheWorkersEnd) {
  constexpr std::size_t blocked = 40;
  const std::string name = "burst";
  fronta::executor ex{fronta::cpu::threads{.workers = 2, .name = name}};
  concurrency_meter inside;
  gate go;
  for (std::size_t i = 0; i < blocked; ++i) {
    ex.post([&] {
      const fronta::this_task::blocking lent;
      const concurrency_meter::scope counted(inside);
      go.wait();
    });
  }
  inside.wait_for(blocked);
  EXPECT_GE(threads_named(name), blocked);
  go.open();
  while (threads_named(name) > 2 * 2) std::this_thread::yield();
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
}

// N-02
TEST(Substitutes, BeyondTheirNumberAWaitThrowsAndTheTaskGoesOn) {
  gate go;
  concurrency_meter inside;
  fronta::executor ex{fronta::cpu::threads{.workers = 1, .max_substitutes = 2}};
  std::vector<future<void>> blocked;
  for (int i = 0; i < 2; ++i) {
    blocked.push_back(ex.submit([&] {
      const fronta::this_task::blocking lent;
      const concurrency_meter::scope counted(inside);
      go.wait();
    }));
  }
  inside.wait_for(2);
  auto refused = ex.submit([&] {
    try {
      const fronta::this_task::blocking lent;
      ADD_FAILURE() << "there was a third substitute";
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::resource_unavailable_try_again);
      EXPECT_THAT(e.what(), HasSubstr("max_substitutes"));
    }
    auto child = ex.submit([] { return 1; });
    EXPECT_THROW(child.result(1h), std::system_error);
    EXPECT_THROW(fronta::wait(std::vector{child}, fronta::first_completed), std::system_error);
    EXPECT_THROW(fronta::wait(std::vector{child}, 1h), std::system_error);
    return child.get();  // inline
  });
  EXPECT_EQ(refused.get(), 1);
  go.open();
  for (const auto& b : blocked) b.get();
  // They are there again.
  ex.submit([&] { EXPECT_EQ(ex.submit([] { return 1; }).get(1h), 1); }).get();
}

// N-02, T-05
TEST(Substitutes, RunTheInitializerBeforeTheirFirstTask) {
  thread_local int initialized = 0;
  gate go;
  fronta::executor ex{fronta::cpu::threads{.workers = 1, .initializer = [] { ++initialized; }}};
  const auto worker = ex.submit([] { return std::this_thread::get_id(); }).get();
  auto blocked = ex.submit([&] {
    const fronta::this_task::blocking lent;
    go.wait();
  });
  auto in_substitute = ex.submit([&] {
    EXPECT_NE(std::this_thread::get_id(), worker);
    return initialized;
  });
  EXPECT_EQ(in_substitute.get(), 1);
  go.open();
  blocked.get();
}

// T-06
TEST(Substitutes, AThrowingInitializerInOneBreaksThePoolWithoutAHang) {
  std::atomic<int> calls = 0;
  const auto previous =
      fronta::set_error_hook([](const std::exception_ptr&, const std::string&) {});
  {
    fronta::executor ex{fronta::cpu::threads{.workers = 1, .initializer = [&] {
                                               if (++calls > 1)
                                                 throw std::runtime_error("no second one");
                                             }}};
    auto parent = ex.submit([&] {
      auto child = ex.submit([] {});
      EXPECT_THROW(child.result(1h), fronta::broken_pool_error);
    });
    parent.get();
  }
  fronta::set_error_hook(previous);
  EXPECT_EQ(calls.load(), 2);
}

// ---- Getting the share back.

// N-03
TEST(Rejoin, ComesBeforeQueuedTasks) {
  std::atomic<bool> back = false;
  std::atomic<bool> lent = false;
  gate go;
  // Each is followed by another one for as long as the waiter is away: the queue is never empty.
  const std::function<void()> more = [&] {
    if (!back.load()) fronta::this_task::executor().post(more);
  };
  auto ex = pool(1);
  auto waiter = ex.submit([&] {
    {
      const fronta::this_task::blocking section;
      lent = true;
      lent.notify_all();
      go.wait();
    }
    back = true;
  });
  lent.wait(false);
  for (int i = 0; i < 6; ++i) ex.post(more);
  go.open();
  waiter.get();
  EXPECT_TRUE(back.load());
}

// N-03
TEST(Rejoin, NestedSectionsLendOneShare) {
  concurrency_meter meter;
  gate go;
  auto ex = pool(1);
  auto waiter = ex.submit([&] {
    const fronta::this_task::blocking a;
    const fronta::this_task::blocking b;
    const fronta::this_task::blocking c;
    const fronta::this_task::blocking d;
    {
      const fronta::this_task::blocking e;
      go.wait();
    }
  });
  for (int i = 0; i < 20; ++i) {
    ex.post([&, i] {
      const concurrency_meter::scope inside(meter);
      if (i == 10) go.open();
    });
  }
  waiter.get();
  for (int i = 0; i < 20; ++i) ex.post([&] { const concurrency_meter::scope inside(meter); });
  ex.shutdown();
  EXPECT_EQ(meter.most(), 1);
}

// N-03
TEST(Rejoin, HappensAlsoOnAnException) {
  concurrency_meter meter;
  auto ex = pool(1);
  for (int i = 0; i < 20; ++i) {
    auto thrower = ex.submit([&] {
      try {
        const fronta::this_task::blocking section;
        throw 42;
      } catch (int) {
        const concurrency_meter::scope inside(meter);
      }
    });
    ex.post([&] { const concurrency_meter::scope inside(meter); });
    thrower.get();
  }
  ex.shutdown();
  EXPECT_EQ(meter.most(), 1);
}

// N-03
TEST(Rejoin, KeepsThePoolAtItsSize) {
  constexpr int workers = 2;
  concurrency_meter meter;
  std::barrier full{workers};
  auto ex = pool(workers);
  for (int i = 0; i < 10; ++i) ex.post([] { const fronta::this_task::blocking section; });
  // Both workers are there, and no third one.
  for (int i = 0; i < 10 * workers; ++i) {
    ex.post([&] {
      const concurrency_meter::scope inside(meter);
      full.arrive_and_wait();
    });
  }
  ex.shutdown();
  EXPECT_EQ(meter.most(), workers);
}

// ---- Children of a waiting parent.

// N-05
TEST(Waits, ChildrenOfAWaitingParentSpreadOverTheWorkers) {
  std::mutex mutex;
  std::map<std::thread::id, int> ran;
  std::barrier pair{2};
  auto ex = pool(2);
  ex.submit([&] {
      std::vector<future<void>> children;
      for (int i = 0; i < 100; ++i) {
        children.push_back(ex.submit([&] {
          pair.arrive_and_wait();  // two at a time or not at all
          const std::lock_guard lock(mutex);
          ++ran[std::this_thread::get_id()];
        }));
      }
      fronta::wait(children);
    }).get();
  int busy = 0;
  for (const auto& [thread, count] : ran) busy += count > 25 ? 1 : 0;
  EXPECT_EQ(busy, 2);
}

// N-05
TEST(Waits, TenParentsWithElevenChildrenEachAllRun) {
  std::atomic<int> executions = 0;
  std::barrier pair{2};
  auto ex = pool(2);
  auto parent = [&] {
    ++executions;
    std::vector<future<void>> children;
    for (int i = 0; i < 11; ++i) children.push_back(ex.submit([&] { ++executions; }));
    fronta::wait(children);
    pair.arrive_and_wait();  // both workers are used
  };
  std::vector<future<void>> parents;
  for (int i = 0; i < 10; ++i) parents.push_back(ex.submit(parent));
  fronta::wait(parents);
  EXPECT_EQ(executions.load(), 120);
}

// ---- Waits that can never end.

// T-07
TEST(Deadlock, ATaskThatWaitsForItselfIsTold) {
  auto ex = pool(1);
  gate known;
  future<void> self;
  self = ex.submit({.name = "me"}, [&] {
    known.wait();
    try {
      self.wait();
      ADD_FAILURE() << "the wait ended";
    } catch (const deadlock_error& e) {
      EXPECT_THAT(e.tasks(), ElementsAre("me", "me"));
      EXPECT_TRUE(e.tag().empty());
      EXPECT_THAT(e.what(), HasSubstr("me"));
    }
  });
  known.open();
  self.get();
}

// A ring of `size` tasks, each waiting for the next; how many were told.
int ring(fronta::executor& ex, int size) {
  std::vector<future<void>> tasks(static_cast<std::size_t>(size));
  gate known;
  std::atomic<int> told = 0;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    tasks[i] = ex.submit([&, i] {
      {
        const fronta::this_task::blocking until_known;
        known.wait();
      }
      try {
        tasks[(i + 1) % tasks.size()].wait();
      } catch (const deadlock_error&) {
        ++told;
      }
    });
  }
  known.open();
  for (const auto& t : tasks) t.get();
  return told.load();
}

// T-07
TEST(Deadlock, OneTaskOfARingIsToldAndTheOthersGoOn) {
  for (int workers = 1; workers <= 3; ++workers) {
    auto ex = pool(workers);
    for (int size = 2; size <= 5; ++size) EXPECT_EQ(ring(ex, size), 1);
  }
}

// T-07
TEST(Deadlock, ARingOverTwoExecutorsIsTold) {
  future<void> first;
  gate known;
  std::atomic<int> told = 0;
  auto a = pool(1);
  auto b = pool(1);
  const auto wait_for = [&](const future<void>& f) {
    try {
      f.wait();
    } catch (const deadlock_error&) {
      ++told;
    }
  };
  first = a.submit([&] {
    known.wait();
    wait_for(b.submit([&] { wait_for(first); }));
  });
  known.open();
  a.shutdown();
  b.shutdown();
  EXPECT_EQ(told.load(), 1);
}

// T-07
TEST(Deadlock, WaitingForAnOwnDependentIsTold) {
  auto ex = pool(1);
  gate known;
  future<int> dependent;
  auto self = ex.submit([&] {
    known.wait();
    EXPECT_THROW(dependent.wait(), deadlock_error);
    EXPECT_THROW(fronta::wait(std::vector{dependent}), deadlock_error);
    EXPECT_THROW(fronta::wait(std::vector{dependent}, fronta::first_completed), deadlock_error);
    EXPECT_EQ(dependent.wait_for(1ms), fronta::future_status::timeout);
    return 1;
  });
  dependent = ex.submit([](int x) { return x + 1; }, self);
  known.open();
  EXPECT_EQ(dependent.get(), 2);
}

// T-07
TEST(Deadlock, ACallbackThatWaitsForADependentOfItsTaskIsTold) {
  auto ex = pool(2);
  gate go;
  const auto add_one = [](int x) { return x + 1; };
  const auto f = ex.submit([&] {
    go.wait();
    return 1;
  });
  const auto dependent = ex.submit({.name = "dependent"}, add_one, f);
  const auto last = ex.submit(add_one, dependent);
  f.add_done_callback([&](const auto&) {
    try {
      dependent.wait();
      ADD_FAILURE() << "the wait ended";
    } catch (const deadlock_error& e) {
      EXPECT_THAT(e.what(), HasSubstr("callback for task \"dependent\""));
      EXPECT_THAT(e.tasks(), ElementsAre("dependent"));
    }
    EXPECT_THROW(last.wait(), deadlock_error);
    EXPECT_THROW(fronta::wait(std::vector{dependent}), deadlock_error);
    EXPECT_THROW(fronta::wait(std::vector{dependent}, fronta::first_completed), deadlock_error);
    EXPECT_EQ(dependent.wait_for(1ms), fronta::future_status::timeout);
    EXPECT_EQ(ex.submit(add_one, f).get(), 2);  // which came too late to be held back
  });
  go.open();
  EXPECT_EQ(last.get(), 3);
  ex.shutdown();
}

// T-07
TEST(Deadlock, ACallbackThatAPromiseCallsIsToldToo) {
  auto ex = pool(1);
  promise<int> p;
  const auto f = p.get_future();
  const auto dependent = ex.submit([](int x) { return x + 1; }, f);
  int told = 0;
  f.add_done_callback([&](const auto&) {
    EXPECT_THROW(dependent.wait(), deadlock_error);
    EXPECT_THROW(fronta::wait(std::vector{dependent}), deadlock_error);
    EXPECT_THROW(static_cast<void>(*fronta::as_completed(std::vector{dependent}).begin()),
                 deadlock_error);
    ++told;
  });
  p.set_value(1);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(dependent.get(), 2);
}

// T-07
TEST(Deadlock, ARingThroughACallbackIsToldWhicheverWaitComesLast) {
  for (int i = 0; i < 2; ++i) {
    auto ex = pool(2);
    gate go;
    gate wait_now;
    std::atomic<int> told = 0;
    const auto count = [&](const auto& wait) {
      try {
        wait();
      } catch (const deadlock_error&) {
        ++told;
      }
    };
    const auto f = ex.submit([&] {
      go.wait();
      return 1;
    });
    const auto dependent = ex.submit([](int x) { return x + 1; }, f);
    const auto waiting = ex.submit([&] {
      wait_now.wait();
      count([&] { dependent.wait(); });
    });
    f.add_done_callback([&](const auto&) {
      wait_now.open();
      count([&] { waiting.wait(); });
    });
    if (i == 0) wait_now.open();
    go.open();
    ex.shutdown();
    EXPECT_EQ(told.load(), 1);
    EXPECT_EQ(dependent.get(), 2);
  }
}

// What the thread would end next, it ends before it waits.
TEST(Deadlock, ACallbackMayWaitForWhatTheSameFailureEnds) {
  auto ex = pool(1);
  gate go;
  const auto f = ex.submit([&]() -> int {
    go.wait();
    throw std::runtime_error("failed");
  });
  const auto same = [](int x) { return x; };
  const auto between = ex.submit(same, f);
  const std::vector both{ex.submit(same, between), ex.submit(same, between)};
  int waited = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    both[i].add_done_callback([&, i](const auto&) {
      both[1 - i].wait();
      ++waited;
    });
  }
  go.open();
  ex.shutdown();
  EXPECT_EQ(waited, 2);
  for (const auto& one : both) EXPECT_THROW(one.get(), std::runtime_error);
}

TEST(Deadlock, ACallbackMayWaitForWhatIsSettledInItsTurn) {
  fronta::promise<int> p;
  const auto one = fronta::when_all(std::vector{p.get_future()});
  const auto two = fronta::when_all(std::vector{one});
  int waited = 0;
  one.add_done_callback([&](const auto&) {
    two.wait();
    EXPECT_EQ(fronta::gather(std::vector{two}).size(), 1U);
    ++waited;
  });
  p.set_value(1);
  EXPECT_EQ(waited, 1);
}

// T-07
TEST(Deadlock, ATagThatTheWaiterHoldsIsNamed) {
  fronta::executor ex{{.tags = {{"licence", 1}}}, fronta::cpu::threads{.workers = 2}};
  const fronta::task_options licensed{.name = "licensed", .needs = {{"licence", 1}}};
  auto holder = licensed;
  holder.name = "holder";
  future<void> child;
  ex.submit(holder, [&] {
      child = ex.submit(licensed, [] {});
      try {
        child.wait();
        ADD_FAILURE() << "the wait ended";
      } catch (const deadlock_error& e) {
        EXPECT_EQ(e.tag(), "licence");
        EXPECT_THAT(e.tasks(), ElementsAre("holder", "licensed"));
        EXPECT_THAT(e.what(), HasSubstr("licence"));
      }
    }).get();
  child.get();  // the tag is free now
}

// T-07
TEST(Deadlock, OneThatCannotEndIsEnoughWhereAllAreWaitedFor) {
  gate go;
  fronta::executor ex{{.tags = {{"licence", 1}}}, fronta::cpu::threads{.workers = 2}};
  const fronta::task_options licensed{.needs = {{"licence", 1}}};
  ex.submit(licensed, [&] {
      const auto two = [&] {
        return std::vector{ex.submit([&] { go.wait(); }), ex.submit(licensed, [] {})};
      };
      const auto gathered = two();
      EXPECT_THROW(fronta::gather(gathered), deadlock_error);
      EXPECT_THROW(fronta::wait(two(), fronta::first_exception), deadlock_error);
      {
        fronta::task_scope scope(ex);
        scope.submit(licensed, [] {});
        scope.submit([&] { go.wait(); });
        EXPECT_THROW(scope.wait(), deadlock_error);
        go.open();
      }
      // What had been able to end, has ended: the other one is asked anew.
      gathered.front().wait();
      EXPECT_THROW(fronta::wait(gathered, fronta::first_exception), deadlock_error);
      EXPECT_EQ(fronta::wait(gathered, fronta::first_completed).done.size(), 1U);
      gathered.back().cancel();
    }).get();
}

// T-07
TEST(Deadlock, ATagThatAnotherTaskWillGiveBackIsWaitedFor) {
  gate go;
  fronta::executor ex{{.tags = {{"licence", 2}}}, fronta::cpu::threads{.workers = 2}};
  const fronta::task_options one{.needs = {{"licence", 1}}};
  auto other = ex.submit(one, [&] { go.wait(); });
  auto waiter = ex.submit(one, [&] {
    auto child = ex.submit(one, [] { return 1; });
    go.open();
    return child.get();
  });
  EXPECT_EQ(waiter.get(), 1);
  other.get();
}

// T-07
TEST(Deadlock, TwoHoldersThatWaitForEachOthersTagAreTold) {
  std::barrier both{2};
  std::atomic<int> told = 0;
  fronta::executor ex{{.tags = {{"a", 1}, {"b", 1}}}, fronta::cpu::threads{.workers = 2}};
  const auto holder = [&](const std::string& mine, const std::string& other) {
    return ex.submit({.needs = {{mine, 1}}}, [&, other] {
      both.arrive_and_wait();  // both tags are held
      auto child = ex.submit({.needs = {{other, 1}}}, [] {});
      try {
        child.wait();
      } catch (const deadlock_error&) {
        ++told;
      }
    });
  };
  auto first = holder("a", "b");
  auto second = holder("b", "a");
  first.get();
  second.get();
  EXPECT_EQ(told.load(), 1);
}

// T-07
TEST(Deadlock, APromiseCountsAsAbleToEnd) {
  promise<int> p;
  auto ex = pool(1);
  gate waiting;
  auto waiter = ex.submit([&, f = p.get_future()] {
    waiting.open();
    return f.get() + ex.submit([](int x) { return x; }, f).get();
  });
  waiting.wait();
  // The waiter's share is lent.
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  p.set_value(21);
  EXPECT_EQ(waiter.get(), 42);
}

// ---- Tags.

// T-07
TEST(Waits, KeepExplicitTags) {
  std::atomic<bool> other_ran = false;
  fronta::executor ex{{.tags = {{"licence", 1}}}, fronta::cpu::threads{.workers = 2}};
  const fronta::task_options licensed{.needs = {{"licence", 1}}};
  future<void> other;
  ex.submit(licensed, [&] {
      other = ex.submit(licensed, [&] { other_ran = true; });
      for (int i = 0; i < 10; ++i) ex.submit([] {}).get(1h);
      EXPECT_FALSE(other_ran.load());
    }).get();
  other.get();
  EXPECT_TRUE(other_ran.load());
}

}  // namespace
