// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/cpu/threads.hpp>
#include <fronta/detail/worker.hpp>
#include <fronta/detail/yield_point.hpp>

#include "deque.hpp"
#include "queues.hpp"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace fronta::cpu {

class pool_thread;

/// Threads to signal, and tasks to fail, once the pool's mutex is released: declare it before the
/// lock. The first thread gets the core of a caller that is about to sleep: see
/// pool_thread::signal.
class wake_list {
 public:
  enum class caller : std::uint8_t { unknown, sleeps, stays };
  explicit wake_list(caller what = caller::unknown) noexcept : caller_(what) {}
  wake_list(const wake_list&) = delete;
  wake_list& operator=(const wake_list&) = delete;
  ~wake_list();
  void add(pool_thread* t) noexcept;
  void fail(detail::node& n, std::exception_ptr error) noexcept;

 private:
  const caller caller_;
  pool_thread* first_ = nullptr;
  detail::node* failed_ = nullptr;  // linked by next, each with its entry's keeper
  std::exception_ptr error_;
};

/// A right to run one task at a time: a cpu share with its queue. A thread holds at most one; a
/// thread without one sleeps, or runs a task that has lent its share.
struct slot {
  std::int32_t index = 0;
  deque tasks;
  /// Taken from the inbox in one go: the owner too takes the oldest first.
  deque from_outside;
  /// A dependent that the owner takes next; nobody else sees it.
  detail::node* next = nullptr;
  std::uint32_t picks = 0;
  std::uint32_t victim = 0;
};

class pool final : public backend {
 public:
  explicit pool(threads config);
  ~pool() override;

  std::vector<place_info> start(backend_host& host) override;
  void stop() noexcept override;
  [[nodiscard]] bool hosts_plain_tasks() const noexcept override { return true; }
  [[nodiscard]] bool reserves_at_start() const noexcept override { return true; }
  void launch(launched_task task, std::size_t place, launch_as how) noexcept override;
  void cancel_pending() noexcept override;
  [[nodiscard]] std::size_t load() const noexcept override;

 private:
  friend class pool_thread;

  // ---- Queues.
  void push_shared(detail::node& n) noexcept;
  void refuse(detail::node& n) noexcept;
  void push_first(detail::node& n) noexcept;
  [[nodiscard]] bool has_work() const noexcept;
  // After work was made visible: wakes a worker unless one is searching already.
  void work_added() noexcept {
    detail::yield_point();
    if (free_count_.load(std::memory_order_seq_cst) != 0 &&
        searching_.load(std::memory_order_seq_cst) == 0) {
      wake_one();
    }
  }
  void wake_one() noexcept;

  // ---- Slots. With mutex_ held:
  pool_thread* give_slot_to_sleeper() noexcept;
  void release_slot(slot& s, wake_list& woken) noexcept;
  void rejoin_first(slot& s, wake_list& woken) noexcept;
  void create_thread(slot* s);
  void require_sleeper();  // one more than free slots
  void reap() noexcept;

  // ---- Amounts other than one cpu ("odd").
  void launch_odd(detail::node& n) noexcept;
  void serve_odd(wake_list& woken) noexcept;  // with mutex_ held
  void pay_back(std::int64_t units) noexcept;
  [[nodiscard]] bool ordinary_turn() const noexcept;  // with mutex_ held

  void thread_main(pool_thread& self);  // a forced unwind passes through
  void bind_to_core(const slot& s) noexcept;
  void compute_cores();

  threads config_;
  unsigned workers_;
  bool spin_;
  bool places_;  // woken threads: threads::place
  std::string prefix_;
  backend_host* host_ = nullptr;
  detail::task_host* tasks_ = nullptr;
  std::int32_t place_ = 0;
  std::vector<std::vector<unsigned>> cores_;  // the CPUs of each; only when pinning

  std::vector<std::unique_ptr<slot>> slots_;  // constant after start
  inbox inbox_;
  priority_queue priorities_;

  std::mutex first_mutex_;
  std::deque<detail::node*> first_;  // guarded by first_mutex_: hold scarce tags, or run again
  std::atomic<std::size_t> first_size_{0};

