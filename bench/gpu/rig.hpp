// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../executor/common.hpp"
#include "device_parts.hpp"

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/gpu/cuda.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

/// The device that is measured, and work for it: the first CUDA device where the kernels run on it,
/// else a simulated one that takes no time, which shows that a benchmark works and measures
/// nothing.
namespace bench::gpu {

using fronta::gpu::stream;
using fronta::gpu::view;

/// Chosen once per process; `--device simulated` leaves a CUDA device alone.
struct found_device {
  bool simulated = true;
  std::string name;
  std::string driver;  ///< such as "CUDA 13.0"; "none"
};
const found_device& found(const settings& s);

struct wish {
  int streams = 4;
  fronta::gpu::completion_options completion = {};
  fronta::gpu::options options = {};
};
fronta::executor open(const settings& s, const wish& w = {});

/// The device without an executor.
class bare_device {
 public:
  explicit bare_device(const settings& s);
  ~bare_device();
  bare_device(const bare_device&) = delete;
  bare_device& operator=(const bare_device&) = delete;
  fronta::gpu::device& operator*() const { return *device_; }
  fronta::gpu::device* operator->() const { return device_; }
  [[nodiscard]] fronta::gpu::stream_handle stream() const { return stream_; }
  void finish() const;

 private:
  std::optional<fronta::gpu::simulation> simulated_;
  std::unique_ptr<fronta::gpu::device> opened_;
  fronta::gpu::device* device_ = nullptr;
  fronta::gpu::stream_handle stream_ = nullptr;
};

/// Pinned memory of an executor's device, all zero. Give it back before the executor goes.
template <class T>
class pinned {
 public:
  pinned(const fronta::executor& ex, std::size_t size) : size_(size) {
    ex.submit([this](stream& s) {
        on_ = &s.on();
        data_ = static_cast<T*>(on_->allocate_pinned(size_ * sizeof(T)));
      }).get();
    for (auto& x : all()) x = T{};
  }
  ~pinned() { on_->deallocate_pinned(data_); }
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  [[nodiscard]] std::span<T> all() const { return {data_, size_}; }
  T& operator[](std::size_t i) const { return data_[i]; }

 private:
  std::size_t size_;
  fronta::gpu::device* on_ = nullptr;
  T* data_ = nullptr;
};

std::int64_t host_now();

template <auto Function>
constexpr auto device_version() {
  if constexpr (has_device_parts) {
    return Function;
  } else {
    return nullptr;
  }
}

/// See device_parts.hpp.
inline void count(stream& s, std::uint64_t* word) {
  const auto on_host = [](std::uint64_t* w) { std::atomic_ref(*w).fetch_add(1); };
  s.launch(fronta::gpu::kernel{device_version<&on_device::count>(), on_host, "count"}, {}, {},
           word);
}
inline void hold(stream& s, const std::uint32_t* go) {
  const auto on_host = [](const std::uint32_t* g) {
    // g++ 12 has no atomic_ref of a const.
    auto* const told =
        const_cast<std::uint32_t*>(g);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    while (std::atomic_ref(*told).load(std::memory_order_acquire) == 0) std::this_thread::yield();
  };
  s.launch(fronta::gpu::kernel{device_version<&on_device::hold>(), on_host, "hold"}, {}, {}, go);
}
/// On a simulated device: steady_clock.
inline void stamp(stream& s, std::uint64_t* at, std::chrono::nanoseconds after) {
  const auto on_host = [](std::uint64_t* to, std::uint64_t ns) {
    const std::int64_t begin = host_now();
    while (host_now() - begin < static_cast<std::int64_t>(ns)) {
    }
    *to = static_cast<std::uint64_t>(host_now());
  };
  s.launch(fronta::gpu::kernel{device_version<&on_device::stamp>(), on_host, "stamp"}, {}, {}, at,
           static_cast<std::uint64_t>(after.count()));
}

/// Device memory for `count`, with 0 in it; the buffer keeps it.
struct counter {
  fronta::gpu::buffer<std::uint64_t> memory;
  std::uint64_t* at = nullptr;
};
counter make_counter(const fronta::executor& ex);
std::uint64_t value_of(const fronta::executor& ex, const counter& c);

// The rows, in files of their own.
void bare_launches(benchmark::State& state, const settings& s);
void tasks(benchmark::State& state, const settings& s);
void tasks_with_breadcrumbs(benchmark::State& state, const settings& s);
void chain(benchmark::State& state, const settings& s);
void chain_with_breadcrumbs(benchmark::State& state, const settings& s);
template <fronta::gpu::completion_mechanism By>
void latency(benchmark::State& state, const settings& s);
void edges(benchmark::State& state, const settings& s);
void marks(benchmark::State& state, const settings& s);
void bandwidth(benchmark::State& state, const settings& s);
void copies(benchmark::State& state, const settings& s);
void matmul(benchmark::State& state, const settings& s);
void idle(benchmark::State& state, const settings& s);

}  // namespace bench::gpu
