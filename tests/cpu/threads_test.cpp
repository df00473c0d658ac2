// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/cpus.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <support/captured_errors.hpp>
#include <support/gate.hpp>
#include <support/occupied.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using fronta::broken_pool_error;
using fronta::future;
using fronta::cpu::threads;
using fronta::test::captured_errors;
using fronta::test::concurrency_meter;
using fronta::test::gate;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::SizeIs;

std::string thread_name() {
  char name[16] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return name;
}

std::vector<int> affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  std::vector<int> cpus;
  for (int c = 0; c < CPU_SETSIZE; ++c) {
    if (CPU_ISSET(c, &set)) cpus.push_back(c);
  }
  return cpus;
}

void bind_to(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int c : cpus) CPU_SET(c, &set);
  EXPECT_EQ(::sched_setaffinity(0, sizeof set, &set), 0);
}

// Binds the calling thread to CPUs while it lives; threads that it makes inherit them.
class bound_to {
 public:
  explicit bound_to(const std::vector<int>& cpus) : before_(affinity()) { bind_to(cpus); }
  ~bound_to() { bind_to(before_); }
  bound_to(const bound_to&) = delete;
  bound_to& operator=(const bound_to&) = delete;

 private:
  std::vector<int> before_;
};

// ---- Size.

// T-01
TEST(Threads, DefaultToTheUsableCpus) {
  const fronta::executor ex{threads{}};
  ASSERT_THAT(ex.places(), SizeIs(1));
  EXPECT_EQ(ex.places()[0].name, "cpu");
  EXPECT_EQ(*ex.places()[0].offers.find("cpu"), fronta::amount(fronta::usable_cpus()));
}

// T-01
TEST(Threads, HonourTheAffinityOfTheProcess) {
  const bound_to one({affinity().front()});
  EXPECT_EQ(fronta::usable_cpus(), 1U);
  const fronta::executor ex{threads{}};
  EXPECT_EQ(*ex.places()[0].offers.find("cpu"), fronta::amount(1));
}

// T-02
TEST(Threads, RefuseAnImpossibleConfigurationAtConstruction) {
  const auto refuses = [](const threads& config) {
    EXPECT_THROW(fronta::executor{config}, std::invalid_argument);
  };
  refuses({.workers = 0});
  refuses({.workers = -1});
  refuses({.max_substitutes = -1});
  refuses({.offers = {{"cpu", 2}}});
}

// T-03
TEST(Threads, NeverExceedTheConfiguredWorkers) {
  constexpr int workers = 3;
  std::mutex mutex;
  std::set<std::thread::id> ids;
  concurrency_meter meter;
  std::barrier all{workers};
  fronta::executor ex{threads{.workers = workers}};
  for (int i = 0; i < 15 * workers; ++i) {
    ex.post([&] {
      const concurrency_meter::scope inside(meter);
      all.arrive_and_wait();  // exactly `workers` at once, or for ever
      const std::lock_guard lock(mutex);
      ids.insert(std::this_thread::get_id());
    });
  }
  ex.shutdown();
  EXPECT_EQ(meter.most(), workers);
  EXPECT_THAT(ids, SizeIs(workers));
}

// T-03
TEST(Threads, ReuseIdleWorkers) {
  std::set<std::thread::id> ids;
  fronta::executor ex{threads{.workers = 2}};
  for (int i = 0; i < 100; ++i) {
    ids.insert(ex.submit([] { return std::this_thread::get_id(); }).get());
  }
  EXPECT_LE(ids.size(), 2U);
}

// ---- What leaves a task.

struct no_exception_of_ours {
  int code;
};

// T-04
TEST(Threads, CarryWhateverATaskThrowsAndGoOn) {
  fronta::executor ex{threads{.workers = 1}};
  const auto worker = ex.submit([] { return std::this_thread::get_id(); }).get();
  EXPECT_THROW(ex.submit([] { throw std::runtime_error("a"); }).get(), std::runtime_error);
  EXPECT_THROW(ex.submit([] { throw 42; }).get(), int);
  EXPECT_THROW(ex.submit([] { throw std::string("text"); }).get(), std::string);
  EXPECT_THROW(ex.submit([] { throw no_exception_of_ours{1}; }).get(), no_exception_of_ours);
  EXPECT_THROW(ex.submit([] { throw nullptr; }).get(), std::nullptr_t);
  EXPECT_THROW(ex.submit([] { throw fronta::cancelled_error("own"); }).get(),
               fronta::cancelled_error);
  EXPECT_EQ(ex.submit([] { return std::this_thread::get_id(); }).get(), worker);
}

