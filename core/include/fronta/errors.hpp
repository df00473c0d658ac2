// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/resources.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// Every error that Fronta itself throws. A message is one sentence: what was called, what was
/// wrong, what to do. An exception that leaves a task is not wrapped: it travels as it is.
namespace fronta {

class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The task, or an input of it, was cancelled before it ran.
class cancelled_error : public error {
 public:
  explicit cancelled_error(const std::string& reason) : error(reason) {}
  [[nodiscard]] const char* reason() const noexcept { return what(); }
};

/// A wait or a task ran out of time. For a wait, `pending` of `total` futures were unfinished.
class timeout_error : public error {
 public:
  explicit timeout_error(const std::string& what, std::size_t pending = 1, std::size_t total = 1)
      : error(what), pending_(pending), total_(total) {}
  [[nodiscard]] std::size_t pending() const noexcept { return pending_; }
  [[nodiscard]] std::size_t total() const noexcept { return total_; }

 private:
  std::size_t pending_;
  std::size_t total_;
};

/// An outcome set twice, a value already taken, a verb on an empty future.
class invalid_state_error : public error {
 public:
  using error::error;
};

/// The executor no longer accepts work, or is gone.
class shutdown_error : public error {
 public:
  using error::error;
};

/// `max_pending` external submissions are already unfinished.
class queue_full_error : public error {
 public:
  using error::error;
};

/// No place of a fixed executor can ever satisfy the task's tags or its place.
class unsatisfiable_error : public std::invalid_argument {
 public:
  unsatisfiable_error(const std::string& what, std::string tag, amount asked, amount largest_offer)
      : std::invalid_argument(what),
        tag_(std::move(tag)),
        asked_(asked),
        largest_offer_(largest_offer) {}
  [[nodiscard]] const std::string& tag() const noexcept { return tag_; }
  [[nodiscard]] amount asked() const noexcept { return asked_; }
  [[nodiscard]] amount largest_offer() const noexcept { return largest_offer_; }

 private:
  std::string tag_;
  amount asked_;
  amount largest_offer_;
};

/// A wait inside a task, or in a callback, that could never end. `tag` is empty when the tasks wait
/// in a ring, or for a callback to return.
class deadlock_error : public error {
 public:
  deadlock_error(const std::string& what, std::string tag, std::vector<std::string> tasks)
      : error(what), tag_(std::move(tag)), tasks_(std::move(tasks)) {}
  [[nodiscard]] const std::string& tag() const noexcept { return tag_; }
  [[nodiscard]] const std::vector<std::string>& tasks() const noexcept { return tasks_; }

 private:
  std::string tag_;
  std::vector<std::string> tasks_;
};

/// A pool whose workers cannot work: an initializer failed (the original is nested), or a task
/// ended its own thread.
class broken_pool_error : public error {
 public:
  using error::error;
};

/// For as long as the no-worker timeout allows, no place existed that could run the task.
/// `restrictions` are its tags and place; empty when there was no place at all.
class no_worker_error : public error {
 public:
  no_worker_error(const std::string& what, std::string restrictions)
      : error(what), restrictions_(std::move(restrictions)) {}
  [[nodiscard]] const std::string& restrictions() const noexcept { return restrictions_; }

 private:
  std::string restrictions_;
};

using error_hook = std::function<void(std::exception_ptr error, const std::string& context)>;

/// Installs the process-wide receiver of exceptions that nobody else can receive (a throwing
/// callback or destructor, a failed `post` on an executor without a hook of its own) and returns
/// the one before it. An empty hook restores the default, which writes one line to stderr.
/// Thread-safe; the hook may be called from any thread and must not throw.
error_hook set_error_hook(error_hook hook);

namespace detail {
/// Hands `error` to the process-wide hook. Never throws.
void report_error(std::exception_ptr error, const char* context) noexcept;
/// The text of an exception, for messages about it.
std::string describe(const std::exception_ptr& error);
}  // namespace detail

}  // namespace fronta
