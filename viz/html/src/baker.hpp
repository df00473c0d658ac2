// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/scene.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fronta::viz::detail {

/// Strings of which each has one number, in the order of their coming.
class string_table {
 public:
  std::size_t number_of(std::string text);
  [[nodiscard]] std::size_t size() const noexcept { return strings_.size(); }
  [[nodiscard]] const std::vector<std::string>& strings() const noexcept { return strings_; }

 private:
  std::unordered_map<std::string, std::size_t> numbers_;
  std::vector<std::string> strings_;
};

/// Turns the scenes of a film into JSON: what is drawn once in a table, and of each scene only how
/// it differs from the one before. All scenes have the same size and background.
///
///     {"size": [width, height], "background": COLOR, "title": TEXT,
///      "colors": ["#rrggbb"…], "texts": [string…], "keys": [string…],
///      "panes": [[TEXT, x, y, width, height]…],
///      "styles": [[PANE, 0, FILL, STROKE, stroke width, radius, dash]   a box; COLOR -1: none
///                 [PANE, 1, INK, width, dash]                           a line
///                 [PANE, 2, INK, width]                                 a curve
///                 [PANE, 3, FILL]                                       a polygon
///                 [PANE, 4, INK, size, face]                            a label
///                 …],
///      "primitives": [[KEY, STYLE, x, y, width, height] (a box)
///                     [KEY, STYLE, x, y, x, y…] (a line, curve or polygon)
///                     [KEY, STYLE, x, y, width, TEXT] (a label) …],
///      "beats": [[TEXT, TEXT, TEXT, CHANGES…]…]}   its time, its narration, the scene in words
///
/// Names in capitals are indices of tables; lengths are in tenths of a pixel, as in `to_text`. A
/// scene is a list of primitives in the order of drawing. CHANGES are groups that lead from the
/// list before to the next: how many to keep, how many to leave out, how many come in their place,
/// and those: 0 is the first primitive of the table that was not yet in any scene, n the primitive
/// n - 1. What is left after the last group stays.
///
/// A key says what is the same thing in two scenes: the item's id, a colon, the kind of shape (b,
/// l, c, p or t), and for the second of that name in a scene "~2", then "~3" and so on in the order
/// of drawing.
class baker {
 public:
  void add(const scene& s, std::string_view time, std::string_view narration);
  /// Safe inside a script element.
  [[nodiscard]] std::string json() const;

 private:
  using list = std::vector<std::size_t>;

  std::size_t color_number(color c);
  std::size_t pane_number(const pane& p);
  [[nodiscard]] list primitives_of(const scene& s);
  void add_changes(const list& next, std::size_t known);

  std::string size_;
  std::string background_;
  std::string title_;
  string_table colors_;
  string_table texts_;
  string_table keys_;
  // Already as JSON.
  string_table panes_;
  string_table styles_;
  string_table primitives_;
  std::string beats_;

  list last_;
};

}  // namespace fronta::viz::detail
