// SPDX-License-Identifier: Apache-2.0
#include "task_kinds.hpp"

#include "compare.hpp"
#include "summaries.hpp"
#include "task_groups.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

namespace fronta::viz {

kind_look look_of_kind(const theme& t, std::size_t kind) noexcept {
  // Those that no state has which stays beside them in a lane.
  constexpr std::array fills{look::running, look::on_device, look::done};
  static_assert(most_kinds == 2 * fills.size());
  const auto& s = t.of(kind < most_kinds ? fills[kind % fills.size()] : look::retry_wait);
  return {s.fill, s.ink, kind < most_kinds && kind >= fills.size()};
}

task_kinds::task_kinds(const index& of) : groups_(&of.whole().groups_of(of)) {
  std::map<std::string_view, std::int64_t> ran;
  for (const auto& e : name_totals_of(of).by_kind()) ran[e.name] = e.ran;
  std::vector<std::pair<std::int64_t, std::uint32_t>> by_time;
  for (std::uint32_t g = 0; g < groups_->size(); ++g) {
    const auto found = ran.find(groups_->name(g));
    by_time.emplace_back(found == ran.end() ? 0 : -found->second, g);
  }
  std::ranges::sort(by_time);
  kinds_.assign(groups_->size(), most_kinds);
  for (const auto& [time, g] : by_time) {
    if (names_.size() == most_kinds) break;
    kinds_[g] = names_.size();
    names_.push_back(groups_->name(g));
  }
  others_ = groups_->size() - names_.size();
}

std::size_t task_kinds::of(task_number t) const noexcept {
  return t == no_task ? most_kinds : kinds_[groups_->of(t)];
}

const task_kinds& summaries::kinds_of(const index& of) {
  return make(kinds_, [&] { return std::make_shared<const task_kinds>(of); });
}

const task_kinds& kinds_of(const index& of) { return of.whole().kinds_of(of); }

}  // namespace fronta::viz
