// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/future.hpp>
#include <fronta/wait.hpp>

#include <exception>
#include <mutex>
#include <utility>
#include <vector>

namespace fronta {

/// Tasks that do not outlive a block of code: the destructor cancels those that have not started,
/// requests the stop of those that run, and waits for all. So a task may refer to locals declared
/// before the scope.
/// ```
/// std::vector<int> local = …;
/// fronta::task_scope scope(ex);
/// auto f = scope.submit([&] { return sum(local); });
/// scope.wait();
/// ```
/// `submit` is thread-safe; the rest is for the owner. Blocks like `future::wait`, and lends the
/// cpu share inside a task.
template <class Executor>
class task_scope {
 public:
  explicit task_scope(Executor& ex) : executor_(ex.ref()) {}
  task_scope(const task_scope&) = delete;
  task_scope& operator=(const task_scope&) = delete;
  ~task_scope() {
    // Repeated, since what still runs may submit more.
    for (auto open = members(); !open.empty(); open = members()) {
      cancel();
      // A wait that could never end cannot be allowed to end: what the tasks refer to would be
      // gone.
      for (const auto& f : open) f.wait();
      const std::lock_guard lock(mutex_);
      std::erase_if(members_, [](const any_future& m) { return m.done(); });
    }
  }

  /// As the executor's.
  template <class... Args>
  auto submit(Args&&... args) {
    auto f = executor_.submit(std::forward<Args>(args)...);
    const std::lock_guard lock(mutex_);
    if (members_.size() == members_.capacity()) {
      // Ended ones leave before the list grows, so that it stays as long as what is unfinished.
      std::erase_if(members_, [](const any_future& m) { return m.done() && !failed(m); });
    }
    members_.push_back(f);
    return f;
  }

  /// Waits for all, including those submitted meanwhile. At the first failure the others are
  /// cancelled; when all have ended, that exception is thrown.
  void wait() {
    std::exception_ptr first;
    for (auto open = members(); !open.empty(); open = members()) {
      fronta::wait(open, first ? all_completed : first_exception);
      {
        const std::lock_guard lock(mutex_);
        std::erase_if(members_, [&](const any_future& m) {
          if (!m.done()) return false;
          if (!first && failed(m)) first = m.exception();
          return true;
        });
      }
      if (first) cancel();
    }
    if (first) std::rethrow_exception(first);
  }

  /// Cancels what has not started and requests the stop of what runs; returns at once.
  void cancel() {
    for (const auto& f : members()) {
      if (!f.cancel()) f.request_stop();
    }
  }

 private:
  using reference = decltype(std::declval<Executor&>().ref());

  [[nodiscard]] std::vector<any_future> members() {
    const std::lock_guard lock(mutex_);
    return members_;
  }
  static bool failed(const any_future& m) { return !m.cancelled() && m.exception() != nullptr; }

  reference executor_;
  std::mutex mutex_;
  std::vector<any_future> members_;  // guarded by mutex_
};

}  // namespace fronta
