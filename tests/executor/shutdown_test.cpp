// SPDX-License-Identifier: Apache-2.0
#include <fronta/fronta.hpp>

#include <support/gate.hpp>
#include <support/manual_clock.hpp>
#include <support/occupied.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::cancelled_error;
using fronta::executor;
using fronta::executor_ref;
using fronta::future;
using fronta::promise;
using fronta::shutdown_error;
using fronta::test::concurrency_meter;
using fronta::test::gate;
using fronta::test::occupied_worker;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr fronta::shutdown_options no_wait{.wait = false};
constexpr fronta::shutdown_options cancelling{.cancel_futures = true};
constexpr fronta::shutdown_options cancelling_no_wait{.wait = false, .cancel_futures = true};

executor pool(int workers = 2) { return executor{fronta::cpu::threads{.workers = workers}}; }

// A pool that tells when it has been taken apart, threads and all.
class watched_pool {
 public:
  explicit watched_pool(fronta::executor_options options = {}) {
    const auto alive = std::make_shared<int>(0);
    alive_ = alive;
    made_.emplace(std::move(options),
                  fronta::cpu::threads{.workers = 1, .initializer = [alive] {}});
  }
  executor take() { return std::move(*made_); }
  void wait_until_gone() const {
    while (!alive_.expired()) std::this_thread::yield();
  }

 private:
  std::weak_ptr<int> alive_;
  std::optional<executor> made_;
};

bool deadlock_would_occur(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::system_error& e) {
    return e.code() == std::errc::resource_deadlock_would_occur;
  }
  return false;
}

// ---- After it.

template <class Executor>
void refuses_everything(Executor& ex) {
  EXPECT_FALSE(ex.open());
  std::atomic<int> ran = 0;
  EXPECT_THROW(ex.submit([&] { ++ran; }), shutdown_error);
  EXPECT_THROW(ex.submit({.priority = 1}, [&] { ++ran; }), shutdown_error);
  EXPECT_THROW(ex.try_submit([&] { ++ran; }), shutdown_error);
  EXPECT_THROW(ex.post([&] { ++ran; }), shutdown_error);
  EXPECT_THROW(ex.map([&](int) { ++ran; }, std::vector{1, 2}), shutdown_error);
  EXPECT_THROW(ex.map([&](int) { ++ran; }, std::vector<int>()), shutdown_error);
  EXPECT_THROW(ex.scatter(1), shutdown_error);
  EXPECT_THROW(ex.scatter_each(std::vector{1}), shutdown_error);
  EXPECT_EQ(ran.load(), 0);
}

// S-01
TEST(Shutdown, EverySubmittingVerbIsRefusedAfterwards) {
  for (const auto& how : {fronta::shutdown_options{}, no_wait, cancelling, cancelling_no_wait}) {
    auto ex = pool();
    EXPECT_TRUE(ex.open());
    ex.shutdown(how);
    refuses_everything(ex);
    const auto ref = ex.ref();
    refuses_everything(ref);
    EXPECT_THAT(ex.shutdown_for(1h).running, IsEmpty());
  }
}

// S-01
TEST(Shutdown, ARefusedSubmitEnqueuesNothingAndSaysWhatItWas) {
  auto ex = pool();
  ex.shutdown(no_wait);
  const auto owned = std::make_shared<int>(1);
  try {
    ex.submit([owned] {});
    FAIL() << "was accepted";
  } catch (const shutdown_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("submit"));
  }
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_EQ(ex.shutdown_for(1h).unfinished, 0U);
}

// S-01
TEST(Shutdown, MayBeCalledAgainAndBecomeStricterButNotLaxer) {
  auto ex = pool(1);
  occupied_worker busy(ex);
  auto pending = ex.submit([] {});
  ex.shutdown(no_wait);
  EXPECT_FALSE(pending.done());
  ex.shutdown(cancelling_no_wait);
  EXPECT_TRUE(pending.cancelled());
  ex.shutdown(no_wait);
  busy.release();
  ex.shutdown();
  ex.shutdown();
  EXPECT_THROW(ex.submit([] {}), shutdown_error);
}

