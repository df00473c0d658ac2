// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/fronta.hpp>

#include <memory>
#include <string>
#include <vector>

namespace fronta::demos {

struct gpu_wish {
  /// 0: every CUDA device, else `or_simulated` simulated ones. A number that CUDA does not have: so
  /// many simulated ones.
  int devices = 0;
  int or_simulated = 2;
  int streams = 4;
  gpu::time_model model = {};  ///< of simulated ones
  bool profiled = false;       ///< traces tell of each copy and kernel, where devices keep records
};

struct gpu_places {
  std::unique_ptr<backend> opened;
  std::vector<std::string> places;  ///< "gpu:0" and so on
  bool simulated = true;
  bool profiled = false;

  [[nodiscard]] int count() const noexcept { return static_cast<int>(places.size()); }
  /// "simulated" or "cuda", as `--json` has it.
  [[nodiscard]] const char* kind() const noexcept { return simulated ? "simulated" : "cuda"; }
};

/// CUDA devices where there are as many as wished, and the ready-made kernels run on them; else
/// simulated ones.
gpu_places open_gpus(const gpu_wish& wish);

/// Lines under the row "places": that they are simulated, or their names.
void print_gpus(const gpu_places& gpus);

}  // namespace fronta::demos
