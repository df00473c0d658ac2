// SPDX-License-Identifier: Apache-2.0
#include "task_relations.hpp"

#include "summaries.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_set>

namespace fronta::viz {
namespace {

// `each(task, visit)` visits its neighbours.
template <class Each>
std::vector<task_number> reach(task_number t, std::size_t most, Each each) {
  std::vector<task_number> found{t};
  std::unordered_set<task_number> seen{t};
  for (std::size_t i = 0; i < found.size() && found.size() <= most; ++i) {
    each(found[i], [&](task_number next) {
      if (found.size() <= most && seen.insert(next).second) found.push_back(next);
    });
  }
  found.erase(found.begin());
  return found;
}

}  // namespace

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
  // An input that was given twice counts once.
  std::vector<task_number> last(tasks, no_task);
  inputs_.fill(tasks, [&](auto add) {
    std::ranges::fill(last, no_task);
    for (task_number t = 0; t < tasks; ++t) {
      for (const auto e : events_of(t)) {
        const auto& one = events[e];
        if (one.what() != trace::event_kind::dependency || one.other() == no_task) continue;
        if (last[one.other()] == t) continue;
        last[one.other()] = t;
        add(t, e);
      }
    }
  });
  uses_.fill(tasks, [&](auto add) {
    for (task_number t = 0; t < tasks; ++t) {
      for (const auto e : inputs_of(t)) add(events[e].other(), e);
    }
  });
  for (task_number t = 0; t < tasks; ++t) {
    const std::span uses(uses_.numbers.data() + uses_.firsts[t], uses_of(t).size());
    if (!std::ranges::is_sorted(uses)) std::ranges::sort(uses);
  }
  taken_.fill(tasks, [&](auto add) {
    for (std::uint32_t e = 0; e < events.size(); ++e) {
      if (events[e].what() == trace::event_kind::consume && events[e].other() != no_task)
        add(events[e].other(), e);
    }
  });
  children_.fill(tasks, [&](auto add) {
    for (task_number t = 0; t < tasks; ++t) {
      if (const auto parent = of.tasks()[t].parent; parent != no_task) add(parent, t);
    }
  });
}

std::vector<task_number> task_relations::before(const index& of, task_number t,
                                                std::size_t most) const {
  return reach(t, most, [&](task_number one, auto visit) { each_before(of, one, visit); });
}

std::vector<task_number> task_relations::after(const index& of, task_number t,
                                               std::size_t most) const {
  return reach(t, most, [&](task_number one, auto visit) { each_after(of, one, visit); });
}

std::span<const std::uint32_t> told_until(const index& of, std::span<const std::uint32_t> events,
                                          std::int64_t t) noexcept {
  const auto after = std::ranges::partition_point(
      events, [&](std::uint32_t e) { return of.events()[e].time <= t; });
  return {events.begin(), after};
}

const task_relations& task_relations_of(const index& of) { return of.whole().relations_of(of); }

}  // namespace fronta::viz