// ---- Waiting or not.

// S-02
TEST(Shutdown, FinishesEverythingQueued) {
  auto ex = pool(5);
  std::vector<future<int>> futures;
  for (int i = 0; i < 50; ++i) futures.push_back(ex.submit([i] { return i; }));
  ex.shutdown();
  for (int i = 0; i < 50; ++i) {
    const auto& f = futures[static_cast<std::size_t>(i)];
    ASSERT_TRUE(f.done());
    EXPECT_EQ(f.get(), i);
  }
}

// S-02
TEST(Shutdown, WaitsForCallbacksDependentsNestedTasksAndRetries) {
  std::atomic<int> ended = 0;
  auto ex = pool(2);
  occupied_worker a(ex);
  occupied_worker b(ex);
  auto first = ex.submit([] { return 1; });
  first.add_done_callback([&](const auto&) { ++ended; });
  first.add_done_callback(ex, [&](const auto&) { ++ended; });
  ex.submit([&](int) { ++ended; }, first);
  ex.submit([&] {
    fronta::this_task::executor().post(
        [&] { fronta::this_task::executor().post([&] { ++ended; }); });
  });
  ex.submit({.retries = 2}, [&] {
    if (fronta::this_task::attempt() < 2) throw 1;
    ++ended;
  });
  a.release();
  b.release();
  ex.shutdown();
  EXPECT_EQ(ended.load(), 5);
}

// S-03
TEST(Shutdown, WithoutWaitReturnsAtOnceAndTheWorkEnds) {
  gate go;
  concurrency_meter inside;
  auto ex = pool(2);
  std::vector<future<int>> futures;
  for (int i = 0; i < 10; ++i) {
    futures.push_back(ex.submit([&, i] {
      const concurrency_meter::scope counted(inside);
      go.wait();
      return i;
    }));
  }
  inside.wait_for(2);
  ex.shutdown(no_wait);
  int running = 0;
  for (const auto& f : futures) {
    EXPECT_FALSE(f.done());
    running += f.running() ? 1 : 0;
  }
  EXPECT_EQ(running, 2);
  go.open();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i);
}

// S-03
TEST(Shutdown, WithoutWaitTheWorkersEndByThemselvesOnceTheExecutorIsLetGo) {
  watched_pool watched;
  future<int> f;
  {
    auto ex = watched.take();
    f = ex.submit([] { return 1; });
    ex.shutdown(no_wait);
    std::move(ex).detach();
  }
  watched.wait_until_gone();
  EXPECT_EQ(f.get(), 1);
}

// S-04
TEST(Shutdown, CancellingLeavesNothingPending) {
  gate go;
  concurrency_meter inside;
  auto ex = pool(5);
  std::vector<future<void>> futures;
  for (int i = 0; i < 50; ++i) {
    futures.push_back(ex.submit([&] {
      const concurrency_meter::scope counted(inside);
      go.wait();
    }));
  }
  inside.wait_for(5);
  ex.shutdown(cancelling_no_wait);
  // What no worker has touched is cancelled by now, though all workers are busy.
  int cancelled = 0;
  for (const auto& f : futures) cancelled += f.cancelled() ? 1 : 0;
  EXPECT_EQ(cancelled, 45);
  go.open();
  ex.shutdown(cancelling);
  int finished = 0;
  for (const auto& f : futures) {
    ASSERT_TRUE(f.done());
    if (f.cancelled()) {
      EXPECT_THROW(f.get(), cancelled_error);
    } else {
      EXPECT_EQ(f.exception(), nullptr);
      ++finished;
    }
  }
  EXPECT_EQ(finished, 5);
}

