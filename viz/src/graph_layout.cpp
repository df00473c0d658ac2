// SPDX-License-Identifier: Apache-2.0
#include "graph_layout.hpp"

#include "summaries.hpp"
#include "task_groups.hpp"
#include "task_relations.hpp"

#include <fronta/viz/critical_path.hpp>
#include <fronta/viz/theme.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>

namespace fronta::viz {
namespace {

constexpr float bend_height = 0.3F;  // rows that a line passing by takes
constexpr std::size_t most_bends = 3'000;
constexpr auto several_names = "several names";

// Positions as near as can be to those that are wanted, in order and far enough apart: the sum of
// squares of the differences is least (pooling of adjacent violators).
void place_in_order(std::vector<float>& wanted, const std::vector<float>& apart, float room) {
  // Less what must lie before, they only must not decrease.
  struct pool {
    double sum;
    std::size_t size;
    [[nodiscard]] double mean() const { return sum / static_cast<double>(size); }
  };
  std::vector<pool> pools;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    pools.push_back({static_cast<double>(wanted[i]) - static_cast<double>(apart[i]), 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() >= pools.back().mean()) {
      const auto last = pools.back();
      pools.pop_back();
      pools.back().sum += last.sum;
      pools.back().size += last.size;
    }
  }
  std::size_t i = 0;
  for (const auto& p : pools) {
    const auto z = std::clamp(static_cast<float>(p.mean()), 0.0F, std::max(0.0F, room));
    for (std::size_t n = 0; n < p.size; ++n, ++i) wanted[i] = z + apart[i];
  }
}

// One graph: its nodes in columns, long edges with a bend in each column that they pass.
class arrangement {
 public:
  explicit arrangement(graph_layout& made) : made_(made) {}

  // Nodes have their columns, of which those of one step follow one another, and edges their ends.
  // False if it would be too much to look at.
  bool run() {
    stack_components();
    split_columns();
    if (!add_bends()) return false;
    order();
    place();
    write();
    return true;
  }

 private:
  struct item {
    std::uint32_t node = none;  // none: a bend
    std::uint32_t column = 0;
    float height = 0;
    float y = 0;
    std::uint32_t position = 0;  // in its column
    std::uint32_t begins = 0;    // the first task, for the order at first
    std::vector<std::uint32_t> left;
    std::vector<std::uint32_t> right;
  };

  // Where a step has too many nodes, parts that nothing connects come one after the other, as many
  // at a time as can be read.
  void stack_components() {
    auto& nodes = made_.nodes;
    std::vector<std::uint32_t> of(nodes.size());
    std::iota(of.begin(), of.end(), 0U);
    const auto find = [&](std::uint32_t n) {
      while (of[n] != n) n = of[n] = of[of[n]];
      return n;
    };
    for (const auto& e : made_.edges) {
      const auto a = find(e.from);
      const auto b = find(e.to);
      of[std::max(a, b)] = std::min(a, b);
    }
    std::uint32_t steps = 0;
    for (const auto& n : nodes) steps = std::max(steps, n.column + 1);
    std::vector<float> heights(steps);
    for (const auto& n : nodes) heights[n.column] += made_.height_of(n);
    const auto most = static_cast<float>(graph_layouts::most_in_column);
    const auto highest = std::ranges::max(heights);
    if (highest <= most) return;
    const auto each = std::ceil(highest / std::ceil(highest / most));
    std::map<std::uint32_t, std::vector<std::uint32_t>> parts;  // by the first node of each
    for (std::uint32_t n = 0; n < nodes.size(); ++n) parts[find(n)].push_back(n);
    std::uint32_t before = 0;  // columns
    std::ranges::fill(heights, 0.0F);
    for (const auto& [first, part] : parts) {
      auto with = heights;
      for (const auto n : part) with[nodes[n].column] += made_.height_of(nodes[n]);
      if (std::ranges::max(with) > each && std::ranges::max(heights) > 0) {
        before += steps;
        std::ranges::fill(with, 0.0F);
        for (const auto n : part) with[nodes[n].column] += made_.height_of(nodes[n]);
      }
      heights = std::move(with);
      for (const auto n : part) nodes[n].column += before;
    }
  }

