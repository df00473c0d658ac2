// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/stream.hpp>

#include <cstddef>
#include <cstdint>

namespace fronta::test {

/// Whether the functions below are compiled.
inline constexpr bool has_device_parts = FRONTA_HAS_CUDA_KERNELS;

/// What tests need of nvcc, in device_parts.cu. They return a cudaError_t.
namespace on_device {

/// How a kernel calls the host; in pinned memory.
struct alignas(64) call_cell {
  static constexpr std::uint32_t begun = 1;     // stage: the kernel runs
  static constexpr std::uint32_t ended = 2;     //        and does not look here any more
  static constexpr std::uint32_t returned = 1;  // answer
  static constexpr std::uint32_t thrown = 2;
  std::uint32_t stage = 0;   // by the device
  std::uint32_t answer = 0;  // by the host
};
int call_host(void* native_stream, call_cell* c);

/// Holds the context of each device until the process ends.
void keep_contexts();
/// Memory of the host for all devices; null where there is none.
void* pinned(std::size_t bytes);

template <class T>
int set(void* native_stream, gpu::extent grid, gpu::extent block, gpu::view<T> to, T value);
template <class T>
int affine(void* native_stream, gpu::extent grid, gpu::extent block, gpu::view<const T> from,
           T factor, T summand, gpu::view<T> to);
template <class T>
int add(void* native_stream, gpu::extent grid, gpu::extent block, gpu::view<const T> a,
        gpu::view<const T> b, gpu::view<T> to);

}  // namespace on_device
}  // namespace fronta::test
