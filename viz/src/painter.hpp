// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>
#include <fronta/viz/scene.hpp>
#include <fronta/viz/theme.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace fronta::viz {

enum class align : std::uint8_t { left, center, right };

/// Adds primitives to a scene, in a pane at a time. What is said of sizes is in hundredths of the
/// picture's height, so that all of it grows with the picture, times the text's size that is
/// wanted: larger text has larger boxes and gaps. Of pictures taller than 4:3 it is the height of
/// one of 4:3 as wide as they are, or what must be said would not fit their width.
class painter {
 public:
  using kind = item_id::kind;
  using part = item_id::part;

  painter(scene& to, const font_metrics& font, const theme& colors, float text_size = 1);

  [[nodiscard]] const theme& colors() const noexcept { return colors_; }
  /// So many hundredths of the height, in pixels, times the text's size.
  [[nodiscard]] float units(float hundredths) const noexcept { return unit_ * hundredths; }
  [[nodiscard]] float text_size() const noexcept { return text_size_; }
  /// A hundred units of text of its usual size, in pixels.
  [[nodiscard]] float height() const noexcept { return height_; }
  [[nodiscard]] float stroke() const noexcept { return stroke_; }  ///< of outlines

  void begin_pane(std::string name, const rect& at);
  /// What is added from here on has numbers from `first` on: so that things of a second run are
  /// others than those of the first.
  void number_from(std::uint32_t first) noexcept { first_ = first; }

  void fill(const item_id& id, const rect& at, color c, float radius = 0);
  void outline(const item_id& id, const rect& at, color c, float width, dash pattern = dash::solid,
               float radius = 0);
  void draw_line(const item_id& id, point from, point to, color c, float width,
                 dash pattern = dash::solid);
  void draw_polygon(const item_id& id, std::vector<point> corners, color c);
  void draw_curve(const item_id& id, const curve& c);
  /// Parallel lines from lower left to upper right, cut at the edges; some pixels apart at least.
  void hatch(const item_id& id, const rect& at, color c, float spacing, float width);
  /// A box in the look of a state: fill, hatch and outline.
  void state_box(const item_id& id, const rect& at, look l, float radius);

  [[nodiscard]] float width_of(std::string_view text, float size,
                               typeface face = typeface::sans) const;
  /// As much of it as fits, with an ellipsis; empty if nothing would.
  [[nodiscard]] std::string fit(std::string_view text, float size, float most,
                                typeface face = typeface::sans) const;
  /// Names' words are shortened as all words of the trace are, and of the other one; null: as if
  /// there were no other words.
  void shorten_words_of(const index* one, const index* other = nullptr) noexcept {
    names_of_ = {one, other};
  }
  /// How names that stand together are cut. First the words of all are shortened, to three letters
  /// or to two; then, of those that differ in numbers only, as many parts between spaces are left
  /// out of each. Of names with numbers, or # for them, those are the words within, then what is at
  /// the front, as numbers tell more; what is at the end of others, and of all where they would
  /// look alike else.
  struct name_cut {
    std::size_t letters = 0;  // of words, at least; 0: they are whole
    bool from_end = false;
    std::map<std::string, std::size_t> left_out = {};  // by the name without its numbers
  };
  struct name_in_room {
    std::string_view name;
    float most = 0;
  };
  /// The least that has room for all of them that may have any.
  [[nodiscard]] name_cut cut_for(std::span<const name_in_room> together, float size,
                                 typeface face = typeface::sans) const;
  /// "chunk 3, divisor 5" becomes "chu. 3, div. 5", then "chu. 3, 5…", "…3, 5". Empty where it has
  /// no room.
  [[nodiscard]] std::string brief(std::string_view name, float size, float most,
                                  const name_cut& cut, typeface face = typeface::sans) const;
  /// One that stands alone.
  [[nodiscard]] std::string brief(std::string_view name, float size, float most,
                                  typeface face = typeface::sans) const;
  /// As `fit`, but what stays is the end.
  [[nodiscard]] std::string fit_end(std::string_view text, float size, float most,
                                    typeface face = typeface::sans) const;
  /// One line in a box: centred vertically, cut to what fits. What was written of it.
  std::string write(const item_id& id, const rect& in, std::string_view text, float size, color c,
                    align where = align::left, typeface face = typeface::sans);
  /// Broken between words, from the top, as many lines as fit. The height that they take.
  float write_lines(const item_id& id, const rect& in, std::string_view text, float size, color c,
                    typeface face = typeface::sans);
  /// How many lines that would be.
  [[nodiscard]] float lines_of(std::string_view text, float size, float width,
                               typeface face = typeface::sans) const;
  [[nodiscard]] float line_height(float size) const;

  void meet(const item_id& id, const rect& at, std::string tip);

  /// A triangle in a box, pointing to a side.
  void arrow_head(const item_id& id, const rect& in, bool to_right, color c);

  /// Around what is selected, in two tones: seen on any fill.
  void ring(const item_id& id, const rect& at, float radius = 0);

 private:
  void add(const item_id& id, shape s);
  // How much of the text stands in its first line: up to a space, or all of it. Takes as long as
  // the line is, not as the text.
  [[nodiscard]] std::size_t first_line(std::string_view text, float size, float width,
                                       typeface face) const;
  void leave_out(name_cut& cut, std::span<const name_in_room> of, float size, typeface face) const;
  [[nodiscard]] bool looks_alike(const name_cut& cut, std::span<const name_in_room> of) const;
  [[nodiscard]] std::string with_short_words(std::string_view name, std::size_t least) const;

  scene& to_;
  const font_metrics& font_;
  const theme& colors_;
  float text_size_;
  float height_;
  float unit_;
  float stroke_;
  std::uint16_t pane_ = 0;
  std::uint32_t first_ = 0;
  std::array<const index*, 2> names_of_{};
};

}  // namespace fronta::viz
