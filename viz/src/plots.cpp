// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"
#include "summaries.hpp"
#include "time_axis.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

// What a series is of, below its name.
std::string unit_of(const run_value& v) {
  std::string words;
  switch (v.what) {
    case run_value::kind::queue:
      return "tasks wait there";
    case run_value::kind::workers:
      words = "run a task, of ";
      words += grouped(v.out_of);
      return words;
    case run_value::kind::streams:
      words = "streams, of ";
      words += grouped(v.out_of);
      return words;
    case run_value::kind::bytes:
      return "bytes there";
    case run_value::kind::copies:
      return "bytes a second";
    case run_value::kind::retries:
    case run_value::kind::failures:
      return "tasks so far";
    case run_value::kind::counter:
      return "the program's own";
  }
  return words;
}

std::string value_in_words(const run_value& v, double value) {
  std::string words;
  switch (v.what) {
    case run_value::kind::bytes:
      words = short_number(value);
      words += value < 1000 ? " B" : "B";
      return words;
    case run_value::kind::copies:
      words = short_number(value);
      words += value < 1000 ? " B/s" : "B/s";
      return words;
    case run_value::kind::counter:
      return short_number(value);
    default:
      return grouped(static_cast<std::uint64_t>(std::llround(std::max(0.0, value))));
  }
}

// As wide as values become, so that the picture does not move while time goes on.
std::string widest(const index& of, const run_value& v) {
  switch (v.what) {
    case run_value::kind::bytes:
      return "99.9 MB";
    case run_value::kind::copies:
      return "99.9 MB/s";
    case run_value::kind::counter:
      return "-99.9 k";
    default:
      return grouped(of.tasks().size());
  }
}

color fill_of(const theme& t, const run_value& v) {
  switch (v.what) {
    case run_value::kind::workers:
      return t.of(look::running).fill;
    case run_value::kind::streams:
      return t.of(look::on_device).fill;
    case run_value::kind::copies:
      return t.of(look::copying).fill;
    case run_value::kind::failures:
      return t.of(look::failed).fill;
    default:
      return t.of(look::retry_wait).fill;
  }
}

// From values to pixels.
struct scale {
  double low = 0;
  double high = 1;
  rect plot;

  [[nodiscard]] float y(double value) const noexcept {
    const auto share = (std::clamp(value, low, high) - low) / (high - low);
    return plot.bottom() - static_cast<float>(share * static_cast<double>(plot.height));
  }
};

scale scale_of(const run_value& v, std::int64_t from, std::int64_t until, const rect& plot) {
  scale s{0, 1, plot};
  if (v.out_of != 0) {
    s.high = v.out_of;
    return s;
  }
  if (const auto all = v.values.over(from, until + 1)) {
    s.high = all->greatest > 0 ? rounded_up(all->greatest) : 0;
    s.low = all->least < 0 ? -rounded_up(-all->least) : 0;
    if (s.high <= s.low) s.high = s.low + 1;
  }
  return s;
}

// What a series is in a column of pixels.
struct column {
  float least = 0;  // where these are, in whole pixels
  float greatest = 0;
  float mean = 0;
  bool dense = false;  // it changes too often there to be told apart

  bool operator==(const column&) const = default;
};

std::optional<column> column_of(const run_value& v, const scale& s, std::int64_t from,
                                std::int64_t to) {
  const auto all = v.values.over(from, to);
  if (!all) return std::nullopt;
  const auto y = [&](double value) { return std::round(s.y(value)); };
  return column{y(all->least), y(all->greatest), y(all->mean), all->steps > 2};
}

// Filled up to the mean of each column, and from its least to its greatest value a line, or a band
// where there are many changes.
void draw_steps(painter& p, const run_value& v, std::uint32_t number, const time_axis& a,
                const scale& s, std::int64_t until) {
  const auto width = std::max(1.0F, std::floor(p.stroke()));
  const auto end = a.x(until);
  const auto fill = fill_of(p.colors(), v);
  const auto thin = std::max(1.0F, std::floor(p.stroke()));
  const auto zero = std::round(s.y(0));
  std::optional<column> now;
  float begin = a.left;
  std::uint32_t nth = 0;
  const auto draw = [&](float right) {
    right = std::min(right, end);
    if (!now || right <= begin) return;
    const item_id id{kind::plot, part::value, number, nth++};
    auto height = now->least - now->greatest;
    const bool band = now->dense && height > thin;
    if (band) p.fill(id, {begin, now->greatest, right - begin, height}, p.colors().grid);
    p.fill({kind::plot, part::bar, number, id.nth},
           {begin, std::min(zero, now->mean), right - begin, std::abs(zero - now->mean)}, fill);
    if (band) return;
    auto top = now->greatest;
    if (height < thin) {
      top = std::clamp(top, s.plot.y, s.plot.bottom() - thin);
      height = thin;
    }
    p.fill(id, {begin, top, right - begin, height}, p.colors().outline);
  };
  for (int nth_column = 0;; ++nth_column) {
    const auto x = a.left + width * static_cast<float>(nth_column);
    if (x >= end) break;
    const auto from = a.time(x - a.left);
    const auto to = std::max(from + 1, std::min(a.time(x + width - a.left), until + 1));
    const auto next = column_of(v, s, from, to);
    if (next == now) continue;
    draw(x);
    begin = x;
    now = next;
  }
  draw(end);
}

}  // namespace

