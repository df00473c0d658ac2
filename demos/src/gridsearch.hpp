// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include <cstdint>
#include <optional>

namespace fronta::demos {

/// Models on a grid of two parameters, each judged by cross-validation; the first few good ones
/// stop the rest.
struct gridsearch {
  int points = 500;
  double target = 0.985;       ///< the accuracy from which a model is good
  int want = 5;                ///< good models
  std::optional<int> workers;  ///< usable CPUs
  std::uint64_t seed = 1;      ///< of the data and of the order
};

/// Runs the demo and prints what came out. Fails when the grid holds fewer good models.
exit_code run(const gridsearch& settings, const session& s);

}  // namespace fronta::demos
