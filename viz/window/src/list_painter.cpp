// SPDX-License-Identifier: Apache-2.0
#include "list_painter.hpp"

#include "unicode.hpp"

#include <imgui.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>
#include <span>
#include <variant>
#include <vector>

namespace fronta::viz {
namespace {

constexpr float pi = std::numbers::pi_v<float>;

// Dear ImGui measures fonts from ascent to descent, scenes by the em.
float imgui_size(const font& fonts, typeface face, float em) {
  return fonts.ascent(face, em) + fonts.descent(face, em);
}

ImU32 ink(color c, float cover = 1) {
  const auto alpha = std::lround(std::clamp(cover, 0.0F, 1.0F) * 255);
  return IM_COL32(c.red, c.green, c.blue, alpha);
}

// In units of the stroke's width: how long it is on and off. Nothing for a solid one.
struct rhythm {
  float on = 0;
  float off = 0;
};
rhythm rhythm_of(dash pattern) {
  switch (pattern) {
    case dash::dotted:
      return {1, 1};
    case dash::dashed:
      return {4, 2};
    case dash::solid:
      break;
  }
  return {};
}

// `at`, smaller by `inset` on each side.
rect inside(const rect& at, float inset) {
  return {at.x + inset, at.y + inset, std::max(0.0F, at.width - 2 * inset),
          std::max(0.0F, at.height - 2 * inset)};
}

float radius_within(const rect& at, float radius) {
  return std::clamp(radius, 0.0F, std::min(at.width, at.height) / 2);
}

// A stretch along one axis whose pixels are all covered alike, by the outer and the inner edge of
// a frame.
struct stretch {
  float from;
  float to;
  float outer;
  float inner;
};

float covered(float pixel, float from, float to) {
  return std::max(0.0F, std::min(to, pixel + 1) - std::max(from, pixel));
}

// Nothing is between `inner_from` and `inner_to` if they are the same.
std::vector<stretch> stretches(float from, float to, float inner_from, float inner_to) {
  std::array edges{std::floor(from),     std::ceil(from),        std::floor(to),
                   std::ceil(to),        std::floor(inner_from), std::ceil(inner_from),
                   std::floor(inner_to), std::ceil(inner_to)};
  std::ranges::sort(edges);
  std::vector<stretch> all;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    if (edges[i] == edges[i + 1]) continue;
    const auto outer = covered(edges[i], from, to);
    if (outer > 0) {
      all.push_back({edges[i], edges[i + 1], outer, covered(edges[i], inner_from, inner_to)});
    }
  }
  return all;
}

class drawing {
 public:
  drawing(const font& fonts, std::span<ImFont* const> faces, ImDrawList& to, float density)
      : fonts_(fonts), faces_(faces), to_(to), unit_(1 / density) {}

  void fill(const rect& at, color c) const { frame(at, {at.x, at.y, 0, 0}, c); }

  void operator()(const box& b) const {
    const bool stroked = b.stroke && b.stroke_width > 0;
    const auto width = b.stroke_width;
    // A stroke as wide as the box leaves nothing of the fill.
    if (stroked && 2 * width >= std::min(b.at.width, b.at.height)) {
      fill_round(b.at, b.radius, *b.stroke);
      return;
    }
    if (b.fill) {
      const auto inset = stroked && b.pattern == dash::solid ? width / 2 : 0;
      fill_round(inside(b.at, inset), b.radius - inset, *b.fill);
    }
    if (!stroked) return;
    const auto middle = inside(b.at, width / 2);
    const auto radius = radius_within(middle, b.radius - width / 2);
    if (b.pattern != dash::solid) {
      dashed_outline(middle, radius, *b.stroke, width, b.pattern);
    } else if (radius <= 0) {
      frame(b.at, inside(b.at, width), *b.stroke);
    } else {
      polyline(round_outline(middle, radius), true, *b.stroke, width);
    }
  }

  void operator()(const line& l) const {
    const auto dx = l.to.x - l.from.x;
    const auto dy = l.to.y - l.from.y;
    const auto length = std::hypot(dx, dy);
    if (length <= 0) return;
    const auto r = rhythm_of(l.pattern);
    const auto on = r.on > 0 ? r.on * l.width : length;
    const auto period = r.on > 0 ? (r.on + r.off) * l.width : length;
    const auto dashes = static_cast<int>(std::ceil(length / period));
    for (int n = 0; n < dashes; ++n) {
      const auto s = static_cast<float>(n) * period;
      const auto e = std::min(s + on, length);
      bar({l.from.x + dx * s / length, l.from.y + dy * s / length},
          {l.from.x + dx * e / length, l.from.y + dy * e / length}, l.ink, l.width);
    }
  }

