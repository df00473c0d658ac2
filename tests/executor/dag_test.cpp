// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <support/gate.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using fronta::executor;
using fronta::future;
using fronta::promise;
using fronta::cpu::threads;
using fronta::test::gate;
using testing::ElementsAre;
using testing::HasSubstr;

int plus_one(int x) { return x + 1; }
int sum(int a, int b) { return a + b; }

std::string what_of(const fronta::any_future& f) {
  try {
    std::rethrow_exception(f.exception());
  } catch (const std::exception& e) {
    return e.what();
  }
}

// With one worker: what it did for earlier tasks is over.
void settle(executor& ex) {
  ex.submit([] {}).wait();
}

// D-01
TEST(Dag, SubmitWithAFutureReturnsAtOnceAndTheCallableGetsTheValue) {
  gate go;
  executor ex{threads{.workers = 1}};
  const auto a = ex.submit([&] {
    go.wait();
    return 41;
  });
  const auto b = ex.submit(plus_one, a);
  EXPECT_FALSE(a.done());
  EXPECT_FALSE(b.done());
  go.open();
  EXPECT_EQ(b.get(), 42);
}

// D-01, D-04
TEST(Dag, DependentsOfAPromiseStartWhenItIsSet) {
  executor ex{threads{.workers = 2}};
  promise<int> p;
  const auto f = p.get_future();
  const auto direct = ex.submit(plus_one, f);
  const auto both = ex.submit(sum, f, direct);
  EXPECT_FALSE(both.done());
  p.set_value(1);
  EXPECT_EQ(both.get(), 3);
}

