// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What the model of a trace is made of; see <fronta/viz/index.hpp>.
namespace fronta::viz {

/// A task's place in the order of first mention, which is that of submission; from 0. People see it
/// counted from 1.
using task_number = std::uint32_t;
inline constexpr task_number no_task = std::numeric_limits<task_number>::max();
inline constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::int64_t forever = std::numeric_limits<std::int64_t>::max();

/// At any moment a submitted task is in exactly one of these.
enum class task_state : std::uint8_t {
  waiting_inputs,
  waiting_tags,
  queued,  ///< in a queue, or on a device behind what its stream does first
  retry_wait,
  copying,  ///< a device moves its data
  running,  ///< between start and finish, not necessarily on a core; on a stream: in turn or at
            ///< work
  suspended,
  done,
  failed,
  cancelled,
  unknown,  ///< the trace does not say
};
inline constexpr std::size_t task_states = static_cast<std::size_t>(task_state::unknown) + 1;
[[nodiscard]] std::string_view name_of(task_state s) noexcept;
[[nodiscard]] constexpr bool is_final(task_state s) noexcept {
  return s == task_state::done || s == task_state::failed || s == task_state::cancelled;
}

/// Where tasks are at work: a slot of a place, a stream of a device, or what a task reserves.
struct lane {
  enum class kind : std::uint8_t { slot, stream, copies, reserved, thread };
  kind what = kind::slot;
  std::uint16_t executor = 0;
  std::int32_t place = -1;
  std::int32_t number = 0;  ///< of the slot or stream in its place, or of the thread
  std::string name;         ///< such as "cpu 2" or "gpu:0 stream 1"
};

/// Whether bars of such a lane lie in rows, instead of within each other.
[[nodiscard]] bool is_in_rows(lane::kind what) noexcept;

struct queue {
  enum class kind : std::uint8_t { router, deque, inbox, priority, tags, streams, backoff, stream };
  kind what = kind::inbox;
  std::uint16_t executor = 0;
  std::int32_t place = -1;   ///< -1: of the executor
  std::int32_t number = -1;  ///< of the slot or stream that it belongs to
  std::string name;
};

/// Whether the argument of such events is another task.
[[nodiscard]] constexpr bool names_another(trace::event_kind kind) noexcept {
  using enum trace::event_kind;
  return kind == submit || kind == dependency || kind == block || kind == follow || kind == consume;
}

/// An event of the file, as the model keeps it.
struct event {
  std::int64_t time;
  std::uint64_t argument;  ///< as in the file, but where it is another task: see `other`
  task_number task;        ///< no_task where it is of none
  std::uint32_t thread;
  std::uint32_t text : 24;  ///< index in `texts()`
  std::uint32_t kind : 8;   ///< a `trace::event_kind`, or of `device_event`
  std::int16_t slot;
  std::uint16_t executor;

  [[nodiscard]] trace::event_kind what() const noexcept {
    return static_cast<trace::event_kind>(kind);
  }
  /// The task that it names beside its own, of whichever executor: who submitted it, its input,
  /// whose end it waits for or follows, who took its value. `no_task` where that is none, or one of
  /// which the trace tells nothing else, or makes no sense: its own, or an input or parent that
  /// was not mentioned before it. So inputs and parents cannot go round in circles.
  [[nodiscard]] task_number other() const noexcept {
    return names_another(what()) ? static_cast<task_number>(argument) : no_task;
  }
  /// Whether the trace says that it is none: outside tasks, or several.
  [[nodiscard]] bool names_none() const noexcept {
    return names_another(what()) && argument == nobody;
  }
  static constexpr std::uint64_t nobody = std::uint64_t{1} << 32U | no_task;
};
static_assert(sizeof(event) == 32);

/// Where a device began and ended to work for a task: events of the model, made from spans. The
/// argument is the span's number.
inline constexpr std::uint8_t device_began = 250;
inline constexpr std::uint8_t device_ended = 251;

/// What a task is doing from an event on.
struct change {
  std::uint32_t event;
  std::uint32_t previous;  ///< of the same task, `none` for its first
  std::uint16_t where;     ///< the lane or queue, as the state says; `nowhere` for none
  task_state state;
  std::uint8_t attempt;  ///< from 0; 255 stands for all beyond
};
inline constexpr std::uint16_t nowhere = std::numeric_limits<std::uint16_t>::max();

/// Something between two moments on a lane. A device's bar is the whole time in which it may have
/// been at work, and within it the time in which it was for sure: what the host only observed has
/// none. What the host did itself is sure as a whole.
struct bar {
  enum class kind : std::uint8_t { run, suspended, device, copy, reserved };
  std::int64_t begin = 0;
  std::int64_t end = forever;       ///< `forever` if the trace does not know it
  std::int64_t sure_begin = 0;      ///< the latest begin
  std::int64_t sure_end = forever;  ///< the earliest end; before `sure_begin` if nothing is sure
  task_number task = no_task;
  std::uint32_t span = none;  ///< of device and copy bars: what is known of their times
  kind what = kind::run;
  std::uint8_t depth = 0;  ///< in how many bars of other tasks it lies; or its row
  std::uint8_t attempt = 0;
  std::int64_t cpu_time = -1;  ///< see `index::cpu_time_of`
  bool came_over = false;      ///< it begins here because the task went on from another lane
  bool goes_on = false;        ///< it ends here because the task goes on in another lane
  bool failed = false;         ///< it ended with an error
  bool lost = false;           ///< it ended at the latest here; when is not known

  [[nodiscard]] bool has_sure_part() const noexcept { return sure_begin < sure_end; }
};

struct task {
  std::uint64_t id = 0;          ///< as in the trace
  task_number parent = no_task;  ///< a smaller number
  std::uint32_t text = 0;        ///< its name's, 0 for none
  std::uint32_t last_change = none;
  std::uint16_t executor = 0;
};

/// A zone, or a program's message (begin and end the same).
struct note {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::uint32_t text = 0;
  std::uint32_t lane = none;
  std::uint8_t depth = 0;  ///< among the zones of its thread
  task_number task = no_task;
};

struct counter_series {
  std::string name;
  std::vector<std::pair<std::int64_t, double>> values;  ///< by time; each holds until the next
};

}  // namespace fronta::viz
