// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/node.hpp>
#include <fronta/trace.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// How a task's life meets the executor that it belongs to and the thread that runs it.
namespace fronta::gpu {
class stream;
}

namespace fronta::detail {

// The executor as a task sees it.
class device_host;
class worker;

// Keeps an executor while a thread that is not one of its workers makes one of its tasks ready:
// enter while that task is certainly unfinished, leave when the executor is not touched any more.
class host_gate {
 public:
  virtual void enter() noexcept = 0;
  virtual void leave() noexcept = 0;

 protected:
  ~host_gate() = default;
};

class task_host {
 public:
  // All inputs are there: put it in a queue. Takes over the entry's keeper. `next`: the calling
  // worker will be free in a moment and may take it at once.
  virtual void make_ready(node& n, bool next) noexcept = 0;
  // A routed node that a worker wants to run: reserves what it needs at that place and claims it.
  // `parked`: it must wait for tags; the entry's keeper went with it, unless `inline_waiter`.
  enum class claim_result : std::uint8_t { claimed, parked, gone };
  virtual claim_result claim_routed(node& n, std::int32_t place, bool inline_waiter) noexcept = 0;
  // Gives back what a routed node holds.
  virtual void release(node& n) noexcept = 0;
  // After a failed run: true when it will run again (the entry's keeper passes on).
  virtual bool retry(node& n) noexcept = 0;
  // After a run on a device that failed, of a task that falls back: likewise, for its CPU body.
  virtual bool fall_back(node& n) noexcept = 0;
  // A timed run gave its value after so long, copies of its data to the host apart.
  virtual void ran(node& n, std::chrono::nanoseconds took) noexcept = 0;
  // So many bytes came from a memory to the host.
  virtual void fetched(const void* memory, std::size_t bytes,
                       std::chrono::nanoseconds took) noexcept = 0;
  [[nodiscard]] virtual std::chrono::steady_clock::time_point now() const noexcept = 0;
  // A run asked to be repeated elsewhere; likewise.
  virtual bool run_again(node& n) noexcept = 0;
  // The device whose place a claimed GPU task holds.
  virtual device_host& device_of(node& n) = 0;
  // Takes a task whose work on the device has ended, from any thread; a worker then ends its run.
  virtual void device_ended(node& n) noexcept = 0;
  // A task with cold data starts a run.
  virtual void started(node& n) noexcept = 0;
  // Cuts timers, stop tokens and keys loose from a task that ends.
  virtual void forget(node& n) noexcept = 0;
  // A task that counts against max_pending ends: before anybody can know, so that whoever saw it
  // end may submit another.
  virtual void no_longer_pending() noexcept = 0;
  // Counts the end of one task; the last thing done for it.
  virtual void count_finished() noexcept = 0;
  virtual void report(std::exception_ptr error, const char* context) noexcept = 0;
  // Which level the edge from `source` needs before `dependent` may be launched. `reads_early`: it
  // is a GPU task that can take the value as soon as that is issued.
  virtual edge_level needed_level(node& dependent, const node& source,
                                  bool reads_early) noexcept = 0;
  // The registration of a node with `watched` is over and inputs are missing.
  virtual void watch(node& n) noexcept = 0;
  // Brings a remote value here; sets an error in the node when that fails.
  virtual void fetch(node& n) = 0;
  // Whether the node's amounts would suffice if every task but the `stuck` ones had ended; else the
  // tag that is missing.
  virtual bool could_start(node& n, std::span<node* const> stuck, std::string& tag) = 0;
  [[nodiscard]] virtual std::string place_of(const node& n) const = 0;
  // A pool tells of its threads: their counts are read by the drain.
  virtual void worker_joined(worker& w) = 0;
  virtual void worker_left(worker& w) noexcept = 0;
  // A worker found nothing to do; called before it sleeps.
  virtual void worker_idle() noexcept = 0;
  [[nodiscard]] virtual std::uint64_t seed() const noexcept = 0;

