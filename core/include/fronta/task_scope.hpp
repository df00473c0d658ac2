// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/future.hpp>
#include <fronta/task_options.hpp>
#include <fronta/wait.hpp>

#include <cstddef>
#include <exception>
#include <list>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

namespace fronta {

/// Tasks that do not outlive a block of code: the destructor cancels those that have not started,
/// requests the stop of those that run, and waits for all, also for the code of one whose `timeout`
/// has passed. So a task may refer to locals declared before the scope.
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
    // Repeated, since what still runs may submit more. Without memory: it must not throw.
    for (;;) {
      std::list<any_future> open;
      {
        const std::lock_guard lock(mutex_);
        open.swap(members_);
      }
      if (open.empty()) return;
      for (const auto& f : open) {
        if (!f.cancel()) f.request_stop();
      }
      for (const auto& f : open) wait_for_end(f);
    }
  }

  /// As the executor's.
  template <class... Args>
  auto submit(Args&&... args) {
    return start([&] { return executor_.submit(std::forward<Args>(args)...); });
  }
  template <class... Args>
  auto submit(const task_options& options, Args&&... args) {
    return start([&] { return executor_.submit(options, std::forward<Args>(args)...); });
  }

  /// Waits for all, including those submitted meanwhile. At the first failure the others are
  /// cancelled; when all have ended, that exception is thrown.
  void wait() {
    std::exception_ptr first;
    for (auto open = members(); !open.empty(); open = members()) {
      fronta::wait(open, first ? all_completed : first_exception);
      for (const auto& f : open) {
        if (!first && f.done() && failed(f)) first = f.exception();
      }
      if (first) cancel();
      for (const auto& f : open) {
        if (f.done()) detail::wait_for_code(*detail::future_access::get(f));
      }
      const std::lock_guard lock(mutex_);
      std::erase_if(members_,
                    [&](const any_future& m) { return over(m) && (first || !failed(m)); });
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

  template <class Submit>
  auto start(Submit&& submit_one) {
    std::list<any_future> place(1);  // before the task exists: from then on nothing may throw
    auto f = submit_one();
    place.front() = f;
    const std::lock_guard lock(mutex_);
    // Ended ones leave now and then, so that the list stays as long as what is unfinished.
    if (++submitted_ >= 2 * members_.size()) {
      submitted_ = 0;
      std::erase_if(members_, [](const any_future& m) { return over(m) && !failed(m); });
    }
    members_.splice(members_.end(), place);
    return f;
  }

  // A wait that could never end is reported and terminates the program: what the tasks refer to is
  // about to go.
  static void wait_for_end(const any_future& f) noexcept {
    auto& n = *detail::future_access::get(f);
    try {
      f.wait();
      detail::wait_for_code(n);
    } catch (const std::system_error&) {
      detail::sit_out(n);  // no substitute to be had
    } catch (const std::bad_alloc&) {
      detail::sit_out(n);
    } catch (...) {
      detail::report_current("~task_scope: its tasks never end, and what they refer to goes");
      std::terminate();
    }
  }

  [[nodiscard]] std::vector<any_future> members() {
    const std::lock_guard lock(mutex_);
    return {members_.begin(), members_.end()};
  }
  static bool over(const any_future& m) {
    return m.done() && detail::code_over(*detail::future_access::get(m));
  }
  static bool failed(const any_future& m) { return !m.cancelled() && m.exception() != nullptr; }

  reference executor_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::list<any_future> members_;
  std::size_t submitted_ = 0;  // since ended ones were taken out
};

}  // namespace fronta
