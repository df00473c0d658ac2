// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/index.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <ranges>
#include <tuple>

namespace fronta::viz {
namespace {

constexpr std::array<std::string_view, task_states> state_names{"waiting for inputs",
                                                                "waiting for tags",
                                                                "queued",
                                                                "waiting to retry",
                                                                "copying",
                                                                "running",
                                                                "suspended",
                                                                "done",
                                                                "failed",
                                                                "cancelled",
                                                                "unknown"};

constexpr std::size_t block = 64;

}  // namespace

std::string_view name_of(task_state s) noexcept { return state_names[static_cast<std::size_t>(s)]; }

std::string_view index::name_of(task_number t) const noexcept {
  const auto text = tasks_[t].text;
  return text == 0 ? std::string_view("task") : std::string_view(texts_[text]);
}

std::string_view index::place_name(std::uint16_t executor, std::int32_t place) const {
  const auto found = std::ranges::find_if(
      places_, [&](const auto& p) { return p.executor == executor && p.number == place; });
  return found == places_.end() ? std::string_view() : std::string_view(found->name);
}

std::optional<task_number> index::find(std::uint16_t executor, std::uint64_t id) const {
  const auto found = std::ranges::find_if(
      tasks(), [&](const task& t) { return t.id == id && t.executor == executor; });
  if (found == tasks().end()) return std::nullopt;
  return static_cast<task_number>(found - tasks().begin());
}

note index::note_at(std::size_t nth) const noexcept {
  const auto& n = notes_[nth];
  const auto& began = events_[n.begin];
  return {began.time,
          n.end == none ? forever : events_[n.end].time,
          began.text,
          n.lane,
          static_cast<std::uint8_t>(n.depth),
          began.task};
}

std::uint32_t index::last_event(std::int64_t t) const noexcept {
  const auto after = std::ranges::upper_bound(events_, t, {}, &event::time);
  return after == events_.begin() ? none : static_cast<std::uint32_t>(after - events_.begin() - 1);
}

std::uint32_t index::change_of(task_number t, std::int64_t at) const noexcept {
  auto c = tasks_.last_change_of(t);
  while (c != none && events_[changes_.event_of(c)].time > at) c = changes_.previous_of(c);
  return c;
}

std::optional<change> index::state_of(task_number t, std::int64_t at) const noexcept {
  const auto c = change_of(t, at);
  return c == none ? std::nullopt : std::optional(changes_[c]);
}

std::size_t index::changes_until(std::int64_t t) const noexcept {
  const auto after = std::ranges::partition_point(
      std::views::iota(std::size_t{0}, changes_.size()),
      [&](std::size_t c) { return events_[changes_.event_of(c)].time <= t; });
  return *after;
}

const index::checkpoint* index::checkpoint_before(std::size_t changes) const noexcept {
  const auto after = std::ranges::upper_bound(checkpoints_, changes, {}, &checkpoint::changes);
  return after == checkpoints_.begin() ? nullptr : &*std::prev(after);
}

std::vector<std::uint32_t> index::counts_at(std::int64_t t) const {
  const auto until = changes_until(t);
  std::vector<std::uint32_t> counts(task_states);
  const auto* from = checkpoint_before(until);
  if (from == nullptr) return counts;
  std::ranges::copy_n(from->counts.begin(), task_states, counts.begin());
  for (auto c = from->changes; c < until; ++c) {
    ++counts[static_cast<std::size_t>(changes_.kind_of(c).state)];
    if (const auto before = changes_.previous_of(c); before != none)
      --counts[static_cast<std::size_t>(changes_.kind_of(before).state)];
  }
  return counts;
}

task_number index::task_of(std::uint32_t change) const noexcept {
  const auto own = events_[changes_.event_of(change)].task;
  if (by_others_.empty() || changes_.kind_of(change).state != task_state::unknown) return own;
  const auto at = std::ranges::lower_bound(by_others_, change, {},
                                           &std::pair<std::uint32_t, task_number>::first);
  return at != by_others_.end() && at->first == change ? at->second : own;
}

// What a task lost is told by an event of another's; the change before is its own.
std::uint16_t index::executor_of(const change& c) const noexcept {
  const bool others = c.state == task_state::unknown && c.previous != none;
  return tasks_[events_[others ? changes_[c.previous].event : c.event].task].executor;
}

std::vector<std::uint32_t> index::counts_at(std::int64_t t, std::uint16_t executor) const {
  const auto at = std::ranges::lower_bound(executors_, executor);
  if (at == executors_.end() || *at != executor) return std::vector<std::uint32_t>(task_states);
  if (executors_.size() == 1) return counts_at(t);
  const auto until = changes_until(t);
  std::vector<std::uint32_t> counts(task_states);
  const auto* from = checkpoint_before(until);
  if (from == nullptr) return counts;
  const auto begin = (at - executors_.begin()) * static_cast<std::ptrdiff_t>(task_states);
  std::ranges::copy_n(from->by_executor.begin() + begin, task_states, counts.begin());
  for (auto c = from->changes; c < until; ++c) {
    if (executor_of(changes_[c]) != executor) continue;
    ++counts[static_cast<std::size_t>(changes_.kind_of(c).state)];
    if (const auto before = changes_.previous_of(c); before != none)
      --counts[static_cast<std::size_t>(changes_.kind_of(before).state)];
  }
  return counts;
}

std::uint32_t index::length_at(std::uint32_t queue, std::int64_t t) const {
  const auto until = changes_until(t);
  const auto* from = checkpoint_before(until);
  if (from == nullptr) return 0;
  const auto slot = task_states + queue;
  auto length = slot < from->counts.size() ? from->counts[slot] : 0;
  for (auto c = from->changes; c < until; ++c) {
    const auto is_there = [&](const change& kind) {
      return kind.where == queue && is_in_queue(kind);
    };
    if (is_there(changes_.kind_of(c))) ++length;
    const auto before = changes_.previous_of(c);
    if (before != none && is_there(changes_.kind_of(before))) --length;
  }
  return length;
}

std::vector<task_number> index::queued_at(std::uint32_t queue, std::int64_t t, std::size_t most,
                                          first order) const {
  std::vector<task_number> found;
  const auto& row = queue_rows_[queue];
  const auto until = changes_until(t);  // those have happened
  const detail::made_range entries(row.entries);
  const auto last = std::ranges::lower_bound(entries, until);
  const auto size = static_cast<std::size_t>(last - entries.begin());
  const auto take = [&](std::size_t nth) {
    const auto entry = entries[nth];
    const auto task = task_of(entry);
    auto now = tasks_.last_change_of(task);
    while (now != none && now >= until) now = changes_.previous_of(now);
    if (now == entry) found.push_back(task);
    return found.size() < most;
  };
  if (most == 0) return found;
  const auto blocks = (size + block - 1) / block;
  for (std::size_t k = 0; k < blocks; ++k) {
    const auto b = order == first::oldest ? k : blocks - 1 - k;
    if (row.latest_end[b] < until) continue;
    const auto from = b * block;
    const auto count = std::min(size, from + block) - from;
    for (std::size_t i = 0; i < count; ++i) {
      if (!take(order == first::oldest ? from + i : from + count - 1 - i)) return found;
    }
  }
  return found;
}

std::int64_t index::next_untold(std::uint32_t number, std::int64_t t) const noexcept {
  const auto& l = lanes_[number];
  return untold_.next({l.executor, l.place, l.number}, t);
}

std::optional<index::untold> index::untold_at(std::uint32_t number, std::int64_t t) const {
  const auto& l = lanes_[number];
  if (l.what != lane::kind::stream) return std::nullopt;
  const auto given = untold_.until({l.executor, l.place, l.number}, t);
  if (given.tasks == 0) return std::nullopt;
  untold found{given.first, given.tasks, given.since};
  // A stream does one after the other, so it was not at these before what it did tell of.
  const auto next = first_bar_from(number, t);
  if (next != bars_of(number)) return std::nullopt;
  if (next != 0) {
    const auto before = bar_at(number, next - 1).end;
    if (before > t) return std::nullopt;
    found.since = std::max(found.since, before);
  }
  return found;
}

std::size_t index::completed_at(std::int64_t t) const noexcept {
  const auto after = std::ranges::partition_point(
      completions(), [&](std::uint32_t c) { return events_[changes_.event_of(c)].time <= t; });
  return static_cast<std::size_t>(after - completions().begin());
}

}  // namespace fronta::viz
