// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/stream.hpp>

#include <cstddef>

namespace fronta::gpu::detail {

// Temporary device memory of what is enqueued during its lifetime: given back in stream order.
class scratch {
 public:
  scratch(stream& s, std::size_t bytes) : stream_(s), data_(take(s, bytes)) {}
  ~scratch() { give(stream_, data_); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  [[nodiscard]] void* data() const noexcept { return data_; }

  // The same without an owner, for allocators.
  [[nodiscard]] static void* take(stream& s, std::size_t bytes);
  static void give(stream& s, void* p) noexcept;

 private:
  stream& stream_;
  void* data_;
};

}  // namespace fronta::gpu::detail
