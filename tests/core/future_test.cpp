// SPDX-License-Identifier: Apache-2.0
#include <fronta/future.hpp>

#include <fronta/this_task.hpp>

#include <gmock/gmock.h>

#include <support/captured_errors.hpp>
#include <support/gate.hpp>
#include <support/later_callback.hpp>
#include <support/manual_backend.hpp>
#include <support/running_task.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <latch>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::any_future;
using fronta::future;
using fronta::future_status;
using fronta::promise;
using fronta::test::captured_errors;
using fronta::test::gate;
using fronta::test::running_task;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::chrono::duration<double> infinity{std::numeric_limits<double>::infinity()};
constexpr auto no_wait = 0ms;

struct broken : std::runtime_error {
  broken() : std::runtime_error("broken") {}
};

fronta::executor one_worker() { return fronta::executor{fronta::cpu::threads{.workers = 1}}; }

future<int> ready(int value) {
  promise<int> made;
  made.set_value(value);
  return made.get_future();
}
future<int> failed() {
  promise<int> made;
  made.set_exception(std::make_exception_ptr(broken()));
  return made.get_future();
}
future<int> cancelled() {
  promise<int> made;
  const auto f = made.get_future();
  f.cancel();
  return f;
}

// ---- States

// F-01
TEST(Future, PredicatesOfAPendingOneAreAllFalse) {
  promise<int> made;
  const any_future f = made.get_future();
  EXPECT_FALSE(f.done());
  EXPECT_FALSE(f.running());
  EXPECT_FALSE(f.cancelled());
}

// F-01
TEST(Future, IsRunningOnlyWhileItsCallableExecutes) {
  auto ex = one_worker();
  gate handed_over;
  future<bool> self;
  auto f = ex.submit([&] {
    handed_over.wait();
    return self.running() && !self.done() && !self.cancelled();
  });
  self = f;
  handed_over.open();
  EXPECT_TRUE(f.get());
  EXPECT_FALSE(f.running());
}

// F-01
TEST(Future, PredicatesOfAFinishedOneTellHowItEnded) {
  for (const auto& f : {ready(1), failed()}) {
    EXPECT_TRUE(f.done());
    EXPECT_FALSE(f.running());
    EXPECT_FALSE(f.cancelled());
  }
  const auto f = cancelled();
  EXPECT_TRUE(f.done());
  EXPECT_FALSE(f.running());
  EXPECT_TRUE(f.cancelled());
}

// F-02
TEST(Future, CancelOfAPendingTaskReturnsTrueAndTheTaskNeverRuns) {
  running_task busy;
  bool ran = false;
  const auto f = busy.executor().submit([&] { ran = true; });
  EXPECT_TRUE(f.cancel());
  EXPECT_TRUE(f.cancelled());
  busy.release();
  busy.executor().shutdown();
  EXPECT_FALSE(ran);
}

// F-02
TEST(Future, CancelOfARunningTaskReturnsFalseAndLeavesItAlone) {
  running_task task;
  EXPECT_FALSE(task.handle().cancel());
  EXPECT_TRUE(task.handle().running());
  task.release();
  EXPECT_EQ(task.handle().get(), 1);
}

// F-02
TEST(Future, CancelIsIdempotent) {
  const auto f = cancelled();
  EXPECT_TRUE(f.cancel());
  EXPECT_TRUE(f.cancel());
  EXPECT_TRUE(f.cancelled());
}

// F-02
TEST(Future, CancelOfAFinishedOneReturnsFalse) {
  for (const auto& f : {ready(1), failed()}) {
    EXPECT_FALSE(f.cancel());
    EXPECT_FALSE(f.cancelled());
  }
}

// F-02
TEST(Future, CancelWhileAPromiseSetsItsValueReturnsFalse) {
  // The value's construction is the moment between the promise's decision and its outcome.
  struct cancels_in_constructor {
    cancels_in_constructor(const future<cancels_in_constructor>& f, bool& result) {
      result = f.cancel();
    }
  };
  promise<cancels_in_constructor> made;
  const auto f = made.get_future();
  bool result = true;
  made.set_value(f, result);
  EXPECT_FALSE(result);
  EXPECT_FALSE(f.cancelled());
  EXPECT_EQ(f.exception(), nullptr);
}

