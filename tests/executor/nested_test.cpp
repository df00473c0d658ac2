// SPDX-License-Identifier: Apache-2.0
#include <fronta/fronta.hpp>

#include <support/captured_errors.hpp>
#include <support/gate.hpp>
#include <support/occupied.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

using fronta::executor_ref;
using fronta::future;
using fronta::invalid_state_error;
using fronta::test::captured_errors;
using fronta::test::gate;
using testing::ElementsAre;
using testing::SizeIs;

fronta::executor pool(int workers = 1) {
  return fronta::executor{fronta::cpu::threads{.workers = workers}};
}

// N-06
TEST(Nested, ATaskFindsItsExecutor) {
  auto ex = pool();
  EXPECT_TRUE(ex.submit([&] { return fronta::this_task::executor() == ex.ref(); }).get());
}

// N-06
TEST(Nested, ATaskUsesEveryVerbOfItsExecutor) {
  auto ex = pool(2);
  ex.submit([] {
      auto here = fronta::this_task::executor();
      EXPECT_EQ(here.submit([] { return 1; }).get(), 1);
      auto tried = here.try_submit([] { return 2; });
      ASSERT_TRUE(tried.has_value());
      EXPECT_EQ(tried->get(), 2);
      here.post([] {});
      std::vector<int> squares;
      for (const int y : here.map([](int x) { return x * x; }, std::vector{1, 2, 3})) {
        squares.push_back(y);
      }
      EXPECT_THAT(squares, ElementsAre(1, 4, 9));
      auto shared = here.scatter(std::string("text"));
      EXPECT_EQ(here.submit(&std::string::size, shared).get(), 4U);
      EXPECT_THAT(here.gather(here.scatter_each(std::vector{1, 2})), ElementsAre(1, 2));
      EXPECT_THAT(here.places(), SizeIs(1));
    }).get();
}

// N-06
TEST(Nested, InsideAnInlinedTaskOfTheSameExecutorItIsTheSame) {
  auto ex = pool();
  EXPECT_TRUE(ex.submit([&] {
                  return ex.submit([&] { return fronta::this_task::executor() == ex.ref(); }).get();
                }).get());
}

// N-06
TEST(Nested, TwoExecutorsAreToldApart) {
  auto a = pool();
  auto b = pool();
  EXPECT_NE(a.ref(), b.ref());
  a.submit([&] {
     EXPECT_EQ(fronta::this_task::executor(), a.ref());
     EXPECT_EQ(b.submit([] { return fronta::this_task::executor(); }).get(), b.ref());
     EXPECT_EQ(fronta::this_task::executor(), a.ref());
   }).get();
}

// N-06
TEST(Nested, OutsideATaskThereIsNoExecutor) {
  EXPECT_THROW(static_cast<void>(fronta::this_task::executor()), invalid_state_error);
  EXPECT_FALSE(fronta::this_task::active());
  auto ex = pool();
  ex.submit([] { EXPECT_TRUE(fronta::this_task::active()); }).get();
  EXPECT_THROW(static_cast<void>(fronta::this_task::executor()), invalid_state_error);
}

// N-06
TEST(Nested, ACallbackIsNoTask) {
  gate seen;
  bool refused = false;
  auto ex = pool();
  gate known;
  auto f = ex.submit([&] { known.wait(); });
  f.add_done_callback([&](const auto&) {
    try {
      static_cast<void>(fronta::this_task::executor());
    } catch (const invalid_state_error&) {
      refused = true;
    }
    seen.open();
  });
  known.open();
  seen.wait();
  EXPECT_TRUE(refused);
}

// N-06
TEST(Nested, AnEmptyReferenceSaysSo) {
  const executor_ref nothing;
  EXPECT_THROW(nothing.submit([] {}), invalid_state_error);
  EXPECT_FALSE(nothing.open());
}

// N-08
TEST(Nested, ACallToTheOwnSingleWorkerRunsInline) {
  auto ex = pool();
  ex.submit([&] {
      const auto here = std::this_thread::get_id();
      const auto name = fronta::this_task::path();
      EXPECT_EQ(ex.submit([] { return std::this_thread::get_id(); }).get(), here);
      // Who runs is restored.
      EXPECT_EQ(fronta::this_task::path(), name);
    }).get();
}

// N-05
TEST(Nested, WideAndDeepTreesRunEveryTaskOnce) {
  std::atomic<int> executions = 0;
  auto ex = pool(3);
  const std::function<int(int)> tree = [&](int depth) -> int {
    ++executions;
    if (depth == 0) return 1;
    std::vector<future<int>> children;
    for (int i = 0; i < 4; ++i)
      children.push_back(ex.submit([&, depth] { return tree(depth - 1); }));
    int sum = 1;
    for (const auto& c : children) sum += c.get();
    return sum;
  };
  constexpr int nodes = 1 + 4 + 16 + 64 + 256;
  EXPECT_EQ(ex.submit([&] { return tree(4); }).get(), nodes);
  EXPECT_EQ(executions.load(), nodes);
}

// N-01
TEST(Nested, AChildMayOutliveItsParent) {
  gate go;
  std::atomic<bool> ran = false;
  {
    auto ex = pool(2);
    ex.submit([&] {
        fronta::this_task::executor().post([&] {
          go.wait();
          ran = true;
        });
      }).get();
    go.open();
  }
  EXPECT_TRUE(ran.load());
}

// N-01
TEST(Nested, AChildsFailureReachesOnlyWhoAsks) {
  const captured_errors errors;
  auto ex = pool();
  EXPECT_EQ(ex.submit([] {
                auto ignored = fronta::this_task::executor().submit([] { throw 1; });
                auto asked = fronta::this_task::executor().submit([] { throw 2; });
                EXPECT_THROW(asked.get(), int);
                return 3;
              }).get(),
            3);
  EXPECT_EQ(errors.count(), 0U);
}

}  // namespace
