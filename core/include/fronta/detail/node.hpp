// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/node_cache.hpp>
#include <fronta/task_options.hpp>
#include <fronta/time.hpp>
#include <fronta/trace.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

// The shared state of a task or promise: outcome, reference counts, who waits for it.
namespace fronta {
struct placement;
}

namespace fronta::detail {

class data_block;
class node;
class data_visitor;
class task_host;
class host_gate;
struct task_extra;

// Users see pending, running and the four ends; `dropping` (claimed, to end as cancelled) and
// `settling` (claimed, to end with another outcome without a run) still read as pending.
enum class phase : std::uint32_t {
  pending = 0,
  dropping = 1,
  running = 2,
  settling = 3,
  value = 4,
  error = 5,
  cancelled = 6,
  aborted = 7,  // ended from outside while its code ran on; the error lies in the extra
};

// How far a predecessor must have come before an edge lets its dependent go.
enum class edge_level : std::uint8_t { key = 1, issued = 2, done = 3 };

enum class edge_kind : std::uint8_t { waiter, callback, dependent };

// Something to be told when a node gets to a level. Linked into the node's list, guarded by the
// lock bit of its state; `fire` is called once, with no lock held, unless the edge was removed.
struct edge {
  edge* next = nullptr;
  edge* prev = nullptr;
  void (*fire)(edge& self, node& source) noexcept = nullptr;
  edge_kind kind = edge_kind::waiter;
  edge_level level = edge_level::done;
  bool linked = false;
};

enum class run_result : std::uint8_t { value, error, reschedule };

class node {
 public:
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  // ---- References. `readers` are what may read the value: user handles, dependents' inputs, and
  // done callbacks until they have run.
  // `keepers` only keep the memory: a queue entry or run (one), edges, timers.
  void add_reader() noexcept { refs_.fetch_add(one_reader, std::memory_order_relaxed); }
  void add_keeper() noexcept { refs_.fetch_add(one_keeper, std::memory_order_relaxed); }
  void add_keepers(std::size_t n) noexcept {
    if (n != 0) refs_.fetch_add(one_keeper * n, std::memory_order_relaxed);
  }
  void drop_reader() noexcept { drop(one_reader); }
  void drop_keeper() noexcept { drop(one_keeper); }
  void drop_keepers(std::size_t n) noexcept {
    if (n != 0) drop(one_keeper * n);
  }
  // True when the caller's reader is the only one. Acquire: what former readers did is over.
  [[nodiscard]] bool sole_reader() const noexcept {
    return !weakly_known && refs_.load(std::memory_order_acquire) >> 32 == 1;
  }
  // For a table of weak pointers, under the table's lock: revives unless the last reference went.
  [[nodiscard]] bool try_add_reader() noexcept;

  // ---- State.
  [[nodiscard]] phase current() const noexcept {
    return static_cast<phase>(state_.load(std::memory_order_acquire) & phase_mask);
  }
  [[nodiscard]] bool done() const noexcept { return is_done(current()); }
  [[nodiscard]] static constexpr bool is_done(phase p) noexcept {
    return static_cast<std::uint32_t>(p) >= static_cast<std::uint32_t>(phase::value);
  }
  // Pending to running, dropping or settling; exactly one caller wins.
  [[nodiscard]] bool try_claim(phase to) noexcept;
  // Running to pending, for a further run. False when it was aborted meanwhile.
  bool unclaim() noexcept;
  // Running or dropping to an end, `aborted` from running alone. False when the node is elsewhere.
  // Wakes waiters, then tells edges: waiters, callbacks in order of addition, dependents.
  bool publish(phase end) noexcept;
  // Tells edges of that level; a device uses it before the node is done.
  void raise(edge_level level) noexcept;
  // Its value may be read by GPU tasks although it is not done: they stand behind it on the device.
  // Once true, the value stays until the node goes, whatever happens to the task.
  [[nodiscard]] bool readable_early() const noexcept {
    if (!early_value) return false;
    const auto state = state_.load(std::memory_order_acquire);
    return static_cast<phase>(state & phase_mask) == phase::running &&
           (state & level_mask) >> level_shift >= static_cast<std::uint32_t>(edge_level::issued);
  }