// F-03
TEST(Future, ResultWithAZeroOrNegativeLimitPolls) {
  promise<int> made;
  const auto pending = made.get_future();
  running_task task;
  for (const fronta::time_limit limit : {fronta::time_limit(no_wait), fronta::time_limit(-1h)}) {
    EXPECT_THROW(pending.result(limit), fronta::timeout_error);
    EXPECT_THROW(task.handle().result(limit), fronta::timeout_error);
    EXPECT_THROW(cancelled().result(limit), fronta::cancelled_error);
    EXPECT_THROW(failed().result(limit), broken);
    const auto f = ready(7);
    EXPECT_EQ(f.result(limit), 7);
    EXPECT_EQ(f.get(limit), 7);
  }
}

// F-03
TEST(Future, WaitForAndWaitUntilAnswerWithoutThrowing) {
  promise<int> made;
  const auto pending = made.get_future();
  const auto past = std::chrono::steady_clock::now() - 1h;
  EXPECT_EQ(pending.wait_for(no_wait), future_status::timeout);
  EXPECT_EQ(pending.wait_for(-1s), future_status::timeout);
  EXPECT_EQ(pending.wait_for(1ms), future_status::timeout);
  EXPECT_EQ(pending.wait_until(past), future_status::timeout);
  for (const auto& f : {ready(1), failed(), cancelled()}) {
    EXPECT_EQ(f.wait_for(no_wait), future_status::ready);
    EXPECT_EQ(f.wait_until(past), future_status::ready);
    EXPECT_NO_THROW(f.wait());
  }
}

// F-03
TEST(Future, ATimeoutNamesTheTaskAndWhatItIsDoing) {
  running_task busy;
  const auto f = busy.executor().submit({.name = "norm"}, [] { return 1; });
  try {
    static_cast<void>(f.result(1ms));
    FAIL() << "the task cannot have run";
  } catch (const fronta::timeout_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("\"norm\" was still pending"));
    EXPECT_EQ(e.pending(), 1U);
    EXPECT_EQ(e.total(), 1U);
  }
}

// F-04
TEST(Future, ExceptionWithAZeroLimitPolls) {
  promise<int> made;
  const auto pending = made.get_future();
  running_task task;
  EXPECT_THROW(static_cast<void>(pending.exception(no_wait)), fronta::timeout_error);
  EXPECT_THROW(static_cast<void>(task.handle().exception(no_wait)), fronta::timeout_error);
  EXPECT_THROW(static_cast<void>(cancelled().exception(no_wait)), fronta::cancelled_error);
  const auto f = failed();
  EXPECT_THROW(std::rethrow_exception(f.exception(no_wait)), broken);
  EXPECT_EQ(ready(1).exception(no_wait), nullptr);
}

// F-05
TEST(Future, AHugeInfiniteOrMaximalLimitWaitsForEver) {
  using wait = std::function<void(const future<int>&)>;
  const auto far = std::chrono::steady_clock::time_point::max();
  const std::array<wait, 8> waits{
      [](const auto& f) { static_cast<void>(f.result(std::chrono::hours::max())); },
      [](const auto& f) { static_cast<void>(f.result(infinity)); },
      [](const auto& f) { static_cast<void>(f.get(std::chrono::nanoseconds::max())); },
      [](const auto& f) { static_cast<void>(f.exception(std::chrono::years::max())); },
      [](const auto& f) { EXPECT_EQ(f.wait_for(infinity), future_status::ready); },
      [=](const auto& f) { EXPECT_EQ(f.wait_until(far), future_status::ready); },
      [](const auto& f) {
        using coarse = std::chrono::time_point<std::chrono::steady_clock, std::chrono::hours>;
        EXPECT_EQ(f.wait_until(coarse::max()), future_status::ready);
      },
      // Long, but it fits.
      [](const auto& f) { EXPECT_EQ(f.wait_for(24h * 365 * 50), future_status::ready); },
  };
  for (const auto& w : waits) {
    auto ex = one_worker();
    promise<int> made;
    const auto f = made.get_future();
    const auto waiter = ex.submit([&] { w(f); });
    // The only worker is free for this task once the one before it blocks, and not earlier.
    ex.submit([&] { made.set_value(7); });
    EXPECT_NO_THROW(waiter.result());
  }
}

