// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/device.hpp>
#include <fronta/gpu/stream.hpp>

#include <bit>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace fronta::gpu::detail {

/// A device with the place's name. Shared by its backend and all memory on it, since buffers may
/// outlive the executor.
class device_context {
 public:
  device_context(std::shared_ptr<device> d, std::string place)
      : device_(std::move(d)), place_(std::move(place)), frees_(device_->create_stream(0)) {}
  ~device_context() {
    for (const auto& [size, p] : pinned_) device_->deallocate_pinned(p);
    device_->destroy_stream(frees_);
  }
  device_context(const device_context&) = delete;
  device_context& operator=(const device_context&) = delete;

  [[nodiscard]] device& on() const noexcept { return *device_; }
  [[nodiscard]] const std::string& place() const noexcept { return place_; }
  /// For memory whose readers have all ended: nothing runs here but the freeing.
  [[nodiscard]] stream_handle frees() const noexcept { return frees_; }

  // ---- Pinned memory for copies. Kept for the next one: pinning takes about 1 ms.

  [[nodiscard]] void* take_pinned(std::size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      const auto at = pinned_.find(std::bit_ceil(bytes));
      if (at != pinned_.end()) {
        auto* const p = at->second;
        kept_bytes_ -= at->first;
        pinned_.erase(at);
        return p;
      }
    }
    return device_->allocate_pinned(std::bit_ceil(bytes));
  }
  void give_pinned(void* p, std::size_t bytes) noexcept {
    const auto size = std::bit_ceil(bytes);
    try {
      const std::lock_guard lock(mutex_);
      if (kept_bytes_ + size <= most_kept_bytes) {
        pinned_.emplace(size, p);
        kept_bytes_ += size;
        return;
      }
    } catch (const std::bad_alloc&) {
      // Then it is not kept.
    }
    device_->deallocate_pinned(p);
  }

 private:
  static constexpr std::size_t most_kept_bytes = std::size_t{256} << 20;
  std::shared_ptr<device> device_;
  std::string place_;
  stream_handle frees_;
  std::mutex mutex_;
  // Guarded by mutex_. By size, a power of two.
  std::multimap<std::size_t, void*> pinned_;
  std::size_t kept_bytes_ = 0;
};

/// What the work of one task uses: device memory, and pinned memory on the way to the host.
class task_memory final : public fronta::detail::device_end {
 public:
  explicit task_memory(std::shared_ptr<device_context> on) : on_(std::move(on)) {}
  ~task_memory() override {
    for (const auto& s : staged_) on_->give_pinned(s.from, s.bytes);
  }
  task_memory(const task_memory&) = delete;
  task_memory& operator=(const task_memory&) = delete;

  void use(const std::shared_ptr<block>& b) {
    if (used_.empty() || used_.back() != b) used_.push_back(b);
  }
  /// Pinned memory whose bytes go to `to` when the work has ended.
  [[nodiscard]] void* stage(device_context& on, void* to, std::size_t bytes) {
    staged_.reserve(staged_.size() + 1);
    staged_.push_back({on.take_pinned(bytes), to, bytes});
    return staged_.back().from;
  }
  void ended() noexcept override {
    for (const auto& s : staged_) std::memcpy(s.to, s.from, s.bytes);
  }

 private:
  struct staged {
    void* from;
    void* to;
    std::size_t bytes;
  };
  std::shared_ptr<device_context> on_;
  std::vector<std::shared_ptr<block>> used_;
  std::vector<staged> staged_;
};

}  // namespace fronta::gpu::detail
