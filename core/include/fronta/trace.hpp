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
  issue,    ///< a GPU task has enqueued its work; argument: place << 32 | stream
  worker_start,
  worker_park,    ///< the slot is the one that the worker leaves, -1 for none
  worker_unpark,  ///< the slot is the one that it got
  worker_exit,
  fall_back,     ///< the CPU body runs next; argument: the place of the device that could not
  choose,        ///< argument: why that body, a `placement::reason`
  lost_records,  ///< of a device, so that spans are missing; argument: place << 32 | how many
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

/// How it is known when a device was at work. `observed`: by the host, which enqueued the work and
/// saw its end. `stamped`: the stream stored the device's clock before and after. `profiled`: by
/// the device's own records.
enum class time_grade : std::uint8_t { observed, stamped, profiled };

/// What a device was at: all the work of a task, or one piece of it.
enum class device_work : std::uint8_t {
  task,
  kernel,
  fill,
  to_device,
  to_host,
  on_device,
  between
};

/// When a device was at work for a task. Times in nanoseconds of the host's steady clock (in
/// virtual time: of the simulation): it began and ended at some time between the two. Where the
/// intervals of two spans meet, their order is not known. Comes after the fact, stamped and
/// profiled ones up to half a second later; a task may have one of each grade.
struct device_span {
  std::uint64_t task;  ///< 0 for a copy that is of no GPU task, such as to a CPU task's host memory
  std::int32_t place;
  std::int32_t stream;  ///< of the place, -1 for one of its streams for copies
  device_work what;
  time_grade grade;
  bool simulated;
  std::int64_t begin_earliest;
  std::int64_t begin_latest;
  std::int64_t end_earliest;
  std::int64_t end_latest;
  std::uint64_t bytes;  ///< of a copy or fill
};

/// Receives events from any thread, concurrently. `record` must neither block nor throw.
class sink {
 public:
  virtual ~sink() = default;
  virtual void record(const event& e) noexcept = 0;
  virtual void record(const device_span& /*s*/) noexcept {}
};

/// Installs a sink for the whole process, or none, and returns the one before it. The caller keeps
/// a sink alive until every executor that ran meanwhile is gone.
sink* set_sink(sink* next) noexcept;

/// Whether there is one at present.
[[nodiscard]] bool on() noexcept;

namespace detail {
inline std::atomic<sink*> active{nullptr};
[[nodiscard]] std::int32_t current_slot() noexcept;

inline void emit(const device_span& s) noexcept {
  if (auto* to = active.load(std::memory_order_acquire)) to->record(s);
}

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

inline bool on() noexcept { return detail::active.load(std::memory_order_relaxed) != nullptr; }

}  // namespace fronta::trace
