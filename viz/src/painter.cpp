// SPDX-License-Identifier: Apache-2.0
#include "painter.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace fronta::viz {
namespace {

// The first byte of the character that ends before `at`.
std::size_t character_before(std::string_view utf8, std::size_t at) noexcept {
  if (at > 0) --at;
  while (at > 0 && (static_cast<unsigned char>(utf8[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

}  // namespace

painter::painter(scene& to, const font_metrics& font, const theme& colors, float text_size)
    : to_(to),
      font_(font),
      colors_(colors),
      text_size_(text_size),
      height_(std::min(to.height, to.width * 0.75F)),
      unit_(height_ / 100 * text_size),
      stroke_(std::max(1.0F, std::round(height_ / 540))) {}

void painter::begin_pane(std::string name, const rect& at) {
  pane_ = static_cast<std::uint16_t>(to_.panes.size());
  to_.panes.push_back({std::move(name), at});
}

void painter::add(const item_id& id, shape s) {
  to_.primitives.push_back({id, pane_, std::move(s)});
  to_.primitives.back().id.number += first_;
}

void painter::fill(const item_id& id, const rect& at, color c, float radius) {
  if (at.width > 0 && at.height > 0) add(id, box{at, c, std::nullopt, 0, radius, dash::solid});
}

void painter::outline(const item_id& id, const rect& at, color c, float width, dash pattern,
                      float radius) {
  if (at.width > 0 && at.height > 0) add(id, box{at, std::nullopt, c, width, radius, pattern});
}

void painter::draw_line(const item_id& id, point from, point to, color c, float width,
                        dash pattern) {
  add(id, line{from, to, c, width, pattern});
}

void painter::draw_polygon(const item_id& id, std::vector<point> corners, color c) {
  add(id, polygon{std::move(corners), c});
}

void painter::draw_curve(const item_id& id, const curve& c) { add(id, c); }

void painter::hatch(const item_id& id, const rect& at, color c, float spacing, float width) {
  // Line k goes through x + y = k * spacing, so that neighbours' hatches meet.
  if (at.width < 1 || at.height < 1) return;
  const auto first = std::lround(std::ceil((at.x + at.y) / spacing));
  const auto last = std::lround(std::floor((at.right() + at.bottom()) / spacing));
  auto part_id = id;
  for (auto k = first; k <= last; ++k) {
    const auto sum = static_cast<float>(k) * spacing;
    const auto left = std::max(at.x, sum - at.bottom());
    const auto right = std::min(at.right(), sum - at.y);
    if (right - left < 0.5F) continue;
    draw_line(part_id, {left, sum - left}, {right, sum - right}, c, width);
    ++part_id.nth;
  }
}

void painter::state_box(const item_id& id, const rect& at, look l, float radius) {
  const auto& s = colors_.of(l);
  fill(id, at, s.fill, radius);
  if (s.hatched && at.width >= 4) {
    auto lines = id;
    lines.which = part::hatch;
    const auto inset = radius / 2;
    hatch(lines, {at.x + inset, at.y + inset, at.width - 2 * inset, at.height - 2 * inset},
          colors_.of(look::retry_wait).fill, units(1), stroke_ * 0.6F);
  }
  if (at.width >= 3 * stroke_) outline(id, at, colors_.outline, stroke_, s.outline, radius);
}

float painter::width_of(std::string_view text, float size, typeface face) const {
  return font_.width(face, text, size);
}

std::string painter::fit(std::string_view text, float size, float most, typeface face) const {
  if (width_of(text, size, face) <= most) return std::string(text);
  constexpr std::string_view ellipsis = "…";
  const auto room = most - width_of(ellipsis, size, face);
  // Widths only grow with length: the most characters that fit.
  std::size_t low = 0;
  auto high = text.size();
  while (low < high) {
    auto middle = low + (high - low + 1) / 2;
    while (middle < text.size() && (static_cast<unsigned char>(text[middle]) & 0xC0U) == 0x80U)
      ++middle;
    middle = std::min(middle, high);
    if (width_of(text.substr(0, middle), size, face) <= room) {
      low = middle;
    } else {
      high = character_before(text, middle);
    }
  }
  while (low > 0 && text[low - 1] == ' ') --low;
  if (low == 0) return "";
  return std::string(text.substr(0, low)) + std::string(ellipsis);
}

std::string painter::brief(std::string_view name, float size, float most, typeface face) const {
  constexpr std::size_t longest = 200;
  if (width_of(name, size, face) <= most) return std::string(name);
  const bool numbered =
      std::ranges::any_of(name, [](char c) { return (c >= '0' && c <= '9') || c == '#'; });
  if (!numbered || name.size() > longest) return fit(name, size, most, face);
  struct word {
    std::size_t begin;
    std::size_t length;
    std::size_t kept;
  };
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  std::vector<word> words;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!is_letter(name[i])) continue;
    const auto begin = i;
    while (i < name.size() && is_letter(name[i])) ++i;
    words.push_back({begin, i - begin, i - begin});
  }
  // The longest loses letters first; a dot stands for them, so they are two at least.
  auto width = width_of(name, size, face);
  const auto dot = width_of(".", size, face);
  while (width > most) {
    const auto most_kept = std::ranges::max_element(words, {}, &word::kept);
    if (most_kept == words.end() || most_kept->kept < 2) break;
    auto& w = *most_kept;
    if (w.kept == w.length) {
      if (w.length < 3) break;
      width += dot;
      width -= width_of(name.substr(w.begin + --w.kept, 1), size, face);
    }
    width -= width_of(name.substr(w.begin + --w.kept, 1), size, face);
  }
  std::string made;
  std::size_t at = 0;
  for (const auto& w : words) {
    made += name.substr(at, w.begin + w.kept - at);
    if (w.kept != w.length) made += '.';
    at = w.begin + w.length;
  }
  made += name.substr(at);
  auto end = fit_end(made, size, most, face);
  constexpr std::string_view ellipsis = "…";
  if (!end.starts_with(ellipsis)) return end;
  // From a word on: the rest of one says nothing.
  const auto begin = made.size() - (end.size() - ellipsis.size());
  if (made[begin - 1] == ' ') return end;
  const auto space = end.find(' ', ellipsis.size());
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (space == std::string::npos) {
    // The end of a number would be another number.
    return is_digit(made[begin - 1]) && is_digit(made[begin]) ? std::string() : end;
  }
  end.erase(ellipsis.size(), space + 1 - ellipsis.size());
  return end;
}

std::string painter::fit_end(std::string_view text, float size, float most, typeface face) const {
  if (width_of(text, size, face) <= most) return std::string(text);
  constexpr std::string_view ellipsis = "…";
  auto room = most - width_of(ellipsis, size, face);
  // From its end, character by character: what is kept is short.
  auto begin = text.size();
  while (begin > 0) {
    const auto before = character_before(text, begin);
    room -= width_of(text.substr(before, begin - before), size, face);
    if (room < 0) break;
    begin = before;
  }
  while (begin < text.size() && text[begin] == ' ') ++begin;
  if (begin == text.size()) return "";
  std::string kept(ellipsis);
  return kept += text.substr(begin);
}

float painter::line_height(float size) const {
  return font_.ascent(typeface::sans, size) + font_.descent(typeface::sans, size);
}

std::string painter::write(const item_id& id, const rect& in, std::string_view text, float size,
                           color c, align where, typeface face) {
  auto fitting = fit(text, size, in.width, face);
  if (fitting.empty()) return fitting;
  const auto width = width_of(fitting, size, face);
  const auto slack = in.width - width;
  auto x = in.x;
  if (where == align::center) x += slack / 2;
  if (where == align::right) x += slack;
  const auto ascent = font_.ascent(face, size);
  const auto descent = font_.descent(face, size);
  const auto y = in.y + (in.height + ascent - descent) / 2;
  // Whole pixels, but never out of the box to the right.
  const auto left = where == align::right ? std::floor(x) : std::min(std::round(x), x + slack);
  add(id, label{{left, std::round(y)}, size, width, face, c, fitting});
  return fitting;
}

std::size_t painter::first_line(std::string_view text, float size, float width,
                                typeface face) const {
  // Word by word: no text is kerned, so widths add up.
  float used = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    const auto next = std::min(text.find(' ', end + 1), text.size());
    used += width_of(text.substr(end, next - end), size, face);
    if (used > width && end != 0) break;
    end = next;
    if (used > width) return end;  // one word that is too long
  }
  // But for rounding: what is said to fit does.
  while (width_of(text.substr(0, end), size, face) > width) {
    const auto space = text.rfind(' ', end - 1);
    if (space == 0 || space == std::string_view::npos) break;
    end = space;
  }
  return end;
}

float painter::lines_of(std::string_view text, float size, float width, typeface face) const {
  float lines = 0;
  while (!text.empty()) {
    text.remove_prefix(std::min(text.size(), first_line(text, size, width, face) + 1));
    ++lines;
  }
  return lines;
}

float painter::write_lines(const item_id& id, const rect& in, std::string_view text, float size,
                           color c, typeface face) {
  const auto height = line_height(size);
  auto top = in.y;
  auto part_id = id;
  while (!text.empty() && top + height <= in.bottom() + 0.01F) {
    auto end = first_line(text, size, in.width, face);
    if (top + 2 * height > in.bottom() + 0.01F)
      end = text.size();  // the last that there is room for
    write(part_id, {in.x, top, in.width, height}, text.substr(0, end), size, c, align::left, face);
    top += height;
    ++part_id.nth;
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return top - in.y;
}

void painter::meet(const item_id& id, const rect& at, std::string tip) {
  to_.hits.push_back({id, at, std::move(tip)});
  to_.hits.back().id.number += first_;
}

void painter::ring(const item_id& id, const rect& at, float radius) {
  const auto width = 2 * stroke_;
  outline(id, at, colors_.text, width, dash::solid, radius);
  if (at.width <= 4 * width || at.height <= 4 * width) return;
  auto inner = id;
  ++inner.nth;
  outline(inner, {at.x + width, at.y + width, at.width - 2 * width, at.height - 2 * width},
          colors_.page, stroke_, dash::solid, std::max(0.0F, radius - width));
}

void painter::arrow_head(const item_id& id, const rect& in, bool to_right, color c) {
  const auto middle = in.y + in.height / 2;
  if (to_right) {
    draw_polygon(id, {{in.x, in.y}, {in.right(), middle}, {in.x, in.bottom()}}, c);
  } else {
    draw_polygon(id, {{in.right(), in.y}, {in.right(), in.bottom()}, {in.x, middle}}, c);
  }
}

}  // namespace fronta::viz
