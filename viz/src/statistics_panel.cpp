// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"
#include "summaries.hpp"
#include "time_axis.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;
using time_of_task = statistics::time;

// Where a device may have been at work for less: the host only saw that it had ended.
constexpr std::string_view at_most = "≤";
constexpr std::string_view run_at_most = "run ≤";

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 5> percentiles{
    {{"P50", 500}, {"P90", 900}, {"P99", 990}, {"P99.9", 999}, {"max", 1000}}};

std::string duration_of(std::uint64_t nanoseconds) {
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  return duration(static_cast<std::int64_t>(std::min(nanoseconds, most)));
}

std::string percent(double share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  std::string words = short_number(share * 100);
  words += " %";
  return words;
}

// Where the columns of the table are.
struct columns {
  float name;  // their right ends
  float what;
  float total;
  std::array<float, percentiles.size()> times;
  float histogram;  // its left end
  float right;
};

float row_height(const painter& p) { return 2 * p.line_height(p.units(2.3F)) + p.units(0.9F); }

class table_painter {
 public:
  table_painter(painter& p, const moment_in_view& m, const rect& at)
      : p_(p),
        m_(m),
        at_(at),
        model_(m.of.whole().statistics_of(m.of)),
        groups_(m.of.whole().groups_of(m.of)),
        text_(p.units(2.3F)),
        line_(p.line_height(text_)),
        pad_(p.units(1.3F)) {}

  void draw() {
    const auto until = std::min(m_.at, m_.to);
    const auto rows = model_.by_name(m_.from, until);
    std::uint64_t tasks = 0;
    std::uint64_t ran = 0;
    for (const auto& r : rows) {
      tasks += r.ended;
      ran += r.ran;
    }
    std::string says = grouped(tasks);
    says += tasks == 1 ? " task that ended from " : " tasks that ended from ";
    const auto step = std::max<std::int64_t>(1, (m_.to - m_.from) / 1000);
    const auto origin = m_.of.begin();
    says += moment(m_.from - origin, step, until - origin);
    says += " to ";
    says += moment(std::max(m_.from, until) - origin, step, until - origin);
    says += ", over their whole lives; all of them, none sampled. ";
    if (ran != tasks) {
      says += "Times are of the ";
      says += grouped(ran);
      says += " that ran. ";
    }
    says += "P90: 90 % took no longer (nearest rank).";
    const rect head{at_.x, at_.y, at_.width, line_ * 2.1F};
    const auto used =
        p_.write_lines({kind::plot, part::state, 0, 0}, head, says, text_, p_.colors().text);
    const rect body{at_.x, at_.y + used + line_ * 0.4F, at_.width,
                    at_.height - used - line_ * 0.4F};
    if (rows.empty()) {
      p_.write({kind::plot, part::reason, 0, 0}, body,
               m_.of.tasks().empty() ? "No task has been submitted."
                                     : "No task ended in this part of the time axis so far.",
               text_, p_.colors().text, align::center);
      return;
    }
    lay_out();
    const auto row = row_height(p_);
    const auto header = line_ * 1.25F;
    auto fitting = static_cast<std::size_t>((body.height - header) / row);
    const bool cut = fitting < rows.size();
    if (cut) fitting = static_cast<std::size_t>((body.height - header - line_) / row);
    const std::span shown(rows.data(), std::min(fitting, rows.size()));
    const auto count = std::max<std::size_t>(
        4, static_cast<std::size_t>((columns_.right - columns_.histogram) / p_.units(1.1F)));
    bins_ = bins_of(shown, count);
    write_header({body.x, body.y, body.width, header});
    auto y = body.y + header;
    for (const auto& r : shown) {
      write_row(r, {body.x, y, body.width, row});
      y += row;
    }
    if (!cut) return;
    std::string more = "+";
    more += grouped(rows.size() - shown.size());
    more += rows.size() - shown.size() == 1 ? " more name" : " more names";
    more += ", which ran no longer in all";
    p_.write({kind::plot, part::more, 0, 0}, {body.x, y, body.width, line_}, more, text_,
             p_.colors().text);
  }