  // No column holds more than can be read; those of one step stay in order.
  void split_columns() {
    auto& nodes = made_.nodes;
    std::vector<std::uint32_t> by_column(nodes.size());
    std::iota(by_column.begin(), by_column.end(), 0U);
    std::ranges::sort(by_column, {},
                      [&](std::uint32_t n) { return std::pair(nodes[n].column, nodes[n].first); });
    std::uint32_t column = 0;
    for (std::size_t i = 0; i < by_column.size();) {
      auto last = i;
      float height = 0;
      while (last < by_column.size() && nodes[by_column[last]].column == nodes[by_column[i]].column)
        height += made_.height_of(nodes[by_column[last++]]);
      // Equally many in each.
      const auto most = static_cast<float>(graph_layouts::most_in_column);
      const auto columns = std::max(1.0F, std::ceil(height / most));
      const auto each = static_cast<std::size_t>(std::ceil(static_cast<float>(last - i) / columns));
      std::vector<std::pair<std::uint32_t, std::uint32_t>> set;
      for (auto k = i; k < last; ++k)
        set.emplace_back(by_column[k], column + static_cast<std::uint32_t>((k - i) / each));
      for (const auto& [n, c] : set) split_.emplace_back(n, c);
      column = set.back().second + 1;
      i = last;
    }
    for (const auto& [n, c] : split_) nodes[n].column = c;
    made_.columns = column;
  }

  bool add_bends() {
    const auto& nodes = made_.nodes;
    for (std::uint32_t n = 0; n < nodes.size(); ++n)
      items_.push_back(
          {n, nodes[n].column, made_.height_of(nodes[n]), 0, 0, nodes[n].first, {}, {}});
    // Edges of one node share their way: of the one that has more of them.
    std::vector<std::uint32_t> out(nodes.size());
    std::vector<std::uint32_t> in(nodes.size());
    for (const auto& e : made_.edges) {
      ++out[e.from];
      ++in[e.to];
    }
    std::map<std::tuple<bool, bool, std::uint32_t, std::uint32_t>, std::uint32_t> bends;
    for (auto& e : made_.edges) {
      const bool by_target = in[e.to] > out[e.from];
      const auto shared = by_target ? e.to : e.from;
      std::vector<std::uint32_t> way{e.from};
      for (auto c = nodes[e.from].column + 1; c < nodes[e.to].column; ++c) {
        const auto [at, fresh] = bends.try_emplace({e.nesting, by_target, shared, c},
                                                   static_cast<std::uint32_t>(items_.size()));
        if (fresh) items_.push_back({none, c, bend_height, 0, 0, nodes[shared].first, {}, {}});
        way.push_back(at->second);
      }
      if (bends.size() > most_bends) return false;
      way.push_back(e.to);
      e.first_link = static_cast<std::uint32_t>(made_.ways.size());
      e.links = static_cast<std::uint32_t>(way.size() - 1);
      for (std::size_t i = 1; i < way.size(); ++i) {
        const auto [at, fresh] =
            links_.try_emplace({way[i - 1], way[i]}, static_cast<std::uint32_t>(ends_.size()));
        if (fresh) {
          ends_.push_back({way[i - 1], way[i], true});
          items_[way[i - 1]].right.push_back(way[i]);
          items_[way[i]].left.push_back(way[i - 1]);
        }
        ends_[at->second].nesting = ends_[at->second].nesting && e.nesting;
        made_.ways.push_back(at->second);
      }
    }
    return true;
  }

  // ---- Who stands above whom: few crossings, by means of neighbours' positions, to and fro.

