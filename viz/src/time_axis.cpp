// SPDX-License-Identifier: Apache-2.0
#include "time_axis.hpp"

#include <fronta/viz/clock.hpp>
#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

// The next of 1, 2 and 5 times a power of ten.
std::int64_t next_step(std::int64_t step) noexcept {
  auto power = std::int64_t{1};
  while (step / power >= 10) power *= 10;
  const auto digit = step / power;
  if (digit == 1) return 2 * power;
  return (digit == 2 ? 5 : 10) * power;
}

// What stands below an axis, and the lines that belong to it.
class axis_writer {
 public:
  axis_writer(painter& p, const moment_in_view& m, const time_axis& a, const rect& plot,
              const rect& below, float text)
      : p_(p), a_(a), plot_(plot), below_(below), text_(text), origin_(m.of.begin()) {}

  // Regular ones. Where a stretch is shortened there are none.
  void write_times() {
    std::int64_t step = 1;
    while (!has_room(step) && static_cast<double>(step) < length()) step = next_step(step);
    const auto first_after = [&](std::int64_t t) {
      const auto before = t - t % step;
      return before < t ? before + step : before;
    };
    auto tick = first_after(a_.from - origin_);
    auto free = below_.x;
    std::uint32_t nth = 0;
    while (tick <= a_.to - origin_) {
      if (const auto* cut = cut_around(tick + origin_)) {
        tick = first_after(cut->end - origin_);
        continue;
      }
      const auto x = draw_tick(tick + origin_, nth);
      const auto words = words_at(tick, step);
      const auto width = p_.width_of(words, text_);
      // Those at the ends are moved inwards, where another may be.
      const auto left = std::max(below_.x, std::min(x - width / 2, below_.right() - width - 1));
      if (left >= free && left + width <= below_.right() && !is_taken(left, left + width)) {
        write({kind::axis, part::value, 0, nth}, left, width, words);
        free = left + width * 1.15F;
      }
      tick += step;
      ++nth;
    }
  }

  // A line for so many events, and how long it is from one to the next.
  void write_steps() {
    const auto moments = a_.clock->moments();
    const auto step = static_cast<double>(a_.width) / length();
    const auto gap = p_.width_of("⋯ 000 ms", text_) * 1.25F;
    std::size_t events = 1;
    while (static_cast<double>(events) * step < static_cast<double>(gap) &&
           static_cast<double>(events) < length())
      events = static_cast<std::size_t>(next_step(static_cast<std::int64_t>(events)));
    const auto note = write_note(events, 1 / step);
    auto first =
        static_cast<std::size_t>(std::ranges::lower_bound(moments, a_.from) - moments.begin());
    first -= first % events;
    for (std::uint32_t nth = 0; first < moments.size(); first += events, ++nth) {
      const auto begin = moments[first];
      if (begin > a_.to) break;
      if (begin >= a_.from) draw_tick(begin, nth);
      const auto end = moments[std::min(first + events, moments.size() - 1)];
      const auto words = "⋯ " + duration(end - begin);
      const auto width = p_.width_of(words, text_);
      const auto middle = (a_.x(begin) + a_.x(end)) / 2;
      const bool whole = begin >= a_.from && end <= a_.to && end > begin;
      if (!whole || width > a_.x(end) - a_.x(begin)) continue;
      const auto left = middle - width / 2;
      if (left < below_.x || left + width > note) continue;
      write({kind::axis, part::value, 0, nth}, left, width, words);
    }
  }

  // How long each shortened stretch is, below it.
  void write_cuts() {
    std::uint32_t nth = 0;
    for (const auto& cut : a_.clock->cuts()) {
      if (cut.end <= a_.from || cut.begin >= a_.to) continue;
      const item_id id{kind::axis, part::more, 0, nth++};
      const auto begin = a_.x(cut.begin);
      const auto end = a_.x(cut.end);
      // The factor changes here.
      for (const auto x : {begin, end}) {
        if (x <= plot_.x + 1 || x >= plot_.right() - 1) continue;
        p_.draw_line(id, {std::round(x), plot_.y}, {std::round(x), plot_.bottom()},
                     p_.colors().outline, p_.stroke() * 0.5F, dash::dashed);
      }
      const auto words = "⋯ " + duration(cut.end - cut.begin);
      const auto width = p_.width_of(words, text_);
      auto left = std::clamp((begin + end - width) / 2, below_.x,
                             std::max(below_.x, below_.right() - width - 1));
      // Where another has its room it stands beside that, as long as it is below its own.
      if (!taken_.empty() && is_taken(left, left + width)) left = taken_.back().second + 1;
      if (left >= end || left + width > below_.right() || is_taken(left, left + width)) continue;
      write(id, left, width, words);
      const auto air = width * 0.15F;
      taken_.emplace_back(left - air, left + width + air);
    }
  }