 private:
  void lay_out() {
    const auto time = p_.width_of("99.9 ms", text_) + pad_;
    const auto total = p_.width_of("9 999 999 s", text_) + pad_;
    const auto what = p_.width_of(run_at_most, text_) + pad_;
    const auto numbers = what + total + time * static_cast<float>(percentiles.size());
    const auto rest = at_.width - numbers;
    columns_.name = at_.x + rest * 0.52F;
    columns_.what = columns_.name + what;
    columns_.total = columns_.what + total;
    auto x = columns_.total;
    for (auto& t : columns_.times) t = x += time;
    columns_.histogram = x + 2 * pad_;
    columns_.right = at_.right();
  }

  // The same for all, so that they can be compared.
  [[nodiscard]] log_bins bins_of(std::span<const statistics::counts> rows, std::size_t bins) const {
    auto least = std::numeric_limits<std::int64_t>::max();
    std::int64_t most = 0;
    for (const auto& r : rows) {
      if (r.ran == 0) continue;
      for (const auto what : {time_of_task::run, time_of_task::wait}) {
        least = std::min(least, model_.percentile(r, what, 0));
        most = std::max(most, model_.percentile(r, what, 1000));
      }
    }
    return least > most ? log_bins{{0}, 1} : log_edges(least, most, bins);
  }

  void write_header(const rect& at) {
    const auto write = [&](float right, std::string_view words, std::uint32_t nth) {
      const auto width = p_.width_of(words, text_, typeface::bold) + 1;
      p_.write({kind::plot, part::name, 0, nth}, {right - width, at.y, width, line_}, words, text_,
               p_.colors().text, align::right, typeface::bold);
    };
    p_.write({kind::plot, part::name, 0, 0}, {at.x, at.y, columns_.name - at.x, line_}, "name",
             text_, p_.colors().text, align::left, typeface::bold);
    write(columns_.total, "total", 1);
    for (std::uint32_t i = 0; i < percentiles.size(); ++i)
      write(columns_.times[i], percentiles[i].first, i + 2);
    const rect histogram{columns_.histogram, at.y, columns_.right - columns_.histogram, line_};
    // Where its bins begin, and where the last of them ends.
    const auto first = duration(bins_.edges.front());
    const auto end = duration(bins_.end);
    const auto first_width = p_.width_of(first, text_) + 1;
    const auto end_width = p_.width_of(end, text_) + 1;
    const auto end_at =
        histogram.x + bin_width(histogram.width) * static_cast<float>(bins_.edges.size());
    p_.write({kind::plot, part::name, 0, 10}, {histogram.x, at.y, first_width, line_}, first, text_,
             p_.colors().text);
    const auto left = std::min(std::max(end_at - end_width, histogram.x + first_width + pad_),
                               histogram.right() - end_width);
    if (left >= histogram.x + first_width + pad_ / 2) {
      p_.write({kind::plot, part::name, 0, 11}, {left, at.y, end_width, line_}, end, text_,
               p_.colors().text);
    }
    const rect middle{histogram.x + first_width + pad_, at.y,
                      left - histogram.x - first_width - 2 * pad_, line_};
    for (const std::string_view says : {"how many took how long", "took"}) {
      if (p_.width_of(says, text_, typeface::bold) > middle.width) continue;
      p_.write({kind::plot, part::name, 0, 12}, middle, says, text_, p_.colors().text,
               align::center, typeface::bold);
      break;
    }
    p_.draw_line({kind::plot, part::frame, 0, 0}, {at.x, at.y + line_ * 1.1F},
                 {at.right(), at.y + line_ * 1.1F}, p_.colors().grid, p_.stroke());
  }

