// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/array.hpp>
#include <fronta/detail/node.hpp>

#include <cstdint>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace fronta::detail {

// std::is_copy_constructible says yes to std::vector<std::unique_ptr<int>>; look inside.
template <class T>
struct copyable : std::is_copy_constructible<T> {};
template <class T>
  requires requires { typename T::value_type; } && std::is_copy_constructible_v<T> &&
           (!std::is_same_v<typename T::value_type, T>)
struct copyable<T> : copyable<typename T::value_type> {};
template <class A, class B>
struct copyable<std::pair<A, B>> : std::conjunction<copyable<A>, copyable<B>> {};
template <class... Ts>
struct copyable<std::tuple<Ts...>> : std::conjunction<copyable<Ts>...> {};
template <class T>
inline constexpr bool copyable_v = copyable<T>::value;

// Destroys; what the destructor throws goes to the error hook.
void report_current(const char* context) noexcept;
template <class T>
void destroy_quietly(T& object) noexcept {
  if constexpr (std::is_nothrow_destructible_v<T>) {
    object.~T();
  } else {
    try {
      object.~T();
    } catch (...) {
      report_current("a destructor threw; let it catch what it calls");
    }
  }
}

// How many bytes a value stands for, when the router weighs moving it and for traces. What its own
// functions throw says nothing of it.
template <class T>
std::size_t size_in_bytes(const T& value) noexcept try {
  if constexpr (requires { static_cast<std::size_t>(value.size_bytes()); }) {
    return static_cast<std::size_t>(value.size_bytes());
  } else if constexpr (requires {
                         typename T::value_type;
                         static_cast<std::size_t>(value.size());
                       }) {
    // NOLINTNEXTLINE(bugprone-sizeof-expression): what a pointer points to is not counted
    return sizeof(T) + static_cast<std::size_t>(value.size()) * sizeof(typename T::value_type);
  } else {
    return sizeof(T);  // NOLINT(bugprone-sizeof-expression): likewise
  }
} catch (...) {
  return sizeof(T);  // NOLINT(bugprone-sizeof-expression): likewise
}

struct nothing {};

// A node with room for its outcome. Whoever claimed the node writes it; publish makes it readable.
template <class T>
class state : public node {
 public:
  using stored =
      std::conditional_t<std::is_void_v<T>, nothing,
                         std::conditional_t<std::is_reference_v<T>,
                                            std::add_pointer_t<std::remove_reference_t<T>>, T>>;

  // The function's result is built in place: a T need neither move nor be default-constructible.
  template <class Make>
  void emplace_from(Make&& make) {
    if constexpr (std::is_void_v<T>) {
      std::forward<Make>(make)();
    } else if constexpr (std::is_reference_v<T>) {
      value_ = std::addressof(std::forward<Make>(make)());
    } else {
      ::new (static_cast<void*>(std::addressof(value_))) T(std::forward<Make>(make)());
    }
    holds_ = holds::value;
  }
  void store_error(std::exception_ptr error) noexcept final {
    clear_outcome();
    ::new (static_cast<void*>(std::addressof(error_))) std::exception_ptr(std::move(error));
    holds_ = holds::error;
  }
  void clear_outcome() noexcept final {
    const auto held = std::exchange(holds_, holds::nothing);
    if (held == holds::error) error_.~exception_ptr();
    if (held == holds::value) destroy_quietly(value_);
  }
  [[nodiscard]] std::exception_ptr stored_error() const noexcept final {
    return holds_ == holds::error ? error_ : nullptr;
  }
  [[nodiscard]] std::size_t stored_bytes() const noexcept final {
    if constexpr (std::is_object_v<T>) {
      if (holds_ == holds::value) return size_in_bytes(value_);
    }
    return 0;
  }
  [[nodiscard]] data_block* array_value() noexcept final {
    if constexpr (is_array<T>) return array_access::block(value_);
    return nullptr;
  }
  // Only when the phase is `value`, or while readable_early().
  [[nodiscard]] stored& value() noexcept { return value_; }
  [[nodiscard]] const stored& value() const noexcept { return value_; }

  // Whether the value has been moved out. Written by the sole reader.
  [[nodiscard]] bool taken() const noexcept { return this->value_taken; }
  void mark_taken() noexcept { this->value_taken = true; }

 protected:
  state(std::uint32_t readers, std::uint32_t keepers) noexcept : node(readers, keepers) {}
  ~state() { clear_outcome(); }

 private:
  enum class holds : std::uint8_t { nothing, value, error };
  union {
    stored value_;
    std::exception_ptr error_;
  };
  holds holds_ = holds::nothing;
};

// The state of a promise: set by hand, run by nobody.
template <class T>
class promise_node final : public state<T> {
 public:
  static promise_node* make() { return new (allocate_for<promise_node>()) promise_node; }

 private:
  promise_node() noexcept : state<T>(1, 1) {}
  ~promise_node() = default;
  run_result run() override { return run_result::value; }
  void destroy() noexcept override {
    this->~promise_node();
    free_for<promise_node>(this);
  }
};

}  // namespace fronta::detail