// T-04
TEST(Threads, HandExceptionsOfPostedTasksToTheHook) {
  const captured_errors errors;
  {
    fronta::executor ex{threads{.workers = 1}};
    ex.post([] { throw std::runtime_error("lost?"); });
    ex.post([] { throw 42; });
  }
  ASSERT_THAT(errors.texts(), SizeIs(2));
  EXPECT_THAT(errors.texts()[0], HasSubstr("lost?"));
}

// T-04
TEST(Threads, SurviveTasksThatEndTheirThread) {
  fronta::executor ex{threads{.workers = 1}};
  for (int i = 0; i < 5; ++i) {
    const auto destroyed = std::make_shared<std::atomic<bool>>(false);
    struct flag {
      std::shared_ptr<std::atomic<bool>> set;
      ~flag() { *set = true; }
    };
    auto f = ex.submit([destroyed] {
      const flag local{destroyed};
      ::pthread_exit(nullptr);
    });
    auto next = ex.submit([] { return 1; });
    EXPECT_THROW(f.get(), broken_pool_error);
    EXPECT_TRUE(destroyed->load());
    EXPECT_EQ(next.get(), 1);
  }
}

// T-04
TEST(Threads, ATaskThatEndsItsThreadTakesItsWaitersOnThatThreadAlong) {
  fronta::executor ex{threads{.workers = 1}};
  auto outer = ex.submit([&] {
    auto inner = ex.submit([] { ::pthread_exit(nullptr); });
    inner.wait();  // inline
  });
  EXPECT_THROW(outer.get(), broken_pool_error);
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
}

// T-04
TEST(Threads, ATaskThatEndsItsThreadReturnsItsShareAndTags) {
  fronta::executor ex{threads{.workers = 1, .offers = {{"seat", 1}}}};
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW(ex.submit({.needs = {{"cpu", 0.7}}}, [] { ::pthread_exit(nullptr); }).get(),
                 broken_pool_error);
    EXPECT_THROW(ex.submit({.needs = {{"seat", 1}}}, [] { ::pthread_exit(nullptr); }).get(),
                 broken_pool_error);
    EXPECT_THROW(ex.submit([] {
                     const fronta::this_task::blocking lent;
                     ::pthread_exit(nullptr);
                   }).get(),
                 broken_pool_error);
  }
  EXPECT_EQ(ex.submit({.needs = {{"seat", 1}}}, [] { return 1; }).get(), 1);
}

// T-04
TEST(Threads, WhatACallbackOfAnEndedThreadMakesReadyStillRuns) {
  fronta::promise<int> p;
  fronta::executor ex{threads{.workers = 1}};
  auto dependent = ex.submit([](int x) { return x + 1; }, p.get_future());
  gate known;
  auto f = ex.submit([&] {
    known.wait();
    ::pthread_exit(nullptr);
  });
  f.add_done_callback([&](const auto&) { p.set_value(1); });
  known.open();
  EXPECT_EQ(dependent.get(), 2);
}

// ---- Initializer and names.

thread_local int initialized = 0;

// T-05
TEST(Threads, RunTheInitializerOncePerWorkerBeforeItsFirstTask) {
  constexpr int workers = 3;
  std::atomic<int> calls = 0;
  std::barrier all{workers};
  fronta::executor ex{threads{.workers = workers, .initializer = [&calls, argument = 5] {
                                ++calls;
                                initialized += argument;
                              }}};
  std::vector<future<int>> seen;
  for (int i = 0; i < 2 * workers; ++i) {
    seen.push_back(ex.submit([&] {
      all.arrive_and_wait();  // so every worker takes its part
      return initialized;
    }));
  }
  for (const auto& s : seen) EXPECT_EQ(s.get(), 5);
  EXPECT_EQ(calls.load(), workers);
}

// T-05
TEST(Threads, AreNamedAfterThePoolAndNumbered) {
  constexpr int workers = 3;
  std::barrier all{workers};
  std::mutex mutex;
  std::set<std::string> names;
  fronta::executor ex{threads{.workers = workers, .name = "io"}};
  EXPECT_EQ(ex.places()[0].name, "io");
  for (int i = 0; i < workers; ++i) {
    ex.post([&] {
      all.arrive_and_wait();
      const std::lock_guard lock(mutex);
      names.insert(thread_name());
    });
  }
  ex.shutdown();
  EXPECT_THAT(names, ElementsAre("io_0", "io_1", "io_2"));
}

