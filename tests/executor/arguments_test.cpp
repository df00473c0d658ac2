// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>

#include <support/gate.hpp>
#include <support/later_callback.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// A user's own type with futures in it.
struct interval {
  fronta::future<int> from;
  fronta::future<int> to;
};
struct plain_interval {
  int from;
  int to;
};

template <>
struct fronta::resolve<interval> {
  static constexpr bool has_futures = true;
  using type = plain_interval;
  template <class Visit>
  static void each(const interval& i, Visit&& visit) {
    visit(i.from);
    visit(i.to);
  }
  static plain_interval take(interval& i) {
    return {std::move(i.from).get(), std::move(i.to).get()};
  }
};

namespace {

using fronta::executor;
using fronta::future;
using fronta::promise;
using fronta::cpu::threads;
using fronta::detail::submittable;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// Counts copies along the way of one value.
class traveller {
 public:
  traveller() = default;
  traveller(const traveller& other) : copies_(other.copies_ + 1) {}
  traveller(traveller&&) noexcept = default;
  traveller& operator=(const traveller&) = delete;
  [[nodiscard]] int copies() const { return copies_; }

 private:
  int copies_ = 0;
};

int copies_made(traveller t) { return t.copies(); }

class Arguments : public testing::Test {
 protected:
  static void SetUpTestSuite() { ex = std::make_unique<executor>(threads{.workers = 2}); }
  static void TearDownTestSuite() { ex.reset(); }
  static future<int> number(int i) {
    return ex->submit([i] { return i; });
  }
  static std::unique_ptr<executor> ex;
};
std::unique_ptr<executor> Arguments::ex;

TEST_F(Arguments, AnLvalueFutureArrivesAsTheValueItself) {
  const auto f = ex->submit([] { return traveller(); });
  const traveller* seen = nullptr;
  const auto g = ex->submit([&](const traveller& t) { seen = &t; }, f);
  g.wait();
  EXPECT_EQ(seen, &f.result());
  EXPECT_EQ(f.result().copies(), 0);
}

TEST_F(Arguments, AnRvalueFutureOfASoleOwnerIsMoved) {
  EXPECT_EQ(ex->submit(copies_made, ex->submit([] { return traveller(); })).get(), 0);
  auto f = ex->submit([] { return traveller(); });
  EXPECT_EQ(ex->submit([](traveller&& t) { return t.copies(); }, std::move(f)).get(), 0);
}

TEST_F(Arguments, AnRvalueFutureWithOtherHandlesIsCopied) {
  const auto kept = ex->submit([] { return traveller(); });
  auto given = kept;
  EXPECT_EQ(ex->submit(copies_made, std::move(given)).get(), 1);
  EXPECT_EQ(kept.result().copies(), 0);
}

TEST_F(Arguments, AnRvalueFutureOfAMoveOnlyValueIsMoved) {
  auto f = ex->submit([] { return std::make_unique<int>(7); });
  EXPECT_EQ(ex->submit([](std::unique_ptr<int> p) { return *p; }, std::move(f)).get(), 7);
}

TEST_F(Arguments, WhetherItIsTheSoleOwnerIsAskedWhenTheTaskStarts) {
  promise<std::unique_ptr<int>> p;
  auto kept = p.get_future();
  auto given = kept;
  const auto g = ex->submit([](std::unique_ptr<int> v) { return *v; }, std::move(given));
  kept = {};
  p.set_value(std::make_unique<int>(3));
  EXPECT_EQ(g.get(), 3);
}

TEST_F(Arguments, AMoveOnlyValueWithOtherHandlesFailsTheDependentAndStaysWhereItIs) {
  const auto kept = ex->submit([] { return std::make_unique<int>(7); });
  auto given = kept;
  const auto g = ex->submit([](std::unique_ptr<int> v) { return *v; }, std::move(given));
  try {
    g.get();
    ADD_FAILURE() << "it got a value";
  } catch (const fronta::invalid_state_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("lvalue"));
  }
  EXPECT_EQ(*kept.result(), 7);
}

// F-08, F-12
TEST_F(Arguments, ACallbackThatHasYetToRunKeepsTheValueFromBeingMovedIntoATask) {
  executor other{threads{.workers = 1}};
  const auto seen =
      fronta::test::seen_by_a_later_callback(std::string("text"), [&](future<std::string> f) {
        const auto passed =
            other.submit([](std::string&& s) { return std::move(s); }, std::move(f));
        EXPECT_EQ(passed.get(), "text");
      });
  EXPECT_EQ(seen, "text");
}

