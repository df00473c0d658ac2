// SPDX-License-Identifier: Apache-2.0
#include "lane_links.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

// Why there is nothing, part by part: said where there is room, and to a pointer everywhere.
void draw_blanks(painter& p, const moment_in_view& m, const time_axis& a, std::uint32_t lane,
                 const rect& row, float text, std::span<const std::pair<float, float>> covered,
                 std::span<const rect> ways) {
  const auto until = std::min(m.at, m.to);
  const auto least = a.time(p.units(1)) - a.from;
  std::uint32_t nth = 0;
  const auto blank = [&](float left, float right) {
    if (right - left < p.units(1)) return;
    const auto begin = std::min(a.time(left - a.left), until);
    const auto end = std::min(a.time(right - a.left), until);
    for (const auto& one : m.of.blanks(lane, begin, end, least)) {
      const rect at{a.x(one.begin), row.y, a.x(one.end) - a.x(one.begin), row.height};
      if (at.width <= 0) continue;
      const item_id id{kind::lane, part::reason, lane, nth++};
      p.meet(id, at, one.why);
      const auto pad = p.units(1);
      if (text > 0 && row.height >= p.line_height(text) &&
          p.width_of(one.why, text) + 2 * pad <= at.width) {
        const auto line = p.line_height(text);
        const auto wide = p.width_of(one.why, text) + pad;
        rect words{at.x + pad / 2, at.y + (at.height - line) / 2, at.width - pad, line};
        const auto free = widest_free(words, ways);
        if (free.width >= wide) {
          words.x = free.x;
        } else {
          p.fill({kind::lane, part::name, lane, 1 + nth}, {words.x, words.y, wide, line},
                 p.colors().panel);
        }
        p.write(id, {words.x + pad / 2, words.y, wide, line}, one.why, text, p.colors().text);
      }
    }
  };
  const auto end = a.x(until);
  auto left = row.x;
  for (const auto& [from, to] : covered) {
    blank(left, std::min(from, end));
    left = std::max(left, to);
  }
  blank(left, end);
}

}  // namespace

std::vector<std::uint32_t> lanes_in_order(const index& of) {
  std::vector<std::uint32_t> order;
  const auto lanes = of.lanes();
  std::set<std::pair<std::uint16_t, std::int32_t>> with_streams;
  for (const auto& l : lanes) {
    if (l.what == lane::kind::stream) with_streams.emplace(l.executor, l.place);
  }
  for (std::uint32_t l = 0; l < lanes.size(); ++l) {
    if (lanes[l].what == lane::kind::thread && of.bars_of(l) == 0) continue;
    if (lanes[l].what == lane::kind::reserved &&
        with_streams.contains({lanes[l].executor, lanes[l].place})) {
      continue;  // drawn behind the stream
    }
    order.push_back(l);
  }
  const auto rank = [&](std::uint32_t l) {
    const auto& x = lanes[l];
    int group = 1;
    if (x.what == lane::kind::slot) group = 0;
    if (x.what == lane::kind::thread) group = 2;
    return std::tuple(x.executor, group, x.place, x.what, x.number);
  };
  std::ranges::sort(order, {}, rank);
  return order;
}

namespace {

// By the lane's bars, and by what is reserved in the same row: from left to right.
std::vector<std::pair<float, float>> covered_in(const lane_painter& lane,
                                                std::span<const lane_painter> reserved) {
  std::vector<std::pair<float, float>> all(lane.covered().begin(), lane.covered().end());
  for (const auto& r : reserved) {
    if (r.row() == lane.row()) all.insert(all.end(), r.covered().begin(), r.covered().end());
  }
  std::ranges::sort(all);
  return all;
}

// Names of lanes; of their places where lanes are too thin to be named.
void draw_names(painter& p, const moment_in_view& m, const time_axis& a, const rect& at,
                std::span<const lane_row> rows, bool thin, float text) {
  std::string named;
  float named_at = -1e6F;
  for (const auto& [lane, row] : rows) {
    const auto& which = m.of.lanes()[lane];
    const auto width = a.left - at.x - p.units(1);
    if (!thin) {
      p.write({kind::lane, part::name, lane, 0}, {at.x, row.y, width, row.height}, which.name, text,
              p.colors().text, align::right);
      continue;
    }
    const auto place = std::string(m.of.place_name(which.executor, which.place));
    const auto& label = place.empty() ? which.name : place;
    const auto line = p.line_height(text);
    if (label == named || row.y - named_at < line || row.y + line > at.bottom()) continue;
    p.write({kind::place, part::name, lane, 0}, {at.x, row.y, width, line}, label, text,
            p.colors().text, align::right);
    named = label;
    named_at = row.y;
  }
}

}  // namespace

