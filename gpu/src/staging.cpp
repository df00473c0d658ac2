// SPDX-License-Identifier: Apache-2.0
#include "staging.hpp"

#include <fronta/gpu/errors.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

namespace fronta::gpu::detail {

staging::~staging() {
  for (auto& s : slots_) {
    if (s.passed != nullptr) device_.destroy_event(s.passed);
    if (s.pinned != nullptr) device_.deallocate_pinned(s.pinned);
  }
}

staging::slot& staging::acquire() {
  std::unique_lock lock(mutex_);
  // In turns, so that the slot that comes is the one that was enqueued longest ago.
  auto& s = slots_[next_++ % slots_.size()];
  released_.wait(lock, [&] { return !s.held; });
  s.held = true;
  return s;
}

staging::slot* staging::try_acquire() {
  const std::lock_guard lock(mutex_);
  auto& s = slots_[next_ % slots_.size()];
  if (s.held) return nullptr;
  ++next_;
  s.held = true;
  return &s;
}

void staging::release(slot& s) noexcept {
  {
    const std::lock_guard lock(mutex_);
    s.held = false;
  }
  released_.notify_all();
}

void staging::prepare(slot& s) {
  device_.make_current();
  if (s.pinned == nullptr) s.pinned = device_.allocate_pinned(chunk);
  if (s.passed == nullptr) s.passed = device_.create_event(true);
  wait_for(s);
}

void staging::wait_for(slot& s) {
  if (!std::exchange(s.enqueued, false) || device_.synchronize(s.passed)) return;
  throw device_lost_error(place_ + ": the device was lost (" + device_.fault_text() +
                              ") while memory was copied; run the task elsewhere, or start the "
                              "program anew",
                          device_.fault_code(), place_);
}

void staging::upload(stream_handle s, void* to, const void* from, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += chunk) {
    const auto size = std::min(chunk, bytes - at);
    auto& through = acquire();
    try {
      prepare(through);
      std::memcpy(through.pinned, static_cast<const std::byte*>(from) + at, size);
      device_.copy(s, static_cast<std::byte*>(to) + at, through.pinned, size, copy_kind::to_device);
      through.enqueued = true;
      device_.record(s, through.passed);
    } catch (...) {
      release(through);
      throw;
    }
    release(through);
  }
}

void staging::download(stream_handle s, void* to, const void* from, std::size_t bytes) {
  struct part {
    slot* through;
    std::size_t at;
    std::size_t size;
  };
  std::array<part, 2> under_way{};
  std::size_t count = 0;
  std::size_t at = 0;
  try {
    while (at < bytes || count != 0) {
      if (at < bytes && count < under_way.size()) {
        // Never waits for a second slot while it holds one.
        auto* const through = count == 0 ? &acquire() : try_acquire();
        if (through != nullptr) {
          const auto size = std::min(chunk, bytes - at);
          under_way[count++] = {through, at, size};
          prepare(*through);
          device_.copy(s, through->pinned, static_cast<const std::byte*>(from) + at, size,
                       copy_kind::to_host);
          through->enqueued = true;
          device_.record(s, through->passed);
          at += size;
          continue;
        }
      }
      const auto first = under_way[0];
      wait_for(*first.through);
      std::memcpy(static_cast<std::byte*>(to) + first.at, first.through->pinned, first.size);
      release(*first.through);
      under_way[0] = under_way[1];
      --count;
    }
  } catch (...) {
    // What was enqueued may still read the device's memory, which is the caller's.
    for (std::size_t i = 0; i < count; ++i) {
      auto& left = *under_way[i].through;
      if (std::exchange(left.enqueued, false)) static_cast<void>(device_.synchronize(left.passed));
      release(left);
    }
    throw;
  }
}

template <class Copy>
std::chrono::nanoseconds staging::direct(stream_handle s, std::size_t bytes, Copy&& copy) {
  constexpr int copies = 4;
  if (direct_rate_.load(std::memory_order_relaxed) == 0) {
    const auto size = std::min(chunk, bytes);
    auto& through = acquire();
    try {
      prepare(through);
      const auto enqueue = [&] {
        copy(through.pinned, size);
        through.enqueued = true;
        device_.record(s, through.passed);
      };
      enqueue();  // what was enqueued before is over then
      wait_for(through);
      const auto begin = std::chrono::steady_clock::now();
      for (int i = 0; i < copies; ++i) enqueue();
      wait_for(through);
      const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begin;
      direct_rate_.store(copies * static_cast<double>(size) /
                             static_cast<double>(std::max<std::int64_t>(took.count(), 1)),
                         std::memory_order_relaxed);
    } catch (...) {
      release(through);
      throw;
    }
    release(through);
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(
      static_cast<double>(bytes) / direct_rate_.load(std::memory_order_relaxed)));
}

std::chrono::nanoseconds staging::direct_upload(stream_handle s, void* on_device, const void* same,
                                                std::size_t bytes) {
  bool filled = false;
  return direct(s, bytes, [&](void* pinned, std::size_t size) {
    if (!std::exchange(filled, true)) std::memcpy(pinned, same, size);
    device_.copy(s, on_device, pinned, size, copy_kind::to_device);
  });
}

std::chrono::nanoseconds staging::direct_download(stream_handle s, const void* on_device,
                                                  std::size_t bytes) {
  return direct(s, bytes, [&](void* pinned, std::size_t size) {
    device_.copy(s, pinned, on_device, size, copy_kind::to_host);
  });
}

}  // namespace fronta::gpu::detail