  void order() {
    columns_.resize(made_.columns);
    for (std::uint32_t i = 0; i < items_.size(); ++i) columns_[items_[i].column].push_back(i);
    for (auto& c : columns_)
      std::ranges::sort(c, {}, [&](std::uint32_t i) { return std::pair(items_[i].begins, i); });
    number();
    auto best = columns_;
    auto fewest = crossings();
    constexpr int sweeps = 8;
    for (int s = 0; s < sweeps && fewest != 0; ++s) {
      const bool forwards = s % 2 == 0;
      for (std::size_t k = 0; k < columns_.size(); ++k)
        sort(forwards ? k : columns_.size() - 1 - k, forwards);
      if (const auto now = crossings(); now < fewest) {
        fewest = now;
        best = columns_;
      }
    }
    columns_ = std::move(best);
    number();
  }
  void number() {
    for (const auto& c : columns_) {
      for (std::uint32_t i = 0; i < c.size(); ++i) items_[c[i]].position = i;
    }
  }
  void sort(std::size_t column, bool forwards) {
    auto& c = columns_[column];
    std::vector<std::pair<double, std::uint32_t>> keys;
    keys.reserve(c.size());
    for (const auto i : c) {
      const auto& by = forwards ? items_[i].left : items_[i].right;
      double sum = 0;
      for (const auto n : by) {
        // In parts of its column, so that those without neighbours can stand between.
        const auto size = columns_[items_[n].column].size();
        sum += (items_[n].position + 0.5) / static_cast<double>(size);
      }
      const auto own = (items_[i].position + 0.5) / static_cast<double>(c.size());
      keys.emplace_back(by.empty() ? own : sum / static_cast<double>(by.size()), i);
    }
    std::ranges::sort(keys, {}, [&](const std::pair<double, std::uint32_t>& k) {
      return std::pair(k.first, items_[k.second].position);
    });
    for (std::uint32_t k = 0; k < c.size(); ++k) {
      c[k] = keys[k].second;
      items_[c[k]].position = k;
    }
  }
  [[nodiscard]] std::size_t crossings() const {
    std::size_t found = 0;
    for (std::size_t k = 0; k + 1 < columns_.size(); ++k) {
      // Inversions among the right ends, the left ones in order.
      std::vector<std::uint32_t> counts(columns_[k + 1].size() + 1);
      std::size_t all = 0;
      for (const auto i : columns_[k]) {
        for (const auto n : items_[i].right) {
          std::size_t above = 0;  // of those before, which end at it or higher up
          for (auto p = std::size_t{items_[n].position} + 1; p != 0; p &= p - 1) above += counts[p];
          found += all - above;
        }
        for (const auto n : items_[i].right) {
          for (auto p = std::size_t{items_[n].position} + 1; p < counts.size(); p += p & (~p + 1))
            ++counts[p];
          ++all;
        }
      }
    }
    return found;
  }

  // ---- Where exactly.

  void place() {
    float rows = 1;
    std::vector<std::vector<float>> apart(columns_.size());
    for (std::size_t k = 0; k < columns_.size(); ++k) {
      float top = 0;
      for (const auto i : columns_[k]) {
        apart[k].push_back(top + items_[i].height / 2);
        top += items_[i].height;
      }
      rows = std::max(rows, top);
      for (std::size_t n = 0; n < columns_[k].size(); ++n)
        items_[columns_[k][n]].y = apart[k][n] - top / 2;
    }
    for (auto& i : items_) i.y += rows / 2;
    made_.rows = rows;
    constexpr int sweeps = 10;
    for (int s = 0; s < sweeps; ++s) {
      // At last by both sides.
      const bool left = s % 2 == 0 || s + 2 >= sweeps;
      const bool right = s % 2 == 1 || s + 2 >= sweeps;
      for (std::size_t n = 0; n < columns_.size(); ++n) {
        const auto k = s % 2 == 0 ? n : columns_.size() - 1 - n;
        std::vector<float> wanted;
        float last = 0;
        for (const auto i : columns_[k]) {
          float sum = 0;
          float count = 0;
          const auto add = [&](const std::vector<std::uint32_t>& by) {
            for (const auto m : by) {
              sum += items_[m].y;
              ++count;
            }
          };
          if (left) add(items_[i].left);
          if (right) add(items_[i].right);
          wanted.push_back(count > 0 ? sum / count : items_[i].y);
          last = items_[i].height;
        }
        if (wanted.empty()) continue;
        place_in_order(wanted, apart[k], rows - apart[k].back() - last / 2);
        for (std::size_t i = 0; i < wanted.size(); ++i) items_[columns_[k][i]].y = wanted[i];
      }
    }
  }