  const std::uint16_t traced_as = trace::detail::next_executor();

 protected:
  ~task_host() = default;
};

// What a backend with devices does for a GPU task, around its host part.
class device_host {
 public:
  // A stream for the task's host part, in the thread that will run it. Null: there is none at
  // present, the node was taken, with its entry's keeper, and `host_part_may_begin` is called when
  // there is. Throws.
  virtual gpu::stream* open_stream(node& n) = 0;
  // The host part is over. Calls `end_device_run` once what it enqueued has ended, from any thread,
  // also before this returns. False: the device is too far behind for more that would go behind.
  // `wanted`: an array that CPU tasks will look at when this one is done; null where there is none.
  virtual bool close_stream(gpu::stream& s, node& n, data_block* wanted) noexcept = 0;

  // Of a place, by the backend's own number. Lost: nothing will run there any more.
  [[nodiscard]] virtual bool lost(std::size_t place) const noexcept = 0;
  // Names its memory, see data_copy.
  [[nodiscard]] virtual const void* memory(std::size_t place) const noexcept = 0;
  // Whether a run failed for want of its device, which broke, was given up or had no memory left.
  [[nodiscard]] virtual bool failed_for_device(const std::exception_ptr& error) const noexcept = 0;
  // Its times are a model's.
  [[nodiscard]] virtual bool simulated(std::size_t place) const noexcept = 0;
  // Copies a few times each way between a place and the host. Blocks for some ms. Empty where that
  // cannot be done.
  struct timed_copy {
    bool to_host;
    std::size_t bytes;
    std::chrono::nanoseconds took;
  };
  [[nodiscard]] virtual std::vector<timed_copy> time_copies(std::size_t place) = 0;

 protected:
  ~device_host() = default;
};

// A task that is running on this thread; they nest when a waiting worker runs what it awaits.
struct run_context {
  node* task = nullptr;
  run_context* outer = nullptr;
  std::uint64_t path = 0;
  std::uint32_t children = 0;  // tasks submitted so far, for their paths
  int attempt = 0;
  gpu::stream* stream = nullptr;         // of a GPU task
  std::chrono::nanoseconds fetching{0};  // what data from elsewhere has held it up
};

// The calling thread, if it is one of a pool. Only its own thread calls it, except for the counts.
class worker {
 public:
  // The newest own task, when it is `n`: takes it out. The entry's keeper passes to the caller.
  virtual bool take_if_newest(node& n) noexcept = 0;
  virtual void push(node& n, bool next) noexcept = 0;
  // Hands the cpu share to a substitute, and takes one back (first in the queue for it). Throws
  // std::system_error when a substitute is needed and cannot be had; nothing has changed then.
  // `sleeps`: the caller is about to leave its core, which then is the substitute's.
  virtual void begin_block(bool sleeps) = 0;
  virtual void end_block() noexcept = 0;
  // Whether a further task may run on top of this stack.
  [[nodiscard]] virtual bool may_nest() const noexcept = 0;
  [[nodiscard]] virtual std::int32_t slot() const noexcept = 0;

  task_host* host = nullptr;
  std::int32_t place = 0;  // of its pool, as the host counts
  unsigned nesting = 0;    // tasks running on this stack
  // Written by the owner alone, read by the executor's drain.
  std::atomic<std::uint64_t> submitted{0};
  std::atomic<std::uint64_t> finished{0};

