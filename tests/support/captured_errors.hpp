// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/errors.hpp>

#include <exception>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace fronta::test {

/// Receives what goes to the process-wide error hook while it lives.
class captured_errors {
 public:
  captured_errors()
      : before_(set_error_hook([this](const std::exception_ptr& error, const std::string& context) {
          const std::lock_guard lock(mutex_);
          texts_.push_back(context + ": " + detail::describe(error));
        })) {}
  ~captured_errors() { set_error_hook(std::move(before_)); }
  captured_errors(const captured_errors&) = delete;
  captured_errors& operator=(const captured_errors&) = delete;

  [[nodiscard]] std::vector<std::string> texts() const {
    const std::lock_guard lock(mutex_);
    return texts_;
  }
  [[nodiscard]] std::size_t count() const { return texts().size(); }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> texts_;  // guarded by mutex_
  error_hook before_;
};

}  // namespace fronta::test
