// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/array.hpp>
#include <fronta/future.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace fronta::gpu {
class stream;

/// Whether a value names device memory and holds nothing that the device has still to give the
/// host: gpu::buffer, fronta::array, and pairs, tuples, arrays, vectors and optionals of such. What
/// a GPU task returns of such a type the next GPU task may have before the work on it has ended,
/// since its own work goes behind. Specialise it for own structs of buffers.
template <class T>
struct device_data : std::false_type {};
template <class T>
struct device_data<fronta::array<T>> : std::true_type {};
template <class A, class B>
struct device_data<std::pair<A, B>> : std::conjunction<device_data<A>, device_data<B>> {};
template <class A, class... As>
struct device_data<std::tuple<A, As...>> : std::conjunction<device_data<A>, device_data<As>...> {};
template <class T, std::size_t N>
struct device_data<std::array<T, N>> : device_data<T> {};
template <class T, class Allocator>
struct device_data<std::vector<T, Allocator>> : device_data<T> {};
template <class T>
struct device_data<std::optional<T>> : device_data<T> {};

/// Whether a value, or a part of it, is of use on the device alone where a GPU task made it: GPU
/// tasks that take it go there. Specialise it as false for device data that follows its readers.
template <class T>
struct device_bound : device_data<T> {};
template <class T>
struct device_bound<fronta::array<T>> : std::false_type {};
template <class A, class B>
struct device_bound<std::pair<A, B>> : std::disjunction<device_bound<A>, device_bound<B>> {};
template <class... As>
struct device_bound<std::tuple<As...>> : std::disjunction<device_bound<As>...> {};
template <class T, std::size_t N>
struct device_bound<std::array<T, N>> : device_bound<T> {};
template <class T, class Allocator>
struct device_bound<std::vector<T, Allocator>> : device_bound<T> {};
template <class T>
struct device_bound<std::optional<T>> : device_bound<T> {};
template <class K, class T, class Compare, class Allocator>
struct device_bound<std::map<K, T, Compare, Allocator>> : device_bound<T> {};
}  // namespace fronta::gpu

namespace fronta {

/// The values of a `vector<future<T>>` argument, without copies: a callable that takes
/// `fronta::values<T>` gets a random-access view that lives as long as the call.
template <class T>
class values {
 public:
  explicit values(const std::vector<future<T>>& futures) noexcept : futures_(&futures) {}
  [[nodiscard]] std::size_t size() const noexcept { return futures_->size(); }
  [[nodiscard]] bool empty() const noexcept { return futures_->empty(); }
  const T& operator[](std::size_t i) const { return detail::future_access::input((*futures_)[i]); }

  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    iterator() noexcept = default;
    explicit iterator(typename std::vector<future<T>>::const_iterator at) noexcept : at_(at) {}
    const T& operator*() const { return detail::future_access::input(*at_); }
    iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    iterator operator++(int) noexcept { return iterator(at_++); }
    friend bool operator==(const iterator&, const iterator&) noexcept = default;

   private:
    typename std::vector<future<T>>::const_iterator at_{};
  };
  [[nodiscard]] iterator begin() const noexcept { return iterator(futures_->begin()); }
  [[nodiscard]] iterator end() const noexcept { return iterator(futures_->end()); }

 private:
  const std::vector<future<T>>* futures_;
};

/// How an argument that contains futures is unwrapped. Known: future, vector, array, optional,
/// pair, tuple and map of such, nested to any depth. Specialise it for an own type with
/// `has_futures = true`, `type` (what the callable receives), `each(const A&, visit)` (calls
/// `visit` with every future) and `take(A&)` (makes a `type`; all futures are done).
template <class A>
struct resolve {
  static constexpr bool has_futures = false;
  using type = A;
  template <class Visit>
  static void each(const A&, Visit&&) {}
  static A take(A& a) { return std::move(a); }
};

template <class T>
struct resolve<future<T>> {
  static_assert(!std::is_void_v<T>,
                "a future<void> inside a container is not an argument; pass it on its own, or "
                "pass when_all(container)");
  static constexpr bool has_futures = true;
  using type = std::remove_cvref_t<T>;
  template <class Visit>
  static void each(const future<T>& f, Visit&& visit) {
    visit(f);
  }
  static type take(future<T>& f) { return detail::future_access::take_input(f); }
};

