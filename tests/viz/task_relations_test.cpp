// SPDX-License-Identifier: Apache-2.0
#include <src/task_relations.hpp>

#include <gmock/gmock.h>

#include "random_graph.hpp"
#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using test::edge;
using test::edges_of;
using test::soup;
using test::story;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using trace::event_kind;

TEST(TaskRelations, HaveEveryEventOfATaskOnceAndByTime) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const index of(soup(seed).of(500));
    const task_relations all(of);
    std::size_t events = 0;
    for (task_number t = 0; t < of.tasks().size(); ++t) {
      ASSERT_TRUE(std::ranges::is_sorted(all.events_of(t)));
      for (const auto e : all.events_of(t)) ASSERT_EQ(of.events()[e].task, t);
      events += all.events_of(t).size();
    }
    ASSERT_EQ(events, static_cast<std::size_t>(std::ranges::count_if(
                          of.events(), [](const event& e) { return e.task != no_task; })));
  }
}

TEST(TaskRelations, HaveEveryInputOnceAtBothEnds) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const index of(seed % 2 == 0 ? soup(seed).of(500) : test::random_graph(seed, 100));
    const task_relations all(of);
    std::vector<edge> inputs;
    std::vector<edge> uses;
    for (task_number t = 0; t < of.tasks().size(); ++t) {
      ASSERT_TRUE(std::ranges::is_sorted(all.inputs_of(t)));
      ASSERT_TRUE(std::ranges::is_sorted(all.uses_of(t)));
      for (const auto e : all.inputs_of(t)) inputs.push_back({of.events()[e].other(), t});
      for (const auto e : all.uses_of(t)) uses.push_back({t, of.events()[e].task});
    }
    auto told = edges_of(of);
    std::ranges::sort(told);
    const auto twice = std::ranges::unique(told);
    told.erase(twice.begin(), twice.end());
    std::ranges::sort(inputs);
    std::ranges::sort(uses);
    ASSERT_EQ(inputs, told);
    ASSERT_EQ(uses, told);
  }
}

TEST(TaskRelations, KnowWhatATaskTookInWhicheverExecutor) {
  story s;
  s.main().at(0).submit(1).submit(2).submit(3);
  s.main_to(2).at(0).submit(1);
  s.main().at(10).tell(event_kind::consume, 1, 3).tell(event_kind::consume, 2, 3);
  s.main_to(2).at(20).tell(event_kind::consume, 1, 3).elsewhere(1, 1);
  s.main().at(30).tell(event_kind::consume, 2, 0);
  const index of(s.told());
  const task_relations all(of);
  std::vector<task_number> taken;
  for (const auto e : all.taken_by(*of.find(1, 3))) taken.push_back(of.events()[e].task);
  EXPECT_THAT(taken, ElementsAre(*of.find(1, 1), *of.find(1, 2), *of.find(2, 1)));
  EXPECT_THAT(all.taken_by(*of.find(1, 1)), IsEmpty());
}

TEST(TaskRelations, KnowAllThatLeadsToATaskAndAllThatItLeadsTo) {
  const index of(test::random_graph(5, 120));
  const task_relations all(of);
  const auto tasks = static_cast<task_number>(of.tasks().size());
  std::vector<std::vector<bool>> leads(tasks, std::vector<bool>(tasks));
  const auto edges = edges_of(of);
  for (task_number to = 0; to < tasks; ++to) {
    for (const auto& e : edges) {
      if (e.to != to) continue;
      leads[e.from][to] = true;
      for (task_number k = 0; k < tasks; ++k) leads[k][to] = leads[k][to] || leads[k][e.from];
    }
  }
  for (const task_number t : {0U, 40U, 119U}) {
    auto before = all.before(of, t, 1'000);
    auto after = all.after(of, t, 1'000);
    std::ranges::sort(before);
    std::ranges::sort(after);
    std::vector<task_number> expected_before;
    std::vector<task_number> expected_after;
    for (task_number k = 0; k < tasks; ++k) {
      if (leads[k][t]) expected_before.push_back(k);
      if (leads[t][k]) expected_after.push_back(k);
    }
    EXPECT_EQ(before, expected_before);
    EXPECT_EQ(after, expected_after);
  }
  EXPECT_EQ(all.after(of, 0, 7).size(), 7U);
}

TEST(TaskRelations, LeadFromTheParentToo) {
  story s;
  s.main().at(0).submit(1).submit(2, {}, 1).dependency(2, 1).submit(3, {}, 2);
  const index of(s.told());
  const task_relations all(of);
  EXPECT_THAT(all.before(of, 2, 10), ElementsAre(1, 0));
  EXPECT_THAT(all.after(of, 0, 10), ElementsAre(1, 2));
}

TEST(TaskRelations, AreKnownUpToAMoment) {
  story s;
  s.main().at(0).submit(1);
  for (std::uint64_t t = 2; t <= 5; ++t)
    s.main().at(static_cast<std::int64_t>(t) * 10).submit(t).dependency(t, 1);
  const index of(s.told());
  const task_relations all(of);
  EXPECT_THAT(told_until(of, all.uses_of(0), 19), IsEmpty());
  EXPECT_EQ(told_until(of, all.uses_of(0), 30).size(), 2U);
  EXPECT_EQ(told_until(of, all.uses_of(0), forever).size(), 4U);
}

}  // namespace
}  // namespace fronta::viz