  void write_row(const statistics::counts& r, const rect& at) {
    const auto name_width = columns_.name - at.x;
    p_.write({kind::plot, part::name, r.group + 1, 0}, {at.x, at.y, name_width, line_},
             groups_.name(r.group), text_, p_.colors().text, align::left, typeface::bold);
    std::string ends;
    const auto add = [&](look l, std::uint64_t n) {
      if (n == 0) return;
      if (!ends.empty()) ends += "  ";
      ends += p_.colors().of(l).sign;
      ends += ' ';
      ends += grouped(n);
    };
    add(look::done, r.done());
    add(look::failed, r.failed);
    add(look::cancelled, r.cancelled);
    add(look::retry_wait, r.retries);
    p_.write({kind::plot, part::number, r.group + 1, 0}, {at.x, at.y + line_, name_width, line_},
             ends, text_, p_.colors().text);
    write_times(r, time_of_task::run, r.run, {at.x, at.y, at.width, line_});
    write_times(r, time_of_task::wait, r.wait, {at.x, at.y + line_, at.width, line_});
    std::string tip(groups_.name(r.group));
    tip += ": ";
    tip += grouped(r.done());
    tip += " done, ";
    tip += grouped(r.failed);
    tip += " failed, ";
    tip += grouped(r.cancelled);
    tip += " cancelled, ";
    tip += grouped(r.retries);
    tip += r.observed == 0 ? " retries; run " : " retries; run at most ";
    tip += duration_of(r.run);
    tip += ", wait ";
    tip += duration_of(r.wait);
    p_.meet({kind::plot, part::name, r.group + 1, 0}, {at.x, at.y, name_width, 2 * line_},
            std::move(tip));
  }

  void write_times(const statistics::counts& r, time_of_task what, std::uint64_t total,
                   const rect& at) {
    const auto nth = static_cast<std::uint32_t>(what) * 10;
    const auto write = [&](float left, float right, std::string_view words, std::uint32_t column) {
      p_.write({kind::plot, part::value, r.group + 1, nth + column},
               {left, at.y, right - left, at.height}, words, text_, p_.colors().text, align::right);
    };
    write(columns_.name, columns_.what, name_of(r, what), 0);
    if (what == time_of_task::run && r.observed != 0) {
      std::string tip("at most: of ");
      tip += grouped(r.observed);
      tip += r.observed == 1 ? " task" : " tasks";
      tip += " the host only saw that a device had ended";
      p_.meet({kind::plot, part::value, r.group + 1, nth},
              {columns_.name, at.y, columns_.what - columns_.name, at.height}, std::move(tip));
    }
    if (r.ran == 0) {
      write(columns_.what, columns_.total, "–", 1);
      return;
    }
    write(columns_.what, columns_.total, duration_of(total), 1);
    auto left = columns_.total;
    for (std::uint32_t i = 0; i < percentiles.size(); ++i) {
      write(left, columns_.times[i], duration(model_.percentile(r, what, percentiles[i].second)),
            2 + i);
      left = columns_.times[i];
    }
    draw_histogram(
        r, what,
        {columns_.histogram, at.y, columns_.right - columns_.histogram, at.height - p_.stroke()});
  }

  static std::string_view name_of(const statistics::counts& r, time_of_task what) {
    if (what == time_of_task::wait) return "wait";
    return r.observed == 0 ? "run" : run_at_most;
  }

  [[nodiscard]] float bin_width(float room) const {
    return std::min(room / static_cast<float>(bins_.edges.size()), p_.units(4));
  }

