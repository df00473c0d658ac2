// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/data_block.hpp>
#include <fronta/detail/node.hpp>
#include <fronta/gpu/device.hpp>
#include <fronta/gpu/readback.hpp>
#include <fronta/gpu/stream.hpp>
#include <fronta/trace.hpp>

#include "array_copy.hpp"
#include "pageable_copies.hpp"
#include "pinned_cells.hpp"
#include "staging.hpp"

#include <algorithm>
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

/// Makes a device the thread's current one, and at its end again what was before: for threads that
/// have another one for their own use.
class current_device {
 public:
  explicit current_device(device& d) : device_(d), before_(d.enter()) {}
  ~current_device() { device_.leave(before_); }
  current_device(const current_device&) = delete;
  current_device& operator=(const current_device&) = delete;

 private:
  device& device_;
  void* before_;
};

/// A task in the list of a device whose memory it uses.
struct memory_user {
  task_memory* task = nullptr;
  memory_user* before = this;
  memory_user* after = this;
};

/// A device with the place's name. Shared by its backend and all memory on it, since buffers may
/// outlive the executor.
class device_context {
 public:
  /// `told`: null where nobody wants to know.
  device_context(std::shared_ptr<device> d, std::string place,
                 std::shared_ptr<pageable_copies> told = nullptr)
      : device_(std::move(d)),
        place_(std::move(place)),
        pageable_(std::move(told)),
        frees_(*device_),
        fetches_(*device_),
        arrivals_(*device_),
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
  /// For copies from the host: they wait for no kernel.
  [[nodiscard]] stream_handle arrivals() const noexcept { return arrivals_.handle; }
  [[nodiscard]] staging& uploads() noexcept { return uploads_; }
  [[nodiscard]] staging& downloads() noexcept { return downloads_; }
  [[nodiscard]] array_list& arrays() noexcept { return arrays_; }
  [[nodiscard]] pageable_copies* pageable() const noexcept { return pageable_.get(); }
  /// By which numbers traces know it.
  void set_traced(std::uint16_t executor, std::int32_t place) noexcept {
    executor_ = executor;
    number_ = place;
  }
  /// To a trace, of an array: `placed`, `moved` or `freed`. Without a task by the one that runs.
  void tell(trace::event_kind kind, std::size_t bytes,
            const fronta::detail::node* task = nullptr) const noexcept {
    if (trace::on()) [[unlikely]]
      tell_now(kind, bytes, task);
  }
  /// device_lost_error after a fault: "gpu:0: the device was lost (…) before " and `what`.
  void require_alive(const std::string& what) const;

