// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/detail/untold_work.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace {

using fronta::viz::detail::untold_work;
using stream = untold_work::stream;

struct piece {
  stream of;
  std::int64_t from;
  std::uint32_t task;
};

std::vector<piece> pieces(std::size_t count) {
  std::mt19937_64 random(1);
  const auto up_to = [&](int most) { return std::uniform_int_distribution(0, most)(random); };
  std::vector<piece> all;
  for (std::uint32_t i = 0; i < count; ++i) {
    const stream of{static_cast<std::uint16_t>(up_to(1)), up_to(2), up_to(3)};
    all.push_back({of, up_to(1'000), i});
  }
  return all;
}

untold_work work_of(const std::vector<piece>& all) {
  untold_work made;
  for (const auto& p : all) made.add(p.of, p.from, p.task);
  made.sort();
  return made;
}

TEST(UntoldWork, AgreesWithLookingAtAll) {
  const auto all = pieces(400);
  const auto work = work_of(all);
  for (std::uint16_t executor = 0; executor < 3; ++executor) {
    for (std::int32_t number = -1; number < 5; ++number) {
      const stream of{executor, 1, number};
      for (std::int64_t t = -1; t < 1'005; t += 3) {
        std::size_t tasks = 0;
        auto since = std::numeric_limits<std::int64_t>::max();
        auto next = since;
        for (const auto& p : all) {
          if (p.of != of) continue;
          if (p.from > t) {
            next = std::min(next, p.from);
            continue;
          }
          ++tasks;
          since = std::min(since, p.from);
        }
        const auto found = work.until(of, t);
        ASSERT_EQ(found.tasks, tasks);
        if (tasks != 0) {
          ASSERT_EQ(found.since, since);
          ASSERT_EQ(all[found.first].from, since);
          ASSERT_EQ(all[found.first].of, of);
        }
        ASSERT_EQ(work.next(of, t), next);
      }
    }
  }
}

TEST(UntoldWork, LooksAtFewPiecesHoweverManyThereAre) {
  const auto work = work_of(pieces(100'000));
  for (std::int64_t t = 0; t < 1'000; t += 17) {
    std::size_t seen = 0;
    const auto see = [&](const auto&) { ++seen; };
    const auto found = work.until({1, 1, 1}, t, see);
    static_cast<void>(work.next({1, 1, 1}, t, see));
    EXPECT_LE(seen, 3U * 18U);
    EXPECT_GT(found.tasks, 0U);
  }
}

TEST(UntoldWork, IsNoneOfAStreamThatWasGivenNone) {
  const untold_work none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.until({1, 1, 0}, 10).tasks, 0U);
  EXPECT_EQ(none.next({1, 1, 0}, 10), std::numeric_limits<std::int64_t>::max());
}

}  // namespace