// F-05
TEST(Future, AnInfiniteLimitWaitsForEverOutsideTasksToo) {
  promise<int> made;
  const auto f = made.get_future();
  std::latch waiting{2};
  int first = 0;
  int second = 0;
  {
    const std::jthread one{[&] {
      waiting.count_down();
      first = f.get(std::chrono::hours::max());
    }};
    const std::jthread two{[&] {
      waiting.count_down();
      second = f.get(infinity);
    }};
    waiting.wait();
    EXPECT_EQ(f.wait_for(5ms), future_status::timeout);
    made.set_value(7);
  }
  EXPECT_EQ(first, 7);
  EXPECT_EQ(second, 7);
}

// F-07
TEST(Future, ACancelledTaskCannotStart) {
  const auto launched = std::make_shared<fronta::test::launched_tasks>();
  fronta::executor ex{fronta::test::manual{launched}};
  bool ran = false;
  const auto f = ex.submit([&] { ran = true; });
  auto entry = launched->take();
  ASSERT_TRUE(entry.has_value());
  EXPECT_TRUE(entry->wanted());
  EXPECT_TRUE(f.cancel());
  EXPECT_FALSE(entry->wanted());
  EXPECT_FALSE(std::move(*entry).run());
  EXPECT_FALSE(ran);
  EXPECT_TRUE(f.cancelled());
}

// F-07
TEST(Future, StartsExactlyOnce) {
  using fronta::detail::phase;
  const auto launched = std::make_shared<fronta::test::launched_tasks>();
  fronta::executor ex{fronta::test::manual{launched}};
  bool claimed_again = true;
  fronta::detail::node* state = nullptr;
  const auto f = ex.submit([&] { claimed_again = state->try_claim(phase::running); });
  state = fronta::detail::future_access::get(static_cast<const any_future&>(f));
  EXPECT_TRUE(launched->run_one());
  EXPECT_FALSE(claimed_again);
  EXPECT_FALSE(state->try_claim(phase::running));
  EXPECT_TRUE(f.done());
}

// ---- Callbacks

// F-08
TEST(Future, CallbacksRunOnceEachInOrderOfAddition) {
  promise<int> made;
  const auto f = made.get_future();
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) {
    f.add_done_callback([&order, i](const future<int>& done) { order.push_back(done.get() + i); });
  }
  made.set_value(10);
  EXPECT_THAT(order, ElementsAre(10, 11, 12, 13, 14));
}

// F-08
TEST(Future, InACallbackTheOutcomeIsFinalAndDoesNotBlock) {
  promise<int> made;
  const auto f = made.get_future();
  int calls = 0;
  f.add_done_callback([&](const future<int>& done) {
    ++calls;
    EXPECT_EQ(done, f);
    EXPECT_TRUE(done.done());
    EXPECT_FALSE(done.cancelled());
    EXPECT_FALSE(done.cancel());
    EXPECT_EQ(done.result(no_wait), 3);
    EXPECT_EQ(done.exception(no_wait), nullptr);
  });
  made.set_value(3);
  EXPECT_EQ(calls, 1);
}

// F-08
TEST(Future, CancellingTwiceAndStartingCallsBackOnce) {
  const auto launched = std::make_shared<fronta::test::launched_tasks>();
  fronta::executor ex{fronta::test::manual{launched}};
  int calls = 0;
  const auto f = ex.submit([] {});
  f.add_done_callback([&](const any_future& done) {
    ++calls;
    EXPECT_TRUE(done.cancelled());
    EXPECT_THROW(static_cast<void>(done.exception(no_wait)), fronta::cancelled_error);
  });
  f.cancel();
  f.cancel();
  EXPECT_FALSE(launched->run_one());
  EXPECT_EQ(calls, 1);
}

// F-08, F-12
TEST(Future, ACallbackThatHasYetToRunKeepsTheValueFromBeingMovedOut) {
  std::string got;
  EXPECT_EQ(fronta::test::seen_by_a_later_callback(
                std::string("text"), [&](future<std::string> f) { got = std::move(f).get(); }),
            "text");
  EXPECT_EQ(got, "text");
}

// F-08, F-12
TEST(Future, AMoveOnlyValueCanBeMovedOutOnceCallbacksHaveRunAndNotBefore) {
  promise<std::unique_ptr<int>> made;
  auto f = made.get_future();
  int seen = 0;
  f.add_done_callback([&](future<std::unique_ptr<int>> own) {
    own = {};
    EXPECT_THROW(static_cast<void>(std::move(f).get()), fronta::invalid_state_error);
  });
  f.add_done_callback([&](const future<std::unique_ptr<int>>& done) { seen = *done.result(); });
  made.set_value(std::make_unique<int>(7));
  EXPECT_EQ(seen, 7);
  ASSERT_TRUE(f.valid());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(*std::move(f).get(), 7);
}

