// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/kernels.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

/// What the two versions of the ready-made kernels share, compiled by both compilers: so nothing
/// here depends on which of them reads it.
namespace fronta::gpu::detail {

enum class reduction : std::uint8_t { sum, minimum, maximum };

/// The weights of a Gaussian from its middle outwards.
struct gaussian {
  static constexpr int most_radius = 48;  // three times most_sigma
  int radius = 0;
  float weight[most_radius + 1] = {};
};

/// Equally wide parts of [lower, upper).
template <class T>
struct bins {
  static constexpr std::uint32_t none = 0xFFFF'FFFF;
  // Of integers the ends are wider than these, so that `upper` may lie behind the last value.
  using end = std::conditional_t<std::is_floating_point_v<T>, T, std::int64_t>;
  end lower;
  end upper;
  std::uint32_t count;
  T scale;  // parts per unit; of floating point alone

  [[nodiscard]] FRONTA_HOST_DEVICE std::uint32_t find(T x) const noexcept {
    if (!(x >= lower && x < upper)) return none;
    if constexpr (std::is_floating_point_v<T>) {
      const auto k = static_cast<std::uint32_t>((x - lower) * scale);
      return k < count ? k : count - 1;  // the product may round up to `count`
    } else {
      const auto above = static_cast<std::uint64_t>(x - lower);
      return static_cast<std::uint32_t>(above * count / static_cast<std::uint64_t>(upper - lower));
    }
  }
};

/// Threads of the blocks of everything that goes through a vector.
inline constexpr unsigned vector_block = 256;
/// c in tiles of 64 x 64, by 16 x 16 threads.
inline constexpr unsigned matmul_tile = 64;
inline constexpr unsigned matmul_threads = 16;
/// Columns in tiles of 32 x 32, by 32 x 8 threads.
inline constexpr unsigned blur_tile = 32;
inline constexpr unsigned blur_threads = 8;

}  // namespace fronta::gpu::detail

/// The device versions, in kernels.cu: they enqueue on a cudaStream_t and return a cudaError_t.
/// Those that take temporary memory say how much when it is null, and then enqueue nothing.
namespace fronta::gpu::on_device {

using detail::bins;
using detail::gaussian;
using detail::reduction;

/// The least compute capability that this was compiled for, times 100.
int least_architecture() noexcept;

template <class T>
int fill(void* native, extent grid, extent block, view<T> out, T value);
template <class T>
int axpy(void* native, extent grid, extent block, T a, view<const T> x, view<T> y);
template <class T>
int transform_one(void* native, extent grid, extent block, unary f, view<const T> in, view<T> out);
template <class T>
int transform_two(void* native, extent grid, extent block, binary f, view<const T> a,
                  view<const T> b, view<T> out);
int is_divisible(void* native, extent grid, extent block, view<const std::int32_t> numbers,
                 std::int32_t divisor, view<std::uint8_t> mask);
template <class T, class Result>
int reduce(void* native, void* temporary, std::size_t& bytes, reduction op, view<const T> in,
           view<Result> result, Result initial);
template <class T>
int inclusive_scan(void* native, void* temporary, std::size_t& bytes, view<const T> in,
                   view<T> out);
template <class T>
int exclusive_scan(void* native, void* temporary, std::size_t& bytes, view<const T> in, view<T> out,
                   T initial);
template <class T>
int sort(void* native, void* temporary, std::size_t& bytes, view<T> keys, view<T> spare);
template <class T>
int histogram(void* native, extent grid, extent block, bins<T> parts, view<const T> in,
              view<std::uint32_t> counts);
template <class T>
int matmul(void* native, extent grid, extent block, matmul_shape shape, view<const T> a,
           view<const T> b, view<T> c);
template <class T>
int blur_rows(void* native, extent grid, extent block, gaussian g, image_size size,
              view<const T> in, view<float> out);
template <class T>
int blur_columns(void* native, extent grid, extent block, gaussian g, image_size size,
                 view<const float> in, view<T> out);
template <class T>
int sobel(void* native, extent grid, extent block, image_size size, view<const T> in, view<T> out);
int nbody_step(void* native, extent grid, extent block, nbody_options options,
               view<const body> from, view<body> velocities, view<body> to);
int mandelbrot(void* native, extent grid, extent block, plane_part part, image_size size,
               std::int32_t limit, view<std::int32_t> steps);

}  // namespace fronta::gpu::on_device
