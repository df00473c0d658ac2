// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lane_painter.hpp"

#include <cstddef>
#include <span>

/// What goes from lane to lane: drawn over bars and under words.
namespace fronta::viz {

/// An arrow for each task that a worker took from another's deque. How many there are, if they are
/// too many to be told apart: then none is drawn.
std::size_t draw_steals(painter& p, const moment_in_view& m, const time_axis& a,
                        std::span<const lane_painter> lanes);

/// Ties what a task has reserved to the bar in which its code runs.
void draw_tethers(painter& p, const moment_in_view& m, const time_axis& a,
                  std::span<const lane_painter> lanes, std::span<const lane_painter> reserved);

/// From the ends of the selected task's inputs to its begin, and from its end to the begins of what
/// depends on it. Marks those among them that are too short to be seen.
void draw_relations(painter& p, const moment_in_view& m, const time_axis& a, const relations& r,
                    std::span<const lane_painter> lanes);

}  // namespace fronta::viz
