// SPDX-License-Identifier: Apache-2.0
#include "painter.hpp"

#include "short_words.hpp"
#include "task_groups.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

namespace fronta::viz {
namespace {

// The first byte of the character that ends before `at`.
std::size_t character_before(std::string_view utf8, std::size_t at) noexcept {
  if (at > 0) --at;
  while (at > 0 && (static_cast<unsigned char>(utf8[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

bool has_number(std::string_view text) noexcept {
  return std::ranges::any_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '#'; });
}

std::vector<std::string_view> parts_of(std::string_view name) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= name.size();) {
    const auto end = std::min(name.find(' ', begin), name.size());
    if (end != begin) parts.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// So many parts between spaces less, but never the last one.
std::string with_less(const std::string& name, std::size_t count, bool from_end) {
  auto parts = parts_of(name);
  if (count == 0 || parts.size() < 2) return name;
  from_end = from_end || !has_number(name);
  const auto first = parts.front();
  for (; count > 0 && parts.size() > 1; --count) {
    if (from_end) {
      parts.pop_back();
      continue;
    }
    // Numbers tell more than words, and the first word more than the next ones.
    const auto last = std::prev(parts.end());
    const auto word = std::find_if(std::next(parts.begin()), last,
                                   [](std::string_view part) { return !has_number(part); });
    parts.erase(word == last ? parts.begin() : word);
  }
  from_end = parts.front().data() == first.data();
  std::string made;
  for (const auto part : parts) {
    if (!made.empty()) made += ' ';
    made += part;
  }
  constexpr std::string_view ellipsis = "…";
  return from_end ? made.append(ellipsis) : made.insert(0, ellipsis);
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
  constexpr float least = 5;  // pixels: closer lines run into each other
  spacing = std::max(spacing, least);
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
  // Less than one line's distance would show crumbs of lines.
  if (s.hatched && at.width >= units(1)) {
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

std::string painter::with_short_words(std::string_view name, std::size_t least) const {
  static const short_words no_others;
  if (least == 0) return std::string(name);
  const auto kept = [&](std::string_view word) {
    auto most = no_others.kept(word, least);
    for (const auto* of : names_of_) {
      if (of != nullptr) most = std::max(most, words_of(*of).kept(word, least));
    }
    return most;
  };
  std::string made;
  for (std::size_t i = 0; i < name.size();) {
    auto end = i;
    while (end < name.size() && is_in_word(name[end])) ++end;
    const auto word = name.substr(i, end - i);
    if (word.empty()) {
      made += name[i++];
      continue;
    }
    const auto stays = kept(word);
    made += word.substr(0, stays);
    if (stays < word.size()) made += '.';
    i = end;
  }
  return made;
}

std::string painter::brief(std::string_view name, float size, float most, const name_cut& cut,
                           typeface face) const {
  auto words = with_short_words(name, cut.letters);
  if (!cut.left_out.empty()) {
    const auto less = cut.left_out.find(without_numbers(name));
    if (less != cut.left_out.end()) words = with_less(words, less->second, cut.from_end);
  }
  return width_of(words, size, face) <= most ? words : std::string();
}

painter::name_cut painter::cut_for(std::span<const name_in_room> together, float size,
                                   typeface face) const {
  constexpr std::array<std::size_t, 3> levels{0, 3, 2};
  std::size_t level = 0;
  bool too_wide = false;
  for (const auto& one : together) {
    std::size_t its = 0;
    while (its < levels.size() &&
           width_of(with_short_words(one.name, levels[its]), size, face) > one.most) {
      ++its;
    }
    if (its == levels.size()) {
      too_wide = true;
    } else {
      level = std::max(level, its);
    }
  }
  name_cut cut;
  cut.letters = levels[too_wide ? std::max<std::size_t>(level, 1) : level];
  if (!too_wide) return cut;
  leave_out(cut, together, size, face);
  if (looks_alike(cut, together)) {
    cut.from_end = true;
    leave_out(cut, together, size, face);
  }
  return cut;
}

void painter::leave_out(name_cut& cut, std::span<const name_in_room> of, float size,
                        typeface face) const {
  cut.left_out.clear();
  for (const auto& one : of) {
    const auto words = with_short_words(one.name, cut.letters);
    const auto fits = [&](std::size_t less) {
      return width_of(with_less(words, less, cut.from_end), size, face) <= one.most;
    };
    if (fits(0)) continue;
    // Nobody looks for the twelfth.
    constexpr std::ptrdiff_t most_parts = 12;
    const auto parts = std::min(most_parts, std::ranges::count(words, ' '));
    for (std::size_t n = 1; n <= static_cast<std::size_t>(parts); ++n) {
      if (!fits(n)) continue;
      auto& of_its_kind = cut.left_out[without_numbers(one.name)];
      of_its_kind = std::max(of_its_kind, n);
      break;
    }
  }
}

// Names of two kinds, but for their numbers.
bool painter::looks_alike(const name_cut& cut, std::span<const name_in_room> of) const {
  std::map<std::string, std::string> of_look;
  for (const auto& one : of) {
    const auto pattern = without_numbers(one.name);
    const auto less = cut.left_out.find(pattern);
    const auto n = less == cut.left_out.end() ? 0 : less->second;
    const auto made = with_less(with_short_words(pattern, cut.letters), n, cut.from_end);
    if (of_look.try_emplace(made, pattern).first->second != pattern) return true;
  }
  return false;
}

std::string painter::brief(std::string_view name, float size, float most, typeface face) const {
  const name_in_room alone{name, most};
  return brief(name, size, most, cut_for({&alone, 1}, size, face), face);
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
