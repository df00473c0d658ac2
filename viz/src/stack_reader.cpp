// SPDX-License-Identifier: Apache-2.0
#include "stack_reader.hpp"

#include <algorithm>

namespace fronta::viz {

using trace::event_kind;

stack_reader::stack_reader(index& made, lane_register& lanes, change_writer& changes,
                           std::size_t threads)
    : to_(made), lane_numbers_(lanes), changes_(changes), threads_(threads) {}

void stack_reader::see(std::uint32_t event) {
  const auto& e = to_.events_[event];
  if (e.what() == event_kind::cpu_time || e.what() == event_kind::lost) return;
  auto& of = threads_[e.thread];
  of.last_event = event;
  of.closed.clear();
}

std::uint32_t stack_reader::lane_of(const event& e, std::int16_t slot) {
  auto& lanes = threads_[e.thread].lanes;
  const auto [at, made] = lanes.try_emplace({e.executor, slot}, none);
  if (made) {
    at->second = slot >= 0 ? lane_numbers_.lane_of(lane::kind::slot, e.executor,
                                                   lane_numbers_.place_of_thread(e), slot)
                           : lane_numbers_.lane_of(lane::kind::thread, 0, -1,
                                                   static_cast<std::int32_t>(e.thread));
  }
  return at->second;
}

stack_reader::lane_state& stack_reader::state_of(std::uint32_t lane) {
  if (lanes_.size() <= lane) lanes_.resize(to_.lanes_.size());
  return lanes_[lane];
}

void stack_reader::put_on_thread(task_number t, std::uint32_t thread) {
  if (threads_of_.size() <= t) threads_of_.resize(t + std::size_t{1}, none);
  threads_of_[t] = thread;
}

task_number stack_reader::running_at(const event& e) const noexcept {
  const auto& stack = threads_[e.thread].stack;
  return stack.empty() ? no_task : stack.back().task;
}

// ---- Bars.

std::uint32_t stack_reader::open_bar(std::uint32_t lane, std::uint32_t event, task_number t,
                                     bar::kind what, std::size_t depth, std::uint8_t flags) {
  auto& bars = to_.lane_rows_[lane].bars;
  const auto number = static_cast<std::uint32_t>(bars.size());
  if (to_.events_[event].task != t) {
    flags |= index::stored_bar::of_other;
    to_.lane_rows_[lane].tasks.emplace_back(number, t);
  }
  bars.push_back({event, none, what,
                  static_cast<std::uint8_t>(std::min<std::size_t>(depth, most_nested)),
                  t != no_task ? changes_.attempt_of(t) : std::uint8_t{0}, flags});
  return number;
}

void stack_reader::close_bar(std::uint32_t lane, std::uint32_t bar, std::uint32_t event,
                             std::uint8_t flags) {
  if (bar == none) return;
  auto& b = to_.lane_rows_[lane].bars[bar];
  b.end = event;
  b.flags |= flags;
}

void stack_reader::time_bar(const timed_bar& of, std::int64_t cpu) {
  if (of.bar == none || of.cpu_from < 0 || cpu < of.cpu_from) return;
  auto& row = to_.lane_rows_[of.lane];
  auto& flags = row.bars[of.bar].flags;
  if ((flags & index::stored_bar::timed) != 0) return;
  flags |= index::stored_bar::timed;
  row.cpu.emplace_back(of.bar, cpu - of.cpu_from);
}

// Its bars end somewhere else: it has slept since it told that it waits.
void stack_reader::time_waiting(const thread_state& of) {
  if (of.cpu_told < to_.events_[of.stack.back().blocked].time) return;
  for (const auto& r : of.stack) time_bar({r.lane, r.bar, r.cpu_from}, of.cpu);
}

// What the thread has in its lane ends there. If it waits, its task lent the lane and goes on
// elsewhere.
void stack_reader::leave_lane(thread_state& of, std::uint32_t event) {
  if (of.lane == none) return;
  state_of(of.lane).holder = none;
  auto& row = to_.lane_rows_[of.lane];
  auto& bars = row.bars;
  of.lane = none;
  if (of.stack.empty()) return;
  auto& top = of.stack.back();
  auto until = event;
  // Nothing ran there meanwhile: then it left when it began to wait.
  if (top.suspended != none && top.suspended + std::size_t{1} == bars.size()) {
    until = bars.back().begin;
    if ((bars.back().flags & index::stored_bar::of_other) != 0) row.tasks.pop_back();
    bars.pop_back();
    top.suspended = none;
  }
  if (top.waits) time_waiting(of);
  for (auto& r : of.stack) {
    close_bar(r.lane, std::exchange(r.suspended, none), until);
    close_bar(r.lane, r.bar, until, top.waits ? cut_bar : lost_bar);
    r.cut = !top.waits;
    if (top.waits) r.bar = none;
  }
}

// All that is on the thread's stack, in a lane from here on.
void stack_reader::enter_lane(thread_state& of, std::uint32_t thread, std::uint32_t lane,
                              std::uint32_t event) {
  if (of.lane == lane) return;
  leave_lane(of, event);
  if (const auto holder = state_of(lane).holder; holder != none)
    leave_lane(threads_[holder], event);
  state_of(lane).holder = thread;
  of.lane = lane;
  // A made-up trace may move a deep stack all the time.
  reopened_ += of.stack.size();
  const bool too_many = reopened_ > 4 * to_.events_.size();
  for (std::size_t depth = 0; depth < of.stack.size(); ++depth) {
    auto& r = of.stack[depth];
    if (std::exchange(r.cut, false) && r.bar != none) {
      auto& flags = to_.lane_rows_[r.lane].bars[r.bar].flags;
      flags = static_cast<std::uint8_t>((flags & ~lost_bar) | cut_bar);
    }
    r.lane = lane;
    r.bar = r.suspended = none;
    r.cpu_from = -1;
    if (too_many) continue;
    r.bar = open_bar(lane, event, r.task, bar::kind::run, depth, index::stored_bar::came_over);
    if (r.waits) r.suspended = open_bar(lane, event, r.task, bar::kind::suspended, depth);
  }
}

void stack_reader::end_run(task_number t, std::uint32_t event, std::uint8_t flags) {
  if (thread_of(t) == none) return;
  auto& of = threads_[thread_of(t)];
  while (of.stack.back().task != t) lose_top(of.stack, event);  // what lies above ended unheard
  const auto top = of.stack.back();
  close_top(of.stack, event, flags);
  if (of.last_event == event && top.bar != none)
    of.closed.push_back({top.lane, top.bar, top.cpu_from});
}

void stack_reader::lose_top(std::vector<open_run>& stack, std::uint32_t event) {
  const auto t = stack.back().task;
  close_top(stack, event, lost_bar);
  if (!changes_.ended(t)) changes_.keep(t, event, task_state::unknown, nowhere);
}

void stack_reader::close_top(std::vector<open_run>& stack, std::uint32_t event,
                             std::uint8_t flags) {
  const auto& r = stack.back();
  if (r.cut && r.bar != none) {  // the end was told after all
    auto& b = to_.lane_rows_[r.lane].bars[r.bar];
    b.flags = static_cast<std::uint8_t>((b.flags & ~lost_bar) | flags);
  } else {
    close_bar(r.lane, r.suspended, event);
    close_bar(r.lane, r.bar, event, flags);
  }
  put_on_thread(r.task, none);
  stack.pop_back();
}

// ---- Runs.

void stack_reader::start(std::uint32_t event) {
  const auto& e = to_.events_[event];
  const auto t = e.task;
  if (changes_.ended(t)) return;
  end_run(t, event, lost_bar);  // the end of its last run was not heard
  auto& of = threads_[e.thread];
  const auto lane = lane_of(e, e.slot);
  enter_lane(of, e.thread, lane, event);
  changes_.set(t, event, task_state::running, short_of(lane),
               static_cast<std::uint8_t>(std::min<std::uint64_t>(e.argument, 255)));
  if (of.stack.size() < most_nested) {
    const auto made = open_bar(lane, event, t, bar::kind::run, of.stack.size());
    of.stack.push_back({.task = t, .lane = lane, .bar = made});
    put_on_thread(t, e.thread);
  }
  show_worker(e, lane);
}

void stack_reader::block(std::uint32_t event) {
  const auto& e = to_.events_[event];
  const auto t = e.task;
  auto& of = threads_[e.thread];
  if (changes_.ended(t) || running_at(e) != t || of.stack.back().waits) return;
  auto& top = of.stack.back();
  top.waits = true;
  top.blocked = event;
  if (of.lane != none && top.bar != none)
    top.suspended = open_bar(of.lane, event, t, bar::kind::suspended, of.stack.size() - 1);
  changes_.keep(t, event, task_state::suspended, of.lane != none ? short_of(of.lane) : nowhere);
  if (e.slot < 0 || of.lane == none || state_of(of.lane).user != e.thread) return;
  to_unparked(of.lane, e.time);
  state_of(of.lane).lent = true;
  to_.lane_rows_[of.lane].lent.emplace_back(e.time, forever);
}

void stack_reader::unblock(std::uint32_t event) {
  const auto& e = to_.events_[event];
  const auto t = e.task;
  auto& of = threads_[e.thread];
  if (changes_.ended(t) || running_at(e) != t || !of.stack.back().waits) return;
  auto& top = of.stack.back();
  const auto lane = lane_of(e, e.slot);
  if (of.lane != lane) time_waiting(of);
  top.waits = false;
  if (top.suspended != none) close_bar(top.lane, std::exchange(top.suspended, none), event);
  enter_lane(of, e.thread, lane, event);
  show_worker(e, lane);
  changes_.keep(t, event, task_state::running, short_of(lane));
}

// ---- Workers.

// A thread is awake in a slot.
void stack_reader::show_worker(const event& e, std::uint32_t lane) {
  if (e.slot < 0) return;
  to_unparked(lane, e.time);
  auto& of = threads_[e.thread];
  auto& row = to_.lane_rows_[lane];
  state_of(lane).user = e.thread;
  row.first_sign = std::min(row.first_sign, e.time);
  if (!row.ended.empty() && row.ended.back().second == forever) row.ended.back().second = e.time;
  // It may have been here when its events were lost.
  if (of.lost_from != forever && lane != of.last_lane)
    row.missing.emplace_back(of.lost_from, of.lost_until);
  of.lost_from = forever;
  of.last_lane = lane;
}

void stack_reader::worker_started(const event& e) {
  if (e.slot >= 0) show_worker(e, lane_of(e, e.slot));
}

// It may have left its slot before. Not a substitute whose slot somebody else has.
void stack_reader::worker_ended(const event& e) {
  auto& of = threads_[e.thread];
  const auto lane = e.slot >= 0 ? lane_of(e, e.slot) : of.last_lane;
  if (lane == none || state_of(lane).user != e.thread) return;
  if (of.stack.empty()) leave_lane(of, none);
  to_unparked(lane, e.time);
  auto& ended = to_.lane_rows_[lane].ended;
  if (ended.empty() || ended.back().second != forever) ended.emplace_back(e.time, forever);
}

// A worker that has told of its end in another slot leaves its former ones as they were.
void stack_reader::executor_closed(const event& e) {
  for (std::uint32_t l = 0; l < to_.lanes_.size(); ++l) {
    if (to_.lanes_[l].executor != e.executor || e.executor == 0) continue;
    auto& row = to_.lane_rows_[l];
    row.closed = std::min(row.closed, e.time);
    if (to_.lanes_[l].what != lane::kind::slot) continue;
    to_unparked(l, e.time);
    if (row.ended.empty() || row.ended.back().second != forever)
      row.ended.emplace_back(e.time, forever);
  }
}

void stack_reader::park(const event& e) {
  if (e.slot < 0) return;
  auto& of = threads_[e.thread];
  const auto lane = lane_of(e, e.slot);
  show_worker(e, lane);
  if (of.stack.empty()) leave_lane(of, none);
  state_of(lane).parked = true;
  to_.lane_rows_[lane].parked.emplace_back(e.time, forever);
}

void stack_reader::unpark(const event& e) {
  if (e.slot >= 0) show_worker(e, lane_of(e, e.slot));
}

void stack_reader::to_unparked(std::uint32_t lane, std::int64_t t) {
  if (std::exchange(state_of(lane).parked, false)) to_.lane_rows_[lane].parked.back().second = t;
  if (std::exchange(state_of(lane).lent, false)) to_.lane_rows_[lane].lent.back().second = t;
}

void stack_reader::lose(std::uint32_t event) {
  const auto& e = to_.events_[event];
  auto& of = threads_[e.thread];
  const auto from = of.last_event != none ? to_.events_[of.last_event].time : to_.begin_;
  if (of.lost_from == forever) of.lost_from = from;
  of.lost_until = e.time;
  if (of.last_lane != none) to_.lane_rows_[of.last_lane].missing.emplace_back(from, e.time);
  while (!of.stack.empty()) lose_top(of.stack, event);
  for (const auto z : of.zones) to_.notes_[z].end = event;
  of.zones.clear();
  of.last_event = event;
  of.closed.clear();
}

// ---- What a program and its threads say.

void stack_reader::read_note(std::uint32_t event) {
  const auto& e = to_.events_[event];
  auto& of = threads_[e.thread];
  if (e.what() == event_kind::zone_end) {
    if (of.zones.empty()) return;
    to_.notes_[of.zones.back()].end = event;
    of.zones.pop_back();
    return;
  }
  const bool zone = e.what() == event_kind::zone_begin;
  const auto depth = std::min<std::size_t>(of.zones.size(), most_nested);
  if (zone) of.zones.push_back(static_cast<std::uint32_t>(to_.notes_.size()));
  to_.notes_.push_back({event, zone ? none : event, lane_of(e, e.slot) & 0xFF'FFFFU,
                        static_cast<std::uint32_t>(depth) & 0xFFU});
}

// It comes behind an event of the same thread, and belongs to what that opened or closed.
void stack_reader::read_cpu_time(const event& e) {
  auto& of = threads_[e.thread];
  if (of.last_event == none || e.argument > static_cast<std::uint64_t>(forever)) return;
  of.cpu = static_cast<std::int64_t>(e.argument);
  of.cpu_told = e.time;
  for (const auto& b : of.closed) time_bar(b, of.cpu);
  of.closed.clear();
  for (auto r = of.stack.rbegin(); r != of.stack.rend() && r->bar != none; ++r) {
    if (to_.lane_rows_[r->lane].bars[r->bar].begin != of.last_event) break;
    r->cpu_from = of.cpu;
  }
}

// ---- At the end.

void stack_reader::finish() {
  for (auto& row : to_.lane_rows_) {
    std::ranges::sort(row.cpu);
    std::ranges::sort(row.missing);
  }
}

}  // namespace fronta::viz
