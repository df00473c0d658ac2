// SPDX-License-Identifier: Apache-2.0
#include "lane_arrangement.hpp"
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

// Why there is nothing, part by part: to a pointer everywhere, and in words where there is room for
// the sentence, else for a word. Where a cut or a hairline goes through them they have ground of
// their own.
class blank_writer {
 public:
  blank_writer(painter& p, const moment_in_view& m, const time_axis& a, std::span<const rect> ways)
      : p_(p), m_(m), axis_(a), ways_(ways), until_(std::min(m.at, m.to)) {}

  void write(std::uint32_t lane, const rect& row, float text,
             std::span<const std::pair<float, float>> covered) {
    lane_ = lane;
    row_ = row;
    text_ = text;
    nth_ = 0;
    pieces_.clear();
    const auto end = axis_.x(until_);
    auto left = row.x;
    for (const auto& [from, to] : covered) {
      find_between(left, std::min(from, end));
      left = std::max(left, to);
    }
    find_between(left, end);
    const auto line = p_.line_height(text);
    if (text <= 0 || row.height < line) return;
    // Of a hairline something must be left above and below the words.
    const auto bridged = row.height >= 1.6F * line ? hairline : 0.5F;
    for (auto first = pieces_.begin(); first != pieces_.end();) {
      auto last = first + 1;
      while (last != pieces_.end() && last->brief == first->brief &&
             last->at.x - std::prev(last)->at.right() < bridged) {
        ++last;
      }
      say({first, last});
      first = last;
    }
  }

 private:
  static constexpr float hairline = 3.5F;  // pixels of the widest

  struct piece {
    rect at;
    std::string why;
    std::string brief;
    std::uint32_t nth;
  };

  void find_between(float left, float right) {
    if (right - left < p_.units(1)) return;
    const auto begin = std::min(axis_.time(left - axis_.left), until_);
    const auto end = std::min(axis_.time(right - axis_.left), until_);
    for (auto& one : m_.of.blanks(lane_, begin, end, least(begin, end, right - left))) {
      const rect at{axis_.x(one.begin), row_.y, axis_.x(one.end) - axis_.x(one.begin), row_.height};
      if (at.width <= 0) continue;
      p_.meet({kind::lane, part::reason, lane_, nth_}, at, one.why);
      pieces_.push_back({at, std::move(one.why), std::move(one.brief), nth_++});
    }
  }

  // Of pieces side by side for one reason: the sentence where it fits, or over all of them if it
  // is true of all; else the word, once.
  void say(std::span<const piece> group) {
    const auto& first = group.front();
    const rect all{first.at.x, first.at.y, group.back().at.right() - first.at.x, first.at.height};
    bool said = false;
    for (const auto& one : group) said = write(one.why, one.at, one.nth) || said;
    if (said) return;
    const bool same =
        std::ranges::all_of(group, [&](const piece& one) { return one.why == first.why; });
    if (same && write(first.why, all, first.nth)) return;
    for (const auto& one : group) {
      if (write(one.brief, one.at, one.nth)) return;
    }
    write(first.brief, all, first.nth);
  }

  bool write(std::string_view says, const rect& at, std::uint32_t nth) {
    const auto pad = p_.units(1);
    const auto width = p_.width_of(says, text_);
    if (width + 2 * pad > at.width) return false;
    const auto wide = width + pad;
    const auto line = p_.line_height(text_);
    rect words{at.x + pad / 2, at.y + (at.height - line) / 2, at.width - pad, line};
    const auto free = widest_free(words, ways_);
    if (free.width >= wide) words.x = free.x;
    words.width = wide;
    const auto crosses = [&](const rect& one) {
      return one.x < words.right() && words.x < one.right() && one.y < words.bottom() &&
             words.y < one.bottom();
    };
    const bool bridges = std::ranges::any_of(pieces_, [&](const piece& one) {
      return one.at.right() > words.x && one.at.right() < words.right();
    });
    if (bridges || std::ranges::any_of(ways_, crosses)) {
      // What goes through is cut whole, with what is around it.
      auto left = words.x;
      auto right = words.right();
      for (const auto& one : ways_) {
        if (!crosses(one)) continue;
        left = std::min(left, std::max(one.x, at.x));
        right = std::max(right, std::min(one.right(), at.right()));
      }
      p_.fill({kind::lane, part::frame, lane_, nth + 1},
              {left, words.y, right - left, words.height}, p_.colors().panel);
    }
    p_.write({kind::lane, part::reason, lane_, nth}, {words.x + pad / 2, words.y, wide, line}, says,
             text_, p_.colors().text);
    return true;
  }

