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
#include <numeric>
#include <string>
#include <vector>

namespace {

using fronta::test::gate;
using fronta::test::occupied_worker;
using fronta::test::record;
using testing::ElementsAre;

class Order : public testing::Test {
 protected:
  record log;
  fronta::executor ex{fronta::cpu::threads{.workers = 1}};
  // Submits at a priority; the task notes its name.
  void submit(const std::string& name, int priority) {
    ex.post({.priority = priority}, log.noting(name));
  }
};

//
TEST_F(Order, ExternalSubmitsStartInOrderOnOneWorker) {
  std::vector<int> ran;
  constexpr int count =
      1'000;  // more than a batch, and more than the turns between two looks at the inbox
  {
    const occupied_worker busy(ex);
    for (int i = 0; i < count; ++i) ex.post([&ran, i] { ran.push_back(i); });
  }
  ex.shutdown();
  std::vector<int> expected(count);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(ran, expected);
}

//
TEST_F(Order, HigherPrioritiesStartFirstAndNegativeOnesLast) {
  {
    const occupied_worker busy(ex);
    submit("-5", -5);
    submit("0", 0);
    submit("3", 3);
    submit("-1", -1);
    ex.post(log.noting("default"));
    submit("10", 10);
  }
  ex.shutdown();
  EXPECT_THAT(log.entries(), ElementsAre("10", "3", "0", "default", "-1", "-5"));
}

//
TEST_F(Order, EqualPrioritiesStartInOrderOfSubmission) {
  {
    const occupied_worker busy(ex);
    for (const auto* name : {"a", "b", "c"}) submit(name, 7);
    for (const auto* name : {"x", "y", "z"}) submit(name, -7);
  }
  ex.shutdown();
  EXPECT_THAT(log.entries(), ElementsAre("a", "b", "c", "x", "y", "z"));
}

//
TEST_F(Order, AnUrgentTaskDoesNotPreemptARunningOne) {
  gate go;
  gate started;
  ex.post([&] {
    started.open();
    go.wait();
    log.add("running");
  });
  started.wait();
  submit("urgent", 1'000);
  go.open();
  ex.shutdown();
  EXPECT_THAT(log.entries(), ElementsAre("running", "urgent"));
}

//
TEST_F(Order, PriorityHoldsAmongTasksOnTheWorkersOwnQueue) {
  ex.submit([&] {
      auto here = fronta::this_task::executor();
      here.post(log.noting("a"));
      here.post({.priority = 1}, log.noting("urgent child"));
      here.post({.priority = -1}, log.noting("lazy child"));
      here.post(log.noting("b"));
    }).wait();
  ex.shutdown();
  EXPECT_THAT(log.entries(), ElementsAre("urgent child", "b", "a", "lazy child"));
}

//
TEST_F(Order, AnUrgentTaskFromOutsidePassesTheWorkersOwnQueue) {
  gate children_exist;
  gate go;
  ex.post([&] {
    for (const auto* name : {"1", "2", "3"}) fronta::this_task::executor().post(log.noting(name));
    children_exist.open();
    go.wait();
  });
  children_exist.wait();
  submit("urgent", 5);
  submit("lazy", -5);
  go.open();
  ex.shutdown();
  EXPECT_THAT(log.entries(), ElementsAre("urgent", "3", "2", "1", "lazy"));
}

//
TEST_F(Order, NestedTasksInheritThePriorityOfTheirParent) {
  {
    const occupied_worker busy(ex);
    submit("5", 5);
    ex.post({.priority = 10}, [&] {
      log.add("parent");
      fronta::this_task::executor().post(log.noting("child"));
    });
  }
  ex.shutdown();
  EXPECT_THAT(log.entries(), ElementsAre("parent", "child", "5"));
}

//
TEST_F(Order, ChildrenOfALazyParentWaitForDefaultTasks) {
  gate go;
  gate children_exist;
  ex.post({.priority = -10}, [&] {
    fronta::this_task::executor().post(log.noting("lazy child"));
    children_exist.open();
    go.wait();
  });
  children_exist.wait();
  ex.post(log.noting("1"));
  ex.post(log.noting("2"));
  submit("-5", -5);
  go.open();
  ex.shutdown();
  EXPECT_THAT(log.entries(), ElementsAre("1", "2", "-5", "lazy child"));
}

//
TEST_F(Order, AChainOfDependentsEndsBeforeLaterRootsStart) {
  {
    const occupied_worker busy(ex);
    for (const std::string root : {"a", "b"}) {
      auto last = ex.submit([this, root] {
        log.add(root);
        return 0;
      });
      for (int i = 1; i <= 3; ++i) {
        last = ex.submit(
            [this, root](int depth) {
              log.add(root + std::to_string(depth + 1));
              return depth + 1;
            },
            last);
      }
    }
  }
  ex.shutdown();
  EXPECT_THAT(log.entries(), ElementsAre("a", "a1", "a2", "a3", "b", "b1", "b2", "b3"));
}

// N-04
TEST_F(Order, ChildrenComeBeforeSiblingsOfTheirParent) {
  {
    const occupied_worker busy(ex);
    for (const std::string parent : {"a", "b"}) {
      ex.post([this, parent] {
        log.add(parent);
        fronta::this_task::executor().post(log.noting(parent + "1"));
        fronta::this_task::executor().post(log.noting(parent + "2"));
      });
    }
    ex.post(log.noting("c"));
  }
  ex.shutdown();
  EXPECT_THAT(log.entries(), ElementsAre("a", "a2", "a1", "b", "b2", "b1", "c"));
}

// N-04
TEST_F(Order, WideNestingNeedsNoFurtherThreads) {
  std::atomic<int> ran = 0;
  const std::function<void(int)> tree = [&](int depth) {
    ++ran;
    if (depth == 0) return;
    std::vector<fronta::future<void>> children;
    for (int i = 0; i < 3; ++i) {
      children.push_back(fronta::this_task::executor().submit([&, depth] { tree(depth - 1); }));
    }
    fronta::wait(children);
  };
  fronta::executor no_substitutes{fronta::cpu::threads{.workers = 1, .max_substitutes = 0}};
  no_substitutes.submit([&] { tree(5); }).get();
  EXPECT_EQ(ran.load(), 1 + 3 + 9 + 27 + 81 + 243);
}

// N-04
TEST(OrderOfThieves, TheOldestNestedTaskIsStolenFirst) {
  record log;
  gate two_done;
  std::atomic<int> done = 0;
  fronta::executor ex{fronta::cpu::threads{.workers = 2}};
  {
    occupied_worker thief(ex);
    ex.submit([&] {
        for (const auto* name : {"1", "2", "3"}) {
          fronta::this_task::executor().post([&, name] {
            log.add(name);
            if (++done == 3) two_done.open();
          });
        }
        thief.release();
        two_done.wait();  // unseen by the pool: only the other worker can run them
      }).wait();
  }
  EXPECT_THAT(log.entries(), ElementsAre("1", "2", "3"));
}

// A task that submits itself anew for as long as `going` holds.
void go_on(const std::atomic<bool>& going) {
  if (going.load()) fronta::this_task::executor().post([&going] { go_on(going); });
}

//
TEST_F(Order, EndlessNestedWorkDoesNotStarveSubmitsFromOutside) {
  std::atomic<bool> going = true;
  std::atomic<int> left = 50;
  {
    const occupied_worker busy(ex);
    // More than one batch, so that some of them lie below the nested work.
    for (int i = 0; i < 25; ++i) ex.post([&] { --left; });
    ex.post([&] { go_on(going); });
    for (int i = 0; i < 25; ++i) {
      ex.post([&] {
        if (--left == 0) going = false;
      });
    }
  }
  ex.shutdown();
  EXPECT_EQ(left.load(), 0);
}

//
TEST_F(Order, SubmitsFromOutsideKeepTheirOrderBesideNestedWork) {
  std::atomic<bool> going = true;
  std::vector<int> ran;
  constexpr int count = 300;
  {
    const occupied_worker busy(ex);
    ex.post([&] { go_on(going); });
    for (int i = 0; i < count; ++i) {
      ex.post([&, i] {
        ran.push_back(i);
        if (i + 1 == count) going = false;
      });
    }
  }
  ex.shutdown();
  std::vector<int> expected(count);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(ran, expected);
}

}  // namespace
