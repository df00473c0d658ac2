// SPDX-License-Identifier: Apache-2.0
#include "task_families.hpp"

#include "summaries.hpp"

#include <algorithm>
#include <memory>

namespace fronta::viz {
namespace {

task_family::whose parents(const task& t) { return {t.executor, t.parent}; }

std::int64_t end_of(const index& of, task_number t) {
  const auto& last = of.changes()[of.tasks()[t].last_change];
  return is_final(last.state) ? of.time_of(last) : forever;
}

std::int64_t begin_of(const index& of, task_number t) {
  auto c = of.tasks()[t].last_change;
  while (of.changes()[c].previous != none) c = of.changes()[c].previous;
  return of.time_of(of.changes()[c]);
}

}  // namespace

task_family::task_family(const index& of, const whose& its)
    : parent_(its.second), begin_(of.begin()), end_(of.begin()) {
  for (task_number t = 0; t < of.tasks().size(); ++t) {
    const auto& one = of.tasks()[t];
    if (one.last_change != none && parents(one) == its)
      members_.push_back({.task = t, .submitted = begin_of(of, t), .ended = end_of(of, t)});
  }
  if (members_.empty()) return;
  std::ranges::sort(members_, {}, [](const member& m) { return std::pair(m.submitted, m.task); });
  begin_ = members_.front().submitted;

  std::int64_t all_before = of.begin();
  for (std::uint32_t i = 0; i < members_.size(); ++i) {
    auto& m = members_[i];
    end_ = std::max(end_, m.ended == forever ? of.end() : m.ended);
    all_before = std::max(all_before, m.ended);
    m.from_map = all_before;
    if (m.ended != forever) by_end_.push_back(i);
  }
  std::ranges::sort(
      by_end_, {}, [&](std::uint32_t i) { return std::pair(members_[i].ended, members_[i].task); });
  ends_by_end_.push_back(0);
  for (const auto i : by_end_) {
    members_[i].rank = static_cast<std::uint32_t>(ends_by_end_.size());
    ends_by_end_.push_back(ends_by_end_.back() + since_begin(members_[i].ended));
  }
  ends_.push_back(0);
  kept_.push_back(0);
  for (const auto& m : members_) {
    if (m.from_map == forever) break;
    ends_.push_back(ends_.back() + since_begin(m.ended));
    kept_.push_back(kept_.back() + static_cast<sum>(m.from_map - m.ended));
  }
}

std::size_t task_family::submitted_by(std::int64_t at) const noexcept {
  const auto end = std::ranges::upper_bound(members_, at, {}, &member::submitted);
  return static_cast<std::size_t>(end - members_.begin());
}

std::size_t task_family::ended_by(std::int64_t at) const noexcept {
  const auto end =
      std::ranges::upper_bound(by_end_, at, {}, [&](std::uint32_t i) { return members_[i].ended; });
  return static_cast<std::size_t>(end - by_end_.begin());
}

const task_family::member* task_family::first_to_end() const noexcept {
  return by_end_.empty() ? nullptr : &members_[by_end_.front()];
}

bool task_family::is_derivable(std::int64_t at) const noexcept {
  const auto* const first = first_to_end();
  if (first == nullptr || first->ended > at) return true;
  const auto later = std::ranges::upper_bound(members_, first->ended, {}, &member::submitted);
  return later == members_.end() || later->submitted > at;
}

std::int64_t task_family::kept_back(std::int64_t at) const noexcept {
  const auto ended = ended_by(at);
  if (ended == 0) return 0;
  // Those that it has handed over are the first ones; the others that have ended it still keeps.
  const auto handed_over = static_cast<std::size_t>(
      std::ranges::upper_bound(members_, std::min(at, forever - 1), {}, &member::from_map) -
      members_.begin());
  const auto still = ended - handed_over;
  const auto ends_of_still = ends_by_end_[ended] - ends_[handed_over];
  return static_cast<std::int64_t>(kept_[handed_over] + still * since_begin(at) - ends_of_still);
}

task_families::task_families(const index& of) {
  std::map<task_family::whose, std::size_t> sizes;
  for (const auto& t : of.tasks()) {
    if (t.last_change != none) ++sizes[parents(t)];
  }
  const auto most = std::ranges::max_element(
      sizes, {},
      [](const std::pair<const task_family::whose, std::size_t>& one) { return one.second; });
  if (most != sizes.end()) largest_ = most->first;
}

const task_family& task_families::of_task(const index& of, task_number selected) const {
  const auto its = selected < of.tasks().size() ? parents(of.tasks()[selected]) : largest_;
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = made_.try_emplace(its);
  if (is_new) at->second = task_family(of, its);
  return at->second;
}

const task_families& summaries::families_of(const index& of) {
  return make(families_, [&] { return std::make_shared<const task_families>(of); });
}

}  // namespace fronta::viz
