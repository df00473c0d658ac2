// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/stream.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

/// Ready-made work for a stream, with a version for CUDA devices and one for simulated ones:
/// ```
/// auto squared = ex.submit([](gpu::stream& s, const gpu::buffer<float>& x) {
///   auto squares = s.allocate<float>(x.size());
///   auto sum = s.allocate<float>(1);
///   gpu::transform(s, gpu::unary::square, s.read(x), s.write(squares));
///   gpu::reduce_sum(s, s.read(squares), s.write(sum));
///   return s.readback(s.read(sum));
/// }, x);
/// ```
/// Of all of them:
/// - They enqueue and return; none waits. The views are memory of the stream's device. Temporary
///   memory is the device's own, taken and given back in stream order.
/// - Where there is nothing to do, nothing is done. Sizes that do not fit each other, and figures
///   out of range, are std::invalid_argument. Output and input do not overlap unless a function
///   says that they may be the same; where they do, std::invalid_argument.
/// - On one device, the same input gives the same bits each time. Floating point differs between
///   devices by rounding, unless a function says otherwise.
/// - A build without nvcc has no device versions: `launch_error` on a real device.
namespace fronta::gpu {

/// Whether these run on the device: always on a simulated one; else in a build with nvcc, from the
/// least architecture of CMAKE_CUDA_ARCHITECTURES on.
[[nodiscard]] bool kernels_run_on(const device_properties& d) noexcept;

template <class T>
concept floating_element = std::same_as<T, float> || std::same_as<T, double>;
template <class T>
concept signed_element = floating_element<T> || std::same_as<T, std::int32_t>;
template <class T>
concept element = signed_element<T> || std::same_as<T, std::uint8_t>;
template <class T>
concept pixel = std::same_as<T, std::uint8_t> || std::same_as<T, float>;

// ---- Vectors.

template <element T>
void fill(stream& s, view<T> out, std::type_identity_t<T> value);

/// y = a x + y, rounded once.
template <floating_element T>
void axpy(stream& s, std::type_identity_t<T> a, std::type_identity_t<view<const T>> x, view<T> y);

/// Functions of one number. Their accuracy on a device is that of CUDA's math functions.
enum class unary : std::uint8_t {
  negate,
  absolute,
  square,
  square_root,
  exponential,
  logarithm,
  sine,
  cosine,
  hyperbolic_tangent,
};
enum class binary : std::uint8_t { add, subtract, multiply, divide, minimum, maximum };

/// out[i] = function(in[i]). `out` may be `in`. Own functions: a `gpu::kernel`, or
/// `stream::thrust`.
template <floating_element T>
void transform(stream& s, unary function, std::type_identity_t<view<const T>> in, view<T> out);
/// out[i] = function(a[i], b[i]). `out` may be `a` or `b`.
template <floating_element T>
void transform(stream& s, binary function, std::type_identity_t<view<const T>> a,
               std::type_identity_t<view<const T>> b, view<T> out);

/// mask[i] = 1 where `divisor`, which is not 0, divides numbers[i], else 0.
void is_divisible(stream& s, view<const std::int32_t> numbers, std::int32_t divisor,
                  view<std::uint8_t> mask);

// ---- Reductions, scans, sorting. On a CUDA device: CUB.

/// Wide enough for the sum of integers; floating point is added in its own type.
template <element T>
using sum_t =
    std::conditional_t<std::same_as<T, std::uint8_t>, std::uint64_t,
                       std::conditional_t<std::same_as<T, std::int32_t>, std::int64_t, T>>;

/// `sum` has one element. Floating point is added as a tree; of nothing the sum is 0.
template <element T>
void reduce_sum(stream& s, view<const T> in, std::type_identity_t<view<sum_t<T>>> sum);
/// `least`, `greatest` have one element. Of nothing it is the type's greatest or least value
/// (infinities of floating point); with NaN among the numbers it is any of them.
template <element T>
void reduce_min(stream& s, std::type_identity_t<view<const T>> in, view<T> least);
template <element T>
void reduce_max(stream& s, std::type_identity_t<view<const T>> in, view<T> greatest);

/// Prefix sums: out[i] = in[0] + … + in[i]. `out` may be `in`. Integers wrap around. On a CUDA
/// device the last bits of floating point may differ from run to run.
template <signed_element T>
void inclusive_scan(stream& s, std::type_identity_t<view<const T>> in, view<T> out);
/// out[i] = initial + in[0] + … + in[i - 1]. Else as `inclusive_scan`.
template <signed_element T>
void exclusive_scan(stream& s, std::type_identity_t<view<const T>> in, view<T> out,
                    std::type_identity_t<T> initial = {});

/// Ascending, in place; radix sort with as much temporary memory again. -0 and 0 are equal and keep
/// their order; NaN goes to the ends by its sign. The same on every device.
template <element T>
void sort(stream& s, view<T> keys);

/// counts[k] = how many lie in the k-th of counts.size() equally wide parts of [lower, upper). What
/// lies outside, and NaN, is not counted. At most 2^32 - 1 numbers. The same on every device.
template <element T>
void histogram(stream& s, view<const T> in, std::type_identity_t<T> lower,
               std::type_identity_t<T> upper, view<std::uint32_t> counts);
/// One count for each of the 256 values.
void histogram(stream& s, view<const std::uint8_t> in, view<std::uint32_t> counts);

// ---- Matrices, row by row without gaps.

struct matmul_shape {
  std::size_t rows = 0;     ///< of a and c
  std::size_t inner = 0;    ///< columns of a, rows of b
  std::size_t columns = 0;  ///< of b and c
};
/// c = a b, in blocks through the fast memory of a multiprocessor. A teaching kernel's speed, not
/// cuBLAS's: for that, call cuBLAS on `s.native()`.
template <floating_element T>
void matmul(stream& s, const matmul_shape& shape, std::type_identity_t<view<const T>> a,
            std::type_identity_t<view<const T>> b, view<T> c);

// ---- Images of one channel, row by row without gaps. Beyond its edge an image goes on with the
// pixels of the edge.

struct image_size {
  std::size_t width = 0;
  std::size_t height = 0;
};

/// The widest blur.
inline constexpr float most_sigma = 16;
/// A Gaussian of standard deviation `sigma` in pixels, over 0 and at most `most_sigma`, cut off at
/// three of them; along the rows and then along the columns. 8-bit pixels are rounded once, at the
/// end.
template <pixel T>
void gaussian_blur(stream& s, const image_size& size, std::type_identity_t<view<const T>> in,
                   view<T> out, float sigma);

/// Edges: the length of the gradient by Sobel's 3 x 3 masks; of 8-bit pixels rounded, at most 255.
template <pixel T>
void sobel(stream& s, const image_size& size, std::type_identity_t<view<const T>> in, view<T> out);

// ---- Simulations and pictures.

/// A place, and the mass or (of a velocity) nothing.
struct alignas(16) body {
  float x = 0;
  float y = 0;
  float z = 0;
  float mass = 0;
};

struct nbody_options {
  float time_step = 0.01F;
  float gravity = 1;
  /// Keeps near bodies from flinging each other away; at least 1e-9, since a body also meets
  /// itself.
  float softening = 0.01F;
};
/// One step of all bodies under their mutual gravity, each pair computed: velocities get the
/// acceleration at `from`, and `to` the places that these velocities lead to (semi-implicit Euler).
/// Softening: Plummer's.
void nbody_step(stream& s, const nbody_options& options, view<const body> from,
                view<body> velocities, view<body> to);

/// A part of the complex plane. Rows of the picture go from `top` downwards.
struct plane_part {
  double left = -2.5;
  double top = 1.25;
  double width = 3.5;
  double height = 2.5;
};
/// For each pixel's centre c, after how many steps of z² + c from 0 |z| is more than 2; `limit`
/// when it is not after `limit`. The same on every device.
void mandelbrot(stream& s, const plane_part& part, const image_size& size, std::int32_t limit,
                view<std::int32_t> steps);

}  // namespace fronta::gpu