// T-05
TEST(Threads, KeepTheNumberVisibleInFifteenBytes) {
  fronta::executor ex{threads{.workers = 1, .name = "a-very-long-name-of-a-pool"}};
  EXPECT_EQ(ex.submit(thread_name).get(), "a-very-long-n_0");
}

// T-05
TEST(Threads, HaveAPrefixOfTheirOwnByDefault) {
  fronta::executor a{threads{.workers = 1}};
  fronta::executor b{threads{.workers = 1}};
  const auto of_a = a.submit(thread_name).get();
  const auto of_b = b.submit(thread_name).get();
  EXPECT_NE(of_a, of_b);
  EXPECT_THAT(of_a, MatchesRegex(".+_0"));
  EXPECT_THAT(of_b, MatchesRegex(".+_0"));
}

std::string nested_text(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    try {
      std::rethrow_if_nested(e);
    } catch (const std::exception& inner) {
      return inner.what();
    } catch (...) {
    }
  } catch (...) {
  }
  return {};
}

// T-06
TEST(Threads, AThrowingInitializerBreaksThePool) {
  const captured_errors errors;
  gate go;
  {
    fronta::executor ex{threads{.workers = 1, .initializer = [&] {
                                  go.wait();
                                  throw std::runtime_error("no device");
                                }}};
    std::vector<fronta::any_future> pending;
    for (int i = 0; i < 5; ++i) pending.push_back(ex.submit([] {}));
    pending.push_back(ex.submit({.priority = 3}, [] {}));
    pending.push_back(ex.submit({.needs = {{"cpu", 0.5}}}, [] {}));
    auto cancelled = ex.submit([] {});
    cancelled.cancel();
    go.open();
    for (const auto& f : pending) {
      const auto error = f.exception();
      EXPECT_THROW(std::rethrow_exception(error), broken_pool_error);
      EXPECT_EQ(nested_text(error), "no device");
    }
    EXPECT_TRUE(cancelled.cancelled());
    EXPECT_THROW(ex.submit([] {}), broken_pool_error);
    EXPECT_THROW(ex.try_submit([] {}), broken_pool_error);
    EXPECT_THROW(ex.post([] {}), broken_pool_error);
    EXPECT_THROW(ex.map([](int x) { return x; }, std::vector{1}), broken_pool_error);
  }
  ASSERT_THAT(errors.texts(), SizeIs(1));
  EXPECT_THAT(errors.texts()[0], HasSubstr("no device"));
}

// T-06
TEST(Threads, EveryInitializerMayThrow) {
  const captured_errors errors;
  for (int round = 0; round < 20; ++round) {
    fronta::executor ex{threads{.workers = 3, .initializer = [] { throw 42; }}};
    std::vector<future<void>> submitted;
    try {
      for (int i = 0; i < 10; ++i) submitted.push_back(ex.submit([] {}));
    } catch (const broken_pool_error&) {
      // From some point on.
    }
    for (const auto& f : submitted) EXPECT_THROW(f.get(), broken_pool_error);
  }
  EXPECT_EQ(errors.count(), 20U);
}

// T-06
TEST(Threads, FinishedResultsOutliveABrokenPool) {
  const captured_errors errors;
  gate failed;
  std::atomic<int> calls = 0;
  fronta::executor ex{threads{.workers = 2, .initializer = [&] {
                                if (++calls == 2) {
                                  failed.wait();
                                  throw 42;
                                }
                              }}};
  auto done = ex.submit([] { return 1; });
  done.wait();
  failed.open();
  for (bool open = true; open;) {
    try {
      ex.submit([] {});
    } catch (const broken_pool_error&) {
      open = false;
    }
  }
  EXPECT_EQ(done.get(), 1);
}

// ---- Binding.

// The first line of a CPU's topology file.
std::string topology(int cpu, const std::string& file) {
  std::string text;
  std::ifstream in("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/" + file);
  std::getline(in, text);
  return text;
}

std::set<std::string> cores_of(const std::vector<int>& cpus) {
  std::set<std::string> cores;
  for (const int c : cpus) {
    cores.insert(topology(c, "physical_package_id") + '/' + topology(c, "core_id"));
  }
  return cores;
}

std::optional<fronta::executor> pinned_pool(int workers) {
  try {
    return fronta::executor{threads{.workers = workers, .pin = true}};
  } catch (const std::invalid_argument& e) {
    EXPECT_THAT(e.what(), HasSubstr("hwloc"));
    return std::nullopt;
  }
}

