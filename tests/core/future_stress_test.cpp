// SPDX-License-Identifier: Apache-2.0
#include <fronta/future.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/wait.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <latch>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::future;
using fronta::promise;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int rounds = 300;
#else
constexpr int rounds = 2'000;
#endif

struct broken : std::runtime_error {
  broken() : std::runtime_error("broken") {}
};

// Runs all of them at once, each in a thread of its own.
template <class... Jobs>
void race(Jobs&&... jobs) {
  std::latch start{sizeof...(Jobs)};
  const std::array<std::jthread, sizeof...(Jobs)> threads{std::jthread([&start, &jobs] {
    start.arrive_and_wait();
    jobs();
  })...};
}

// What a reader may see at one moment: once done, exactly one kind of outcome, for ever.
void expect_consistent(const future<int>& f) {
  const bool cancelled_before = f.cancelled();
  if (!f.done()) {
    EXPECT_FALSE(cancelled_before);
    return;
  }
  EXPECT_FALSE(f.running());
  const bool cancelled = f.cancelled();
  EXPECT_TRUE(cancelled || !cancelled_before);
  int value = 0;
  bool failed = false;
  bool threw_cancelled = false;
  try {
    value = f.result(0ms);
  } catch (const broken&) {
    failed = true;
  } catch (const fronta::cancelled_error&) {
    threw_cancelled = true;
  }
  EXPECT_EQ(threw_cancelled, cancelled);
  if (!cancelled) {
    EXPECT_EQ(f.exception(0ms) != nullptr, failed);
  }
  EXPECT_TRUE(failed || cancelled || value == 7);
  EXPECT_TRUE(f.done());
  EXPECT_EQ(f.cancelled(), cancelled);
}

