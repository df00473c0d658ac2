// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace fronta::demos {

/// Counts the bytes of something that exist, and the most there ever were. Thread-safe.
class account {
 public:
  void add(std::size_t bytes) noexcept {
    const auto now = live_.fetch_add(bytes) + bytes;
    auto most = peak_.load();
    while (most < now && !peak_.compare_exchange_weak(most, now)) {
    }
  }
  void remove(std::size_t bytes) noexcept { live_.fetch_sub(bytes); }
  [[nodiscard]] std::size_t peak() const noexcept { return peak_; }

 private:
  std::atomic<std::size_t> live_{0};
  std::atomic<std::size_t> peak_{0};
};

/// An entry in an account, for as long as it lives. Move-only.
class booking {
 public:
  booking(account& a, std::size_t bytes) noexcept : account_(&a), bytes_(bytes) { a.add(bytes); }
  booking(booking&& other) noexcept
      : account_(other.account_), bytes_(std::exchange(other.bytes_, 0)) {}
  booking& operator=(booking&& other) noexcept {
    std::swap(account_, other.account_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~booking() { account_->remove(bytes_); }

 private:
  account* account_;
  std::size_t bytes_;
};

}  // namespace fronta::demos
