// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace fronta::demos {

/// Which of the integers 0 … size-1 are divisible by all divisors?
struct divisibility {
  int size = 10'000;
  std::vector<int> divisors = {3, 5, 7, 11, 13};
  int chunks = 10;
  /// Probability that a run of a mask task fails.
  double failure_rate = 0.1;
  int retries = 40;
  /// Multiplies every sleep. Unless it is given: what makes a run of this seed last 10 to 12 s, or
  /// less at speed 1.
  std::optional<double> speed;
  std::uint64_t seed = 0;
  int workers = 4;
  /// 0: every CUDA device found, else 2 simulated ones. A number that CUDA does not have: so many
  /// simulated ones.
  int gpus = 0;
};

/// Runs the demo and prints what came out.
exit_code run(const divisibility& settings, const session& s);

}  // namespace fronta::demos
