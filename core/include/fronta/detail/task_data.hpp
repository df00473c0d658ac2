// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/array.hpp>
#include <fronta/detail/arguments.hpp>
#include <fronta/detail/data_block.hpp>
#include <fronta/detail/state.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

// What the arguments of a task hold, for whoever weighs where it is to run.
namespace fronta::detail {

class data_visitor {
 public:
  // Of an array that is not empty.
  virtual void numbers(data_block& b) = 0;
  // Other bulk data, on the host.
  virtual void bytes(std::size_t count) = 0;

 protected:
  ~data_visitor() = default;
};

template <class T>
inline constexpr bool holds_arrays = is_array<T>;
template <class A, class B>
inline constexpr bool holds_arrays<std::pair<A, B>> = holds_arrays<A> || holds_arrays<B>;
template <class... As>
inline constexpr bool holds_arrays<std::tuple<As...>> = (holds_arrays<As> || ...);
template <class A, std::size_t N>
inline constexpr bool holds_arrays<std::array<A, N>> = holds_arrays<A>;
template <class A, class Allocator>
inline constexpr bool holds_arrays<std::vector<A, Allocator>> = holds_arrays<A>;
template <class A>
inline constexpr bool holds_arrays<std::optional<A>> = holds_arrays<A>;

template <class T>
void visit_value(const T& value, data_visitor& to) {
  if constexpr (is_array<T>) {
    if (auto* const b = array_access::block(value); b != nullptr && b->bytes() != 0) to.numbers(*b);
  } else if constexpr (holds_arrays<T>) {
    if constexpr (requires { std::tuple_size<T>::value; }) {
      std::apply([&](const auto&... parts) { (visit_value(parts, to), ...); }, value);
    } else if constexpr (requires { value.has_value(); }) {
      if (value) visit_value(*value, to);
    } else {
      for (const auto& element : value) visit_value(element, to);
    }
  } else if constexpr (requires { value.size(); } && !gpu::device_bound<T>::value) {
    to.bytes(size_in_bytes(value));
  }
}

template <class T>
void visit_input(const future<T>& f, data_visitor& to) {
  if constexpr (std::is_object_v<T>) {
    const auto& s = *future_access::get(f);
    if ((s.current() == phase::value || s.readable_early()) && !s.taken() &&
        !s.remote.load(std::memory_order_acquire)) {
      visit_value(s.value(), to);
    }
  }
}

// Of one argument. Its futures have their values.
template <class A>
void visit_argument(const plain_argument<A>& a, data_visitor& to) {
  visit_value(a.value, to);
}
template <class T>
void visit_argument(const plain_argument<handle<T>>&, data_visitor&) {}
template <class T>
void visit_argument(const shared_argument<T>& a, data_visitor& to) {
  visit_input(a.value, to);
}
template <class T>
void visit_argument(const moved_argument<T>& a, data_visitor& to) {
  visit_input(a.value, to);
}
template <class A>
void visit_argument(const resolved_argument<A>& a, data_visitor& to) {
  resolve<A>::each(a.value, [&](const auto& f) {
    if (f.valid()) visit_input(f, to);
  });
}
template <class T>
void visit_argument(const viewed_argument<T>& a, data_visitor& to) {
  for (const auto& f : a.value) visit_input(f, to);
}
inline void visit_argument(const ordering_argument&, data_visitor&) {}

// Whether an argument is of use on the device alone where it lies.
template <class A>
inline constexpr bool lies_on_one_device = false;
template <class A>
inline constexpr bool lies_on_one_device<plain_argument<A>> = gpu::device_bound<A>::value;
template <class T>
inline constexpr bool lies_on_one_device<shared_argument<T>> = gpu::device_bound<T>::value;
template <class T>
inline constexpr bool lies_on_one_device<moved_argument<T>> = gpu::device_bound<T>::value;
template <class A>
inline constexpr bool lies_on_one_device<resolved_argument<A>> =
    gpu::device_bound<typename resolve<A>::type>::value;
template <class T>
inline constexpr bool lies_on_one_device<viewed_argument<T>> = gpu::device_bound<T>::value;

}  // namespace fronta::detail
