// SPDX-License-Identifier: Apache-2.0
#include "scene_words.hpp"
#include "story.hpp"

#include <fronta/viz/view.hpp>
#include <fronta/viz/words.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace {

using fronta::test::story;
using fronta::test::texts_in;
using fronta::trace::queue;
using fronta::viz::box;
using fronta::viz::dash;
using fronta::viz::index;
using fronta::viz::item_id;
using fronta::viz::line;
using fronta::viz::preset;
using fronta::viz::rect;
using fronta::viz::scene;
using fronta::viz::view;
using ::testing::Contains;
using ::testing::HasSubstr;

scene graph_of(const index& of, std::int64_t at = fronta::viz::forever,
               fronta::viz::task_number selected = fronta::viz::no_task) {
  view v;
  v.what = preset::graph;
  v.at = at;
  v.selected = selected;
  return fronta::test::drawn(of, v);
}

// 1 → 2 and 3 → 4, and 5 alone; 3 takes longer than 2.
story diamond() {
  story s;
  s.main().at(0).submit(1, "load").enqueue(1, queue::inbox);
  s.main().at(5).submit(2).dependency(2, 1).submit(3).dependency(3, 1);
  s.main().at(8).submit(4).dependency(4, 2).dependency(4, 3).submit(5).enqueue(5, queue::inbox);
  s.worker(2).at(9).start(5).at(12).finish(5);
  s.worker(0).at(10).start(1).at(100).finish(1).ready(2).enqueue(2, queue::deque).ready(3);
  s.worker(0).enqueue(3, queue::deque).at(101).start(2).at(150).finish(2);
  s.worker(1).at(101).start(3).at(200).finish(3).ready(4).enqueue(4, queue::deque);
  s.worker(1).at(201).start(4).at(300).finish(4);
  return s;
}

// Of each task the box that it is drawn as.
std::map<std::uint32_t, rect> boxes(const scene& s) {
  std::map<std::uint32_t, rect> found;
  for (const auto& p : s.primitives) {
    const auto* b = std::get_if<box>(&p.what);
    if (b != nullptr && b->fill && p.id.what == item_id::kind::task &&
        p.id.which == item_id::part::token) {
      found.emplace(p.id.number, b->at);
    }
  }
  return found;
}
std::vector<std::uint32_t> outlined(const scene& s) {
  std::vector<std::uint32_t> found;
  for (const auto& p : s.primitives) {
    if (p.id.what == item_id::kind::task && p.id.which == item_id::part::stripe)
      found.push_back(p.id.number);
  }
  return found;
}
std::vector<line> lines(const scene& s) {
  std::vector<line> found;
  for (const auto& p : s.primitives) {
    const auto* l = std::get_if<line>(&p.what);
    if (l != nullptr && p.id.what == item_id::kind::edge) found.push_back(*l);
  }
  return found;
}
// The line that ends near the left of one box and begins at the right of another.
const line* between(const std::vector<line>& all, const rect& from, const rect& to) {
  for (const auto& l : all) {
    const bool begins = std::abs(l.from.x - from.right()) < 2 &&
                        std::abs(l.from.y - (from.y + from.height / 2)) < 2;
    const bool ends =
        to.x - l.to.x < 20 && l.to.x <= to.x && std::abs(l.to.y - (to.y + to.height / 2)) < 2;
    if (begins && ends) return &l;
  }
  return nullptr;
}

TEST(Graph, DrawsEachTaskOnceThatHasBeenSubmitted) {
  const index of(diamond().told());
  EXPECT_EQ(boxes(graph_of(of, 0)).size(), 1U);
  EXPECT_EQ(boxes(graph_of(of, 6)).size(), 3U);
  EXPECT_EQ(boxes(graph_of(of)).size(), 5U);
  EXPECT_THAT(texts_in(graph_of(of, 6)), Contains(HasSubstr("2 tasks are to come.")));
}

