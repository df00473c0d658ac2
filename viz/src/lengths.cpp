// SPDX-License-Identifier: Apache-2.0
#include "lane_axis.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

// How many tasks wait in a queue and how many run, from a pixel on.
struct length {
  float x;
  std::uint32_t waiting;
  std::uint32_t running;
};

bool waits(task_state s) noexcept {
  return s == task_state::queued || s == task_state::waiting_tags || s == task_state::retry_wait;
}
bool runs(task_state s) noexcept { return s == task_state::running || s == task_state::copying; }

length length_at(const index& of, float x, std::int64_t t) {
  const auto counts = of.counts_at(t);
  length l{x, 0, 0};
  for (std::size_t s = 0; s < counts.size(); ++s) {
    if (waits(static_cast<task_state>(s))) l.waiting += counts[s];
    if (runs(static_cast<task_state>(s))) l.running += counts[s];
  }
  return l;
}

struct course {
  std::vector<length> points;
  std::uint32_t peak = 0;
  bool sampled = false;  // the peak is that of what was looked at
};

// Every change where they are few; else what is true at each other pixel.
course lengths(const moment_in_view& m, const time_axis& a) {
  const auto& of = m.of;
  const auto until =
      std::max(m.from, std::min(m.at, m.to));  // a moment before the axis: nothing yet
  course all;
  auto& points = all.points;
  const auto count = [&](const length& l) {
    all.peak = std::max({all.peak, l.waiting, l.running});
  };
  points.push_back(length_at(of, std::round(a.x(m.from)), m.from));
  count(points.back());
  const auto changes = of.changes();
  const auto at = [&](std::int64_t t) {
    return std::ranges::partition_point(changes,
                                        [&](const change& c) { return of.time_of(c) <= t; });
  };
  const auto begin = at(m.from);
  const auto end = at(until);
  if (static_cast<float>(end - begin) <= 4 * a.width) {
    for (auto c = begin; c != end; ++c) {
      auto next = points.back();
      next.x = a.x(of.time_of(*c));
      if (waits(c->state)) ++next.waiting;
      if (runs(c->state)) ++next.running;
      if (c->previous != none) {
        const auto before = changes[c->previous].state;
        if (waits(before)) --next.waiting;
        if (runs(before)) --next.running;
      }
      count(next);
      next.x = std::round(next.x);  // edge to edge, with no seam between
      if (next.x <= points.back().x) {
        next.x = points.back().x;
        points.back() = next;
      } else {
        points.push_back(next);
      }
    }
    return all;
  }
  all.sampled = true;
  const auto pixels = static_cast<int>(a.width);
  for (int nth = 2; nth < pixels; nth += 2) {
    const auto x = static_cast<float>(nth);
    const auto t = a.time(x);
    if (t > until) break;
    points.push_back(length_at(of, std::round(a.left + x), t));
    count(points.back());
  }
  return all;
}

}  // namespace

void draw_lengths(painter& p, const moment_in_view& m, const rect& at, const lanes_options& o) {
  p.begin_pane("lengths", at);
  const auto text = p.units(o.text);
  const auto a = axis_of(p, m, at, o);
  const rect plot{a.left, at.y, a.width, at.height};
  p.fill({kind::plot, part::frame, 1, 0}, plot, p.colors().panel);
  const auto all = lengths(m, a);
  const auto& points = all.points;
  const auto scale =
      (plot.height - p.line_height(text) * 0.5F) / static_cast<float>(std::max(1U, all.peak));
  const auto draw = [&](std::uint32_t which, auto value, color c, bool filled) {
    std::uint32_t nth = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const auto right = i + 1 < points.size() ? points[i + 1].x : a.x(m.at);
      const auto height = static_cast<float>(value(points[i])) * scale;
      const auto y = plot.bottom() - height;
      const item_id id{kind::plot, part::value, which, nth++};
      if (filled) {
        p.fill(id, {points[i].x, y, right - points[i].x, height}, c);
        continue;
      }
      const auto half = p.stroke();
      const auto line_y = std::clamp(y, plot.y + half, plot.bottom() - half);
      p.draw_line(id, {points[i].x, line_y}, {right, line_y}, c, 2 * half);
      if (i + 1 < points.size()) {
        const auto next =
            std::clamp(plot.bottom() - static_cast<float>(value(points[i + 1])) * scale,
                       plot.y + half, plot.bottom() - half);
        const auto x = std::clamp(right, plot.x + half, plot.right() - half);
        if (next != line_y)
          p.draw_line({kind::plot, part::mark, which, nth}, {x, std::min(line_y, next) - half},
                      {x, std::max(line_y, next) + half}, c, 2 * half);
      }
    }
  };
  draw(1, [](const length& l) { return l.waiting; }, p.colors().of(look::retry_wait).fill, true);
  // Where colours mean kinds, this one means none.
  draw(
      2, [](const length& l) { return l.running; },
      shows_kinds(m.what) ? p.colors().text : p.colors().of(look::running).fill, false);
  draw_cuts(p, a, plot, 1);
  const auto line = p.line_height(text);
  const auto name = [&](std::uint32_t number, float y, const std::string& words) {
    p.write({kind::plot, part::name, number, 0}, {at.x, y, a.left - at.x - p.units(1), line}, words,
            text, p.colors().text, align::right);
  };
  auto peak = std::string(all.sampled ? "peak ≥ " : "peak ");
  peak += grouped(all.peak);
  // As many of the three as have room, the scale first.
  const auto rows = plot.height / line;
  if (rows >= 1) name(3, at.y, peak);
  if (rows >= 2) name(2, plot.bottom() - line, "running");
  if (rows >= 3) name(1, plot.bottom() - 2 * line, "waiting");
  p.meet({kind::plot, part::name, 3, 0}, {at.x, at.y, a.left - at.x, std::min(line, at.height)},
         all.sampled ? "the most at once of what was looked at, at every other pixel"
                     : "the most tasks that waited, or ran, at once");
  draw_playhead(p, m, a, plot);
}

}  // namespace fronta::viz
