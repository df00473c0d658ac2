// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/stream.hpp>

#include <cstddef>
#include <cstdint>

namespace bench::gpu {

/// Whether the functions below are compiled: without nvcc only simulated devices are measured.
inline constexpr bool has_device_parts = FRONTA_HAS_CUDA_KERNELS;

/// What is compiled by nvcc: kernels for both sides, and what ours is measured against, by the CUDA
/// runtime alone. Failures end the process.
namespace on_device {

using fronta::gpu::extent;
using fronta::gpu::view;

/// Kernels of one thread, as `gpu::kernel` wants them. `count` adds one to the word.
int count(void* native, extent grid, extent block, std::uint64_t* word);
/// Does not end before the host stores another value than 0 in pinned memory.
int hold(void* native, extent grid, extent block, const std::uint32_t* go);
/// Runs for so many nanoseconds, and then stores %globaltimer in pinned memory.
int stamp(void* native, extent grid, extent block, std::uint64_t* at, std::uint64_t after);

/// Launches `count` so often on one stream and waits for the end. Seconds.
double bare_launches(std::size_t n);
/// The graph of `edges.cpp` with two streams and an event for each edge. Nanoseconds of the device
/// from the first kernel to the last.
double bare_steps(std::size_t steps);

struct clock_pair {
  std::int64_t host = 0;    ///< of steady_clock
  std::int64_t device = 0;  ///< %globaltimer
  std::int64_t error = 0;   ///< of `host`, at most
};
/// The best of `rounds` questions that a running kernel answers through pinned memory.
clock_pair compare_clocks(int rounds);

}  // namespace on_device
}  // namespace bench::gpu
