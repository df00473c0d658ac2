// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fronta::viz {

/// A graph drawn in columns from left to right: what depends on something is right of it. A node
/// stands for one task, or for a group of them. Lengths are in rows and columns, so that pictures
/// of all sizes share it.
struct graph_layout {
  struct node {
    task_number first = no_task;  ///< its task, or the first of them
    std::uint32_t size = 0;       ///< how many tasks
    std::uint32_t column = 0;
    float y = 0;           ///< of its middle, in rows from the top
    std::string name;      ///< of all of its tasks; "#" stands for numbers that differ
    bool on_path = false;  ///< one of its tasks is on the critical path
  };
  /// From a column to the next: a part of one or more edges.
  struct link {
    float from_y = 0;
    float to_y = 0;
    std::uint32_t column = 0;        ///< that it begins in
    std::uint32_t from_node = none;  ///< where it begins at one; else it comes from another link
    std::uint32_t to_node = none;    ///< likewise where it ends
    bool nesting = false;            ///< all that it is part of are from parents to children
  };
  struct edge {
    std::uint32_t from = 0;  ///< nodes
    std::uint32_t to = 0;
    std::uint32_t first_link = 0;  ///< in `ways`
    std::uint32_t links = 0;
    bool nesting = false;     ///< from the parent; else from an input
    std::uint32_t count = 0;  ///< of how many tasks
    bool on_path = false;     ///< the critical path goes this way
  };

  std::vector<node> nodes;
  std::vector<link> links;
  std::vector<std::uint32_t> ways;  ///< of each edge the links from its begin to its end
  std::vector<edge> edges;          ///< by `from` and `to`
  std::size_t columns = 0;
  float rows = 0;
  bool grouped = false;

  static constexpr float node_height = 1;
  static constexpr float group_height = 2;
  [[nodiscard]] float height_of(const node& n) const noexcept {
    return grouped && n.size > 1 ? group_height : node_height;
  }
  /// The edge between two nodes; null if there is none.
  [[nodiscard]] const edge* find(std::uint32_t from, std::uint32_t to) const noexcept;
};

/// The graph of all tasks of a trace, from one node a task, where these are few enough, to few
/// groups: by name, step and parent's group; by name and step; by name and several steps. Depends
/// on nothing but the trace, so nothing moves while time goes on. Where it is made it takes time
/// linear in the number of tasks and changes.
class graph_layouts {
 public:
  explicit graph_layouts(const index& of);

  /// The finest first. Empty without tasks; the last one is small.
  [[nodiscard]] std::size_t count() const noexcept { return levels_.size(); }
  [[nodiscard]] const graph_layout& at(std::size_t number) const noexcept {
    return levels_[number].graph;
  }
  /// `none` for a task that was never submitted.
  [[nodiscard]] std::uint32_t node_of(std::size_t number, task_number t) const noexcept {
    return levels_[number].nodes[t];
  }
  /// How many tasks of each node look like what: as many as there are looks for each node, in
  /// their order. Tasks that are not submitted yet are not counted.
  [[nodiscard]] std::vector<std::uint32_t> counts_at(const index& of, std::size_t number,
                                                     std::int64_t t) const;

  /// More than that are never drawn one by one.
  static constexpr std::size_t most_nodes = 400;
  static constexpr std::size_t most_edges = 1'000;
  /// What stands below another in a column, at most: more of one step take more columns.
  static constexpr std::size_t most_in_column = 16;

 private:
  struct level {
    graph_layout graph;
    std::vector<std::uint32_t> nodes;   // of each task
    std::size_t apart = 1;              // changes between two of the counts
    std::vector<std::uint32_t> counts;  // of all nodes and looks, one after the other
  };

  void add_level(const index& of, std::vector<std::uint32_t> groups, std::size_t number,
                 const std::vector<std::uint32_t>& columns, bool grouped, bool last);
  static void count(const index& of, level& l);
  static void mark_path(const index& of, level& l);
  std::vector<std::uint32_t> ranks_;
  std::vector<level> levels_;
};

/// Made when it is first asked for; lives as long as `of`. Thread-safe.
[[nodiscard]] const graph_layouts& graph_layouts_of(const index& of);

}  // namespace fronta::viz
