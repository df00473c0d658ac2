// SPDX-License-Identifier: Apache-2.0
#include <fronta/future.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>

#include <gmock/gmock.h>

#include <support/captured_errors.hpp>
#include <support/coroutine.hpp>
#include <support/gate.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

namespace {

using fronta::future;
using fronta::promise;
using fronta::test::foreign_coroutine;
using fronta::test::gate;
using fronta::test::manual_scheduler;
using testing::ElementsAre;
using testing::HasSubstr;
using coroutine = fronta::test::scheduled_coroutine<manual_scheduler>;
using on_executor = fronta::test::scheduled_coroutine<fronta::executor_ref>;

struct broken : std::runtime_error {
  broken() : std::runtime_error("broken") {}
};

static_assert(fronta::detail::has_scheduler<coroutine::promise_type>);
static_assert(!fronta::detail::has_scheduler<foreign_coroutine::promise_type>);

coroutine add_one(manual_scheduler, future<int> f) {
  const int value = co_await f;
  co_return value + 1;
}

TEST(CoAwait, OfADoneFutureGoesOnAtOnce) {
  promise<int> made;
  made.set_value(41);
  const manual_scheduler scheduler;
  const auto c = add_one(scheduler, made.get_future());
  EXPECT_EQ(scheduler.size(), 0U);
  EXPECT_EQ(c.outcome().get(), 42);
}

TEST(CoAwait, ResumesOnTheSchedulerOfTheCoroutine) {
  promise<int> made;
  const manual_scheduler scheduler;
  const auto c = add_one(scheduler, made.get_future());
  EXPECT_EQ(scheduler.size(), 0U);
  made.set_value(41);
  EXPECT_FALSE(c.outcome().done());
  EXPECT_TRUE(scheduler.run_one());
  EXPECT_EQ(c.outcome().get(), 42);
}

TEST(CoAwait, ThrowsWhatTheTaskThrew) {
  promise<int> made;
  const manual_scheduler scheduler;
  const auto c = add_one(scheduler, made.get_future());
  made.set_exception(std::make_exception_ptr(broken()));
  scheduler.run_one();
  EXPECT_THROW(static_cast<void>(c.outcome().get()), broken);
}

TEST(CoAwait, ThrowsWhenTheFutureIsCancelled) {
  promise<int> made;
  const auto f = made.get_future();
  const manual_scheduler scheduler;
  const auto c = add_one(scheduler, f);
  f.cancel();
  scheduler.run_one();
  EXPECT_THROW(static_cast<void>(c.outcome().get()), fronta::cancelled_error);
}

TEST(CoAwait, OnAnEmptyHandleThrowsInTheCoroutine) {
  const manual_scheduler scheduler;
  const auto c = add_one(scheduler, future<int>());
  EXPECT_THROW(static_cast<void>(c.outcome().get()), fronta::invalid_state_error);
}

TEST(CoAwait, ByTwoCoroutinesGivesBothTheValue) {
  promise<int> made;
  const auto f = made.get_future();
  const manual_scheduler scheduler;
  const auto one = add_one(scheduler, f);
  const auto two = add_one(scheduler, f);
  made.set_value(41);
  while (scheduler.run_one()) {
  }
  EXPECT_EQ(one.outcome().get() + two.outcome().get(), 84);
}

TEST(CoAwait, ADestroyedCoroutineIsNotResumed) {
  promise<int> made;
  const auto f = made.get_future();
  const manual_scheduler scheduler;
  {
    const auto c = add_one(scheduler, f);
    EXPECT_FALSE(c.outcome().done());
  }
  made.set_value(1);
  EXPECT_EQ(scheduler.size(), 0U);
  EXPECT_EQ(f.get(), 1);
}

on_executor three_steps(fronta::executor_ref ex) {
  const auto first = ex.submit([] { return 1; });
  const int a = co_await first;
  const auto second = ex.submit([a] { return a + 1; });
  const int b = co_await second;
  const auto nothing = ex.submit([] {});
  co_await nothing;
  co_return b + 1;
}

TEST(CoAwait, ACoroutineOfAnExecutorStepsFromTaskToTask) {
  fronta::executor ex{fronta::cpu::threads{.workers = 1}};
  const auto c = three_steps(ex.ref());
  EXPECT_EQ(c.outcome().get(), 3);
  ex.shutdown();
}

on_executor where_it_resumes(fronta::executor_ref, future<int> f, std::thread::id& resumed_in) {
  co_await f;
  resumed_in = std::this_thread::get_id();
  co_return 0;
}

TEST(CoAwait, ResumesOnAWorkerOfTheExecutor) {
  fronta::executor ex{fronta::cpu::threads{.workers = 1}};
  const auto worker = ex.submit([] { return std::this_thread::get_id(); }).get();
  promise<int> made;
  std::thread::id resumed_in;
  const auto c = where_it_resumes(ex.ref(), made.get_future(), resumed_in);
  made.set_value(1);
  c.outcome().wait();
  EXPECT_EQ(resumed_in, worker);
  ex.shutdown();
}

foreign_coroutine resumed_inline(future<int> f, std::thread::id& resumed_in) {
  const int value = co_await f.resume_inline();
  resumed_in = std::this_thread::get_id();
  co_return value;
}

TEST(ResumeInline, GoesOnInTheThreadThatFinishesTheTask) {
  fronta::executor ex{fronta::cpu::threads{.workers = 1}};
  gate awaited;
  std::thread::id ran_in;
  std::thread::id resumed_in;
  const auto f = ex.submit([&] {
    awaited.wait();
    ran_in = std::this_thread::get_id();
    return 7;
  });
  const auto c = resumed_inline(f, resumed_in);
  awaited.open();
  EXPECT_EQ(c.outcome().get(), 7);
  EXPECT_EQ(resumed_in, ran_in);
  ex.shutdown();
}

foreign_coroutine resumed_on(manual_scheduler& scheduler, future<int> f) {
  const int value = co_await f.resume_on(scheduler);
  co_return value + 1;
}

TEST(ResumeOn, GoesOnWhereItIsTold) {
  promise<int> made;
  manual_scheduler scheduler;
  const auto c = resumed_on(scheduler, made.get_future());
  made.set_value(1);
  EXPECT_FALSE(c.outcome().done());
  EXPECT_TRUE(scheduler.run_one());
  EXPECT_EQ(c.outcome().get(), 2);
}

coroutine elsewhere(manual_scheduler, manual_scheduler& other, future<int> f) {
  const int value = co_await f.resume_on(other);
  co_return value;
}

TEST(ResumeOn, BeatsTheCoroutinesOwnScheduler) {
  promise<int> made;
  const manual_scheduler own;
  manual_scheduler other;
  const auto c = elsewhere(own, other, made.get_future());
  made.set_value(1);
  EXPECT_EQ(own.size(), 0U);
  EXPECT_TRUE(other.run_one());
  EXPECT_EQ(c.outcome().get(), 1);
}

TEST(ResumeOn, ASchedulerThatRefusesIsReportedAndTheCoroutineStaysSuspended) {
  const fronta::test::captured_errors errors;
  std::optional<fronta::executor> ex(std::in_place, fronta::cpu::threads{.workers = 1});
  promise<int> made;
  std::thread::id resumed_in;
  const auto c = where_it_resumes(ex->ref(), made.get_future(), resumed_in);
  ex.reset();
  EXPECT_NO_THROW(made.set_value(1));
  EXPECT_FALSE(c.outcome().done());
  EXPECT_THAT(errors.texts(), ElementsAre(HasSubstr("scheduler refused")));
}

foreign_coroutine first_of_many(future<std::unique_ptr<int>> f) {
  const auto& value = co_await f.resume_inline();
  co_return *value;
}

TEST(CoAwait, GivesAReferenceToTheValueThatTheHandleKeeps) {
  promise<std::unique_ptr<int>> made;
  const auto c = first_of_many(made.get_future());
  made.set_value(std::make_unique<int>(7));
  EXPECT_EQ(c.outcome().get(), 7);
}

}  // namespace
