// SPDX-License-Identifier: Apache-2.0
#include "task_kinds.hpp"

#include "summaries.hpp"
#include "task_groups.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace fronta::viz {

kind_look look_of_kind(const theme& t, std::size_t kind) noexcept {
  // Those that no state has which stays beside them in a lane.
  constexpr std::array fills{look::running, look::on_device, look::done};
  static_assert(most_kinds == 2 * fills.size());
  const auto& s = t.of(kind < most_kinds ? fills[kind % fills.size()] : look::retry_wait);
  return {s.fill, s.ink, kind < most_kinds && kind >= fills.size()};
}

task_kinds::task_kinds(const index& of) : groups_(&of.whole().groups_of(of)) {
  constexpr auto unseen = std::numeric_limits<std::size_t>::max();
  numbers_.assign(groups_->size(), unseen);
  // What was only mentioned has no change.
  std::vector<bool> comes(groups_->size());
  std::size_t to_come = 0;
  for (task_number t = 0; t < of.tasks().size(); ++t) {
    const auto g = groups_->of(t);
    if (comes[g] || of.tasks()[t].last_change == none) continue;
    comes[g] = true;
    ++to_come;
  }
  const auto changes = of.changes();
  for (std::uint32_t c = 0; c < changes.size() && to_come != 0; ++c) {
    const auto one = changes[c];
    if (one.previous != none) continue;
    const auto t = of.task_of(c);
    auto& number = numbers_[groups_->of(t)];
    if (number == unseen) {
      number = kinds_.size();
      auto& k = kinds_.emplace_back();
      k.from = of.time_of(one);
      if (number < most_kinds) {
        k.first_name = of.name_of(t);
        k.name = groups_->name(groups_->of(t));
      }
      // Else a task with another name is to come, too.
      if (k.first_name == k.name) --to_come;
    } else if (number < most_kinds) {
      auto& k = kinds_[number];
      if (k.many_from != forever || of.name_of(t) == k.first_name) continue;
      k.many_from = of.time_of(one);
      --to_come;
    }
  }
}

std::size_t task_kinds::others_at(std::int64_t t) const noexcept {
  const auto end = std::ranges::upper_bound(kinds_, t, {}, &kind::from);
  const auto known = static_cast<std::size_t>(end - kinds_.begin());
  return known - std::min(known, most_kinds);
}

std::size_t task_kinds::of(task_number t) const noexcept {
  return t == no_task ? most_kinds : std::min(numbers_[groups_->of(t)], most_kinds);
}

const task_kinds& summaries::kinds_of(const index& of) {
  return make(kinds_, [&] { return std::make_shared<const task_kinds>(of); });
}

const task_kinds& kinds_of(const index& of) { return of.whole().kinds_of(of); }

}  // namespace fronta::viz