// F-08
TEST(Future, TheLastCallbackMayHaveTheLastHandle) {
  promise<std::unique_ptr<int>> made;
  std::unique_ptr<int> taken;
  made.get_future().add_done_callback(
      [&](future<std::unique_ptr<int>> last) { taken = std::move(last).get(); });
  made.set_value(std::make_unique<int>(7));
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(*taken, 7);
}

// F-09
TEST(Future, AThrowingCallbackIsReportedAndDisturbsNobody) {
  const captured_errors errors;
  promise<int> made;
  const auto f = made.get_future();
  bool later = false;
  f.add_done_callback([](const any_future&) { throw broken(); });
  f.add_done_callback([](const any_future&) { throw 42; });
  f.add_done_callback([&](const any_future&) { later = true; });
  EXPECT_NO_THROW(made.set_value(1));
  EXPECT_TRUE(later);
  EXPECT_EQ(f.get(), 1);
  EXPECT_THAT(errors.texts(), ElementsAre(HasSubstr("broken"), HasSubstr("not a std::exception")));
}

// F-10
TEST(Future, ACallbackAddedAfterTheEndRunsAtOnceInTheAddersThread) {
  for (const auto& f : {ready(1), failed(), cancelled()}) {
    std::thread::id ran_in;
    f.add_done_callback([&](const any_future& done) {
      EXPECT_TRUE(done.done());
      ran_in = std::this_thread::get_id();
    });
    EXPECT_EQ(ran_in, std::this_thread::get_id());
  }
}

// F-10
TEST(Future, ACallbackThatThrowsAtOnceIsReportedAndNothingPropagates) {
  const captured_errors errors;
  for (const auto& f : {ready(1), failed(), cancelled()}) {
    EXPECT_NO_THROW(f.add_done_callback([](const any_future&) { throw broken(); }));
  }
  EXPECT_EQ(errors.count(), 3U);
}

// F-11
TEST(Future, CallbacksRunInTheWorkerThatFinishesTheTask) {
  auto ex = one_worker();
  gate added;
  std::thread::id ran_in;
  std::thread::id called_in;
  const auto f = ex.submit([&] {
    ran_in = std::this_thread::get_id();
    added.wait();
  });
  f.add_done_callback([&](const any_future&) { called_in = std::this_thread::get_id(); });
  added.open();
  ex.shutdown();
  EXPECT_EQ(called_in, ran_in);
  EXPECT_NE(called_in, std::this_thread::get_id());
}

// F-11
TEST(Future, CallbacksOfACancelledOneRunInTheCancellersThread) {
  running_task busy;
  const auto f = busy.executor().submit([] {});
  std::thread::id called_in;
  f.add_done_callback([&](const any_future&) { called_in = std::this_thread::get_id(); });
  std::thread::id canceller;
  std::jthread([&] {
    canceller = std::this_thread::get_id();
    f.cancel();
  }).join();
  EXPECT_EQ(called_in, canceller);
}

// F-11
TEST(Future, ACallbackWithAnExecutorRunsThere) {
  auto ex = one_worker();
  const auto worker = ex.submit([] { return std::this_thread::get_id(); }).get();
  promise<int> made;
  const auto f = made.get_future();
  gate called;
  std::thread::id called_in;
  int value = 0;
  f.add_done_callback(ex, [&](const future<int>& done) {
    called_in = std::this_thread::get_id();
    value = done.get();
    called.open();
  });
  made.set_value(5);
  called.wait();
  EXPECT_EQ(called_in, worker);
  EXPECT_EQ(value, 5);
}

// F-11
TEST(Future, ACallbackWhoseExecutorIsGoneIsReported) {
  const captured_errors errors;
  promise<int> made;
  const auto f = made.get_future();
  bool called = false;
  {
    auto ex = one_worker();
    f.add_done_callback(ex, [&](const any_future&) { called = true; });
  }
  EXPECT_NO_THROW(made.set_value(5));
  EXPECT_FALSE(called);
  EXPECT_THAT(errors.texts(), ElementsAre(HasSubstr("executor is gone")));
}