  // On clocks that change their pace: as long as such a piece is on average.
  [[nodiscard]] std::int64_t least(std::int64_t begin, std::int64_t end, float width) const {
    if (axis_.clock == nullptr) return axis_.time(p_.units(1)) - axis_.from;
    const auto of_all = static_cast<double>(p_.units(1)) / static_cast<double>(width);
    return std::max(std::int64_t{1},
                    static_cast<std::int64_t>(static_cast<double>(end - begin) * of_all));
  }

  painter& p_;
  const moment_in_view& m_;
  const time_axis& axis_;
  std::span<const rect> ways_;
  std::int64_t until_;
  std::uint32_t lane_ = 0;
  rect row_;
  float text_ = 0;
  std::uint32_t nth_ = 0;
  std::vector<piece> pieces_;  // of the lane, from left to right
};

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

// Two runs have other lanes.
lane_view arrangement_of(const view& v) {
  if (v.what != preset::compare) return v.lanes;
  lane_view order;
  order.order = v.lanes.order;
  return order;
}

float height_of_ticks(const painter& p, const lanes_options& o) {
  return p.line_height(p.units(o.text)) * 1.1F;
}

// Names of lanes; of their places where lanes are too thin to be named.
class name_writer {
 public:
  name_writer(painter& p, const moment_in_view& m, const rect& in, float text,
              const std::vector<lane_block>& blocks)
      : p_(p), m_(m), in_(in), text_(text) {
    std::vector<std::string> names;
    names.reserve(blocks.size());
    for (const auto& b : blocks) names.push_back(name_of(m.of, b));
    std::vector<painter::name_in_room> together;
    together.reserve(names.size());
    for (const auto& name : names) together.push_back({name, in.width});
    cut_ = p.cut_for(together, text);
  }

  // `until`: where the next named one begins.
  void write(const lane_block& b, const block_place& at, float until) {
    const auto lane = b.lanes.front();
    const rect row{in_.x, at.inner.y, in_.width, at.inner.height};
    if (at.named) {
      const item_id id{b.whole_place ? kind::place : kind::lane, part::name, lane, 0};
      const auto name = name_of(m_.of, b);
      const auto words = p_.brief(name, text_, row.width, cut_);
      p_.write(id, row, words.empty() ? name : words, text_, p_.colors().text, align::right);
      if (std::ranges::find(b.lanes, m_.what.lanes.marked) != b.lanes.end()) mark(lane, row, name);
      if (m_.what.what != preset::compare) p_.meet(id, row, tip_of(b, name));
      return;
    }
    const auto& which = m_.of.lanes()[lane];
    const auto place = std::string(m_.of.place_name(which.executor, which.place));
    const auto& label = place.empty() ? which.name : place;
    const auto line = p_.line_height(text_);
    if (label == named_ || row.y - named_at_ < line || row.y + line > until) return;
    p_.write({kind::place, part::name, lane, 0}, {in_.x, row.y, in_.width, line}, label, text_,
             p_.colors().text, align::right);
    named_ = label;
    named_at_ = row.y;
  }

 private:
  void mark(std::uint32_t lane, const rect& row, const std::string& name) {
    const auto pad = p_.units(0.6F);
    const auto wide = std::min(row.width, p_.width_of(name, text_) + pad);
    const auto high = std::min(row.height, p_.line_height(text_) * 1.1F);
    p_.outline({kind::lane, part::mark, lane, 0},
               {row.right() - wide, row.y + (row.height - high) / 2, wide + pad, high},
               p_.colors().text, 1.5F * p_.stroke());
  }
  static std::string tip_of(const lane_block& b, const std::string& name) {
    auto tip = name;
    if (b.for_room) return tip += ", too many to be named one by one: P pins the marked one";
    if (b.pinned) tip += ", pinned";
    if (b.folded) tip += ", folded";
    return tip += b.folded ? " (a click unfolds)" : " (a click folds)";
  }

  painter& p_;
  const moment_in_view& m_;
  rect in_;
  float text_;
  painter::name_cut cut_;
  std::string named_;
  float named_at_ = -1e6F;
};

}  // namespace

float most_height_of_lanes(const painter& p, const index& of, const lanes_options& o) {
  const auto lanes = std::max<std::size_t>(1, lanes_in_order(of).size());
  return p.units(o.most_height) * static_cast<float>(lanes) + height_of_ticks(p, o);
}