TEST(Graph, MovesNothingWhileTimeGoesOn) {
  const index of(diamond().told());
  const auto last = boxes(graph_of(of));
  for (const auto t : {0, 6, 50, 120, 250}) {
    for (const auto& [task, at] : boxes(graph_of(of, t))) EXPECT_EQ(at, last.at(task));
  }
}

TEST(Graph, PutsInputsToTheLeft) {
  const index of(diamond().told());
  const auto b = boxes(graph_of(of));
  EXPECT_LT(b.at(0).right(), b.at(1).x);
  EXPECT_LT(b.at(1).right(), b.at(3).x);
  EXPECT_FLOAT_EQ(b.at(1).x, b.at(2).x);
}

TEST(Graph, GoesOnBelowWhereNamesHaveNoRoomInOneLine) {
  story s;
  std::vector<std::string> names;
  for (std::uint64_t t = 1; t <= 6; ++t) {
    names.push_back("a step with a long name " + std::to_string(t));
    s.main().at(static_cast<std::int64_t>(t)).submit(t, names.back());
    if (t > 1) s.main().dependency(t, t - 1);
  }
  const auto picture = graph_of(index(s.told()));
  EXPECT_THAT(texts_in(picture, "graph"), ::testing::IsSupersetOf(names));
  std::set<float> lines;
  for (const auto& [task, at] : boxes(picture)) lines.insert(at.y);
  EXPECT_GT(lines.size(), 1U);
  EXPECT_LT(lines.size(), 6U);
}

TEST(Graph, CutsTheNamesOfAColumnAlike) {
  story s;
  for (std::uint64_t t = 1; t <= 60; ++t) {
    const auto name = (t % 2 == 0 ? "a_multiplication " : "a_multiplication_of_all ") +
                      std::to_string(t * 1'000'000'007);
    s.main().at(static_cast<std::int64_t>(t)).submit(t, name);
  }
  std::size_t short_ones = 0;
  for (const auto& text : texts_in(graph_of(index(s.told())), "graph")) {
    if (text.find("mul") == std::string::npos) continue;
    ++short_ones;
    EXPECT_THAT(text, ::testing::AnyOf(HasSubstr("a_mul. "), HasSubstr("a_mul._of_all ")));
  }
  EXPECT_GT(short_ones, 0U);
}

TEST(Graph, DashesEdgesUntilTheInputIsDone) {
  const index of(diamond().told());
  const auto pattern = [&](std::int64_t t, std::uint32_t from, std::uint32_t to) {
    const auto s = graph_of(of, t);
    const auto all = lines(s);
    const auto b = boxes(s);
    const auto* l = between(all, b.at(from), b.at(to));
    EXPECT_NE(l, nullptr) << from << " to " << to;
    return l == nullptr ? dash::dotted : l->pattern;
  };
  EXPECT_EQ(pattern(99, 0, 1), dash::dashed);
  EXPECT_EQ(pattern(100, 0, 1), dash::solid);
  EXPECT_EQ(pattern(160, 1, 3), dash::solid);
  EXPECT_EQ(pattern(160, 2, 3), dash::dashed);
}

TEST(Graph, DotsTheWayFromWhoSubmitted) {
  story s;
  s.main().at(0).submit(1).at(1).submit(2, {}, 1);
  const index of(s.told());
  const auto drawn = graph_of(of);
  const auto b = boxes(drawn);
  const auto all = lines(drawn);
  const auto* l = between(all, b.at(0), b.at(1));
  ASSERT_NE(l, nullptr);
  EXPECT_EQ(l->pattern, dash::dotted);
}

TEST(Graph, LightsTheCriticalPath) {
  const index of(diamond().told());
  const auto s = graph_of(of);
  EXPECT_THAT(outlined(s), ::testing::UnorderedElementsAre(0, 2, 3));
  const auto b = boxes(s);
  const auto all = lines(s);
  EXPECT_GT(between(all, b.at(2), b.at(3))->width, between(all, b.at(1), b.at(3))->width);
  EXPECT_THAT(texts_in(s, "graph"), Contains(HasSubstr("critical path: 3 tasks")));
}

TEST(Graph, LightsWhatASelectedTaskNeedsAndWhatNeedsIt) {
  const index of(diamond().told());
  EXPECT_THAT(outlined(graph_of(of, 300, 1)), ::testing::UnorderedElementsAre(0, 1, 3));
  EXPECT_THAT(texts_in(graph_of(of, 300, 1)),
              Contains("task 2: 1 task had to come before it, 1 task comes after it"));
  EXPECT_THAT(outlined(graph_of(of, 300, 4)), ::testing::ElementsAre(4));
}

TEST(Graph, LeadsNoLineThroughATask) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    story s;
    std::mt19937_64 random(seed);
    for (std::uint64_t t = 1; t <= 8 + 3 * seed; ++t) {
      s.main().at(static_cast<std::int64_t>(t)).submit(t);
      for (auto n = random() % 3; n > 0 && t > 1; --n)
        s.main().dependency(t, 1 + random() % (t - 1));
    }
    const index of(s.told());
    const auto drawn = graph_of(of);
    const auto all = boxes(drawn);
    ASSERT_EQ(all.size(), of.tasks().size());
    for (const auto& l : lines(drawn)) {
      for (const auto& [task, at] : all) {
        for (int k = 0; k <= 50; ++k) {
          const auto share = static_cast<float>(k) / 50;
          const fronta::viz::point p{l.from.x + (l.to.x - l.from.x) * share,
                                     l.from.y + (l.to.y - l.from.y) * share};
          const rect inner{at.x + 2, at.y + 2, at.width - 4, at.height - 4};
          ASSERT_FALSE(inner.contains(p)) << task;
        }
      }
    }
  }
}

