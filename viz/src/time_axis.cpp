// SPDX-License-Identifier: Apache-2.0
#include "time_axis.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

// The next of 1, 2 and 5 times a power of ten.
std::int64_t next_step(std::int64_t step) noexcept {
  auto power = std::int64_t{1};
  while (step / power >= 10) power *= 10;
  const auto digit = step / power;
  return (digit == 1 ? 2 : digit == 2 ? 5 : 10) * power;
}

}  // namespace

float time_axis::x(std::int64_t t) const noexcept {
  const auto share =
      static_cast<double>(std::clamp(t, from, to) - from) / static_cast<double>(to - from);
  return left + static_cast<float>(share * static_cast<double>(width));
}

std::int64_t time_axis::time(float pixels) const noexcept {
  return from + static_cast<std::int64_t>(static_cast<double>(pixels) / static_cast<double>(width) *
                                          static_cast<double>(to - from));
}

void draw_ticks(painter& p, const moment_in_view& m, const time_axis& a, const rect& plot,
                const rect& below, float text) {
  const auto origin = m.of.begin();
  const auto span = static_cast<double>(a.to - a.from);
  const auto words_at = [&](std::int64_t tick, std::int64_t step) {
    return moment(tick, step, a.to - origin);
  };
  // Far into a trace and zoomed far the words are long: what decides is how long.
  const auto has_room = [&](std::int64_t step) {
    const auto apart = static_cast<double>(step) / span * static_cast<double>(a.width);
    return apart >= static_cast<double>(p.width_of(words_at(a.to - origin, step), text) * 1.65F);
  };
  std::int64_t step = 1;
  while (!has_room(step) && static_cast<double>(step) < span) step = next_step(step);
  const auto before = a.from - origin;
  auto tick = before - before % step;
  if (tick < before) tick += step;
  auto free = below.x;
  for (std::uint32_t nth = 0; tick <= a.to - origin; tick += step, ++nth) {
    // One at the very end lies within, too.
    const auto x = std::min(std::round(a.x(tick + origin)), std::floor(plot.right()) - 1);
    p.draw_line({kind::axis, part::mark, 0, nth}, {x, plot.y}, {x, plot.bottom()}, p.colors().grid,
                p.stroke() * 0.5F);
    const auto words = words_at(tick, step);
    const auto width = p.width_of(words, text);
    // Those at the ends are moved inwards, where another may be.
    const auto left = std::max(below.x, std::min(x - width / 2, below.right() - width - 1));
    if (left < free || left + width > below.right()) continue;
    p.write({kind::axis, part::value, 0, nth}, {left, below.y, width + 1, below.height}, words,
            text, p.colors().text);
    free = left + width * 1.15F;
  }
}

double rounded_up(double value) noexcept {
  if (!(value > 0) || !std::isfinite(value)) return 1;
  const auto decade = std::pow(10.0, std::floor(std::log10(value)));
  for (const auto factor : {1.0, 2.0, 5.0}) {
    if (factor * decade >= value * (1 - 1e-12)) return factor * decade;
  }
  return 10 * decade;
}

std::string short_number(double value) {
  constexpr std::array<std::string_view, 5> units{"", " k", " M", " G", " T"};
  if (std::isnan(value)) return "not a number";
  if (std::isinf(value)) return value > 0 ? "∞" : "-∞";
  auto size = std::abs(value);
  std::size_t unit = 0;
  // What rounds to 1 000 of the smaller unit is said in the larger.
  while (size >= 999.5 && unit + 1 < units.size()) {
    size /= 1000;
    ++unit;
  }
  std::array<char, 64> text{};
  if (size >= 999.5 || (size != 0 && size < 0.001)) {
    std::snprintf(text.data(), text.size(), "%.2e", size);
  } else {
    // No digits that say nothing: 12, 1.5, 0.25.
    std::snprintf(text.data(), text.size(), "%.3g", size);
  }
  std::string words = value < 0 && size != 0 ? "-" : "";
  words += text.data();
  words += units[unit];
  return words;
}

}  // namespace fronta::viz
