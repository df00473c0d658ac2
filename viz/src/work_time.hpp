// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "task_relations.hpp"
#include "waits.hpp"

#include <fronta/viz/index.hpp>

#include <cstdint>
#include <vector>

namespace fronta::viz {

/// How long a task was at work and how long it waited: what compare, statistics and the inspector
/// mean by *run* and *wait*. At each moment of its life it is one of these:
/// - at work: its code runs, or a device may be at work for it or move its data, as its bar says,
///   within an attempt that has begun and not ended. What goes on at once counts once.
/// - waiting: it could not go on though its inputs were there: in a queue, for tags, for a retry,
///   behind what its stream does first, or within its code, while no device works for it.
/// - neither: its inputs are missing, the trace does not say, or its device is done and the host
///   has not heard of it.
class work_time {
 public:
  /// Its changes, and what devices do for it, by time.
  void read(const index& of, const change& c);
  void read_device(const index& of, const event& e);
  /// Why it blocks is told behind its change.
  void read_wait(const event& e);
  /// What is under way counts up to there.
  void advance(std::int64_t now);

  [[nodiscard]] std::int64_t run() const noexcept { return run_; }
  [[nodiscard]] std::int64_t wait() const noexcept { return wait_; }
  [[nodiscard]] bool submitted() const noexcept { return last_.event != none; }
  /// Whether an attempt has begun.
  [[nodiscard]] bool ran() const noexcept { return ran_; }
  /// Whether a device may have been at work for it for less than `run` says: the host has seen that
  /// it had ended, and nothing else.
  [[nodiscard]] bool observed() const noexcept { return observed_; }
  /// How often it was tried again.
  [[nodiscard]] std::uint32_t retries() const noexcept { return retries_; }

  /// The last change that was read, and how long it has waited since, for inputs, too.
  [[nodiscard]] const change& last_change() const noexcept { return last_; }
  [[nodiscard]] std::int64_t waited() const noexcept { return waited_; }
  [[nodiscard]] std::uint32_t told() const noexcept { return told_; }  ///< see `cause_of`

 private:
  enum class doing : std::uint8_t {
    nothing,
    code,
    device,           // as far as one works for it
    waits_or_device,  // what of it no device works for
    waits,
    waits_for_inputs,
  };
  [[nodiscard]] static doing doing_of(const index& of, const change& c) noexcept;

  std::int64_t run_ = 0;
  std::int64_t wait_ = 0;
  std::int64_t since_ = 0;
  std::int64_t waited_ = 0;
  change last_{none, none, nowhere, task_state::unknown, 0};
  std::uint32_t retries_ = 0;
  std::uint32_t devices_ = 0;  // pieces of work that are under way
  doing now_ = doing::nothing;
  bool ran_ = false;
  bool observed_ = false;
  std::uint8_t told_ = wait_cause::untold;
};

/// Of one task, up to a moment.
[[nodiscard]] work_time work_of(const index& of, const task_relations& relations, task_number t,
                                std::int64_t at);

/// Of every task, as far as it has got at its last change. `left(task, time)` when the task leaves
/// what its last change made it do.
template <class Left>
[[nodiscard]] std::vector<work_time> work_of_all(const index& of, Left left) {
  std::vector<work_time> all(of.tasks().size());
  const auto events = of.events();
  const auto changes = of.changes();
  std::uint32_t c = 0;
  const auto read_next = [&] {
    return c < changes.size() ? changes[c] : change{none, none, nowhere, task_state::unknown, 0};
  };
  auto next = read_next();
  for (std::uint32_t e = 0; e < events.size(); ++e) {
    const auto& one = events[e];
    for (; next.event == e; ++c, next = read_next()) {
      const auto t = next.state == task_state::unknown ? of.task_of(c) : one.task;
      all[t].advance(one.time);
      if (all[t].submitted()) left(t, all[t]);
      all[t].read(of, next);
    }
    if (one.task == no_task) continue;
    if (one.kind == device_began || one.kind == device_ended) {
      all[one.task].read_device(of, one);
    } else if (one.what() == trace::event_kind::wait) {
      all[one.task].read_wait(one);
    }
  }
  return all;
}

}  // namespace fronta::viz
