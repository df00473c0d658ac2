// SPDX-License-Identifier: Apache-2.0
#include "likeness.hpp"

#include "unicode.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <variant>

namespace fronta::test {
namespace {

using viz::color;
using viz::image;
using viz::label;
using viz::point;
using viz::rect;
using viz::scene;

// Of 255. Text of a few pixels has nothing but soft edges, which Cairo and Dear ImGui round apart.
constexpr double most_mean = 9;
constexpr double most_ink = 0.08;

// In pixels: those from `left` to just before `right`.
struct area {
  int left, top, right, bottom;
  [[nodiscard]] bool none() const { return left >= right || top >= bottom; }
  [[nodiscard]] int pixels() const { return none() ? 0 : (right - left) * (bottom - top); }
};

area pixels_of(const rect& r, const rect& within, const image& in) {
  const auto at = [](float v) { return static_cast<int>(v); };
  return {
      .left = std::max({0, at(std::floor(r.x)), at(std::floor(within.x))}),
      .top = std::max({0, at(std::floor(r.y)), at(std::floor(within.y))}),
      .right = std::min({in.width, at(std::ceil(r.right())), at(std::ceil(within.right()))}),
      .bottom = std::min({in.height, at(std::ceil(r.bottom())), at(std::ceil(within.bottom()))})};
}

rect around(const std::vector<point>& points, float margin) {
  float left = 1e9F;
  float top = 1e9F;
  float right = -1e9F;
  float bottom = -1e9F;
  for (const auto& p : points) {
    left = std::min(left, p.x);
    top = std::min(top, p.y);
    right = std::max(right, p.x);
    bottom = std::max(bottom, p.y);
  }
  return {left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin};
}

struct part {
  std::string name;
  rect at;
};

// The boxes that a shape's ink lies in, one for each glyph.
struct parts_of {
  const viz::font& font;
  std::string name;

  // Of a high one its upper and lower end as well: in all of it a pixel is too little to be seen.
  std::vector<part> operator()(const viz::box& b) const {
    constexpr float band = 20;
    std::vector<part> parts{{name, b.at}};
    if (b.at.height < 2 * band) return parts;
    parts.push_back({name + " above", {b.at.x, b.at.y, b.at.width, band}});
    parts.push_back({name + " below", {b.at.x, b.at.bottom() - band, b.at.width, band}});
    return parts;
  }
  std::vector<part> operator()(const viz::line& l) const {
    return {{name, around({l.from, l.to}, l.width / 2)}};
  }
  std::vector<part> operator()(const viz::curve& c) const {
    return {{name, around({c.from, c.control_from, c.control_to, c.to}, c.width / 2)}};
  }
  std::vector<part> operator()(const viz::polygon& p) const {
    return {{name, around(p.corners, 0)}};
  }
  std::vector<part> operator()(const label& l) const {
    std::vector<part> parts;
    float x = l.baseline.x;
    for (std::string_view rest = l.text; !rest.empty();) {
      const auto before = rest;
      const auto& g = font.find(l.face, viz::detail::take_character(rest));
      const auto width = g.advance * l.size;
      const auto glyph = std::string(before.substr(0, before.size() - rest.size()));
      const auto top = l.baseline.y - font.ascent(l.face, l.size);
      parts.push_back(
          {name + " '" + glyph + "'",
           {x, top, width, font.ascent(l.face, l.size) + font.descent(l.face, l.size)}});
      x += width;
    }
    return parts;
  }
};

std::array<double, 3> mean_of(const image& i, const area& in) {
  std::array<double, 3> sum{};
  for (int y = in.top; y < in.bottom; ++y) {
    for (int x = in.left; x < in.right; ++x) {
      const auto c = i.at(x, y);
      sum[0] += c.red;
      sum[1] += c.green;
      sum[2] += c.blue;
    }
  }
  for (auto& s : sum) s /= in.pixels();
  return sum;
}

int distance(color a, color b) {
  return std::max(
      {std::abs(a.red - b.red), std::abs(a.green - b.green), std::abs(a.blue - b.blue)});
}

double ink_of(const image& i, const area& in, color paper) {
  double ink = 0;
  for (int y = in.top; y < in.bottom; ++y) {
    for (int x = in.left; x < in.right; ++x) ink += distance(i.at(x, y), paper) / 255.0;
  }
  return ink / in.pixels();
}

}  // namespace

std::vector<std::string> differences(const scene& s, const viz::font& font, const image& expected,
                                     const image& found) {
  std::vector<std::string> all;
  if (expected.width != found.width || expected.height != found.height) {
    return {"one picture is larger"};
  }
  std::vector<bool> inked(expected.pixels.size());
  for (const auto& p : s.primitives) {
    const auto parts = std::visit(parts_of{font, to_string(p.id)}, p.what);
    for (const auto& one : parts) {
      const auto in = pixels_of(one.at, s.panes[p.pane].at, expected);
      if (in.none()) continue;
      const auto want = mean_of(expected, in);
      const auto have = mean_of(found, in);
      // In the fewest pixels a soft edge is all there is: they count for a dozen.
      const auto share = std::min(1.0, in.pixels() / 12.0);
      double worst = 0;
      for (std::size_t c = 0; c < 3; ++c) worst = std::max(worst, std::abs(want[c] - have[c]));
      const auto ink =
          std::abs(ink_of(expected, in, s.background) - ink_of(found, in, s.background));
      if (worst * share > most_mean || ink * share > most_ink) {
        std::ostringstream text;
        text << one.name << " at " << in.left << ',' << in.top << " to " << in.right << ','
             << in.bottom << ": mean differs by " << worst << ", ink by " << ink;
        all.push_back(text.str());
      }
      // Glyphs may reach over their advances, and soft edges over everything.
      const bool is_text = std::holds_alternative<label>(p.what);
      const int margin = is_text ? 2 : 1;
      for (int y = std::max(0, in.top - margin); y < std::min(found.height, in.bottom + margin);
           ++y) {
        for (int x = std::max(0, in.left - margin); x < std::min(found.width, in.right + margin);
             ++x) {
          inked[static_cast<std::size_t>(y) * static_cast<std::size_t>(found.width) +
                static_cast<std::size_t>(x)] = true;
        }
      }
    }
  }
  for (int y = 0; y < found.height; ++y) {
    for (int x = 0; x < found.width; ++x) {
      const auto nth = static_cast<std::size_t>(y) * static_cast<std::size_t>(found.width) +
                       static_cast<std::size_t>(x);
      if (inked[nth] || found.at(x, y) == s.background) continue;
      all.push_back("ink outside of everything at " + std::to_string(x) + ',' + std::to_string(y));
      return all;
    }
  }
  return all;
}

}  // namespace fronta::test
