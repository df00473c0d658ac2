// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "panels.hpp"

#include <cstdint>
#include <string>

namespace fronta::viz {

/// From times to pixels.
struct time_axis {
  std::int64_t from = 0;
  std::int64_t to = 1;  ///< after `from`
  float left = 0;
  float width = 0;

  [[nodiscard]] float x(std::int64_t t) const noexcept;
  /// So many pixels from its left end.
  [[nodiscard]] std::int64_t time(float pixels) const noexcept;
};

/// Lines through `plot` and the times below in `below`, counted from the trace's begin.
void draw_ticks(painter& p, const moment_in_view& m, const time_axis& a, const rect& plot,
                const rect& below, float text);

/// 1, 2 or 5 times a power of ten, at or above `value`; 1 for what is not above 0.
[[nodiscard]] double rounded_up(double value) noexcept;

/// With three significant digits and k, M, G or T: "12.3 k".
[[nodiscard]] std::string short_number(double value);

}  // namespace fronta::viz
