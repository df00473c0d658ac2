// SPDX-License-Identifier: Apache-2.0
#include "step_series.hpp"

#include <algorithm>
#include <cmath>

namespace fronta::viz {
namespace {

constexpr std::size_t fan = 16;

}  // namespace

void step_series::add(std::int64_t time, double value) {
  if (!times_.empty() && times_.back() >= time) {
    values_.back() = value;
    if (values_.size() > 1 && values_[values_.size() - 2] == value) {
      values_.pop_back();
      times_.pop_back();
    }
    return;
  }
  if (!values_.empty() && values_.back() == value) return;
  times_.push_back(time);
  values_.push_back(value);
}

void step_series::finish() {
  times_.shrink_to_fit();
  values_.shrink_to_fit();
  integrals_.resize(times_.size());
  for (std::size_t i = 1; i < times_.size(); ++i) {
    integrals_[i] =
        integrals_[i - 1] + values_[i - 1] * static_cast<double>(times_[i] - times_[i - 1]);
  }
  const auto add_level = [&](std::size_t below, auto of) {
    std::vector<least_and_greatest> level((below + fan - 1) / fan);
    for (std::size_t i = 0; i < below; ++i) {
      const least_and_greatest one = of(i);
      auto& to = level[i / fan];
      if (i % fan == 0) to = one;
      to = {std::min(to.first, one.first), std::max(to.second, one.second)};
    }
    levels_.push_back(std::move(level));
  };
  if (values_.size() > fan)
    add_level(values_.size(), [&](std::size_t i) { return std::pair(values_[i], values_[i]); });
  while (!levels_.empty() && levels_.back().size() > fan) {
    const auto& below = levels_.back();  // read before there is another
    add_level(below.size(), [&](std::size_t i) { return below[i]; });
  }
}

std::size_t step_series::steps_until(std::int64_t t) const noexcept {
  return static_cast<std::size_t>(std::ranges::upper_bound(times_, t) - times_.begin());
}

std::optional<double> step_series::at(std::int64_t t) const noexcept {
  const auto steps = steps_until(t);
  if (steps == 0) return std::nullopt;
  return values_[steps - 1];
}

std::optional<step_series::stretch> step_series::over(std::int64_t from,
                                                      std::int64_t to) const noexcept {
  if (to <= from) return std::nullopt;
  const auto before = steps_until(from);
  const auto until = steps_until(to - 1);
  if (until == 0) return std::nullopt;
  const auto first = before == 0 ? 0 : before - 1;
  const auto [least, greatest] = range(first, until);
  stretch found{least, greatest, least, until - before};
  if (least != greatest) {
    const auto begin = std::max(from, times_[first]);
    const auto sum = integral_until(to, until) - integral_until(begin, first + 1);
    const auto mean = sum / static_cast<double>(to - begin);
    // Sums of values near the greatest of all numbers are none.
    found.mean = std::isfinite(mean) ? std::clamp(mean, least, greatest) : least / 2 + greatest / 2;
  }
  return found;
}

step_series::least_and_greatest step_series::range(std::size_t first,
                                                   std::size_t last) const noexcept {
  least_and_greatest found{values_[first], values_[first]};
  const auto take = [&](const least_and_greatest& one) {
    found = {std::min(found.first, one.first), std::max(found.second, one.second)};
  };
  // Ends that are no whole block of the level above, then up.
  for (std::size_t level = 0;; ++level) {
    const auto of = [&](std::size_t i) {
      return level == 0 ? std::pair(values_[i], values_[i]) : levels_[level - 1][i];
    };
    const bool top = level == levels_.size();
    while (first < last && (top || first % fan != 0)) take(of(first++));
    while (first < last && last % fan != 0) take(of(--last));
    if (first >= last) return found;
    first /= fan;
    last /= fan;
  }
}

double step_series::integral_until(std::int64_t t, std::size_t steps) const noexcept {
  if (steps == 0) return 0;
  return integrals_[steps - 1] + values_[steps - 1] * static_cast<double>(t - times_[steps - 1]);
}

double step_series::integral(std::int64_t from, std::int64_t to) const noexcept {
  return to <= from ? 0
                    : integral_until(to, steps_until(to)) - integral_until(from, steps_until(from));
}

}  // namespace fronta::viz