// F-12
TEST(Future, TheValueCanBeHadBeforeCallbacksEndAndShutdownWaitsForThem) {
  auto ex = one_worker();
  gate added;
  gate had_value;
  bool callback_ended = false;
  const auto f = ex.submit([&] {
    added.wait();
    return 7;
  });
  f.add_done_callback([&](const any_future&) {
    had_value.wait();
    callback_ended = true;
  });
  added.open();
  EXPECT_EQ(f.get(), 7);  // with the callback still waiting for us
  EXPECT_FALSE(callback_ended);
  had_value.open();
  ex.shutdown();
  EXPECT_TRUE(callback_ended);
}

// F-12
TEST(Future, TheStateOutlivesItsHandlesUntilTheLastCallbackHasReturned) {
  auto ex = one_worker();
  gate added;
  gate dropped;
  int seen = 0;
  {
    auto f = ex.submit([&] {
      added.wait();
      return std::make_shared<int>(7);
    });
    f.add_done_callback([&](const future<std::shared_ptr<int>>& done) {
      dropped.wait();
      seen += *done.result();
    });
    f.add_done_callback([&](const future<std::shared_ptr<int>>& done) { seen += *done.result(); });
    added.open();
    f.wait();
  }
  dropped.open();
  ex.shutdown();
  EXPECT_EQ(seen, 14);
}

// ---- Outcomes

// F-13
TEST(Future, ValuesThatLookLikeNothingAreValues) {
  auto ex = one_worker();
  const auto null_error = ex.submit([] { return std::exception_ptr(); });
  EXPECT_EQ(null_error.result(), nullptr);
  EXPECT_EQ(null_error.exception(), nullptr);
  const auto some_error = ex.submit([] { return std::make_exception_ptr(broken()); });
  EXPECT_EQ(some_error.exception(), nullptr);
  EXPECT_THROW(std::rethrow_exception(some_error.get()), broken);
  EXPECT_EQ(ex.submit([] { return std::optional<int>(); }).get(), std::nullopt);
  EXPECT_FALSE(ex.submit([] { return false; }).get());
  auto null_pointer = ex.submit([] { return std::unique_ptr<int>(); });
  EXPECT_EQ(null_pointer.result(), nullptr);
  EXPECT_EQ(std::move(null_pointer).get(), nullptr);
  const auto nothing = ex.submit([] {});
  EXPECT_NO_THROW(nothing.result());
  EXPECT_EQ(nothing.exception(), nullptr);
}

// F-13
TEST(Future, AnExceptionOfAnyTypeIsAFailure) {
  auto ex = one_worker();
  const auto number = ex.submit([]() -> std::exception_ptr { throw 42; });
  try {
    static_cast<void>(number.result());
    FAIL() << "the task threw";
  } catch (int thrown) {
    EXPECT_EQ(thrown, 42);
  }
  EXPECT_NE(number.exception(), nullptr);
  // NOLINTNEXTLINE(cert-err*,misc-throw-by-value*): any type can be thrown, a pointer too
  const auto null_text = ex.submit([]() -> bool { throw static_cast<const char*>(nullptr); });
  EXPECT_THROW(static_cast<void>(null_text.result()), const char*);
  const auto null_error = ex.submit([]() -> void { throw std::exception_ptr(); });
  EXPECT_THROW(null_error.result(), std::exception_ptr);
}

// F-14
TEST(Future, EveryResultOfAFailedOneRethrowsTheSameObject) {
  const auto f = failed();
  std::array<const void*, 4> seen{};
  {
    std::vector<std::jthread> readers;
    for (auto& address : seen) {
      readers.emplace_back([&address, f] {
        for (int i = 0; i < 100; ++i) {
          try {
            static_cast<void>(f.result());
          } catch (const broken& e) {
            const void* const now = &e;
            if (address == nullptr) address = now;
            EXPECT_EQ(address, now);
          }
        }
      });
    }
  }
  EXPECT_NE(seen[0], nullptr);
  EXPECT_THAT(seen, testing::Each(seen[0]));
}

// F-14
TEST(Future, ResultNamesTheSameValueEachTimeAndGetCopies) {
  auto ex = one_worker();
  const auto f = ex.submit([] { return std::string("text"); });
  EXPECT_EQ(&f.result(), &f.result());
  EXPECT_EQ(f.get(), "text");
  EXPECT_EQ(f.get(), "text");
}

