// SPDX-License-Identifier: Apache-2.0
#include <src/task_families.hpp>

#include <gmock/gmock.h>

#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

// Tasks that one consumer might have waited for.
namespace {

using namespace fronta::test;
using fronta::viz::forever;
using fronta::viz::index;
using fronta::viz::is_final;
using fronta::viz::no_task;
using fronta::viz::none;
using fronta::viz::task_families;
using fronta::viz::task_family;
using fronta::viz::task_number;

// What a moment knows of a family, by a look at each of its tasks.
struct looked_at {
  struct one {
    task_number task;
    std::int64_t submitted;
    std::int64_t ended;
  };
  std::vector<one> submitted;
  std::vector<one> ended;
  std::int64_t kept_back = 0;
  bool derivable = true;
};

looked_at look_at(const index& of, const task_family& f, std::int64_t at) {
  looked_at made;
  for (const auto& m : f.members()) {
    auto first = of.tasks()[m.task].last_change;
    const auto& last = of.changes()[first];
    while (of.changes()[first].previous != none) first = of.changes()[first].previous;
    const auto submitted = of.time_of(of.changes()[first]);
    const auto ended = is_final(last.state) ? of.time_of(last) : forever;
    if (submitted <= at) made.submitted.push_back({m.task, submitted, ended});
    if (ended <= at) made.ended.push_back({m.task, submitted, ended});
  }
  std::ranges::sort(made.ended, {},
                    [](const looked_at::one& o) { return std::pair(o.ended, o.task); });
  std::int64_t all_before = of.begin();
  for (const auto& o : made.submitted) {
    all_before = std::max(all_before, o.ended);
    if (o.ended <= at) made.kept_back += std::min(all_before, at) - o.ended;
    if (!made.ended.empty() && o.submitted > made.ended.front().ended) made.derivable = false;
  }
  return made;
}

TEST(TaskFamilies, KnowOfAnyMomentWhatALookAtEachTaskTells) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const index of(soup(seed).of(600));
    const task_families families(of);
    for (task_number t = 0; t < of.tasks().size(); ++t) {
      if (of.tasks()[t].last_change == none) continue;
      const auto& f = families.of_task(of, t);
      ASSERT_TRUE(std::ranges::is_sorted(f.members(), {}, &task_family::member::submitted));
      for (auto at = of.begin(); at <= of.end(); at += 1 + (of.end() - of.begin()) / 50) {
        const auto seen = look_at(of, f, at);
        ASSERT_EQ(f.submitted_by(at), seen.submitted.size()) << seed << " at " << at;
        ASSERT_EQ(f.ended_by(at), seen.ended.size());
        ASSERT_EQ(f.kept_back(at), seen.kept_back) << seed << " at " << at;
        ASSERT_EQ(f.is_derivable(at), seen.derivable);
        if (seen.ended.empty()) continue;
        ASSERT_EQ(f.first_to_end()->task, seen.ended.front().task);
        for (std::size_t i = 0; i < seen.submitted.size(); ++i)
          ASSERT_EQ(f.members()[i].task, seen.submitted[i].task);
        for (const auto& m : f.members()) {
          if (m.ended <= at) {
            ASSERT_EQ(seen.ended[m.rank - 1].task, m.task);
          }
        }
      }
    }
  }
}

TEST(TaskFamilies, AreTheLargestWhereNoTaskIsSelected) {
  story s;
  s.main().at(0).submit(1).submit(2);
  s.worker(0)
      .at(1)
      .start(1)
      .at(10)
      .submit(3, {}, 1)
      .submit(4, {}, 1)
      .submit(5, {}, 1)
      .at(20)
      .finish(1);
  const index of(s.told());
  const task_families families(of);
  const auto& largest = families.of_task(of, no_task);
  EXPECT_EQ(largest.parent(), 0U);
  EXPECT_EQ(largest.members().size(), 3U);
  EXPECT_EQ(&families.of_task(of, 2), &largest);
  EXPECT_EQ(families.of_task(of, 1).members().size(), 2U);
}

TEST(TaskFamilies, OfNoTasksAreEmpty) {
  const index of(story().told());
  const task_families families(of);
  EXPECT_EQ(families.of_task(of, no_task).submitted_by(forever - 1), 0U);
  EXPECT_EQ(families.of_task(of, no_task).kept_back(forever - 1), 0);
}

}  // namespace