// T-01
TEST(Pinning, BindsEachWorkerAndItsSubstituteToOneCore) {
  constexpr int workers = 2;
  std::barrier all{workers};
  gate go;
  auto ex = pinned_pool(workers);
  if (!ex) GTEST_SKIP() << "built without hwloc";
  if (topology(affinity().front(), "core_id").empty()) GTEST_SKIP() << "the kernel shows no cores";
  const auto bound_together = [&] {
    std::vector<future<std::vector<int>>> bound;
    for (int i = 0; i < workers; ++i) {
      bound.push_back(ex->submit([&] {
        all.arrive_and_wait();
        return affinity();
      }));
    }
    std::set<std::string> cores;
    for (const auto& b : bound) {
      const auto mine = cores_of(b.get());
      EXPECT_THAT(mine, SizeIs(1));
      cores.insert(mine.begin(), mine.end());
    }
    return cores;
  };
  const auto workers_cores = bound_together();
  EXPECT_THAT(workers_cores, SizeIs(std::min<std::size_t>(workers, cores_of(affinity()).size())));
  // Both workers lend their shares.
  concurrency_meter lent;
  std::vector<future<void>> blocked;
  for (int i = 0; i < workers; ++i) {
    blocked.push_back(ex->submit([&] {
      {
        const fronta::this_task::blocking section;
        const concurrency_meter::scope inside(lent);
        go.wait();
      }
      EXPECT_THAT(cores_of(affinity()), SizeIs(1));
    }));
  }
  lent.wait_for(workers);
  EXPECT_EQ(bound_together(), workers_cores);
  go.open();
  for (const auto& b : blocked) b.get();
}

// T-01
TEST(Pinning, StaysWithinTheAffinityOfTheProcess) {
  const auto allowed = std::vector{affinity().back()};
  const bound_to one(allowed);
  auto ex = pinned_pool(2);
  if (!ex) GTEST_SKIP() << "built without hwloc";
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ex->submit(affinity).get(), allowed);
}

// T-01
TEST(Pinning, SaysSoWhereHwlocShowsNoCores) {
  if (!pinned_pool(1)) GTEST_SKIP() << "built without hwloc";
  ::setenv("HWLOC_SYNTHETIC", "core:2 pu:1(indexes=5000,5001)", 1);
  EXPECT_THAT(
      [] { fronta::executor{threads{.pin = true}}; },
      ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("pin"), HasSubstr("hwloc shows no core"))));
  ::unsetenv("HWLOC_SYNTHETIC");
}

// T-01
TEST(Pinning, BindsToCpusWhereHwlocShowsNoCores) {
  const auto cpu = affinity().front();
  ::setenv("HWLOC_SYNTHETIC", ("pu:1(indexes=" + std::to_string(cpu) + ")").c_str(), 1);
  auto ex = pinned_pool(1);
  ::unsetenv("HWLOC_SYNTHETIC");
  if (!ex) GTEST_SKIP() << "built without hwloc";
  EXPECT_THAT(ex->submit(affinity).get(), ElementsAre(cpu));
}

TEST(Threads, MayUseAllCpusAgainAfterAHandOver) {
  const auto allowed = affinity();
  fronta::executor ex{threads{.workers = 3}};
  std::atomic<int> narrower = 0;
  const std::function<int(int)> leaves = [&](int depth) {
    if (affinity() != allowed) ++narrower;
    if (depth == 0) return 1;
    const auto left = ex.submit([&, depth] { return leaves(depth - 1); });
    const auto right = ex.submit([&, depth] { return leaves(depth - 1); });
    const int sum = left.get() + right.get();
    if (affinity() != allowed) ++narrower;
    return sum;
  };
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ex.submit([&] { return leaves(8); }).get(), 256);
  }
  EXPECT_EQ(narrower, 0);
}

TEST(Threads, KeepTheAffinityThatTheInitializerSet) {
  const std::vector own{affinity().front()};
  fronta::executor ex{threads{.workers = 3, .initializer = [&] { bind_to(own); }}};
  std::atomic<int> other = 0;
  const std::function<int(int)> leaves = [&](int depth) {
    if (affinity() != own) ++other;
    if (depth == 0) return 1;
    const auto left = ex.submit([&, depth] { return leaves(depth - 1); });
    const auto right = ex.submit([&, depth] { return leaves(depth - 1); });
    const int sum = left.get() + right.get();
    if (affinity() != own) ++other;
    return sum;
  };
  EXPECT_EQ(ex.submit([&] { return leaves(10); }).get(), 1'024);
  EXPECT_EQ(other, 0);
}

}  // namespace
