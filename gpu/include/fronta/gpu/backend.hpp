// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/backend.hpp>
#include <fronta/gpu/completion.hpp>
#include <fronta/gpu/options.hpp>
#include <fronta/gpu/simulated.hpp>
#include <fronta/gpu/stream.hpp>

#include <memory>
#include <vector>

/// Devices as places of an executor: `gpu:0`, `gpu:1` and so on, each offering {"gpu", 1}.
/// ```
/// fronta::executor ex{fronta::cpu::threads{}, fronta::gpu::simulated{.devices = 2}};
/// auto done = ex.submit([](fronta::gpu::stream& s) { s.launch(…); });
/// ```
namespace fronta::gpu {

/// The CUDA devices of this machine that the driver shows.
struct cuda {
  /// Which, by index; all of them when empty.
  std::vector<int> devices = {};
  int streams = 4;  ///< of each device
  completion_options completion = {};
  gpu::options options = {};
};

/// Throws `device_error` with reason and remedy when there is no device, std::invalid_argument for
/// an index that does not exist or less than one stream.
std::unique_ptr<backend> make_backend(cuda config);
/// Throws std::invalid_argument for figures out of range.
std::unique_ptr<backend> make_backend(const simulated& config);

}  // namespace fronta::gpu
