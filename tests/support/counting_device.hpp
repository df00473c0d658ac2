// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/simulated.hpp>

#include <device_backend.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fronta::test {

/// A simulated device that counts what is asked of it.
class counting_device final : public gpu::device {
 public:
  explicit counting_device(const gpu::simulated& config)
      : all_(std::make_unique<gpu::simulation>(config)), of_(all_->at(0)) {}

  std::atomic<int> records{0};
  std::atomic<int> waits{0};
  std::atomic<int> copies_to_host{0};
  std::atomic<int> stamps{0};
  std::function<void(gpu::copy_kind)> on_copy = {};  ///< called before each; set it before use

  [[nodiscard]] const gpu::device_properties& properties() const noexcept override {
    return of_.properties();
  }
  void make_current() override { of_.make_current(); }
  [[nodiscard]] void* enter() override { return of_.enter(); }
  void leave(void* before) noexcept override { of_.leave(before); }
  [[nodiscard]] gpu::stream_handle create_stream(int priority) override {
    return of_.create_stream(priority);
  }
  void destroy_stream(gpu::stream_handle s) noexcept override { of_.destroy_stream(s); }
  [[nodiscard]] void* native(gpu::stream_handle s) const noexcept override { return of_.native(s); }
  [[nodiscard]] gpu::stream_state query(gpu::stream_handle s) noexcept override {
    return of_.query(s);
  }
  [[nodiscard]] int fault_code() const noexcept override { return of_.fault_code(); }
  [[nodiscard]] std::string fault_text() const override { return of_.fault_text(); }
  void give_up(const std::string& why) override { of_.give_up(why); }
  void enqueue(gpu::stream_handle s, std::unique_ptr<gpu::work> w) override {
    of_.enqueue(s, std::move(w));
  }
  void copy(gpu::stream_handle s, void* to, const void* from, std::size_t bytes,
            gpu::copy_kind kind) override {
    if (kind == gpu::copy_kind::to_host) ++copies_to_host;
    if (on_copy) on_copy(kind);
    of_.copy(s, to, from, bytes, kind);
  }
  void fill(gpu::stream_handle s, void* at, unsigned char value, std::size_t bytes) override {
    of_.fill(s, at, value, bytes);
  }
  void write_word(gpu::stream_handle s, std::atomic<std::uint64_t>& word,
                  std::uint64_t value) override {
    of_.write_word(s, word, value);
  }
  void record(gpu::stream_handle s, gpu::event_handle e) override {
    ++records;
    of_.record(s, e);
  }
  void wait(gpu::stream_handle s, gpu::event_handle e) override {
    ++waits;
    of_.wait(s, e);
  }
  void call_host(gpu::stream_handle s, void (*fn)(void*), void* context) override {
    of_.call_host(s, fn, context);
  }
  [[nodiscard]] gpu::event_handle create_event(bool blocking) override {
    return of_.create_event(blocking);
  }
  void destroy_event(gpu::event_handle e) noexcept override { of_.destroy_event(e); }
  [[nodiscard]] gpu::stream_state query(gpu::event_handle e) noexcept override {
    return of_.query(e);
  }
  bool synchronize(gpu::event_handle e) noexcept override { return of_.synchronize(e); }
  [[nodiscard]] void* allocate(gpu::stream_handle s, std::size_t bytes) override {
    return of_.allocate(s, bytes);
  }
  void deallocate(gpu::stream_handle s, void* p) noexcept override { of_.deallocate(s, p); }
  [[nodiscard]] gpu::memory_status memory() const noexcept override { return of_.memory(); }
  [[nodiscard]] void* allocate_pinned(std::size_t bytes) override {
    return of_.allocate_pinned(bytes);
  }
  void deallocate_pinned(void* p) noexcept override { of_.deallocate_pinned(p); }
  [[nodiscard]] bool is_pinned(const void* p) const noexcept override { return of_.is_pinned(p); }
  [[nodiscard]] gpu::clock_sample sample_clocks() override { return of_.sample_clocks(); }
  [[nodiscard]] std::int64_t host_now() const noexcept override { return of_.host_now(); }
  void stamp(gpu::stream_handle s, std::atomic<std::uint64_t>& word) override {
    ++stamps;
    of_.stamp(s, word);
  }
  [[nodiscard]] bool record_work(gpu::work_recorder* to, std::string& why) override {
    return of_.record_work(to, why);
  }
  void compare_records(std::size_t samples) override { of_.compare_records(samples); }
  void mark_work(std::uint64_t mark) noexcept override { of_.mark_work(mark); }

 private:
  std::unique_ptr<gpu::simulation> all_;
  gpu::device& of_;
};

/// It as the device of an executor: `executor ex{threads{}, counted{device}}`.
struct counted {
  std::shared_ptr<counting_device> device;
  int streams = 4;
  gpu::options options = {};
};
inline std::unique_ptr<backend> make_backend(const counted& c) {
  return gpu::detail::make_device_backend({c.device}, c.streams, {}, c.options, "counted");
}

}  // namespace fronta::test