template <class Future>
concept copies_out = requires(const Future& f) { f.get(); };
static_assert(std::is_same_v<decltype(std::declval<future<int>>().result()), const int&>);
static_assert(std::is_same_v<decltype(std::declval<future<int&>>().result()), int&>);
static_assert(std::is_void_v<decltype(std::declval<future<void>>().result())>);
static_assert(copies_out<future<int>>);
static_assert(!copies_out<future<std::unique_ptr<int>>>);
static_assert(!copies_out<future<std::vector<std::unique_ptr<int>>>>);

// F-14
TEST(Future, GetOfTheLastHandleMovesTheValueOut) {
  auto ex = one_worker();
  auto f = ex.submit([] { return std::make_unique<int>(7); });
  auto copy = f;
  EXPECT_THROW(static_cast<void>(std::move(f).get()), fronta::invalid_state_error);
  // NOLINTNEXTLINE(bugprone-use-after-move)
  ASSERT_TRUE(f.valid()) << "the handle stays as it was";
  copy = {};
  EXPECT_EQ(*std::move(f).get(), 7);
  EXPECT_FALSE(f.valid());  // NOLINT(bugprone-use-after-move)
}

// F-14
TEST(Future, GetOfOneHandleOfSeveralCopies) {
  auto ex = one_worker();
  auto f = ex.submit([] { return std::make_shared<int>(7); });
  const auto other = f;
  const auto value = std::move(f).get();
  EXPECT_EQ(value, other.result());
}

// ---- Lifetime

// F-15
TEST(Future, DroppingTheLastHandleNeitherBlocksNorCancels) {
  running_task busy;
  bool ran = false;
  {
    const auto dropped = busy.executor().submit([&] { ran = true; });
  }
  EXPECT_FALSE(ran);
  busy.release();
  busy.executor().shutdown();
  EXPECT_TRUE(ran);
}

struct opens_when_destroyed {
  explicit opens_when_destroyed(gate& g) : to_open(&g) {}
  opens_when_destroyed(opens_when_destroyed&& other) noexcept
      : to_open(std::exchange(other.to_open, nullptr)) {}
  ~opens_when_destroyed() {
    if (to_open != nullptr) to_open->open();
  }
  gate* to_open;
};

// F-15
TEST(Future, TheCaptureOfADroppedTaskIsDestroyedPromptlyNotAtTheNextSubmit) {
  auto ex = one_worker();
  gate destroyed;
  ex.submit([capture = opens_when_destroyed(destroyed)] {});
  destroyed.wait();
}

// F-15
TEST(Future, CapturesAndArgumentsAreGoneWhenTheOutcomeShows) {
  auto ex = one_worker();
  for (const bool fails : {false, true}) {
    auto capture = std::make_shared<int>(1);
    auto argument = std::make_shared<int>(2);
    const std::weak_ptr<int> captured = capture;
    const std::weak_ptr<int> passed = argument;
    const auto f = ex.submit(
        [fails, capture = std::move(capture)](const std::shared_ptr<int>& a) {
          if (fails) throw broken();
          return *capture + *a;
        },
        std::move(argument));
    f.wait();
    EXPECT_TRUE(captured.expired());
    EXPECT_TRUE(passed.expired());
  }
}

// F-15
TEST(Future, CaptureOfACancelledTaskIsGoneWhenCancelReturns) {
  running_task busy;
  auto capture = std::make_shared<int>(1);
  const std::weak_ptr<int> captured = capture;
  const auto f = busy.executor().submit([capture = std::move(capture)] { return *capture; });
  EXPECT_TRUE(f.cancel());
  EXPECT_TRUE(captured.expired());
}

// F-15
TEST(Future, InCallbacksTheCapturesAreGoneAlready) {
  auto ex = one_worker();
  auto capture = std::make_shared<int>(1);
  const std::weak_ptr<int> captured = capture;
  gate added;
  bool expired = false;
  const auto f = ex.submit([&, capture = std::move(capture)] { added.wait(); });
  f.add_done_callback([&](const any_future&) { expired = captured.expired(); });
  added.open();
  ex.shutdown();
  EXPECT_TRUE(expired);
}

TEST(Future, TheValueLivesAsLongAsAHandle) {
  std::weak_ptr<int> value;
  auto ex = one_worker();
  auto f = ex.submit([] { return std::make_shared<int>(7); });
  value = f.result();
  ex.shutdown();
  EXPECT_FALSE(value.expired());
  f = {};
  EXPECT_TRUE(value.expired());
}

