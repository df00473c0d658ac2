// SPDX-License-Identifier: Apache-2.0
#include "lane_axis.hpp"

#include "lane_arrangement.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>

namespace fronta::viz {

time_axis axis_of(const painter& p, const moment_in_view& m, const rect& at,
                  const lanes_options& o) {
  const auto text = p.units(o.text);
  auto longest = p.width_of("peak ≥ 1 000", text);
  for (const auto l : lanes_in_order(m.of))
    longest = std::max(longest, p.width_of(m.of.lanes()[l].name, text));
  // Places that are folded, or may be for want of room.
  constexpr std::size_t many = 6;
  std::map<lane_place, lane_block> places;
  for (const auto l : lanes_in_order(m.of)) {
    const lane_place place(m.of.lanes()[l].executor, m.of.lanes()[l].place);
    auto& b = places.try_emplace(place, lane_block{{}, false, true, true, false}).first->second;
    b.lanes.push_back(l);
  }
  for (const auto& [place, b] : places) {
    const auto& folded = m.what.lanes.folded_places;
    const bool asked =
        m.what.what != preset::compare && std::ranges::find(folded, place) != folded.end();
    if (asked || b.lanes.size() >= many)
      longest = std::max(longest, p.width_of(name_of(m.of, b), text));
  }
  longest = std::max(longest, o.least_names);
  const auto names = std::floor(std::min(longest + p.units(1.5F), at.width * o.names));
  return axis_over(m, at.x + names, at.width - names);
}

void draw_playhead(painter& p, const moment_in_view& m, const time_axis& a, const rect& at) {
  if (m.at < m.from || m.at > m.to) return;
  using kind = painter::kind;
  using part = painter::part;
  const auto x = std::clamp(a.x(m.at), at.x + p.stroke(), at.right() - p.stroke());
  p.draw_line({kind::axis, part::frame, 0, 0}, {x, at.y}, {x, at.bottom()}, p.colors().playhead,
              p.stroke() * 1.5F);
}

}  // namespace fronta::viz
