// SPDX-License-Identifier: Apache-2.0
#include <fronta/array.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>

#include <gmock/gmock.h>

#include <atomic>
#include <numeric>
#include <span>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using fronta::array;
using testing::ElementsAre;

static_assert(std::is_nothrow_move_constructible_v<array<float>>);
static_assert(std::is_convertible_v<array<float>, std::span<const float>>);
static_assert(!std::is_assignable_v<decltype(std::declval<array<int>&>()[0]), int>);
static_assert(!std::is_convertible_v<std::vector<int>, array<int>>);

TEST(Array, HoldsItsNumbers) {
  const array<int> a{1, 2, 3};
  EXPECT_THAT(a, ElementsAre(1, 2, 3));
  EXPECT_EQ(a.size(), 3U);
  EXPECT_EQ(a.size_bytes(), 3 * sizeof(int));
  EXPECT_EQ(a[1], 2);
  EXPECT_FALSE(a.empty());
  EXPECT_THAT(array<float>(2, 1.5F), ElementsAre(1.5F, 1.5F));
  const std::vector<int> source{4, 5};
  EXPECT_THAT(array<int>(std::span<const int>(source)), ElementsAre(4, 5));
}

TEST(Array, DefaultConstructedOneIsEmpty) {
  array<int> a;
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(a.size_bytes(), 0U);
  EXPECT_EQ(a.data(), nullptr);
  EXPECT_EQ(a.begin(), a.end());
  EXPECT_TRUE(a.span().empty());
  EXPECT_TRUE(std::move(a).take().empty());
}

TEST(Array, CopiesShareOneBlock) {
  const array<int> a{1, 2};
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the copy is what is looked at
  const auto b = a;
  EXPECT_TRUE(a.same_block(b));
  EXPECT_EQ(a.data(), b.data());
  EXPECT_FALSE(a.same_block(array<int>{1, 2}));
}

TEST(Array, TakesAVectorOverWithoutACopy) {
  std::vector<int> values{1, 2};
  const auto* const data = values.data();
  EXPECT_EQ(array<int>(std::move(values)).data(), data);
}

TEST(Array, TheLastHandleGivesItsBlockAwayOthersACopy) {
  array<int> a{1, 2};
  const auto* const data = a.data();
  array<int> b = a;
  const auto copy = std::move(b).take();
  EXPECT_NE(copy.data(), data);
  EXPECT_THAT(copy, ElementsAre(1, 2));
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_THAT(a, ElementsAre(1, 2));
  EXPECT_EQ(std::move(a).take().data(), data);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(Array, GoesWhereASpanIsTakenAlsoOutOfAFuture) {
  fronta::executor ex{fronta::cpu::threads{.workers = 1}};
  const auto sum = [](std::span<const int> v) { return std::accumulate(v.begin(), v.end(), 0); };
  const array<int> a{1, 2, 3};
  EXPECT_EQ(ex.submit(sum, a).get(), 6);
  const auto made = ex.submit([] { return array<int>{4, 5}; });
  EXPECT_EQ(ex.submit(sum, made).get(), 9);
}

TEST(Array, IsTakenOnlyWhenOtherThreadsHaveReadIt) {
  for (int round = 0; round < 200; ++round) {
    array<int> a(100, 1);
    std::atomic<int> sum = 0;
    std::thread reader([b = a, &sum]() mutable {
      sum = std::accumulate(b.begin(), b.end(), 0);
      b = {};
    });
    // In place as soon as the reader has let go, else in a copy.
    auto mine = std::move(a).take();
    for (auto& x : mine) x = 2;
    reader.join();
    EXPECT_EQ(sum, 100);
  }
}

}  // namespace