// ---- Handles

TEST(Future, EqualityComparesIdentity) {
  const auto a = ready(1);
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the copy is what is looked at
  const auto same = a;
  const auto b = ready(1);
  EXPECT_EQ(a, same);
  EXPECT_NE(a, b);
  EXPECT_EQ(any_future(a), same);
  EXPECT_EQ(future<int>(), future<int>());
}

TEST(Future, AssignmentToItselfKeepsTheOutcome) {
  auto f = ready(1);
  const auto& alias = f;
  f = alias;
  EXPECT_EQ(f.get(), 1);
}

TEST(Future, EveryVerbOfAnEmptyHandleThrows) {
  using fronta::invalid_state_error;
  auto ex = one_worker();
  const future<int> empty;
  EXPECT_FALSE(empty.valid());
  EXPECT_THROW(static_cast<void>(empty.done()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.running()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.cancelled()), invalid_state_error);
  EXPECT_THROW(empty.cancel(), invalid_state_error);
  EXPECT_THROW(empty.request_stop(), invalid_state_error);
  EXPECT_THROW(empty.wait(), invalid_state_error);
  EXPECT_THROW(empty.wait_for(no_wait), invalid_state_error);
  EXPECT_THROW(empty.wait_until(std::chrono::steady_clock::now()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.exception()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.name()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.failed_input()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.result()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.get()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(future<int>().get()), invalid_state_error);
  EXPECT_THROW(empty.add_done_callback([](const any_future&) {}), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.retry()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.resume_inline()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.resume_on(ex)), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.operator co_await()), invalid_state_error);
}

TEST(Future, AnEmptyHandleAsAnArgumentIsRefusedBySubmit) {
  using fronta::invalid_state_error;
  auto ex = one_worker();
  const future<int> empty;
  EXPECT_THROW(ex.submit([](int x) { return x; }, empty), invalid_state_error);
  EXPECT_THROW(ex.submit([](int x) { return x; }, future<int>()), invalid_state_error);
  const std::vector<future<int>> with_empty{ready(1), empty};
  EXPECT_THROW(ex.submit([](const std::vector<int>&) {}, with_empty), invalid_state_error);
  EXPECT_THROW(ex.submit([](const fronta::values<int>&) {}, with_empty), invalid_state_error);
  EXPECT_THROW(ex.submit([] {}, std::vector<future<void>>(1)), invalid_state_error);
  EXPECT_THROW(static_cast<void>(empty.then(ex, [](int x) { return x; })), invalid_state_error);
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1) << "the executor works on";
}

TEST(Future, ThenIsASubmitWithTheFutureAsArgument) {
  auto ex = one_worker();
  const auto f = ex.submit([] { return 20; });
  const auto next = f.then(ex, [](int x) { return x + 1; });
  EXPECT_EQ(next.get(), 21);
}

TEST(Future, AHandlePassedAsAHandleMakesNoEdge) {
  auto ex = one_worker();
  promise<int> made;
  const auto f = made.get_future();
  const auto g = ex.submit([](const future<int>& h) { return h.done(); }, fronta::as_handle(f));
  EXPECT_FALSE(g.get());
}

TEST(Future, RetryWithoutARecipeNamesTheOption) {
  auto ex = one_worker();
  const auto f = ex.submit([] { return 1; });
  try {
    static_cast<void>(f.retry());
    FAIL() << "no recipe was kept";
  } catch (const fronta::invalid_state_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("keep::recipe"));
  }
}

TEST(Future, NameIsTheTasksName) {
  auto ex = one_worker();
  EXPECT_EQ(ex.submit({.name = "norm"}, [] {}).name(), "norm");
  EXPECT_EQ(ex.submit([] {}).name(), "unnamed");
}

TEST(Future, OnlyTheFirstRequestToStopAnswersTrue) {
  auto ex = one_worker();
  gate started;
  const auto f = ex.submit([&] {
    const auto stop = fronta::this_task::stop_token();
    started.open();
    while (!stop.stop_requested()) std::this_thread::yield();
    return 7;
  });
  started.wait();
  EXPECT_TRUE(f.request_stop());
  EXPECT_FALSE(f.request_stop());
  EXPECT_EQ(f.get(), 7);
  EXPECT_FALSE(f.request_stop());
}