TEST(Graph, GroupsAHundredThousandTasksAndCountsThemAll) {
  fronta::trace::file_contents file;
  file.threads.push_back({.system_number = 1, .name = "cpu 0", .executor = 1, .place = 0});
  file.texts = {"", "read", "parse"};
  using fronta::trace::event_kind;
  constexpr std::uint64_t tasks = 100'000;
  for (std::uint64_t t = 1; t <= tasks; ++t) {
    const auto at = static_cast<std::int64_t>(t) * 1'000;
    const auto add = [&](std::int64_t time, event_kind k, std::uint64_t argument = 0) {
      file.events.push_back(
          {.time = time,
           .thread = 0,
           .text = k == event_kind::submit ? 2 - static_cast<std::uint32_t>(t % 2) : 0,
           .what = {k, 1, 0, t, argument}});
    };
    add(at, event_kind::submit);
    if (t % 2 == 0) add(at, event_kind::dependency, t - 1);
    add(at + 10, event_kind::start);
    add(at + 900, event_kind::finish, t % 1'000 == 0 ? 1 : 0);
  }
  file.known_until = file.events.back().time;
  const index of(std::move(file));
  const auto s = graph_of(of, of.begin() + (of.end() - of.begin()) / 2);
  EXPECT_LT(s.primitives.size(), 200U);
  EXPECT_THAT(texts_in(s), Contains("read ×50 000"));
  EXPECT_THAT(texts_in(s), Contains("parse ×50 000"));
  EXPECT_THAT(texts_in(s),
              Contains("100 000 tasks in 2 groups by name and step; 50 000 are to come."));
  EXPECT_THAT(s.hits, Contains(::testing::Field(
                          &fronta::viz::hit::tip,
                          "parse ×50 000: 24 950 done, 50 failed, 25 000 not submitted yet")));
}

TEST(Graph, SaysWhyThereIsNothing) {
  EXPECT_THAT(texts_in(graph_of(index(fronta::trace::file_contents())), "graph"),
              ::testing::ElementsAre("The trace is empty: there are no tasks."));
  story s;
  s.main().at(5).message("hello");
  EXPECT_THAT(texts_in(graph_of(index(s.told())), "graph"),
              ::testing::ElementsAre("No task was submitted while this was recorded."));
  s.main().at(50).submit(1);
  EXPECT_THAT(texts_in(graph_of(index(s.told()), 10), "graph"),
              ::testing::ElementsAre("No task has been submitted yet."));
}

}  // namespace