// S-04
TEST(Shutdown, CancellingReachesEveryQueue) {
  fronta::executor ex{{.tags = {{"licence", 1}}}, fronta::cpu::threads{.workers = 1}};
  promise<int> never;
  gate children_exist;
  gate go;
  std::vector<fronta::any_future> futures;
  ex.post({.needs = {{"licence", 1}}}, [&] {
    futures.push_back(fronta::this_task::executor().submit([] {}));  // on the worker's own queue
    children_exist.open();
    go.wait();
  });
  children_exist.wait();
  futures.push_back(ex.submit([] {}));
  futures.push_back(ex.submit({.priority = 5}, [] {}));
  futures.push_back(ex.submit({.priority = -5}, [] {}));
  futures.push_back(ex.submit({.needs = {{"licence", 1}}}, [] {}));
  futures.push_back(ex.submit({.needs = {{"cpu", 0.5}}}, [] {}));
  futures.push_back(ex.submit([](int) {}, never.get_future()));
  ex.shutdown(cancelling_no_wait);
  for (std::size_t i = 0; i < futures.size(); ++i) EXPECT_TRUE(futures[i].cancelled()) << i;
  go.open();
  ex.shutdown(cancelling);
}

// S-04
TEST(Shutdown, CancellingEndsDependentsOfPromisesThatAreNeverKept) {
  promise<int> never;
  promise<int> kept;
  auto ex = pool(1);
  auto direct = ex.submit([](int x) { return x; }, never.get_future());
  auto indirect = ex.submit([](int x) { return x; }, direct);
  auto both = ex.submit([](int x, int y) { return x + y; }, kept.get_future(), indirect);
  kept.set_value(1);
  ex.shutdown(cancelling);
  for (const auto& f : {direct, indirect, both}) {
    EXPECT_TRUE(f.cancelled());
    EXPECT_THROW(f.get(), cancelled_error);
  }
  never.set_value(1);  // comes too late and hurts nobody
}

// S-04
TEST(Shutdown, CancellingDropsRetriesThatPause) {
  const auto clock = std::make_shared<fronta::test::manual_clock>();
  fronta::executor ex{{.clock = clock}, fronta::cpu::threads{.workers = 1}};
  auto f = ex.submit({.retries = 1, .backoff = 1h}, [] { throw 1; });
  clock->wait_for_waiter();
  ex.shutdown(cancelling);
  EXPECT_TRUE(f.cancelled());
}

// S-04
TEST(Shutdown, CancellingAsksRunningTasksToStop) {
  gate started;
  auto ex = pool(1);
  auto f = ex.submit([&] {
    const auto token = fronta::this_task::stop_token();
    started.open();
    while (!token.stop_requested()) std::this_thread::yield();
    return 1;
  });
  started.wait();
  ex.shutdown(cancelling);
  EXPECT_EQ(f.get(), 1);
}

// S-04
TEST(Shutdown, CallbacksOfWhatItCancelsMayUseTheExecutor) {
  auto ex = pool(1);
  occupied_worker busy(ex);
  std::atomic<int> called = 0;
  auto first = ex.submit([] {});
  auto second = ex.submit([] {});
  first.add_done_callback([&](const auto&) {
    ++called;
    EXPECT_THROW(ex.submit([] {}), shutdown_error);
    ex.shutdown(cancelling_no_wait);
    EXPECT_TRUE(second.cancelled());
  });
  ex.shutdown(cancelling_no_wait);
  EXPECT_TRUE(first.cancelled());
  EXPECT_EQ(called.load(), 1);
}

// ---- The destructor, and doing without it.

// S-05
TEST(Shutdown, LeavingTheScopeByAnExceptionFinishesTheWork) {
  gate go;
  future<int> f;
  std::jthread opener;
  try {
    auto ex = pool();
    f = ex.submit([&] {
      go.wait();
      return 1;
    });
    // Opens once the destructor has begun, and late enough for one that does not wait to be over.
    opener = std::jthread([&, ref = ex.ref()] {
      while (ref.open()) std::this_thread::yield();
      for (int turn = 0; turn < 1'000; ++turn) std::this_thread::yield();
      go.open();
    });
    throw std::runtime_error("body");
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "body");
    EXPECT_TRUE(f.done());
  }
  EXPECT_EQ(f.get(), 1);
}