// ---- Types of values

TEST(Future, OfAReferenceGivesTheReference) {
  auto ex = one_worker();
  int target = 1;
  const auto f = ex.submit([&]() -> int& { return target; });
  EXPECT_EQ(&f.result(), &target);
  EXPECT_EQ(&f.get(), &target);
  const auto g = ex.submit([](int& x) { return ++x; }, f);
  EXPECT_EQ(g.get(), 2);
  EXPECT_EQ(target, 2);
}

struct pinned {
  explicit pinned(int v) : value(v) {}
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  int value;
};

TEST(Future, OfAnImmovableTypeWithoutDefaultConstructor) {
  auto ex = one_worker();
  const auto f = ex.submit([] { return pinned(7); });
  EXPECT_EQ(f.result().value, 7);
  const auto g = ex.submit([](const pinned& p) { return p.value + 1; }, f);
  EXPECT_EQ(g.get(), 8);
}

struct throws_on_copy {
  throws_on_copy() = default;
  throws_on_copy(const throws_on_copy&) { throw broken(); }
  throws_on_copy(throws_on_copy&&) noexcept = default;
};

TEST(Future, AThrowingCopyLeavesTheValueInPlace) {
  auto ex = one_worker();
  auto f = ex.submit([] { return throws_on_copy(); });
  EXPECT_THROW(static_cast<void>(f.get()), broken);
  EXPECT_EQ(f.exception(), nullptr);
  EXPECT_NO_THROW(static_cast<void>(f.result()));
  EXPECT_NO_THROW(static_cast<void>(std::move(f).get()));
}

struct throws_on_move {
  throws_on_move() = default;
  throws_on_move(const throws_on_move&) = delete;
  // NOLINTNEXTLINE(*-noexcept-move-*): it throws, on purpose
  throws_on_move(throws_on_move&&) { throw broken(); }
};

TEST(Future, AThrowingMoveLeavesTheHandleAsItWas) {
  auto ex = one_worker();
  auto f = ex.submit([] { return throws_on_move(); });
  EXPECT_THROW(static_cast<void>(std::move(f).get()), broken);
  ASSERT_TRUE(f.valid());  // NOLINT(bugprone-use-after-move)
  EXPECT_NO_THROW(static_cast<void>(f.result()));
}

struct throws_on_destruction {
  explicit throws_on_destruction(int v) : value(v) {}
  throws_on_destruction(const throws_on_destruction&) = default;
  throws_on_destruction(throws_on_destruction&& other) noexcept
      : value(std::exchange(other.value, 0)) {}
  ~throws_on_destruction() noexcept(false) {
    if (value != 0 && std::uncaught_exceptions() == 0) throw broken();
  }
  int value;
};

TEST(Future, AValueWhoseDestructorThrowsIsReported) {
  const captured_errors errors;
  {
    auto ex = one_worker();
    const auto f = ex.submit([] { return throws_on_destruction(7); });
    EXPECT_EQ(f.result().value, 7);
  }
  EXPECT_THAT(errors.texts(), ElementsAre(HasSubstr("broken")));
}

TEST(Future, ACaptureOrArgumentWhoseDestructorThrowsIsReportedAndTheOutcomeStands) {
  const captured_errors errors;
  auto ex = one_worker();
  const auto captured = ex.submit([c = throws_on_destruction(7)] { return c.value; });
  EXPECT_EQ(captured.get(), 7);
  const auto passed =
      ex.submit([](const throws_on_destruction& a) { return a.value; }, throws_on_destruction(8));
  EXPECT_EQ(passed.get(), 8);
  ex.shutdown();
  EXPECT_EQ(errors.count(), 2U);
}

TEST(Future, ACallbackOrRecipeWhoseDestructorThrowsIsReported) {
  const captured_errors errors;
  auto ex = one_worker();
  ready(1).add_done_callback([c = throws_on_destruction(7)](const any_future&) {});
  EXPECT_EQ(errors.count(), 1U);
  {
    const auto f = ex.submit({.keep = fronta::keep::recipe},
                             [c = throws_on_destruction(7)] { return c.value; });
    EXPECT_EQ(f.get(), 7);
    EXPECT_EQ(f.retry().get(), 7);
    ex.shutdown();
  }
  // Two runs and a recipe each.
  EXPECT_EQ(errors.count(), 5U);
}

}  // namespace