  // A sleeper announces itself in free_count_, leaves searching_ and looks for work again, in this
  // order; a submitter makes work visible, then reads free_count_ and searching_. All of it is
  // sequentially consistent, so one of the two sees the other.
  alignas(64) std::atomic<std::uint32_t> free_count_{0};
  std::atomic<std::uint32_t> searching_{0};
  // How many threads wait for a slot: workers give theirs up between tasks.
  std::atomic<std::uint32_t> slot_wanted_{0};
  std::atomic<std::size_t> routed_{0};  // tasks with tags or a place that are queued or running
  // What is picked is failed (a broken pool) or cancelled instead of run.
  enum class refusal : std::uint8_t { none, cancelling, broken };
  std::atomic<refusal> refuses_{refusal::none};

  std::mutex mutex_;
  // Guarded by mutex_. At least as many sleepers as free slots, so that a wake finds a thread.
  std::vector<slot*> free_slots_;
  std::vector<pool_thread*> sleepers_;
  std::deque<pool_thread*> rejoining_;  // first come, first served
  std::vector<std::unique_ptr<pool_thread>> all_threads_;
  std::vector<pool_thread*> ended_;  // to be joined
  std::size_t alive_ = 0;
  std::uint32_t next_name_ = 0;
  bool stopping_ = false;
  std::exception_ptr broken_error_;

  // Tasks with other amounts than one cpu run on threads without a slot, against whole slots that
  // are withheld. Guarded by mutex_. First in the queue is served first; those that come back from
  // a wait go before those that start.
  struct odd_request {
    detail::node* task;    // to be started, or
    pool_thread* resumed;  // to go on
    std::int64_t units;
  };
  std::deque<odd_request> odd_;
  std::vector<slot*> withheld_;
  std::int64_t spare_units_ = 0;  // of the withheld slots, not taken by a running task
  bool odd_counted_ = false;      // odd_ is counted in slot_wanted_
  // Odd tasks started since an ordinary one could have been.
  std::uint32_t odd_streak_ = 0;
};

/// A thread of the pool: a worker while it holds a slot.
class pool_thread final : public detail::worker {
 public:
  pool_thread(pool& owner, cpu::slot* first) noexcept
      : pool_(owner), slot_(first), made_asleep_(first == nullptr) {}

  bool take_if_newest(detail::node& n) noexcept override;
  void push(detail::node& n, bool next) noexcept override;
  void begin_block(bool sleeps) override;
  void end_block() noexcept override;
  [[nodiscard]] bool may_nest() const noexcept override;
  [[nodiscard]] std::int32_t slot() const noexcept override {
    return !starting_ && slot_ != nullptr ? slot_->index : -1;
  }

 private:
  friend class pool;
  friend class wake_list;

  void work();
  [[nodiscard]] detail::node* pick() noexcept;
  [[nodiscard]] detail::node* pick_shared(std::int64_t floor) noexcept;
  [[nodiscard]] detail::node* oldest_of_batch() noexcept;
  [[nodiscard]] detail::node* from_inbox(bool one) noexcept;
  [[nodiscard]] detail::node* steal() noexcept;
  [[nodiscard]] detail::node* search() noexcept;
  // Gives the slot up, if it has one, and sleeps; false when the thread is to end.
  [[nodiscard]] bool sleep() noexcept;
  void give_way() noexcept;
  void keep_next_stealable() noexcept;
  void run(detail::node& n);
  void run_odd(detail::node& n);
  void claim_and_execute(detail::node& n);
  void wait_for_signal() noexcept;
  // Goes on on the core of a caller that is about to sleep, and off that of a worker that stays.
  // Left alone, Linux may let two workers share a core beside an idle one for tens of milliseconds.
  void signal(wake_list::caller what = wake_list::caller::unknown) noexcept;
  void place_for(wake_list::caller what) noexcept;

  pool& pool_;
  // Changed by whoever wakes the thread, before the signal:
  cpu::slot* slot_;
  detail::node* odd_task_ = nullptr;
  bool searching_ = false;  // counted in pool::searching_
  bool placed_ = false;     // bound to some CPUs until it runs
  cpu_set_t own_cpus_{};    // to go back to then

  const bool made_asleep_;
  std::atomic<bool> initialized_{false};  // a hint
  std::atomic<std::uint32_t> signal_{0};
  std::int64_t odd_units_ = 0;  // what the running odd task holds
  unsigned block_depth_ = 0;
  bool starting_ = true;
  const char* stack_limit_ = nullptr;
  pthread_t handle_{};
  pool_thread* next_woken_ = nullptr;
};

}  // namespace fronta::cpu