  static void bump(std::atomic<std::uint64_t>& count) noexcept {
    // Release: what the counted task did is over for whoever reads the count.
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 protected:
  ~worker() = default;
};

inline constinit thread_local worker* this_worker = nullptr;
inline constinit thread_local run_context* this_context = nullptr;

// Set while a thread that may be no worker ends a task: the task counts as unfinished until its
// callbacks have run, so they cannot wait for the end of its executor.
struct ending {
  explicit ending(task_host* h) noexcept;
  ~ending();
  ending(const ending&) = delete;
  ending& operator=(const ending&) = delete;
  task_host* host;
  const ending* outer;
};
inline constinit thread_local const ending* this_ending = nullptr;
inline ending::ending(task_host* h) noexcept : host(h), outer(this_ending) { this_ending = this; }
inline ending::~ending() { this_ending = outer; }

// What the ends of nodes on this thread lead to in turn; the outermost end works it off, since a
// chain of a million must not recurse.
class joint;
struct turn_list {
  node* failed = nullptr;        // claimed because an input failed, with their outcomes
  joint* first_joint = nullptr;  // decided and not settled, in order of their decisions
  joint* last_joint = nullptr;
  bool failing = false;  // somebody works on the former
  bool settling = false;
  turn_list* outer = nullptr;  // that of the code which called the callback
};
inline constinit thread_local turn_list this_turn;

// Works all of them off, now: for who is about to wait, perhaps for one of them.
void end_all_in_turn() noexcept;
// Both of one list.
void fail_in_turn(turn_list& of) noexcept;
void settle_in_turn(turn_list& of) noexcept;

// Around user code that the end of a node calls. What ends within it is worked off within it, since
// it may look at that.
class callback_scope {
 public:
  callback_scope() noexcept : outer_(std::exchange(this_turn, {})) { this_turn.outer = &outer_; }
  ~callback_scope() { this_turn = outer_; }
  callback_scope(const callback_scope&) = delete;
  callback_scope& operator=(const callback_scope&) = delete;

 private:
  turn_list outer_;
};

// Runs a claimed node to its end (or to its next attempt). The caller passes its keeper on. Of a
// GPU task it runs the host part; the rest follows once the device has ended.
void execute(node& n);
// The device has ended a task's work: with `error` the task failed there, whatever its host part
// gave. From any thread, once.
void end_device_run(node& n, std::exception_ptr error) noexcept;
// One thing more that a GPU task waits for before it ends; begun while its own work has not ended,
// and over from any thread.
void begin_late_input(node& n) noexcept;
void end_late_input(node& n) noexcept;
// A task for which `open_stream` had no stream is to ask again. From any thread, once.
void host_part_may_begin(node& n) noexcept;
// On a worker that was handed a node with `device_ended`: begins the host part that had to wait for
// a stream; or ends the run, with the entry's keeper; or, while inputs are on the device that were
// only issued when it began, leaves that to their end.
void finish_device_run(node& n);
// Ends a claimed node like a failed input of it, if there is one. Only edges of less than `done`
// let a node come so far.
bool end_with_failed_input(node& n);
inline constexpr auto cancelled_by_shutdown =
    "shutdown: the executor was told to cancel what had not started; leave .cancel_futures off to "
    "let it run";
// Claims a pending node for an end without a run. False when it is running or done.
bool cancel(node& n, const char* reason);
// Ends a node that was claimed as `dropping` or `settling`, with the outcome stored in it.
void finish_dropped(node& n, phase end) noexcept;
// Ends a running node from outside with `error`; its code runs on and its outcome is discarded. A
// pending node is dropped.
void abort(node& n, std::exception_ptr error);

// The error of a task that asks for a further run although the one so far used up what it needs.
[[nodiscard]] std::exception_ptr cannot_run_again(const node& n) noexcept;

// The edge of a future argument; lies in the dependent's memory.
struct dependency : edge {
  node* dependent = nullptr;
  bool looks_on_host = false;  // a CPU task that takes the numbers of an array
};

// How many GPU tasks other than `but` stand, or will stand, behind that one on its device; counts
// no further than to 2.
int early_readers(node& source, const node* but = nullptr) noexcept;

// Flags and counts in node::blockers(): unfinished inputs below, then failed ones.
inline constexpr std::uint64_t input_count_mask = 0xFFFF'FFFF;
inline constexpr std::uint64_t one_failed_input = std::uint64_t{1} << 32;
inline constexpr std::uint64_t registering_bit = std::uint64_t{1} << 62;
inline constexpr std::uint64_t dropped_bit = std::uint64_t{1} << 63;

// Registration of a new node's inputs: begin, add each, end. The node holds one keeper per input
// for its edge.
class input_registration {
 public:
  input_registration(node& dependent, std::size_t inputs) noexcept;
  void add(dependency& e, node& source, bool reads_early) noexcept;
  // Makes the node ready, or fails it, when its inputs already decide.
  void end() noexcept;