  void draw_histogram(const statistics::counts& r, time_of_task what, const rect& at) {
    const auto& edges = bins_.edges;
    const auto bins = model_.histogram(r, what, edges);
    const auto most = std::max<std::size_t>(1, *std::ranges::max_element(bins));
    const auto width = bin_width(at.width);
    const auto& looks =
        p_.colors().of(what == time_of_task::run ? look::running : look::retry_wait);
    const auto number = static_cast<std::uint32_t>(what);
    p_.draw_line({kind::plot, part::frame, r.group + 1, number}, {at.x, at.bottom()},
                 {at.right(), at.bottom()}, p_.colors().grid, p_.stroke());
    for (std::uint32_t i = 0; i < bins.size(); ++i) {
      if (bins[i] == 0) continue;
      const auto share = static_cast<double>(bins[i]) / static_cast<double>(most);
      const auto height =
          std::max(p_.stroke(), static_cast<float>(share) * (at.height - p_.units(0.3F)));
      const rect bar{at.x + width * static_cast<float>(i), at.bottom() - height,
                     std::max(1.0F, width - p_.stroke()), height};
      const item_id id{kind::plot, part::bar, r.group + 1, number * 1000 + i};
      p_.fill(id, bar, looks.fill);
      std::string tip = grouped(bins[i]);
      tip += what == time_of_task::run ? " ran for " : " waited for ";
      tip += duration(edges[i]);
      tip += " to less than ";
      tip += duration(i + 1 < edges.size() ? edges[i + 1] : bins_.end);
      p_.meet(id, {bar.x, at.y, bar.width, at.height}, std::move(tip));
    }
  }

  painter& p_;
  const moment_in_view& m_;
  rect at_;
  const statistics& model_;
  const task_groups& groups_;
  float text_;
  float line_;
  float pad_;
  columns columns_{};
  log_bins bins_;
};

// Bars with words before and behind, as many as fit.
struct share_row {
  std::string name;
  std::string says;
  double share = 0;
  look l = look::running;
  std::string more = {};  // for a pointer
};

void draw_shares(painter& p, const rect& at, std::string_view head, std::string_view nothing,
                 const std::vector<share_row>& rows, std::uint32_t number) {
  const auto text = p.units(2.3F);
  const auto line = p.line_height(text);
  const auto pad = p.units(1);
  p.write({kind::place, part::name, number, 0}, {at.x, at.y, at.width, line * 1.2F}, head, text,
          p.colors().text, align::left, typeface::bold);
  const rect room{at.x, at.y + line * 1.3F, at.width, at.height - line * 1.3F};
  if (rows.empty()) {
    p.write_lines({kind::place, part::reason, number, 0}, room, nothing, text, p.colors().text);
    return;
  }
  const auto row = line * 1.12F;
  auto fitting = static_cast<std::size_t>(room.height / row);
  const bool cut = fitting < rows.size();
  if (cut && fitting > 0) --fitting;
  fitting = std::min(fitting, rows.size());
  float names = 0;
  float says = 0;
  for (std::size_t i = 0; i < fitting; ++i) {
    names = std::max(names, p.width_of(rows[i].name, text));
    says = std::max(says, p.width_of(rows[i].says, text));
  }
  says = std::min(says + 1, at.width * 0.45F);
  names = std::min(names + 1, at.width - says - 2 * pad - p.units(8));
  const auto bars = at.width - names - says - 2 * pad;
  auto y = room.y;
  for (std::uint32_t i = 0; i < fitting; ++i) {
    const auto& r = rows[i];
    p.write({kind::place, part::name, number, i + 1}, {at.x, y, names, row}, r.name, text,
            p.colors().text);
    const rect bar{at.x + names + pad, y + row * 0.12F, bars, row * 0.76F};
    p.fill({kind::place, part::frame, number, i}, bar, p.colors().panel);
    const auto width = bar.width * static_cast<float>(std::clamp(r.share, 0.0, 1.0));
    p.fill({kind::place, part::bar, number, i},
           {bar.x, bar.y, r.share > 0 ? std::max(1.0F, width) : 0, bar.height},
           p.colors().of(r.l).fill);
    p.outline({kind::place, part::mark, number, i}, bar, p.colors().outline, p.stroke());
    p.write({kind::place, part::value, number, i}, {bar.right() + pad, y, says, row}, r.says, text,
            p.colors().text);
    std::string tip = r.name;
    tip += ": ";
    tip += r.says;
    tip += r.more;
    p.meet({kind::place, part::bar, number, i}, bar, std::move(tip));
    y += row;
  }
  if (cut) {
    std::string more = "+";
    more += grouped(rows.size() - fitting);
    more += " more";
    p.write({kind::place, part::more, number, 0}, {at.x, y, at.width, line}, more, text,
            p.colors().text);
  }
}

