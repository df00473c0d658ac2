// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What a picture consists of. All outputs (window, PNG, SVG, PDF, video, HTML, text) draw the same
/// scene and nothing else.
namespace fronta::viz {

/// In pixels from the upper left corner, y downwards.
struct point {
  float x = 0;
  float y = 0;
  bool operator==(const point&) const = default;
};

struct rect {
  float x = 0;
  float y = 0;
  float width = 0;
  float height = 0;

  [[nodiscard]] float right() const noexcept { return x + width; }
  [[nodiscard]] float bottom() const noexcept { return y + height; }
  [[nodiscard]] bool contains(point p) const noexcept {
    return p.x >= x && p.x < right() && p.y >= y && p.y < bottom();
  }
  /// Whether `inner` lies within, but for rounding.
  [[nodiscard]] bool encloses(const rect& inner) const noexcept {
    constexpr float slack = 0.01F;
    return inner.x >= x - slack && inner.y >= y - slack && inner.right() <= right() + slack &&
           inner.bottom() <= bottom() + slack;
  }
  bool operator==(const rect&) const = default;
};

/// sRGB, always opaque: a fill means a state, and a faded one would mean nothing.
struct color {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  bool operator==(const color&) const = default;
};

enum class typeface : std::uint8_t { sans, bold, mono };

enum class dash : std::uint8_t { solid, dotted, dashed };

/// A filled or outlined rectangle. The stroke lies inside `at`.
struct box {
  rect at;
  std::optional<color> fill;
  std::optional<color> stroke;
  float stroke_width = 0;
  float radius = 0;  ///< of the corners
  dash pattern = dash::solid;
  bool operator==(const box&) const = default;
};

/// Centred on the way from one end to the other, with flat ends.
struct line {
  point from;
  point to;
  color ink;
  float width = 1;
  dash pattern = dash::solid;
  bool operator==(const line&) const = default;
};

/// A cubic Bézier curve, stroked like a line.
struct curve {
  point from;
  point control_from;
  point control_to;
  point to;
  color ink;
  float width = 1;
  bool operator==(const curve&) const = default;
};

/// Filled and convex.
struct polygon {
  std::vector<point> corners;
  color fill;
  bool operator==(const polygon&) const = default;
};

/// One line of text, unhinted and without kerning.
struct label {
  point baseline;   ///< left end, on whole pixels
  float size = 0;   ///< of the em
  float width = 0;  ///< by the font's advances
  typeface face = typeface::sans;
  color ink;
  std::string text;  ///< UTF-8
  bool operator==(const label&) const = default;
};

using shape = std::variant<box, line, curve, polygon, label>;

/// What a primitive belongs to: stable from scene to scene, so that a thing keeps its identity
/// while it moves.
struct item_id {
  enum class kind : std::uint8_t {
    page,
    badge,
    title,
    task,
    queue,
    lane,
    place,
    axis,
    plot,
    legend,
    narration,
    completion,
    counter,
    tag,
    edge,
    group,  ///< of tasks
    code,   ///< of the program
  };
  enum class part : std::uint8_t {
    frame,
    token,
    number,
    name,
    bar,
    hatch,
    stripe,
    state,
    mark,
    value,
    tether,
    steal,
    more,
    reason,
  };

  kind what = kind::page;
  part which = part::frame;
  std::uint32_t number = 0;  ///< a task's, queue's, lane's, …
  std::uint32_t nth = 0;     ///< where there are several such parts
  bool operator==(const item_id&) const = default;
};

/// Such as "task/42/bar" or "lane/3/bar/17".
[[nodiscard]] std::string to_string(const item_id& id);

struct primitive {
  item_id id;
  std::uint16_t pane = 0;  ///< index in `scene::panes`; drawn clipped to it
  shape what;
  bool operator==(const primitive&) const = default;
};

/// A region of the picture. What is drawn in it does not leave it.
struct pane {
  std::string name;
  rect at;
  bool operator==(const pane&) const = default;
};

/// Where a pointer meets something, and what to say of it.
struct hit {
  item_id id;
  rect at;
  std::string tip;
  bool operator==(const hit&) const = default;
};

struct scene {
  float width = 0;
  float height = 0;
  color background;
  std::vector<pane> panes;
  std::vector<primitive> primitives;  ///< in the order of drawing
  std::vector<hit> hits;              ///< the last that encloses a point is what is met there
  std::string title;                  ///< one line, for a file's title
  std::string description;            ///< the picture in words, for who does not see it
  bool operator==(const scene&) const = default;

  /// What lies at `p`, or null.
  [[nodiscard]] const hit* at(point p) const noexcept;
};

/// One line for each primitive, in tenths of a pixel: the same on every machine that has the same
/// font.
[[nodiscard]] std::string to_text(const scene& s);

/// Widths and heights of text at a size, the em in pixels. Not thread-safe unless said otherwise.
class font_metrics {
 public:
  virtual ~font_metrics() = default;
  /// Sum of the unhinted, unrounded advances. Characters that are not in the font have the width
  /// of the font's replacement.
  [[nodiscard]] virtual float width(typeface face, std::string_view utf8, float size) const = 0;
  [[nodiscard]] virtual float ascent(typeface face, float size) const = 0;
  [[nodiscard]] virtual float descent(typeface face, float size) const = 0;  ///< positive
};

}  // namespace fronta::viz