 private:
  node& dependent_;
  std::uint64_t done_ = 0;
  node* failed_ = nullptr;
  std::uint64_t failures_ = 0;
};

// Waits from anywhere for one node, without a time limit: inside a task by running it inline, or
// by handing the cpu share on; outside by spinning, then sleeping. Throws deadlock_error and
// std::system_error.
void wait_for(node& n);
bool wait_until(node& n, deadline until);
// Of a task that is done: whether its code has ended too, and a wait for that. Only after a timeout
// the one comes before the other.
bool code_over(const node& n) noexcept;
void end_code(node& n) noexcept;
void wait_for_code(node& n);
// Blocks for both without lending the cpu share; needs no memory.
void sit_out(node& n) noexcept;
// Set by a submit that had to wake a worker, for the wait that follows: see wait_for.
inline constinit thread_local bool submit_woke_worker = false;

// Hands the cpu share on while the calling worker blocks. The nodes waited for (none for
// this_task::blocking) are checked for deadlock; on other threads only if these hold tasks back, in
// a callback.
enum class wait_mode : std::uint8_t { all, any };
class blocking_section {
 public:
  // `awaited`: the task whose end is waited for, if it is one; for traces alone.
  explicit blocking_section(trace::wait_reason why, const node* awaited = nullptr);
  blocking_section(std::span<node* const> awaited, wait_mode mode, trace::wait_reason why);
  ~blocking_section();
  blocking_section(const blocking_section&) = delete;
  blocking_section& operator=(const blocking_section&) = delete;

 private:
  static void refuse_in_host_part();
  void lend_share(const node* awaited, trace::wait_reason why);

  worker* worker_ = nullptr;
  void* entry_ = nullptr;  // in the wait graph
};

// Runs `n` on this worker if it is ready and nobody has it yet. True when it ran.
bool try_run_inline(worker& w, node& n);

}  // namespace fronta::detail

namespace fronta::trace::detail {

void tell(event_kind kind, const fronta::detail::node& n, std::uint64_t argument) noexcept;
void tell(event_kind kind, const fronta::detail::node& n, std::uint64_t argument,
          std::string_view text) noexcept;
// It waits for the end of another one, or null.
void tell_block(const fronta::detail::node& n, const fronta::detail::node* awaited) noexcept;
// A value or an error was taken, by the calling thread's task.
void tell_consume(const fronta::detail::node& n) noexcept;
void tell_dependency(const fronta::detail::node& n, const fronta::detail::node& input) noexcept;
// The submit of a new task; not to be called once others know the task.
void tell_submit(const fronta::detail::node& n) noexcept;

inline void emit(event_kind kind, const fronta::detail::node& n,
                 std::uint64_t argument = 0) noexcept {
  if (active.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    tell(kind, n, argument);
}
inline void emit_block(const fronta::detail::node& n,
                       const fronta::detail::node* awaited) noexcept {
  if (active.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    tell_block(n, awaited);
}
inline void emit_consume(const fronta::detail::node& n) noexcept {
  if (active.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    tell_consume(n);
}
inline void emit_dependency(const fronta::detail::node& n,
                            const fronta::detail::node& input) noexcept {
  if (active.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    tell_dependency(n, input);
}
inline void emit_submit(const fronta::detail::node& n) noexcept {
  if (active.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    tell_submit(n);
}

}  // namespace fronta::trace::detail
