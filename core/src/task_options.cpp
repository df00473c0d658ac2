// SPDX-License-Identifier: Apache-2.0
#include <fronta/task_options.hpp>

#include <cmath>
#include <stdexcept>
#include <string>

namespace fronta {

void detail::throw_bad_factor(double factor) {
  throw std::invalid_argument("backoff::exponential: the factor is " + std::to_string(factor) +
                              "; give a finite one, 1 or more for pauses that do not shrink");
}

time_limit backoff::pause(int retry) const noexcept {
  if (first_.infinite()) return first_;
  const std::chrono::duration<double> first = first_.value();
  const time_limit pause(first * std::pow(factor_, retry - 1));
  return pause.value() < longest_.value() ? pause : longest_;
}

}  // namespace fronta
