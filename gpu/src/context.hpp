// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/data_block.hpp>
#include <fronta/gpu/device.hpp>
#include <fronta/gpu/readback.hpp>
#include <fronta/gpu/stream.hpp>

#include "array_copy.hpp"
#include "pinned_cells.hpp"
#include "staging.hpp"

#include <atomic>
#include <bit>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace fronta::gpu::detail {

class task_memory;

/// A device with the place's name. Shared by its backend and all memory on it, since buffers may
/// outlive the executor.
class device_context {
 public:
  device_context(std::shared_ptr<device> d, std::string place)
      : device_(std::move(d)),
        place_(std::move(place)),
        frees_(*device_),
        fetches_(*device_),
        uploads_(*device_, place_),
        downloads_(*device_, place_),
        cells_(*device_) {}
  ~device_context() {
    for (const auto& [size, p] : pinned_) device_->deallocate_pinned(p);
    for (auto* const e : events_) device_->destroy_event(e);
  }
  device_context(const device_context&) = delete;
  device_context& operator=(const device_context&) = delete;

  [[nodiscard]] device& on() const noexcept { return *device_; }
  [[nodiscard]] const std::string& place() const noexcept { return place_; }
  /// For memory whose readers have all ended: nothing runs here but the freeing.
  [[nodiscard]] stream_handle frees() const noexcept { return frees_.handle; }
  /// For copies to the host that somebody waits for.
  [[nodiscard]] stream_handle fetches() const noexcept { return fetches_.handle; }
  [[nodiscard]] staging& uploads() noexcept { return uploads_; }
  [[nodiscard]] staging& downloads() noexcept { return downloads_; }
  [[nodiscard]] array_list& arrays() noexcept { return arrays_; }
  /// device_lost_error after a fault: "gpu:0: the device was lost (…) before " and `what`.
  void require_alive(const std::string& what) const;

  /// Device memory for work on that stream. When there is too little, arrays that no task is using
  /// leave the device; then, in a host part, other tasks on the device are waited for, by a worker
  /// that lends its cpu share meanwhile; when there are none, or all of them wait here as well,
  /// device_bad_alloc. The caller must hold no lock but its lane.
  [[nodiscard]] void* allocate(stream_handle s, std::size_t bytes, const task_memory& for_whom);
  void freed() noexcept;
  // The tasks that may use memory.
  void begin(task_memory& m);
  void end(task_memory& m) noexcept;

  // ---- Events without timing, kept for the next one.

  [[nodiscard]] event_handle take_event();
  void give_event(event_handle e) noexcept;

  // ---- Pinned memory for copies. Kept for the next one: pinning takes about 1 ms.

  [[nodiscard]] void* take_pinned(std::size_t bytes) {
    if (bytes <= pinned_cells::cell_bytes) return cells_.take();
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
    if (bytes <= pinned_cells::cell_bytes) {
      cells_.give(p);
      return;
    }
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
  struct own_stream {
    explicit own_stream(device& d) : of(d), handle(d.create_stream(0)) {}
    ~own_stream() { of.destroy_stream(handle); }
    own_stream(const own_stream&) = delete;
    own_stream& operator=(const own_stream&) = delete;
    device& of;
    stream_handle handle;
  };
  own_stream frees_;
  own_stream fetches_;
  staging uploads_;
  staging downloads_;
  array_list arrays_;
  pinned_cells cells_;
  [[nodiscard]] bool wait_for_others(const task_memory& m, std::uint64_t seen);
  [[noreturn]] void refuse(std::size_t bytes, const task_memory& m);
  std::mutex memory_mutex_;
  std::condition_variable memory_freed_;
  std::atomic<std::uint64_t> frees_seen_{0};  // how often memory was freed
  // Guarded by memory_mutex_.
  std::vector<task_memory*> tasks_;
  std::size_t waiting_ = 0;  // of them for memory

  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<event_handle> events_;
  // By size, a power of two.
  std::multimap<std::size_t, void*> pinned_;
  std::size_t kept_bytes_ = 0;
};

/// What the work of one task uses: device memory, and pinned memory on the way to the host.
class task_memory final : public fronta::detail::device_end {
 public:
  /// `name`: the task's; empty where it is none, which never waits for memory.
  task_memory(std::shared_ptr<device_context> on, std::string name)
      : on_(std::move(on)), name_(std::move(name)) {
    if (is_task()) on_->begin(*this);
  }
  ~task_memory() override {
    release();
    if (is_task()) on_->end(*this);
  }
  task_memory(const task_memory&) = delete;
  task_memory& operator=(const task_memory&) = delete;

  void use(const std::shared_ptr<block>& b) {
    if (!used_.empty() && used_.back() == b) return;
    used_.push_back(b);
    if (&b->on() == on_.get()) bytes_.fetch_add(b->bytes(), std::memory_order_relaxed);
  }
  [[nodiscard]] bool is_task() const noexcept { return !name_.empty(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// What it uses of its device; from any thread.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }
  /// For arrays that the task fills.
  [[nodiscard]] std::shared_ptr<const fronta::detail::data_fill> filling() {
    if (filling_ == nullptr) filling_ = std::make_shared<fronta::detail::data_fill>();
    return filling_;
  }
  /// Whether the host gets something from the task's work that its value may hold.
  [[nodiscard]] bool gives_to_host() const noexcept { return fills_host_ || !staged_.empty(); }
  /// The device itself writes the host's memory.
  void fills_host() noexcept { fills_host_ = true; }
  /// Pinned memory whose bytes go to `to` when the work has ended.
  [[nodiscard]] void* stage(device_context& on, void* to, std::size_t bytes) {
    staged_.reserve(staged_.size() + 1);
    staged_.push_back({on.take_pinned(bytes), to, bytes});
    return staged_.back().from;
  }
  /// Keeps a cell until the work has ended; once its copy is enqueued, `announce` has the end tell
  /// it.
  void keep(std::shared_ptr<arrival> cell) { arriving_.push_back({std::move(cell), false}); }
  void announce() noexcept { arriving_.back().copied = true; }
  void ended() noexcept override {
    for (const auto& s : staged_) std::memcpy(s.to, s.from, s.bytes);
    for (const auto& a : arriving_) {
      if (a.copied) a.cell->there.store(true, std::memory_order_release);
    }
  }
  void release() noexcept override {
    if (filling_ != nullptr) filling_->end();
    for (const auto& s : staged_) on_->give_pinned(s.from, s.bytes);
    staged_.clear();
    arriving_.clear();
    used_.clear();
  }

 private:
  bool fills_host_ = false;
  struct staged {
    void* from;
    void* to;
    std::size_t bytes;
  };
  struct arriving {
    std::shared_ptr<arrival> cell;
    bool copied;
  };
  std::shared_ptr<device_context> on_;
  std::string name_;
  std::vector<std::shared_ptr<block>> used_;
  std::atomic<std::size_t> bytes_{0};
  std::vector<staged> staged_;
  std::shared_ptr<fronta::detail::data_fill> filling_;
  std::vector<arriving> arriving_;
};

}  // namespace fronta::gpu::detail
