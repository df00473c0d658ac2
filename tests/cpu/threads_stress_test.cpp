// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>
#include <fronta/wait.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::any_future;
using fronta::executor;
using fronta::future;

#if defined(__SANITIZE_THREAD__)
constexpr int scale = 1;
#else
constexpr int scale = 4;
#endif
constexpr int substitutes = 256;

executor pool(int workers) {
  return executor{fronta::cpu::threads{.workers = workers, .max_substitutes = substitutes}};
}

// Calls `body` with a generator for each of several seeds.
template <class Body>
void for_seeds(Body&& body) {
  for (unsigned seed = 1; seed <= 3 * scale; ++seed) {
    SCOPED_TRACE(seed);
    std::minstd_rand random(seed);
    body(random);
  }
}

int below(std::minstd_rand& random, int bound) {
  return static_cast<int>(random() % static_cast<unsigned>(bound));
}

void yield_sometimes(std::minstd_rand& random) {
  while (below(random, 3) == 0) std::this_thread::yield();
}

// S-08
TEST(ThreadsStress, EveryTaskOfManyRoundsRunsOnce) {
  std::atomic<int> ran = 0;
  for (int round = 0; round < 50 * scale; ++round) {
    auto ex = pool(3);
    for (int i = 0; i < 50; ++i) ex.post([&ran] { ++ran; });
  }
  EXPECT_EQ(ran.load(), 50 * scale * 50);
}

// T-03
TEST(ThreadsStress, SubmitsFromManyThreadsAllRunOnce) {
  for_seeds([](std::minstd_rand& random) {
    constexpr int submitters = 4;
    constexpr int each = 200;
    std::atomic<int> ran = 0;
    auto ex = pool(1 + below(random, 3));
    std::vector<std::jthread> threads;
    for (int t = 0; t < submitters; ++t) {
      threads.emplace_back([&, own = std::minstd_rand(random())]() mutable {
        for (int i = 0; i < each; ++i) {
          if (below(own, 4) == 0) {
            EXPECT_EQ(ex.submit([&, i] { return ++ran, i; }).get(), i);
          } else {
            ex.post({.priority = below(own, 3) - 1}, [&] { ++ran; });
          }
          yield_sometimes(own);
        }
      });
    }
    threads.clear();
    ex.shutdown();
    EXPECT_EQ(ran.load(), submitters * each);
  });
}

// A tree of tasks that fork, wait in every way, block, throw and cancel.
class tree {
 public:
  explicit tree(executor& ex) : ex_(ex) {}

  void grow(std::minstd_rand random, int depth) {
    std::vector<any_future> children;
    const int forks = depth == 0 ? 0 : 1 + below(random, 3);
    for (int i = 0; i < forks; ++i) {
      fronta::task_options options;
      if (below(random, 4) == 0) options.priority = below(random, 5) - 2;
      switch (below(random, 6)) {
        case 0:
          options.needs = {{"cpu", 0.5}};
          break;
        case 1:
          options.needs = {{"cpu", 1.5}};
          break;
        case 2:
          options.needs = {{"seat", 1}};
          break;
        default:
          break;
      }
      ++submitted_;
      children.push_back(ex_.submit(options, [this, own = std::minstd_rand(random()), depth]() {
        ++ended_;
        grow(own, depth - 1);
      }));
      yield_sometimes(random);
      if (below(random, 10) == 0 && children.back().cancel()) ++ended_;
    }
    if (below(random, 4) == 0) {
      const fronta::this_task::blocking lent;
      yield_sometimes(random);
    }
    wait(random, children);
    if (below(random, 10) == 0) throw std::runtime_error("as planned");
  }
  [[nodiscard]] int submitted() const { return submitted_.load(); }
  [[nodiscard]] int ended() const { return ended_.load(); }

 private:
  // A task that holds a seat may wait for one that needs a seat: then it is told.
  static void wait(std::minstd_rand& random, const std::vector<any_future>& children) {
    try {
      switch (below(random, 6)) {
        case 0:
          fronta::wait(children);
          break;
        case 1:
          fronta::wait(children, fronta::first_completed);
          break;
        case 2:
          fronta::wait(children, fronta::first_exception, 1ms);
          break;
        case 3:
          for (const auto& f : fronta::as_completed(children)) EXPECT_TRUE(f.done());
          break;
        case 4:
          for (const auto& f : children) f.wait();
          break;
        default:
          break;  // children outlive their parent
      }
    } catch (const fronta::deadlock_error& e) {
      EXPECT_EQ(e.tag(), "seat");
    }
  }

  executor& ex_;
  std::atomic<int> submitted_{0};
  std::atomic<int> ended_{0};
};