  // False when the node is at the edge's level already: the edge was not linked.
  [[nodiscard]] bool add_edge(edge& e) noexcept;
  // True when the edge was still linked; else it has fired or is about to.
  bool remove_edge(edge& e) noexcept;
  // Visits the edges that are linked, the newest first, until one is enough. With the node locked.
  template <class Enough>
  void visit_edges(Enough&& enough) noexcept {
    const auto state = lock();
    for (const edge* e = edges_; e != nullptr && !enough(*e);) e = e->next;
    unlock(state);
  }

  // Blocks the calling thread, whatever it is, until done or `until`. True when done.
  bool block_until_done(deadline until) noexcept;
  // Whether it blocks in the kernel or spins first is the caller's choice.
  [[nodiscard]] bool spin_until_done() const noexcept;

  // ---- Stop requests.
  bool request_stop() noexcept;
  [[nodiscard]] bool stop_requested() const noexcept {
    return (state_.load(std::memory_order_acquire) & stop_bit) != 0;
  }
  [[nodiscard]] std::stop_token stop_token();

  // ---- Inputs not done yet, and flags of the registration (see register_inputs).
  [[nodiscard]] bool inputs_done() const noexcept {
    return blockers_.load(std::memory_order_acquire) == 0;
  }
  std::atomic<std::uint64_t>& blockers() noexcept { return blockers_; }

  // ---- Cold data; made on first use for tasks that were submitted without options.
  [[nodiscard]] task_extra* extra() const noexcept {
    return extra_.load(std::memory_order_acquire);
  }
  task_extra& require_extra();
  [[nodiscard]] std::string name() const;

  // ---- What a concrete task knows.
  // Calls the callable and stores its outcome. Lets only a forced unwind out (pthread_exit).
  virtual run_result run() = 0;
  // Destroys callable and arguments; must be called once, before publish.
  virtual void destroy_body() noexcept {}
  // Takes the edges back that still hang in inputs. Only for a node that ends without a run.
  virtual void unlink_inputs() noexcept {}
  // Visits the nodes of the inputs. Only for a node that is pending and cannot start meanwhile.
  virtual void visit_inputs(void (*visit)(void* context, node& input), void* context);
  // Shows what the inputs hold, of a task with two bodies. They are done; further as visit_inputs,
  // or within its run.
  virtual void visit_data(data_visitor& /*to*/) {}
  virtual void store_error(std::exception_ptr error) noexcept = 0;
  virtual void clear_outcome() noexcept = 0;
  [[nodiscard]] virtual std::exception_ptr stored_error() const noexcept = 0;
  // How many bytes the value stands for; 0 without one. For who has just stored it.
  [[nodiscard]] virtual std::size_t stored_bytes() const noexcept { return 0; }
  // The same for all others: 0 as long as it may not be read.
  [[nodiscard]] std::size_t value_bytes() const noexcept {
    return readable_early() || current() == phase::value ? stored_bytes() : 0;
  }
  // Of a task whose value is an array, once it has given that; null for all other types.
  [[nodiscard]] virtual data_block* array_value() noexcept { return nullptr; }
  virtual void destroy() noexcept = 0;  // the node and its memory

  // The outcome's exception; null for a value. Only when done.
  [[nodiscard]] std::exception_ptr error() const;

  // Visits inputs of a pending node, holding off its start and its end; false if it is not pending,
  // or is ready and that is not wanted. Lets through what `visit` throws.
  bool visit_pending_inputs(void (*visit)(void* context, node& input), void* context,
                            bool even_if_ready);
  // The same for what they hold. `to` must take no locks.
  bool visit_pending_data(data_visitor& to);

  // ---- Set before the node is shared, constant afterwards.
  task_host* host = nullptr;  // not to be touched once the node is done
  host_gate* gate = nullptr;  // of the host; is never freed
  std::uint64_t path = 0;     // identifies the task within its executor's run
  std::int32_t priority = 0;
  std::uint16_t traced_as = 0;  // the host's, which may be gone
  bool routed = false;          // needs the router: tags, odd cpu amounts, a fixed place
  bool counted = false;         // counts against max_pending
  bool has_future = true;       // false for post: exceptions go to the error hook
  bool own_priority = false;    // named by the task, not inherited from the one that submitted it
  bool linked_once = false;     // `next` has been used
  bool watched = false;         // waits for an input of another owner; the executor keeps a list
  // A GPU task whose value names device memory and that runs once: see readable_early.
  bool early_value : 1 = false;
  // A GPU task whose value is of use at the place `made_at` alone.
  bool device_bound : 1 = false;
  // … follows its readers to other places.
  bool device_movable : 1 = false;
  // Its host part and its work on the device are over, and a worker is to end the run; or its host
  // part, which had to wait for a stream, can begin. Written before it goes to that worker's queue.
  bool device_ended = false;
  // Some table may revive it: its last reference must be seen to go.
  bool weakly_known = false;

