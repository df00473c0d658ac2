// SPDX-License-Identifier: Apache-2.0
#include <fronta/fronta.hpp>

#include <support/gate.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

namespace {

using fronta::cpu::threads;

struct alignas(64) wide {
  std::uintptr_t misaligned() const { return reinterpret_cast<std::uintptr_t>(this) % 64; }
  double values[8]{};
};

// F-13
TEST(Lifetime, NodesHonourTheAlignmentOfWhatTheyHold) {
  fronta::executor ex{threads{.workers = 1}};
  const wide w;
  EXPECT_EQ(ex.submit([w] { return w.misaligned(); }).get(), 0U);
  const auto f = ex.submit([](const wide& x) { return x; }, w);
  EXPECT_EQ(f.result().misaligned(), 0U);
}

// S-07, K-08: the thread that sets a promise makes a task ready while the task's executor goes.
TEST(Lifetime, AnExecutorMayGoAsSoonAsATaskMadeReadyElsewhereIsDone) {
  for (int round = 0; round < 300; ++round) {
    fronta::promise<int> p;
    auto input = p.get_future();
    std::optional<fronta::executor> ex(std::in_place, threads{.workers = 1});
    auto f = ex->submit([](int x) { return x + 1; }, input);
    std::thread setter([&p] { p.set_value(41); });
    EXPECT_EQ(f.get(), 41 + 1);
    ex.reset();
    setter.join();
  }
}

// S-01, S-07
TEST(Lifetime, AReferenceSubmitsOrIsRefusedWhileItsExecutorGoes) {
  for (int round = 0; round < 200; ++round) {
    std::optional<fronta::executor> ex(std::in_place, threads{.workers = 1});
    const auto ref = ex->ref();
    std::atomic<int> ran = 0;
    int submitted = 0;
    std::thread submitter([&, ref] {
      try {
        for (;; ++submitted) ref.post([&] { ++ran; });
      } catch (const fronta::shutdown_error&) {
        // expected in the end
      }
    });
    ex.reset();
    submitter.join();
    EXPECT_EQ(ran, submitted);
  }
}

// N-01, D-09: without a memory the check would visit every path through the graph.
TEST(Lifetime, AWaitForAGraphWithSharedInputsIsCheckedInTimeLinearInItsTasks) {
  fronta::executor ex{threads{.workers = 2}};
  const auto sum = ex.submit([] {
    const auto own = fronta::this_task::executor();
    fronta::test::gate open;
    std::vector<fronta::future<std::uint64_t>> f;
    const auto leaf = [&open] {
      const fronta::this_task::blocking lent;
      open.wait();
      return std::uint64_t{1};
    };
    f.push_back(own.submit(leaf));
    f.push_back(own.submit(leaf));
    const auto add = [](std::uint64_t a, std::uint64_t b) { return a + b; };
    for (std::size_t i = 2; i < 60; ++i) f.push_back(own.submit(add, f[i - 1], f[i - 2]));
    // Opens only once this task waits and has lent its share.
    own.post({.priority = -1}, [&open] { open.open(); });
    return f.back().get();
  });
  EXPECT_EQ(sum.get(), 1'548'008'755'920U);
}

// M-09, S-04
TEST(Lifetime, AChunkThatIsCancelledAsAWholeEndsEachOfItsItems) {
  fronta::executor ex{threads{.workers = 1}};
  fronta::test::gate open;
  auto blocker = ex.submit([&open] { open.wait(); });
  std::stop_source stop;
  fronta::map_options in_fours;  // g++ 12 warns falsely about a temporary here, with -O1
  in_fours.chunk_size = 4;
  in_fours.task.stop = stop.get_token();
  auto results = ex.map(in_fours, [](int x) { return x; }, std::vector{1, 2, 3, 4, 5, 6});
  stop.request_stop();
  open.open();
  int items = 0;
  for (const auto& one : std::move(results).outcomes()) {
    EXPECT_THROW(static_cast<void>(one.value()), fronta::cancelled_error);
    ++items;
  }
  EXPECT_EQ(items, 6);
}

// S-04: whoever comes first, the canceller or the registration of the foreign input.
TEST(Lifetime, ACancellingShutdownEndsTasksOnForeignInputsThatAreJustSubmitted) {
  for (int round = 0; round < 200; ++round) {
    fronta::promise<int> never;
    const auto input = never.get_future();
    fronta::executor ex{threads{.workers = 1}};
    std::vector<fronta::future<void>> submitted;
    std::thread submitter([&] {
      try {
        for (int i = 0; i < 50; ++i) {
          submitted.push_back(ex.submit([](int, int) {}, input, ex.submit([] { return 1; })));
        }
      } catch (const fronta::shutdown_error&) {
        // expected at some point
      }
    });
    ex.shutdown({.cancel_futures = true});
    submitter.join();
    for (const auto& f : submitted) EXPECT_TRUE(f.cancelled());
  }
}

// What its tasks refer to is about to go, so it can neither wait nor throw.
TEST(LifetimeDeathTest, AScopeWhoseDestructorWouldWaitForEverEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        // One worker: the outer task goes on only when the inner one waits.
        fronta::executor ex{threads{.workers = 1}};
        fronta::promise<void> outer_is_known;
        std::optional<fronta::future<void>> outer;
        outer = ex.submit([&, known = outer_is_known.get_future()] {
          known.wait();
          fronta::test::gate runs;
          fronta::task_scope scope(ex);
          scope.submit([&] {
            runs.open();
            outer->wait();
          });
          const fronta::this_task::blocking lent;
          runs.wait();
        });
        outer_is_known.set_value();
        outer->wait();
      },
      "~task_scope: its tasks never end.*the tasks wait for each other in a ring");
}

}  // namespace
