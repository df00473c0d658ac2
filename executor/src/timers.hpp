// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/node.hpp>
#include <fronta/time.hpp>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace fronta::detail {

/// Task timeouts and back-off pauses, on one thread that starts with the first of them.
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
  /// Calls `what(n)` on the timer's thread at that time, unless cancelled; keeps the node until
  /// then. Never 0. Throws std::bad_alloc and std::system_error.
  std::uint64_t add(clock::time_point at, node& n, action what);
  /// False when it has fired, is about to, or never was.
  bool cancel(std::uint64_t id) noexcept;
  /// Visits the nodes of one kind of entry, with the timers locked.
  template <class Each>
  void for_each(action what, Each&& each) {
    const std::lock_guard lock(mutex_);
    for (auto& [at, e] : entries_) {
      if (e.what == what) each(*e.n);
    }
  }
  void stop() noexcept;

 private:
  struct entry {
    std::uint64_t id;
    node* n;  // holds a keeper
    action what;
  };
  void run();

  std::shared_ptr<clock> clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::multimap<clock::time_point, entry> entries_;
  std::unordered_map<std::uint64_t, std::multimap<clock::time_point, entry>::iterator> by_id_;
  std::uint64_t next_id_ = 1;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace fronta::detail
