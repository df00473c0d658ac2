// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel_parts.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>
#include <utility>

/// The host versions of the ready-made kernels: what a simulated device does.
namespace fronta::gpu::on_host {

using detail::bins;
using detail::gaussian;
using detail::reduction;

template <class T>
void fill(view<T> out, T value) {
  std::ranges::fill(out, value);
}

template <class T>
void axpy(T a, view<const T> x, view<T> y) {
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::fma(a, x[i], y[i]);
}

template <class T>
void transform_one(unary f, view<const T> in, view<T> out) {
  const auto each = [&](auto g) { std::ranges::transform(in, out.begin(), g); };
  switch (f) {
    case unary::negate:
      each([](T x) { return -x; });
      break;
    case unary::absolute:
      each([](T x) { return std::abs(x); });
      break;
    case unary::square:
      each([](T x) { return x * x; });
      break;
    case unary::square_root:
      each([](T x) { return std::sqrt(x); });
      break;
    case unary::exponential:
      each([](T x) { return std::exp(x); });
      break;
    case unary::logarithm:
      each([](T x) { return std::log(x); });
      break;
    case unary::sine:
      each([](T x) { return std::sin(x); });
      break;
    case unary::cosine:
      each([](T x) { return std::cos(x); });
      break;
    case unary::hyperbolic_tangent:
      each([](T x) { return std::tanh(x); });
      break;
  }
}

template <class T>
void transform_two(binary f, view<const T> a, view<const T> b, view<T> out) {
  const auto each = [&](auto g) { std::ranges::transform(a, b, out.begin(), g); };
  switch (f) {
    case binary::add:
      each(std::plus<T>());
      break;
    case binary::subtract:
      each(std::minus<T>());
      break;
    case binary::multiply:
      each(std::multiplies<T>());
      break;
    case binary::divide:
      each(std::divides<T>());
      break;
    case binary::minimum:
      each([](T x, T y) { return std::fmin(x, y); });
      break;
    case binary::maximum:
      each([](T x, T y) { return std::fmax(x, y); });
      break;
  }
}

inline void is_divisible(view<const std::int32_t> numbers, std::int32_t divisor,
                         view<std::uint8_t> mask) {
  std::ranges::transform(numbers, mask.begin(), [=](std::int32_t n) { return n % divisor == 0; });
}

template <class T>
using unsigned_of =
    std::conditional_t<sizeof(T) == 1, std::uint8_t,
                       std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;

// Integers wrap around.
template <class T>
T plus(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a + b;
  } else {
    return static_cast<T>(static_cast<unsigned_of<T>>(a) + static_cast<unsigned_of<T>>(b));
  }
}

// As a tree, for the rounding of a long sum.
template <class T, class Result>
Result sum_of(const T* from, std::size_t n) {
  constexpr std::size_t leaf = 256;
  if (n <= leaf) {
    Result sum{};
    for (std::size_t i = 0; i < n; ++i) sum += static_cast<Result>(from[i]);
    return sum;
  }
  const auto half = n / 2;
  return sum_of<T, Result>(from, half) + sum_of<T, Result>(from + half, n - half);
}

template <class T, class Result>
void reduce(reduction op, view<const T> in, view<Result> result, Result initial) {
  Result so_far = initial;
  switch (op) {
    case reduction::sum:
      so_far += sum_of<T, Result>(in.data(), in.size());
      break;
    case reduction::minimum:
      for (const T x : in)
        so_far = static_cast<Result>(x) < so_far ? static_cast<Result>(x) : so_far;
      break;
    case reduction::maximum:
      for (const T x : in)
        so_far = so_far < static_cast<Result>(x) ? static_cast<Result>(x) : so_far;
      break;
  }
  result[0] = so_far;
}

template <class T>
void inclusive_scan(view<const T> in, view<T> out) {
  T sum{};
  for (std::size_t i = 0; i < in.size(); ++i) out[i] = sum = plus(sum, in[i]);
}

template <class T>
void exclusive_scan(view<const T> in, view<T> out, T initial) {
  T sum = initial;
  for (std::size_t i = 0; i < in.size(); ++i) out[i] = std::exchange(sum, plus(sum, in[i]));
}

// Bits that are in the order of the numbers; -0 like 0.
template <class T>
unsigned_of<T> ordered_bits(T x) {
  using bits = unsigned_of<T>;
  constexpr auto sign = static_cast<bits>(bits{1} << (sizeof(T) * 8 - 1));
  if constexpr (std::is_floating_point_v<T>) {
    if (x == 0) return sign;
    const auto b = std::bit_cast<bits>(x);
    return (b & sign) != 0 ? static_cast<bits>(~b) : static_cast<bits>(b | sign);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<bits>(static_cast<bits>(x) ^ sign);
  } else {
    return x;
  }
}

// Stable, by bytes from the lowest.
template <class T>
void sort(view<T> keys, view<T> spare) {
  T* from = keys.data();
  T* to = spare.data();
  const std::size_t n = keys.size();
  for (unsigned shift = 0; shift < sizeof(T) * 8; shift += 8) {
    const auto digit = [&](T x) { return (ordered_bits(x) >> shift) & 0xFFU; };
    std::array<std::size_t, 257> begins{};
    for (std::size_t i = 0; i < n; ++i) ++begins[digit(from[i]) + 1];
    if (std::ranges::find(begins, n) != begins.end()) continue;  // all have the same digit
    for (std::size_t d = 1; d < begins.size(); ++d) begins[d] += begins[d - 1];
    for (std::size_t i = 0; i < n; ++i) to[begins[digit(from[i])]++] = from[i];
    std::swap(from, to);
  }
  if (from != keys.data()) std::memcpy(keys.data(), from, n * sizeof(T));
}

