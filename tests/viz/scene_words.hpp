// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/scene.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/view.hpp>

#include "plain_metrics.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fronta::test {

/// What there is of a kind and part, in the order of drawing.
template <class Shape>
std::vector<Shape> shapes_of(const viz::scene& s, viz::item_id::kind what,
                             viz::item_id::part which) {
  std::vector<Shape> found;
  for (const auto& p : s.primitives) {
    if (p.id.what != what || p.id.which != which) continue;
    if (const auto* one = std::get_if<Shape>(&p.what)) found.push_back(*one);
  }
  return found;
}

/// Of what is drawn, without its strokes; of text from its ascent to its descent.
inline viz::rect bounds_of(const viz::primitive& p, const viz::font_metrics& font) {
  struct visitor {
    const viz::font_metrics& font;
    viz::rect operator()(const viz::box& b) const { return b.at; }
    viz::rect operator()(const viz::line& l) const { return around({l.from, l.to}); }
    viz::rect operator()(const viz::curve& c) const {
      return around({c.from, c.control_from, c.control_to, c.to});
    }
    viz::rect operator()(const viz::polygon& p) const { return around(p.corners); }
    viz::rect operator()(const viz::label& l) const {
      const auto ascent = font.ascent(l.face, l.size);
      return {l.baseline.x, l.baseline.y - ascent, l.width, ascent + font.descent(l.face, l.size)};
    }
    static viz::rect around(const std::vector<viz::point>& points) {
      const auto [left, right] = std::ranges::minmax(points, {}, &viz::point::x);
      const auto [top, bottom] = std::ranges::minmax(points, {}, &viz::point::y);
      return {left.x, top.y, right.x - left.x, bottom.y - top.y};
    }
  };
  return std::visit(visitor{font}, p.what);
}

/// Of one pane or of all.
inline std::vector<std::string> texts_in(const viz::scene& s, std::string_view pane = {}) {
  std::vector<std::string> found;
  for (const auto& p : s.primitives) {
    if (!pane.empty() && s.panes[p.pane].name != pane) continue;
    if (const auto* l = std::get_if<viz::label>(&p.what)) found.push_back(l->text);
  }
  return found;
}

inline std::vector<std::string> tips_of(const viz::scene& s) {
  std::vector<std::string> found;
  for (const auto& h : s.hits) found.push_back(h.tip);
  return found;
}

/// All that a scene draws and says.
inline std::string in_words(const viz::scene& s) {
  auto words = to_text(s) + s.description + '\n';
  for (const auto& h : s.hits) words += to_string(h.id) + ": " + h.tip + '\n';
  return words;
}

inline viz::scene drawn(const viz::index& of, const viz::view& what, float width = 1280,
                        float height = 720) {
  static const plain_metrics font;
  return draw(of, what, width, height, font, viz::light_theme());
}

}  // namespace fronta::test
