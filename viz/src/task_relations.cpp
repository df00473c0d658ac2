// SPDX-License-Identifier: Apache-2.0
#include "task_relations.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace fronta::viz {

template <class Each>
void task_relations::table::fill(std::size_t tasks, Each each) {
  firsts.assign(tasks + 1, 0);
  each([&](task_number t, std::uint32_t) { ++firsts[t + std::size_t{1}]; });
  std::partial_sum(firsts.begin(), firsts.end(), firsts.begin());
  numbers.resize(firsts.back());
  auto next = firsts;
  each([&](task_number t, std::uint32_t number) { numbers[next[t]++] = number; });
}

task_relations::task_relations(const index& of) {
  const auto tasks = of.tasks().size();
  const auto events = of.events();
  events_.fill(tasks, [&](auto add) {
    for (std::uint32_t e = 0; e < events.size(); ++e) {
      if (events[e].task != no_task) add(events[e].task, e);
    }
  });
  // The model has the edges in the order in which they were told, less those that make no sense.
  uses_.fill(tasks, [&](auto add) {
    std::size_t edge = 0;
    for (std::uint32_t e = 0; e < events.size() && edge < of.edges().size(); ++e) {
      if (events[e].what() != trace::event_kind::dependency) continue;
      const auto [from, to] = of.edges()[edge];
      if (to != events[e].task || of.tasks()[from].id != events[e].argument) continue;
      add(from, e);
      ++edge;
    }
  });
  children_.fill(tasks, [&](auto add) {
    for (task_number t = 0; t < tasks; ++t) {
      if (const auto parent = of.tasks()[t].parent; parent != no_task) add(parent, t);
    }
  });
  by_id_.resize(tasks);
  std::iota(by_id_.begin(), by_id_.end(), task_number{0});
  std::ranges::sort(by_id_, {}, [&](task_number t) {
    return std::pair(of.tasks()[t].id, of.tasks()[t].executor);
  });
}

std::optional<task_number> task_relations::find(const index& of, std::uint16_t executor,
                                                std::uint64_t id) const noexcept {
  const auto key = [&](task_number t) {
    return std::pair(of.tasks()[t].id, of.tasks()[t].executor);
  };
  const auto at = std::ranges::lower_bound(by_id_, std::pair(id, executor), {}, key);
  if (at == by_id_.end() || key(*at) != std::pair(id, executor)) return std::nullopt;
  return *at;
}

std::vector<task_number> tasks_of_changes(const index& of) {
  std::vector<task_number> tasks(of.changes().size(), no_task);
  for (task_number t = 0; t < of.tasks().size(); ++t) {
    for (auto c = of.tasks()[t].last_change; c != none; c = of.changes()[c].previous) tasks[c] = t;
  }
  return tasks;
}

}  // namespace fronta::viz
