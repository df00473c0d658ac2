// SPDX-License-Identifier: Apache-2.0
#include <fronta/fronta.hpp>

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using fronta::future;
using fronta::task_options;

class Submit : public testing::Test {
 protected:
  fronta::executor ex{fronta::cpu::threads{.workers = 1}};
};

int twice(int x) { return 2 * x; }
int twice_noexcept(int x) noexcept { return 2 * x; }

struct account {
  int balance = 5;
  [[nodiscard]] int plus(int more) const { return balance + more; }
};

// Can be called with options, with options and a number, and with nothing.
struct takes_anything {
  std::string operator()() const { return "nothing"; }
  std::string operator()(const task_options& o) const { return "options " + o.name; }
  std::string operator()(const task_options& o, int) const {
    return "options " + o.name + " and int";
  }
};

// T-08
TEST_F(Submit, OptionsInFrontAreOfTheCallAndBehindTheCallableAreArguments) {
  const task_options options{.name = "x"};
  EXPECT_EQ(ex.submit(takes_anything()).get(), "nothing");
  EXPECT_EQ(ex.submit(options, takes_anything()).get(), "nothing");
  EXPECT_EQ(ex.submit(takes_anything(), options).get(), "options x");
  EXPECT_EQ(ex.submit(options, takes_anything(), options).get(), "options x");
  EXPECT_EQ(ex.submit(takes_anything(), options, 1).get(), "options x and int");
  EXPECT_EQ(ex.submit(options, takes_anything(), options, 1).get(), "options x and int");
  EXPECT_EQ(ex.submit(task_options{.name = "y"}, [] { return fronta::this_task::name(); }).get(),
            "y");
  auto changeable = options;
  EXPECT_EQ(ex.submit(changeable, [] { return fronta::this_task::name(); }).get(), "x");
  // NOLINTNEXTLINE(performance-move-const-arg): options are taken as an rvalue too
  EXPECT_EQ(ex.submit(std::move(changeable), [] { return fronta::this_task::name(); }).get(), "x");
  EXPECT_EQ(ex.submit({.name = "z"}, [] { return fronta::this_task::name(); }).get(), "z");
  EXPECT_EQ(ex.submit({}, twice, 4).get(), 8);
  EXPECT_EQ(ex.try_submit(takes_anything(), options)->get(), "options x");
  EXPECT_EQ(ex.try_submit(options, takes_anything())->get(), "nothing");
}

// T-08
TEST_F(Submit, EveryKindOfCallableIsCalledAsByInvoke) {
  EXPECT_EQ(ex.submit(twice, 4).get(), 8);
  EXPECT_EQ(ex.submit(&twice, 4).get(), 8);
  EXPECT_EQ(ex.submit(twice_noexcept, 4).get(), 8);
  EXPECT_EQ(ex.submit(std::function<int(int)>(twice), 4).get(), 8);
  EXPECT_EQ(ex.submit(std::bind_front(twice, 4)).get(), 8);
  account a;
  EXPECT_EQ(ex.submit(&account::balance, a).get(), 5);
  EXPECT_EQ(ex.submit(&account::balance, &a).get(), 5);
  EXPECT_EQ(ex.submit(&account::plus, a, 2).get(), 7);
  EXPECT_EQ(ex.submit(&account::plus, std::make_shared<account>(), 3).get(), 8);
  EXPECT_EQ(ex.submit([n = 1]() mutable { return ++n; }).get(), 2);
  EXPECT_EQ(ex.submit([owned = std::make_unique<int>(3)] { return *owned; }).get(), 3);
  struct once {
    int operator()() && { return 4; }
  };
  EXPECT_EQ(ex.submit(once()).get(), 4);
}

// T-08
TEST_F(Submit, ArgumentsAreDecayCopied) {
  EXPECT_EQ(ex.submit([](std::string s) { return s; }, "literal").get(), "literal");
  std::array<char, 4> buffer{"abc"};
  auto of_text = ex.submit([](const std::string& s) { return s; }, std::string(buffer.data()));
  buffer = {"xyz"};
  EXPECT_EQ(of_text.get(), "abc");
  const int numbers[] = {1, 2, 3};
  EXPECT_EQ(ex.submit([](const int* p) { return p[2]; }, numbers).get(), 3);
  EXPECT_EQ(ex.submit([](int (*f)(int)) { return f(4); }, twice).get(), 8);
  int changed = 0;
  ex.submit([](int& i) { i = 5; }, std::ref(changed)).get();
  EXPECT_EQ(changed, 5);
  std::vector<int> moved{1, 2, 3};
  EXPECT_EQ(ex.submit([](std::vector<int> v) { return v.size(); }, std::move(moved)).get(), 3U);
  EXPECT_TRUE(moved.empty());  // NOLINT(bugprone-use-after-move)
}

// T-08
TEST_F(Submit, MoveOnlyArgumentsAndResultsPassThrough) {
  auto f = ex.submit([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(6));
  static_assert(std::is_same_v<decltype(f), future<std::unique_ptr<int>>>);
  EXPECT_EQ(*std::move(f).get(), 6);
}

// T-08
TEST_F(Submit, TheFutureHasTheTypeOfTheResult) {
  static int object = 1;
  auto reference = ex.submit([]() -> int& { return object; });
  static_assert(std::is_same_v<decltype(reference), future<int&>>);
  EXPECT_EQ(&reference.get(), &object);
  static_assert(std::is_same_v<decltype(ex.submit([] {})), future<void>>);
  static_assert(
      std::is_same_v<decltype(ex.try_submit([] { return 1; })), std::optional<future<int>>>);
  static_assert(std::is_void_v<decltype(ex.post([] { return 1; }))>);
}

struct needs_two_ints {
  int operator()(int a, int b) const { return a + b; }
};

// T-08
TEST_F(Submit, WhatCannotBeCalledDoesNotCompile) {
  using fronta::detail::submittable;
  static_assert(!submittable<int>);
  static_assert(!submittable<needs_two_ints>);
  static_assert(!submittable<needs_two_ints, int>);
  static_assert(submittable<needs_two_ints, int, int>);
  static_assert(!submittable<needs_two_ints, int, std::string>);
  EXPECT_EQ(ex.submit(needs_two_ints(), 1, 2).get(), 3);
}

}  // namespace