// F-01
TEST(FutureStress, FourThreadsReadingAThousandTimesSeeOneConsistentState) {
  using end = void (*)(promise<int>&, const future<int>&);
  for (const end finish : {end([](promise<int>& p, const future<int>&) { p.set_value(7); }),
                           end([](promise<int>& p, const future<int>&) {
                             p.set_exception(std::make_exception_ptr(broken()));
                           }),
                           end([](promise<int>&, const future<int>& f) { f.cancel(); })}) {
    promise<int> made;
    const auto f = made.get_future();
    std::latch midway{4};
    const auto read = [&](int from, int to) {
      for (int i = from; i < to; ++i) expect_consistent(f);
    };
    const auto reader = [&] {
      read(0, 400);
      midway.arrive_and_wait();
      read(400, 1'000);
    };
    race(reader, reader, reader, [&] {
      read(0, 400);
      midway.arrive_and_wait();
      read(400, 500);
      finish(made, f);
      read(500, 1'000);
    });
    EXPECT_TRUE(f.done());
  }
}

// F-02, F-06
TEST(FutureStress, CancelRacingWithSetValueHasExactlyOneOutcome) {
  for (int round = 0; round < rounds; ++round) {
    promise<int> made;
    const auto f = made.get_future();
    bool cancelled = false;
    bool set = true;
    race([&] { cancelled = f.cancel(); },
         [&] {
           try {
             made.set_value(round);
           } catch (const fronta::invalid_state_error&) {
             set = false;
           }
         });
    ASSERT_NE(set, cancelled);
    ASSERT_EQ(f.cancelled(), cancelled);
  }
}

// F-06
TEST(FutureStress, OfManySettersOneWins) {
  for (int round = 0; round < rounds; ++round) {
    promise<int> made;
    const auto f = made.get_future();
    std::atomic<int> wins = 0;
    const auto set = [&](int value) {
      try {
        made.set_value(value);
        ++wins;
      } catch (const fronta::invalid_state_error&) {
        // Another one was first.
      }
    };
    race([&] { set(1); }, [&] { set(2); }, [&] { set(3); });
    ASSERT_EQ(wins, 1);
    ASSERT_TRUE(f.done());
  }
}

// F-02, F-15
TEST(FutureStress, ACancelledTaskNeverRunsAndAnotherAlwaysDoes) {
  fronta::executor ex{fronta::cpu::threads{.workers = 2}};
  for (int round = 0; round < 10 * rounds; ++round) {
    auto capture = std::make_shared<int>(0);
    const std::weak_ptr<int> captured = capture;
    std::atomic<int> runs = 0;
    const auto f = ex.submit([&runs, capture = std::move(capture)] { ++runs; });
    const bool cancelled = f.cancel();
    f.wait();
    ASSERT_EQ(runs, cancelled ? 0 : 1);
    ASSERT_EQ(f.cancelled(), cancelled);
    ASSERT_TRUE(captured.expired());
  }
}

// F-08
TEST(FutureStress, CallbacksAddedWhileTheOutcomeIsPublishedRunOnceEach) {
  constexpr int per_thread = 20;
  for (int round = 0; round < rounds; ++round) {
    promise<int> made;
    const auto f = made.get_future();
    std::array<std::atomic<int>, 2 * per_thread> calls{};
    const auto add = [&](std::size_t from) {
      for (std::size_t i = from; i < from + per_thread; ++i) {
        f.add_done_callback([&calls, i](const future<int>& done) { calls[i] += done.get(); });
      }
    };
    race([&] { add(0); }, [&] { add(per_thread); }, [&] { made.set_value(1); });
    for (const auto& c : calls) ASSERT_EQ(c, 1);
  }
}

// F-12
TEST(FutureStress, HandlesDroppedWhileTheOutcomeIsPublished) {
  fronta::executor ex{fronta::cpu::threads{.workers = 2}};
  std::atomic<int> called = 0;
  for (int round = 0; round < 10 * rounds; ++round) {
    auto f = ex.submit([] { return std::make_unique<int>(1); });
    f.add_done_callback(
        [&called](const future<std::unique_ptr<int>>& done) { called += *done.result(); });
    if (round % 3 == 0) static_cast<void>(f.wait_for(0ms));
    if (round % 3 == 1) f.wait();
  }
  ex.shutdown();
  EXPECT_EQ(called, 10 * rounds);
}

// F-14
TEST(FutureStress, ManyThreadsGetOneValue) {
  fronta::executor ex{fronta::cpu::threads{.workers = 2}};
  for (int round = 0; round < rounds; ++round) {
    const auto f = ex.submit([round] { return std::vector<int>(10, round); });
    const auto get = [&] { EXPECT_EQ(f.get().back(), round); };
    const auto look = [&] { EXPECT_EQ(f.result().front(), round); };
    race(get, look, get);
  }
}

// W-05, W-06
TEST(FutureStress, WaitsWithRandomLimitsNeverLoseAFuture) {
  fronta::executor ex{fronta::cpu::threads{.workers = 2}};
  std::minstd_rand random(7);
  for (int round = 0; round < rounds / 4; ++round) {
    std::vector<future<int>> futures;
    for (int i = 0; i < 8; ++i) {
      futures.push_back(ex.submit([n = static_cast<int>(random() % 50)] {
        for (int k = 0; k < n; ++k) std::this_thread::yield();
        return n;
      }));
    }
    const auto cancel_at = random() % futures.size();
    const auto mode = static_cast<fronta::return_when>(random() % 3);
    const auto limit = std::chrono::microseconds(random() % 100);
    race(
        [&] {
          const auto [done, not_done] = fronta::wait(futures, mode, limit);
          EXPECT_EQ(done.size() + not_done.size(), futures.size());
          for (const auto& f : done) EXPECT_TRUE(f.done());
        },
        [&] {
          futures[cancel_at].cancel();
          static_cast<void>(futures[0].wait_for(limit));
        });
    EXPECT_EQ(fronta::wait(futures).done.size(), futures.size());
  }
}

// W-09
TEST(FutureStress, OverlappingWaitsInsideTasksAllEnd) {
  fronta::executor ex{fronta::cpu::threads{.workers = 2, .max_substitutes = 64}};
  for (int round = 0; round < rounds / 10; ++round) {
    std::vector<promise<int>> promises(3);
    std::vector<future<int>> futures;
    for (auto& p : promises) futures.push_back(p.get_future());
    std::vector<future<std::size_t>> waiters;
    for (const auto mode :
         {fronta::all_completed, fronta::first_completed, fronta::first_exception}) {
      waiters.push_back(ex.submit([&, mode] { return fronta::wait(futures, mode).done.size(); }));
      waiters.push_back(
          ex.submit([&, mode] { return fronta::wait(futures, mode, 1h).done.size(); }));
    }
    for (auto& p : promises) p.set_value(round);
    for (const auto& w : waiters) EXPECT_GE(w.get(), 1U);
  }
}

//
TEST(FutureStress, AsCompletedYieldsEachOnceWhileTheyFinish) {
  fronta::executor ex{fronta::cpu::threads{.workers = 2}};
  for (int round = 0; round < rounds / 4; ++round) {
    std::vector<future<int>> futures;
    for (int i = 0; i < 20; ++i) futures.push_back(ex.submit([i] { return 1 << i; }));
    int seen = 0;
    for (const auto& f : fronta::as_completed(std::move(futures))) {
      EXPECT_EQ(seen & f.get(), 0);
      seen |= f.get();
    }
    ASSERT_EQ(seen, (1 << 20) - 1);
  }
}

//
TEST(FutureStress, CompletionQueueClearedWhileFuturesArrive) {
  for (int round = 0; round < rounds; ++round) {
    fronta::completion_queue<int> queue;
    promise<int> one;
    promise<int> two;
    queue.add(one.get_future());
    queue.add(two.get_future());
    race([&] { one.set_value(1); }, [&] { two.set_value(2); },
         [&] {
           queue.clear();
           static_cast<void>(queue.next());
         });
    while (queue.next()) {
    }
    ASSERT_TRUE(queue.is_empty());
  }
}

TEST(FutureStress, WhenAllDecidesOnceWhateverItsMembersDo) {
  for (int round = 0; round < rounds; ++round) {
    promise<int> one;
    promise<int> two;
    promise<int> three;
    const auto first = one.get_future();
    const auto all = fronta::when_all(std::vector{first, two.get_future(), three.get_future()});
    race([&] { first.cancel(); }, [&] { two.set_exception(std::make_exception_ptr(broken())); },
         [&] { three.set_value(3); });
    ASSERT_TRUE(all.done());
    ASSERT_NE(all.exception(), nullptr);
  }
}

}  // namespace
