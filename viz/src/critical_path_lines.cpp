// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"

#include <fronta/viz/critical_path.hpp>
#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

float width_of_line(const painter& p) { return p.stroke() * 2.5F; }

struct piece {
  float left;
  float right;
  const rect* row;
  bool waits;
  std::uint32_t step;
  std::size_t steps;
};

class path_on_lanes {
 public:
  path_on_lanes(const painter& p, const moment_in_view& m, const lanes_geometry& g)
      : m_(m), g_(g), path_(critical_path_of(m.of)), seen_(std::max(3.0F, width_of_line(p))) {}

  // As many as can be told apart, whatever the number of steps.
  [[nodiscard]] std::vector<piece> pieces() const {
    std::vector<piece> found;
    const auto& steps = path_.steps;
    const auto until = std::min(m_.at, m_.to);
    const auto from = [&](std::int64_t t, std::size_t first) {
      const auto at =
          std::ranges::partition_point(steps.begin() + static_cast<std::ptrdiff_t>(first),
                                       steps.end(), [&](const path_step& s) { return s.end <= t; });
      return static_cast<std::size_t>(at - steps.begin());
    };
    for (auto i = from(m_.from, 0); i < steps.size() && steps[i].begin < until;) {
      const auto left = g_.x(steps[i].begin);
      auto next = i + 1;
      auto end = std::min(steps[i].end, until);
      if (g_.x(end) - left < seen_) {
        // A stretch of short ones is one, on the lane of the first.
        next = std::max(next, from(g_.time(left + seen_), i));
        end = std::min(steps[next - 1].end, until);
      }
      const auto right = g_.x(end);
      const bool waits = steps[i].lane == none;
      const auto* row =
          steps[i].task == no_task ? nullptr : row_of(waits ? next_lane(i) : steps[i].lane);
      if (row != nullptr && right > left)
        add(found, {left, right, row, waits, static_cast<std::uint32_t>(i), next - i});
      i = next;
    }
    return found;
  }

 private:
  // Short ones side by side are one line, or their ends would be crumbs; a wait that is too short
  // for dashes is no gap in it.
  void add(std::vector<piece>& to, const piece& one) const {
    const auto is_short = [&](const piece& it) {
      return it.steps > 1 || it.right - it.left < 4 * seen_;
    };
    const auto is_crumb = [&](const piece& it) { return it.right - it.left < 2 * seen_; };
    if (!to.empty()) {
      auto& last = to.back();
      const bool alike = last.waits == one.waits || is_crumb(last.waits ? last : one);
      if (last.row == one.row && alike && one.left - last.right < 1.5F && is_short(last) &&
          is_short(one)) {
        last.right = one.right;
        last.steps += one.steps;
        last.waits = last.waits && one.waits;
        return;
      }
    }
    to.push_back(one);
  }

  [[nodiscard]] const rect* row_of(std::uint32_t lane) const {
    const auto at = std::ranges::find(g_.rows, lane, &lane_row::lane);
    return at == g_.rows.end() ? nullptr : &at->at;
  }
  // A wait is drawn where it ends.
  [[nodiscard]] std::uint32_t next_lane(std::size_t i) const {
    constexpr std::size_t most = 16;
    for (auto k = i; k < std::min(path_.steps.size(), i + most); ++k) {
      if (path_.steps[k].lane != none) return path_.steps[k].lane;
    }
    return none;
  }

  const moment_in_view& m_;
  const lanes_geometry& g_;
  const critical_path& path_;
  float seen_;  // pixels from which a step stands alone
};

}  // namespace

bool knows_critical_path(const moment_in_view& m) noexcept {
  return m.at >= m.of.end() && m.what.shown != source::live;
}

std::vector<rect> draw_critical_ways(painter& p, const moment_in_view& m, const lanes_geometry& g) {
  const auto pieces = path_on_lanes(p, m, g).pieces();
  const auto width = p.stroke() * 1.5F;
  std::vector<rect> ways;
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const auto& one = pieces[i];
    const auto& before = pieces[i - 1];
    if (before.row == one.row || one.left - before.right >= 1) continue;
    const bool down = before.row->y < one.row->y;
    const auto from = down ? before.row->bottom() : before.row->y;
    const auto to = down ? one.row->y : one.row->bottom();
    p.draw_line({kind::edge, part::tether, one.step, 0}, {one.left, from}, {one.left, to},
                p.colors().text, width);
    ways.push_back({one.left - width / 2, std::min(from, to), width, std::abs(to - from)});
  }
  return ways;
}

void draw_critical_outlines(painter& p, const moment_in_view& m, const lanes_geometry& g) {
  const auto width = width_of_line(p);
  const auto ink = p.colors().text;
  for (const auto& one : path_on_lanes(p, m, g).pieces()) {
    item_id id{kind::edge, part::stripe, one.step, 0};
    const auto& row = *one.row;
    if (one.waits) {
      const auto y = row.bottom() - width / 2;
      p.draw_line(id, {one.left, y}, {one.right, y}, ink, width, dash::dashed);
    } else if (one.right - one.left >= 4 * width && row.height >= 4 * width) {
      p.outline(id, {one.left, row.y, one.right - one.left, row.height}, ink, width);
    } else {
      // Too narrow for an outline that leaves anything to be seen.
      const auto thick = std::min(width, row.height / 3);
      p.fill(id, {one.left, row.y, one.right - one.left, thick}, ink);
      id.nth = 1;
      p.fill(id, {one.left, row.bottom() - thick, one.right - one.left, thick}, ink);
    }
  }
}

void draw_lit_words(painter& p, const rect& at, std::string_view words, float size) {
  const auto box = std::round(size * 0.9F);
  const rect sample{at.x, std::round(at.y + (at.height - box) / 2), box * 1.4F, box};
  p.outline({kind::edge, part::token, 0, 0}, sample, p.colors().text, p.stroke() * 2.5F);
  const auto left = sample.width + size * 0.5F;
  p.write({kind::edge, part::name, 0, 0}, {at.x + left, at.y, at.width - left, at.height}, words,
          size, p.colors().text);
}

void draw_critical_path_words(painter& p, const moment_in_view& m, const rect& at, float size) {
  p.begin_pane("critical path", at);
  if (knows_critical_path(m)) {
    draw_lit_words(p, at, in_words(m.of, critical_path_of(m.of)), size);
  } else {
    p.write({kind::edge, part::name, 0, 0}, at, "critical path: known at the end of the run", size,
            p.colors().text);
  }
}

}  // namespace fronta::viz
