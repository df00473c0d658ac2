// SPDX-License-Identifier: Apache-2.0
#include <src/relations.hpp>

#include <gmock/gmock.h>

#include "random_graph.hpp"
#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

namespace fronta::viz {
namespace {

using test::soup;
using test::story;
using kind = relations::kind;

TEST(Relations, OfAnyTaskAtAnyMomentAreWhatTheTraceHasTold) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const index of(seed % 2 == 0 ? soup(seed).of(300) : test::random_graph(seed, 40));
    for (task_number t = 0; t < of.tasks().size(); ++t) {
      for (auto at = of.begin(); at <= of.end(); at += 37) {
        const relations r(of, t, at);
        if (!of.state_of(t, at)) {
          ASSERT_EQ(r.selected(), no_task);
          continue;
        }
        std::set<task_number> inputs;
        std::set<task_number> dependents;
        for (const auto& e : of.events()) {
          if (e.time > at || e.what() != trace::event_kind::dependency || e.other() == no_task)
            continue;
          if (e.task == t) inputs.insert(e.other());
          if (e.other() == t) dependents.insert(e.task);
        }
        std::vector<task_number> said(r.inputs().begin(), r.inputs().end());
        std::ranges::sort(said);
        ASSERT_TRUE(std::ranges::equal(said, inputs));
        said.assign(r.dependents().begin(), r.dependents().end());
        std::ranges::sort(said);
        ASSERT_TRUE(std::ranges::equal(said, dependents));
        for (task_number other = 0; other < of.tasks().size(); ++other) {
          auto expected = kind::unrelated;
          if (inputs.contains(other)) expected = kind::input;
          if (dependents.contains(other)) expected = kind::dependent;
          if (other == t) expected = kind::selected;
          ASSERT_EQ(r.of(other), expected);
        }
      }
    }
  }
}

TEST(Relations, CountAnInputThatWasGivenTwiceOnce) {
  story s;
  s.main().at(0).submit(1).submit(2).dependency(2, 1).dependency(2, 1);
  const index of(s.told());
  EXPECT_EQ(relations(of, 1, 10).in_words(1), "selected, of 1 input and 0 dependents");
  EXPECT_EQ(relations(of, 0, 10).in_words(1), "depends on task 1");
  EXPECT_EQ(relations(of, 1, 10).in_words(0), "an input of task 2");
}

TEST(Relations, AreNoneWithoutASelectedTask) {
  story s;
  s.main().at(5).submit(1);
  const index of(s.told());
  EXPECT_EQ(relations(of, no_task, 10).of(0), kind::unrelated);
  EXPECT_TRUE(relations(of, no_task, 10).inputs().empty());
  EXPECT_EQ(relations(of, 0, 4).selected(), no_task) << "not submitted yet";
}

}  // namespace
}  // namespace fronta::viz