  void write() {
    for (const auto& i : items_) {
      if (i.node != none) made_.nodes[i.node].y = i.y;
    }
    for (const auto& e : ends_) {
      const auto& from = items_[e.from];
      const auto& to = items_[e.to];
      made_.links.push_back({from.y, to.y, from.column, from.node, to.node, e.nesting});
    }
  }

  struct link_ends {
    std::uint32_t from;
    std::uint32_t to;
    bool nesting;
  };

  graph_layout& made_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> split_;
  std::vector<item> items_;  // nodes first, in their order
  std::vector<link_ends> ends_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> links_;
  std::vector<std::vector<std::uint32_t>> columns_;
};

// Numbers for what is the same, in the order of coming.
template <class Key>
class numbering {
 public:
  std::uint32_t of(const Key& k) {
    return numbers_.try_emplace(k, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }
  [[nodiscard]] std::size_t size() const noexcept { return numbers_.size(); }

 private:
  std::map<Key, std::uint32_t> numbers_;
};

// The most frequent kinds keep their names, the others share one.
std::vector<std::uint32_t> most_frequent(const task_groups& kinds, std::size_t most) {
  const auto of_tasks = kinds.of_tasks();
  const auto count = kinds.size();
  if (count <= most) return {of_tasks.begin(), of_tasks.end()};
  std::vector<std::size_t> sizes(count);
  for (const auto k : of_tasks) ++sizes[k];
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(sizes[b], a) < std::pair(sizes[a], b);
  });
  std::vector<std::uint32_t> shared(count, static_cast<std::uint32_t>(most - 1));
  for (std::uint32_t i = 0; i + 1 < most; ++i) shared[order[i]] = i;
  std::vector<std::uint32_t> result;
  result.reserve(of_tasks.size());
  for (const auto k : of_tasks) result.push_back(shared[k]);
  return result;
}

std::pair<std::uint32_t, std::uint32_t> ends_of(const graph_layout::edge& e) {
  return {e.from, e.to};
}

}  // namespace

const graph_layout::edge* graph_layout::find(std::uint32_t from, std::uint32_t to) const noexcept {
  const auto at = std::ranges::lower_bound(edges, std::pair(from, to), {}, ends_of);
  return at != edges.end() && ends_of(*at) == std::pair(from, to) ? &*at : nullptr;
}

