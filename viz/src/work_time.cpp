// SPDX-License-Identifier: Apache-2.0
#include "work_time.hpp"

#include <algorithm>

namespace fronta::viz {

using trace::event_kind;

work_time::doing work_time::doing_of(const index& of, const change& c) noexcept {
  switch (c.state) {
    case task_state::running:
    case task_state::copying:
      return c.where != nowhere && is_in_rows(of.lanes()[c.where].what) ? doing::device
                                                                        : doing::code;
    case task_state::suspended:
      return doing::waits_or_device;
    case task_state::queued:
      return c.where != nowhere && of.queues()[c.where].what == queue::kind::stream
                 ? doing::waits_or_device
                 : doing::waits;
    case task_state::waiting_tags:
    case task_state::retry_wait:
      return doing::waits;
    case task_state::waiting_inputs:
      return doing::waits_for_inputs;
    case task_state::done:
    case task_state::failed:
    case task_state::cancelled:
    case task_state::unknown:
      break;
  }
  return doing::nothing;
}

void work_time::advance(std::int64_t now) {
  const auto lasted = now - since_;
  since_ = now;
  const bool can_use_device = now_ == doing::device || now_ == doing::waits_or_device;
  if (now_ == doing::code || (can_use_device && devices_ != 0)) {
    run_ += lasted;
    return;
  }
  const bool waits = now_ == doing::waits || now_ == doing::waits_or_device;
  if (waits) wait_ += lasted;
  if (waits || now_ == doing::waits_for_inputs) waited_ += lasted;
}

void work_time::read(const index& of, const change& c) {
  advance(of.time_of(c));
  last_ = c;
  waited_ = 0;
  told_ = wait_cause::untold;
  now_ = doing_of(of, c);
  ran_ = ran_ || now_ == doing::code || now_ == doing::device;
  if (c.state == task_state::retry_wait && of.events()[c.event].what() == event_kind::retry)
    ++retries_;
}

void work_time::read_device(const index& of, const event& e) {
  advance(e.time);
  if (e.kind == device_began) {
    ++devices_;
    observed_ = observed_ || of.spans()[e.argument].grade == trace::time_grade::observed;
  } else if (devices_ != 0) {
    --devices_;
  }
}

void work_time::read_wait(const event& e) {
  if (now_ != doing::waits_or_device) return;
  told_ = static_cast<std::uint8_t>(std::min<std::uint64_t>(e.argument, wait_cause::untold));
}

work_time work_of(const index& of, const task_relations& relations, task_number t,
                  std::int64_t at) {
  std::vector<std::uint32_t> changes;
  for (auto c = of.tasks()[t].last_change; c != none; c = of.changes()[c].previous) {
    if (of.time_of(of.changes()[c]) <= at) changes.push_back(c);
  }
  work_time made;
  for (const auto e : told_until(of, relations.events_of(t), at)) {
    for (; !changes.empty() && of.changes()[changes.back()].event <= e; changes.pop_back())
      made.read(of, of.changes()[changes.back()]);
    const auto& one = of.events()[e];
    if (one.kind == device_began || one.kind == device_ended) made.read_device(of, one);
  }
  // What others' events told of it.
  for (; !changes.empty(); changes.pop_back()) made.read(of, of.changes()[changes.back()]);
  made.advance(at);
  return made;
}

}  // namespace fronta::viz
