// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/device.hpp>

#include <support/host_call.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace fronta::test {

/// A kernel that is a function of the host; of a real device's, see `call_from_device`.
class host_work final : public gpu::work {
 public:
  host_work(std::function<void()> body, std::string name, gpu::work_cost cost)
      : body_(std::move(body)), name_(std::move(name)), cost_(cost) {}
  int enqueue(void* native_stream) override { return call_from_device(native_stream, body_); }
  void run_on_host() override { body_(); }
  [[nodiscard]] gpu::work_cost cost() const noexcept override { return cost_; }
  [[nodiscard]] const char* name() const noexcept override { return name_.c_str(); }

 private:
  std::function<void()> body_;
  std::string name_;
  gpu::work_cost cost_;
};

inline std::unique_ptr<gpu::work> doing(std::function<void()> body, std::string name = "kernel",
                                        gpu::work_cost cost = {}) {
  return std::make_unique<host_work>(std::move(body), std::move(name), cost);
}

/// Words in pinned memory of a device, all 0 at first.
class pinned_words {
 public:
  using word = std::atomic<std::uint64_t>;
  explicit pinned_words(gpu::device& d, std::size_t count = 1)
      : device_(d), words_(static_cast<word*>(d.allocate_pinned(count * sizeof(word)))) {
    for (std::size_t i = 0; i < count; ++i) new (words_ + i) word(0);
  }
  ~pinned_words() { device_.deallocate_pinned(words_); }
  pinned_words(const pinned_words&) = delete;
  pinned_words& operator=(const pinned_words&) = delete;

  [[nodiscard]] word& operator[](std::size_t i) noexcept { return words_[i]; }

 private:
  gpu::device& device_;
  word* words_;
};

/// Waits for all that was enqueued on the stream so far; false after a fault.
inline bool finish(gpu::device& d, gpu::stream_handle s) {
  gpu::event_handle e = d.create_event(true);
  d.record(s, e);
  const bool passed = d.synchronize(e);
  d.destroy_event(e);
  return passed;
}

}  // namespace fronta::test