void draw_places(painter& p, const moment_in_view& m, const rect& at) {
  const auto& series = m.of.whole().series_of(m.of);
  const auto until = std::min(m.at, m.to);
  std::vector<share_row> rows;
  for (const auto& v : series.all()) {
    const bool workers = v.what == run_value::kind::workers;
    if (!workers && v.what != run_value::kind::streams) continue;
    const auto open = static_cast<double>(series.open(v.executor, m.from, until)) * v.out_of;
    share_row r;
    r.name = std::string(m.of.place_name(v.executor, v.place));
    if (r.name.empty()) r.name = v.name;
    r.l = workers ? look::running : look::on_device;
    const auto busy = v.values.integral(m.from, until);
    r.share = open > 0 ? busy / open : 0;
    if (v.observed_since <= until) {
      r.says = at_most;
      r.says += ' ';
      r.more = "; at most, as the host only saw that it had ended";
    }
    r.says += percent(r.share);
    r.says += " of ";
    r.says += grouped(v.out_of);
    r.says += workers ? " slot" : " stream";
    if (v.out_of != 1) r.says += 's';
    rows.push_back(std::move(r));
  }
  draw_shares(p, at, "Places: at work, of the time that they were open",
              "No worker ran a task and no device was at work.", rows, 1);
}

void draw_waits(painter& p, const moment_in_view& m, const rect& at) {
  const auto waits = m.of.whole().statistics_of(m.of).waits(m.from, std::min(m.at, m.to));
  std::vector<share_row> rows;
  for (const auto& w : waits) {
    share_row r;
    r.name = in_words(m.of, w.why);
    r.l = w.why.what == wait_cause::kind::within ? look::suspended : look::retry_wait;
    if (w.why.what == wait_cause::kind::tag) r.l = look::waiting_tags;
    r.share = static_cast<double>(w.total) /
              static_cast<double>(std::max<std::uint64_t>(1, waits.front().total));
    r.says = duration_of(w.total);
    r.says += ", ";
    r.says += grouped(w.times);
    r.says += "×";
    rows.push_back(std::move(r));
  }
  draw_shares(p, at, "What these tasks waited for, in all", "They waited for nothing.", rows, 2);
}

}  // namespace

void draw_statistics(painter& p, const moment_in_view& m, const rect& at) {
  const auto gap = p.units(2);
  const auto line = p.line_height(p.units(2.3F));
  // The table gets what all names of the trace need, so that it stays where it is while time goes
  // on; places and waits get the rest, and a third if there are too many names.
  const auto least = std::min(at.height * 0.34F, line * 8.5F);
  const auto names = static_cast<float>(m.of.whole().groups_of(m.of).size());
  const auto needed = line * 4.5F + names * row_height(p);
  const auto below = std::max(least, at.height - needed - gap);
  p.begin_pane("statistics", {at.x, at.y, at.width, at.height - below - gap});
  table_painter(p, m, {at.x, at.y, at.width, at.height - below - gap}).draw();
  const auto half = (at.width - gap) / 2;
  const rect left{at.x, at.bottom() - below, half, below};
  const rect right{at.x + half + gap, at.bottom() - below, half, below};
  p.begin_pane("places", left);
  draw_places(p, m, left);
  p.begin_pane("waits", right);
  draw_waits(p, m, right);
}

}  // namespace fronta::viz
