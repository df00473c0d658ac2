// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/kernels.hpp>

#include <fronta/gpu/detail/scratch.hpp>

#include "host_kernels.hpp"
#include "kernel_parts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

namespace fronta::gpu {
namespace {

using detail::bins;
using detail::gaussian;
using detail::reduction;

// ---- The device version of a kernel, or null in a build without nvcc.

template <auto Function>
constexpr auto device_version() {
  if constexpr (FRONTA_HAS_CUDA_KERNELS) {
    return Function;
  } else {
    return nullptr;
  }
}

// The same for what needs temporary memory. It is called in the host part, so the stream is there.
template <auto Function>
auto device_version_with_temporary([[maybe_unused]] stream& s) {
  if constexpr (FRONTA_HAS_CUDA_KERNELS) {
    return [&s](void* native, extent, extent, const auto&... args) -> int {
      std::size_t bytes = 0;
      if (const int code = Function(native, nullptr, bytes, args...); code != 0) return code;
      const detail::scratch temporary(s, std::max<std::size_t>(bytes, 1));
      return Function(native, temporary.data(), bytes, args...);
    };
  } else {
    return nullptr;
  }
}

// ---- What is wrong with arguments.

[[noreturn]] void refuse(const char* call, const std::string& why) {
  throw std::invalid_argument(std::string("gpu::") + call + ": " + why);
}

void require_size(const char* call, const char* what, std::size_t has, std::size_t wanted) {
  if (has == wanted) return;
  refuse(call, std::string(what) + " has " + std::to_string(has) + " elements instead of " +
                   std::to_string(wanted) + "; give views of fitting sizes");
}

std::size_t product(const char* call, std::size_t a, std::size_t b) {
  if (b != 0 && a > std::numeric_limits<std::size_t>::max() / b) {
    refuse(call, std::to_string(a) + " x " + std::to_string(b) +
                     " elements are more than any device has; ask for less");
  }
  return a * b;
}

template <class A, class B>
bool overlap(view<A> a, view<B> b) {
  const auto begin = [](auto v) { return reinterpret_cast<std::uintptr_t>(v.begin()); };
  const auto end = [](auto v) { return reinterpret_cast<std::uintptr_t>(v.end()); };
  return !a.empty() && !b.empty() && begin(a) < end(b) && begin(b) < end(a);
}

template <class A, class B>
void require_apart(const char* call, view<A> in, view<B> out) {
  if (overlap(in, out)) refuse(call, "input and output overlap; give the output memory of its own");
}

// For what goes element by element.
template <class A, class B>
void require_same_or_apart(const char* call, view<A> in, view<B> out) {
  if (static_cast<const void*>(in.data()) != static_cast<const void*>(out.data()) &&
      overlap(in, out)) {
    refuse(call, "input and output overlap in part; give the same memory or memory of its own");
  }
}

// ---- Grids and costs.

// Beyond this many blocks each thread does more than one element.
constexpr std::size_t most_blocks = 1 << 16;

unsigned tiles(std::size_t n, unsigned each) {
  // What does not fit is refused by the launch.
  return static_cast<unsigned>(
      std::min<std::size_t>((n + each - 1) / each, std::numeric_limits<unsigned>::max()));
}
extent grid_for(std::size_t n) {
  return {static_cast<unsigned>(
      std::min(most_blocks, (n + detail::vector_block - 1) / detail::vector_block))};
}
// Few blocks: each adds all of its counts to the others'.
extent histogram_grid(std::size_t n) {
  return {static_cast<unsigned>(std::clamp<std::size_t>(n / 4'096, 1, 1'024))};
}
constexpr extent vector_threads{detail::vector_block};

constexpr double of(std::size_t n) { return static_cast<double>(n); }

// ---- Shared by several functions.

template <element T, class Result>
void reduce(stream& s, const char* call, reduction op, view<const T> in, view<Result> result,
            Result initial) {
  require_size(call, "the result", result.size(), 1);
  require_apart(call, in, result);
  // Also of nothing: then the result is `initial`.
  s.launch(kernel{device_version_with_temporary<&on_device::reduce<T, Result>>(s),
                  &on_host::reduce<T, Result>, call,
                  work_cost{of(in.size()) * sizeof(T), of(in.size())}},
           {}, {}, op, in, result, initial);
}

template <class T>
void count(stream& s, const bins<T>& parts, view<const T> in, view<std::uint32_t> counts) {
  require_apart("histogram", in, counts);
  if (in.size() > std::numeric_limits<std::uint32_t>::max()) {
    refuse("histogram", std::to_string(in.size()) +
                            " numbers may be more than a count holds; give at most 4294967295");
  }
  s.launch(kernel{device_version<&on_device::histogram<T>>(), &on_host::histogram<T>, "histogram",
                  work_cost{of(in.size()) * sizeof(T), 4 * of(in.size())}},
           histogram_grid(in.size()), vector_threads, parts, in, counts);
}

std::size_t pixels(const char* call, const image_size& size, std::size_t in, std::size_t out) {
  const auto all = product(call, size.width, size.height);
  require_size(call, "the input", in, all);
  require_size(call, "the output", out, all);
  return all;
}

constexpr extent image_threads{32, 8};
extent grid_for(const image_size& size) {
  return {tiles(size.width, image_threads.x), tiles(size.height, image_threads.y)};
}

gaussian weights(float sigma) {
  gaussian g;
  g.radius = std::clamp(static_cast<int>(std::ceil(3 * sigma)), 1, gaussian::most_radius);
  std::array<double, gaussian::most_radius + 1> exact{};
  double sum = 0;
  for (int d = 0; d <= g.radius; ++d) {
    const double x = d / static_cast<double>(sigma);
    exact[static_cast<std::size_t>(d)] = std::exp(-x * x / 2);
    sum += (d == 0 ? 1 : 2) * exact[static_cast<std::size_t>(d)];
  }
  for (int d = 0; d <= g.radius; ++d) {
    g.weight[d] = static_cast<float>(exact[static_cast<std::size_t>(d)] / sum);
  }
  return g;
}

}  // namespace

bool kernels_run_on(const device_properties& d) noexcept {
  if (d.simulated) return true;
  if constexpr (FRONTA_HAS_CUDA_KERNELS) {
    return d.compute_major * 100 + d.compute_minor * 10 >= on_device::least_architecture();
  } else {
    return false;
  }
}

// ---- Vectors.

template <element T>
void fill(stream& s, view<T> out, std::type_identity_t<T> value) {
  if (out.empty()) return;
  s.launch(kernel{device_version<&on_device::fill<T>>(), &on_host::fill<T>, "fill",
                  work_cost{of(out.size()) * sizeof(T), 0}},
           grid_for(out.size()), vector_threads, out, value);
}

template <floating_element T>
void axpy(stream& s, std::type_identity_t<T> a, std::type_identity_t<view<const T>> x, view<T> y) {
  require_size("axpy", "x", x.size(), y.size());
  require_same_or_apart("axpy", x, y);
  if (y.empty()) return;
  s.launch(kernel{device_version<&on_device::axpy<T>>(), &on_host::axpy<T>, "axpy",
                  work_cost{3 * of(y.size()) * sizeof(T), 2 * of(y.size())}},
           grid_for(y.size()), vector_threads, a, x, y);
}

template <floating_element T>
void transform(stream& s, unary function, std::type_identity_t<view<const T>> in, view<T> out) {
  require_size("transform", "the output", out.size(), in.size());
  require_same_or_apart("transform", in, out);
  if (out.empty()) return;
  s.launch(kernel{device_version<&on_device::transform_one<T>>(), &on_host::transform_one<T>,
                  "transform", work_cost{2 * of(out.size()) * sizeof(T), of(out.size())}},
           grid_for(out.size()), vector_threads, function, in, out);
}

template <floating_element T>
void transform(stream& s, binary function, std::type_identity_t<view<const T>> a,
               std::type_identity_t<view<const T>> b, view<T> out) {
  require_size("transform", "the second input", b.size(), a.size());
  require_size("transform", "the output", out.size(), a.size());
  require_same_or_apart("transform", a, out);
  require_same_or_apart("transform", b, out);
  if (out.empty()) return;
  s.launch(kernel{device_version<&on_device::transform_two<T>>(), &on_host::transform_two<T>,
                  "transform", work_cost{3 * of(out.size()) * sizeof(T), of(out.size())}},
           grid_for(out.size()), vector_threads, function, a, b, out);
}

void is_divisible(stream& s, view<const std::int32_t> numbers, std::int32_t divisor,
                  view<std::uint8_t> mask) {
  require_size("is_divisible", "the mask", mask.size(), numbers.size());
  require_apart("is_divisible", numbers, mask);
  if (divisor == 0) refuse("is_divisible", "the divisor is 0; give another one");
  if (mask.empty()) return;
  if (divisor == -1) divisor = 1;  // the least number divided by -1 overflows
  s.launch(kernel{device_version<&on_device::is_divisible>(), &on_host::is_divisible,
                  "is_divisible", work_cost{5 * of(mask.size()), 20 * of(mask.size())}},
           grid_for(mask.size()), vector_threads, numbers, divisor, mask);
}

// ---- Reductions, scans, sorting.

template <element T>
void reduce_sum(stream& s, view<const T> in, std::type_identity_t<view<sum_t<T>>> sum) {
  reduce(s, "reduce_sum", reduction::sum, in, sum, sum_t<T>{});
}

template <element T>
void reduce_min(stream& s, std::type_identity_t<view<const T>> in, view<T> least) {
  using limits = std::numeric_limits<T>;
  reduce(s, "reduce_min", reduction::minimum, in, least,
         limits::has_infinity ? limits::infinity() : limits::max());
}

template <element T>
void reduce_max(stream& s, std::type_identity_t<view<const T>> in, view<T> greatest) {
  using limits = std::numeric_limits<T>;
  reduce(s, "reduce_max", reduction::maximum, in, greatest,
         limits::has_infinity ? static_cast<T>(-limits::infinity()) : limits::lowest());
}

template <signed_element T>
void inclusive_scan(stream& s, std::type_identity_t<view<const T>> in, view<T> out) {
  require_size("inclusive_scan", "the output", out.size(), in.size());
  require_same_or_apart("inclusive_scan", in, out);
  if (out.empty()) return;
  s.launch(kernel{device_version_with_temporary<&on_device::inclusive_scan<T>>(s),
                  &on_host::inclusive_scan<T>, "inclusive_scan",
                  work_cost{2 * of(out.size()) * sizeof(T), of(out.size())}},
           {}, {}, in, out);
}

template <signed_element T>
void exclusive_scan(stream& s, std::type_identity_t<view<const T>> in, view<T> out,
                    std::type_identity_t<T> initial) {
  require_size("exclusive_scan", "the output", out.size(), in.size());
  require_same_or_apart("exclusive_scan", in, out);
  if (out.empty()) return;
  s.launch(kernel{device_version_with_temporary<&on_device::exclusive_scan<T>>(s),
                  &on_host::exclusive_scan<T>, "exclusive_scan",
                  work_cost{2 * of(out.size()) * sizeof(T), of(out.size())}},
           {}, {}, in, out, initial);
}

template <element T>
void sort(stream& s, view<T> keys) {
  if (keys.size() < 2) return;
  const detail::scratch other(s, product("sort", keys.size(), sizeof(T)));
  const view<T> spare(static_cast<T*>(other.data()), keys.size());
  // Each byte is a pass that reads and writes everything; counting them all is one more reading.
  constexpr double traffic = 2.0 * sizeof(T) + 1;
  s.launch(
      kernel{device_version_with_temporary<&on_device::sort<T>>(s), &on_host::sort<T>, "sort",
             work_cost{traffic * of(keys.size()) * sizeof(T), 8.0 * sizeof(T) * of(keys.size())}},
      {}, {}, keys, spare);
}

template <element T>
void histogram(stream& s, view<const T> in, std::type_identity_t<T> lower,
               std::type_identity_t<T> upper, view<std::uint32_t> counts) {
  const bool in_order = lower < upper;  // not with NaN
  if (!in_order) {
    refuse("histogram", "the range from " + std::to_string(lower) + " to " + std::to_string(upper) +
                            " is empty; give lower < upper");
  }
  if (counts.empty() || counts.size() > std::numeric_limits<std::uint32_t>::max()) {
    refuse("histogram", std::to_string(counts.size()) +
                            " counts were given; give at least one and at most 4294967295");
  }
  bins<T> parts{lower, upper, static_cast<std::uint32_t>(counts.size()), {}};
  if constexpr (std::is_floating_point_v<T>) {
    parts.scale = static_cast<T>(counts.size()) / (upper - lower);
    if (!std::isfinite(upper - lower) || !std::isfinite(parts.scale)) {
      refuse("histogram", "the range from " + std::to_string(lower) + " to " +
                              std::to_string(upper) +
                              " is too wide or too narrow for its parts; give another one");
    }
  }
  count(s, parts, in, counts);
}

void histogram(stream& s, view<const std::uint8_t> in, view<std::uint32_t> counts) {
  require_size("histogram", "counts", counts.size(), 256);
  count<std::uint8_t>(s, {0, 256, 256, 0}, in, counts);
}

// ---- Matrices.

template <floating_element T>
void matmul(stream& s, const matmul_shape& shape, std::type_identity_t<view<const T>> a,
            std::type_identity_t<view<const T>> b, view<T> c) {
  require_size("matmul", "a", a.size(), product("matmul", shape.rows, shape.inner));
  require_size("matmul", "b", b.size(), product("matmul", shape.inner, shape.columns));
  require_size("matmul", "c", c.size(), product("matmul", shape.rows, shape.columns));
  require_apart("matmul", a, c);
  require_apart("matmul", b, c);
  if (c.empty()) return;
  const extent grid{tiles(shape.columns, detail::matmul_tile),
                    tiles(shape.rows, detail::matmul_tile)};
  // Each tile of c reads its rows of a and its columns of b once.
  const double read = of(a.size()) * grid.x + of(b.size()) * grid.y;
  s.launch(kernel{device_version<&on_device::matmul<T>>(), &on_host::matmul<T>, "matmul",
                  work_cost{(read + of(c.size())) * sizeof(T), 2 * of(c.size()) * of(shape.inner)}},
           grid, {detail::matmul_threads, detail::matmul_threads}, shape, a, b, c);
}

// ---- Images.

template <pixel T>
void gaussian_blur(stream& s, const image_size& size, std::type_identity_t<view<const T>> in,
                   view<T> out, float sigma) {
  const auto all = pixels("gaussian_blur", size, in.size(), out.size());
  require_apart("gaussian_blur", in, out);
  const bool in_range = sigma > 0 && sigma <= most_sigma;  // not NaN
  if (!in_range) {
    refuse("gaussian_blur", "sigma is " + std::to_string(sigma) + "; give one over 0 and at most " +
                                std::to_string(most_sigma));
  }
  if (all == 0) return;
  const auto g = weights(sigma);
  const double operations = (3.0 * g.radius + 1) * of(all);
  const double bytes = of(all) * (sizeof(T) + sizeof(float));
  const detail::scratch between(s, product("gaussian_blur", all, sizeof(float)));
  const view<float> rows(static_cast<float*>(between.data()), all);
  s.launch(kernel{device_version<&on_device::blur_rows<T>>(), &on_host::blur_rows<T>,
                  "gaussian_blur, rows", work_cost{bytes, operations}},
           {tiles(size.width, detail::vector_block),
            static_cast<unsigned>(std::min<std::size_t>(size.height, 0xFFFF))},
           vector_threads, g, size, in, rows);
  s.launch(kernel{device_version<&on_device::blur_columns<T>>(), &on_host::blur_columns<T>,
                  "gaussian_blur, columns", work_cost{bytes, operations}},
           {tiles(size.width, detail::blur_tile), tiles(size.height, detail::blur_tile)},
           {detail::blur_tile, detail::blur_threads}, g, size, view<const float>(rows), out);
}

template <pixel T>
void sobel(stream& s, const image_size& size, std::type_identity_t<view<const T>> in, view<T> out) {
  const auto all = pixels("sobel", size, in.size(), out.size());
  require_apart("sobel", in, out);
  if (all == 0) return;
  s.launch(kernel{device_version<&on_device::sobel<T>>(), &on_host::sobel<T>, "sobel",
                  work_cost{2 * of(all) * sizeof(T), 18 * of(all)}},
           grid_for(size), image_threads, size, in, out);
}

// ---- Simulations and pictures.

void nbody_step(stream& s, const nbody_options& options, view<const body> from,
                view<body> velocities, view<body> to) {
  require_size("nbody_step", "velocities", velocities.size(), from.size());
  require_size("nbody_step", "to", to.size(), from.size());
  require_apart("nbody_step", from, to);
  require_apart("nbody_step", from, velocities);
  require_apart("nbody_step", velocities, to);
  // The cube of its inverse is to be a float.
  const bool softened = options.softening >= 1e-9F;  // not NaN
  if (!softened) {
    refuse("nbody_step", "the softening is " + std::to_string(options.softening) +
                             "; give at least 1e-9, since each body also meets itself");
  }
  if (to.empty()) return;
  // Of the pairs, 20 operations each as usual; what is read again comes from the caches.
  s.launch(kernel{device_version<&on_device::nbody_step>(), &on_host::nbody_step, "nbody_step",
                  work_cost{4 * of(to.size()) * sizeof(body), 20 * of(to.size()) * of(to.size())}},
           {tiles(to.size(), detail::vector_block)}, vector_threads, options, from, velocities, to);
}

void mandelbrot(stream& s, const plane_part& part, const image_size& size, std::int32_t limit,
                view<std::int32_t> steps) {
  const auto all = product("mandelbrot", size.width, size.height);
  require_size("mandelbrot", "the output", steps.size(), all);
  if (limit < 1) {
    refuse("mandelbrot", "the limit is " + std::to_string(limit) + "; give at least 1");
  }
  if (all == 0) return;
  // As if half of the limit were used: what the part of the plane needs, only computing it tells.
  s.launch(kernel{device_version<&on_device::mandelbrot>(), &on_host::mandelbrot, "mandelbrot",
                  work_cost{4 * of(all), 7 * of(all) * limit / 2}},
           grid_for(size), image_threads, part, size, limit, steps);
}

// ---- What there is.

template void fill(stream&, view<float>, float);
template void fill(stream&, view<double>, double);
template void fill(stream&, view<std::int32_t>, std::int32_t);
template void fill(stream&, view<std::uint8_t>, std::uint8_t);
template void reduce_sum(stream&, view<const float>, view<float>);
template void reduce_sum(stream&, view<const double>, view<double>);
template void reduce_sum(stream&, view<const std::int32_t>, view<std::int64_t>);
template void reduce_sum(stream&, view<const std::uint8_t>, view<std::uint64_t>);
template void reduce_min(stream&, view<const float>, view<float>);
template void reduce_min(stream&, view<const double>, view<double>);
template void reduce_min(stream&, view<const std::int32_t>, view<std::int32_t>);
template void reduce_min(stream&, view<const std::uint8_t>, view<std::uint8_t>);
template void reduce_max(stream&, view<const float>, view<float>);
template void reduce_max(stream&, view<const double>, view<double>);
template void reduce_max(stream&, view<const std::int32_t>, view<std::int32_t>);
template void reduce_max(stream&, view<const std::uint8_t>, view<std::uint8_t>);
template void sort(stream&, view<float>);
template void sort(stream&, view<double>);
template void sort(stream&, view<std::int32_t>);
template void sort(stream&, view<std::uint8_t>);
template void histogram(stream&, view<const float>, float, float, view<std::uint32_t>);
template void histogram(stream&, view<const double>, double, double, view<std::uint32_t>);
template void histogram(stream&, view<const std::int32_t>, std::int32_t, std::int32_t,
                        view<std::uint32_t>);
template void histogram(stream&, view<const std::uint8_t>, std::uint8_t, std::uint8_t,
                        view<std::uint32_t>);
template void inclusive_scan(stream&, view<const float>, view<float>);
template void inclusive_scan(stream&, view<const double>, view<double>);
template void inclusive_scan(stream&, view<const std::int32_t>, view<std::int32_t>);
template void exclusive_scan(stream&, view<const float>, view<float>, float);
template void exclusive_scan(stream&, view<const double>, view<double>, double);
template void exclusive_scan(stream&, view<const std::int32_t>, view<std::int32_t>, std::int32_t);
template void axpy(stream&, float, view<const float>, view<float>);
template void axpy(stream&, double, view<const double>, view<double>);
template void transform(stream&, unary, view<const float>, view<float>);
template void transform(stream&, unary, view<const double>, view<double>);
template void transform(stream&, binary, view<const float>, view<const float>, view<float>);
template void transform(stream&, binary, view<const double>, view<const double>, view<double>);
template void matmul(stream&, const matmul_shape&, view<const float>, view<const float>,
                     view<float>);
template void matmul(stream&, const matmul_shape&, view<const double>, view<const double>,
                     view<double>);
template void gaussian_blur(stream&, const image_size&, view<const std::uint8_t>,
                            view<std::uint8_t>, float);
template void gaussian_blur(stream&, const image_size&, view<const float>, view<float>, float);
template void sobel(stream&, const image_size&, view<const std::uint8_t>, view<std::uint8_t>);
template void sobel(stream&, const image_size&, view<const float>, view<float>);

}  // namespace fronta::gpu
