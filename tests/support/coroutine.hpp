// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/future.hpp>

#include <coroutine>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace fronta::test {

/// Keeps what is posted until the test runs it. A cheap handle; copies share one queue.
/// Thread-safe.
class manual_scheduler {
 public:
  void post(std::function<void()> job) const {
    const std::lock_guard lock(queue_->mutex);
    queue_->jobs.push_back(std::move(job));
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(queue_->mutex);
    return queue_->jobs.size();
  }
  /// Runs the oldest job in the calling thread; false when there is none.
  bool run_one() const {
    std::function<void()> job;
    {
      const std::lock_guard lock(queue_->mutex);
      if (queue_->jobs.empty()) return false;
      job = std::move(queue_->jobs.front());
      queue_->jobs.pop_front();
    }
    job();
    return true;
  }

 private:
  struct queue {
    std::mutex mutex;
    std::deque<std::function<void()>> jobs;  // guarded by mutex
  };
  std::shared_ptr<queue> queue_ = std::make_shared<queue>();
};

/// A coroutine that begins at once and returns an int through `outcome`. The object owns the frame:
/// destroy it when the coroutine is suspended or its outcome is there.
template <class PromiseBase>
class basic_coroutine {
 public:
  struct promise_type : PromiseBase {
    using PromiseBase::PromiseBase;
    basic_coroutine get_return_object() { return basic_coroutine(*this); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    // The outcome shows when the frame may be destroyed, not before.
    struct delivery {
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> h) noexcept {
        auto result = std::move(h.promise().result_);
        const auto error = std::move(h.promise().error_);
        const int value = h.promise().value_;
        error ? result.set_exception(error) : result.set_value(value);
      }
      void await_resume() noexcept {}
    };
    delivery final_suspend() noexcept { return {}; }
    void return_value(int value) { value_ = value; }
    void unhandled_exception() { error_ = std::current_exception(); }

    fronta::promise<int> result_;
    std::exception_ptr error_;
    int value_ = 0;
  };

  basic_coroutine(basic_coroutine&& other) noexcept
      : frame_(std::exchange(other.frame_, nullptr)), outcome_(std::move(other.outcome_)) {}
  basic_coroutine& operator=(basic_coroutine&&) = delete;
  ~basic_coroutine() {
    if (frame_) frame_.destroy();
  }
  [[nodiscard]] const future<int>& outcome() const noexcept { return outcome_; }

 private:
  explicit basic_coroutine(promise_type& p)
      : frame_(std::coroutine_handle<promise_type>::from_promise(p)),
        outcome_(p.result_.get_future()) {}
  std::coroutine_handle<promise_type> frame_;
  future<int> outcome_;
};

/// The promise of a coroutine whose first parameter is its scheduler.
template <class Scheduler>
class scheduled_promise {
 public:
  template <class... Args>
  explicit scheduled_promise(Scheduler s, const Args&...) : scheduler_(std::move(s)) {}
  [[nodiscard]] Scheduler scheduler() const { return scheduler_; }

 private:
  Scheduler scheduler_;
};
template <class Scheduler>
using scheduled_coroutine = basic_coroutine<scheduled_promise<Scheduler>>;

/// A coroutine of somebody else: it has no scheduler.
struct foreign_promise {};
using foreign_coroutine = basic_coroutine<foreign_promise>;

}  // namespace fronta::test
