// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/annotate.hpp>
#include <fronta/detail/task_node.hpp>
#include <fronta/detail/worker.hpp>
#include <fronta/trace.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <typeinfo>
#include <vector>

// From a call of submit to a node in a queue.
namespace fronta::detail {

class executor_core;

// What an executor and its references share. Never freed but recycled under another generation, so
// that a reference can ask whether its executor still exists without owning anything.
struct executor_control final : host_gate {
  enum class mode : std::uint32_t { open, draining, cancelling, gone };

  std::atomic<std::uint64_t> generation{0};
  std::atomic<mode> admits{mode::gone};
  executor_core* core = nullptr;  // valid while a submission is counted, see admission
  std::atomic<task_host*> host{nullptr};
  // Every task takes the slow path: a default timeout, a router, a broken backend.
  std::atomic<bool> always_cold{false};
  std::ptrdiff_t max_pending = -1;  // -1: no limit
  std::atomic<std::ptrdiff_t> pending{0};
  // Numbers of tasks submitted outside tasks, from which their paths are made: `submitted` less
  // `first_index`, or `admitted` where there is a limit; and those of callbacks. A submission that
  // is refused gives its number back if that is still the last one.
  std::uint64_t first_index = 0;
  std::atomic<std::uint64_t> admitted{0};
  std::atomic<std::uint64_t> from_callbacks{0};
  std::atomic<std::uint64_t> maps{0};

  // External submissions, and ends on threads that are no workers. Workers count their own; work is
  // left while the sums differ. Sums of ends are read before those of submissions: then equality
  // means that at that moment nothing was left, since neither shrinks (what is taken from
  // `submitted`, which is read first, has been added to `submitted_apart` before). A submission
  // from outside counts twice: for its task, and until it has let go of the executor.
  alignas(64) std::atomic<std::uint64_t> submitted{0};
  alignas(64) std::atomic<std::uint64_t> finished{0};
  // Likewise, but inside tasks, or to look alone: those must not shift the others' numbers.
  std::atomic<std::uint64_t> submitted_apart{0};

  alignas(64) std::mutex mutex;
  std::condition_variable changed;
  // Guarded by mutex.
  std::vector<worker*> workers;
  std::uint64_t left_submitted = 0;  // of workers that have left
  std::uint64_t left_finished = 0;
  // Somebody waits for the end; sequentially consistent against `finished`.
  std::atomic<bool> watched{false};

  void enter() noexcept override { submitted_apart.fetch_add(1, std::memory_order_seq_cst); }
  void leave() noexcept override { ended(1); }
  void ended(std::uint64_t n) noexcept {
    finished.fetch_add(n, std::memory_order_seq_cst);
    if (watched.load(std::memory_order_seq_cst)) notify();
  }
  void notify() noexcept;
  [[nodiscard]] std::uint64_t unfinished() noexcept;  // with mutex held
};

// The right to add one task: counted from the constructor on, so that the executor stays.
class admission {
 public:
  enum class when_full { fail, refuse };
  // Throws shutdown_error and queue_full_error; with `refuse` a full queue gives an admission that
  // is not admitted. Dependents are let in whatever is pending.
  admission(executor_control& c, std::uint64_t generation, const char* verb, when_full full,
            bool dependent = false);
  ~admission() {
    if (!committed_) undo();
    if (external_) control_.ended(1);
  }
  admission(const admission&) = delete;
  admission& operator=(const admission&) = delete;

  [[nodiscard]] bool admitted() const noexcept { return admitted_; }
  void commit() noexcept { committed_ = true; }
  // Another task stands for it. Its number stays taken: whether that one still lives is chance.
  void found_other() noexcept { keeps_number_ = true; }
  [[nodiscard]] executor_control& control() const noexcept { return control_; }
  void set_up(node& n) const noexcept {
    n.host = control_.host.load(std::memory_order_relaxed);
    n.traced_as = n.host->traced_as;
    n.gate = &control_;
    n.path = path_;
    n.counted = limited_;
    if (this_context != nullptr && this_context->task != nullptr) {
      n.priority = this_context->task->priority;
    }
  }

