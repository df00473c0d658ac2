// SPDX-License-Identifier: Apache-2.0
#include "lane_arrangement.hpp"

#include "panels.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
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

namespace {

float least_height(const block_sizes& sizes) { return sizes.line + sizes.gap; }

float folded_height(const lane_block& b, const rect& in, const block_sizes& sizes) {
  // Some pixels for each lane, as long as that leaves room; one at least.
  const auto lanes = static_cast<float>(b.lanes.size());
  const auto high = std::min(lanes * sizes.line * 0.3F, in.height * 0.2F);
  return std::max({least_height(sizes), lanes + sizes.gap, high});
}

// What it needs at least.
float needed(const lane_block& b, const rect& in, const block_sizes& sizes) {
  if (b.for_room)
    return std::max(least_height(sizes), static_cast<float>(b.lanes.size()) + sizes.gap);
  return b.folded ? folded_height(b, in, sizes) : least_height(sizes);
}

float needed(const std::vector<lane_block>& blocks, const rect& in, const block_sizes& sizes) {
  float all = 0;
  for (const auto& b : blocks) all += needed(b, in, sizes);
  return all;
}

// Those that are folded for want of room have what is left, by their lanes.
std::vector<float> heights_around_folded(const std::vector<lane_block>& blocks, const rect& in,
                                         const block_sizes& sizes) {
  std::vector<float> heights;
  float left = in.height;
  float lanes = 0;
  for (const auto& b : blocks) {
    heights.push_back(needed(b, in, sizes));
    left -= heights.back();
    if (b.for_room) lanes += static_cast<float>(b.lanes.size());
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto own = static_cast<float>(blocks[i].lanes.size());
    const auto most = std::max(heights[i], own * sizes.most);
    if (blocks[i].for_room) heights[i] = std::min(most, heights[i] + left * own / lanes);
  }
  return heights;
}

}  // namespace

std::vector<lane_block> folded_for_room(const index& of, const std::vector<lane_block>& blocks,
                                        const rect& in, const block_sizes& sizes) {
  const auto place_of = [&](const lane_block& b) {
    const auto& l = of.lanes()[b.lanes.front()];
    return lane_place(l.executor, l.place);
  };
  const auto is_alone = [](const lane_block& b) { return !b.pinned && !b.whole_place; };
  std::map<lane_place, std::size_t> lanes;
  for (const auto& b : blocks) {
    if (is_alone(b)) ++lanes[place_of(b)];
  }
  std::vector<std::size_t> sizes_of_places;
  for (const auto& [place, count] : lanes) {
    if (count > 1) sizes_of_places.push_back(count);
  }
  std::ranges::sort(sizes_of_places, std::greater<>());
  auto folded = blocks;
  for (const auto least : sizes_of_places) {
    if (needed(folded, in, sizes) <= in.height + 0.01F) break;
    // Places that are alike look alike.
    folded.clear();
    std::map<lane_place, std::size_t> at;
    for (const auto& b : blocks) {
      if (!is_alone(b) || lanes[place_of(b)] < least) {
        folded.push_back(b);
        continue;
      }
      const auto [found, first] = at.try_emplace(place_of(b), folded.size());
      if (first) folded.push_back({{}, false, true, true, true});
      folded[found->second].lanes.push_back(b.lanes.front());
    }
  }
  return needed(folded, in, sizes) <= in.height + 0.01F ? folded : blocks;
}

std::vector<block_place> places_of(const std::vector<lane_block>& blocks, const rect& in,
                                   const block_sizes& sizes) {
  const auto least = least_height(sizes);
  std::vector<float> heights(blocks.size(), 0);
  // Those that have their height, and room for the others.
  const auto share = [&](auto has_its_own, float most_of_own, float highest) {
    float own = 0;
    std::size_t others = 0;
    for (const auto& b : blocks) {
      if (has_its_own(b)) {
        own += folded_height(b, in, sizes);
      } else {
        ++others;
      }
    }
    const auto left = in.height - own;
    const auto height = others == 0 ? 0 : std::min(left / static_cast<float>(others), highest);
    if (own > most_of_own || left < 0) return std::pair(false, 0.0F);
    for (std::size_t i = 0; i < blocks.size(); ++i)
      heights[i] = has_its_own(blocks[i]) ? folded_height(blocks[i], in, sizes) : height;
    return std::pair(true, others == 0 ? least : height);
  };
  const auto folded = [](const lane_block& b) { return b.folded; };
  const auto more_than_others = [](const lane_block& b) { return b.pinned || b.whole_place; };
  const bool for_room = std::ranges::any_of(blocks, &lane_block::for_room);
  const auto [all_fit, height] = share(folded, in.height, sizes.most);
  const bool all_named = all_fit && height + 0.01F >= least;
  if (for_room) {
    heights = heights_around_folded(blocks, in, sizes);
  } else if (!all_named && !share(more_than_others, in.height / 2, sizes.most).first) {
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
