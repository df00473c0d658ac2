// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/search.hpp>

#include <gtest/gtest.h>

#include "story.hpp"

#include <limits>
#include <memory>

namespace fronta::viz {
namespace {

class Search : public testing::Test {
 protected:
  static index made() {
    test::story s;
    s.main().at(0).submit(1, "load").submit(2, "Mask 12").submit(3, "mask 3").submit(4, "join");
    s.main().at(10).submit(5).submit(6, "masked");
    return index(s.told());
  }
  index of = made();
};

TEST_F(Search, IsMadeOnceForAllFrames) {
  kept_search kept;
  const auto a = std::make_shared<const index>(made());
  const auto* const first = &kept.find(a, "mask");
  EXPECT_EQ(first->count(), 3U);
  EXPECT_EQ(&kept.find(a, "mask"), first);
  EXPECT_EQ(kept.find(a, "join").count(), 1U);
  const auto* const second = &kept.find(a, "mask");
  EXPECT_EQ(second->count(), 3U);
  EXPECT_NE(&kept.find(std::make_shared<const index>(made()), "mask"), second);
  kept.forget();
  EXPECT_EQ(a.use_count(), 1);
}

TEST_F(Search, FindsPartsOfNamesHoweverTheyAreWritten) {
  for (const auto* wanted : {"mask", "MASK", "mAsK"}) {
    const task_search all(of, wanted);
    EXPECT_EQ(all.count(), 3U) << wanted;
    EXPECT_TRUE(all.matches(1) && all.matches(2) && all.matches(5)) << wanted;
  }
}

TEST_F(Search, FindsANumberAndNamesThatHaveIt) {
  const task_search all(of, "3");
  EXPECT_EQ(all.count(), 1U);
  EXPECT_TRUE(all.matches(2)) << "task 3, whose name has it, too";
  const task_search two(of, "2");
  EXPECT_TRUE(two.matches(1));
  EXPECT_EQ(two.count(), 1U) << "task 2 is \"Mask 12\"";
  EXPECT_EQ(task_search(of, "4").next(no_task, 1), 3U);
}

TEST_F(Search, GoesRoundAboutBothWays) {
  const task_search all(of, "mask");
  EXPECT_EQ(all.next(no_task, 1), 1U);
  EXPECT_EQ(all.next(1, 1), 2U);
  EXPECT_EQ(all.next(2, 1), 5U);
  EXPECT_EQ(all.next(5, 1), 1U);
  EXPECT_EQ(all.next(no_task, -1), 5U);
  EXPECT_EQ(all.next(1, -1), 5U);
  EXPECT_EQ(all.next(3, -1), 2U) << "from a task that is no match";
  EXPECT_EQ(all.next(1, 3), 1U);
  EXPECT_EQ(all.next(1, std::numeric_limits<int>::min()), all.next(1, -2));
  EXPECT_EQ(all.place_of(2), 2U);
}

TEST_F(Search, FindsNothingWhereThereIsNothing) {
  for (const auto* wanted : {"", "saw", "7", "0", "99999999999999"}) {
    const task_search all(of, wanted);
    EXPECT_EQ(all.count(), 0U) << wanted;
    EXPECT_EQ(all.next(2, 1), no_task) << wanted;
  }
  const index empty{trace::file_contents{}};
  EXPECT_EQ(task_search(empty, "a").next(no_task, 1), no_task);
}

}  // namespace
}  // namespace fronta::viz
