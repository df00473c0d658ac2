// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <string_view>

/// Hooks through which the executor tells what happens. Off, a hook is one relaxed load and a
/// branch. `zone`, `counter` and `message` let a program tell of its own doings.
namespace fronta::trace {

/// The numbers are those of trace files: see docs/trace-format.md, the list of all.
enum class event_kind : std::uint8_t {
  submit = 0,      ///< argument: the submitting task's id, 0 outside tasks
  dependency = 1,  ///< argument: the id of the input
  ready = 2,       ///< all inputs are done
  enqueue = 3,     ///< argument: the queue (see `queue`)
  steal = 4,       ///< argument: the slot stolen from
  start = 5,       ///< argument: attempt, from 0
  block = 6,       ///< argument: the id waited for, 0 for several or none; `wait` says why
  unblock = 7,     ///< argument: the slot in which the task goes on
  finish = 8,      ///< argument: an `outcome_told`
  cancel = 9,
  retry = 10,    ///< argument: the attempt that follows
  acquire = 11,  ///< text: a tag that it has from now on; argument: see `tag_amount`
  release = 12,  ///< likewise, which it has no more
  route = 13,    ///< argument: see `route_choice`
  issue = 14,    ///< a GPU task has enqueued its work; argument: place << 32 | stream
  worker_start = 15,
  worker_park = 16,    ///< the slot is the one that the worker leaves, -1 for none
  worker_unpark = 17,  ///< the slot is the one that it got
  worker_exit = 18,
  executor_open = 19,  ///< argument: the seed
  executor_close = 20,
  place = 21,     ///< text: the name of a place; argument: its number
  thread = 22,    ///< text: the name of the thread that tells what follows; argument: the system's
                  ///< number of it; task: the place whose worker it is. In files only.
  lost = 23,      ///< argument: how many events of the thread were dropped here. In files only.
  cpu_time = 24,  ///< argument: the thread's so far, in ns; follows what it was taken for
  zone_begin = 25,  ///< text: its name
  zone_end = 26,
  counter = 27,       ///< text: its name; argument: the bits of a double
  message = 28,       ///< text
  fall_back = 29,     ///< the CPU body runs next; argument: the place of the device that could not
  choose = 30,        ///< argument: why that body, a `placement::reason`
  lost_records = 31,  ///< of a device, so that spans are missing; argument: place << 32 | how many
  follow = 32,        ///< beside `acquire`: its turn comes behind that of the task in the argument
  wait = 33,          ///< beside `block`: why it waits; argument: a `wait_reason`
  consume = 34,       ///< its outcome was taken; argument: by which task, 0 outside tasks
  location = 35,      ///< text: file:line where it was submitted; argument: the line
  placed = 36,        ///< an array lies at a place from now on; argument: see `place_bytes`
  moved = 37,         ///< the numbers of an array came from there to the host; argument: likewise
  freed = 38,         ///< an array lies there no more; argument: likewise
  elsewhere = 39,  ///< behind what names another task: that one is of the executor in the argument
  workers = 40,    ///< of a place, beside `place`; argument: place << 32 | how many
  callback = 41,   ///< a done callback; argument: 0 it begins, 1 it has ended
  paced = 42,      ///< see `trace::paced`
};

/// In words as above; empty for a number that is not there.
[[nodiscard]] std::string_view name_of(event_kind kind) noexcept;

/// `tags`: the text is a tag that is missing. `stream`: all of the device are taken.
enum class queue : std::uint8_t { deque, inbox, priority, tags, backoff, stream };

/// Why a task that runs waits and lends its slot.
enum class wait_reason : std::uint8_t {
  task,        ///< for the end of one task, or for a promise
  all,         ///< of several
  any,         ///< of one among several, or for the first failure
  completion,  ///< for the next of `as_completed` or a `completion_queue`
  blocking,    ///< it says itself that it blocks: `this_task::blocking`
  data,        ///< for the numbers of an array
  memory,      ///< for memory of a device
  code,        ///< for the code of a task that has ended by a timeout
  executor,    ///< for the end of another executor
};

/// Why a task got its place and not another one.
enum class route_reason : std::uint8_t {
  untold,
  only,       ///< no other could ever run it
  named,      ///< `place_on` names it
  bound,      ///< an input is of use there alone
  tags,       ///< elsewhere its tags were taken, or the device was lost
  preferred,  ///< `prefer` names it
  inputs,     ///< its inputs are there
  load,       ///< least is in its way there
  body,       ///< so that the body runs that was chosen: see `choose`
  fell_back,  ///< a device could not
  waiter,     ///< a task that waits for it runs it itself
  first,      ///< of equal ones
};

/// Arguments that hold several numbers.
struct tag_amount {
  std::int32_t place = -1;  ///< whose tag it is; -1: the executor's own
  std::uint32_t units = 0;  ///< parts of `amount::scale`; what is more counts as the most

  [[nodiscard]] static constexpr tag_amount from(std::uint64_t argument) noexcept {
    return {static_cast<std::int32_t>(argument >> 32), static_cast<std::uint32_t>(argument)};
  }
  [[nodiscard]] constexpr std::uint64_t argument() const noexcept {
    return (std::uint64_t{static_cast<std::uint32_t>(place)} << 32) | units;
  }
};
struct route_choice {
  std::int32_t place = -1;   ///< where its code runs
  std::int32_t device = -1;  ///< the place of the device that it has besides; -1 without one
  route_reason why = route_reason::untold;