TEST_F(Arguments, AMoveOnlyValueCanBeReadByManyDependents) {
  const auto f = ex->submit([] { return std::make_unique<int>(7); });
  const auto read = [](const std::unique_ptr<int>& p) { return *p; };
  EXPECT_EQ(ex->submit(read, f).get(), 7);
  EXPECT_EQ(ex->submit(read, f).get(), 7);
}

TEST_F(Arguments, PlainArgumentsAreMovedOrCopiedInOnce) {
  const traveller t;
  EXPECT_EQ(ex->submit(copies_made, t).get(), 1);
  EXPECT_EQ(ex->submit(copies_made, traveller()).get(), 0);
  EXPECT_EQ(ex->submit([](std::unique_ptr<int> p) { return *p; }, std::make_unique<int>(5)).get(),
            5);
}

TEST_F(Arguments, AReferenceWrapperPassesTheObjectItself) {
  int target = 0;
  ex->submit([](int& t) { t = 5; }, std::ref(target)).wait();
  EXPECT_EQ(target, 5);
}

TEST_F(Arguments, MembersCanBeCalled) {
  struct counter {
    int base;
    [[nodiscard]] int plus(int x) const { return base + x; }
  };
  EXPECT_EQ(ex->submit(&counter::plus, counter{40}, number(2)).get(), 42);
  EXPECT_EQ(ex->submit(&counter::base, ex->submit([] { return counter{3}; })).get(), 3);
}

// D-02
TEST_F(Arguments, AVectorOfFuturesArrivesAsAVectorOfValues) {
  const std::vector futures{number(1), number(2), number(3)};
  const auto f = ex->submit([](std::vector<int> v) { return v; }, futures);
  EXPECT_THAT(f.get(), ElementsAre(1, 2, 3));
  const auto none =
      ex->submit([](const std::vector<int>& v) { return v.size(); }, std::vector<future<int>>{});
  EXPECT_EQ(none.get(), 0U);
}

// D-02
TEST_F(Arguments, AVectorOfFuturesCanBeViewedWithoutCopies) {
  const std::vector futures{ex->submit([] { return traveller(); }),
                            ex->submit([] { return traveller(); })};
  const auto f = ex->submit(
      [](fronta::values<traveller> all) {
        int copies = all.empty() ? -1 : all[1].copies();
        for (const auto& t : all) copies += t.copies();
        return std::pair(all.size(), copies);
      },
      futures);
  EXPECT_THAT(f.get(), Pair(2U, 0));
}

// D-02
TEST_F(Arguments, AVectorOfMoveOnlyFuturesCanBeGivenAway) {
  std::vector<future<std::unique_ptr<int>>> futures;
  futures.push_back(ex->submit([] { return std::make_unique<int>(1); }));
  futures.push_back(ex->submit([] { return std::make_unique<int>(2); }));
  const auto f = ex->submit([](std::vector<std::unique_ptr<int>> v) { return *v.at(0) + *v.at(1); },
                            std::move(futures));
  EXPECT_EQ(f.get(), 3);
}

// D-02
TEST_F(Arguments, TuplesPairsArraysOptionalsAndMapsAreResolvedInPlace) {
  const auto one = number(1);
  const auto two = number(2);
  EXPECT_EQ(ex->submit([](std::tuple<int, std::string, int> t) { return t; },
                       std::tuple(one, std::string("x"), two))
                .get(),
            std::tuple(1, std::string("x"), 2));
  EXPECT_EQ(ex->submit([](std::pair<int, int> p) { return p; }, std::pair(one, 5)).get(),
            std::pair(1, 5));
  EXPECT_EQ(ex->submit([](std::array<int, 2> a) { return a; }, std::array{one, two}).get(),
            (std::array{1, 2}));
  const auto doubled = [](std::optional<int> o) { return o ? *o * 2 : -1; };
  EXPECT_EQ(ex->submit(doubled, std::optional(two)).get(), 4);
  EXPECT_EQ(ex->submit(doubled, std::optional<future<int>>()).get(), -1);
  const auto mapped = ex->submit([](std::map<std::string, int> m) { return m; },
                                 std::map<std::string, future<int>>{{"a", one}, {"b", two}});
  EXPECT_THAT(mapped.get(), ElementsAre(Pair("a", 1), Pair("b", 2)));
}

// D-02
TEST_F(Arguments, NestedContainersAreResolvedToAnyDepth) {
  using deep = std::vector<std::map<int, std::tuple<int, std::optional<future<int>>>>>;
  const auto f = ex->submit(
      [](const std::vector<std::map<int, std::tuple<int, std::optional<int>>>>& v) {
        return *std::get<1>(v.at(0).at(1)) + *std::get<1>(v.at(1).at(2));
      },
      deep{{{1, {0, number(10)}}}, {{2, {0, number(20)}}}});
  EXPECT_EQ(f.get(), 30);
}

