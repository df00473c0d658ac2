// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>
#include <fronta/variants.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace {

using fronta::bare_place;
using fronta::executor;
using fronta::cpu::threads;

class Variants : public testing::Test {
 protected:
  static std::string on(const char* body) {
    return std::string(body) + " at " + fronta::this_task::place();
  }
  const fronta::task_options gpu{.needs = {{"gpu", 1}}};
  executor ex{threads{.workers = 2, .name = "pool"}, bare_place{"gpu:0", {{"gpu", 1}}}};
};

TEST_F(Variants, TheTagsChooseTheBody) {
  const auto both = fronta::variants([] { return on("first"); }, [] { return on("second"); });
  EXPECT_EQ(ex.submit(both).get(), "first at pool");
  EXPECT_EQ(ex.submit(gpu, both).get(), "second at pool gpu:0");
  EXPECT_EQ(ex.submit({.needs = fronta::no_needs}, both).get(), "first at pool");
}

TEST_F(Variants, TakeArgumentsAndFuturesLikeAnyCallable) {
  const auto both =
      fronta::variants([](int x, const std::string& s) { return s + std::to_string(x); },
                       [](int x, const std::string& s) { return std::to_string(x) + s; });
  const auto one = ex.submit([] { return 1; });
  EXPECT_EQ(ex.submit(both, one, std::string("-")).get(), "-1");
  EXPECT_EQ(ex.submit(gpu, both, one, std::string("-")).get(), "1-");
}

TEST_F(Variants, GiveTheCommonTypeOfTheirResults) {
  const auto both = fronta::variants([] { return 1; }, [] { return 2.5; });
  const auto f = ex.submit(gpu, both);
  static_assert(std::is_same_v<decltype(f), const fronta::future<double>>);
  EXPECT_EQ(f.get(), 2.5);
  EXPECT_EQ(ex.submit(both).get(), 1.0);
}

TEST_F(Variants, MayBeMoveOnlyAndFailLikeAnyTask) {
  auto both = fronta::variants([p = std::make_unique<int>(3)] { return *p; },
                               []() -> int { throw std::runtime_error("second"); });
  EXPECT_EQ(ex.submit(std::move(both)).get(), 3);
  const auto failing = fronta::variants([] {}, [] { throw std::runtime_error("second"); });
  EXPECT_THROW(ex.submit(gpu, failing).get(), std::runtime_error);
  ex.submit(failing).get();
}

}  // namespace
