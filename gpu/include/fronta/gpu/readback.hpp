// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace fronta::gpu {

namespace detail {

// Whether a value has come from the device. Set when the task's work has ended well.
struct arrival {
  std::atomic<bool> there = false;
};

template <class T>
struct readback_cell final : arrival {
  alignas(T) std::byte bytes[sizeof(T)] = {};
};

[[noreturn]] void throw_not_there(bool empty);

}  // namespace detail

/// A number that a GPU task hands to the host; made by `stream::readback` and returned from the
/// host part. Whoever has the task's future reads it without waiting: the future is ready after it.
/// ```
/// future<gpu::readback<float>> sum = ex.submit([](gpu::stream& s, const gpu::buffer<float>& x) {
///   auto total = s.allocate<float>(1);
///   gpu::reduce_sum(s, s.read(x), s.write(total));
///   return s.readback(s.read(total));
/// }, x);
/// float total = sum.get().value();
/// ```
/// Cheap handles to one immutable value; thread-safe. It may outlive task and executor.
template <class T>
class readback {
  static_assert(std::is_trivially_copyable_v<T>, "readback<T> holds plain numbers and structs");

 public:
  readback() = default;
  /// `invalid_state_error` for an empty handle, and before the task has ended well: in its own host
  /// part, or in a handle that was brought out of a task that failed or timed out.
  [[nodiscard]] const T& value() const {
    if (cell_ == nullptr || !cell_->there.load(std::memory_order_acquire)) {
      detail::throw_not_there(cell_ == nullptr);
    }
    return *std::launder(reinterpret_cast<const T*>(cell_->bytes));
  }

 private:
  friend class stream;
  explicit readback(std::shared_ptr<const detail::readback_cell<T>> cell) noexcept
      : cell_(std::move(cell)) {}
  std::shared_ptr<const detail::readback_cell<T>> cell_;
};

}  // namespace fronta::gpu