template <class A, class Allocator>
  requires resolve<A>::has_futures
struct resolve<std::vector<A, Allocator>> {
  static constexpr bool has_futures = true;
  using type = std::vector<typename resolve<A>::type>;
  template <class Visit>
  static void each(const std::vector<A, Allocator>& v, Visit&& visit) {
    for (const auto& a : v) resolve<A>::each(a, visit);
  }
  static type take(std::vector<A, Allocator>& v) {
    type result;
    result.reserve(v.size());
    for (auto& a : v) result.push_back(resolve<A>::take(a));
    return result;
  }
};

template <class A, std::size_t N>
  requires resolve<A>::has_futures
struct resolve<std::array<A, N>> {
  static constexpr bool has_futures = true;
  using type = std::array<typename resolve<A>::type, N>;
  template <class Visit>
  static void each(const std::array<A, N>& v, Visit&& visit) {
    for (const auto& a : v) resolve<A>::each(a, visit);
  }
  static type take(std::array<A, N>& v) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return type{resolve<A>::take(v[I])...};
    }(std::make_index_sequence<N>());
  }
};

template <class A>
  requires resolve<A>::has_futures
struct resolve<std::optional<A>> {
  static constexpr bool has_futures = true;
  using type = std::optional<typename resolve<A>::type>;
  template <class Visit>
  static void each(const std::optional<A>& o, Visit&& visit) {
    if (o) resolve<A>::each(*o, visit);
  }
  static type take(std::optional<A>& o) { return o ? type(resolve<A>::take(*o)) : type(); }
};

template <class K, class A, class Compare, class Allocator>
  requires resolve<A>::has_futures
struct resolve<std::map<K, A, Compare, Allocator>> {
  static constexpr bool has_futures = true;
  using type = std::map<K, typename resolve<A>::type, Compare>;
  template <class Visit>
  static void each(const std::map<K, A, Compare, Allocator>& m, Visit&& visit) {
    for (const auto& [k, a] : m) resolve<A>::each(a, visit);
  }
  static type take(std::map<K, A, Compare, Allocator>& m) {
    type result(m.key_comp());
    for (auto& [k, a] : m) result.emplace_hint(result.end(), k, resolve<A>::take(a));
    return result;
  }
};

template <class A, class B>
  requires(resolve<A>::has_futures || resolve<B>::has_futures)
struct resolve<std::pair<A, B>> {
  static constexpr bool has_futures = true;
  using type = std::pair<typename resolve<A>::type, typename resolve<B>::type>;
  template <class Visit>
  static void each(const std::pair<A, B>& p, Visit&& visit) {
    resolve<A>::each(p.first, visit);
    resolve<B>::each(p.second, visit);
  }
  static type take(std::pair<A, B>& p) {
    return {resolve<A>::take(p.first), resolve<B>::take(p.second)};
  }
};

template <class... As>
  requires(resolve<As>::has_futures || ...)
struct resolve<std::tuple<As...>> {
  static constexpr bool has_futures = true;
  using type = std::tuple<typename resolve<As>::type...>;
  template <class Visit>
  static void each(const std::tuple<As...>& t, Visit&& visit) {
    std::apply([&](const As&... a) { (resolve<As>::each(a, visit), ...); }, t);
  }
  static type take(std::tuple<As...>& t) {
    return std::apply([](As&... a) { return type{resolve<As>::take(a)...}; }, t);
  }
};