// S-05
TEST(Shutdown, TheDestructorFinishesWhatAShutdownWithoutWaitLeft) {
  std::atomic<int> ran = 0;
  {
    auto ex = pool(1);
    for (int i = 0; i < 20; ++i) ex.post([&] { ++ran; });
    ex.shutdown(no_wait);
  }
  EXPECT_EQ(ran.load(), 20);
}

// S-05
TEST(Shutdown, AMovedExecutorIsTheSameAndAssigningOverOneFinishesIt) {
  std::atomic<int> ran = 0;
  auto a = pool(1);
  auto b = std::move(a);
  EXPECT_THROW(a.submit([] {}), fronta::invalid_state_error);  // NOLINT(bugprone-use-after-move)
  EXPECT_FALSE(a.open());
  b.post([&] { ++ran; });
  b = pool(1);
  EXPECT_EQ(ran.load(), 1);
  EXPECT_EQ(b.submit([] { return 2; }).get(), 2);
}

// S-06
TEST(Shutdown, ADetachedExecutorEndsItsWorkInTheBackground) {
  watched_pool watched;
  gate go;
  future<int> f;
  executor_ref ref;
  {
    auto ex = watched.take();
    ref = ex.ref();
    f = ex.submit([&] {
      go.wait();
      return fronta::this_task::executor().submit([] { return 1; }).get();
    });
    std::move(ex).detach();
    EXPECT_THROW(ex.submit([] {}), fronta::invalid_state_error);  // NOLINT(bugprone-use-after-move)
  }
  EXPECT_FALSE(f.done());
  EXPECT_THROW(ref.submit([] {}), shutdown_error);
  go.open();
  EXPECT_EQ(f.get(), 1);
  watched.wait_until_gone();
  EXPECT_THROW(ref.submit([] {}), shutdown_error);
}

// S-06, S-10
TEST(Shutdown, ATaskMayDetachItsOwnExecutor) {
  watched_pool watched;
  auto shared = std::make_shared<executor>(watched.take());
  auto f = shared->submit([shared] {
    std::move(*shared).detach();
    return 1;
  });
  EXPECT_EQ(f.get(), 1);
  watched.wait_until_gone();
}

// S-07
TEST(Shutdown, FuturesOutliveTheirExecutor) {
  future<std::string> value;
  future<int> failed;
  future<int> cancelled;
  fronta::map_range<int> mapped = pool().map([](int x) { return x; }, std::vector{1, 2});
  {
    auto ex = pool(1);
    const occupied_worker busy(ex);
    value = ex.submit([] { return std::string("text"); });
    failed = ex.submit([]() -> int { throw 42; });
    cancelled = ex.submit([] { return 1; });
    cancelled.cancel();
  }
  EXPECT_EQ(value.get(), "text");
  EXPECT_EQ(value.result(0s), "text");
  EXPECT_THROW(failed.get(), int);
  EXPECT_TRUE(cancelled.cancelled());
  EXPECT_FALSE(value.cancel());
  EXPECT_FALSE(value.request_stop());
  int called = 0;
  value.add_done_callback(
      [&](const future<std::string>& f) { called += f.get() == "text" ? 1 : 0; });
  EXPECT_EQ(called, 1);
  EXPECT_EQ(fronta::wait(value, failed, cancelled).done.size(), 3U);
  auto other = pool();
  EXPECT_EQ(value.then(other, &std::string::size).get(), 4U);
  int sum = 0;
  for (const int x : mapped) sum += x;
  EXPECT_EQ(sum, 3);
  EXPECT_EQ(std::move(value).get(), "text");
}

// S-07
TEST(Shutdown, FuturesOutliveTheirExecutorWhileSomebodyWaits) {
  gate go;
  future<int> f;
  std::atomic<int> got = 0;
  std::jthread waiter;
  {
    auto ex = pool(1);
    f = ex.submit([&] {
      go.wait();
      return 7;
    });
    waiter = std::jthread([&, f] { got = f.get(); });
    go.open();
  }
  waiter.join();
  EXPECT_EQ(got.load(), 7);
}

