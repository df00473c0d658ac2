// SPDX-License-Identifier: Apache-2.0
#include <src/graph_layout.hpp>

#include <fronta/viz/theme.hpp>

#include <gmock/gmock.h>

#include "random_graph.hpp"
#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using fronta::test::edges_of;
using fronta::test::random_graph;
using fronta::test::soup;
using fronta::test::story;
using fronta::viz::graph_layout;
using fronta::viz::graph_layouts;
using fronta::viz::index;
using fronta::viz::none;
using fronta::viz::task_number;

const graph_layout& finest(const graph_layouts& all) { return all.at(0); }
const graph_layout::node& node_of(const graph_layouts& all, task_number t) {
  return all.at(0).nodes[all.node_of(0, t)];
}

struct graph_case {
  std::string name;
  index of;
  graph_layouts all;
};

const std::vector<graph_case>& cases() {
  static const auto made = [] {
    std::vector<graph_case> result;
    const auto add = [&](std::string name, fronta::trace::file_contents told) {
      index of(std::move(told));
      graph_layouts all(of);
      result.push_back({std::move(name), std::move(of), std::move(all)});
    };
    for (std::uint64_t seed = 0; seed < 32; ++seed)
      add("soup " + std::to_string(seed), soup(seed).of(seed % 8 == 0 ? 6'000 : 400));
    for (std::uint64_t seed = 0; seed < 12; ++seed)
      add("graph " + std::to_string(seed), random_graph(seed, 10 + seed * 40));
    return result;
  }();
  return made;
}

template <class Check>
void for_each_graph(Check check) {
  for (const auto& one : cases()) {
    SCOPED_TRACE(one.name);
    check(one.of, one.all);
  }
}

TEST(GraphLayout, HasEachSubmittedTaskInOneNode) {
  for_each_graph([](const index& of, const graph_layouts& all) {
    for (std::size_t level = 0; level < all.count(); ++level) {
      std::vector<std::uint32_t> sizes(all.at(level).nodes.size());
      for (task_number t = 0; t < of.tasks().size(); ++t) {
        const auto n = all.node_of(level, t);
        ASSERT_EQ(n == none, of.tasks()[t].last_change == none);
        if (n != none) ++sizes[n];
      }
      for (std::size_t n = 0; n < sizes.size(); ++n)
        ASSERT_EQ(all.at(level).nodes[n].size, sizes[n]);
    }
  });
}

TEST(GraphLayout, PutsNothingLeftOfWhatItDependsOn) {
  for_each_graph([](const index&, const graph_layouts& all) {
    for (std::size_t level = 0; level < all.count(); ++level) {
      const auto& g = all.at(level);
      for (const auto& e : g.edges) ASSERT_LT(g.nodes[e.from].column, g.nodes[e.to].column);
    }
  });
}

TEST(GraphLayout, ShowsEveryInputOfATask) {
  for_each_graph([](const index& of, const graph_layouts& all) {
    if (all.count() == 0 || finest(all).grouped) return;
    for (const auto& e : edges_of(of)) {
      const auto from = all.node_of(0, e.from);
      const auto to = all.node_of(0, e.to);
      if (from == none || to == none) continue;
      const auto* found = finest(all).find(from, to);
      ASSERT_NE(found, nullptr);
      ASSERT_FALSE(found->nesting);
    }
  });
}

TEST(GraphLayout, LetsNothingOverlap) {
  for_each_graph([](const index&, const graph_layouts& all) {
    for (std::size_t level = 0; level < all.count(); ++level) {
      const auto& g = all.at(level);
      // Nodes, and the lines that pass by, which need less room.
      std::vector<std::vector<std::pair<float, float>>> columns(g.columns);
      for (const auto& n : g.nodes) {
        const auto half = g.height_of(n) / 2;
        ASSERT_GE(n.y - half, -0.01F);
        ASSERT_LE(n.y + half, g.rows + 0.01F);
        columns[n.column].emplace_back(n.y - half, n.y + half);
      }
      std::set<std::pair<std::uint32_t, float>> bends;
      for (const auto& l : g.links) {
        if (l.to_node == none) bends.emplace(l.column + 1, l.to_y);
      }
      for (const auto& [column, y] : bends) columns[column].emplace_back(y, y);
      for (auto& c : columns) {
        std::ranges::sort(c);
        for (std::size_t i = 1; i < c.size(); ++i) ASSERT_GE(c[i].first, c[i - 1].second - 0.01F);
      }
    }
  });
}

TEST(GraphLayout, LeadsEveryEdgeFromItsBeginToItsEnd) {
  for_each_graph([](const index&, const graph_layouts& all) {
    for (std::size_t level = 0; level < all.count(); ++level) {
      const auto& g = all.at(level);
      for (const auto& e : g.edges) {
        ASSERT_EQ(e.links, g.nodes[e.to].column - g.nodes[e.from].column);
        auto column = g.nodes[e.from].column;
        auto y = g.nodes[e.from].y;
        for (std::uint32_t k = 0; k < e.links; ++k) {
          const auto& l = g.links[g.ways[e.first_link + k]];
          ASSERT_EQ(l.column, column++);
          ASSERT_EQ(l.from_y, y);
          ASSERT_EQ(l.from_node, k == 0 ? e.from : none);
          ASSERT_EQ(l.to_node, k + 1 == e.links ? e.to : none);
          y = l.to_y;
        }
        ASSERT_EQ(y, g.nodes[e.to].y);
      }
    }
  });
}

TEST(GraphLayout, CountsWhatTasksDoAtAnyMoment) {
  for_each_graph([](const index& of, const graph_layouts& all) {
    for (const int tenths : {-1, 0, 3, 7, 10}) {
      const auto t = of.begin() + (of.end() - of.begin()) * tenths / 10 - (tenths < 0 ? 1 : 0);
      for (std::size_t level = 0; level < all.count(); ++level) {
        std::vector<std::uint32_t> expected(all.at(level).nodes.size() * fronta::viz::looks);
        for (task_number k = 0; k < of.tasks().size(); ++k) {
          const auto c = of.state_of(k, t);
          if (!c) continue;
          ++expected[all.node_of(level, k) * fronta::viz::looks +
                     static_cast<std::size_t>(look_of(of, *c))];
        }
        ASSERT_EQ(all.counts_at(of, level, t), expected);
      }
    }
  });
}

TEST(GraphLayout, UntanglesWhatNeedNotCross) {
  story s;
  s.main().at(0).submit(1).submit(2).submit(3).submit(4);
  s.main().dependency(3, 2).dependency(4, 1);
  const index of(s.told());
  const graph_layouts all(of);
  EXPECT_EQ(node_of(all, 0).y < node_of(all, 1).y, node_of(all, 3).y < node_of(all, 2).y);
}

TEST(GraphLayout, DrawsAChainStraight) {
  story s;
  for (std::uint64_t t = 1; t <= 12; ++t) {
    s.main().at(static_cast<std::int64_t>(t)).submit(t);
    if (t > 1) s.main().dependency(t, t - 1);
  }
  const index of(s.told());
  const graph_layouts all(of);
  for (const auto& n : finest(all).nodes) EXPECT_FLOAT_EQ(n.y, finest(all).nodes[0].y);
  EXPECT_EQ(finest(all).columns, 12U);
}

TEST(GraphLayout, LeavesOutTheParentWhereASiblingLeadsToATask) {
  story s;
  s.main().at(0).submit(1).at(1).submit(2, {}, 1).submit(3, {}, 1).dependency(3, 2);
  const index of(s.told());
  const graph_layouts all(of);
  ASSERT_NE(finest(all).find(0, 1), nullptr);
  EXPECT_TRUE(finest(all).find(0, 1)->nesting);
  EXPECT_NE(finest(all).find(1, 2), nullptr);
  EXPECT_EQ(finest(all).find(0, 2), nullptr);
}

TEST(GraphLayout, GroupsWhatIsTooMuchByNameAndStep) {
  story s;
  for (std::uint64_t k = 0; k < 300; ++k) {
    const auto number = std::to_string(k);
    s.main().submit(2 * k + 1, "read " + number).submit(2 * k + 2, "parse " + number);
    s.main().dependency(2 * k + 2, 2 * k + 1);
  }
  const index of(s.told());
  const graph_layouts all(of);
  ASSERT_TRUE(finest(all).grouped);
  ASSERT_EQ(finest(all).nodes.size(), 2U);
  EXPECT_EQ(finest(all).nodes[0].name, "read #");
  EXPECT_EQ(finest(all).nodes[0].size, 300U);
  EXPECT_EQ(finest(all).nodes[1].name, "parse #");
  ASSERT_EQ(finest(all).edges.size(), 1U);
  EXPECT_EQ(finest(all).edges[0].count, 300U);
}

TEST(GraphLayout, IsSmallAtLastHoweverMuchThereIs) {
  for (const std::uint64_t names : {1U, 7U, 3'000U}) {
    story s;
    for (std::uint64_t t = 1; t <= 3'000; ++t) {
      std::string name(1 + t % names % 40, 'x');
      name += static_cast<char>('a' + t % names % 26);
      s.main().at(static_cast<std::int64_t>(t)).submit(t, name);
      if (t > 1) s.main().dependency(t, t - 1);
      if (t > 30) s.main().dependency(t, t - 30);
    }
    const index of(s.told());
    const graph_layouts all(of);
    ASSERT_GT(all.count(), 0U);
    const auto& last = all.at(all.count() - 1);
    EXPECT_LE(last.columns, 4U);
    EXPECT_LE(last.nodes.size(), 20U);
    for (std::size_t level = 0; level < all.count(); ++level) {
      EXPECT_LE(all.at(level).nodes.size(), graph_layouts::most_nodes);
      EXPECT_LE(all.at(level).edges.size(), graph_layouts::most_edges);
    }
  }
}

TEST(GraphLayout, OfNothingIsEmpty) {
  EXPECT_EQ(graph_layouts(index(fronta::trace::file_contents())).count(), 0U);
}

}  // namespace
