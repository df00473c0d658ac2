// SPDX-License-Identifier: Apache-2.0
#include "change_writer.hpp"

#include <algorithm>
#include <utility>

namespace fronta::viz {

const change* change_writer::last_of(task_number t) const {
  const auto c = rows_.tasks[t].last_change;
  return c == none ? nullptr : &rows_.changes[c];
}

bool change_writer::ended(task_number t) const {
  const auto* c = last_of(t);
  return c != nullptr && is_final(c->state);
}

bool change_writer::at_work(task_number t) const {
  const auto* c = last_of(t);
  return c != nullptr && (c->state == task_state::running || c->state == task_state::suspended ||
                          c->state == task_state::copying);
}

std::uint8_t change_writer::attempt_of(task_number t) const {
  const auto* c = last_of(t);
  return c != nullptr ? c->attempt : std::uint8_t{0};
}

void change_writer::keep(task_number t, std::uint32_t event, task_state state,
                         std::uint16_t where) {
  set(t, event, state, where, attempt_of(t));
}

void change_writer::set(task_number t, std::uint32_t event, task_state state, std::uint16_t where,
                        std::uint8_t attempt) {
  auto& changes = rows_.changes;
  const bool several = to_.executors_.size() > 1;
  if (several && by_executor_.empty()) by_executor_.resize(to_.executors_.size() * task_states);
  if (to_.checkpoints_.empty() || to_.checkpoints_.back().changes + apart() <= changes.size())
    to_.checkpoints_.push_back({changes.size(), counts_, by_executor_});
  const auto number = static_cast<std::uint32_t>(changes.size());
  const auto previous = std::exchange(rows_.tasks[t].last_change, number);
  if (previous != none) {
    const auto before = changes[previous];
    --count(static_cast<std::size_t>(before.state));
    if (several) --count_of_executor(t, before.state);
    if (index::is_in_queue(before)) leave_queue(t, before, number);
  }
  changes.push_back({event, previous, where, state, attempt});
  if (to_.events_[event].task != t) to_.by_others_.emplace_back(number, t);
  ++count(static_cast<std::size_t>(state));
  if (several) ++count_of_executor(t, state);
  if (index::is_in_queue(changes.back())) enter_queue(t, where, number);
  to_.present_[static_cast<std::size_t>(state)] = true;
}

void change_writer::leave_queue(task_number t, const change& before, std::uint32_t number) {
  --count(task_states + before.where);
  const auto nth = entry_[t] / block;
  // `none` while one is open; this is the latest end.
  if (--open_[before.where][nth] == 0) to_.queue_rows_[before.where].latest_end[nth] = number;
}

void change_writer::enter_queue(task_number t, std::uint16_t queue, std::uint32_t number) {
  ++count(task_states + queue);
  if (open_.size() <= queue) open_.resize(queue + std::size_t{1});
  if (entry_.size() <= t) entry_.resize(rows_.tasks.size());
  if (rows_.entries.size() <= queue) rows_.entries.resize(queue + std::size_t{1});
  auto& row = to_.queue_rows_[queue];
  auto& entries = rows_.entries[queue];
  entry_[t] = static_cast<std::uint32_t>(entries.size());
  entries.push_back(number);
  if (entry_[t] % block == 0) {
    row.latest_end.push_back(none);
    open_[queue].push_back(0);
  }
  row.latest_end.back() = none;
  ++open_[queue].back();
}

std::size_t change_writer::apart() const noexcept {
  return std::max<std::size_t>(1024, counts_.size() + by_executor_.size());
}

std::uint32_t& change_writer::count(std::size_t nth) {
  if (counts_.size() <= nth) counts_.resize(nth + 1);
  return counts_[nth];
}

std::uint32_t& change_writer::count_of_executor(task_number t, task_state s) {
  const auto at = std::ranges::lower_bound(to_.executors_, rows_.tasks[t].executor);
  return by_executor_[static_cast<std::size_t>(at - to_.executors_.begin()) * task_states +
                      static_cast<std::size_t>(s)];
}

}  // namespace fronta::viz