// S-07
TEST(Shutdown, AReferenceThatOutlivesItsExecutorIsRefused) {
  executor_ref kept;
  executor_ref from_task;
  {
    auto ex = pool(1);
    kept = ex.ref();
    from_task = ex.submit([] { return fronta::this_task::executor(); }).get();
  }
  for (const auto& ref : {kept, from_task}) {
    refuses_everything(ref);
    EXPECT_THROW(static_cast<void>(ref.places()), shutdown_error);
    try {
      ref.post([] {});
    } catch (const shutdown_error& e) {
      EXPECT_THAT(e.what(), HasSubstr("gone"));
    }
  }
  // Nor does it reach a later executor in the same memory.
  auto later = pool(1);
  refuses_everything(kept);
  later.submit([&] { refuses_everything(kept); }).get();
}

// S-08
TEST(Shutdown, RightBehindAFullQueueNeverHangs) {
  constexpr int workers = 3;
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> ran = 0;
    auto ex = pool(workers);
    std::vector<future<void>> futures;
    for (int i = 0; i < workers + 1; ++i) futures.push_back(ex.submit([&] { ++ran; }));
    switch (round % 4) {
      case 0:
        ex.shutdown();
        break;
      case 1:
        ex.shutdown(cancelling);
        break;
      case 2:
        ex.shutdown(no_wait);
        break;
      default:
        break;
    }
    ex = pool(1);
    for (const auto& f : futures) EXPECT_TRUE(f.done());
    if (round % 4 != 1) {
      EXPECT_EQ(ran.load(), workers + 1);
    }
  }
}

// ---- From inside.

// S-10
TEST(Shutdown, AnOwnTaskCannotWaitForTheEndButMayAskForIt) {
  auto ex = pool(1);
  ex.submit([&] {
      EXPECT_TRUE(deadlock_would_occur([&] { ex.shutdown(); }));
      EXPECT_TRUE(deadlock_would_occur([&] { ex.shutdown(cancelling); }));
      EXPECT_TRUE(deadlock_would_occur([&] { ex.shutdown_for(1h); }));
      EXPECT_TRUE(ex.open());
      EXPECT_FALSE(ex.shutdown_for(0s));
      ex.shutdown(no_wait);
      EXPECT_FALSE(ex.open());
      ex.shutdown(cancelling_no_wait);
    }).get();
  ex.shutdown();
}

// S-10
TEST(Shutdown, ANestedTaskCannotWaitForTheEndEither) {
  auto ex = pool(1);
  EXPECT_TRUE(
      ex.submit([&] {
          return ex.submit([&] { return deadlock_would_occur([&] { ex.shutdown(); }); }).get();
        }).get());
}

// S-10
TEST(Shutdown, ACallbackOnAWorkerCannotWaitForTheEndButMayAskForIt) {
  std::atomic<int> told = 0;
  auto ex = pool(1);
  gate known;
  auto f = ex.submit([&] { known.wait(); });
  f.add_done_callback([&](const auto&) {
    told += deadlock_would_occur([&] { ex.shutdown(); }) ? 1 : 0;
    ex.shutdown(no_wait);
  });
  known.open();
  ex.shutdown();
  EXPECT_EQ(told.load(), 1);
}

// S-10
TEST(Shutdown, ACallbackInTheCancellingThreadCannotWaitForTheEndEither) {
  std::atomic<int> told = 0;
  auto ex = pool(1);
  occupied_worker busy(ex);
  auto f = ex.submit([] {});
  f.add_done_callback([&](const auto&) {
    told += deadlock_would_occur([&] { ex.shutdown(); }) ? 1 : 0;
    ex.shutdown(no_wait);
  });
  f.cancel();
  EXPECT_EQ(told.load(), 1);
  EXPECT_FALSE(ex.open());
}

