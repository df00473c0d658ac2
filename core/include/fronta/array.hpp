// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <initializer_list>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace fronta {

/// An immutable block of numbers in host memory, shared by cheap handles: the currency of tasks
/// that exchange bulk data. A task that takes `std::span<const T>` can be given an `array<T>` or a
/// future of one. Reading is thread-safe; a handle itself is like any value.
/// ```
/// fronta::array<float> a(1'000'000, 1.0F);
/// auto sum = ex.submit([](std::span<const float> v) { … }, a);
/// ```
template <class T>
class array {
  static_assert(std::is_trivially_copyable_v<T>,
                "array<T> holds plain numbers and structs of them");

 public:
  using value_type = T;

  array() = default;
  array(const array& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->handles.fetch_add(1, std::memory_order_relaxed);
  }
  array(array&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  array& operator=(array other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~array() {
    // Release what was read here, acquire what others read, before the memory goes.
    if (block_ != nullptr && block_->handles.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete block_;
    }
  }
  explicit array(std::size_t size, const T& value = T{}) : array(std::vector<T>(size, value)) {}
  array(std::initializer_list<T> values) : array(std::vector<T>(values)) {}
  /// Takes the vector's memory over.
  explicit array(std::vector<T> values) : block_(new block{std::move(values)}) {}
  explicit array(std::span<const T> values) : array(std::vector<T>(values.begin(), values.end())) {}

  [[nodiscard]] std::size_t size() const noexcept {
    return block_ != nullptr ? block_->values.size() : 0;
  }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size() * sizeof(T); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] const T* data() const noexcept {
    return block_ != nullptr ? block_->values.data() : nullptr;
  }
  [[nodiscard]] const T* begin() const noexcept { return data(); }
  [[nodiscard]] const T* end() const noexcept { return data() + size(); }
  const T& operator[](std::size_t i) const noexcept { return data()[i]; }
  [[nodiscard]] std::span<const T> span() const noexcept { return {data(), size()}; }

  /// The same numbers, to be changed: in place when this is the last handle, else in a copy. Leaves
  /// this handle empty.
  [[nodiscard]] std::vector<T> take() && {
    const array mine = std::move(*this);
    if (mine.block_ == nullptr) return {};
    // Acquire: what other handles' owners read is read. Nobody can make a further handle from the
    // last one but its owner, who is here.
    if (mine.block_->handles.load(std::memory_order_acquire) == 1) {
      return std::move(mine.block_->values);
    }
    return mine.block_->values;
  }

  /// Whether both handles name one block.
  [[nodiscard]] bool same_block(const array& other) const noexcept {
    return block_ == other.block_;
  }

 private:
  // Counted here and not by a shared_ptr, whose use_count() orders nothing.
  struct block {
    std::vector<T> values;
    std::atomic<std::size_t> handles{1};
  };
  block* block_ = nullptr;
};

}  // namespace fronta
