// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/rng.hpp>
#include <fronta/this_task.hpp>

#include <support/fake_backend.hpp>
#include <support/gate.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::executor_options;
using fronta::future;
using fronta::promise;
using fronta::task_options;
using fronta::cpu::threads;
using fronta::test::gate;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
constexpr int chain_length = sanitized ? 100'000 : 1'000'000;
constexpr int fan = sanitized ? 20'000 : 100'000;
constexpr auto stress_time = sanitized ? 6s : 1s;

int plus_one(int x) { return x + 1; }

// A chain on an unset promise.
struct pending_chain {
  explicit pending_chain(executor& ex, int length = chain_length) {
    last = ex.submit(plus_one, root.get_future());
    for (int i = 1; i < length; ++i) last = ex.submit(plus_one, last);
  }
  promise<int> root;
  future<int> last;
};

// D-12, D-04
TEST(LongChain, Completes) {
  executor ex{threads{.workers = 2}};
  pending_chain chain(ex);
  chain.root.set_value(0);
  EXPECT_EQ(chain.last.get(), chain_length);
}

// D-12, D-05
TEST(LongChain, FailsToItsEnd) {
  executor ex{threads{.workers = 1}};
  pending_chain chain(ex);
  chain.root.set_exception(std::make_exception_ptr(std::runtime_error("root")));
  EXPECT_TRUE(chain.last.done());
  EXPECT_THROW(chain.last.get(), std::runtime_error);
}

// D-12, D-06
TEST(LongChain, IsCancelledToItsEnd) {
  executor ex{threads{.workers = 1}};
  future<int> last;
  {
    pending_chain chain(ex, chain_length / 5);
    last = chain.last;
  }
  EXPECT_TRUE(last.cancelled());
}

// D-12
TEST(LongChain, OfHandlesHeldByValuesIsDestroyedWithoutRecursion) {
  struct link {
    future<link> before;
    std::shared_ptr<int> token;
  };
  const auto token = std::make_shared<int>(1);
  {
    executor ex{threads{.workers = 1}};
    future<link> last;
    for (int i = 0; i < chain_length; ++i) last = ex.scatter(link{std::move(last), token});
    EXPECT_EQ(token.use_count(), chain_length + 1);
    last = {};
    EXPECT_EQ(token.use_count(), 1);
    // The same with tasks that hold their inputs while they wait.
    promise<void> go;
    auto task = ex.submit([t = token] { return t; }, go.get_future());
    for (int i = 1; i < chain_length / 5; ++i) {
      task = ex.submit([](std::shared_ptr<int> t) { return t; }, std::move(task));
    }
    EXPECT_TRUE(task.cancel());
    go.set_value();
    ex.shutdown();
  }
  EXPECT_EQ(token.use_count(), 1);
}

std::size_t total(const std::vector<int>& all) {
  std::size_t sum = 0;
  for (const int i : all) sum += static_cast<std::size_t>(i);
  return sum;
}

// D-12
TEST(FanIn, CompletesAndIsDestroyed) {
  executor ex{threads{.workers = 2}};
  promise<int> p;
  const auto source = p.get_future();
  std::vector<future<int>> all;
  for (int i = 0; i < fan; ++i) all.push_back(ex.submit(plus_one, source));
  const auto joined = ex.submit(total, all);
  const auto nested = ex.submit([](fronta::values<int> v) { return v.size(); }, all);
  p.set_value(0);
  EXPECT_EQ(joined.get(), static_cast<std::size_t>(fan));
  EXPECT_EQ(nested.get(), static_cast<std::size_t>(fan));
}