void draw_plots(painter& p, const moment_in_view& m, const rect& room) {
  const auto above = p.units(0.8F);
  const rect at{room.x, room.y + above, room.width, room.height - above};
  p.begin_pane("plots", room);
  const auto text = p.units(2.3F);
  const auto line = p.line_height(text);
  const auto all = m.of.whole().series_of(m.of).all();
  if (all.empty()) {
    p.write({kind::plot, part::reason, 0, 0}, at,
            "Nothing to plot: no task has waited or run, and the program told of no counter.", text,
            p.colors().text, align::center);
    return;
  }
  const auto until = std::min(m.at, m.to);
  const auto ticks = line * 1.15F;
  const auto gap = p.units(0.9F);
  const rect rows_at{at.x, at.y, at.width, at.height - ticks};
  // Name and unit one below the other where there is room, else the name alone.
  const bool two_lines = static_cast<float>(all.size()) * (2 * line + gap) <= rows_at.height;
  const auto least = (two_lines ? 2 * line : line) + gap;
  auto fitting = static_cast<std::size_t>(rows_at.height / least);
  const bool cut = fitting < all.size();
  if (cut && fitting > 1) --fitting;
  const auto rows = std::min(fitting, all.size());
  const auto height = std::min(
      (rows_at.height - (cut ? line : 0)) / static_cast<float>(std::max<std::size_t>(1, rows)),
      p.units(16));
  float names = 0;
  float scales = 0;
  float values = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto& v = all[i];
    names = std::max(names, p.width_of(v.name, text, typeface::bold));
    if (two_lines) names = std::max(names, p.width_of(unit_of(v), text));
    scales = std::max(scales, p.width_of(widest(m.of, v), text));
    values = std::max(values, p.width_of(widest(m.of, v), text, typeface::bold));
  }
  const auto pad = p.units(1);
  names = std::min(names + 1, at.width * 0.26F);
  scales = std::min(scales + 1, at.width * 0.14F);
  values = std::min(values + 1, at.width * 0.12F);
  const auto left = std::floor(at.x + names + pad + scales + pad / 2);
  const auto a = axis_over(m, left, std::floor(at.right() - values - pad - left));
  const rect plots{a.left, at.y, a.width, height * static_cast<float>(rows)};
  for (std::uint32_t i = 0; i < rows; ++i) {
    const rect plot{a.left, std::round(at.y + height * static_cast<float>(i)), a.width,
                    std::round(height - gap)};
    p.fill({kind::plot, part::frame, i, 0}, plot, p.colors().panel);
  }
  draw_ticks(p, m, a, {plots.x, plots.y, plots.width, plots.height - gap},
             {a.left, plots.bottom() - gap, at.right() - a.left, ticks}, text);
  for (std::uint32_t i = 0; i < rows; ++i) {
    const auto& v = all[i];
    const rect plot{a.left, std::round(at.y + height * static_cast<float>(i)), a.width,
                    std::round(height - gap)};
    const auto s = scale_of(v, m.from, until, plot);
    if (until >= m.from) draw_steps(p, v, i, a, s, until);
    draw_cuts(p, a, plot, i);
    const auto label_y =
        two_lines ? plot.y + (plot.height - 2 * line) / 2 : plot.y + (plot.height - line) / 2;
    p.write({kind::plot, part::name, i, 0}, {at.x, label_y, names, line}, v.name, text,
            p.colors().text, align::left, typeface::bold);
    if (two_lines) {
      p.write({kind::plot, part::name, i, 1}, {at.x, label_y + line, names, line}, unit_of(v), text,
              p.colors().text);
    }
    // The ends of its scale, at them.
    const rect top{at.x + names + pad, plot.y, scales, line};
    const bool both = plot.height >= 2 * line;
    p.write({kind::plot, part::mark, i, 0},
            both ? top : rect{top.x, label_y + (two_lines ? line / 2 : 0), top.width, line},
            value_in_words(v, s.high), text, p.colors().text, align::right);
    if (both) {
      p.write({kind::plot, part::mark, i, 1}, {top.x, plot.bottom() - line, top.width, line},
              value_in_words(v, s.low), text, p.colors().text, align::right);
    }
    const auto value = v.values.at(m.at);
    const auto now = value ? value_in_words(v, *value) : std::string("–");
    p.write({kind::plot, part::number, i, 0},
            {a.left + a.width + pad, plot.y + (plot.height - line) / 2, values, line}, now, text,
            p.colors().text, align::left, typeface::bold);
    std::string tip = v.name;
    tip += ", ";
    tip += unit_of(v);
    tip += ": ";
    tip += value ? now : "not told yet";
    p.meet({kind::plot, part::frame, i, 0}, plot, std::move(tip));
  }
  if (m.at >= m.from && m.at <= m.to) {
    const auto x = std::clamp(a.x(m.at), plots.x + p.stroke(), plots.right() - p.stroke());
    p.draw_line({kind::axis, part::frame, 0, 0}, {x, plots.y}, {x, plots.bottom() - gap},
                p.colors().playhead, p.stroke() * 1.5F);
  }
  if (cut) {
    std::string more = "+";
    more += grouped(all.size() - rows);
    more += " more: ";
    for (auto i = rows; i < all.size(); ++i) {
      if (i != rows) more += ", ";
      more += all[i].name;
    }
    p.write({kind::plot, part::more, 0, 0}, {at.x, at.bottom() - line, at.width, line}, more, text,
            p.colors().text);
  }
}

}  // namespace fronta::viz
