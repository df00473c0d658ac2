// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

/// Hooks through which the executor tells what happens. Off, a hook is one relaxed load and a
/// branch.
namespace fronta::trace {

enum class event_kind : std::uint8_t {
  submit,      ///< argument: the submitting task's id, 0 outside tasks
  dependency,  ///< argument: the id of the input
  ready,       ///< all inputs are done
  enqueue,     ///< argument: the queue (see `queue`)
  steal,       ///< argument: the slot stolen from
  start,       ///< argument: attempt, from 0
  block,       ///< argument: the id waited for, 0 for several or none
  unblock,     ///< argument: the slot in which the task goes on
  finish,      ///< argument: 0 value, 1 error
  cancel,
  retry,    ///< argument: the attempt that follows
  acquire,  ///< tags were reserved
  release,  ///< tags were given back
  route,    ///< argument: the place
  worker_start,
  worker_park,    ///< the slot is the one that the worker leaves, -1 for none
  worker_unpark,  ///< the slot is the one that it got
  worker_exit,
  fall_back,  ///< the CPU body runs next; argument: the place of the device that could not
  choose,     ///< argument: why that body, a `placement::reason`
};

enum class queue : std::uint8_t { deque, inbox, priority, tags, backoff };

struct event {
  event_kind kind;
  /// The worker's slot, or -1 on a thread that is no worker or holds no slot.
  std::int32_t slot;
  /// Identifies the task within its executor's run; 0 where the event is of no task.
  std::uint64_t task;
  std::uint64_t argument;
};

/// Receives events from any thread, concurrently. `record` must neither block nor throw.
class sink {
 public:
  virtual ~sink() = default;
  virtual void record(const event& e) noexcept = 0;
};

/// Installs a sink for the whole process, or none, and returns the one before it. The caller keeps
/// a sink alive until every executor that ran meanwhile is gone.
sink* set_sink(sink* next) noexcept;

namespace detail {
inline std::atomic<sink*> active{nullptr};
[[nodiscard]] std::int32_t current_slot() noexcept;

// For who has given its slot away, so that it is not its own to read.
inline void emit_in(std::int32_t slot, event_kind kind, std::uint64_t task) noexcept {
  if (active.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
    if (auto* to = active.load(std::memory_order_acquire)) {
      to->record({kind, slot, task, 0});
    }
  }
}

inline void emit(event_kind kind, std::uint64_t task, std::uint64_t argument = 0) noexcept {
  // Relaxed suffices to see whether tracing is on; the acquire is paid only then.
  if (active.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
    if (auto* to = active.load(std::memory_order_acquire)) {
      to->record({kind, current_slot(), task, argument});
    }
  }
}
}  // namespace detail
}  // namespace fronta::trace