namespace detail {

template <class... Ts>
struct types {};

// One argument as a task keeps it. `passed` is what the callable receives; `pass` yields a tuple of
// references to it, none for a future<void>; `each` visits the nodes that it depends on. A task
// that may run again passes from a copy, so `pass` may use everything up.
template <class A>
struct plain_argument {
  static constexpr std::ptrdiff_t sources = 0;
  using passed = types<A&&>;
  explicit plain_argument(A&& a) : value(std::move(a)) {}
  template <class U>
    requires(!std::same_as<std::remove_cvref_t<U>, plain_argument>)
  explicit plain_argument(U&& a) : value(std::forward<U>(a)) {}
  static constexpr bool can_repeat = copyable_v<A>;
  auto pass() { return std::forward_as_tuple(std::move(value)); }
  A&& as_submitted() { return std::move(value); }
  template <class Visit>
  void each(Visit&&) const {}
  A value;
};

template <class T>
struct plain_argument<handle<T>> {
  static constexpr std::ptrdiff_t sources = 0;
  using passed = types<future<T>&&>;
  explicit plain_argument(handle<T> h) : value(std::move(h.value)) {}
  static constexpr bool can_repeat = true;
  auto pass() { return std::forward_as_tuple(std::move(value)); }
  handle<T> as_submitted() { return {std::move(value)}; }
  template <class Visit>
  void each(Visit&&) const {}
  future<T> value;
};

// Submits an input that failed anew, if it kept its recipe; else its failure stands.
template <class T>
void retry_failed(future<T>& f) {
  auto* const n = future_access::get(static_cast<const any_future&>(f));
  const auto p = n->current();
  if (node::is_done(p) && p != phase::value && n->extra() != nullptr &&
      n->extra()->again != nullptr) {
    f = f.retry();
  }
}

// A future given as an lvalue: the callable receives const T&.
template <class T>
struct shared_argument {
  static constexpr std::ptrdiff_t sources = 1;
  static constexpr bool reads_early = gpu::device_data<T>::value;
  using passed = std::conditional_t<
      std::is_void_v<T>, types<>,
      types<std::conditional_t<std::is_reference_v<T>, T, std::add_lvalue_reference_t<const T>>>>;
  explicit shared_argument(future<T> f) : value(std::move(f)) {}
  static constexpr bool can_repeat = true;
  auto pass() {
    if constexpr (std::is_void_v<T>) {
      return std::tuple<>();
    } else {
      using result = typename future<T>::result_type;
      if constexpr (reads_early) {
        auto& s = *future_access::get(value);
        if (s.readable_early()) return std::tuple<result>(s.value());
      }
      return std::tuple<result>(future_access::input(value));
    }
  }
  void retry_failed() { detail::retry_failed(value); }
  future<T>& as_submitted() { return value; }
  template <class Visit>
  void each(Visit&& visit) const {
    visit(*future_access::get(static_cast<const any_future&>(value)));
  }
  future<T> value;
};

// A future given as an rvalue: the callable receives T&&, the value itself if nobody else can read
// it when the task starts, else a copy.
template <class T>
struct moved_argument {
  static_assert(std::is_object_v<T>);
  static constexpr std::ptrdiff_t sources = 1;
  static constexpr bool reads_early = gpu::device_data<T>::value && copyable_v<T>;
  using passed = types<T&&>;
  explicit moved_argument(future<T> f) : value(std::move(f)) {}
  // Only for the copy that a repeated run passes from; rejected at submit.
  moved_argument(const moved_argument& other) : value(other.value) {}
  moved_argument(moved_argument&&) = default;
  static constexpr bool can_repeat = false;
  auto pass() {
    auto& s = *future_access::get(value);
    // An edge of less than `done` does not say that the value is there.
    if (!s.readable_early()) static_cast<void>(future_access::input(value));
    // Callbacks of an input that was taken early have yet to run, and count as readers until then.
    if (s.sole_reader()) {
      s.mark_taken();
      return std::tuple<T&&>(std::move(s.value()));
    }
    if constexpr (copyable_v<T>) {
      return std::tuple<T&&>(std::move(copy.emplace(s.value())));
    } else {
      throw invalid_state_error("submit: the value of task \"" + s.name() +
                                "\" cannot be moved into a dependent while another handle or "
                                "dependent exists or a done callback has yet to run, and cannot "
                                "be copied; pass the future as an lvalue and take const T&");
    }
  }
  template <class Visit>
  void each(Visit&& visit) const {
    visit(*future_access::get(static_cast<const any_future&>(value)));
  }
  future<T> value;
  std::optional<std::conditional_t<copyable_v<T>, T, nothing>> copy;
};

// A container with futures in it; the unwrapped container is passed as an rvalue.
template <class A>
struct resolved_argument {
  static constexpr std::ptrdiff_t sources = -1;  // known at submit
  using type = typename resolve<A>::type;
  using passed = types<type&&>;
  explicit resolved_argument(A a) : value(std::move(a)) {}
  static constexpr bool can_repeat = copyable_v<type>;
  // A further run, which passes no copy, finds the handles taken.
  auto pass() {
    if (!unwrapped) unwrapped.emplace(resolve<A>::take(value));
    return std::tuple<type&&>(std::move(*unwrapped));
  }
  template <class Visit>
  void each(Visit&& visit) const {
    resolve<A>::each(value, [&](const any_future& f) {
      // A run has taken the handles; no edge is linked any more.
      if (auto* const n = future_access::get(f)) visit(*n);
    });
  }
  void retry_failed() {
    if constexpr (requires { value.begin()->retry(); }) {
      for (auto& f : value) detail::retry_failed(f);
    }
  }
  A& as_submitted() { return value; }
  A value;
  std::optional<type> unwrapped;
};

// vector<future<T>> for a callable that takes values<T>.
template <class T>
struct viewed_argument {
  static constexpr std::ptrdiff_t sources = -1;
  using passed = types<values<T>>;
  explicit viewed_argument(std::vector<future<T>> v) : value(std::move(v)) {}
  static constexpr bool can_repeat = true;
  auto pass() { return std::tuple<values<T>>(values<T>(value)); }
  template <class Visit>
  void each(Visit&& visit) const {
    for (const auto& f : value) visit(*future_access::get(static_cast<const any_future&>(f)));
  }
  void retry_failed() {
    for (auto& f : value) detail::retry_failed(f);
  }
  std::vector<future<T>>& as_submitted() { return value; }
  std::vector<future<T>> value;
};

template <class A>
struct is_future : std::false_type {};
template <class T>
struct is_future<future<T>> : std::true_type {};
template <class A>
struct is_future_vector : std::false_type {};
template <class T>
struct is_future_vector<std::vector<future<T>>> : std::bool_constant<!std::is_void_v<T>> {};
template <class A>
struct is_handle : std::false_type {};
template <class T>
struct is_handle<handle<T>> : std::true_type {};

// vector<future<void>>: edges only.
struct ordering_argument {
  static constexpr std::ptrdiff_t sources = -1;
  using passed = types<>;
  explicit ordering_argument(std::vector<future<void>> v) : value(std::move(v)) {}
  static constexpr bool can_repeat = true;
  auto pass() { return std::tuple<>(); }
  template <class Visit>
  void each(Visit&& visit) const {
    for (const auto& f : value) visit(*future_access::get(static_cast<const any_future&>(f)));
  }
  void retry_failed() {
    for (auto& f : value) detail::retry_failed(f);
  }
  std::vector<future<void>>& as_submitted() { return value; }
  std::vector<future<void>> value;
};

// From the type that submit was given (with its value category) to the stored argument.
template <class Arg, bool View>
auto argument_for() {
  using A = std::decay_t<Arg>;
  if constexpr (is_future<A>::value) {
    using T = typename A::value_type;
    if constexpr (std::is_object_v<T> && !std::is_lvalue_reference_v<Arg> &&
                  !std::is_const_v<std::remove_reference_t<Arg>>) {
      return std::type_identity<moved_argument<T>>();
    } else {
      return std::type_identity<shared_argument<T>>();
    }
  } else if constexpr (std::is_same_v<A, std::vector<future<void>>>) {
    return std::type_identity<ordering_argument>();
  } else if constexpr (View && is_future_vector<A>::value) {
    return std::type_identity<viewed_argument<typename A::value_type::value_type>>();
  } else if constexpr (resolve<A>::has_futures) {
    return std::type_identity<resolved_argument<A>>();
  } else {
    return std::type_identity<plain_argument<A>>();
  }
}
template <class Arg, bool View>
using argument_for_t = typename decltype(argument_for<Arg, View>())::type;

// Refuses empty handles among what a call was given, before anything is made of it.
template <class... Args>
void require_inputs([[maybe_unused]] const char* verb, const Args&... args) {
  [[maybe_unused]] const auto require = [&](const any_future& f) {
    if (!f.valid()) throw_empty(verb);
  };
  [[maybe_unused]] const auto each = [&]<class Arg>(const Arg& a) {
    using A = std::decay_t<Arg>;
    if constexpr (is_future<A>::value) {
      require(a);
    } else if constexpr (std::is_same_v<A, std::vector<future<void>>>) {
      for (const auto& f : a) require(f);
    } else if constexpr (resolve<A>::has_futures) {
      resolve<A>::each(a, require);
    }
  };
  (each(args), ...);
}

// Concatenates the parameter lists and asks how the callable can be called with them.
template <class F, class Collected, class... Rest>
struct call_with;
// What a result is kept as: an object that is about to go is moved into the outcome.
template <class R>
using kept_result = std::conditional_t<std::is_lvalue_reference_v<R> || std::is_void_v<R>, R,
                                       std::remove_cvref_t<R>>;
template <class F, class... Ps>
struct call_with<F, types<Ps...>> {
  static constexpr bool as_lvalue = std::is_invocable_v<F&, Ps...>;
  static constexpr bool ok = as_lvalue || std::is_invocable_v<F, Ps...>;
  static auto result() {
    if constexpr (as_lvalue) {
      return std::type_identity<kept_result<std::invoke_result_t<F&, Ps...>>>();
    } else if constexpr (ok) {
      return std::type_identity<kept_result<std::invoke_result_t<F, Ps...>>>();
    } else {
      return std::type_identity<void>();
    }
  }
};
template <class F, class... Ps, class... Qs, class... Rest>
struct call_with<F, types<Ps...>, types<Qs...>, Rest...>
    : call_with<F, types<Ps..., Qs...>, Rest...> {};

template <class F, bool View, class... Args>
using signature =
    call_with<std::decay_t<F>, types<>, typename argument_for_t<Args, View>::passed...>;

// The parameters of a callable with one signature, as types<…>; of others none are known.
template <class R, class... Ps>
types<Ps...> parameter_list(R (*)(Ps...));
template <class R, class C, class... Ps>
types<Ps...> parameter_list(R (C::*)(Ps...));
template <class R, class C, class... Ps>
types<Ps...> parameter_list(R (C::*)(Ps...) const);
template <class F>
constexpr auto parameters_of() {
  if constexpr (requires { parameter_list(&F::operator()); }) {
    return decltype(parameter_list(&F::operator()))();
  } else if constexpr (std::is_pointer_v<F> && requires(F f) { parameter_list(f); }) {
    return decltype(parameter_list(std::declval<F>()))();
  } else {
    return types<>();
  }
}

template <class P>
inline constexpr bool is_const_span = false;
template <class T, std::size_t N>
inline constexpr bool is_const_span<std::span<const T, N>> = true;
template <std::size_t I, class... Ps>
constexpr bool takes_span(types<Ps...>) {
  if constexpr (I < sizeof...(Ps)) {
    return is_const_span<std::remove_cvref_t<std::tuple_element_t<I, std::tuple<Ps...>>>>;
  } else {
    return false;
  }
}
template <std::size_t I, class List>
struct nth_parameter;
template <std::size_t I, class... Ps>
struct nth_parameter<I, types<Ps...>> : std::tuple_element<I, std::tuple<Ps...>> {};
template <std::size_t I, class List>
using parameter_at = typename nth_parameter<I, List>::type;
template <class... Ps>
constexpr std::size_t count_of(types<Ps...>) {
  return sizeof...(Ps);
}
// What a call gets as an rvalue and may use up; void: nothing, or it is known at run time.
template <class Argument>
struct movable_object {
  using type = void;
};
template <class A>
struct movable_object<plain_argument<A>> {
  using type = A;
};
template <class T>
struct movable_object<plain_argument<handle<T>>> {
  using type = future<T>;
};
template <class A>
struct movable_object<resolved_argument<A>> {
  using type = typename resolved_argument<A>::type;
};
// Whether a call of F moves an A&&, its I-th argument, into a parameter or into a temporary made
// for one; taken for so where F does not say. What takes a reference is asked to know what it does.
template <class F, std::size_t I, class A>
constexpr bool call_uses_up() {
  using parameters = decltype(parameters_of<F>());
  if constexpr (std::is_void_v<A> || std::is_trivially_copyable_v<A>) {
    return false;
  } else if constexpr (I >= count_of(parameters())) {
    return true;
  } else {
    using parameter = parameter_at<I, parameters>;
    if constexpr (std::is_reference_v<parameter>) {
      return !std::is_convertible_v<A*, const volatile std::remove_reference_t<parameter>*>;
    } else {
      return !std::is_trivially_copyable_v<parameter>;  // which is a view at most
    }
  }
}

// Whether what is passed are the numbers of one future's array.
template <class Passed>
inline constexpr bool passes_array = false;
template <class A>
inline constexpr bool passes_array<types<A>> = is_array<std::remove_cvref_t<A>>;

// What gpu::task makes of a callable: a GPU task, whatever else it could be called with.
template <class F>
struct gpu_function {
  F fn;
};
template <class F>
struct is_gpu_function : std::false_type {};
template <class F>
struct is_gpu_function<gpu_function<F>> : std::true_type {};
template <class F>
struct unwrapped {
  using type = F;
};
template <class F>
struct unwrapped<gpu_function<F>> {
  using type = F;
};

// A callable that holds two: one for the CPU and one for a stream. Specialised beside such a class,
// with their types as `cpu` and `gpu`; objects give them by members of these names.
template <class F>
struct bodies_of {
  static constexpr bool two = false;
};

template <class A, class B>
struct common_result : std::common_type<A, B> {};
template <class A>
struct common_result<A, A> : std::type_identity<A> {};

// How both are called with the same arguments; what they give must have a type in common.
template <class F, class... Passed>
struct call_of_both {
  using cpu = call_with<typename bodies_of<F>::cpu, types<>, Passed...>;
  using gpu = call_with<typename bodies_of<F>::gpu, types<fronta::gpu::stream&>, Passed...>;
  static constexpr bool as_lvalue = cpu::as_lvalue && gpu::as_lvalue;
  using common =
      common_result<typename decltype(cpu::result())::type, typename decltype(gpu::result())::type>;
  static constexpr bool ok = cpu::ok && gpu::ok && requires { typename common::type; };
  static auto result() {
    if constexpr (ok) {
      return std::type_identity<typename common::type>();
    } else {
      return std::type_identity<void>();
    }
  }
};
template <class F, bool View, class... Args>
using signature_of_both =
    call_of_both<std::decay_t<F>, typename argument_for_t<Args, View>::passed...>;

// What a callable is called with, besides its arguments; `both`: one body of it like the first, the
// other like the third.
enum class call_form : std::uint8_t {
  plain,
  viewing,
  on_stream,
  viewing_on_stream,
  both,
  viewing_both,
  none
};

template <class F, bool View, class... Args>
using stream_signature =
    call_with<std::decay_t<F>, types<gpu::stream&>, typename argument_for_t<Args, View>::passed...>;

// The plain signature decides: unwrapped values, then values<T> for vectors of futures. Only if
// neither fits, the same with a stream in front: a generic callable is plain.
template <class F, class... Args>
constexpr call_form form_of() {
  if constexpr (is_gpu_function<std::decay_t<F>>::value) {
    using inner = decltype(std::decay_t<F>::fn);
    if constexpr (stream_signature<inner, false, Args...>::ok) {
      return call_form::on_stream;
    } else if constexpr (stream_signature<inner, true, Args...>::ok) {
      return call_form::viewing_on_stream;
    } else {
      return call_form::none;
    }
  } else if constexpr (signature<F, false, Args...>::ok) {
    return call_form::plain;
  } else if constexpr (signature<F, true, Args...>::ok) {
    return call_form::viewing;
  } else if constexpr (bodies_of<std::decay_t<F>>::two) {
    if constexpr (signature_of_both<F, false, Args...>::ok) {
      return call_form::both;
    } else if constexpr (signature_of_both<F, true, Args...>::ok) {
      return call_form::viewing_both;
    } else {
      return call_form::none;
    }
  } else if constexpr (stream_signature<F, false, Args...>::ok) {
    return call_form::on_stream;
  } else if constexpr (stream_signature<F, true, Args...>::ok) {
    return call_form::viewing_on_stream;
  } else {
    return call_form::none;
  }
}

}  // namespace detail
}  // namespace fronta