// D-12, D-05, D-08
TEST(FanIn, FailsAndLetsGoOfItsInputs) {
  executor ex{threads{.workers = 2}};
  std::vector<promise<std::shared_ptr<int>>> promises(fan);
  const auto token = std::make_shared<int>(1);
  future<std::size_t> joined;
  {
    std::vector<future<std::shared_ptr<int>>> all;
    for (auto& p : promises) all.push_back(p.get_future());
    joined = ex.submit([](const std::vector<std::shared_ptr<int>>& v) { return v.size(); },
                       std::move(all));
  }
  for (int i = 0; i < fan / 2; ++i) promises[static_cast<std::size_t>(i)].set_value(token);
  EXPECT_GT(token.use_count(), fan / 2);
  promises.back().set_exception(std::make_exception_ptr(std::runtime_error("one")));
  EXPECT_TRUE(joined.done());
  EXPECT_THROW(joined.get(), std::runtime_error);
  promises.clear();
  EXPECT_EQ(token.use_count(), 1);
}

// D-12, D-05
TEST(FanOut, OfAFailureReachesAll) {
  executor ex{threads{.workers = 1}};
  promise<int> p;
  const auto source = p.get_future();
  std::vector<future<int>> all;
  for (int i = 0; i < fan; ++i) all.push_back(ex.submit(plus_one, source));
  p.set_exception(std::make_exception_ptr(std::runtime_error("source")));
  for (const auto& f : all) ASSERT_TRUE(f.done());
  EXPECT_EQ(all.back().exception(), source.exception());
}

// Counts itself, as a capture and as a value.
struct tracked {
  explicit tracked(int v) : value(v) { ++alive; }
  tracked(const tracked& other) : value(other.value) { ++alive; }
  tracked& operator=(const tracked&) = delete;
  ~tracked() { --alive; }
  int value;
  static inline std::atomic<int> alive{0};
};

struct deliberate : std::runtime_error {
  using runtime_error::runtime_error;
};

// Builds random graphs of tasks that succeed, fail, retry, come back, wait for nested ones, hold
// tags and run out of time, while others cancel them.
class RandomGraphs : public testing::Test {
 protected:
  struct graph {
    std::vector<future<tracked>> tasks;
    std::stop_source stop;
  };

