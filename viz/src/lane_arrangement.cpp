// SPDX-License-Identifier: Apache-2.0
#include "lane_arrangement.hpp"

#include "panels.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string_view>
#include <utility>

namespace fronta::viz {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Numbers by their value: "cpu 2" before "cpu 10".
bool comes_before(std::string_view a, std::string_view b) noexcept {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const auto number = [](std::string_view text, std::size_t& at) {
        while (at < text.size() && text[at] == '0') ++at;
        const auto begin = at;
        while (at < text.size() && is_digit(text[at])) ++at;
        return text.substr(begin, at - begin);
      };
      const auto x = number(a, i);
      const auto y = number(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      continue;
    }
    if (a[i] != b[j]) return a[i] < b[j];
    ++i;
    ++j;
  }
  return a.size() - i < b.size() - j;
}

std::vector<std::uint32_t> ordered(const index& of, lane_order by) {
  auto lanes = lanes_in_order(of);
  if (by == lane_order::place) return lanes;
  struct entry {
    std::uint32_t lane;
    std::size_t usual;
    std::int64_t value;
  };
  std::vector<entry> entries;
  entries.reserve(lanes.size());
  for (const auto l : lanes) {
    std::int64_t value = 0;
    if (by == lane_order::busy && of.bars_of(l) != 0)
      value = -of.cluster_from(l, 0, forever, forever, of.end()).busy;
    if (by == lane_order::first) value = of.bars_of(l) == 0 ? forever : of.bar_at(l, 0).begin;
    entries.push_back({l, entries.size(), value});
  }
  std::ranges::sort(entries, [&](const entry& a, const entry& b) {
    if (by == lane_order::name) {
      const auto& x = of.lanes()[a.lane].name;
      const auto& y = of.lanes()[b.lane].name;
      if (comes_before(x, y) != comes_before(y, x)) return comes_before(x, y);
    }
    return std::pair(a.value, a.usual) < std::pair(b.value, b.usual);
  });
  std::ranges::transform(entries, lanes.begin(), &entry::lane);
  return lanes;
}

bool holds(const std::vector<std::uint32_t>& some, std::uint32_t one) {
  return std::ranges::find(some, one) != some.end();
}

}  // namespace

std::vector<lane_block> arranged(const index& of, const lane_view& how) {
  std::vector<lane_block> blocks;
  const auto order = ordered(of, how.order);
  for (const auto l : how.pinned) {
    if (!holds(order, l) ||
        std::ranges::any_of(blocks, [&](const lane_block& b) { return b.lanes.front() == l; }))
      continue;
    blocks.push_back({{l}, true, holds(how.folded, l), false});
  }
  std::map<lane_place, std::size_t> folded;  // the blocks of places
  for (const auto l : order) {
    if (holds(how.pinned, l)) continue;
    const lane_place place(of.lanes()[l].executor, of.lanes()[l].place);
    if (std::ranges::find(how.folded_places, place) == how.folded_places.end()) {
      blocks.push_back({{l}, false, holds(how.folded, l), false});
      continue;
    }
    const auto [at, first] = folded.try_emplace(place, blocks.size());
    if (first) blocks.push_back({{}, false, true, true});
    blocks[at->second].lanes.push_back(l);
  }
  return blocks;
}

std::string name_of(const index& of, const lane_block& b) {
  const auto& first = of.lanes()[b.lanes.front()];
  if (!b.whole_place) return first.name;
  std::string text(of.place_name(first.executor, first.place));
  if (text.empty()) text = first.what == lane::kind::thread ? "threads" : first.name;
  text += ", ";
  text += std::to_string(b.lanes.size());
  text += b.lanes.size() == 1 ? " lane" : " lanes";
  return text;
}

std::vector<block_place> places_of(const std::vector<lane_block>& blocks, const rect& in,
                                   const block_sizes& sizes) {
  const auto least = sizes.line + sizes.gap;
  const auto folded_height = [&](const lane_block& b) {
    // Some pixels for each lane, as long as that leaves room; one at least.
    const auto lanes = static_cast<float>(b.lanes.size());
    const auto high = std::min(lanes * sizes.line * 0.3F, in.height * 0.2F);
    return std::max({least, lanes + sizes.gap, high});
  };
  std::vector<float> heights(blocks.size(), 0);
  // Those that have their height, and room for the others.
  const auto share = [&](auto has_its_own, float most_of_own, float highest) {
    float own = 0;
    std::size_t others = 0;
    for (const auto& b : blocks) {
      if (has_its_own(b)) {
        own += folded_height(b);
      } else {
        ++others;
      }
    }
    const auto left = in.height - own;
    const auto height = others == 0 ? 0 : std::min(left / static_cast<float>(others), highest);
    if (own > most_of_own || left < 0) return std::pair(false, 0.0F);
    for (std::size_t i = 0; i < blocks.size(); ++i)
      heights[i] = has_its_own(blocks[i]) ? folded_height(blocks[i]) : height;
    return std::pair(true, others == 0 ? least : height);
  };
  const auto folded = [](const lane_block& b) { return b.folded; };
  const auto more_than_others = [](const lane_block& b) { return b.pinned || b.whole_place; };
  const auto [all_fit, height] = share(folded, in.height, sizes.most);
  const bool all_named = all_fit && height + 0.01F >= least;
  if (!all_named && !share(more_than_others, in.height / 2, sizes.most).first) {
    std::size_t lanes = 0;
    for (const auto& b : blocks) lanes += b.lanes.size();
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      heights[i] =
          in.height * static_cast<float>(blocks[i].lanes.size()) / static_cast<float>(lanes);
    }
  }
  std::vector<block_place> places;
  places.reserve(blocks.size());
  auto y = in.y;
  for (const auto high : heights) {
    block_place place{{in.x, y, in.width, high}, {}, high + 0.01F >= least};
    place.inner = place.named
                      ? rect{in.x, y + sizes.gap / 2, in.width, high - sizes.gap}
                      : rect{in.x, y, in.width, std::max(1.0F, high - (high > 3 ? 1.0F : 0))};
    places.push_back(place);
    y += high;
  }
  return places;
}

}  // namespace fronta::viz