// S-10
TEST(Shutdown, AnotherExecutorsTaskMayWaitForTheEnd) {
  auto outer = pool(1);
  EXPECT_EQ(outer
                .submit([] {
                  auto inner = pool(1);
                  auto f = inner.submit([] { return 1; });
                  inner.shutdown();
                  return f.result(0s);
                })
                .get(),
            1);
}

// S-10
TEST(Shutdown, TheLastHandleMayDieInATaskOfTheExecutor) {
  watched_pool watched;
  gate alone;
  std::atomic<int> ran = 0;
  auto shared = std::make_shared<executor>(watched.take());
  auto& ex = *shared;
  auto f = ex.submit([&, shared]() mutable {
    alone.wait();
    ex.post([&] { ++ran; });
    shared.reset();  // ~executor, on its own worker
    fronta::this_task::executor().post([&] { ++ran; });
    return 1;
  });
  shared.reset();
  alone.open();
  EXPECT_EQ(f.get(), 1);
  watched.wait_until_gone();
  EXPECT_EQ(ran.load(), 2);
}

// S-10
TEST(Shutdown, TheLastHandleMayDieWithTheCapturesOfATask) {
  watched_pool watched;
  gate alone;
  auto shared = std::make_shared<executor>(watched.take());
  auto f = shared->submit([&alone, shared] { alone.wait(); });
  shared.reset();
  alone.open();
  f.wait();
  watched.wait_until_gone();
}

// S-10
TEST(Shutdown, TheLastHandleMayDieInACallback) {
  watched_pool watched;
  gate alone;
  auto shared = std::make_shared<executor>(watched.take());
  auto f = shared->submit([&] { alone.wait(); });
  f.add_done_callback([shared](const auto&) mutable { shared.reset(); });
  shared.reset();
  alone.open();
  watched.wait_until_gone();
  EXPECT_TRUE(f.done());
}

// S-10
TEST(Shutdown, TheLastHandleMayDieWithATaskThatIsCancelled) {
  watched_pool watched;
  promise<int> never;
  auto shared = std::make_shared<executor>(watched.take());
  auto f = shared->submit([shared](int) {}, never.get_future());
  shared.reset();
  EXPECT_TRUE(f.cancel());
  watched.wait_until_gone();
}

// S-10
TEST(Shutdown, TheLastHandleMayDieWithATaskThatTimesOut) {
  watched_pool watched;
  promise<int> never;
  auto shared = std::make_shared<executor>(watched.take());
  auto f = shared->submit({.timeout = 1ms}, [shared](int) {}, never.get_future());
  shared.reset();
  EXPECT_THROW(f.get(), fronta::timeout_error);
  watched.wait_until_gone();
}

// S-10
TEST(Shutdown, TheLastHandleMayDieInACallbackOfARunningTaskThatTimesOut) {
  const auto clock = std::make_shared<fronta::test::manual_clock>();
  watched_pool watched({.clock = clock});
  gate started;
  gate go;
  auto shared = std::make_shared<executor>(watched.take());
  auto f = shared->submit({.timeout = 1ms}, [&] {
    started.open();
    go.wait();
  });
  f.add_done_callback([shared](const auto&) mutable { shared.reset(); });
  shared.reset();
  started.wait();
  clock->advance(1ms);
  EXPECT_THROW(f.get(), fronta::timeout_error);
  go.open();
  watched.wait_until_gone();
}

// S-11
TEST(Shutdown, DrainingTasksMaySubmit) {
  gate go;
  std::atomic<int> ran = 0;
  auto ex = pool(2);
  const std::function<void(int)> nest = [&](int depth) {
    ++ran;
    if (depth == 0) return;
    fronta::this_task::executor().submit([&, depth] { nest(depth - 1); });
    ex.submit([&, depth] { nest(depth - 1); });
    EXPECT_THAT(ex.try_submit([] {}), testing::Ne(std::nullopt));
    ex.post([] {});
    for (const int x : ex.map([](int x) { return x; }, std::vector{1, 2})) static_cast<void>(x);
  };
  ex.submit([&] {
    go.wait();
    nest(4);
  });
  ex.shutdown(no_wait);
  EXPECT_THROW(ex.submit([] {}), shutdown_error);
  go.open();
  ex.shutdown();
  EXPECT_EQ(ran.load(), 1 + 2 + 4 + 8 + 16);
}