void draw_lanes(painter& p, const moment_in_view& m, const rect& at, const lanes_options& o) {
  p.begin_pane("lanes", at);
  const auto text = p.units(o.text);
  const auto ticks = p.line_height(text) * 1.1F;
  const auto a = axis_of(p, m, at, o);
  const rect lanes{a.left, at.y, a.width, at.height - ticks};
  if (lanes.height < p.units(1)) return;
  p.fill({kind::plot, part::frame, 0, 0}, lanes, p.colors().panel);
  const rect below{at.x, lanes.bottom(), at.width, ticks};
  draw_ticks(p, m, a, lanes, {a.left, below.y, a.width, below.height}, text);
  const auto order = lanes_in_order(m.of);
  if (order.empty()) {
    p.write({kind::lane, part::reason, 0, 0}, lanes,
            m.of.events().empty() ? so_far(m, "The trace is empty: no worker has told of anything")
                                  : so_far(m, "No worker has told of anything"),
            text, p.colors().text, align::center);
    return;
  }
  const auto gap = std::max(1.0F, p.units(0.35F));
  const auto least = p.line_height(text) + gap;
  const bool thin = order.size() > static_cast<std::size_t>(lanes.height / least);
  auto height = lanes.height / static_cast<float>(order.size());
  if (!thin) height = std::min(height, p.units(o.most_height));
  std::vector<lane_row> rows;
  auto y = lanes.y;
  for (const auto l : order) {
    rows.push_back({l,
                    {lanes.x, y + (thin ? 0 : gap / 2), lanes.width,
                     thin ? std::max(1.0F, height - (height > 3 ? 1.0F : 0)) : height - gap}});
    y += height;
    if (!thin) {
      p.draw_line({kind::lane, part::frame, l, 0}, {lanes.x, y}, {lanes.right(), y},
                  p.colors().grid, p.stroke() * 0.5F);
    }
  }
  draw_names(p, m, a, {at.x, lanes.y, at.width, lanes.height}, rows, thin, text);
  const lanes_geometry places{m.from, m.to, a.left, a.width, rows};
  const bool lit = o.critical == lanes_options::path::outlined;
  if (lit) draw_critical_path(p, m, places, path_part::ways);

  const relations related(m.of, m.what.selected, m.at);
  std::vector<lane_painter> reserved;
  std::vector<lane_painter> shown;
  for (const auto& [lane, row] : rows) {
    const auto& which = m.of.lanes()[lane];
    // What a host task has reserved lies behind the device's own work.
    if (which.what == lane::kind::stream && which.number == 0) {
      for (std::uint32_t r = 0; r < m.of.lanes().size(); ++r) {
        const auto& other = m.of.lanes()[r];
        if (other.what == lane::kind::reserved && other.executor == which.executor &&
            other.place == which.place) {
          reserved.emplace_back(p, m, a, related, r, row, text).draw_bars();
        }
      }
    }
    shown.emplace_back(p, m, a, related, lane, row, text).draw_bars();
  }
  if (lit) draw_critical_path(p, m, places, path_part::outlines);
  lane_links links(p, m, a, shown, reserved);
  if (!thin) links.draw_tethers(related);
  const auto steals = links.draw_steals();
  links.draw_relations(related);
  for (auto& one : reserved) one.write_words(links.covered());
  for (auto& one : shown) {
    one.write_words(links.covered());
    draw_blanks(p, m, a, one.lane(), one.row(), thin ? 0 : text, covered_in(one, reserved),
                links.covered());
  }
  if (steals != 0) {
    const auto words = grouped(steals) + (steals == 1 ? " steal" : " steals");
    const rect corner{at.x, below.y, a.left - at.x - p.units(1), below.height};
    p.write({kind::lane, part::steal, 0, 0}, corner, words, text, p.colors().text, align::right);
    p.meet({kind::lane, part::steal, 0, 0}, corner,
           words + ": too many for arrows; zoom in to see them");
  }
  if (lit) draw_critical_path(p, m, places, path_part::outlines);
  draw_playhead(p, m, a, lanes);
}

}  // namespace fronta::viz
