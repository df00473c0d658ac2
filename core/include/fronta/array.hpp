// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/data_block.hpp>

#include <cstddef>
#include <initializer_list>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace fronta::gpu {
class stream;
template <class T>
class view;
}  // namespace fronta::gpu

namespace fronta::detail {
struct array_access;
}

namespace fronta {

/// An immutable block of numbers, shared by cheap handles: the currency of tasks that exchange bulk
/// data. It lies on the host, on devices, or in several places at once, and moves on demand: a CPU
/// task takes `std::span<const T>`, a GPU task `gpu::view<const T>`, and either can be given an
/// `array<T>` or a future of one. Reading is thread-safe; a handle itself is like any value.
/// ```
/// fronta::array<float> a(1'000'000, 1.0F);
/// auto sum = ex.submit([](std::span<const float> v) { … }, a);
/// ```
/// Where the numbers lie on devices alone, the first look on the host (`data`, `begin`, `[]`,
/// `span`, `take`) brings them: it blocks for the copy, throws `device_lost_error` when they went
/// with a device, and bad_alloc. Once they are there it is a load.
template <class T>
class array {
  static_assert(std::is_trivially_copyable_v<T>,
                "array<T> holds plain numbers and structs of them");

 public:
  using value_type = T;

  array() = default;
  array(const array& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->add_handle();
  }
  array(array&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  array& operator=(array other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~array() {
    if (block_ != nullptr) block_->drop_handle();
  }
  explicit array(std::size_t size, const T& value = T{}) : array(std::vector<T>(size, value)) {}
  array(std::initializer_list<T> values) : array(std::vector<T>(values)) {}
  /// Takes the vector's memory over.
  explicit array(std::vector<T> values) : block_(new host_block(std::move(values))) {}
  explicit array(std::span<const T> values) : array(std::vector<T>(values.begin(), values.end())) {}

  [[nodiscard]] std::size_t size() const noexcept {
    return block_ != nullptr ? block_->bytes() / sizeof(T) : 0;
  }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size() * sizeof(T); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] const T* data() const {
    return block_ != nullptr ? static_cast<const T*>(block_->on_host()) : nullptr;
  }
  [[nodiscard]] const T* begin() const { return data(); }
  [[nodiscard]] const T* end() const { return data() + size(); }
  const T& operator[](std::size_t i) const { return data()[i]; }
  [[nodiscard]] std::span<const T> span() const { return {data(), size()}; }
  /// Whether a look on the host costs nothing. Others may change it from false to true meanwhile; a
  /// task that changes the numbers on a device makes it false again.
  [[nodiscard]] bool on_host() const noexcept { return empty() || block_->is_on_host(); }

  /// The numbers on the device of the GPU task whose host part asks, as `gpu::stream::read` gives
  /// them; invalid_state_error elsewhere. Declared by <fronta/gpu/stream.hpp>.
  operator gpu::view<const T>() const;  // NOLINT(google-explicit-constructor): as std::span

  /// The same numbers, to be changed: in place when this is the last handle of what a vector gave,
  /// else in a copy. Leaves this handle empty.
  [[nodiscard]] std::vector<T> take() && {
    const array mine = std::move(*this);
    if (mine.block_ == nullptr) return {};
    if (mine.block_->sole_handle()) {
      if (auto* const made_here = dynamic_cast<host_block*>(mine.block_);
          made_here != nullptr && made_here->has_values()) {
        return std::move(made_here->values);
      }
    }
    return {mine.begin(), mine.end()};
  }

  /// Whether both handles name one block.
  [[nodiscard]] bool same_block(const array& other) const noexcept {
    return block_ == other.block_;
  }

 private:
  friend class gpu::stream;
  friend struct detail::array_access;
  struct host_block final : detail::data_block {
    explicit host_block(std::vector<T> v) : data_block(v.size() * sizeof(T)), values(std::move(v)) {
      this->set_host(values.data());
    }
    [[nodiscard]] bool has_values() const noexcept { return !values.empty(); }
    void release_host() noexcept override { std::vector<T>().swap(values); }
    std::vector<T> values;
  };
  explicit array(detail::data_block* b) noexcept : block_(b) {}
  detail::data_block* block_ = nullptr;
};

namespace detail {

template <class T>
inline constexpr bool is_array = false;
template <class T>
inline constexpr bool is_array<array<T>> = true;

struct array_access {
  template <class T>
  static data_block* block(const array<T>& a) noexcept {
    return a.block_;
  }
};

}  // namespace detail
}  // namespace fronta
