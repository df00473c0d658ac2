// SPDX-License-Identifier: Apache-2.0
#include "kernel_ridge.hpp"

#include <fronta/errors.hpp>
#include <fronta/rng.hpp>

#include <cmath>
#include <numbers>

namespace fronta::demos {
namespace {

double kernel(const point& a, const point& b, double gamma) {
  const double dx = a.x - b.x;
  const double dy = a.y - b.y;
  return std::exp(-gamma * (dx * dx + dy * dy));
}

/// Solves A·x = b for a symmetric, positive definite A (row by row in `a`) by Cholesky's
/// factorisation, in place; x is left in `b`.
void solve(std::vector<double>& a, std::vector<double>& b, const std::stop_token& stop) {
  const auto n = b.size();
  for (std::size_t i = 0; i < n; ++i) {
    // Once a row: often enough for Ctrl-C, and too rare to cost anything.
    if (stop.stop_requested()) throw cancelled_error("solve: the task was asked to stop");
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      // Rounding may push a pivot of a nearly singular matrix below zero.
      a[i * n + j] = i == j ? std::sqrt(std::fmax(sum, 1e-12)) : sum / a[j * n + j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
}

}  // namespace

std::vector<point> two_moons(std::size_t count, double noise, std::uint64_t seed) {
  fronta::rng random(seed);
  // Box and Muller's transform; the standard library's distributions differ between libraries.
  const auto normal = [&] {
    const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
    return radius * std::cos(2 * std::numbers::pi * random.uniform());
  };
  std::vector<point> points;
  for (std::size_t i = 0; i < count; ++i) {
    const double angle = std::numbers::pi * random.uniform();
    const bool upper = random.uniform() < 0.5;
    const double x = upper ? std::cos(angle) : 1 - std::cos(angle);
    const double y = upper ? std::sin(angle) : 0.5 - std::sin(angle);
    const double shift_x = noise * normal();
    const double shift_y = noise * normal();
    points.push_back({x + shift_x, y + shift_y, upper ? 1.0 : -1.0});
  }
  return points;
}

double fold_accuracy(const std::vector<point>& points, model m, std::size_t fold, std::size_t folds,
                     const std::stop_token& stop) {
  std::vector<point> known;
  std::vector<point> unknown;
  for (std::size_t i = 0; i < points.size(); ++i) {
    (i % folds == fold ? unknown : known).push_back(points[i]);
  }
  const auto n = known.size();
  std::vector<double> gram(n * n);
  std::vector<double> weights(n);
  for (std::size_t i = 0; i < n; ++i) {
    weights[i] = known[i].label;
    for (std::size_t j = 0; j <= i; ++j) gram[i * n + j] = kernel(known[i], known[j], m.gamma);
    gram[i * n + i] += m.lambda;
  }
  solve(gram, weights, stop);

  std::size_t right = 0;
  for (const auto& p : unknown) {
    double value = 0;
    for (std::size_t i = 0; i < n; ++i) value += weights[i] * kernel(known[i], p, m.gamma);
    if ((value > 0) == (p.label > 0)) ++right;
  }
  return unknown.empty() ? 0 : static_cast<double>(right) / static_cast<double>(unknown.size());
}

}  // namespace fronta::demos