  /// Device memory for work on that stream. When there is too little, arrays that no task is using
  /// leave the device; then, in a host part, other tasks on the device are waited for, by a worker
  /// that lends its cpu share meanwhile; when there are none, or all of them wait as well,
  /// device_bad_alloc. The caller must hold no lock but its lane.
  [[nodiscard]] void* allocate(stream_handle s, std::size_t bytes, task_memory& for_whom);
  /// Memory was freed, or let go of: who waits for some looks again.
  void freed() noexcept;
  // The tasks that use memory of the device, and will let go of it.
  void begin(memory_user& u) noexcept;
  void end(memory_user& u) noexcept;
  /// Visits them in the order in which they began. None ends meanwhile.
  template <class Visit>
  void visit_tasks(Visit&& visit) const {
    const std::lock_guard lock(users_mutex_);
    for (const auto* u = users_.after; u != &users_; u = u->after) visit(*u->task);
  }
  /// Whether about half of the memory or more is free. Asks the device only where it may have
  /// changed.
  [[nodiscard]] bool has_room() noexcept;
  /// Blocks until the device has come to the stream's present end. False after a fault.
  bool synchronize(stream_handle s);

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
  /// The same for a copy to the host that nobody has asked for yet; null where those have all that
  /// they may.
  [[nodiscard]] void* take_ahead(std::size_t bytes) {
    const auto size = std::bit_ceil(bytes);
    if (ahead_bytes_.fetch_add(size, std::memory_order_relaxed) + size <= most_ahead_bytes) {
      try {
        return take_pinned(bytes);
      } catch (...) {
        ahead_bytes_.fetch_sub(size, std::memory_order_relaxed);
        throw;
      }
    }
    ahead_bytes_.fetch_sub(size, std::memory_order_relaxed);
    return nullptr;
  }
  void give_ahead(void* p, std::size_t bytes) noexcept {
    give_pinned(p, bytes);
    ahead_bytes_.fetch_sub(std::bit_ceil(bytes), std::memory_order_relaxed);
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
  static constexpr std::size_t most_ahead_bytes = std::size_t{64} << 20;
  std::shared_ptr<device> device_;
  std::string place_;
  std::shared_ptr<pageable_copies> pageable_;
  // Constant from the backend's start on.
  std::uint16_t executor_ = 0;
  std::int32_t number_ = -1;
  void tell_now(trace::event_kind kind, std::size_t bytes,
                const fronta::detail::node* task) const noexcept;
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
  own_stream arrivals_;
  staging uploads_;
  staging downloads_;
  array_list arrays_;
  pinned_cells cells_;
  [[nodiscard]] bool wait_for_others(task_memory& m, std::uint64_t seen);
  [[noreturn]] void refuse(std::size_t bytes, const task_memory& m);
  [[nodiscard]] static bool waits(const task_memory& m) noexcept;
  // Of all devices, since a task may use memory of several: for those that wait.
  static std::mutex& waiting_mutex();
  std::condition_variable memory_freed_;
  // Sequentially consistent, both: who frees either sees who waits or is seen.
  std::atomic<std::uint64_t> frees_seen_{0};
  std::atomic<std::size_t> waiting_{0};

  mutable std::mutex users_mutex_;
  memory_user users_;  // guarded by users_mutex_; a ring that begins and ends here

  // What was allocated since the device was last asked for its free memory; at first, more than
  // any has.
  std::atomic<std::size_t> allocated_since_{std::size_t{1} << 62};

  std::atomic<std::size_t> ahead_bytes_{0};  // sizes of what take_ahead gave

  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<event_handle> events_;
  // By size, a power of two.
  std::multimap<std::size_t, void*> pinned_;
  std::size_t kept_bytes_ = 0;
};

/// What the work of one task uses: device memory, and pinned memory on the way to the host.
class task_memory : public fronta::detail::device_end {
 public:
  /// `task`: null where it is none, which never waits for memory.
  explicit task_memory(std::shared_ptr<device_context> on, fronta::detail::node* task = nullptr,
                       const void* backend = nullptr, void* stream = nullptr,
                       std::uint64_t number = 0)
      : on_(std::move(on)), task_(task), backend_(backend), stream_(stream), number_(number) {
    here_.task = this;
  }
  ~task_memory() override { task_memory::release(); }
  task_memory(const task_memory&) = delete;
  task_memory& operator=(const task_memory&) = delete;