// D-04
TEST(Dag, AWaitingChainLeavesTheOnlyWorkerFree) {
  executor ex{threads{.workers = 1}};
  promise<int> root;
  auto last = ex.submit(plus_one, root.get_future());
  for (int i = 1; i < 2'000; ++i) last = ex.submit(plus_one, last);
  EXPECT_EQ(ex.submit([] { return 7; }).get(), 7);
  EXPECT_FALSE(last.done());
  root.set_value(0);
  EXPECT_EQ(last.get(), 2'000);
}

// D-05
TEST(Dag, AFailureReachesAllDependentsAsTheSameException) {
  executor ex{threads{.workers = 2}};
  promise<int> p;
  std::atomic<int> runs = 0;
  const auto counted = [&](int x) {
    ++runs;
    return x;
  };
  const auto a = ex.submit(
      {.name = "source"}, [](int) -> int { throw std::runtime_error("no"); }, p.get_future());
  const auto b = ex.submit(counted, a);
  const auto c = ex.submit(counted, b);
  const auto two = ex.submit([&](int, int) { return ++runs; }, b, c);
  p.set_value(1);
  two.wait();
  EXPECT_EQ(a.exception(), b.exception());
  EXPECT_EQ(a.exception(), c.exception());
  EXPECT_EQ(a.exception(), two.exception());
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(what_of(two), "no");
  EXPECT_FALSE(two.cancelled());
  EXPECT_EQ(b.failed_input(), "source");
  EXPECT_EQ(c.failed_input(), "source");
  EXPECT_EQ(a.failed_input(), "");
}

// D-05
TEST(Dag, ADependentOfAFailedFutureFailsAtSubmitWithTheSameException) {
  executor ex{threads{.workers = 1}};
  const auto a = ex.submit([]() -> int { throw 42; });
  a.wait();
  const auto b = ex.submit(plus_one, a);
  EXPECT_TRUE(b.done());
  EXPECT_EQ(a.exception(), b.exception());
  EXPECT_THROW(b.get(), int);
}

// D-05
TEST(Dag, TheFirstFailureDecidesAndLaterOnesChangeNothing) {
  executor ex{threads{.workers = 1}};
  promise<int> first;
  promise<int> second;
  const auto a = first.get_future();
  const auto b = second.get_future();
  const auto both = ex.submit(sum, a, b);
  second.set_exception(std::make_exception_ptr(std::runtime_error("second")));
  EXPECT_TRUE(both.done());
  first.set_exception(std::make_exception_ptr(std::runtime_error("first")));
  EXPECT_EQ(both.exception(), b.exception());
}

// D-06
TEST(Dag, CancellingCancelsWhatDependsOnItAndSparesItsInputs) {
  gate go;
  executor ex{threads{.workers = 1}};
  const auto x = ex.submit([&] {
    go.wait();
    return 2;
  });
  const auto y = ex.submit({.name = "y"}, plus_one, x);
  const auto z = ex.submit({.name = "z"}, plus_one, y);
  EXPECT_TRUE(y.cancel());
  EXPECT_TRUE(y.cancelled());
  EXPECT_TRUE(z.cancelled());
  EXPECT_EQ(z.failed_input(), "y");
  EXPECT_FALSE(x.done());
  go.open();
  EXPECT_EQ(x.get(), 2);
  try {
    z.get();
    ADD_FAILURE() << "z has a value";
  } catch (const fronta::cancelled_error& e) {
    EXPECT_THAT(e.reason(), HasSubstr("\"y\""));
    EXPECT_THAT(e.reason(), HasSubstr("\"z\""));
  }
}

// D-06
TEST(Dag, CancellingADependentLeavesItsSiblingsAlone) {
  executor ex{threads{.workers = 1}};
  promise<int> p;
  const auto f = p.get_future();
  const auto cancelled = ex.submit(plus_one, f);
  const auto sibling = ex.submit(plus_one, f);
  EXPECT_TRUE(cancelled.cancel());
  EXPECT_FALSE(sibling.done());
  p.set_value(1);
  EXPECT_EQ(sibling.get(), 2);
  EXPECT_TRUE(cancelled.cancelled());
}

// D-07
TEST(Dag, SubmittingOntoACancelledFutureSucceedsAndTheResultIsCancelled) {
  executor ex{threads{.workers = 1}};
  promise<int> p;
  const auto f = p.get_future();
  ASSERT_TRUE(f.cancel());
  const auto positional = ex.submit(plus_one, f);
  const auto second = ex.submit([](int, int) {}, ex.submit([] { return 1; }), f);
  const auto listed = ex.submit([](const std::vector<int>&) {}, std::vector{f});
  const auto keyed = ex.submit([](const std::map<std::string, int>&) {},
                               std::map<std::string, future<int>>{{"a", f}});
  EXPECT_TRUE(positional.cancelled());
  second.wait();
  EXPECT_TRUE(second.cancelled());
  EXPECT_TRUE(listed.cancelled());
  EXPECT_TRUE(keyed.cancelled());
  EXPECT_THROW(positional.get(), fronta::cancelled_error);
}

// A pending task with an input that is computed already, and one that can be made to fail.
class DeadDependent : public testing::Test {
 protected:
  void SetUp() override {
    auto big = ex.submit([] { return std::make_shared<int>(1); });
    held = big.result();
    dependent = ex.submit([](const std::shared_ptr<int>& value, int) { return *value; }, big,
                          other.get_future());
    big = {};
    settle(ex);
    EXPECT_FALSE(held.expired());
  }

  executor ex{threads{.workers = 1}};
  std::weak_ptr<int> held;
  promise<int> other;
  future<int> dependent;
};

// D-08
TEST_F(DeadDependent, FreesItsInputsWhenAnotherInputFails) {
  other.set_exception(std::make_exception_ptr(std::runtime_error("no")));
  EXPECT_TRUE(dependent.done());
  EXPECT_TRUE(held.expired());
}

// D-08
TEST_F(DeadDependent, FreesItsInputsWhenItIsCancelled) {
  EXPECT_TRUE(dependent.cancel());
  EXPECT_TRUE(held.expired());
}

// D-08
TEST(Dag, ADependentThatFailsAtSubmitHoldsNoInput) {
  executor ex{threads{.workers = 1}};
  auto big = ex.submit([] { return std::make_shared<int>(1); });
  const std::weak_ptr<int> held = big.result();
  promise<int> failed;
  failed.set_exception(std::make_exception_ptr(1));
  const auto dead =
      ex.submit([](const std::shared_ptr<int>&, int) {}, std::move(big), failed.get_future());
  settle(ex);
  EXPECT_TRUE(dead.done());
  EXPECT_TRUE(held.expired());
}

// D-09
TEST(Dag, ASharedInputRunsOnce) {
  executor ex{threads{.workers = 2}};
  std::atomic<int> runs = 0;
  const auto top = ex.submit([&] { return ++runs; });
  const auto left = ex.submit(plus_one, top);
  const auto right = ex.submit(plus_one, top);
  EXPECT_EQ(ex.submit(sum, left, right).get(), 4);
  EXPECT_EQ(ex.submit(sum, top, top).get(), 2);
  EXPECT_EQ(runs, 1);
}

// D-09
TEST(Dag, EqualCallsAreSeparateTasks) {
  executor ex{threads{.workers = 1}};
  std::atomic<int> runs = 0;
  const auto call = [&] { return ++runs; };
  const auto a = ex.submit(call);
  const auto b = ex.submit(call);
  EXPECT_EQ(a.get() + b.get(), 3);
  EXPECT_EQ(runs, 2);
}

// D-10
TEST(Dag, ACallbackOfAFailureSeesWhatItsOwnCancellationEnds) {
  executor ex{threads{.workers = 1}};
  promise<int> never;
  const auto other = ex.submit(plus_one, never.get_future());
  const auto behind = ex.submit(plus_one, other);
  promise<int> fails;
  const auto dependent = ex.submit(plus_one, fails.get_future());
  bool ended = false;
  dependent.add_done_callback([&](const fronta::any_future&) {
    EXPECT_TRUE(other.cancel());
    ended = behind.done();
  });
  fails.set_exception(std::make_exception_ptr(std::runtime_error("fails")));
  EXPECT_TRUE(ended);
}

TEST(Gather, KeepsTheShape) {
  executor ex{threads{.workers = 2}};
  const auto one = ex.submit([] { return 1; });
  const auto text = ex.submit([] { return std::string("a"); });
  EXPECT_THAT(fronta::gather(std::vector{one, one}), ElementsAre(1, 1));
  EXPECT_EQ(fronta::gather(std::tuple(one, text)), std::tuple(1, std::string("a")));
  using nested = std::map<std::string, std::vector<std::optional<future<int>>>>;
  const auto got = ex.gather(nested{{"x", {one, std::nullopt}}, {"y", {}}});
  EXPECT_THAT(got.at("x"), ElementsAre(std::optional(1), std::nullopt));
  EXPECT_TRUE(got.at("y").empty());
}

// D-10
TEST(Gather, ThrowsAtTheFirstFailureWithoutWaitingAndCancelsNothing) {
  gate go;
  executor ex{threads{.workers = 2}};
  const auto slow = ex.submit([&] {
    go.wait();
    return 1;
  });
  const auto bad = ex.submit([]() -> int { throw std::runtime_error("bad"); });
  EXPECT_THROW(fronta::gather(std::vector{slow, bad}), std::runtime_error);
  EXPECT_FALSE(slow.done());
  go.open();
  EXPECT_EQ(slow.get(), 1);
}

// D-10
TEST(Gather, OfADependentThrowsWithItsFirstFailedInputAndCancelsNoOther) {
  gate go;
  executor ex{threads{.workers = 2}};
  const auto slow = ex.submit([&] {
    go.wait();
    return 1;
  });
  const auto bad = ex.submit([]() -> int { throw std::runtime_error("bad"); });
  const auto joined = ex.submit(sum, slow, bad);
  EXPECT_THROW(fronta::gather(std::vector{joined}), std::runtime_error);
  EXPECT_FALSE(slow.done());
  go.open();
  EXPECT_EQ(slow.get(), 1);
}

// D-10
TEST(Gather, SkipsOrKeepsFailuresAfterWaitingForAll) {
  executor ex{threads{.workers = 2}};
  promise<int> late;
  std::vector<future<int>> all{ex.submit([]() -> int { throw std::runtime_error("bad"); }),
                               late.get_future(), ex.submit([] { return 3; })};
  promise<int> dropped;
  all.push_back(dropped.get_future());
  EXPECT_TRUE(all.back().cancel());
  all[0].wait();
  ex.post([&] { late.set_value(2); });
  EXPECT_THAT(fronta::gather<fronta::on_error::skip>(all), ElementsAre(2, 3));
  const auto outcomes = fronta::gather<fronta::on_error::keep>(all);
  ASSERT_EQ(outcomes.size(), 4U);
  EXPECT_EQ(outcomes[0].error(), all[0].exception());
  EXPECT_EQ(outcomes[1].value(), 2);
  EXPECT_THROW(static_cast<void>(outcomes[3].value()), fronta::cancelled_error);
}

// K-08
TEST(TwoExecutors, AFutureOfOneIsAnInputOnTheOther) {
  executor a{threads{.workers = 1, .name = "a"}};
  executor b{threads{.workers = 1, .name = "b"}};
  const auto there = a.submit([] { return 20; });
  const auto here =
      b.submit([](int x) { return std::pair(x + 1, fronta::this_task::place()); }, there);
  EXPECT_EQ(here.get(), std::pair(21, std::string("b")));
  const auto back = a.submit([](int x, const auto& p) { return x + p.first; }, there, here);
  EXPECT_EQ(back.get(), 41);
  EXPECT_THAT(b.gather(std::vector{there, back}), ElementsAre(20, 41));
}

// K-08, D-05, D-06
TEST(TwoExecutors, FailuresAndCancellationsCrossOver) {
  gate go;
  executor a{threads{.workers = 1}};
  executor b{threads{.workers = 1}};
  const auto busy = a.submit([&] { go.wait(); });
  const auto pending = a.submit([] { return 1; });
  const auto failing = a.submit([]() -> int { throw std::runtime_error("a"); });
  const auto of_pending = b.submit(plus_one, pending);
  const auto of_failing = b.submit(plus_one, failing);
  EXPECT_TRUE(pending.cancel());
  EXPECT_TRUE(of_pending.cancelled());
  go.open();
  of_failing.wait();
  EXPECT_EQ(of_failing.exception(), failing.exception());
}

// K-08
TEST(TwoExecutors, TheInputsExecutorMayBeGone) {
  executor b{threads{.workers = 1}};
  future<int> left_over;
  future<int> dependent;
  {
    executor a{threads{.workers = 1}};
    left_over = a.submit([] { return 1; });
    dependent = b.submit(plus_one, left_over);
  }
  EXPECT_EQ(dependent.get(), 2);
  EXPECT_EQ(b.submit(plus_one, left_over).get(), 2);
}

// K-08, D-04
TEST(TwoExecutors, ShutdownWaitsForDependentsOfTheOther) {
  gate go;
  executor a{threads{.workers = 1}};
  future<int> dependent;
  {
    executor b{threads{.workers = 1}};
    dependent = b.submit(plus_one, a.submit([&] {
      go.wait();
      return 1;
    }));
    a.post([] {});
    EXPECT_FALSE(b.shutdown_for(std::chrono::seconds(0)));
    go.open();
  }
  EXPECT_TRUE(dependent.done());
  EXPECT_EQ(dependent.get(), 2);
}

}  // namespace
