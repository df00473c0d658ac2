// SPDX-License-Identifier: Apache-2.0
#include "lane_axis.hpp"
#include "panels.hpp"
#include "summaries.hpp"
#include "task_families.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

// Whose they are.
std::string head_of(const task_family& f) {
  const bool one = f.members().size() == 1;
  std::string words = one ? "the task that " : "tasks that ";
  words += f.parent() == no_task ? "the program" : called(f.parent());
  words += one ? " submitted, until it ended" : " submitted, in that order, each until it ended";
  return words;
}

// What one task did, on the family's axis.
class member_row {
 public:
  member_row(painter& p, const moment_in_view& m, const time_axis& a, const rect& chart)
      : p_(p), m_(m), axis_(a), chart_(chart) {}

  [[nodiscard]] float x(std::int64_t t) const {
    return axis_.x(std::clamp(std::min(t, m_.at), axis_.from, axis_.to));
  }

  // Its states one after the other, from its own list of changes.
  void draw_states(const task_family::member& of, const rect& bar) {
    auto until = std::min(of.ended, m_.at);
    std::vector<change> states;
    for (auto c = m_.of.tasks()[of.task].last_change; c != none; c = m_.of.changes()[c].previous) {
      const auto& change = m_.of.changes()[c];
      if (m_.of.time_of(change) <= m_.at) states.push_back(change);
    }
    auto nth = static_cast<std::uint32_t>(states.size());
    for (const auto& c : states) {
      const auto begin = m_.of.time_of(c);
      --nth;
      const rect piece{x(begin), bar.y, x(until) - x(begin), bar.height};
      until = begin;
      if (piece.width < 0.5F) continue;
      const item_id id{kind::task, part::bar, of.task, nth};
      const auto l = look_of(m_.of, c);
      if (piece.width >= 3) {
        p_.state_box(id, piece, l, 0);
      } else {
        p_.fill(id, piece, p_.colors().of(l).fill);
      }
    }
    const auto left = x(of.submitted);
    const auto right = x(std::min(of.ended, m_.at));
    const auto now = m_.of.state_of(of.task, m_.at);
    const item_id id{kind::task, part::frame, of.task, 0};
    p_.meet(id, {chart_.x, bar.y, chart_.width, bar.height},
            called(of.task) + " " + std::string(m_.of.name_of(of.task)) + ": " +
                std::string(!now ? "" : p_.colors().of(look_of(m_.of, *now)).word));
    if (of.task == m_.what.selected)
      p_.ring(id, {left, bar.y, std::max(right - left, 4 * p_.stroke()), bar.height});
  }

  // Done, but what was submitted before it is not: `map` keeps it back.
  void draw_kept(const task_family::member& of, const rect& bar) {
    const auto until = std::min(of.from_map, m_.at);
    const rect kept{x(of.ended), bar.y, x(until) - x(of.ended), bar.height};
    if (kept.width < 2) return;
    const item_id id{kind::completion, part::bar, of.task, 0};
    p_.hatch({kind::completion, part::hatch, of.task, 0}, kept, p_.colors().outline, p_.units(1),
             p_.stroke() * 0.6F);
    p_.outline(id, kept, p_.colors().outline, p_.stroke(), dash::dotted);
    p_.meet(id, kept,
            called(of.task) + " is done, and map keeps it back" +
                (of.from_map <= m_.at ? " for " : ", so far for ") + duration(until - of.ended));
  }

 private:
  painter& p_;
  const moment_in_view& m_;
  const time_axis& axis_;
  rect chart_;
};

// What of the trace rows and lanes are over: all of those that have a row, if the picture is not of
// a part. Live it is a part all the time: then the rows have an axis of their own.
moment_in_view over_rows(const moment_in_view& m, const task_family& f, std::size_t rows) {
  auto whole = m;
  const bool of_a_part = m.from > m.of.begin() || m.to < m.of.end();
  if (of_a_part && m.what.shown != source::live) return whole;
  whole.from = f.begin();
  whole.to = f.begin() + 1;
  for (const auto& one : f.members().first(std::min(rows, f.members().size())))
    whole.to = std::max(whole.to, one.ended == forever ? m.of.end() : one.ended);
  return whole;
}

// Of an axis that the rows have for themselves.
void draw_ends(painter& p, const moment_in_view& m, const time_axis& a, const rect& rows,
               float below) {
  const auto text = p.units(2.4F);
  const auto step = std::max<std::int64_t>(1, (a.to - a.from) / 200);
  const auto most = a.to - m.of.begin();
  const rect at{rows.x, below, rows.width / 2, p.line_height(text)};
  p.write({kind::completion, part::value, none, 0}, at, moment(a.from - m.of.begin(), step, most),
          text, p.colors().text);
  p.write({kind::completion, part::value, none, 1}, {at.right(), at.y, at.width, at.height},
          moment(most, step), text, p.colors().text, align::right);
}

