// SPDX-License-Identifier: Apache-2.0
#include <fronta/future.hpp>

#include <gmock/gmock.h>

#include <support/gate.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace {

using namespace std::chrono_literals;
using fronta::invalid_state_error;
using fronta::promise;
using testing::HasSubstr;

struct broken : std::runtime_error {
  broken() : std::runtime_error("broken") {}
};

std::exception_ptr a_failure() { return std::make_exception_ptr(broken()); }

static_assert(!std::is_copy_constructible_v<promise<int>>);
static_assert(std::is_nothrow_move_constructible_v<promise<int>>);
static_assert(std::is_nothrow_move_assignable_v<promise<int>>);

template <class T, class... Args>
concept settable = requires(promise<T>& p, Args... args) { p.set_value(args...); };
static_assert(settable<int, int>);
static_assert(settable<void>);
static_assert(settable<std::string, std::size_t, char>);
static_assert(!settable<void, int>);
static_assert(!settable<int, std::string>);
static_assert(!settable<std::string&, const std::string>);

// F-06
TEST(Promise, AnOutcomeCanBeSetOnceAndTheFirstOneStays) {
  promise<int> value_first;
  value_first.set_value(1);
  EXPECT_THROW(value_first.set_value(2), invalid_state_error);
  EXPECT_THROW(value_first.set_exception(a_failure()), invalid_state_error);
  EXPECT_EQ(value_first.get_future().get(), 1);

  promise<int> failure_first;
  failure_first.set_exception(a_failure());
  EXPECT_THROW(failure_first.set_value(2), invalid_state_error);
  EXPECT_THROW(failure_first.set_exception(std::make_exception_ptr(1)), invalid_state_error);
  EXPECT_THROW(failure_first.get_future().get(), broken);
}

// F-06
TEST(Promise, AnOutcomeCannotBeSetOnACancelledFuture) {
  promise<int> made;
  const auto f = made.get_future();
  EXPECT_TRUE(f.cancel());
  EXPECT_THROW(made.set_value(1), invalid_state_error);
  EXPECT_THROW(made.set_exception(a_failure()), invalid_state_error);
  EXPECT_TRUE(f.cancelled());
}

// F-06
TEST(Promise, SetsAPendingFutureWithoutAStart) {
  promise<int> made;
  const auto f = made.get_future();
  EXPECT_FALSE(f.running());
  made.set_value(7);
  EXPECT_EQ(f.get(0ms), 7);
}

TEST(Promise, WakesAWaitingThread) {
  promise<std::string> made;
  const auto f = made.get_future();
  std::string seen;
  {
    const std::jthread waiter{[&] { seen = f.get(); }};
    made.set_value(3U, 'x');
  }
  EXPECT_EQ(seen, "xxx");
}

TEST(Promise, HandsItsFutureOutOnce) {
  promise<int> made;
  const auto f = made.get_future();
  EXPECT_THROW(static_cast<void>(made.get_future()), invalid_state_error);
}

TEST(Promise, DestroyedWithoutAnOutcomeCancelsItsFuture) {
  std::optional<promise<int>> made(std::in_place);
  const auto f = made->get_future();
  made.reset();
  EXPECT_TRUE(f.cancelled());
  try {
    static_cast<void>(f.result());
    FAIL() << "there is no value";
  } catch (const fronta::cancelled_error& e) {
    EXPECT_THAT(e.reason(), HasSubstr("destroyed without an outcome"));
  }
}

TEST(Promise, OutlivesTheHandlesOnItsFuture) {
  promise<int> made;
  static_cast<void>(made.get_future());
  EXPECT_NO_THROW(made.set_value(1));
}

TEST(Promise, MovesWithItsOutcome) {
  promise<int> from;
  const auto f = from.get_future();
  promise<int> to(std::move(from));
  EXPECT_THROW(from.set_value(1), invalid_state_error);  // NOLINT(bugprone-use-after-move)
  EXPECT_THROW(static_cast<void>(from.get_future()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(to.get_future()), invalid_state_error);
  promise<int> assigned;
  const auto abandoned = assigned.get_future();
  assigned = std::move(to);
  EXPECT_TRUE(abandoned.cancelled()) << "assignment ends the old outcome";
  assigned.set_value(7);
  EXPECT_EQ(f.get(), 7);
}

// F-12
TEST(Promise, ThatWasMovedFromSaysSo) {
  fronta::promise<int> p;
  const fronta::promise<int> taken = std::move(p);
  const auto text_of = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const fronta::invalid_state_error& e) {
      return e.what();
    }
    return "it was taken";
  };
  // NOLINTBEGIN(bugprone-use-after-move): that is the point
  EXPECT_EQ(text_of([&] { p.set_value(1); }),
            "promise::set_value: the promise was moved from; use the one that it was moved to");
  EXPECT_EQ(text_of([&] { static_cast<void>(p.get_future()); }),
            "promise::get_future: the promise was moved from; use the one that it was moved to");
  // NOLINTEND(bugprone-use-after-move)
}

TEST(Promise, MayBeDestroyedByACallbackWithAllHandles) {
  for (const bool cancels : {false, true}) {
    std::optional<promise<int>> made(std::in_place);
    std::optional<fronta::future<int>> f(made->get_future());
    int called = 0;
    f->add_done_callback([&](const fronta::any_future&) {
      made.reset();
      f.reset();
    });
    f->add_done_callback([&](const fronta::any_future& done) { called += done.done() ? 1 : 0; });
    cancels ? static_cast<void>(f->cancel()) : made->set_value(1);
    EXPECT_EQ(called, 1);
  }
}

TEST(Promise, RefusesANullException) {
  promise<int> made;
  EXPECT_THROW(made.set_exception(nullptr), std::invalid_argument);
  EXPECT_NO_THROW(made.set_value(1)) << "nothing was set";
}

struct throws_when_made {
  explicit throws_when_made(int) { throw broken(); }
};

TEST(Promise, WhatTheConstructionThrowsIsTheOutcomeAndLeavesTheCall) {
  promise<throws_when_made> made;
  const auto f = made.get_future();
  EXPECT_THROW(made.set_value(1), broken);
  EXPECT_THROW(static_cast<void>(f.result()), broken);
}

TEST(Promise, OfAReferenceAndOfVoid) {
  int target = 1;
  promise<int&> reference;
  reference.set_value(target);
  EXPECT_EQ(&reference.get_future().result(), &target);
  promise<void> nothing;
  const auto f = nothing.get_future();
  EXPECT_FALSE(f.done());
  nothing.set_value();
  EXPECT_NO_THROW(f.result());
}

struct throws_on_destruction {
  // NOLINTNEXTLINE(modernize-use-equals-default): a default one would be trivial
  ~throws_on_destruction() noexcept(false) {}
};

TEST(Promise, OfATypeWhoseDestructorMayThrow) {
  promise<throws_on_destruction> made;
  made.set_value();
  EXPECT_NO_THROW(static_cast<void>(made.get_future().result()));
}

TEST(Promise, ConstructsAnImmovableValueInPlace) {
  struct pinned {
    explicit pinned(int v) : value(v) {}
    pinned(const pinned&) = delete;
    pinned& operator=(const pinned&) = delete;
    int value;
  };
  promise<pinned> made;
  made.set_value(7);
  const auto f = made.get_future();
  EXPECT_EQ(f.result().value, 7);
}

}  // namespace
