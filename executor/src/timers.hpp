// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/node.hpp>
#include <fronta/time.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace fronta::detail {

/// Task timeouts and back-off pauses. One thread, which starts with the first of them, keeps the
/// time and does nothing else. What is due runs on helpers, since it may call what users wrote
/// (callbacks, destructors, hooks), which may block: a blocked helper gets another beside it.
/// Thread-safe.
class timers {
 public:
  using action = void (*)(node& n);

  explicit timers(std::shared_ptr<clock> c) : clock_(std::move(c)) {}
  ~timers() { stop(); }
  timers(const timers&) = delete;
  timers& operator=(const timers&) = delete;

  [[nodiscard]] clock& time() const noexcept { return *clock_; }
  [[nodiscard]] clock::time_point now() const noexcept { return clock_->now(); }
  /// Calls `what(n)` on a helper at that time, unless cancelled; keeps the node until then. Several
  /// such calls may run at once. Never 0. Throws std::bad_alloc and std::system_error.
  std::uint64_t add(clock::time_point at, node& n, action what);
  /// False when it has fired, is about to, or never was.
  bool cancel(std::uint64_t id) noexcept;
  /// Visits the nodes of one kind of entry, with the timers locked.
  template <class Each>
  void for_each(action what, Each&& each) {
    const std::lock_guard lock(mutex_);
    for (const auto* list : {&entries_, &due_}) {
      for (const auto& [at, e] : *list) {
        if (e.what == what) each(*e.n);
      }
    }
  }
  /// Waits for what is running; the rest is dropped. Not to be called on a helper.
  void stop() noexcept;

 private:
  struct entry {
    std::uint64_t id;
    node* n;  // holds a keeper
    action what;
  };
  using entry_map = std::multimap<clock::time_point, entry>;
  using helper_list = std::list<std::thread>;
  void keep_time();
  void move_due();
  void start_helper() noexcept;
  void help(helper_list::iterator self);
  void run_first(std::unique_lock<std::mutex>& lock) noexcept;

  std::shared_ptr<clock> clock_;
  std::mutex mutex_;
  std::condition_variable changed_;  // for the thread that keeps the time
  std::condition_variable due_came_;
  // Guarded by mutex_.
  entry_map entries_;
  std::unordered_map<std::uint64_t, entry_map::iterator> by_id_;  // of entries_
  entry_map due_;             // the time has come, no helper has taken it yet
  std::uint64_t taken_ = 0;   // of due_, so far
  helper_list helpers_;       // one ends for `stopping_`, or while another is idle
  std::size_t idle_ = 0;      // helpers that wait for something due, or are about to
  std::thread ended_helper_;  // the last one that ended before; the next one joins it
  std::uint64_t next_id_ = 1;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace fronta::detail