void draw_moment(painter& p, const moment_in_view& m, const time_axis& a, const rect& rows) {
  if (m.at < a.from || m.at > a.to) return;
  const auto x = std::clamp(a.x(m.at), rows.x + p.stroke(), rows.right() - p.stroke());
  p.draw_line({kind::completion, part::mark, none, 0}, {x, rows.y}, {x, rows.bottom()},
              p.colors().playhead, p.stroke() * 1.5F);
}

constexpr float most_for_names = 0.34F;  // of the width

// Number, sign and name of each row, as wide as all of them need that will come.
class row_names {
 public:
  row_names(const painter& p, const moment_in_view& m, const task_family& f, std::size_t rows,
            float text)
      : p_(p),
        m_(m),
        rows_(f.members().first(std::min(rows, f.members().size()))),
        text_(text),
        gap_(p.units(0.8F)) {
    number_ =
        p.width_of(std::to_string(m.of.tasks().size()), text, typeface::bold) + gap_ + sign_width();
    for (const auto& one : rows_) {
      if (m.of.tasks()[one.task].text != 0)
        longest_ = std::max(longest_, p.width_of(m.of.name_of(one.task), text) + gap_);
    }
  }

  [[nodiscard]] float least() const noexcept { return number_ + gap_; }
  [[nodiscard]] float best() const noexcept { return number_ + longest_ + gap_; }

  // For rows from the left to the chart.
  void settle(float width) {
    for_name_ = width - least();
    std::vector<painter::name_in_room> together;
    for (const auto& one : rows_) together.push_back({m_.of.name_of(one.task), for_name_});
    cut_ = p_.cut_for(together, text_);
  }

  void write(painter& p, task_number t, const rect& at) const {
    const auto now = m_.of.state_of(t, m_.at);
    const auto l = now ? look_of(m_.of, *now) : look::unknown;
    const auto digits = number_ - sign_width();
    p.write({kind::task, part::number, t, 0}, {at.x, at.y, digits, at.height},
            std::to_string(std::uint64_t{t} + 1), text_, p.colors().text, align::right,
            typeface::bold);
    p.write({kind::task, part::state, t, 0}, {at.x + digits, at.y, sign_width(), at.height},
            p.colors().of(l).sign, text_, p.colors().text, align::center);
    if (m_.of.tasks()[t].text == 0) return;
    const auto name = p.brief(m_.of.name_of(t), text_, for_name_, cut_);
    p.write({kind::task, part::name, t, 0}, {at.x + number_, at.y, for_name_, at.height}, name,
            text_, p.colors().text);
  }

 private:
  [[nodiscard]] float sign_width() const { return text_ * 1.4F; }

  const painter& p_;
  const moment_in_view& m_;
  std::span<const task_family::member> rows_;
  float text_;
  float gap_;
  float number_ = 0;
  float longest_ = 0;
  float for_name_ = 0;
  painter::name_cut cut_;
};

}  // namespace

