// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace fronta::viz {

/// A value over time that holds until the next one. Its least and greatest value and its sum over
/// any stretch are exact, and cost by the logarithm of its steps.
class step_series {
 public:
  /// By time; a value that holds for no time is not kept.
  void add(std::int64_t time, double value);
  /// Once, after the last one.
  void finish();

  [[nodiscard]] bool empty() const noexcept { return times_.empty(); }
  [[nodiscard]] std::size_t steps() const noexcept { return times_.size(); }
  /// What it is at `t`, a step there included; nothing before the first.
  [[nodiscard]] std::optional<double> at(std::int64_t t) const noexcept;
  /// All that it is from `from` to before `to`.
  struct stretch {
    double least = 0;
    double greatest = 0;
    double mean = 0;        ///< by time; where the first value comes later, from then on
    std::size_t steps = 0;  ///< how often it changes, or begins, after `from`
  };
  [[nodiscard]] std::optional<stretch> over(std::int64_t from, std::int64_t to) const noexcept;
  /// Value times time, from `from` to `to`; 0 before the first step.
  [[nodiscard]] double integral(std::int64_t from, std::int64_t to) const noexcept;

 private:
  using least_and_greatest = std::pair<double, double>;

  // How many steps are at or before t.
  [[nodiscard]] std::size_t steps_until(std::int64_t t) const noexcept;
  // Up to t, which so many steps are at or before.
  [[nodiscard]] double integral_until(std::int64_t t, std::size_t steps) const noexcept;
  [[nodiscard]] least_and_greatest range(std::size_t first, std::size_t last) const noexcept;

  std::vector<std::int64_t> times_;
  std::vector<double> values_;
  std::vector<double> integrals_;                        // up to each step
  std::vector<std::vector<least_and_greatest>> levels_;  // of 16 of the level below, each
};

}  // namespace fronta::viz