  // Link of the inbox. Used once in a node's life: an entry may outlive its task's run.
  node* next = nullptr;
  // Some way behind `next`, if not gone: only to be fetched, never to be read.
  const void* further = nullptr;
  // Where the value was made; -1 unknown.
  std::int16_t made_at = -1;
  // The value must be fetched from the backend before it can be read.
  std::atomic<bool> remote{false};
  // The value was moved out, by the only reader.
  bool value_taken = false;

 protected:
  node(std::uint32_t readers, std::uint32_t keepers) noexcept
      : refs_(readers * one_reader + keepers * one_keeper) {}
  ~node();

 private:
  static constexpr std::uint64_t one_keeper = 1;
  static constexpr std::uint64_t one_reader = std::uint64_t{1} << 32;
  static constexpr std::uint32_t phase_mask = 7;
  static constexpr std::uint32_t lock_bit = 8;
  static constexpr std::uint32_t waiter_bit = 16;  // somebody sleeps on state_
  static constexpr std::uint32_t stop_bit = 32;
  static constexpr std::uint32_t level_shift = 6;
  static constexpr std::uint32_t level_mask = 3U << level_shift;

  void drop(std::uint64_t what) noexcept {
    // Nobody else holds a reference, so nobody can come in between: no read-modify-write needed.
    if ((!weakly_known && refs_.load(std::memory_order_acquire) == what) ||
        refs_.fetch_sub(what, std::memory_order_acq_rel) == what) {
      destroy_later();
    }
  }
  void destroy_later() noexcept;
  [[nodiscard]] std::uint32_t lock() noexcept;  // the state without the lock bit
  void unlock(std::uint32_t state) noexcept { state_.store(state, std::memory_order_release); }
  edge* take_edges(edge_level up_to) noexcept;  // with the lock held; in order of addition
  void fire(edge* list) noexcept;

  // Every change goes through a compare-exchange that needs the lock bit clear, or is made by the
  // holder of the lock bit; so the holder may change it with a plain store.
  std::atomic<std::uint32_t> state_{0};
  std::atomic<std::uint64_t> refs_;
  std::atomic<std::uint64_t> blockers_{0};
  edge* edges_ = nullptr;  // guarded by the lock bit; newest first
  std::atomic<task_extra*> extra_{nullptr};

  friend struct extra_access;
};

// What can be run again: a copy of callable and inputs.
class recipe {
 public:
  virtual ~recipe() = default;
};

// GPU tasks that have one amount in turn: on the device each stands behind the one before it. In
// use is the most that any of them needs until the last has left, in whatever order they leave, so
// nothing comes free under one that is still on the device. A task leaves before its node goes, so
// nobody is kept. Guarded by the router's mutex.
struct succession {
  struct holder {
    const node* task;
    std::int64_t units;
  };
  std::vector<holder> holders;  // in stream order
  [[nodiscard]] std::int64_t units() const noexcept {
    std::int64_t most = 0;
    for (const auto& h : holders) most = std::max(most, h.units);
    return most;
  }
  // What comes free.
  std::int64_t leave(const node& n) noexcept {
    const auto before = units();
    std::erase_if(holders, [&](const holder& h) { return h.task == &n; });
    return before - units();
  }
};

// Which amounts a routed task holds. Guarded by the router's mutex.
struct reservation {
  struct entry {
    std::int32_t place;  // -1: executor-wide
    std::string tag;
    std::int64_t units;
    std::shared_ptr<succession> turn = nullptr;  // null: nobody else has a part in it
  };
  bool held = false;
  std::int32_t host_place = -1;
  std::int32_t device_place = -1;
  std::vector<entry> taken;
};

// Where the data of a task was when it became ready.
struct input_data {
  struct numbers {
    std::size_t bytes = 0;
    bool on_host = false;
    std::vector<const void*> memories;  // others, see data_copy
  };
  std::vector<numbers> arrays;
  std::size_t other_bytes = 0;  // on the host
};

// What is left to do, on a worker, when a GPU task's work has ended; destroyed once its run is
// over.
class device_end {
 public:
  virtual ~device_end() = default;
  // It gave its value: that may need something still.
  virtual void ended() noexcept = 0;
  // Lets go of what the work used.
  virtual void release() noexcept = 0;
};

struct task_extra {
  task_options options{.where = {}};
  std::atomic<int> attempt{0};
  std::stop_source stop{std::nostopstate};  // guarded by the node's lock bit
  std::atomic<bool> aborting{false};        // who sets it writes the next
  std::exception_ptr abort_error;           // written before the phase becomes `aborted`
  std::atomic<std::uint32_t> code_over{0};  // 1 once an aborted task's code and captures are gone
  std::string cancel_reason;                // written before the phase becomes `cancelled`
  std::string failed_input;                 // the task whose failure this is
  std::shared_ptr<recipe> again;