  /// Room for one more, so that `use` does not throw.
  void reserve() { used_.reserve(used_.size() + 1); }
  void use(const std::shared_ptr<block>& b) {
    if (std::ranges::find(used_, b) != used_.end()) return;
    used_.push_back(b);
    if (&b->on() == on_.get()) {
      bytes_.fetch_add(b->bytes(), std::memory_order_relaxed);
    } else if (is_task() && std::ranges::none_of(others_, [&](const auto& o) {
                 return o->on == b->shared_context();
               })) {
      others_.push_back(std::make_unique<elsewhere>(b->shared_context()));
      others_.back()->user.task = this;
      b->context().begin(others_.back()->user);
    }
  }
  /// An array that the work reads is not changed in place meanwhile: a handle of it is kept, unless
  /// the task fills it itself.
  void keep(fronta::detail::data_block& b) {
    if (b.filling != nullptr && b.filling == filling_) return;
    if (std::ranges::find(kept_, &b) != kept_.end()) return;
    kept_.push_back(&b);
    b.add_handle();
  }
  /// An array that goes to the host when the work has ended, and so on this device until then.
  /// Reserved before, it does not throw.
  void reserve_sent() {
    kept_.reserve(kept_.size() + 1);
    reserve();
  }
  void sent(fronta::detail::data_block& b, const std::shared_ptr<block>& numbers) noexcept {
    kept_.push_back(&b);
    b.add_handle();
    use(numbers);
  }
  /// How many handles there are when somebody has the only one, besides this task.
  [[nodiscard]] std::size_t own_handles(const fronta::detail::data_block& b) const {
    return std::ranges::find(kept_, &b) != kept_.end() ? 2 : 1;
  }
  void let_go(fronta::detail::data_block& b) noexcept {
    if (std::erase(kept_, &b) != 0) b.drop_handle();
  }
  [[nodiscard]] bool is_task() const noexcept { return task_ != nullptr; }
  [[nodiscard]] std::string name() const { return task_->name(); }
  /// What it uses of its device; from any thread.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }
  /// For arrays that the task fills.
  [[nodiscard]] const std::shared_ptr<fronta::detail::data_fill>& filling() {
    if (filling_ == nullptr) {
      filling_ = std::make_shared<fronta::detail::data_fill>(backend_, stream_, number_);
    }
    return filling_;
  }
  [[nodiscard]] bool fills(const fronta::detail::data_block& b) const noexcept {
    return filling_ != nullptr && b.filling == filling_;
  }
  void all_enqueued() noexcept {
    if (filling_ != nullptr) filling_->all_enqueued();
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
  /// The last staged bytes, which come from there, are told of when they have been copied.
  void tell(const void* on_device, const std::source_location& at) {
    telling_.push_back({staged_.size() - 1, on_device, at});
  }
  /// The bytes, in pinned memory until the work has ended.
  [[nodiscard]] const void* hold(const void* from, std::size_t bytes) {
    held_.reserve(held_.size() + 1);
    held_.push_back({on_->take_pinned(bytes), bytes});
    return std::memcpy(held_.back().at, from, bytes);
  }
  /// Keeps a cell until the work has ended; once its copy is enqueued, `announce` has the end tell
  /// it.
  void keep(std::shared_ptr<arrival> cell) { arriving_.push_back({std::move(cell), false}); }
  void announce() noexcept { arriving_.back().copied = true; }
  void ended() noexcept override {
    if (!telling_.empty()) copy_and_tell();
    for (const auto& s : staged_) {
      if (!s.copied) std::memcpy(s.to, s.from, s.bytes);
    }
    for (const auto& a : arriving_) {
      if (a.copied) a.cell->there.store(true, std::memory_order_release);
    }
  }
  void release() noexcept override {
    if (std::exchange(released_, true)) return;
    if (filling_ != nullptr) filling_->end();
    for (const auto& s : staged_) on_->give_pinned(s.from, s.bytes);
    for (const auto& h : held_) on_->give_pinned(h.at, h.bytes);
    staged_.clear();
    held_.clear();
    arriving_.clear();
    used_.clear();
    bytes_.store(0, std::memory_order_relaxed);
    for (auto* const b : std::exchange(kept_, {})) b->drop_handle();
    on_->freed();
    for (const auto& other : others_) other->on->freed();
  }

 protected:
  [[nodiscard]] fronta::detail::node& task() const noexcept { return *task_; }
  // Of a task: between the two it is in the lists of the devices that it uses, where others look at
  // it. So it is whole.
  void begin_use() { on_->begin(here_); }
  void end_use() noexcept {
    on_->end(here_);
    for (const auto& other : others_) other->on->end(other->user);
  }

 private:
  bool fills_host_ = false;
  bool released_ = false;
  struct staged {
    void* from;
    void* to;
    std::size_t bytes;
    bool copied = false;
  };
  struct told {
    std::size_t staged;
    const void* on_device;
    std::source_location at;
  };
  void copy_and_tell() noexcept;
  struct held {
    void* at;
    std::size_t bytes;
  };
  struct arriving {
    std::shared_ptr<arrival> cell;
    bool copied;
  };
  struct elsewhere {
    explicit elsewhere(std::shared_ptr<device_context> c) : on(std::move(c)) {}
    std::shared_ptr<device_context> on;
    memory_user user;
  };
  std::shared_ptr<device_context> on_;
  fronta::detail::node* task_;  // lives as long as this
  memory_user here_;
  const void* backend_;  // where it runs, for who goes behind it
  void* stream_;
  std::uint64_t number_;
  std::vector<std::shared_ptr<block>> used_;
  std::vector<std::unique_ptr<elsewhere>> others_;  // whose memory it uses too
  std::vector<fronta::detail::data_block*> kept_;
  std::vector<held> held_;
  std::atomic<std::size_t> bytes_{0};
  std::vector<staged> staged_;
  std::vector<told> telling_;
  std::shared_ptr<fronta::detail::data_fill> filling_;
  friend class device_context;
  // For memory; guarded by the contexts' waiting_mutex(). It goes on when more has been freed
  // there.
  const device_context* waits_on_ = nullptr;
  std::uint64_t waits_since_ = 0;
  std::vector<arriving> arriving_;
};

}  // namespace fronta::gpu::detail
