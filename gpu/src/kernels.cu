// SPDX-License-Identifier: Apache-2.0
#include "kernel_parts.hpp"

#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_reduce.cuh>
#include <cub/device/device_scan.cuh>

#include <cuda_runtime.h>

namespace fronta::gpu::on_device {
namespace {

using index = std::size_t;

// Not by <<<>>>: that tells of failures through a variable where others may have left theirs.
template <class... Parameters>
int launch(void (*kernel)(Parameters...), void* native, extent grid, extent block,
           std::size_t shared_bytes, std::type_identity_t<Parameters>... args) {
  void* pointers[] = {&args...};
  const cudaError_t code = cudaLaunchKernel(
      reinterpret_cast<const void*>(kernel), dim3(grid.x, grid.y, grid.z),
      dim3(block.x, block.y, block.z), pointers, shared_bytes, static_cast<cudaStream_t>(native));
  if (code != cudaSuccess) cudaGetLastError();  // nor leave ours there
  return code;
}

__device__ index first() { return index{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ index stride() { return index{gridDim.x} * blockDim.x; }

// ---- Vectors: each thread takes every so many-th element.

template <class T>
__global__ void fill_kernel(view<T> out, T value) {
  for (index i = first(); i < out.size(); i += stride()) out[i] = value;
}

template <class T>
__global__ void axpy_kernel(T a, view<const T> x, view<T> y) {
  for (index i = first(); i < y.size(); i += stride()) y[i] = fma(a, x[i], y[i]);
}

template <class T>
__device__ T apply(unary f, T x) {
  switch (f) {
    case unary::negate:
      return -x;
    case unary::absolute:
      return fabs(x);
    case unary::square:
      return x * x;
    case unary::square_root:
      return sqrt(x);
    case unary::exponential:
      return exp(x);
    case unary::logarithm:
      return log(x);
    case unary::sine:
      return sin(x);
    case unary::cosine:
      return cos(x);
    case unary::hyperbolic_tangent:
      return tanh(x);
  }
  return x;
}

template <class T>
__global__ void transform_one_kernel(unary f, view<const T> in, view<T> out) {
  for (index i = first(); i < out.size(); i += stride()) out[i] = apply(f, in[i]);
}

template <class T>
__device__ T apply(binary f, T a, T b) {
  switch (f) {
    case binary::add:
      return a + b;
    case binary::subtract:
      return a - b;
    case binary::multiply:
      return a * b;
    case binary::divide:
      return a / b;
    case binary::minimum:
      return fmin(a, b);
    case binary::maximum:
      return fmax(a, b);
  }
  return a;
}

template <class T>
__global__ void transform_two_kernel(binary f, view<const T> a, view<const T> b, view<T> out) {
  for (index i = first(); i < out.size(); i += stride()) out[i] = apply(f, a[i], b[i]);
}

__global__ void is_divisible_kernel(view<const std::int32_t> numbers, std::int32_t divisor,
                                    view<std::uint8_t> mask) {
  for (index i = first(); i < mask.size(); i += stride()) mask[i] = numbers[i] % divisor == 0;
}

// ---- Operators for CUB.

template <class T>
struct combine {
  reduction op;
  __host__ __device__ T operator()(T a, T b) const {
    if (op == reduction::minimum) return b < a ? b : a;
    if (op == reduction::maximum) return a < b ? b : a;
    return static_cast<T>(a + b);
  }
};

template <class T>
struct plus {
  __host__ __device__ T operator()(T a, T b) const { return a + b; }
};
// Wraps around.
template <>
struct plus<std::int32_t> {
  __host__ __device__ std::int32_t operator()(std::int32_t a, std::int32_t b) const {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
  }
};

// ---- Histogram: each block counts for itself where its shared memory has room.

constexpr std::uint32_t most_shared_counts = 48 * 1024 / sizeof(std::uint32_t);

template <class T>
__global__ void histogram_kernel(bins<T> parts, view<const T> in, view<std::uint32_t> counts,
                                 bool shared) {
  extern __shared__ std::uint32_t own[];
  std::uint32_t* const to = shared ? own : counts.data();
  if (shared) {
    for (std::uint32_t k = threadIdx.x; k < parts.count; k += blockDim.x) own[k] = 0;
    __syncthreads();
  }
  for (index i = first(); i < in.size(); i += stride()) {
    const std::uint32_t k = parts.find(in[i]);
    if (k != bins<T>::none) atomicAdd(to + k, 1U);
  }
  if (shared) {
    __syncthreads();
    for (std::uint32_t k = threadIdx.x; k < parts.count; k += blockDim.x) {
      if (own[k] != 0) atomicAdd(counts.data() + k, own[k]);
    }
  }
}

// ---- Matrices: a block computes a tile of c, a thread 4 x 4 of it; 16 columns of a and rows of b
// at a time lie in shared memory.

template <class T>
__global__ void __launch_bounds__(detail::matmul_threads* detail::matmul_threads)
    matmul_kernel(matmul_shape shape, view<const T> a, view<const T> b, view<T> c) {
  constexpr unsigned tile = detail::matmul_tile;
  constexpr unsigned threads = detail::matmul_threads;
  constexpr unsigned depth = 16;
  constexpr unsigned each = tile / threads;
  __shared__ T of_a[depth][tile + 1];  // transposed; one more, against bank conflicts
  __shared__ T of_b[depth][tile];
  const index row = index{blockIdx.y} * tile;
  const index column = index{blockIdx.x} * tile;
  const unsigned thread = threadIdx.y * threads + threadIdx.x;
  T sum[each][each] = {};
  for (index k0 = 0; k0 < shape.inner; k0 += depth) {
    for (unsigned i = thread; i < tile * depth; i += threads * threads) {
      const unsigned r = i / depth;
      const unsigned k = i % depth;
      const bool inside = row + r < shape.rows && k0 + k < shape.inner;
      of_a[k][r] = inside ? a[(row + r) * shape.inner + k0 + k] : T{};
    }
    for (unsigned i = thread; i < tile * depth; i += threads * threads) {
      const unsigned k = i / tile;
      const unsigned j = i % tile;
      const bool inside = k0 + k < shape.inner && column + j < shape.columns;
      of_b[k][j] = inside ? b[(k0 + k) * shape.columns + column + j] : T{};
    }
    __syncthreads();
    for (unsigned k = 0; k < depth; ++k) {
      T x[each];
      T y[each];
      for (unsigned i = 0; i < each; ++i) x[i] = of_a[k][threadIdx.y + i * threads];
      for (unsigned j = 0; j < each; ++j) y[j] = of_b[k][threadIdx.x + j * threads];
      for (unsigned i = 0; i < each; ++i) {
        for (unsigned j = 0; j < each; ++j) sum[i][j] += x[i] * y[j];
      }
    }
    __syncthreads();
  }
  for (unsigned i = 0; i < each; ++i) {
    const index r = row + threadIdx.y + i * threads;
    for (unsigned j = 0; j < each; ++j) {
      const index k = column + threadIdx.x + j * threads;
      if (r < shape.rows && k < shape.columns) c[r * shape.columns + k] = sum[i][j];
    }
  }
}

// ---- Images.

template <class T>
__device__ T to_pixel(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else {
    return static_cast<T>(fminf(x + 0.5F, 255.0F));
  }
}

__device__ index clamped(long long at, index size) {
  return at < 0 ? 0 : min(static_cast<index>(at), size - 1);
}

// A block takes a piece of a row, with its surroundings in shared memory.
template <class T>
__global__ void blur_rows_kernel(gaussian g, image_size size, view<const T> in, view<float> out) {
  __shared__ float piece[detail::vector_block + 2 * gaussian::most_radius];
  const index begin = index{blockIdx.x} * blockDim.x;
  const index x = begin + threadIdx.x;
  for (index y = blockIdx.y; y < size.height; y += gridDim.y) {
    const T* const row = in.data() + y * size.width;
    for (unsigned i = threadIdx.x; i < blockDim.x + 2 * g.radius; i += blockDim.x) {
      const auto at = static_cast<long long>(begin + i) - g.radius;
      piece[i] = static_cast<float>(row[clamped(at, size.width)]);
    }
    __syncthreads();
    if (x < size.width) {
      const float* const middle = piece + threadIdx.x + g.radius;
      float sum = g.weight[0] * *middle;
      for (int d = 1; d <= g.radius; ++d) sum += g.weight[d] * (middle[-d] + middle[d]);
      out[y * size.width + x] = sum;
    }
    __syncthreads();
  }
}

// A block takes a tile, with what lies above and below in shared memory.
template <class T>
__global__ void blur_columns_kernel(gaussian g, image_size size, view<const float> in,
                                    view<T> out) {
  constexpr unsigned tile = detail::blur_tile;
  __shared__ float piece[tile + 2 * gaussian::most_radius][tile];
  const index x = index{blockIdx.x} * tile + threadIdx.x;
  const index begin = index{blockIdx.y} * tile;
  if (x < size.width) {
    for (unsigned i = threadIdx.y; i < tile + 2 * g.radius; i += blockDim.y) {
      const auto at = static_cast<long long>(begin + i) - g.radius;
      piece[i][threadIdx.x] = in[clamped(at, size.height) * size.width + x];
    }
  }
  __syncthreads();
  if (x >= size.width) return;
  for (unsigned i = threadIdx.y; i < tile && begin + i < size.height; i += blockDim.y) {
    const unsigned middle = i + g.radius;
    float sum = g.weight[0] * piece[middle][threadIdx.x];
    for (int d = 1; d <= g.radius; ++d) {
      sum += g.weight[d] * (piece[middle - d][threadIdx.x] + piece[middle + d][threadIdx.x]);
    }
    out[(begin + i) * size.width + x] = to_pixel<T>(sum);
  }
}

template <class T>
__global__ void sobel_kernel(image_size size, view<const T> in, view<T> out) {
  const index x = first();
  const index y = index{blockIdx.y} * blockDim.y + threadIdx.y;
  if (x >= size.width || y >= size.height) return;
  const index l = x == 0 ? 0 : x - 1;
  const index r = min(x + 1, size.width - 1);
  const T* const above = in.data() + (y == 0 ? 0 : y - 1) * size.width;
  const T* const here = in.data() + y * size.width;
  const T* const below = in.data() + min(y + 1, size.height - 1) * size.width;
  const auto f = [](T pixel) { return static_cast<float>(pixel); };
  const float gx =
      (f(above[r]) + 2 * f(here[r]) + f(below[r])) - (f(above[l]) + 2 * f(here[l]) + f(below[l]));
  const float gy =
      (f(below[l]) + 2 * f(below[x]) + f(below[r])) - (f(above[l]) + 2 * f(above[x]) + f(above[r]));
  out[y * size.width + x] = to_pixel<T>(sqrtf(gx * gx + gy * gy));
}

// ---- Bodies: a block reads them in tiles, each thread for one of its own.

__global__ void __launch_bounds__(detail::vector_block)
    nbody_kernel(nbody_options options, view<const body> from, view<body> velocities,
                 view<body> to) {
  // As plain numbers: a member initialiser is a constructor, which shared memory does not run.
  __shared__ float4 tile[detail::vector_block];
  const auto* const places = reinterpret_cast<const float4*>(from.data());
  const index i = first();
  const float soft = options.softening * options.softening;
  const float4 me = i < from.size() ? places[i] : float4{};
  float3 pull{};
  for (index begin = 0; begin < from.size(); begin += blockDim.x) {
    const index other = begin + threadIdx.x;
    tile[threadIdx.x] = other < from.size() ? places[other] : float4{};  // no mass: no pull
    __syncthreads();
#pragma unroll 8
    for (unsigned j = 0; j < detail::vector_block; ++j) {
      const float dx = tile[j].x - me.x;
      const float dy = tile[j].y - me.y;
      const float dz = tile[j].z - me.z;
      const float inverse = rsqrtf(dx * dx + dy * dy + dz * dz + soft);
      const float factor = tile[j].w * inverse * inverse * inverse;
      pull.x += factor * dx;
      pull.y += factor * dy;
      pull.z += factor * dz;
    }
    __syncthreads();
  }
  if (i >= from.size()) return;
  const float kick = options.gravity * options.time_step;
  body v = velocities[i];
  v.x += kick * pull.x;
  v.y += kick * pull.y;
  v.z += kick * pull.z;
  velocities[i] = v;
  body& moved = to[i];
  moved.x = me.x + options.time_step * v.x;
  moved.y = me.y + options.time_step * v.y;
  moved.z = me.z + options.time_step * v.z;
  moved.mass = me.w;
}

// ---- The Mandelbrot set: each operation rounded, as on the host, so that the picture is the same.

__device__ double sum(double a, double b) { return __dadd_rn(a, b); }
__device__ double times(double a, double b) { return __dmul_rn(a, b); }

__global__ void mandelbrot_kernel(plane_part part, image_size size, std::int32_t limit,
                                  view<std::int32_t> steps) {
  const index j = first();
  const index i = index{blockIdx.y} * blockDim.y + threadIdx.y;
  if (j >= size.width || i >= size.height) return;
  const double dx = part.width / static_cast<double>(size.width);
  const double dy = part.height / static_cast<double>(size.height);
  const double ci = sum(part.top, -times(static_cast<double>(i) + 0.5, dy));
  const double cr = sum(part.left, times(static_cast<double>(j) + 0.5, dx));
  double zr = 0;
  double zi = 0;
  double zr2 = 0;
  double zi2 = 0;
  std::int32_t n = 0;
  while (n < limit && sum(zr2, zi2) <= 4) {
    zi = sum(times(sum(zr, zr), zi), ci);
    zr = sum(sum(zr2, -zi2), cr);
    zr2 = times(zr, zr);
    zi2 = times(zi, zi);
    ++n;
  }
  steps[i * size.width + j] = n;
}

}  // namespace

int least_architecture() noexcept {
  constexpr int all[] = {__CUDA_ARCH_LIST__};
  int least = all[0];
  for (const int a : all) least = a < least ? a : least;
  return least;
}

template <class T>
int fill(void* native, extent grid, extent block, view<T> out, T value) {
  if constexpr (sizeof(T) == 1) {
    return cudaMemsetAsync(out.data(), value, out.size(), static_cast<cudaStream_t>(native));
  }
  return launch(fill_kernel<T>, native, grid, block, 0, out, value);
}

template <class T>
int axpy(void* native, extent grid, extent block, T a, view<const T> x, view<T> y) {
  return launch(axpy_kernel<T>, native, grid, block, 0, a, x, y);
}

template <class T>
int transform_one(void* native, extent grid, extent block, unary f, view<const T> in, view<T> out) {
  return launch(transform_one_kernel<T>, native, grid, block, 0, f, in, out);
}

template <class T>
int transform_two(void* native, extent grid, extent block, binary f, view<const T> a,
                  view<const T> b, view<T> out) {
  return launch(transform_two_kernel<T>, native, grid, block, 0, f, a, b, out);
}

int is_divisible(void* native, extent grid, extent block, view<const std::int32_t> numbers,
                 std::int32_t divisor, view<std::uint8_t> mask) {
  return launch(is_divisible_kernel, native, grid, block, 0, numbers, divisor, mask);
}

template <class T, class Result>
int reduce(void* native, void* temporary, std::size_t& bytes, reduction op, view<const T> in,
           view<Result> result, Result initial) {
  return cub::DeviceReduce::Reduce(temporary, bytes, in.data(), result.data(), in.size(),
                                   combine<Result>{op}, initial, static_cast<cudaStream_t>(native));
}

template <class T>
int inclusive_scan(void* native, void* temporary, std::size_t& bytes, view<const T> in,
                   view<T> out) {
  return cub::DeviceScan::InclusiveScan(temporary, bytes, in.data(), out.data(), plus<T>(),
                                        in.size(), static_cast<cudaStream_t>(native));
}

template <class T>
int exclusive_scan(void* native, void* temporary, std::size_t& bytes, view<const T> in, view<T> out,
                   T initial) {
  return cub::DeviceScan::ExclusiveScan(temporary, bytes, in.data(), out.data(), plus<T>(), initial,
                                        in.size(), static_cast<cudaStream_t>(native));
}

template <class T>
int sort(void* native, void* temporary, std::size_t& bytes, view<T> keys, view<T> spare) {
  const auto on = static_cast<cudaStream_t>(native);
  cub::DoubleBuffer<T> buffers(keys.data(), spare.data());
  const cudaError_t code = cub::DeviceRadixSort::SortKeys(temporary, bytes, buffers, keys.size(), 0,
                                                          static_cast<int>(sizeof(T) * 8), on);
  if (code != cudaSuccess || temporary == nullptr || buffers.Current() == keys.data()) return code;
  return cudaMemcpyAsync(keys.data(), buffers.Current(), keys.size() * sizeof(T),
                         cudaMemcpyDeviceToDevice, on);
}

template <class T>
int histogram(void* native, extent grid, extent block, bins<T> parts, view<const T> in,
              view<std::uint32_t> counts) {
  const cudaError_t code = cudaMemsetAsync(counts.data(), 0, counts.size() * sizeof(std::uint32_t),
                                           static_cast<cudaStream_t>(native));
  if (code != cudaSuccess || in.empty()) return code;
  const bool shared = parts.count <= most_shared_counts;
  return launch(histogram_kernel<T>, native, grid, block,
                shared ? parts.count * sizeof(std::uint32_t) : 0, parts, in, counts, shared);
}

template <class T>
int matmul(void* native, extent grid, extent block, matmul_shape shape, view<const T> a,
           view<const T> b, view<T> c) {
  return launch(matmul_kernel<T>, native, grid, block, 0, shape, a, b, c);
}

template <class T>
int blur_rows(void* native, extent grid, extent block, gaussian g, image_size size,
              view<const T> in, view<float> out) {
  return launch(blur_rows_kernel<T>, native, grid, block, 0, g, size, in, out);
}

template <class T>
int blur_columns(void* native, extent grid, extent block, gaussian g, image_size size,
                 view<const float> in, view<T> out) {
  return launch(blur_columns_kernel<T>, native, grid, block, 0, g, size, in, out);
}

template <class T>
int sobel(void* native, extent grid, extent block, image_size size, view<const T> in, view<T> out) {
  return launch(sobel_kernel<T>, native, grid, block, 0, size, in, out);
}

int nbody_step(void* native, extent grid, extent block, nbody_options options,
               view<const body> from, view<body> velocities, view<body> to) {
  return launch(nbody_kernel, native, grid, block, 0, options, from, velocities, to);
}

int mandelbrot(void* native, extent grid, extent block, plane_part part, image_size size,
               std::int32_t limit, view<std::int32_t> steps) {
  return launch(mandelbrot_kernel, native, grid, block, 0, part, size, limit, steps);
}

// ---- What kernels.cpp uses.

using i32 = std::int32_t;
using u8 = std::uint8_t;

template int fill(void*, extent, extent, view<float>, float);
template int fill(void*, extent, extent, view<double>, double);
template int fill(void*, extent, extent, view<i32>, i32);
template int fill(void*, extent, extent, view<u8>, u8);
template int axpy(void*, extent, extent, float, view<const float>, view<float>);
template int axpy(void*, extent, extent, double, view<const double>, view<double>);
template int transform_one(void*, extent, extent, unary, view<const float>, view<float>);
template int transform_one(void*, extent, extent, unary, view<const double>, view<double>);
template int transform_two(void*, extent, extent, binary, view<const float>, view<const float>,
                           view<float>);
template int transform_two(void*, extent, extent, binary, view<const double>, view<const double>,
                           view<double>);
template int reduce(void*, void*, std::size_t&, reduction, view<const float>, view<float>, float);
template int reduce(void*, void*, std::size_t&, reduction, view<const double>, view<double>,
                    double);
template int reduce(void*, void*, std::size_t&, reduction, view<const i32>, view<i32>, i32);
template int reduce(void*, void*, std::size_t&, reduction, view<const u8>, view<u8>, u8);
template int reduce(void*, void*, std::size_t&, reduction, view<const i32>, view<std::int64_t>,
                    std::int64_t);
template int reduce(void*, void*, std::size_t&, reduction, view<const u8>, view<std::uint64_t>,
                    std::uint64_t);
template int inclusive_scan(void*, void*, std::size_t&, view<const float>, view<float>);
template int inclusive_scan(void*, void*, std::size_t&, view<const double>, view<double>);
template int inclusive_scan(void*, void*, std::size_t&, view<const i32>, view<i32>);
template int exclusive_scan(void*, void*, std::size_t&, view<const float>, view<float>, float);
template int exclusive_scan(void*, void*, std::size_t&, view<const double>, view<double>, double);
template int exclusive_scan(void*, void*, std::size_t&, view<const i32>, view<i32>, i32);
template int sort(void*, void*, std::size_t&, view<float>, view<float>);
template int sort(void*, void*, std::size_t&, view<double>, view<double>);
template int sort(void*, void*, std::size_t&, view<i32>, view<i32>);
template int sort(void*, void*, std::size_t&, view<u8>, view<u8>);
template int histogram(void*, extent, extent, bins<float>, view<const float>, view<std::uint32_t>);
template int histogram(void*, extent, extent, bins<double>, view<const double>,
                       view<std::uint32_t>);
template int histogram(void*, extent, extent, bins<i32>, view<const i32>, view<std::uint32_t>);
template int histogram(void*, extent, extent, bins<u8>, view<const u8>, view<std::uint32_t>);
template int matmul(void*, extent, extent, matmul_shape, view<const float>, view<const float>,
                    view<float>);
template int matmul(void*, extent, extent, matmul_shape, view<const double>, view<const double>,
                    view<double>);
template int blur_rows(void*, extent, extent, gaussian, image_size, view<const u8>, view<float>);
template int blur_rows(void*, extent, extent, gaussian, image_size, view<const float>, view<float>);
template int blur_columns(void*, extent, extent, gaussian, image_size, view<const float>, view<u8>);
template int blur_columns(void*, extent, extent, gaussian, image_size, view<const float>,
                          view<float>);
template int sobel(void*, extent, extent, image_size, view<const u8>, view<u8>);
template int sobel(void*, extent, extent, image_size, view<const float>, view<float>);

}  // namespace fronta::gpu::on_device
