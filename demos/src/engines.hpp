// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/executor.hpp>
#include <fronta/gpu/stream.hpp>
#include <fronta/trace.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

/// The three engines of a device: copies to it, kernels, copies to the host.
namespace fronta::demos {

/// Host memory that a device reads and writes itself. Give it back when the device has done with
/// it, and before its executor goes.
class pinned_memory {
 public:
  /// Blocks for a GPU task on that place.
  pinned_memory(executor_ref ex, const std::string& place, std::size_t bytes);
  ~pinned_memory();
  pinned_memory(const pinned_memory&) = delete;
  pinned_memory& operator=(const pinned_memory&) = delete;

  template <class T>
  [[nodiscard]] std::span<T> as() const noexcept {
    return {static_cast<T*>(data_), bytes_ / sizeof(T)};
  }

 private:
  gpu::device* device_ = nullptr;
  void* data_ = nullptr;
  std::size_t bytes_;
};

/// Seconds, such as for one item.
struct engine_times {
  double to_device = 0;
  double kernel = 0;
  double to_host = 0;

  [[nodiscard]] double sum() const noexcept { return to_device + kernel + to_host; }
  [[nodiscard]] double longest() const noexcept;
};

/// How long the engines of all devices were busy, by the devices' own records: from now on, for
/// executors that begin and end while it lives. The only sink of traces meanwhile.
class engine_records final : public trace::sink {
 public:
  engine_records();
  ~engine_records() override;
  engine_records(const engine_records&) = delete;
  engine_records& operator=(const engine_records&) = delete;

  void record(const trace::event& e) noexcept override;
  void record(const trace::device_span& s) noexcept override;
  /// Once the executors are gone.
  [[nodiscard]] engine_times busy() const noexcept;

 private:
  std::atomic<std::int64_t> to_device_{0};  // nanoseconds, like the others
  std::atomic<std::int64_t> kernel_{0};
  std::atomic<std::int64_t> to_host_{0};
  trace::sink* before_;
};

/// What an item asks of a device.
struct engine_item {
  std::size_t bytes_to_device = 0;
  std::size_t bytes_to_host = 0;
  std::function<void(gpu::stream&)> kernel;  ///< takes memory and enqueues kernels
};

/// How long each engine takes for an item, the mean of `items`: kernels with nothing beside them,
/// and copies while the other direction is busy too, as it is when they overlap. From the first
/// call in a host part until the executor knows of the end. Needs two streams, and an executor that
/// does nothing else.
engine_times measure_engines(executor_ref ex, const std::string& place, const engine_item& item,
                             int items);

}  // namespace fronta::demos
