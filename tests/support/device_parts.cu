// SPDX-License-Identifier: Apache-2.0
#include <support/device_parts.hpp>

#include <cuda/atomic>

#include <cuda_runtime.h>

namespace fronta::test::on_device {
namespace {

__global__ void call_host_kernel(call_cell* c) {
  const cuda::atomic_ref<std::uint32_t, cuda::thread_scope_system> stage(c->stage);
  const cuda::atomic_ref<std::uint32_t, cuda::thread_scope_system> answer(c->answer);
  stage.store(call_cell::begun, cuda::std::memory_order_release);
  std::uint32_t got = 0;
  while ((got = answer.load(cuda::std::memory_order_acquire)) == 0) __nanosleep(500);
  if (got == call_cell::thrown) *reinterpret_cast<volatile int*>(16) = 1;
  stage.store(call_cell::ended, cuda::std::memory_order_release);
}

__device__ std::size_t first() { return std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ std::size_t stride() { return std::size_t{gridDim.x} * blockDim.x; }

template <class T>
__global__ void set_kernel(gpu::view<T> to, T value) {
  for (std::size_t i = first(); i < to.size(); i += stride()) to[i] = value;
}
template <class T>
__global__ void affine_kernel(gpu::view<const T> from, T factor, T summand, gpu::view<T> to) {
  for (std::size_t i = first(); i < to.size(); i += stride()) {
    to[i] = static_cast<T>(from[i] * factor + summand);
  }
}
template <class T>
__global__ void add_kernel(gpu::view<const T> a, gpu::view<const T> b, gpu::view<T> to) {
  for (std::size_t i = first(); i < to.size(); i += stride()) {
    to[i] = static_cast<T>(a[i] + b[i]);
  }
}

template <class... Parameters>
int launch(void (*kernel)(Parameters...), void* native, gpu::extent grid, gpu::extent block,
           std::type_identity_t<Parameters>... args) {
  void* pointers[] = {&args...};
  const cudaError_t code = cudaLaunchKernel(
      reinterpret_cast<const void*>(kernel), dim3(grid.x, grid.y, grid.z),
      dim3(block.x, block.y, block.z), pointers, 0, static_cast<cudaStream_t>(native));
  if (code != cudaSuccess) cudaGetLastError();
  return code;
}

}  // namespace

int call_host(void* native_stream, call_cell* c) {
  return launch(&call_host_kernel, native_stream, {}, {}, c);
}

void keep_contexts() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) return;
  for (int i = count; i-- > 0;) {
    if (cudaSetDevice(i) == cudaSuccess) cudaFree(nullptr);
  }
}

void* pinned(std::size_t bytes) {
  void* p = nullptr;
  return cudaHostAlloc(&p, bytes, cudaHostAllocPortable) == cudaSuccess ? p : nullptr;
}

template <class T>
int set(void* native_stream, gpu::extent grid, gpu::extent block, gpu::view<T> to, T value) {
  return launch(&set_kernel<T>, native_stream, grid, block, to, value);
}
template <class T>
int affine(void* native_stream, gpu::extent grid, gpu::extent block, gpu::view<const T> from,
           T factor, T summand, gpu::view<T> to) {
  return launch(&affine_kernel<T>, native_stream, grid, block, from, factor, summand, to);
}
template <class T>
int add(void* native_stream, gpu::extent grid, gpu::extent block, gpu::view<const T> a,
        gpu::view<const T> b, gpu::view<T> to) {
  return launch(&add_kernel<T>, native_stream, grid, block, a, b, to);
}

#define FRONTA_TEST_KERNELS_FOR(T)                                                              \
  template int set(void*, gpu::extent, gpu::extent, gpu::view<T>, T);                           \
  template int affine(void*, gpu::extent, gpu::extent, gpu::view<const T>, T, T, gpu::view<T>); \
  template int add(void*, gpu::extent, gpu::extent, gpu::view<const T>, gpu::view<const T>,     \
                   gpu::view<T>)
FRONTA_TEST_KERNELS_FOR(int);
FRONTA_TEST_KERNELS_FOR(unsigned char);

}  // namespace fronta::test::on_device