float draw_lanes(painter& p, const moment_in_view& m, const rect& room, const lanes_options& o) {
  const auto text = p.units(o.text);
  const auto ticks = height_of_ticks(p, o);
  const auto a = axis_of(p, m, room, o);
  rect lanes{a.left, room.y, a.width, room.height - ticks};
  const auto gap = std::max(1.0F, p.units(0.35F));
  const block_sizes sizes{p.line_height(text), gap, p.units(o.most_height)};
  const auto blocks = folded_for_room(m.of, arranged(m.of, arrangement_of(m.what)), lanes, sizes);
  const auto block_places = places_of(blocks, lanes, sizes);
  // Ground below the last lane would be taken for one.
  if (!block_places.empty())
    lanes.height = std::min(lanes.height, block_places.back().at.bottom() - lanes.y);
  const rect at{room.x, room.y, room.width, lanes.height + ticks};
  p.begin_pane("lanes", at);
  if (lanes.height < p.units(1)) return at.height;
  p.fill({kind::plot, part::frame, 0, 0}, lanes, p.colors().panel);
  const rect below{at.x, lanes.bottom(), at.width, ticks};
  draw_ticks(p, m, a, lanes, {a.left, below.y, a.width, below.height}, text);
  if (blocks.empty()) {
    p.write({kind::lane, part::reason, 0, 0}, lanes,
            m.of.events().empty() ? so_far(m, "The trace is empty: no worker has told of anything")
                                  : so_far(m, "No worker has told of anything"),
            text, p.colors().text, align::center);
    return at.height;
  }
  // Of each lane where it is, and how large its words are: 0 for none.
  std::vector<lane_row> rows;
  std::vector<float> words;
  name_writer names(p, m, {at.x, lanes.y, a.left - at.x - p.units(1), lanes.height}, text, blocks);
  bool thin = false;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto& b = blocks[i];
    const auto& place = block_places[i];
    const auto high = place.inner.height / static_cast<float>(b.lanes.size());
    auto row = place.inner;
    for (const auto l : b.lanes) {
      if (b.lanes.size() > 1) row.height = std::max(1.0F, high - (high > 3 ? 1.0F : 0.0F));
      rows.push_back({l, row});
      words.push_back(place.named && b.lanes.size() == 1 ? text : 0);
      row.y += high;
    }
    thin = thin || !place.named || b.for_room;
    // Pinned ones and those of an executor stand together.
    const auto executor = [&](const lane_block& one) {
      return m.of.lanes()[one.lanes.front()].executor;
    };
    const bool last_of_group =
        i + 1 < blocks.size() && ((b.pinned && !blocks[i + 1].pinned) ||
                                  (m.what.lanes.order == lane_order::place && !b.pinned &&
                                   executor(b) != executor(blocks[i + 1])));
    if (place.named || last_of_group) {
      const auto y = place.at.bottom();
      p.draw_line({kind::lane, part::frame, b.lanes.front(), 0}, {lanes.x, y}, {lanes.right(), y},
                  last_of_group ? p.colors().outline : p.colors().grid,
                  p.stroke() * (last_of_group ? 1.0F : 0.5F));
    }
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    auto next = i + 1;
    while (next < blocks.size() && !block_places[next].named) ++next;
    names.write(blocks[i], block_places[i],
                next < blocks.size() ? block_places[next].inner.y : lanes.bottom());
  }
  const lanes_geometry places{a, rows};
  const bool lit = o.critical == lanes_options::path::outlined;
  const auto ways = lit ? draw_critical_ways(p, m, places) : std::vector<rect>();

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
  if (lit) draw_critical_outlines(p, m, places);
  const auto cuts = draw_cuts(p, a, lanes, 0);
  lane_links links(p, m, a, shown, reserved);
  if (!thin) links.draw_tethers(related);
  const auto steals = links.draw_steals();
  links.draw_relations(related);
  auto covered = cuts;
  covered.insert(covered.end(), links.covered().begin(), links.covered().end());
  for (auto& one : reserved) one.write_words(covered);
  // Bars hide the path's ways; empty ground does not.
  auto on_ground = covered;
  on_ground.insert(on_ground.end(), ways.begin(), ways.end());
  blank_writer blanks(p, m, a, on_ground);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    auto& one = shown[i];
    one.write_words(covered);
    blanks.write(one.lane(), one.row(), words[i], covered_in(one, reserved));
  }
  if (steals != 0) {
    const auto said = grouped(steals) + (steals == 1 ? " steal" : " steals");
    const rect corner{at.x, below.y, a.left - at.x - p.units(1), below.height};
    p.write({kind::lane, part::steal, 0, 0}, corner, said, text, p.colors().text, align::right);
    p.meet({kind::lane, part::steal, 0, 0}, corner,
           said + ": too many for arrows; zoom in to see them");
  }
  if (lit) draw_critical_outlines(p, m, places);
  draw_playhead(p, m, a, lanes);
  return at.height;
}

}  // namespace fronta::viz