  static task_options random_options(fronta::rng& random, const graph& g) {
    task_options o;
    if (random() % 3 == 0) o.retries = static_cast<int>(random() % 4);
    if (random() % 8 == 0) o.backoff = std::chrono::microseconds(random() % 300);
    if (random() % 4 == 0) o.priority = static_cast<int>(random() % 5) - 2;
    if (random() % 16 == 0) o.timeout = std::chrono::microseconds(random() % 3'000);
    if (random() % 16 == 0) o.stop = g.stop.get_token();
    if (random() % 16 == 0) o.key = "key " + std::to_string(random() % 8);
    switch (random() % 12) {
      case 0:
        o.needs = {{"t", 1}};
        break;
      case 1:
        o.needs = {{"t", 3}};
        break;
      case 2:
        o.needs = {{"w", 1}, {"t", 2}};
        break;
      case 3:
        o.needs = {{"gpu", 1}};
        break;
      case 4:
        o.needs = {{"gpu", 2}, {"w", 1}};
        break;
      case 5:
        o.needs = {{"cpu", 2}};
        break;
      case 6:
        o.needs = {{"w", 2}};
        o.name = "wide";
        break;
      default:
        break;
    }
    return o;
  }

  static inline std::atomic<unsigned> reschedules{0};
  static tracked work(const tracked& seed, std::uint64_t salt) {
    auto random = fronta::this_task::rng();
    switch ((random() ^ salt) % 16) {
      case 0:
      case 1:
        throw deliberate("failed");
      case 2:
        // Not for ever: its random numbers stay the same.
        if (++reschedules % 3 != 0) fronta::this_task::reschedule();
        break;
      case 3: {
        // Untagged, so it can always start.
        auto ref = fronta::this_task::executor();
        const auto child = ref.submit({.needs = fronta::no_needs}, [] { return 1; });
        return tracked(seed.value + child.get());
      }
      case 4:
        std::this_thread::yield();
        break;
      case 5: {
        const fronta::this_task::blocking lent;
        std::this_thread::yield();
        break;
      }
      default:
        break;
    }
    return tracked(seed.value + 1);
  }

  static graph build(const fronta::executor_ref& ex, fronta::rng& random, int size) {
    graph g;
    const auto any = [&]() -> const future<tracked>& { return g.tasks[random() % g.tasks.size()]; };
    for (int i = 0; i < size; ++i) {
      const auto salt = random();
      const auto o = random_options(random, g);
      if (g.tasks.empty() || random() % 3 == 0) {
        g.tasks.push_back(ex.submit(o, [t = tracked(1), salt] { return work(t, salt); }));
      } else if (random() % 2 == 0) {
        g.tasks.push_back(ex.submit(o, &work, any(), salt));
      } else {
        std::vector<future<tracked>> inputs;
        for (auto n = random() % 5; n-- > 0;) inputs.push_back(any());
        g.tasks.push_back(ex.submit(
            o,
            [salt](fronta::values<tracked> v) {
              return work(tracked(static_cast<int>(v.size())), salt);
            },
            inputs));
      }
    }
    return g;
  }

  // Every task has ended, and in a way that a task may end.
  static void check_ends(const graph& g) {
    const auto split = fronta::wait(g.tasks, fronta::all_completed, 120s);
    ASSERT_TRUE(split.not_done.empty());
    for (const auto& f : g.tasks) {
      ASSERT_TRUE(f.done());
      EXPECT_FALSE(f.running());
      try {
        EXPECT_GE(f.result().value, 1);
      } catch (const fronta::cancelled_error&) {
      } catch (const fronta::timeout_error&) {
      } catch (const deliberate&) {
      } catch (const fronta::deadlock_error&) {
        ADD_FAILURE() << "an untagged child can always start";
      }
    }
  }

  static void meddle_with(executor& ex, fronta::rng& random) {
    const auto g = build(ex, random, 150);
    {
      const auto meddle = [&g](std::uint64_t seed) {
        fronta::rng own(seed);
        for (int i = 0; i < 60; ++i) {
          const auto& f = g.tasks[own() % g.tasks.size()];
          switch (own() % 4) {
            case 0:
            case 1:
              f.cancel();
              break;
            case 2:
              f.request_stop();
              break;
            default:
              f.wait_for(20us);
          }
        }
      };
      const std::jthread one(meddle, random());
      const std::jthread two(meddle, random());
      if (random() % 3 == 0) {
        auto stop = g.stop;
        stop.request_stop();
      }
    }
    check_ends(g);
    EXPECT_EQ(ex.submit({.needs = {{"t", 3}, {"w", 2}, {"gpu", 2}}}, [] { return 1; }).get(), 1);
  }
};

// D-05, D-06, R-01, Q-03, Q-04, Q-05
TEST_F(RandomGraphs, EndWhateverHappensAndLeaveNothingBehind) {
  const auto until = std::chrono::steady_clock::now() + stress_time;
  std::uint64_t round = 0;
  do {
    fronta::rng random(11, round++);
    {
      executor ex{executor_options{.tags = {{"w", 2}}, .seed = round},
                  threads{.workers = 3, .offers = {{"t", 3}}},
                  fronta::bare_place{"gpu:0", {{"gpu", 2}}}};
      for (int part = 0; part < 3; ++part) meddle_with(ex, random);
    }
    // Code that ran out of time has ended too, and so have stale entries in queues.
    EXPECT_EQ(tracked::alive, 0);
  } while (std::chrono::steady_clock::now() < until && !HasFailure());
}

// D-06, Q-04
TEST_F(RandomGraphs, EndInACancellingShutdown) {
  const auto until = std::chrono::steady_clock::now() + stress_time;
  std::uint64_t round = 0;
  do {
    fronta::rng random(12, round++);
    executor ex{executor_options{.tags = {{"w", 2}}, .seed = round},
                threads{.workers = 2, .name = "a", .offers = {{"t", 3}}},
                threads{.workers = 2, .name = "b"}, fronta::bare_place{"gpu:0", {{"gpu", 2}}}};
    const auto g = build(ex, random, 200);
    ex.shutdown({.wait = true, .cancel_futures = true});
    for (const auto& f : g.tasks) ASSERT_TRUE(f.done());
  } while (std::chrono::steady_clock::now() < until && !HasFailure());
  EXPECT_EQ(tracked::alive, 0);
}

TEST_F(RandomGraphs, OnAStreamThatIsLostAndComesBack) {
  const auto until = std::chrono::steady_clock::now() + stress_time;
  std::uint64_t round = 0;
  do {
    fronta::rng random(13, round++);
    fronta::test::fake_device device{{.places = {{"fake", {{"lane", 4}}}},
                                      .elastic = true,
                                      .own_thread = true,
                                      .edge_within = fronta::edge_level::issued}};
    executor ex{threads{.workers = 2, .name = "pool"}, device.config()};
    std::vector<future<int>> all;
    const task_options on_stream{.needs = {{"lane", 1}}, .place_on = "fake"};
    std::size_t place = 0;
    for (int i = 0; i < 300; ++i) {
      const auto input = all.empty() ? ex.scatter(1) : all[random() % all.size()];
      const bool fails = random() % 16 == 0;
      all.push_back(ex.submit(
          random() % 4 == 0 ? task_options{.place_on = "pool"} : on_stream,
          [fails](int x) {
            if (fails) throw deliberate("failed");
            return x + 1;
          },
          input));
      if (random() % 16 == 0) all[random() % all.size()].cancel();
      if (i == 150) {
        device.remove_place(place, std::make_exception_ptr(fronta::cancelled_error("lost")));
        place = device.add_place("fake", {{"lane", 2}});
      }
    }
    ASSERT_TRUE(fronta::wait(all, fronta::all_completed, 120s).not_done.empty());
    EXPECT_EQ(ex.submit({.needs = {{"lane", 2}}, .place_on = "fake"}, [] { return 1; }).get(), 1);
  } while (std::chrono::steady_clock::now() < until && !HasFailure());
}

// D-09
TEST(KeyStress, EveryHandleOnAKeyIsGood) {
  executor ex{threads{.workers = 2}};
  std::atomic<int> runs = 0;
  const auto user = [&](std::uint64_t seed) {
    fronta::rng random(seed);
    for (int i = 0; i < (sanitized ? 3'000 : 10'000); ++i) {
      const auto input = ex.scatter(i);
      const auto f = ex.submit(
          {.key = "k" + std::to_string(random() % 2)},
          [&runs](int x) {
            ++runs;
            return x;
          },
          input);
      if (random() % 2 == 0) f.cancel();
      if (random() % 2 == 0) f.wait();
    }
  };
  {
    const std::jthread one(user, 1);
    const std::jthread two(user, 2);
    user(3);
  }
  ex.shutdown();
  EXPECT_GT(runs, 0);
}

// Three users at once; how many were admitted.
template <class Task>
int try_all(executor& ex, int tries, const Task& task) {
  std::atomic<int> admitted = 0;
  const auto user = [&] {
    for (int i = 0; i < tries; ++i) {
      if (ex.try_submit(task)) ++admitted;
    }
  };
  {
    const std::jthread one(user);
    const std::jthread two(user);
    user();
  }
  return admitted;
}

TEST(MaxPendingStress, NeverAdmitsTooMany) {
  constexpr int limit = 8;
  for (int round = 0; round < 200; ++round) {
    executor ex{executor_options{.max_pending = limit}, threads{.workers = 2}};
    gate all_have_tried;
    EXPECT_EQ(try_all(ex, limit, [&] { all_have_tried.wait(); }), limit);
    all_have_tried.open();
    ex.shutdown();
  }
}

TEST(MaxPendingStress, LosesNoneThatItAdmits) {
  executor ex{executor_options{.max_pending = 8}, threads{.workers = 2}};
  std::atomic<int> ran = 0;
  const int admitted = try_all(ex, 5'000, [&] { ++ran; });
  ex.shutdown();
  EXPECT_EQ(ran, admitted);
  EXPECT_GT(admitted, 8);
}

}  // namespace
