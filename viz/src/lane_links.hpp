// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lane_painter.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// What goes from lane to lane: drawn over bars and under words.
namespace fronta::viz {

/// The widest stretch of `in` that none of the `ways` goes through, the leftmost of equal ones.
[[nodiscard]] rect widest_free(const rect& in, std::span<const rect> ways);

/// All on one axis. Where links lie is added to `covered`: words there need ground of their own.
class lane_links {
 public:
  lane_links(painter& p, const moment_in_view& m, const time_axis& a,
             std::span<const lane_painter> lanes, std::span<const lane_painter> reserved)
      : p_(p), m_(m), axis_(a), lanes_(lanes), reserved_(reserved) {}

  /// Ties what a task has reserved to the bar in which its code runs. Where that would be a
  /// thicket, only what is reserved at the moment, or of a task that is marked.
  void draw_tethers(const relations& r);
  /// An arrow for each task that a worker took from another's deque. Bold where several lie on each
  /// other, of the same lanes or of others: each then tells a pointer of all that it lies on. How
  /// many there are, if they are too many to be told apart: then none is drawn.
  std::size_t draw_steals();
  /// From the ends of the selected task's inputs to its begin, and from its end to the begins of
  /// what depends on it. Marks those among them that are too short to be seen.
  void draw_relations(const relations& r);

  [[nodiscard]] std::span<const rect> covered() const noexcept { return covered_; }

 private:
  struct steal {
    std::uint32_t event;
    float x;
    float from;
    float edge;  // of the thief's row
    float tip;
    float head;
    const lane_painter* thief;
    const lane_painter* victim;
    std::vector<std::uint32_t> more = {};  // of the same lanes, whose arrows would lie on this one

    [[nodiscard]] bool lies_on(const steal& other) const noexcept;
  };
  void add_steal(std::vector<steal>& to, std::uint32_t event) const;
  [[nodiscard]] std::string in_words(const steal& s) const;
  void draw(const steal& s, bool bold, std::string tip);
  void tie(const lane_painter& on, const lane_painter::drawn& held);

  painter& p_;
  const moment_in_view& m_;
  const time_axis& axis_;
  std::span<const lane_painter> lanes_;
  std::span<const lane_painter> reserved_;
  std::vector<rect> covered_;
};

}  // namespace fronta::viz