// D-02
TEST_F(Arguments, AUsersTypeIsResolvedThroughItsTrait) {
  promise<int> p;
  const auto f = ex->submit([](plain_interval i) { return i.to - i.from; },
                            interval{number(3), p.get_future()});
  EXPECT_FALSE(f.done());
  p.set_value(10);
  EXPECT_EQ(f.get(), 7);
}

// D-02
TEST_F(Arguments, WhatNobodyResolvesArrivesAsItIs) {
  struct opaque {
    future<int> inside;
  };
  promise<int> p;
  const auto f =
      ex->submit([](const opaque& o) { return o.inside.done(); }, opaque{p.get_future()});
  EXPECT_FALSE(f.get());
  static_assert(!submittable<int (*)(int), opaque>);
}

// D-02, D-05
TEST_F(Arguments, AFailureInsideAContainerFailsTheTask) {
  const auto bad = ex->submit([]() -> int { throw std::runtime_error("bad"); });
  const auto f = ex->submit([](const std::vector<int>&) {}, std::vector{number(1), bad});
  f.wait();
  EXPECT_EQ(f.exception(), bad.exception());
}

TEST_F(Arguments, AFutureOfVoidIsAnEdgeWithoutAParameter) {
  promise<void> p;
  const auto f = p.get_future();
  const auto after = ex->submit([](int x) { return x; }, f, 5);
  const auto after_all = ex->submit([] { return 1; }, std::vector{f, f});
  EXPECT_FALSE(after.done());
  EXPECT_FALSE(after_all.done());
  p.set_value();
  EXPECT_EQ(after.get(), 5);
  EXPECT_EQ(after_all.get(), 1);
}

TEST_F(Arguments, AFutureOfAReferencePassesTheObject) {
  int target = 1;
  const auto f = ex->submit([&]() -> int& { return target; });
  ex->submit([](int& t) { t = 2; }, f).wait();
  EXPECT_EQ(target, 2);
  EXPECT_EQ(&f.get(), &target);
  const auto again =
      ex->submit([](int& t) -> int& { return t; }, ex->submit([&]() -> int& { return target; }));
  EXPECT_EQ(&again.get(), &target);
}

// D-03
TEST_F(Arguments, AsHandlePassesTheFutureItselfAndMakesNoEdge) {
  promise<int> p;
  const auto f = p.get_future();
  const auto seen = ex->submit([](future<int> h) { return h; }, fronta::as_handle(f));
  EXPECT_TRUE(seen.get() == f);
  EXPECT_FALSE(f.done());
  EXPECT_TRUE(f.cancel());
}

// D-03
TEST_F(Arguments, AGenericCallableGetsTheValue) {
  const auto f = number(3);
  EXPECT_EQ(ex->submit([](auto x) { return std::is_same_v<decltype(x), int> ? x : -1; }, f).get(),
            3);
  EXPECT_EQ(ex->submit(
                  [](auto&&... all) {
                    static_assert((std::is_same_v<std::remove_cvref_t<decltype(all)>, int> && ...));
                    return (all + ...);
                  },
                  f, 4, number(5))
                .get(),
            12);
}

// D-03
TEST_F(Arguments, ACallableThatTakesValueOrHandleGetsTheValue) {
  struct both {
    int operator()(int) const { return 1; }
    int operator()(const future<int>&) const { return 2; }
  };
  EXPECT_EQ(ex->submit(both(), number(1)).get(), 1);
  EXPECT_EQ(ex->submit(both(), fronta::as_handle(number(1))).get(), 2);
}

// D-03
TEST_F(Arguments, OnlyTheRawHandleWithoutAsHandleDoesNotCompile) {
  static_assert(!submittable<void (*)(future<int>), future<int>&>);
  static_assert(submittable<void (*)(future<int>), fronta::handle<int>>);
}

TEST_F(Arguments, MutableReferencesToValuesDoNotCompile) {
  static_assert(!submittable<void (*)(int&), future<int>&>);
  static_assert(!submittable<void (*)(int&), future<int>>);
  static_assert(!submittable<void (*)(int&), int&>);
  static_assert(!submittable<void (*)(int&&), future<int>&>);
  static_assert(!submittable<void (*)(std::vector<int>&), std::vector<future<int>>>);
  static_assert(submittable<void (*)(const int&), future<int>&>);
  static_assert(submittable<void (*)(int), future<int>&>);
  static_assert(submittable<void (*)(int&&), future<int>>);
}

TEST_F(Arguments, OverloadedAndOneShotCallablesWork) {
  struct once {
    std::unique_ptr<int> content;
    int operator()() && { return *std::exchange(content, nullptr); }
  };
  EXPECT_EQ(ex->submit(once{std::make_unique<int>(9)}).get(), 9);
}

}  // namespace
