// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "time_axis.hpp"

namespace fronta::viz {

/// That of lanes and of what lies below them: beside names as wide as the longest of a lane.
[[nodiscard]] time_axis axis_of(const painter& p, const moment_in_view& m, const rect& at,
                                const lanes_options& o);

/// The moment, as a line; nothing where it is not on the axis.
void draw_playhead(painter& p, const moment_in_view& m, const time_axis& a, const rect& at);

}  // namespace fronta::viz