// S-11
TEST(Shutdown, CallbacksOfDrainingTasksMaySubmit) {
  gate known;
  std::atomic<int> ran = 0;
  {
    auto ex = pool(1);
    auto f = ex.submit([&] { known.wait(); });
    f.add_done_callback([&](const auto&) { ex.post([&] { ++ran; }); });
    f.add_done_callback(ex, [&](const auto&) { ++ran; });
    ex.shutdown(no_wait);
    known.open();
  }
  EXPECT_EQ(ran.load(), 2);
}

// S-11
TEST(Shutdown, TasksOfACancellingExecutorAreRefused) {
  gate started;
  gate go;
  std::atomic<int> ran = 0;
  auto ex = pool(1);
  auto f = ex.submit([&] {
    started.open();
    go.wait();
    EXPECT_THROW(fronta::this_task::executor().submit([&] { ++ran; }), shutdown_error);
    EXPECT_THROW(ex.submit([&] { ++ran; }), shutdown_error);
    EXPECT_THROW(ex.post([&] { ++ran; }), shutdown_error);
    EXPECT_THROW(ex.map([&](int) { ++ran; }, std::vector{1}), shutdown_error);
    ex.submit([] {});  // and it is the task's own exception when it does not catch it
  });
  started.wait();
  ex.shutdown(cancelling_no_wait);
  go.open();
  EXPECT_THROW(f.get(), shutdown_error);
  ex.shutdown();
  EXPECT_EQ(ran.load(), 0);
}

// ---- With a bound.

// S-12
TEST(Shutdown, WithABoundReturnsInTimeAndSaysWhoRuns) {
  gate go;
  concurrency_meter inside;
  auto ex = pool(2);
  for (const auto* name : {"b", "a", ""}) {
    ex.submit({.name = name}, [&] {
      const concurrency_meter::scope counted(inside);
      go.wait();
    });
  }
  inside.wait_for(2);
  const auto called = std::chrono::steady_clock::now();
  const auto report = ex.shutdown_for(20ms);
  const auto took = std::chrono::steady_clock::now() - called;
  EXPECT_GE(took, 20ms);
  EXPECT_LT(took, 10s);
  EXPECT_FALSE(report);
  EXPECT_FALSE(report.drained);
  EXPECT_EQ(report.unfinished, 3U);
  EXPECT_THAT(report.running, ElementsAre("a", "b"));
  EXPECT_FALSE(ex.shutdown_for(0s));
  EXPECT_FALSE(ex.shutdown_for(1h, no_wait));
  EXPECT_THROW(ex.submit([] {}), shutdown_error);
  go.open();
  const auto end = ex.shutdown_for(fronta::time_limit::none());
  EXPECT_TRUE(end);
  EXPECT_EQ(end.unfinished, 0U);
  EXPECT_THAT(end.running, IsEmpty());
}

// S-12
TEST(Shutdown, WithABoundMayCancel) {
  auto ex = pool(1);
  occupied_worker busy(ex);
  auto pending = ex.submit([] {});
  const auto report = ex.shutdown_for(1ms, cancelling);
  EXPECT_FALSE(report);
  EXPECT_EQ(report.unfinished, 1U);
  EXPECT_TRUE(pending.cancelled());
  busy.release();
  EXPECT_TRUE(ex.shutdown_for(1h));
}

// S-12
TEST(Shutdown, WithABoundReportsWhatWaitsForAPromise) {
  promise<int> late;
  auto ex = pool(1);
  auto f = ex.submit([](int x) { return x; }, late.get_future());
  EXPECT_EQ(ex.shutdown_for(1ms).unfinished, 1U);
  late.set_value(3);
  EXPECT_TRUE(ex.shutdown_for(1h));
  EXPECT_EQ(f.get(), 3);
}

}  // namespace
