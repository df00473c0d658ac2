// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/time.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

namespace fronta::test {

/// A clock that stands still until it is advanced: task timeouts and back-off without sleeping.
class manual_clock final : public clock {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
                  time_point at) override {
    {
      const std::lock_guard own(mutex_);
      // Advanced since the caller looked, and nobody will tell it.
      if (now_ >= at) return;
      waiters_.push_back({lock.mutex(), &changed, at});
      some_wait_.notify_all();
    }
    changed.wait(lock);
    const std::lock_guard own(mutex_);
    std::erase_if(waiters_, [&](const waiter& w) { return w.changed == &changed; });
  }
  /// Wakes whoever waits for a time that has come.
  void advance(std::chrono::nanoseconds d) {
    std::vector<waiter> waiting;
    {
      const std::lock_guard lock(mutex_);
      now_ += d;
      waiting = waiters_;
    }
    for (const auto& w : waiting) {
      // Whoever read the old time under its lock is asleep by the time we have that lock.
      const std::lock_guard theirs(*w.mutex);
      w.changed->notify_all();
    }
  }
  /// Blocks until somebody waits for a time, so that an advance is not made too early.
  void wait_for_waiter() {
    std::unique_lock lock(mutex_);
    some_wait_.wait(lock, [&] { return !waiters_.empty(); });
  }
  /// The same for somebody who waits until that long from now.
  void wait_for_waiter(std::chrono::nanoseconds from_now) {
    std::unique_lock lock(mutex_);
    some_wait_.wait(lock, [&] {
      return std::ranges::any_of(waiters_,
                                 [&](const waiter& w) { return w.at == now_ + from_now; });
    });
  }

 private:
  struct waiter {
    std::mutex* mutex;
    std::condition_variable* changed;
    time_point at;
  };
  mutable std::mutex mutex_;
  std::condition_variable some_wait_;
  time_point now_{std::chrono::hours(1)};
  std::vector<waiter> waiters_;
};

}  // namespace fronta::test
