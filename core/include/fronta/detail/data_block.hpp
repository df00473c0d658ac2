// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

// What handles of an array share: numbers that lie in one or several memories.
namespace fronta::detail {

// The numbers of a block in a memory that is not the host's.
class data_copy {
 public:
  virtual ~data_copy() = default;
  data_copy() = default;
  data_copy(const data_copy&) = delete;
  data_copy& operator=(const data_copy&) = delete;
  // Names the memory.
  [[nodiscard]] virtual const void* memory() const noexcept = 0;
  [[nodiscard]] virtual bool lost() const noexcept = 0;
  // Brings the numbers to the host. Blocks. Throws when they are lost.
  virtual void fetch(void* to, std::size_t bytes) = 0;
};

// The numbers of a block on their way to the host, in memory of who brings them.
class data_arrival {
 public:
  virtual ~data_arrival() = default;
  data_arrival() = default;
  data_arrival(const data_arrival&) = delete;
  data_arrival& operator=(const data_arrival&) = delete;
  // Where they are; null as long as they have not come.
  [[nodiscard]] virtual const void* numbers() const noexcept = 0;
};

// The task whose work is filling a block, as those see it who have the block before it has ended.
class data_fill {
 public:
  // The stream and the task's number on it, as its backend counts: work on other streams of that
  // can go behind it once all of it is enqueued.
  data_fill(const void* backend, void* stream, std::uint64_t number) noexcept
      : by(backend), on(stream), ticket(number) {}
  [[nodiscard]] bool enqueued() const noexcept { return enqueued_.load(std::memory_order_acquire); }
  void all_enqueued() noexcept { enqueued_.store(true, std::memory_order_release); }
  [[nodiscard]] bool over() const noexcept { return over_.load(std::memory_order_acquire); }
  void wait() const noexcept { over_.wait(false, std::memory_order_acquire); }
  // Release: what the device wrote was seen to be there.
  void end() noexcept {
    over_.store(true, std::memory_order_release);
    over_.notify_all();
  }

  const void* const by;
  void* const on;
  const std::uint64_t ticket;

 private:
  std::atomic<bool> enqueued_{false};
  std::atomic<bool> over_{false};
};

class data_block {
 public:
  explicit data_block(std::size_t bytes) noexcept : bytes_(bytes) {}
  data_block(const data_block&) = delete;
  data_block& operator=(const data_block&) = delete;

  void add_handle() noexcept { handles_.fetch_add(1, std::memory_order_relaxed); }
  void drop_handle() noexcept {
    // Release what was read here, acquire what others read, before the memory goes.
    if (handles_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  // For who knows the block otherwise: false when its last handle has gone.
  [[nodiscard]] bool try_add_handle() noexcept {
    auto now = handles_.load(std::memory_order_relaxed);
    while (now != 0 && !handles_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed)) {
    }
    return now != 0;
  }
  // Acquire: what other handles' owners read is read. Nobody can make a further handle from the
  // last one but its owner, who asks.
  [[nodiscard]] bool sole_handle(std::size_t own = 1) const noexcept {
    return handles_.load(std::memory_order_acquire) == own;
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  // The numbers on the host; fetches them when they are elsewhere alone.
  [[nodiscard]] const void* on_host() {
    // Acquire: the numbers behind the pointer.
    const auto* const p = host_.load(std::memory_order_acquire);
    return p != nullptr || bytes_ == 0 ? p : fetch_to_host();
  }
  [[nodiscard]] bool is_on_host() const noexcept {
    return host_.load(std::memory_order_acquire) != nullptr;
  }

  // ---- For who has other memory. `copies` and the host's numbers change under the mutex; numbers
  // never change while a second handle exists.
  std::mutex mutex;
  std::vector<std::unique_ptr<data_copy>> copies;  // guarded by mutex; at most one per memory
  std::shared_ptr<const data_fill> filling;        // guarded by mutex; null where nobody fills it
  // Guarded by mutex; null where they were not sent. Stays while the host's numbers may be there.
  std::unique_ptr<data_arrival> arriving;
  // With the mutex held: the first copy that is not lost, else the first; null when there is none.
  [[nodiscard]] data_copy* any_copy() const noexcept;
  // With the mutex held and by the sole owner, who is about to change the numbers elsewhere.
  void forget_host() noexcept;
  // With the mutex held. The numbers on the host, from then on, unless they are being filled still.
  const void* fetch_to_host_locked();
  // With the mutex held: whether a task is filling it that has not ended.
  [[nodiscard]] bool being_filled() const noexcept {
    return filling != nullptr && !filling->over();
  }

 protected:
  virtual ~data_block();
  void set_host(const void* numbers) noexcept { host_.store(numbers, std::memory_order_release); }
  // Frees what `set_host` named at first.
  virtual void release_host() noexcept {}

 private:
  const void* fetch_to_host();
  // With the mutex held: what has been sent, if it is here and of use.
  [[nodiscard]] const void* arrived() const noexcept {
    return arriving != nullptr && !being_filled() ? arriving->numbers() : nullptr;
  }

  const std::size_t bytes_;
  std::atomic<std::size_t> handles_{1};
  std::atomic<const void*> host_{nullptr};
  void* fetched_ = nullptr;  // where numbers from elsewhere are; guarded by mutex
};

// Of an array that was filled on a device.
class remote_block final : public data_block {
 public:
  using data_block::data_block;

 private:
  ~remote_block() override = default;
};

}  // namespace fronta::detail
