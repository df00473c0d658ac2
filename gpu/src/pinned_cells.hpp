// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/device.hpp>

#include <cstddef>
#include <mutex>
#include <vector>

namespace fronta::gpu::detail {

/// Small pieces of pinned memory: pinning takes about 1 ms and a page, whatever the size.
/// Thread-safe.
class pinned_cells {
 public:
  static constexpr std::size_t cell_bytes = 64;  // a cache line each

  explicit pinned_cells(device& d) noexcept : device_(d) {}
  ~pinned_cells() {
    for (auto* const p : slabs_) device_.deallocate_pinned(p);
  }
  pinned_cells(const pinned_cells&) = delete;
  pinned_cells& operator=(const pinned_cells&) = delete;

  [[nodiscard]] void* take() {
    std::unique_lock lock(mutex_);
    while (free_.empty()) {
      // Not under the lock: it takes long, and who gives one back does not wait.
      lock.unlock();
      auto* const slab = device_.allocate_pinned(cells_of_slab * cell_bytes);
      lock.lock();
      add_slab(static_cast<std::byte*>(slab));
    }
    auto* const p = free_.back();
    free_.pop_back();
    return p;
  }
  void give(void* p) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back(p);  // there is room for all of them
  }

 private:
  static constexpr std::size_t cells_of_slab = 64;

  void add_slab(std::byte* slab) {
    try {
      slabs_.reserve(slabs_.size() + 1);
      free_.reserve((slabs_.size() + 1) * cells_of_slab);
    } catch (...) {
      device_.deallocate_pinned(slab);
      throw;
    }
    slabs_.push_back(slab);
    for (std::size_t i = 0; i < cells_of_slab; ++i) free_.push_back(slab + i * cell_bytes);
  }

  device& device_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<void*> slabs_;
  std::vector<void*> free_;
};

}  // namespace fronta::gpu::detail