graph_layouts::graph_layouts(const index& of) {
  const auto tasks = of.tasks().size();
  const auto there = [&](task_number t) { return of.tasks()[t].last_change != none; };
  std::size_t submitted = 0;
  for (task_number t = 0; t < tasks; ++t) submitted += there(t) ? 1U : 0U;
  if (submitted == 0) return;
  const auto& related = task_relations_of(of);
  std::uint32_t steps = 0;
  for (task_number t = 0; t < tasks; ++t) {
    std::uint32_t rank = 0;
    related.each_before(of, t, [&](task_number from) {
      if (there(from)) rank = std::max(rank, ranks_[from] + 1);
    });
    ranks_.push_back(rank);
    if (there(t)) steps = std::max(steps, rank + 1);
  }
  std::vector<std::uint32_t> groups(tasks, none);
  std::vector<std::uint32_t> columns;

  if (submitted <= most_nodes) {
    for (task_number t = 0; t < tasks; ++t) {
      if (!there(t)) continue;
      groups[t] = static_cast<std::uint32_t>(columns.size());
      columns.push_back(ranks_[t]);
    }
    add_level(of, groups, columns.size(), columns, false, false);
  }

  const auto& kinds = of.whole().groups_of(of);
  // Numbers each task's key; gives up where there are too many.
  const auto group_by = [&](auto key_of, auto column_of, bool last) {
    numbering<decltype(key_of(task_number{}))> numbers;
    columns.clear();
    for (task_number t = 0; t < tasks; ++t) {
      groups[t] = none;
      if (!there(t)) continue;
      groups[t] = numbers.of(key_of(t));
      if (groups[t] == columns.size()) columns.push_back(column_of(t));
      if (numbers.size() > most_nodes) return;
    }
    add_level(of, groups, columns.size(), columns, true, last);
  };
  const auto rank_of = [&](task_number t) { return ranks_[t]; };
  group_by(
      [&](task_number t) {
        const auto parent = of.tasks()[t].parent;
        return std::tuple(kinds.of(t), ranks_[t], parent == no_task ? none : groups[parent]);
      },
      rank_of, false);
  group_by([&](task_number t) { return std::tuple(kinds.of(t), ranks_[t]); }, rank_of, false);
  // Several steps in a column.
  for (const auto& [most_columns, most_kinds] :
       {std::pair<std::uint32_t, std::size_t>{32, 12}, {16, 10}, {8, 8}, {4, 5}}) {
    const bool last = most_columns == 4;
    const auto each = std::max(1U, (steps + most_columns - 1) / most_columns);
    const auto few = most_frequent(kinds, most_kinds);
    group_by([&](task_number t) { return std::tuple(few[t], ranks_[t] / each); },
             [&](task_number t) { return ranks_[t] / each; }, last);
  }
}

void graph_layouts::add_level(const index& of, std::vector<std::uint32_t> groups,
                              std::size_t number, const std::vector<std::uint32_t>& columns,
                              bool grouped, bool last) {
  // As fine as the level before: nothing is won.
  if (!last && !levels_.empty() && levels_.back().graph.nodes.size() <= number) return;
  level made;
  auto& g = made.graph;
  g.grouped = grouped;
  g.nodes.resize(number);
  std::vector<std::uint32_t> texts(number);
  const auto& kinds = of.whole().groups_of(of);
  for (std::size_t n = 0; n < number; ++n) g.nodes[n].column = columns[n];
  for (task_number t = 0; t < groups.size(); ++t) {
    if (groups[t] == none) continue;
    auto& n = g.nodes[groups[t]];
    if (n.size++ == 0) {
      n.first = t;
      n.name = of.name_of(t);
      texts[groups[t]] = of.tasks()[t].text;
    } else if (of.tasks()[t].text != texts[groups[t]] && n.name != of.name_of(t)) {
      texts[groups[t]] = of.tasks()[t].text;
      const bool one_kind = n.name != several_names && kinds.of(n.first) == kinds.of(t);
      n.name = one_kind ? kinds.name(kinds.of(t)) : several_names;
    }
  }
  const auto& related = task_relations_of(of);
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::pair<std::uint32_t, std::uint32_t>> edges;
  for (task_number t = 0; t < groups.size(); ++t) {
    const auto to = groups[t];
    if (to == none) continue;
    const auto parent = of.tasks()[t].parent;
    bool led_to = false;  // its parent is seen to lead to it through an input, or as one
    for (const auto e : related.inputs_of(t)) {
      const auto from = of.events()[e].other();
      led_to = led_to || from == parent || of.tasks()[from].parent == parent;
      // Steps of one column are not told apart.
      if (groups[from] != none && g.nodes[groups[from]].column < g.nodes[to].column)
        ++edges[{groups[from], to}].first;
    }
    if (parent == no_task || led_to || groups[parent] == none) continue;
    if (g.nodes[groups[parent]].column < g.nodes[to].column) ++edges[{groups[parent], to}].second;
    if (edges.size() > most_edges) return;
  }
  if (edges.size() > most_edges) return;
  for (const auto& [ends, counts] : edges) {
    const bool nesting = counts.first == 0;
    g.edges.push_back(
        {ends.first, ends.second, 0, 0, nesting, nesting ? counts.second : counts.first});
  }
  if (!arrangement(g).run()) return;
  made.nodes = std::move(groups);
  if (grouped) count(of, made);
  mark_path(of, made);
  levels_.push_back(std::move(made));
}