// N-01, N-02, N-03
TEST(ThreadsStress, RandomTreesOfTasksEndCompletely) {
  for_seeds([](std::minstd_rand& random) {
    fronta::executor ex{fronta::cpu::threads{
        .workers = 2 + below(random, 2), .offers = {{"seat", 2}}, .max_substitutes = substitutes}};
    tree t(ex);
    std::vector<future<void>> roots;
    for (int i = 0; i < 8; ++i) {
      roots.push_back(ex.submit([&t, own = std::minstd_rand(random())] { t.grow(own, 4); }));
    }
    for (const auto& r : roots) r.wait();
    ex.shutdown();
    EXPECT_EQ(t.ended(), t.submitted());
  });
}

// N-01
TEST(ThreadsStress, ForkAndJoinWithBlockingAddsUp) {
  for_seeds([](std::minstd_rand& random) {
    auto ex = pool(1 + below(random, 3));
    struct join {
      executor& ex;
      int operator()(std::minstd_rand own, int depth) const {
        if (depth == 0) return 1;
        auto left = ex.submit(*this, std::minstd_rand(own()), depth - 1);
        auto right = ex.submit(*this, std::minstd_rand(own()), depth - 1);
        if (below(own, 3) == 0) {
          const fronta::this_task::blocking lent;
          yield_sometimes(own);
        }
        const int sum = below(own, 2) == 0 ? left.get() + right.get() : right.get(1h) + left.get();
        return sum;
      }
    };
    EXPECT_EQ(ex.submit(join{ex}, std::minstd_rand(random()), 7).get(), 128);
  });
}

// S-04
TEST(ThreadsStress, CancellationRacingWithTheStartHasOneOutcome) {
  for_seeds([](std::minstd_rand& random) {
    std::atomic<int> ran = 0;
    int cancelled = 0;
    constexpr int count = 500;
    auto ex = pool(2);
    std::vector<future<void>> futures;
    for (int i = 0; i < count; ++i) {
      futures.push_back(ex.submit([&] { ++ran; }));
      yield_sometimes(random);
      if (below(random, 2) == 0) {
        const auto at = static_cast<std::size_t>(below(random, i + 1));
        cancelled += !futures[at].cancelled() && futures[at].cancel() ? 1 : 0;
      }
    }
    ex.shutdown();
    EXPECT_EQ(ran.load() + cancelled, count);
    for (const auto& f : futures) EXPECT_TRUE(f.done());
  });
}

// S-01, S-04, S-08
TEST(ThreadsStress, ShutdownRacingWithSubmittersLosesNothing) {
  for_seeds([](std::minstd_rand& random) {
    for (int round = 0; round < 2; ++round) {
      std::atomic<int> ran = 0;
      std::mutex mutex;
      std::vector<future<void>> accepted;
      auto ex = pool(1 + below(random, 3));
      std::vector<std::jthread> submitters;
      for (int t = 0; t < 3; ++t) {
        submitters.emplace_back([&] {
          try {
            for (;;) {
              auto f = ex.submit([&] {
                ++ran;
                ex.post([] {});
              });
              const std::lock_guard lock(mutex);
              accepted.push_back(std::move(f));
            }
          } catch (const fronta::shutdown_error&) {
            // as expected
          }
        });
      }
      const bool cancelling = below(random, 2) == 0;
      yield_sometimes(random);
      ex.shutdown({.wait = below(random, 2) == 0, .cancel_futures = cancelling});
      submitters.clear();
      ex.shutdown();
      int cancelled = 0;
      for (const auto& f : accepted) {
        ASSERT_TRUE(f.done());
        cancelled += f.cancelled() ? 1 : 0;
        if (!f.cancelled() && f.exception() != nullptr) {
          EXPECT_THROW(f.get(), fronta::shutdown_error);
          EXPECT_TRUE(cancelling);
        }
      }
      EXPECT_EQ(ran.load() + cancelled, static_cast<int>(accepted.size()));
      if (!cancelling) {
        EXPECT_EQ(cancelled, 0);
      }
    }
  });
}

// S-07
TEST(ThreadsStress, ReferencesMayBeUsedWhileTheirExecutorGoes) {
  for (int round = 0; round < 10 * scale; ++round) {
    std::optional<executor> ex(pool(2));
    const auto ref = ex->ref();
    std::atomic<int> accepted = 0;
    std::atomic<int> ran = 0;
    std::atomic<bool> started = false;
    {
      const auto use = [&] {
        try {
          for (;;) {
            ref.post([&] { ++ran; });
            ++accepted;
            started = true;
          }
        } catch (const fronta::shutdown_error&) {
          // as expected
        }
      };
      const std::jthread a(use);
      const std::jthread b(use);
      while (!started) std::this_thread::yield();
      ex.reset();
      ex.emplace(pool(1));  // perhaps in the same memory
    }
    EXPECT_EQ(ran.load(), accepted.load());
  }
}