  void operator()(const curve& c) const {
    const auto reach =
        std::hypot(c.control_from.x - c.from.x, c.control_from.y - c.from.y) +
        std::hypot(c.control_to.x - c.control_from.x, c.control_to.y - c.control_from.y) +
        std::hypot(c.to.x - c.control_to.x, c.to.y - c.control_to.y);
    const auto pieces = std::clamp(static_cast<int>(reach / 4), 8, 96);
    std::vector<point> points;
    for (int i = 0; i <= pieces; ++i) {
      const auto t = static_cast<float>(i) / static_cast<float>(pieces);
      const auto u = 1 - t;
      const auto a = u * u * u;
      const auto b = 3 * u * u * t;
      const auto d = 3 * u * t * t;
      const auto e = t * t * t;
      points.push_back({a * c.from.x + b * c.control_from.x + d * c.control_to.x + e * c.to.x,
                        a * c.from.y + b * c.control_from.y + d * c.control_to.y + e * c.to.y});
    }
    polyline(points, false, c.ink, c.width);
  }

  void operator()(const polygon& p) const { convex(p.corners, p.fill, 1); }

  void operator()(const label& l) const {
    if (l.size <= 0) return;
    float advanced = 0;
    for (std::string_view rest = l.text; !rest.empty();) {
      auto character = detail::take_character(rest);
      const auto& g = fonts_.find(l.face, character);
      if (g.replacement) character = detail::replacement_character;
      glyph(g.face, character, l.baseline.x + advanced * l.size, l.baseline.y, l.size, l.ink);
      advanced += g.advance;
    }
  }

 private:
  [[nodiscard]] ImVec2 units(float x, float y) const { return {x * unit_, y * unit_}; }
  [[nodiscard]] ImVec2 units(point p) const { return units(p.x, p.y); }

  // What lies in `outer` and not in `inner`, each pixel as dark as it is covered.
  void frame(const rect& outer, const rect& inner, color c) const {
    const auto columns = stretches(outer.x, outer.right(), inner.x, inner.right());
    const auto rows = stretches(outer.y, outer.bottom(), inner.y, inner.bottom());
    for (const auto& row : rows) {
      for (std::size_t i = 0; i < columns.size();) {
        const auto cover = [&](const stretch& column) {
          return row.outer * column.outer - row.inner * column.inner;
        };
        const auto from = columns[i].from;
        const auto dark = cover(columns[i]);
        auto to = columns[i].to;
        for (++i; i < columns.size() && cover(columns[i]) == dark; ++i) to = columns[i].to;
        if (dark < 1.0F / 512) continue;
        to_.PrimReserve(6, 4);
        to_.PrimRect(units(from, row.from), units(to, row.to), ink(c, dark));
      }
    }
  }

  // A straight stroke with flat ends.
  void bar(point from, point to, color c, float width) const {
    if (from.y == to.y) {
      fill({std::min(from.x, to.x), from.y - width / 2, std::abs(to.x - from.x), width}, c);
      return;
    }
    if (from.x == to.x) {
      fill({from.x - width / 2, std::min(from.y, to.y), width, std::abs(to.y - from.y)}, c);
      return;
    }
    // Under a pixel the soft edges would cross.
    const auto half = std::max(width, 1.0F) / 2;
    const auto length = std::hypot(to.x - from.x, to.y - from.y);
    const auto nx = -(to.y - from.y) / length * half;
    const auto ny = (to.x - from.x) / length * half;
    const std::array corners{point{from.x + nx, from.y + ny}, point{from.x - nx, from.y - ny},
                             point{to.x - nx, to.y - ny}, point{to.x + nx, to.y + ny}};
    convex(corners, c, std::min(width, 1.0F));
  }

