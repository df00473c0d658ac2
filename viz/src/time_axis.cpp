// SPDX-License-Identifier: Apache-2.0
#include "time_axis.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace fronta::viz {
namespace {

std::int64_t step_for(std::int64_t span, int most) noexcept {
  std::int64_t step = 1;
  for (;;) {
    for (const auto factor : {1, 2, 5}) {
      if (span / (step * factor) <= most) return step * factor;
    }
    step *= 10;
  }
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
  using kind = painter::kind;
  using part = painter::part;
  const auto sample = p.width_of("1 000.000 µs", text);
  const auto step = step_for(a.to - a.from, std::max(1, static_cast<int>(a.width / sample)));
  const auto origin = m.of.begin();
  auto tick = a.from - origin;
  tick -= tick % step;
  std::uint32_t nth = 0;
  for (; tick <= a.to - origin; tick += step) {
    if (tick < a.from - origin) continue;
    const auto x = std::round(a.x(tick + origin));
    p.draw_line({kind::axis, part::mark, 0, nth}, {x, plot.y}, {x, plot.bottom()}, p.colors().grid,
                p.stroke() * 0.5F);
    const auto words = moment(tick, step, a.to - origin);
    const auto width = p.width_of(words, text);
    const auto left = std::clamp(x - width / 2, below.x, below.right() - width - 1);
    p.write({kind::axis, part::value, 0, nth}, {left, below.y, width + 1, below.height}, words,
            text, p.colors().text);
    ++nth;
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
