// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "panels.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fronta::viz {

/// Lines through `plot` and the times below in `below`, counted from the trace's begin. On the
/// clock of steps how long it is from line to line, and that it is not to scale; on the warped one
/// also how long each stretch is that has been shortened.
void draw_ticks(painter& p, const moment_in_view& m, const time_axis& a, const rect& plot,
                const rect& below, float text);

/// Cuts through a plot of that number where the clock has shortened a stretch: over bars, and below
/// words, for which the places of the cuts are.
std::vector<rect> draw_cuts(painter& p, const time_axis& a, const rect& plot, std::uint32_t number);

/// 1, 2 or 5 times a power of ten, at or above `value`; 1 for what is not above 0.
[[nodiscard]] double rounded_up(double value) noexcept;

/// With three significant digits and k, M, G or T: "12.3 k".
[[nodiscard]] std::string short_number(double value);

}  // namespace fronta::viz
