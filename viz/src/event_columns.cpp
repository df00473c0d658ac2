// SPDX-License-Identifier: Apache-2.0
#include "event_columns.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

namespace fronta::viz {

using trace::event_kind;

static_assert(no_task == task_table::empty);

namespace {

bool names_a_task(const trace::event& e) noexcept {
  switch (e.kind) {
    case event_kind::thread:
    case event_kind::lost:
    case event_kind::place:
    case event_kind::executor_open:
    case event_kind::executor_close:
    case event_kind::lost_records:
    case event_kind::workers:
      return false;
    default:
      return e.task != 0;
  }
}

}  // namespace

void event_columns::take_all() {
  take_events();
  take_spans();
  find_elsewhere();
}

// Older traces do not tell whose value it was that somebody outside all executors took.
task_number event_columns::task_of(const trace::event& e) {
  if (!names_a_task(e)) return no_task;
  if (e.executor != 0) return number_of(e.executor, e.task);
  std::optional<task_number> found;
  for (const auto x : executors_) {
    const auto t = table_.number_if_known(x, e.task);
    if (t == task_table::empty) continue;
    if (found && e.kind == event_kind::consume) return no_task;  // it may be either
    if (!found) found = t;
  }
  if (found) return *found;
  return e.kind == event_kind::consume ? no_task : number_of(0, e.task);
}

task_number event_columns::number_of(std::uint16_t executor, std::uint64_t id) {
  auto& number = table_.number_of(executor, id);
  if (number == task_table::empty) {
    number = static_cast<std::uint32_t>(rows_.tasks.size());
    task t;
    t.id = id;
    t.executor = executor;
    executors_.insert(executor);
    rows_.tasks.push_back(t);
    issues_.push_back(false);
  }
  return number;
}

void event_columns::take_events() {
  auto& events = to_.events_;
  events.reserve(from_.events.size() + 2 * from_.spans.size());
  for (const auto& r : from_.events) {
    event e{};
    e.time = std::clamp(r.time, -farthest, farthest);
    e.argument = r.what.argument;
    e.task = task_of(r.what);
    e.thread = std::min(r.thread, static_cast<std::uint32_t>(threads_ - 1));
    e.text = r.text < std::min<std::size_t>(to_.texts_.size(), 1U << 24U) ? r.text & 0xFFFFFFU : 0U;
    e.kind = static_cast<std::uint8_t>(r.what.kind);
    e.slot = static_cast<std::int16_t>(std::clamp(r.what.slot, -1, 0x7FFF));
    e.executor = r.what.executor;
    events.push_back(e);
    if (r.what.kind == event_kind::issue && e.task != no_task) issues_[e.task] = true;
    several_meet_ = several_meet_ || r.what.kind == event_kind::elsewhere;
  }
  to_.executors_.assign(executors_.begin(), executors_.end());
  from_.events = {};
}

// Old traces do not tell whose a device's tasks are; then ids decide.
void event_columns::take_spans() {
  if (from_.spans.empty()) return;
  task_table by_id;
  for (task_number t = 0; t < rows_.tasks.size(); ++t) {
    auto& number = by_id.number_of(0, rows_.tasks[t].id);
    if (number == task_table::empty) number = t;
  }
  const auto known = to_.events_.empty() ? 0 : to_.events_.back().time;
  const auto last = std::max(from_.known_until, known);
  std::vector<timed_span> all;
  all.reserve(from_.spans.size());
  for (const auto& r : from_.spans) {
    to_.simulated_ = to_.simulated_ || r.what.simulated;
    timed_span s{r.what, no_task, r.thread, all.size()};
    if (const auto& w = s.what; w.task != 0) {
      s.task = w.executor != 0 ? table_.number_if_known(w.executor, w.task)
                               : by_id.number_if_known(0, w.task);
    }
    if (to_trace_times(s.what, from_.origin_steady, last)) all.push_back(s);
  }
  from_.spans = {};
  merge(best_known(std::move(all)));
}

// A device's work begins when it may have begun, and ends when it must have ended.
void event_columns::merge(const std::vector<timed_span>& spans) {
  const auto only_executor = executors_.size() == 1 ? *executors_.begin() : std::uint16_t{0};
  std::vector<std::pair<int, event>> added;
  added.reserve(2 * spans.size());
  for (const auto& s : spans) {
    event e{};
    e.argument = to_.spans_.size();
    e.task = s.task;
    e.thread = std::min(s.thread, static_cast<std::uint32_t>(threads_ - 1));
    e.slot = -1;
    e.executor = s.what.executor != 0 ? s.what.executor : only_executor;
    if (s.task != no_task) e.executor = rows_.tasks[s.task].executor;
    // At one time: what ends, what takes no time, what begins.
    const bool takes_time = s.what.begin_earliest != s.what.end_latest;
    e.time = s.what.begin_earliest;
    e.kind = device_began;
    added.emplace_back(takes_time ? 2 : 1, e);
    e.time = s.what.end_latest;
    e.kind = device_ended;
    added.emplace_back(takes_time ? 0 : 1, e);
    to_.spans_.push_back(s.what);
  }
  std::ranges::sort(added, {}, [](const auto& a) {
    return std::tuple(a.second.time, a.first, a.second.argument, a.second.kind);
  });
  auto& events = to_.events_;
  auto from = events.size();
  events.resize(from + added.size());  // there is room
  // From the back. What the host told comes first at one time.
  for (auto to = events.size(), next = added.size(); next != 0;) {
    const bool told = from != 0 && events[from - 1].time > added[next - 1].second.time;
    events[--to] = told ? events[--from] : added[--next].second;
  }
}

// Which events speak of a task of another executor.
void event_columns::find_elsewhere() {
  if (!several_meet_) return;
  std::vector<std::uint32_t> before(threads_, none);
  for (std::uint32_t e = 0; e < to_.events_.size(); ++e) {
    const auto& one = to_.events_[e];
    // CPU time comes in between.
    if (one.kind == device_began || one.kind == device_ended || one.what() == event_kind::cpu_time)
      continue;
    if (one.what() == event_kind::elsewhere) {
      if (before[one.thread] != none && to_.events_[before[one.thread]].task == one.task)
        elsewhere_.emplace(before[one.thread], static_cast<std::uint16_t>(one.argument));
    } else {
      before[one.thread] = e;
    }
  }
}

task_number event_columns::other_of(std::uint32_t event) noexcept {
  const auto& e = to_.events_[event];
  const auto elsewhere = elsewhere_.find(event);
  const auto executor =
      elsewhere == elsewhere_.end() ? rows_.tasks[e.task].executor : elsewhere->second;
  return table_.number_if_known(executor, e.argument);
}

}  // namespace fronta::viz