template <class T>
void histogram(bins<T> parts, view<const T> in, view<std::uint32_t> counts) {
  std::ranges::fill(counts, 0U);
  for (const T x : in) {
    if (const auto k = parts.find(x); k != bins<T>::none) ++counts[k];
  }
}

// In the order of memory.
template <class T>
void matmul(matmul_shape shape, view<const T> a, view<const T> b, view<T> c) {
  std::ranges::fill(c, T{});
  for (std::size_t i = 0; i < shape.rows; ++i) {
    T* const row = c.data() + i * shape.columns;
    for (std::size_t k = 0; k < shape.inner; ++k) {
      const T factor = a[i * shape.inner + k];
      const T* const of_b = b.data() + k * shape.columns;
      for (std::size_t j = 0; j < shape.columns; ++j) row[j] += factor * of_b[j];
    }
  }
}

template <class T>
T to_pixel(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else {
    return static_cast<T>(std::min(x + 0.5F, 255.0F));
  }
}

inline std::size_t clamped(std::ptrdiff_t at, std::size_t size) {
  return static_cast<std::size_t>(
      std::clamp<std::ptrdiff_t>(at, 0, static_cast<std::ptrdiff_t>(size) - 1));
}

template <class T>
void blur_rows(gaussian g, image_size size, view<const T> in, view<float> out) {
  for (std::size_t y = 0; y < size.height; ++y) {
    const T* const row = in.data() + y * size.width;
    for (std::size_t x = 0; x < size.width; ++x) {
      const auto at = [&](std::ptrdiff_t d) {
        return static_cast<float>(row[clamped(static_cast<std::ptrdiff_t>(x) + d, size.width)]);
      };
      float sum = g.weight[0] * at(0);
      for (int d = 1; d <= g.radius; ++d) sum += g.weight[d] * (at(-d) + at(d));
      out[y * size.width + x] = sum;
    }
  }
}

template <class T>
void blur_columns(gaussian g, image_size size, view<const float> in, view<T> out) {
  for (std::size_t y = 0; y < size.height; ++y) {
    const auto row = [&](std::ptrdiff_t d) {
      return in.data() + clamped(static_cast<std::ptrdiff_t>(y) + d, size.height) * size.width;
    };
    for (std::size_t x = 0; x < size.width; ++x) {
      float sum = g.weight[0] * row(0)[x];
      for (int d = 1; d <= g.radius; ++d) sum += g.weight[d] * (row(-d)[x] + row(d)[x]);
      out[y * size.width + x] = to_pixel<T>(sum);
    }
  }
}

template <class T>
void sobel(image_size size, view<const T> in, view<T> out) {
  for (std::size_t y = 0; y < size.height; ++y) {
    const T* const above = in.data() + (y == 0 ? 0 : y - 1) * size.width;
    const T* const here = in.data() + y * size.width;
    const T* const below = in.data() + std::min(y + 1, size.height - 1) * size.width;
    for (std::size_t x = 0; x < size.width; ++x) {
      const std::size_t l = x == 0 ? 0 : x - 1;
      const std::size_t r = std::min(x + 1, size.width - 1);
      const auto f = [](T pixel) { return static_cast<float>(pixel); };
      const float gx = (f(above[r]) + 2 * f(here[r]) + f(below[r])) -
                       (f(above[l]) + 2 * f(here[l]) + f(below[l]));
      const float gy = (f(below[l]) + 2 * f(below[x]) + f(below[r])) -
                       (f(above[l]) + 2 * f(above[x]) + f(above[r]));
      out[y * size.width + x] = to_pixel<T>(std::sqrt(gx * gx + gy * gy));
    }
  }
}

inline void nbody_step(nbody_options options, view<const body> from, view<body> velocities,
                       view<body> to) {
  const float soft = options.softening * options.softening;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const body me = from[i];
    float ax = 0;
    float ay = 0;
    float az = 0;
    for (const body& other : from) {
      const float dx = other.x - me.x;
      const float dy = other.y - me.y;
      const float dz = other.z - me.z;
      const float inverse = 1 / std::sqrt(dx * dx + dy * dy + dz * dz + soft);
      const float pull = other.mass * inverse * inverse * inverse;
      ax += pull * dx;
      ay += pull * dy;
      az += pull * dz;
    }
    const float kick = options.gravity * options.time_step;
    body& v = velocities[i];
    v.x += kick * ax;
    v.y += kick * ay;
    v.z += kick * az;
    to[i] = {me.x + options.time_step * v.x, me.y + options.time_step * v.y,
             me.z + options.time_step * v.z, me.mass};
  }
}

// The same operations in the same order as the device, each rounded (see gpu/CMakeLists.txt).
inline void mandelbrot(plane_part part, image_size size, std::int32_t limit,
                       view<std::int32_t> steps) {
  const double dx = part.width / static_cast<double>(size.width);
  const double dy = part.height / static_cast<double>(size.height);
  for (std::size_t i = 0; i < size.height; ++i) {
    const double ci = part.top - (static_cast<double>(i) + 0.5) * dy;
    for (std::size_t j = 0; j < size.width; ++j) {
      const double cr = part.left + (static_cast<double>(j) + 0.5) * dx;
      double zr = 0;
      double zi = 0;
      double zr2 = 0;
      double zi2 = 0;
      std::int32_t n = 0;
      while (n < limit && zr2 + zi2 <= 4) {
        zi = (zr + zr) * zi + ci;
        zr = (zr2 - zi2) + cr;
        zr2 = zr * zr;
        zi2 = zi * zi;
        ++n;
      }
      steps[i * size.width + j] = n;
    }
  }
}

}  // namespace fronta::gpu::on_host