  void convex(std::span<const point> corners, color c, float cover) const {
    if (corners.size() < 3) return;
    float area = 0;
    for (std::size_t i = 0; i < corners.size(); ++i) {
      const auto& a = corners[i];
      const auto& b = corners[(i + 1) % corners.size()];
      area += a.x * b.y - b.x * a.y;
    }
    points_.clear();
    for (const auto& p : corners) points_.push_back(units(p));
    if (area < 0) std::ranges::reverse(points_);  // its soft edges want them clockwise
    to_.AddConvexPolyFilled(points_.data(), static_cast<int>(points_.size()), ink(c, cover));
  }

  // Every stroke that is no rectangle passes here: 1.92.8 changes the order of the last two.
  void polyline(std::span<const point> points, bool closed, color c, float width) const {
    points_.clear();
    for (const auto& p : points) points_.push_back(units(p));
    const auto count = static_cast<int>(points_.size());
    const auto dark = ink(c, std::min(width, 1.0F));
    const auto thick = std::max(width, 1.0F) * unit_;
    const ImDrawFlags flags = closed ? ImDrawFlags_Closed : ImDrawFlags_None;
#if IMGUI_VERSION_NUM >= 19280
    to_.AddPolyline(points_.data(), count, dark, thick, flags);
#else
    to_.AddPolyline(points_.data(), count, dark, flags, thick);
#endif
  }

  void fill_round(const rect& at, float radius, color c) const {
    radius = radius_within(at, radius);
    if (radius <= 0) {
      fill(at, c);
    } else {
      convex(round_outline(at, radius), c, 1);
    }
  }

  // Clockwise, from where the upper side meets its right corner, as Cairo's does.
  [[nodiscard]] std::vector<point> round_outline(const rect& at, float radius) const {
    constexpr float tolerance = 0.03F;  // pixels
    const auto step = 2 * std::acos(1 - std::min(0.5F, tolerance / std::max(radius, 0.1F)));
    const auto pieces = std::clamp(static_cast<int>(std::ceil(pi / 2 / step)), 2, 48);
    std::vector<point> points;
    const auto corner = [&](float x, float y, float first) {
      for (int i = 0; i <= pieces; ++i) {
        const auto a = first + pi / 2 * static_cast<float>(i) / static_cast<float>(pieces);
        const point p{x + radius * std::cos(a), y + radius * std::sin(a)};
        // Where sides have no length corners meet; equal points have no direction.
        if (points.empty() || std::hypot(p.x - points.back().x, p.y - points.back().y) > 1e-3F) {
          points.push_back(p);
        }
      }
    };
    const auto left = at.x + radius;
    const auto right = at.right() - radius;
    const auto top = at.y + radius;
    const auto bottom = at.bottom() - radius;
    corner(right, top, -pi / 2);
    corner(right, bottom, 0);
    corner(left, bottom, pi / 2);
    corner(left, top, pi);
    const auto& first = points.front();
    if (std::hypot(first.x - points.back().x, first.y - points.back().y) <= 1e-3F) {
      points.pop_back();
    }
    return points;
  }

  void dashed_outline(const rect& middle, float radius, color c, float width, dash pattern) const {
    std::vector<point> points;
    if (radius <= 0) {
      points = {{middle.x, middle.y},
                {middle.right(), middle.y},
                {middle.right(), middle.bottom()},
                {middle.x, middle.bottom()}};
    } else {
      points = round_outline(middle, radius);
    }
    points.push_back(points.front());
    std::vector<float> way{0};
    for (std::size_t i = 1; i < points.size(); ++i) {
      way.push_back(way.back() +
                    std::hypot(points[i].x - points[i - 1].x, points[i].y - points[i - 1].y));
    }
    const auto length = way.back();
    const auto r = rhythm_of(pattern);
    // Stretched, so that dashes meet where the outline closes.
    const auto count =
        std::max(1, static_cast<int>(std::lround(length / ((r.on + r.off) * width))));
    const auto period = length / static_cast<float>(count);
    const auto on = period * r.on / (r.on + r.off);
    for (int n = 0; n < count; ++n) {
      const auto s = static_cast<float>(n) * period;
      radius <= 0 ? square_dash(points, way, s, s + on, c, width)
                  : polyline(part_of(points, way, s, s + on), false, c, width);
    }
  }

  static point along(std::span<const point> points, std::span<const float> way, std::size_t piece,
                     float s) {
    const auto part = (s - way[piece]) / (way[piece + 1] - way[piece]);
    return {points[piece].x + (points[piece + 1].x - points[piece].x) * part,
            points[piece].y + (points[piece + 1].y - points[piece].y) * part};
  }