void draw_completion(painter& p, const moment_in_view& m, const rect& body) {
  const auto& of = m.of;
  const auto text = p.units(2.4F);
  const auto line = p.line_height(text);
  const auto& family = of.whole().families_of(of).of_task(of, m.what.selected);
  const auto all = family.members();
  const auto submitted = family.submitted_by(m.at);
  const bool derivable = family.is_derivable(m.at);
  // Rows have what few lanes leave, and lanes what few rows do.
  const bool own_axis = m.what.shown == source::live;
  const auto besides = line * (own_axis ? 4.9F : 3.9F);
  const auto gap = p.units(0.8F);
  const auto of_lanes = std::min(body.height * 0.36F, most_height_of_lanes(p, of, {}) + gap);
  const rect at{
      body.x, body.y, body.width,
      std::min(body.height - of_lanes,
               besides + p.units(5) * static_cast<float>(std::max<std::size_t>(1, all.size())))};
  rect below{body.x, at.bottom() + gap, body.width, body.bottom() - at.bottom() - gap};
  p.begin_pane("completion", at);
  if (submitted == 0) {
    p.write({kind::completion, part::reason, 0, 0}, at, so_far(m, "No task has been submitted"),
            text, p.colors().text, align::center);
    draw_lanes(p, m, below, {});
    return;
  }
  // There is room for those to come; so rows stay where they are.
  const auto high = std::max(0.0F, at.height - besides);
  auto rows = std::min(all.size(), static_cast<std::size_t>(high / (line * 1.08F)));
  const bool cut = rows < all.size();
  if (cut && rows > 1) --rows;
  const auto height = std::min(high / static_cast<float>(rows + (cut ? 1 : 0)), p.units(5));
  auto column =
      std::max(p.width_of("as_completed", text), p.width_of("888th 000.00 ms", text)) + gap;
  if (!derivable) column = 0;
  row_names names(p, m, family, rows, text);
  auto named = names.best();
  // The bars come first: then names give way, and the columns last.
  const auto left_of = [&](float part) {
    return at.width - std::min(named, at.width * most_for_names) - 2 * column >= at.width * part;
  };
  if (!left_of(0.45F)) named = names.least();
  if (!left_of(0.3F)) column = 0;
  lanes_options lanes;
  lanes.names = most_for_names;
  lanes.least_names = named - p.units(1.5F);
  if (column > 0) below.width -= 2 * column + gap;
  // Rows and lanes are over the same time, at the same place.
  const auto of_rows = over_rows(m, family, rows);
  const auto axis = axis_of(p, of_rows, below, lanes);
  const rect chart{axis.left, at.y + line * 1.3F, axis.width, height * static_cast<float>(rows)};
  names.settle(chart.x - at.x);
  member_row one(p, m, axis, chart);
  const rect left{chart.right() + gap, at.y, column, line * 1.2F};
  p.write({kind::completion, part::name, 0, 0}, {at.x, at.y, chart.right() - at.x, line * 1.2F},
          head_of(family), text, p.colors().text, align::left, typeface::bold);
  if (column > 0) {
    p.write({kind::completion, part::name, 0, 1}, left, "as_completed", text, p.colors().text,
            align::right, typeface::sans);
    p.write({kind::completion, part::name, 0, 2}, {left.x + column, at.y, column, line * 1.2F},
            "map", text, p.colors().text, align::right);
  }
  p.fill({kind::completion, part::frame, 0, 0}, chart, p.colors().panel);
  const auto tick = std::max<std::int64_t>(1, (family.end() - family.begin()) / 200);
  for (std::size_t i = 0; i < std::min(rows, submitted); ++i) {
    const auto& member = all[i];
    const auto t = member.task;
    const rect row{chart.x, chart.y + height * static_cast<float>(i), chart.width, height};
    const rect bar{row.x, row.y + height * 0.12F, row.width, height * 0.76F};
    names.write(p, t, {at.x, row.y, chart.x - at.x, height});
    one.draw_states(member, bar);
    if (member.ended > m.at || !derivable) continue;
    one.draw_kept(member, bar);
    if (column <= 0) continue;
    const auto when = moment(member.ended - of.begin(), tick);
    p.write({kind::completion, part::value, t, 0}, {left.x, row.y, column, height},
            ordinal(member.rank) + " " + when, text, p.colors().text, align::right);
    if (member.from_map <= m.at) {
      p.write({kind::completion, part::value, t, 1}, {left.x + column, row.y, column, height},
              moment(member.from_map - of.begin(), tick), text, p.colors().text, align::right);
    }
  }
  draw_cuts(p, axis, chart, 2);
  draw_moment(p, m, axis, chart);
  const auto y = chart.bottom();
  if (own_axis) draw_ends(p, m, axis, chart, y + (cut ? height : 0));
  if (submitted > rows && y + line <= at.bottom() - 2.4F * line) {
    p.write({kind::completion, part::more, 0, 0}, {chart.x, y, chart.width, line},
            grouped(submitted - rows) + " more", text, p.colors().text);
  }
  const auto says = derivable ? "map keeps finished results back for " +
                                    duration(family.kept_back(m.at)) + " in all (hatched)."
                              : std::string(
                                    "What consumers would have seen is not derivable: tasks were "
                                    "submitted after others had ended.");
  p.write({kind::completion, part::state, 0, 0}, {at.x, at.bottom() - 2.4F * line, at.width, line},
          says, text, p.colors().text);
  if (derivable) {
    const auto* const first = family.first_to_end();
    std::string taken;
    if (first != nullptr && first->ended <= m.at) {
      taken = "wait(first_completed) takes ";
      taken += called(first->task);
      taken += " at ";
      taken += moment(first->ended - of.begin(), tick);
      taken += ". ";
    }
    taken += "Computed from finish times; the consumer takes 0 ms.";
    p.write({kind::completion, part::state, 0, 1},
            {at.x, at.bottom() - 1.3F * line, at.width, line}, taken, text, p.colors().text);
  }
  draw_lanes(p, own_axis ? m : of_rows, below, lanes);
}

}  // namespace fronta::viz