// S-10
TEST(ThreadsStress, ExecutorsMayDieOnTheirOwnWorkers) {
  for (int round = 0; round < 50 * scale; ++round) {
    std::weak_ptr<int> pool_alive;
    std::atomic<int> ran = 0;
    {
      const auto alive = std::make_shared<int>(0);
      pool_alive = alive;
      auto shared =
          std::make_shared<executor>(fronta::cpu::threads{.workers = 2, .initializer = [alive] {}});
      for (int i = 0; i < 5; ++i) {
        shared->post([&ran, shared]() mutable {
          shared.reset();
          ++ran;
        });
      }
    }
    while (!pool_alive.expired()) std::this_thread::yield();
    EXPECT_EQ(ran.load(), 5);
  }
}

// T-07
TEST(ThreadsStress, WorkersThatFallAsleepAreWoken) {
  auto a = pool(2);
  auto b = pool(2);
  std::minstd_rand random(5);
  for (int i = 0; i < 500 * scale; ++i) {
    auto& to = below(random, 2) == 0 ? a : b;
    auto& other = &to == &a ? b : a;
    EXPECT_EQ(to.submit([&, i] {
                  auto f = other.submit([i] { return i; });
                  return to.submit([](int x) { return x + 1; }, f).get();
                }).get(),
              i + 1);
    // From just put to sleep to long asleep.
    for (int spins = below(random, 200); spins > 0; --spins) std::this_thread::yield();
  }
}

// T-07
TEST(ThreadsStress, TasksThatWaitForEachOtherAtRandomNeverHang) {
  for_seeds([](std::minstd_rand& random) {
    for (int round = 0; round < 5; ++round) {
      constexpr std::size_t count = 12;
      auto ex = pool(1 + below(random, 3));
      std::vector<future<void>> tasks(count);
      std::atomic<bool> known = false;
      for (auto& t : tasks) {
        t = ex.submit([&, own = std::minstd_rand(random())]() mutable {
          {
            const fronta::this_task::blocking until_known;
            known.wait(false);
          }
          for (int waits = below(own, 4); waits > 0; --waits) {
            try {
              if (below(own, 2) == 0) {
                tasks[own() % count].wait();
              } else {
                const std::vector two{tasks[own() % count], tasks[own() % count]};
                fronta::wait(two,
                             below(own, 2) == 0 ? fronta::all_completed : fronta::first_completed);
              }
            } catch (const fronta::deadlock_error& e) {
              EXPECT_TRUE(e.tag().empty());
            }
          }
        });
      }
      known = true;
      known.notify_all();
      for (const auto& t : tasks) t.get();
    }
  });
}

// Adds its amount while it runs.
class counted_amount {
 public:
  counted_amount(std::atomic<int>& sum, int hundredths) : sum_(sum), mine_(hundredths) {
    EXPECT_LE(sum_.fetch_add(mine_) + mine_, 200);
  }
  ~counted_amount() { sum_.fetch_sub(mine_); }
  counted_amount(const counted_amount&) = delete;
  counted_amount& operator=(const counted_amount&) = delete;

 private:
  std::atomic<int>& sum_;
  int mine_;
};

// N-02
TEST(ThreadsStress, AmountsOfCpuAreNeverExceeded) {
  for_seeds([](std::minstd_rand& random) {
    std::atomic<int> sum = 0;
    std::atomic<int> ran = 0;
    auto ex = pool(2);
    constexpr int count = 150;
    for (int i = 0; i < count; ++i) {
      const int hundredths = below(random, 3) == 0 ? 100 : 1 + below(random, 200);
      const auto body = [&, hundredths, own = std::minstd_rand(random())]() mutable {
        {
          const counted_amount inside(sum, hundredths);
          yield_sometimes(own);
        }
        if (below(own, 3) == 0) {
          const fronta::this_task::blocking lent;
          yield_sometimes(own);
        }
        if (below(own, 3) == 0) {
          ex.submit({.needs = {{"cpu", 0.3}}}, [&] {
              const counted_amount inside(sum, 30);
            }).wait();
        }
        const counted_amount inside(sum, hundredths);
        ++ran;
      };
      if (hundredths == 100) {
        ex.post(body);
      } else {
        ex.post({.needs = {{"cpu", hundredths / 100.0}}}, body);
      }
    }
    ex.shutdown();
    EXPECT_EQ(ran.load(), count);
  });
}

}  // namespace
