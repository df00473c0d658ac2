// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace fronta::test {

/// Closed until opened; waiting blocks the thread as a lock would, unseen by the executor.
class gate {
 public:
  void open() noexcept {
    open_.store(true);
    open_.notify_all();
  }
  void wait() const noexcept { open_.wait(false); }
  [[nodiscard]] bool is_open() const noexcept { return open_.load(); }

 private:
  std::atomic<bool> open_{false};
};

/// The largest number of callers that were inside at once.
class concurrency_meter {
 public:
  class scope {
   public:
    explicit scope(concurrency_meter& m) noexcept : meter_(m) {
      const int now = meter_.inside_.fetch_add(1) + 1;
      int most = meter_.most_.load();
      while (now > most && !meter_.most_.compare_exchange_weak(most, now)) {
      }
      meter_.inside_.notify_all();
    }
    ~scope() { meter_.inside_.fetch_sub(1); }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    concurrency_meter& meter_;
  };
  [[nodiscard]] int most() const noexcept { return most_.load(); }
  [[nodiscard]] int inside() const noexcept { return inside_.load(); }
  /// Blocks until at least `n` are inside.
  void wait_for(int n) const noexcept {
    for (int now = inside_.load(); now < n; now = inside_.load()) inside_.wait(now);
  }

 private:
  std::atomic<int> inside_{0};
  std::atomic<int> most_{0};
};

}  // namespace fronta::test