  static std::vector<point> part_of(std::span<const point> points, std::span<const float> way,
                                    float from, float to) {
    std::vector<point> part;
    for (std::size_t i = 0; i + 1 < points.size(); ++i) {
      if (way[i + 1] <= from || way[i] >= to) continue;
      if (part.empty()) part.push_back(along(points, way, i, std::max(from, way[i])));
      part.push_back(along(points, way, i, std::min(to, way[i + 1])));
    }
    return part;
  }

  // Side by side; a dash that goes round a corner fills it once.
  void square_dash(std::span<const point> points, std::span<const float> way, float from, float to,
                   color c, float width) const {
    constexpr float nothing = 1e-3F;
    for (std::size_t i = 0; i + 1 < points.size(); ++i) {
      if (way[i + 1] <= from + nothing || way[i] >= to - nothing) continue;
      const bool came = from < way[i] - nothing;
      const bool goes = to > way[i + 1] + nothing;
      const auto s = came ? way[i] + width / 2 : std::max(from, way[i]);
      const auto e = goes ? way[i + 1] + width / 2 : std::min(to, way[i + 1]);
      if (e > s) bar(along(points, way, i, s), along(points, way, i, e), c, width);
    }
  }

  void glyph(typeface face, char32_t character, float x, float baseline, float em, color c) const {
    // Dear ImGui keeps glyphs by whole sizes; what is missing to this one goes into its density.
    const auto size = imgui_size(fonts_, face, em);
    const auto whole = std::max(1.0F, std::round(size));
    const auto part = size / whole;
    auto* baked = faces_[static_cast<std::size_t>(face)]->GetFontBaked(whole, part);
    const auto* g = baked->FindGlyph(static_cast<ImWchar>(character));
    if (g == nullptr || !g->Visible) return;
    const auto top = baseline - baked->Ascent * part;
    to_.PrimReserve(6, 4);
    to_.PrimRectUV(units(x + g->X0 * part, top + g->Y0 * part),
                   units(x + g->X1 * part, top + g->Y1 * part), {g->U0, g->V0}, {g->U1, g->V1},
                   ink(c));
  }

  const font& fonts_;
  std::span<ImFont* const> faces_;
  ImDrawList& to_;
  float unit_;
  mutable std::vector<ImVec2> points_;
};

}  // namespace

list_painter::list_painter(ImFontAtlas& atlas) {
  for (const auto face : {typeface::sans, typeface::bold, typeface::mono}) {
    const auto file = font::file(face);
    ImFontConfig config;
    config.FontDataOwnedByAtlas = false;
    // Quarters of pixels: a glyph that begins between two of them is as sharp as any.
    config.OversampleH = 4;
    config.OversampleV = 1;
    // Dear ImGui takes them for writing, and does not write.
    auto* bytes = const_cast<std::byte*>(file.data());  // NOLINT(*-const-cast)
    faces_[static_cast<std::size_t>(face)] =
        atlas.AddFontFromMemoryTTF(bytes, static_cast<int>(file.size()), 0, &config);
  }
}

void list_painter::draw(const scene& s, ImDrawList& to, float density) const {
  const auto flags = to.Flags;
  const auto fringe = to._FringeScale;
  to._FringeScale = 1 / density;  // soft edges are one pixel wide
  to.Flags &= ~ImDrawListFlags_AntiAliasedLinesUseTex;
  to.Flags |= ImDrawListFlags_AntiAliasedLines | ImDrawListFlags_AntiAliasedFill;
  const drawing draw_on(font_, faces_, to, density);
  draw_on.fill({0, 0, s.width, s.height}, s.background);
  for (auto next = s.primitives.begin(); next != s.primitives.end();) {
    const auto pane = next->pane;
    assert(pane < s.panes.size() && "a primitive names a pane that its scene does not have");
    const auto& at = s.panes[pane].at;
    to.PushClipRect({std::floor(at.x) / density, std::floor(at.y) / density},
                    {std::ceil(at.right()) / density, std::ceil(at.bottom()) / density});
    for (; next != s.primitives.end() && next->pane == pane; ++next) {
      std::visit(draw_on, next->what);
    }
    to.PopClipRect();
  }
  to._FringeScale = fringe;
  to.Flags = flags;
}

}  // namespace fronta::viz
