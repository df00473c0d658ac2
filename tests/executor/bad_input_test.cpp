// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <support/captured_errors.hpp>
#include <support/gate.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::future;
using fronta::promise;
using fronta::resources;
using fronta::cpu::threads;
using fronta::test::captured_errors;
using fronta::test::gate;
using testing::HasSubstr;

std::string what_of(const fronta::any_future& f) {
  try {
    std::rethrow_exception(f.exception());
  } catch (const std::exception& e) {
    return e.what();
  }
}

template <class Error, class Call>
std::string text_of(Call&& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

class BadInput : public testing::Test {
 protected:
  executor ex{threads{.workers = 1}};
  void settle() {
    ex.submit([] {}).wait();
  }
};

// ---- Odd results.

TEST_F(BadInput, AnyThrownTypeTravels) {
  struct not_an_exception {
    int code;
  };
  const auto number = ex.submit([] { throw 42; });
  const auto text = ex.submit([] { throw "text"; });
  const auto own = ex.submit([] { throw not_an_exception{7}; });
  EXPECT_THROW(number.get(), int);
  EXPECT_THROW(text.get(), const char*);
  try {
    own.get();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const not_an_exception& e) {
    EXPECT_EQ(e.code, 7);
  }
  const auto dependent = ex.submit([] {}, own);
  EXPECT_EQ(dependent.exception(), own.exception());
}

TEST_F(BadInput, ResultsNeedNeitherMoveNorDefaultConstruct) {
  struct fixed {
    explicit fixed(int v) : value(v) {}
    fixed(const fixed&) = delete;
    fixed& operator=(const fixed&) = delete;
    int value;
  };
  const auto f = ex.submit([] { return fixed(5); });
  EXPECT_EQ(f.result().value, 5);
  EXPECT_EQ(ex.submit([](const fixed& x) { return x.value; }, f).get(), 5);
}

TEST_F(BadInput, VoidReferenceConstAndRvalueResultsWork) {
  int target = 1;
  ex.submit([] {}).get();
  EXPECT_EQ(&ex.submit([&]() -> int& { return target; }).get(), &target);
  EXPECT_EQ(&ex.submit([&]() -> const int& { return target; }).get(), &target);
  std::string given = "moved";
  const auto moved = ex.submit([&]() -> std::string&& { return std::move(given); });
  static_assert(std::is_same_v<decltype(moved), const future<std::string>>);
  EXPECT_EQ(moved.get(), "moved");
  // NOLINTNEXTLINE(readability-const-return-type): a future leaves the const out
  const auto constant = ex.submit([]() -> const std::string { return "const"; });
  static_assert(std::is_same_v<decltype(constant), const future<std::string>>);
  EXPECT_EQ(constant.get(), "const");
}

TEST_F(BadInput, AResultWhoseMoveThrowsStaysWhereItIs) {
  struct stubborn {
    stubborn() = default;
    // NOLINTNEXTLINE(*-noexcept-move-*): it throws, on purpose
    stubborn(stubborn&&) { throw std::runtime_error("move"); }
    stubborn(const stubborn&) { throw std::runtime_error("copy"); }
    stubborn& operator=(const stubborn&) = delete;
    int value = 3;
  };
  auto f = ex.submit([] { return stubborn(); });
  EXPECT_EQ(text_of<std::runtime_error>([&] { std::move(f).get(); }), "move");
  ASSERT_TRUE(f.valid());
  EXPECT_EQ(f.result().value, 3);
  EXPECT_EQ(text_of<std::runtime_error>([&] { f.get(); }), "copy");
  EXPECT_EQ(f.result().value, 3);
}

TEST_F(BadInput, ThrowingDestructorsGoToTheErrorHook) {
  const captured_errors errors;
  struct vicious {
    vicious() = default;
    vicious(vicious&& other) noexcept : armed(std::exchange(other.armed, false)) {}
    ~vicious() noexcept(false) {
      if (armed) throw std::runtime_error("destructor");
    }
    bool armed = true;
  };
  EXPECT_EQ(ex.submit([v = vicious()] { return v.armed; }).get(), true);
  {
    auto f = ex.submit([] { return vicious(); });
    f.wait();
    settle();
  }
  EXPECT_EQ(ex.submit([](const vicious&) { return 1; }, vicious()).get(), 1);
  settle();
  EXPECT_EQ(errors.count(), 3U);
  for (const auto& text : errors.texts()) EXPECT_THAT(text, HasSubstr("destructor"));
}

// Counts living objects and throws from the n-th copy on.
struct fragile {
  explicit fragile(int copies) : copies_left(copies) { ++alive; }
  fragile(const fragile& other) : copies_left(other.copies_left - 1) {
    if (copies_left < 0) throw std::runtime_error("copy");
    ++alive;
  }
  fragile(fragile&& other) noexcept : copies_left(other.copies_left) { ++alive; }
  fragile& operator=(const fragile&) = delete;
  ~fragile() { --alive; }
  void operator()() const {}
  int copies_left;
  static inline std::atomic<int> alive{0};
};

TEST_F(BadInput, AThrowingCopyLeavesSubmitWithoutATrace) {
  const fragile bad(0);
  int calls = 0;
  EXPECT_EQ(text_of<std::runtime_error>([&] { ex.submit(bad); }), "copy");
  EXPECT_EQ(text_of<std::runtime_error>([&] { ex.post({.retries = 1}, bad); }), "copy");
  EXPECT_EQ(text_of<std::runtime_error>([&] { ex.submit([&](const fragile&) { ++calls; }, bad); }),
            "copy");
  EXPECT_EQ(fragile::alive, 1);
  ex.shutdown();
  EXPECT_EQ(calls, 0);
}

TEST_F(BadInput, AThrowingCopyOfARepeatedRunsArgumentsFailsTheTask) {
  const auto f = ex.submit({.retries = 2}, [](const fragile&) {}, fragile(0));
  EXPECT_EQ(what_of(f), "copy");
  settle();
  EXPECT_EQ(fragile::alive, 0);
}

TEST_F(BadInput, AThrowingCopyOfAnInputsValueFailsTheDependent) {
  const auto f = ex.submit([] { return fragile(0); });
  auto given = f;
  const auto g = ex.submit([](fragile) {}, std::move(given));
  EXPECT_EQ(what_of(g), "copy");
  EXPECT_EQ(f.result().copies_left, 0);
}

// ---- Handles and executors that are not there.

TEST_F(BadInput, AnEmptyFutureIsRefusedAtSubmit) {
  const future<int> empty;
  const auto take = [](int) {};
  EXPECT_THAT(text_of<fronta::invalid_state_error>([&] { ex.submit(take, empty); }),
              HasSubstr("submit: the handle is empty"));
  EXPECT_THAT(text_of<fronta::invalid_state_error>([&] { ex.try_submit(take, empty); }),
              HasSubstr("try_submit: the handle is empty"));
  EXPECT_THAT(text_of<fronta::invalid_state_error>([&] { ex.post(take, empty); }),
              HasSubstr("post: the handle is empty"));
  EXPECT_THAT(text_of<fronta::invalid_state_error>([&] { empty.then(ex, take); }),
              HasSubstr("future::then: the handle is empty"));
  EXPECT_THAT(text_of<fronta::invalid_state_error>([&] { fronta::when_all(std::vector{empty}); }),
              HasSubstr("when_all: the handle is empty"));
  EXPECT_THAT(text_of<fronta::invalid_state_error>([&] { fronta::when_all(empty, empty); }),
              HasSubstr("when_all: the handle is empty"));
  EXPECT_THAT(text_of<fronta::invalid_state_error>([&] { fronta::when_any(std::vector{empty}); }),
              HasSubstr("when_any: the handle is empty"));
  EXPECT_THAT(text_of<fronta::invalid_state_error>(
                  [&] { fronta::gather<fronta::on_error::keep>(std::vector{empty}); }),
              HasSubstr("gather: the handle is empty"));
  EXPECT_THAT(text_of<fronta::invalid_state_error>([&] { fronta::wait(std::vector{empty}); }),
              HasSubstr("wait: the handle is empty"));
  EXPECT_THAT(text_of<fronta::invalid_state_error>([&] { fronta::gather(std::vector{empty}); }),
              HasSubstr("gather: the handle is empty"));
  EXPECT_THAT(
      text_of<fronta::invalid_state_error>([&] { fronta::as_completed(std::vector{empty}); }),
      HasSubstr("as_completed: the handle is empty"));
  EXPECT_THAT(text_of<fronta::invalid_state_error>([&] { empty.wait(); }),
              HasSubstr("future::wait: the handle is empty"));
  EXPECT_THROW(ex.submit(take, future<int>()), fronta::invalid_state_error);
  EXPECT_THROW(ex.submit([](const std::vector<int>&) {}, std::vector{empty}),
               fronta::invalid_state_error);
  EXPECT_THROW(ex.submit([](fronta::values<int>) {}, std::vector{empty}),
               fronta::invalid_state_error);
  EXPECT_THROW(ex.submit([] {}, std::vector<future<void>>(1)), fronta::invalid_state_error);
  EXPECT_THROW(ex.submit([](const std::map<int, std::optional<int>>&) {},
                         std::map<int, std::optional<future<int>>>{{1, empty}}),
               fronta::invalid_state_error);
}

TEST(Closed, SubmitAfterShutdownSaysSo) {
  executor ex{threads{.workers = 1}};
  const fronta::executor_ref ref = ex.ref();
  const auto f = ex.submit([] { return 1; });
  ex.shutdown();
  EXPECT_THAT(text_of<fronta::shutdown_error>([&] { ex.submit([] {}); }),
              HasSubstr("submit: the executor was shut down"));
  EXPECT_THROW(ex.post([] {}), fronta::shutdown_error);
  EXPECT_THROW(ex.try_submit([] {}), fronta::shutdown_error);
  EXPECT_THROW(ref.submit([](int) {}, f), fronta::shutdown_error);
  EXPECT_EQ(f.get(), 1);
}

TEST(Closed, QuestionsAfterShutdownAreNotToldToSubmit) {
  executor ex{threads{.workers = 1}};
  const fronta::executor_ref ref = ex.ref();
  const auto f = ex.submit([] { return 1; });
  ex.shutdown();
  for (const auto& text :
       {text_of<fronta::shutdown_error>([&] { static_cast<void>(ex.places()); }),
        text_of<fronta::shutdown_error>([&] { static_cast<void>(ex.explain(f)); })}) {
    EXPECT_THAT(text, HasSubstr("call this before shutdown"));
    EXPECT_THAT(text, testing::Not(HasSubstr("submit")));
  }
  {
    const executor taken = std::move(ex);
  }
  EXPECT_THAT(
      text_of<fronta::shutdown_error>([&] { static_cast<void>(ref.places()); }),
      testing::AllOf(HasSubstr("places: the executor is gone"), testing::Not(HasSubstr("submit"))));
}

TEST(Closed, ATaskMayAskWhileItsExecutorDrains) {
  gate running;
  gate go;
  executor ex{threads{.workers = 1}};
  const auto asked = ex.submit([&] {
    running.open();
    go.wait();
    return fronta::this_task::executor().places().size();
  });
  running.wait();
  ex.shutdown({.wait = false});
  EXPECT_THROW(static_cast<void>(ex.places()), fronta::shutdown_error);
  go.open();
  EXPECT_EQ(asked.get(), 1U);
}

TEST(Closed, AReferenceToAnExecutorThatIsGoneSaysSo) {
  fronta::executor_ref ref;
  EXPECT_THROW(ref.submit([] {}), fronta::invalid_state_error);
  {
    executor ex{threads{.workers = 1}};
    ref = ex.ref();
  }
  EXPECT_THAT(text_of<fronta::shutdown_error>([&] { ref.submit([] {}); }), HasSubstr("gone"));
  // Also when another executor has taken its place.
  executor other{threads{.workers = 1}};
  EXPECT_THROW(ref.submit([] {}), fronta::shutdown_error);
  EXPECT_FALSE(ref.open());
}

TEST(Closed, AWorkerMaySubmitDuringAShutdownThatDrains) {
  gate running;
  gate go;
  future<int> nested;
  executor ex{threads{.workers = 1}};
  const auto outer = ex.submit([&] {
    running.open();
    go.wait();
    nested = fronta::this_task::executor().submit([] { return 8; });
  });
  running.wait();
  ex.shutdown({.wait = false});
  EXPECT_THROW(ex.submit([] {}), fronta::shutdown_error);
  go.open();
  ex.shutdown();
  EXPECT_EQ(nested.get(), 8);
}

TEST(Closed, AWorkerIsRefusedDuringACancellingShutdown) {
  gate running;
  gate go;
  executor ex{threads{.workers = 1}};
  const auto outer = ex.submit([&] {
    running.open();
    go.wait();
    fronta::this_task::executor().submit([] {});
  });
  running.wait();
  ex.shutdown({.wait = false, .cancel_futures = true});
  go.open();
  EXPECT_THROW(outer.get(), fronta::shutdown_error);
}

TEST(Closed, ACallbackMaySubmitWhileItsExecutorDrains) {
  std::atomic<int> runs = 0;
  {
    gate go;
    executor ex{threads{.workers = 1}};
    const auto f = ex.submit([&] { go.wait(); });
    f.add_done_callback([&](const auto&) { ex.post([&] { ++runs; }); });
    ex.shutdown({.wait = false});
    go.open();
  }
  EXPECT_EQ(runs, 1);
}

TEST(Closed, SubmitOfACallbackOutsideGoesToTheErrorHook) {
  const captured_errors errors;
  executor ex{threads{.workers = 1}};
  promise<int> p;
  p.get_future().add_done_callback([&](const auto&) { ex.submit([] {}); });
  ex.shutdown();
  p.set_value(1);
  ASSERT_EQ(errors.count(), 1U);
  EXPECT_THAT(errors.texts()[0], HasSubstr("shut down"));
}

// ---- Races.

TEST(Races, CancelAgainstStartHasExactlyOneWinner) {
  executor ex{threads{.workers = 2}};
  for (int round = 0; round < 1'000; ++round) {
    std::atomic<int> runs = 0;
    const auto f = ex.submit([&] { return ++runs; });
    const bool cancelled = f.cancel();
    f.wait();
    EXPECT_EQ(f.cancelled(), cancelled);
    EXPECT_EQ(runs, cancelled ? 0 : 1);
  }
}

// ---- Numbers out of range.

TEST_F(BadInput, WaitsOfZeroNegativeAndHugeLimits) {
  gate go;
  const auto f = ex.submit([&] {
    go.wait();
    return 1;
  });
  for (const auto limit : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
    EXPECT_THROW(f.result(limit), fronta::timeout_error);
    EXPECT_EQ(f.wait_for(limit), fronta::future_status::timeout);
  }
  const std::jthread opener([&] { go.open(); });
  EXPECT_EQ(f.result(std::chrono::nanoseconds::max()), 1);
  EXPECT_EQ(f.result(std::chrono::hours::max()), 1);
  EXPECT_EQ(f.result(0s), 1);
}

TEST(OutOfRange, NoWorkersAreRefusedWithASentence) {
  for (const int workers : {0, -3}) {
    const auto text =
        text_of<std::invalid_argument>([&] { executor{threads{.workers = workers}}; });
    EXPECT_THAT(text, HasSubstr("workers"));
    EXPECT_THAT(text, HasSubstr("at least 1"));
  }
}

TEST(OutOfRange, TagsThatAreNoQuantitiesAreRefused) {
  const auto refused = [](auto value) {
    return text_of<std::invalid_argument>([&] { const resources r{{"gpu", value}}; });
  };
  EXPECT_THAT(refused(-1), HasSubstr("negative"));
  EXPECT_THAT(refused(-0.5), HasSubstr("negative"));
  EXPECT_THAT(refused(std::numeric_limits<double>::quiet_NaN()), HasSubstr("not a number"));
  EXPECT_THAT(refused(std::numeric_limits<double>::infinity()), HasSubstr("too large"));
  EXPECT_THAT(refused(1e300), HasSubstr("too large"));
  EXPECT_THAT(refused(std::numeric_limits<unsigned long long>::max()), HasSubstr("too large"));
  EXPECT_THAT(refused(1e-9), HasSubstr("resolution"));
  EXPECT_THAT(refused(0), HasSubstr("\"gpu\""));
  EXPECT_THAT(
      text_of<std::invalid_argument>([] { const resources r{{"a", 1}, {"b", 1}, {"a", 2}}; }),
      HasSubstr("twice"));
  EXPECT_THAT(text_of<std::invalid_argument>([] { const resources r{{"", 1}}; }),
              HasSubstr("empty"));
}

TEST(OutOfRange, ABackOffFactorMustBeAFiniteNumberOfZeroOrMore) {
  using fronta::backoff;
  for (const double factor : {-2.0, -0.001, std::numeric_limits<double>::quiet_NaN(),
                              std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(text_of<std::invalid_argument>([&] { backoff::exponential(1s, factor); }),
                testing::AllOf(HasSubstr("backoff::exponential: the factor is "),
                               HasSubstr("give a finite one")));
  }
  EXPECT_EQ(backoff::exponential(1s, 0.5).pause(2), fronta::time_limit(500ms));
  EXPECT_EQ(backoff::exponential(1s, 0).pause(2), fronta::time_limit(0s));
  constexpr auto known_at_compile_time = backoff::exponential(1s, 3);
  EXPECT_EQ(known_at_compile_time.pause(3), fronta::time_limit(9s));
}

TEST(OutOfRange, ANullBackendIsRefused) {
  std::vector<std::unique_ptr<fronta::backend>> backends;
  backends.push_back(make_backend(threads{.workers = 1}));
  backends.push_back(nullptr);
  EXPECT_THAT(text_of<std::invalid_argument>([&] { const executor ex({}, std::move(backends)); }),
              HasSubstr("executor: backend 1 is null"));
}

TEST_F(BadInput, AnUnknownTagIsNamedAtSubmit) {
  const auto text = text_of<fronta::unsatisfiable_error>(
      [&] { ex.submit({.name = "render", .needs = {{"gpus", 1}}}, [] {}); });
  EXPECT_THAT(text, HasSubstr("submit"));
  EXPECT_THAT(text, HasSubstr("\"render\""));
  EXPECT_THAT(text, HasSubstr("\"gpus\""));
}

// ---- Waits that can never end.

TEST(Deadlock, ATaskThatWaitsForATagItHoldsIsTold) {
  executor ex{threads{.workers = 2, .offers = {{"t", 1}}}};
  const auto f = ex.submit({.name = "holder", .needs = {{"t", 1}}}, [] {
    fronta::this_task::executor().submit({.name = "inner", .needs = {{"t", 1}}}, [] {}).wait();
  });
  try {
    f.get();
    ADD_FAILURE() << "it ended";
  } catch (const fronta::deadlock_error& e) {
    EXPECT_EQ(e.tag(), "t");
    EXPECT_THAT(e.tasks(), testing::ElementsAre("holder", "inner"));
    EXPECT_THAT(e.what(), HasSubstr("\"t\""));
    EXPECT_THAT(e.what(), HasSubstr("return from the task"));
  }
  EXPECT_EQ(ex.submit({.needs = {{"t", 1}}}, [] { return 1; }).get(), 1);
}

TEST(Deadlock, TasksThatWaitForEachOtherAreTold) {
  executor ex{threads{.workers = 2}};
  promise<future<int>> other;
  const auto wait_for_other = [](const future<int>& f) {
    f.wait();
    return 1;
  };
  const auto a = ex.submit({.name = "a"}, wait_for_other, other.get_future());
  // NOLINTNEXTLINE(performance-no-automatic-move): a capture is never moved from by itself
  const auto b = ex.submit({.name = "b"}, wait_for_other, ex.submit([a] { return a; }));
  other.set_value(b);
  // One of them is told; the other then gets what it waits for.
  fronta::wait(a, b);
  const bool a_told = a.exception() != nullptr;
  EXPECT_NE(a_told, b.exception() != nullptr);
  const auto& told = a_told ? a : b;
  try {
    told.get();
  } catch (const fronta::deadlock_error& e) {
    EXPECT_EQ(e.tag(), "");
    EXPECT_THAT(e.what(), HasSubstr("ring"));
  }
}

TEST(Deadlock, WaitingForOneselfIsTold) {
  executor ex{threads{.workers = 1}};
  promise<future<int>> self;
  const auto f = ex.submit(
      [](const future<int>& me) {
        me.wait();
        return 1;
      },
      self.get_future());
  self.set_value(f);
  EXPECT_THROW(f.get(), fronta::deadlock_error);
}

TEST(Deadlock, AShutdownFromInsideIsTold) {
  executor ex{threads{.workers = 1}};
  const auto f = ex.submit([&] { ex.shutdown(); });
  EXPECT_THROW(f.get(), std::system_error);
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
}

}  // namespace