  // Of a GPU task, or of one with two bodies.
  bool may_use_device = false;  // constant, as the next
  bool two_bodies = false;
  // Whether its run is on a device. Where it `chooses`, that goes with the places that it gets:
  // written under the router's mutex, before the run.
  bool on_gpu = false;
  bool chooses = false;
  bool falls_back = false;  // constant: its CPU body is to run where its device cannot
  bool fell_back = false;   // it came to that; otherwise as on_gpu
  // Why it got the places that it has; guarded by the router's mutex, as what is expected of the
  // run.
  std::shared_ptr<const placement> why;
  bool timed = false;                       // constant: its runs are measured
  std::uint64_t kind = 0;                   // whose runs are alike; constant
  std::int64_t expected = 0;                // nanoseconds on a device, for those behind it
  std::int64_t expected_copy = 0;           // … of which its data takes
  std::chrono::nanoseconds device_time{0};  // what the work took there, copies included
  run_result device_result{};               // of the host part, then of both
  std::exception_ptr device_error;          // what the device said
  std::unique_ptr<device_end> at_device_end;
  // Where its work is enqueued, as its backend sees it; written before the task is issued.
  bool waits_for_stream = false;  // its host part has not begun
  void* lane_given = nullptr;     // kept for it meanwhile
  void* lane = nullptr;
  std::uint64_t lane_ticket = 0;
  // Inputs that have been issued and not ended, and one for the task's own work: who takes it to
  // zero has the task end.
  std::atomic<std::uint32_t> late_inputs{1};
  bool own_work_ended = false;  // that one is gone

  // Routing.
  std::int64_t cpu_units = amount::scale;  // the "cpu" amount
  reservation held;
  std::uint64_t sequence = 0;      // order among the router's waiting tasks; guarded by its mutex
  std::uint32_t passed_over = 0;   // how often the router served a later one first; likewise
  trace::route_reason sent_for{};  // why it was sent to its pool, for traces; likewise
  std::vector<std::pair<std::int32_t, std::size_t>> input_bytes;  // per place; set when ready
  std::int32_t bound_to = -1;          // the device that its inputs are bound to; likewise
  std::vector<std::int32_t> drawn_to;  // devices where it goes if it can; likewise
  input_data data;                     // where it chooses its body; likewise
  [[nodiscard]] std::size_t bytes_at(std::int32_t place) const noexcept {
    for (const auto& [at, bytes] : input_bytes) {
      if (at == place) return bytes;
    }
    return 0;
  }

  // What ends with the task: set up after its submission, when it may have ended already.
  std::mutex links;
  bool ended = false;                 // guarded by links, like the three below
  std::uint64_t timer = 0;            // the timeout's id, 0 for none
  std::uint64_t no_worker_timer = 0;  // runs while no place could take it; likewise
  std::shared_ptr<void> stop_link;    // connects options.stop
  deadline::time_point due = deadline::time_point::max();
  std::shared_ptr<void> key_entry;
};

// Reported inside a task by this_task::reschedule().
struct reschedule_request {};

}  // namespace fronta::detail
