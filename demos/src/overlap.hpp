// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include <optional>
#include <vector>

namespace fronta::demos {

/// Copies to a device, kernels and copies back, one, two or all three at a time, on some streams.
struct overlap {
  int chunks = 16;
  std::optional<int> kilobytes;  ///< a chunk; 256 on a simulated device, 16 000 on a CUDA device
  std::vector<int> streams = {1, 2, 4, 8};
  int rounds = 3;  ///< each way is measured so often; the median counts
};

/// Runs the demo and prints what came out. Throws `usage_error` for more than 2 GB of data.
exit_code run(const overlap& settings, const session& s);

}  // namespace fronta::demos