 private:
  [[nodiscard]] double length() const {
    return a_.clock == nullptr ? static_cast<double>(a_.to - a_.from) : a_.last - a_.first;
  }
  [[nodiscard]] std::string words_at(std::int64_t tick, std::int64_t step) const {
    return moment(tick, step, a_.to - origin_);
  }
  // Far into a trace and zoomed far the words are long: what decides is how long.
  [[nodiscard]] bool has_room(std::int64_t step) const {
    const auto apart = static_cast<double>(step) / length() * static_cast<double>(a_.width);
    return apart >=
           static_cast<double>(p_.width_of(words_at(a_.to - origin_, step), text_) * 1.65F);
  }
  [[nodiscard]] const clock_map::cut* cut_around(std::int64_t t) const {
    if (a_.clock == nullptr) return nullptr;
    const auto cuts = a_.clock->cuts();
    const auto found = std::ranges::find_if(
        cuts, [&](const clock_map::cut& c) { return c.begin < t && t < c.end; });
    return found == cuts.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool is_taken(float left, float right) const {
    return std::ranges::any_of(
        taken_, [&](const auto& one) { return left < one.second && one.first < right; });
  }

  float draw_tick(std::int64_t at, std::uint32_t nth) {
    // One at the very end lies within, too.
    const auto x = std::min(std::round(a_.x(at)), std::floor(plot_.right()) - 1);
    p_.draw_line({kind::axis, part::mark, 0, nth}, {x, plot_.y}, {x, plot_.bottom()},
                 p_.colors().grid, p_.stroke() * 0.5F);
    return x;
  }
  void write(const item_id& id, float left, float width, std::string_view words) {
    p_.write(id, {left, below_.y, width + 1, below_.height}, words, text_, p_.colors().text);
  }

  // At the right end; where the room for all else ends. The header says it, too, so that large text
  // may leave it out.
  float write_note(std::size_t events, double on_a_pixel) {
    std::string whole = "not to scale";
    if (on_a_pixel > 1) {
      whole += ", ";
      whole += short_number(on_a_pixel);
      whole += " events a pixel";
    } else if (events > 1) {
      whole += ", ";
      whole += grouped(events);
      whole += " events a line";
    }
    for (const std::string_view words :
         {std::string_view(whole), std::string_view("not to scale")}) {
      const auto width = p_.width_of(words, text_);
      if (width > below_.width * 0.5F) continue;
      const auto left = below_.right() - width - 1;
      write({kind::axis, part::reason, 0, 0}, left, width, words);
      return left - text_;
    }
    return below_.right();
  }

  painter& p_;
  const time_axis& a_;
  rect plot_;
  rect below_;
  float text_;
  std::int64_t origin_;
  std::vector<std::pair<float, float>> taken_;
};

}  // namespace

float time_axis::x(std::int64_t t) const noexcept {
  t = std::clamp(t, from, to);
  const auto share = clock == nullptr
                         ? static_cast<double>(t - from) / static_cast<double>(to - from)
                         : std::clamp((clock->place(t) - first) / (last - first), 0.0, 1.0);
  return left + static_cast<float>(share * static_cast<double>(width));
}

std::int64_t time_axis::time(float pixels) const noexcept {
  const auto share = static_cast<double>(pixels) / static_cast<double>(width);
  if (clock != nullptr) return clock->time(first + share * (last - first));
  return from + static_cast<std::int64_t>(share * static_cast<double>(to - from));
}

std::int64_t time_axis::lasts(std::int64_t from_there, float pixels) const noexcept {
  if (clock == nullptr) return time(pixels) - from;
  return time(x(from_there) - left + pixels) - std::clamp(from_there, from, to);
}

time_axis axis_over(const moment_in_view& m, float left, float width) {
  time_axis a{.from = m.from, .to = m.to, .left = left, .width = width, .clock = m.clock};
  if (a.clock == nullptr) return a;
  a.first = a.clock->place(a.from);
  a.last = a.clock->place(a.to);
  if (!(a.last > a.first)) a.clock = nullptr;  // nothing that a number could tell apart
  return a;
}

void draw_ticks(painter& p, const moment_in_view& m, const time_axis& a, const rect& plot,
                const rect& below, float text) {
  axis_writer writer(p, m, a, plot, below, text);
  if (a.clock == nullptr || a.clock->kind() == clock_kind::linear) {
    writer.write_times();
  } else if (a.clock->kind() == clock_kind::steps) {
    writer.write_steps();
  } else {
    writer.write_cuts();
    writer.write_times();
  }
}

std::vector<rect> draw_cuts(painter& p, const time_axis& a, const rect& plot,
                            std::uint32_t number) {
  std::vector<rect> places;
  if (a.clock == nullptr) return places;
  std::uint32_t nth = 0;
  for (const auto& cut : a.clock->cuts()) {
    if (cut.end <= a.from || cut.begin >= a.to) continue;
    const auto begin = a.x(cut.begin);
    const auto end = a.x(cut.end);
    const auto wide = std::min(p.units(0.7F), (end - begin) / 2);
    const auto lean = std::min(p.units(0.5F), (end - begin - wide) / 2);
    if (wide < 2 || lean < 0) continue;
    const auto middle = (begin + end) / 2;
    const auto low = middle - lean / 2;
    const auto high = middle + lean / 2;
    const auto half = wide / 2;
    const item_id id{kind::axis, part::stripe, 3 * number, nth};
    p.draw_polygon(id,
                   {{high - half, plot.y},
                    {high + half, plot.y},
                    {low + half, plot.bottom()},
                    {low - half, plot.bottom()}},
                   p.colors().page);
    for (const auto side : {-half, half}) {
      p.draw_line({kind::axis, part::stripe, 3 * number + (side < 0 ? 1 : 2), nth},
                  {high + side, plot.y}, {low + side, plot.bottom()}, p.colors().outline,
                  p.stroke() * 0.75F);
    }
    const rect place{low - half - p.stroke(), plot.y, lean + wide + 2 * p.stroke(), plot.height};
    places.push_back(place);
    p.meet(id, place, "here nothing happens for " + duration(cut.end - cut.begin) + ": shortened");
    ++nth;
  }
  return places;
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
