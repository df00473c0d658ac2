// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/device.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>

namespace fronta::gpu::detail {

/// Pinned memory through which pageable host memory goes to and from a device, in chunks: while one
/// is on its way the next is copied. A ring per device and direction; its memory is allocated on
/// first use and kept. Thread-safe: chunks of several threads take turns.
class staging {
 public:
  static constexpr std::size_t chunk = std::size_t{4} << 20;

  staging(device& d, std::string place) : device_(d), place_(std::move(place)) {}
  ~staging();
  staging(const staging&) = delete;
  staging& operator=(const staging&) = delete;

  /// Enqueues the copy; the bytes have been taken when it returns. Blocks while the ring is full.
  void upload(stream_handle s, void* to, const void* from, std::size_t bytes);
  /// Blocks until the bytes are there: behind what was enqueued on the stream before.
  void download(stream_handle s, void* to, const void* from, std::size_t bytes);

  // What the device takes for so many bytes without the host's part: by a rate that the first call
  // measures, with five copies of up to a chunk, which it waits for. To the device they write what
  // is there: the same bytes, which the caller has copied before.
  [[nodiscard]] std::chrono::nanoseconds direct_upload(stream_handle s, void* on_device,
                                                       const void* same, std::size_t bytes);
  [[nodiscard]] std::chrono::nanoseconds direct_download(stream_handle s, const void* on_device,
                                                         std::size_t bytes);

 private:
  struct slot {
    void* pinned = nullptr;
    event_handle passed = nullptr;  // the device has done with it
    bool enqueued = false;          // `passed` has been recorded since the slot was last waited for
    bool held = false;              // guarded by mutex_, the others by who holds it
  };
  slot& acquire();
  slot* try_acquire();
  void release(slot& s) noexcept;
  void prepare(slot& s);
  void wait_for(slot& s);
  template <class Copy>
  std::chrono::nanoseconds direct(stream_handle s, std::size_t bytes, Copy&& copy);

  device& device_;
  std::string place_;
  std::mutex mutex_;
  std::condition_variable released_;
  std::size_t next_ = 0;  // guarded by mutex_
  std::array<slot, 4> slots_;
  std::atomic<double> direct_rate_{0};  // bytes in a nanosecond; 0: not measured yet
};

}  // namespace fronta::gpu::detail
