// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace fronta::test {

/// Notes what happened, in order, from any thread.
class record {
 public:
  void add(std::string what) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(what));
  }
  /// A task body that notes its name.
  [[nodiscard]] auto noting(std::string what) {
    return [this, what = std::move(what)] { add(what); };
  }
  [[nodiscard]] std::vector<std::string> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> entries_;  // guarded by mutex_
};

}  // namespace fronta::test
