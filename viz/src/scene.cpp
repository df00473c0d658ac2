// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/scene.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <ranges>

namespace fronta::viz {
namespace {

constexpr std::array<std::string_view, 17> kinds{
    "page",   "badge",     "title",      "task",    "queue", "lane", "place", "axis", "plot",
    "legend", "narration", "completion", "counter", "tag",   "edge", "group", "code"};
static_assert(kinds.size() == static_cast<std::size_t>(item_id::kind::code) + 1);

constexpr std::array<std::string_view, 14> parts{"frame",  "token",  "number", "name",  "bar",
                                                 "hatch",  "stripe", "state",  "mark",  "value",
                                                 "tether", "steal",  "more",   "reason"};
static_assert(parts.size() == static_cast<std::size_t>(item_id::part::reason) + 1);

// Rounded to tenths, and never "-0.0".
std::string tenths(float value) {
  auto in_tenths = std::lround(static_cast<double>(value) * 10);
  std::array<char, 32> text{};
  const bool negative = in_tenths < 0;
  if (negative) in_tenths = -in_tenths;
  const auto length = std::snprintf(text.data(), text.size(), "%s%ld.%ld", negative ? "-" : "",
                                    in_tenths / 10, in_tenths % 10);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string hex(color c) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "#%02x%02x%02x", unsigned{c.red}, unsigned{c.green},
                unsigned{c.blue});
  return text.data();
}

std::string_view word(dash d) {
  switch (d) {
    case dash::dotted:
      return " dotted";
    case dash::dashed:
      return " dashed";
    case dash::solid:
      break;
  }
  return "";
}

std::string_view word(typeface f) {
  switch (f) {
    case typeface::bold:
      return "bold";
    case typeface::mono:
      return "mono";
    case typeface::sans:
      break;
  }
  return "sans";
}

std::string words(point p) { return tenths(p.x) + ',' + tenths(p.y); }
std::string words(const rect& r) {
  return words(point{r.x, r.y}) + ' ' + tenths(r.width) + 'x' + tenths(r.height);
}

struct in_words {
  std::string operator()(const box& b) const {
    auto text = "box " + words(b.at);
    if (b.fill) text += " fill " + hex(*b.fill);
    if (b.stroke) text += " stroke " + hex(*b.stroke) + ' ' + tenths(b.stroke_width);
    if (b.radius > 0) text += " radius " + tenths(b.radius);
    text += word(b.pattern);
    return text;
  }
  std::string operator()(const line& l) const {
    auto text = "line " + words(l.from) + ' ' + words(l.to) + ' ' + hex(l.ink) + ' ';
    text += tenths(l.width);
    text += word(l.pattern);
    return text;
  }
  std::string operator()(const curve& c) const {
    return "curve " + words(c.from) + ' ' + words(c.control_from) + ' ' + words(c.control_to) +
           ' ' + words(c.to) + ' ' + hex(c.ink) + ' ' + tenths(c.width);
  }
  std::string operator()(const polygon& p) const {
    std::string text = "polygon";
    for (const auto& corner : p.corners) text += ' ' + words(corner);
    return text + ' ' + hex(p.fill);
  }
  std::string operator()(const label& l) const {
    auto text = "label " + words(l.baseline) + " size " + tenths(l.size) + " width ";
    text += tenths(l.width) + ' ';
    text += word(l.face);
    return text + ' ' + hex(l.ink) + ' ' + l.text;
  }
};

}  // namespace

std::string to_string(const item_id& id) {
  std::string text(kinds[static_cast<std::size_t>(id.what)]);
  text += '/' + std::to_string(id.number) + '/';
  text += parts[static_cast<std::size_t>(id.which)];
  if (id.nth != 0) text += '/' + std::to_string(id.nth);
  return text;
}

const hit* scene::at(point p) const noexcept {
  for (const auto& h : std::views::reverse(hits)) {
    if (h.at.contains(p)) return &h;
  }
  return nullptr;
}

std::string to_text(const scene& s) {
  auto text = "scene " + tenths(s.width) + 'x' + tenths(s.height) + ' ' + hex(s.background) + '\n';
  for (const auto& p : s.panes) text += "pane " + p.name + ' ' + words(p.at) + '\n';
  for (const auto& p : s.primitives) {
    text += to_string(p.id) + " in " + s.panes[p.pane].name + ' ' + std::visit(in_words{}, p.what);
    text += '\n';
  }
  return text;
}

}  // namespace fronta::viz
