// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

/// A small machine-learning problem: two interleaved half moons, told apart by kernel ridge
/// regression with a Gaussian kernel.
namespace fronta::demos {

struct point {
  double x, y;
  double label;  ///< -1 or +1
};

/// Equal for equal seeds on every machine up to rounding of the mathematics library.
std::vector<point> two_moons(std::size_t count, double noise, std::uint64_t seed);

struct model {
  double gamma;   ///< exp(-gamma · distance²): how local the kernel is
  double lambda;  ///< how much large weights cost
};

/// Trains on all points but those of one fold (index modulo `folds`) and returns the share of that
/// fold's points that it then classifies rightly. Throws `cancelled_error` once a stop is
/// requested.
double fold_accuracy(const std::vector<point>& points, model m, std::size_t fold, std::size_t folds,
                     const std::stop_token& stop);

}  // namespace fronta::demos