 private:
  void undo() noexcept;
  void give_number_back() noexcept;
  void admit_external(std::uint64_t generation, const char* verb, when_full full, bool nested,
                      bool dependent);

  executor_control& control_;
  worker* worker_ = nullptr;
  std::uint64_t path_ = 0;
  // Where its number comes from: `numbers_`, or the tasks that the running one has submitted.
  std::atomic<std::uint64_t>* numbers_ = nullptr;
  std::uint64_t number_ = 0;
  bool keeps_number_ = false;
  bool committed_ = false;
  bool admitted_ = true;
  bool limited_ = false;
  bool external_ = false;  // counted on its own, apart from the task
};

// Finalizer of SplitMix64 (Steele, Lea, Flood 2014): paths must differ in all bits.
constexpr std::uint64_t mix(std::uint64_t z) noexcept {
  z += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}
inline std::uint64_t child_path(std::uint64_t parent, int attempt, std::uint64_t index) noexcept {
  return mix(parent ^
             mix(index ^ (static_cast<std::uint64_t>(static_cast<unsigned>(attempt)) << 40)));
}

inline admission::admission(executor_control& c, std::uint64_t generation, const char* verb,
                            when_full full, bool dependent)
    : control_(c) {
  auto* const w = this_worker;
  auto* const context = this_context;
  // Inside one of its own tasks the executor is certainly alive, and the count is the worker's own.
  if (w != nullptr && w->host == c.host.load(std::memory_order_relaxed) &&
      c.generation.load(std::memory_order_relaxed) == generation &&
      static_cast<std::uint32_t>(c.admits.load(std::memory_order_relaxed)) <=
          static_cast<std::uint32_t>(executor_control::mode::draining)) {
    worker_ = w;
    worker::bump(w->submitted);
  } else {
    admit_external(generation, verb, full,
                   context != nullptr && context->task != nullptr &&
                       context->task->host == c.host.load(std::memory_order_relaxed),
                   dependent);
  }
  if (context != nullptr && context->task != nullptr) {
    number_ = context->children++;
    path_ = child_path(context->path, context->attempt, number_);
  } else if (worker_ != nullptr) {
    numbers_ = &c.from_callbacks;
    number_ = numbers_->fetch_add(1, std::memory_order_relaxed);
    path_ = child_path(2, 0, number_);
  }
}

// Keeps the core of a living executor while somebody looks at it, and takes no number.
class guest {
 public:
  // Throws shutdown_error.
  guest(executor_control& c, std::uint64_t generation, const char* verb);
  ~guest() { control_.leave(); }
  guest(const guest&) = delete;
  guest& operator=(const guest&) = delete;

 private:
  executor_control& control_;
};

// Ends a node that could not be submitted.
template <class Node>
struct unsubmitted {
  Node* node;
  explicit unsubmitted(Node* n) noexcept : node(n) {}
  ~unsubmitted() {
    if (node != nullptr) node->drop_keepers(1 + Node::embedded_keepers);
  }
  unsubmitted(const unsubmitted&) = delete;
  unsubmitted& operator=(const unsubmitted&) = delete;
  Node& release() noexcept { return *std::exchange(node, nullptr); }
};

// What the slow path must know of a callable's type.
struct body_traits {
  bool can_repeat;                 // callable and arguments allow another run
  bool can_keep;                   // … and a copy of both can be kept
  bool on_gpu;                     // takes a stream
  bool both;                       // has one body that does, and one that does not
  bool bound_input;                // an argument is of use on one device alone
  const std::type_info* callable;  // of one with both
};

// Options, tags and annotations; before the node is shared. Throws invalid_argument and
// unsatisfiable_error.
void prepare_cold(node& n, executor_control& c, const task_options* given, body_traits traits,
                  const char* verb);
// Timers, stop tokens and such; once the node may be running already.
void connect_cold(node& n) noexcept;
// A living task with the key of `n`: returns it with a reader added. Else enters `n`. Throws
// invalid_argument when that task's result has another type.
node* find_or_enter_key(node& n, executor_control& c, const std::type_info& type, const char* verb);

}  // namespace fronta::detail
