// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/options.hpp>
#include <fronta/gpu/pageable_copy.hpp>

#include <cstddef>
#include <functional>
#include <mutex>
#include <set>
#include <source_location>
#include <string_view>
#include <tuple>
#include <utility>

namespace fronta::gpu::detail {

/// Which copies of pageable memory are measured and told: one per call site. Of a backend's devices
/// together. Thread-safe.
class pageable_copies {
 public:
  /// Below, a copy is over before anybody minds: one chunk of the ring.
  static constexpr std::size_t least_bytes = std::size_t{4} << 20;

  explicit pageable_copies(std::function<void(const pageable_copy&)> hook)
      : hook_(std::move(hook)) {}

  /// Whether the call is to be told of: true once, also when that then fails.
  [[nodiscard]] bool first(const std::source_location& at, std::size_t bytes);
  void tell(const pageable_copy& c) const noexcept;

 private:
  std::function<void(const pageable_copy&)> hook_;
  std::mutex mutex_;
  // Guarded by mutex_: file, line and column.
  std::set<std::tuple<std::string_view, std::uint_least32_t, std::uint_least32_t>> told_;
};

}  // namespace fronta::gpu::detail