void graph_layouts::mark_path(const index& of, level& l) {
  const auto& path = critical_path_of(of);
  const auto node = [&](task_number t) { return t == no_task ? none : l.nodes[t]; };
  for (const auto t : path.tasks) {
    if (node(t) != none) l.graph.nodes[node(t)].on_path = true;
  }
  for (std::size_t s = 1; s < path.steps.size(); ++s) {
    const auto& step = path.steps[s];
    if (step.by != path_link::input && step.by != path_link::submitter) continue;
    const auto pair = std::pair(node(path.steps[s - 1].task), node(step.task));
    const auto e = std::ranges::lower_bound(l.graph.edges, pair, {}, ends_of);
    if (e != l.graph.edges.end() && ends_of(*e) == pair) e->on_path = true;
  }
}

void graph_layouts::count(const index& of, level& l) {
  constexpr std::size_t most = 512;
  constexpr std::size_t least = 4'096;
  l.apart = std::max(least, of.changes().size() / most + 1);
  std::vector<std::uint32_t> counts(l.graph.nodes.size() * looks);
  for (std::uint32_t c = 0; c < of.changes().size(); ++c) {
    if (c % l.apart == 0) l.counts.insert(l.counts.end(), counts.begin(), counts.end());
    const auto& one = of.changes()[c];
    const auto node = l.nodes[of.task_of(c)] * looks;
    ++counts[node + static_cast<std::size_t>(look_of(of, one))];
    if (one.previous != none)
      --counts[node + static_cast<std::size_t>(look_of(of, of.changes()[one.previous]))];
  }
}

std::vector<std::uint32_t> graph_layouts::counts_at(const index& of, std::size_t number,
                                                    std::int64_t t) const {
  const auto& l = levels_[number];
  std::vector<std::uint32_t> counts(l.graph.nodes.size() * looks);
  if (!l.graph.grouped) {
    for (const auto& n : l.graph.nodes) {
      const auto c = of.state_of(n.first, t);
      if (!c) continue;
      ++counts[l.nodes[n.first] * looks + static_cast<std::size_t>(look_of(of, *c))];
    }
    return counts;
  }
  const auto until = static_cast<std::size_t>(
      std::ranges::partition_point(of.changes(),
                                   [&](const change& c) { return of.time_of(c) <= t; }) -
      of.changes().begin());
  if (until == 0) return counts;
  const auto first = (until - 1) / l.apart;
  std::copy_n(l.counts.begin() + static_cast<std::ptrdiff_t>(first * counts.size()), counts.size(),
              counts.begin());
  for (auto c = first * l.apart; c < until; ++c) {
    const auto& one = of.changes()[c];
    const auto node = l.nodes[of.task_of(static_cast<std::uint32_t>(c))] * looks;
    ++counts[node + static_cast<std::size_t>(look_of(of, one))];
    if (one.previous != none)
      --counts[node + static_cast<std::size_t>(look_of(of, of.changes()[one.previous]))];
  }
  return counts;
}

const graph_layouts& summaries::layouts_of(const index& of) {
  return make(layouts_, [&] { return std::make_shared<const graph_layouts>(of); });
}

const graph_layouts& graph_layouts_of(const index& of) { return of.whole().layouts_of(of); }

}  // namespace fronta::viz
