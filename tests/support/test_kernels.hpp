// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/stream.hpp>

#include <support/device_parts.hpp>
#include <support/host_call.hpp>

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

/// Work for streams of either kind of device; see gpu_kind.hpp.
namespace fronta::test {

/// A kernel that has the host call `f` when its turn in the stream comes; the stream goes on when
/// it returns. It must not look at device memory. One that throws breaks the device.
template <class F>
auto host_call(F f, const char* name = "kernel") {
  const auto on_device = [f](void* native, gpu::extent, gpu::extent) {
    return call_from_device(native, f);
  };
  return gpu::kernel{on_device, f, name};
}
/// Enqueues it.
template <class F>
void run_on(gpu::stream& s, F f) {
  s.launch(host_call(f), {}, {});
}

namespace detail {

// A kernel of device_parts.hpp, or on the fake driver its host version.
template <auto Function, class OnHost>
auto on_device_or_fake(OnHost on_host) {
  return [on_host](void* native, [[maybe_unused]] gpu::extent grid,
                   [[maybe_unused]] gpu::extent block, const auto&... args) -> int {
    if (const auto code = enqueue_on_fake(native, [=] { on_host(args...); })) return *code;
    if constexpr (has_device_parts) {
      return Function(native, grid, block, args...);
    } else {
      return 98;  // no such function
    }
  };
}

}  // namespace detail

/// Each is `value`.
template <class T>
void set(gpu::stream& s, gpu::view<T> to, std::type_identity_t<T> value) {
  const auto on_host = [](gpu::view<T> t, T v) {
    for (T& x : t) x = v;
  };
  s.launch(gpu::kernel{detail::on_device_or_fake<&on_device::set<T>>(on_host), on_host, "set"}, {4},
           {256}, to, value);
}

/// to = factor * from + summand.
template <class T>
void affine(gpu::stream& s, std::type_identity_t<gpu::view<const T>> from,
            std::type_identity_t<T> factor, std::type_identity_t<T> summand, gpu::view<T> to) {
  const auto on_host = [](gpu::view<const T> in, T f, T c, gpu::view<T> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(f * in[i] + c);
  };
  s.launch(
      gpu::kernel{detail::on_device_or_fake<&on_device::affine<T>>(on_host), on_host, "affine"},
      {4}, {256}, from, factor, summand, to);
}

/// to = a + b.
template <class T>
void add(gpu::stream& s, std::type_identity_t<gpu::view<const T>> a,
         std::type_identity_t<gpu::view<const T>> b, gpu::view<T> to) {
  const auto on_host = [](gpu::view<const T> x, gpu::view<const T> y, gpu::view<T> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(x[i] + y[i]);
  };
  s.launch(gpu::kernel{detail::on_device_or_fake<&on_device::add<T>>(on_host), on_host, "add"}, {4},
           {256}, a, b, to);
}

}  // namespace fronta::test