  [[nodiscard]] static constexpr route_choice from(std::uint64_t argument) noexcept {
    return {static_cast<std::int32_t>(argument & 0xFFFF'FFFF),
            static_cast<std::int32_t>(argument >> 40) - 1,
            static_cast<route_reason>((argument >> 32) & 0xFF)};
  }
  [[nodiscard]] constexpr std::uint64_t argument() const noexcept {
    return (std::uint64_t{static_cast<std::uint32_t>(device + 1)} << 40) |
           (std::uint64_t{static_cast<std::uint8_t>(why)} << 32) |
           static_cast<std::uint32_t>(place);
  }
};
struct place_bytes {
  std::int32_t place = -1;
  std::uint64_t bytes = 0;  ///< below 2^48

  [[nodiscard]] static constexpr place_bytes from(std::uint64_t argument) noexcept {
    return {static_cast<std::int32_t>(argument >> 48), argument & 0xFFFF'FFFF'FFFF};
  }
  [[nodiscard]] constexpr std::uint64_t argument() const noexcept {
    return (std::uint64_t{static_cast<std::uint16_t>(place)} << 48) | (bytes & 0xFFFF'FFFF'FFFF);
  }
};

/// Of `finish`.
struct outcome_told {
  bool error = false;
  std::uint64_t bytes = 0;  ///< that the value stands for, below 2^63; 0 for `void` and references

  [[nodiscard]] static constexpr outcome_told from(std::uint64_t argument) noexcept {
    return {(argument & 1U) != 0, argument >> 1U};
  }
  [[nodiscard]] constexpr std::uint64_t argument() const noexcept {
    return (bytes << 1U) | (error ? 1U : 0U);
  }
};

struct event {
  event_kind kind;
  /// The task's, else the worker's; counted from 1 in the process, 0 for none or not known.
  std::uint16_t executor;
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
  std::int32_t stream;  ///< of its task, though copies may go on another one; -1 without a task
  device_work what;
  time_grade grade;
  bool simulated;
  std::int64_t begin_earliest;
  std::int64_t begin_latest;
  std::int64_t end_earliest;
  std::int64_t end_latest;
  std::uint64_t bytes;         ///< of a copy or fill
  std::uint16_t executor = 0;  ///< whose place and task these are; 0 where it is not known
};

/// Receives events from any thread, concurrently. `record` must neither block nor throw.
class sink {
 public:
  virtual ~sink() = default;
  virtual void record(const event& e) noexcept = 0;
  /// Events that have a text. It is valid during the call.
  virtual void record_text(const event& e, std::string_view /*text*/) noexcept { record(e); }
  virtual void record(const device_span& /*s*/) noexcept {}
};

/// Installs a sink for the whole process, or none, and returns the one before it. The caller keeps
/// a sink alive until every executor that ran meanwhile is gone. A `recording` goes on beside it.
sink* set_sink(sink* next) noexcept;

/// Whether anybody receives events at present.
[[nodiscard]] bool on() noexcept;

/// What happens on this thread while it lives, within the running task if there is one. Zones of a
/// thread nest.
class zone {
 public:
  explicit zone(std::string_view name) noexcept;
  ~zone();
  zone(const zone&) = delete;
  zone& operator=(const zone&) = delete;

 private:
  bool began_ = false;
};

/// A value that changes over time, such as the length of a queue of the program's.
void counter(std::string_view name, double value) noexcept;
/// A moment to remember.
void message(std::string_view text) noexcept;
/// The program sleeps or waits so that people can follow it: its times are not what it can do, and
/// every picture of the recording says PACED.
void paced() noexcept;

namespace detail {
inline std::atomic<sink*> active{nullptr};

// An executor's number in traces, never 0. After 65 535 executors they come again.
[[nodiscard]] std::uint16_t next_executor() noexcept;
// Beside the sink, and the one that `set_sink` does not touch.
void set_recorder(sink* recorder) noexcept;
// Around a fork, so that a child finds nobody in the middle of setting one.
void lock_sinks() noexcept;
void unlock_sinks() noexcept;

// Out of line: what is only done when somebody listens.
void tell(event_kind kind, std::uint64_t task, std::uint64_t argument) noexcept;
void tell_in(std::int32_t slot, event_kind kind) noexcept;
void tell(const event& e, std::string_view text) noexcept;
void tell_of_this_thread(event_kind kind, std::uint64_t argument, std::string_view text) noexcept;

inline void emit(const device_span& s) noexcept {
  if (auto* to = active.load(std::memory_order_acquire)) to->record(s);
}

// For who has given its slot away, so that it is not its own to read.
inline void emit_in(std::int32_t slot, event_kind kind) noexcept {
  // Relaxed suffices to see whether tracing is on; the acquire is paid only then.
  if (active.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    tell_in(slot, kind);
}

// The executor is the calling worker's; where the task may be another's, see worker.hpp.
inline void emit(event_kind kind, std::uint64_t task, std::uint64_t argument = 0) noexcept {
  if (active.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    tell(kind, task, argument);
}
}  // namespace detail

inline bool on() noexcept { return detail::active.load(std::memory_order_relaxed) != nullptr; }

inline zone::zone(std::string_view name) noexcept : began_(on()) {
  if (began_) detail::tell_of_this_thread(event_kind::zone_begin, 0, name);
}
inline zone::~zone() {
  if (began_) detail::tell_of_this_thread(event_kind::zone_end, 0, {});
}
inline void counter(std::string_view name, double value) noexcept {
  if (on()) {
    detail::tell_of_this_thread(event_kind::counter, std::bit_cast<std::uint64_t>(value), name);
  }
}
inline void message(std::string_view text) noexcept {
  if (on()) detail::tell_of_this_thread(event_kind::message, 0, text);
}
inline void paced() noexcept {
  if (on()) detail::tell_of_this_thread(event_kind::paced, 0, {});
}

}  // namespace fronta::trace
