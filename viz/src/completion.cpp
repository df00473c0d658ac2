// SPDX-License-Identifier: Apache-2.0
#include "lane_axis.hpp"
#include "panels.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

// Tasks that one consumer might have waited for: the most of one executor that one task, or nobody,
// submitted. Which they are is the trace's; what is known of them is the moment's.
struct family {
  struct member {
    task_number task = no_task;
    std::int64_t submitted = 0;
    std::optional<std::int64_t> ended;
    std::optional<std::int64_t> from_map;  // when it and all before it had ended
    std::size_t rank = 0;                  // among those that ended, from 1
  };
  std::vector<member> members;     // those submitted by the moment, in that order
  std::size_t all = 0;             // with those to come
  std::vector<task_number> tasks;  // all, in that order
  std::vector<std::int64_t> ends;  // of each of them
  std::int64_t begin = 0;          // of the first
  std::int64_t end = 0;            // of the last that the trace knows of
  bool derivable = true;
};

std::optional<std::int64_t> end_of(const index& of, task_number t) {
  const auto last = of.tasks()[t].last_change;
  if (last == none || !is_final(of.changes()[last].state)) return std::nullopt;
  return of.time_of(of.changes()[last]);
}

std::int64_t begin_of(const index& of, task_number t) {
  auto c = of.tasks()[t].last_change;
  while (c != none && of.changes()[c].previous != none) c = of.changes()[c].previous;
  return c == none ? of.begin() : of.time_of(of.changes()[c]);
}

using whose = std::pair<std::uint16_t, task_number>;  // executor and who submitted

whose largest_family(const index& of, task_number selected) {
  const auto parents = [&](const task& t) { return whose(t.executor, t.parent); };
  if (selected < of.tasks().size()) return parents(of.tasks()[selected]);
  std::map<whose, std::size_t> sizes;
  for (const auto& t : of.tasks()) {
    if (t.last_change != none) ++sizes[parents(t)];
  }
  const auto most = std::ranges::max_element(
      sizes, {}, [](const std::pair<const whose, std::size_t>& one) { return one.second; });
  return most == sizes.end() ? whose(0, no_task) : most->first;
}

family family_at(const index& of, const whose& parents, std::int64_t at) {
  family f;
  f.begin = forever;
  f.end = of.begin();
  std::optional<std::int64_t> first_end;
  for (task_number t = 0; t < of.tasks().size(); ++t) {
    const auto& its = of.tasks()[t];
    if (its.last_change == none || whose(its.executor, its.parent) != parents) continue;
    ++f.all;
    f.tasks.push_back(t);
    const auto submitted = begin_of(of, t);
    const auto ended = end_of(of, t);
    f.begin = std::min(f.begin, submitted);
    f.ends.push_back(ended.value_or(of.end()));
    f.end = std::max(f.end, f.ends.back());
    if (submitted > at) continue;
    family::member m;
    m.task = t;
    m.submitted = submitted;
    if (ended && *ended <= at) m.ended = ended;
    if (m.ended && (!first_end || *m.ended < *first_end)) first_end = m.ended;
    f.members.push_back(m);
  }
  // Who submits after one has ended may have done so because it has: with another consumer it would
  // have been another run.
  f.derivable = !first_end || std::ranges::all_of(f.members, [&](const family::member& m) {
    return m.submitted <= *first_end;
  });
  std::optional<std::int64_t> all_before = std::numeric_limits<std::int64_t>::min();
  std::vector<family::member*> by_end;
  for (auto& m : f.members) {
    if (!m.ended) {
      all_before.reset();
    } else {
      by_end.push_back(&m);
      if (all_before) all_before = std::max(*all_before, *m.ended);
    }
    m.from_map = all_before;
  }
  std::ranges::sort(by_end, {},
                    [](const family::member* m) { return std::pair(*m->ended, m->task); });
  for (std::size_t r = 0; r < by_end.size(); ++r) by_end[r]->rank = r + 1;
  return f;
}

// Whose they are.
std::string head_of(const moment_in_view& m, const family& f) {
  const auto parent = m.of.tasks()[f.members.front().task].parent;
  std::string words = f.all == 1 ? "the task that " : "tasks that ";
  words += parent == no_task ? "the program" : called(parent);
  words +=
      f.all == 1 ? " submitted, until it ended" : " submitted, in that order, each until it ended";
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
  void draw_states(const family::member& of, const rect& bar) {
    auto until = of.ended.value_or(m_.at);
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
    const auto right = x(of.ended.value_or(m_.at));
    const auto now = m_.of.state_of(of.task, m_.at);
    const item_id id{kind::task, part::frame, of.task, 0};
    p_.meet(id, {chart_.x, bar.y, chart_.width, bar.height},
            called(of.task) + " " + std::string(m_.of.name_of(of.task)) + ": " +
                std::string(!now ? "" : p_.colors().of(look_of(m_.of, *now)).word));
    if (of.task == m_.what.selected)
      p_.ring(id, {left, bar.y, std::max(right - left, 4 * p_.stroke()), bar.height});
  }

  // Done, but what was submitted before it is not: `map` keeps it back.
  void draw_kept(const family::member& of, const rect& bar) {
    if (!of.ended) return;
    const auto until = of.from_map.value_or(m_.at);
    const rect kept{x(*of.ended), bar.y, x(until) - x(*of.ended), bar.height};
    if (kept.width < 2) return;
    const item_id id{kind::completion, part::bar, of.task, 0};
    p_.hatch({kind::completion, part::hatch, of.task, 0}, kept, p_.colors().outline, p_.units(1),
             p_.stroke() * 0.6F);
    p_.outline(id, kept, p_.colors().outline, p_.stroke(), dash::dotted);
    p_.meet(id, kept,
            called(of.task) + " is done, and map keeps it back" +
                (of.from_map ? " for " : ", so far for ") + duration(until - *of.ended));
  }

 private:
  painter& p_;
  const moment_in_view& m_;
  const time_axis& axis_;
  rect chart_;
};

// What of the trace rows and lanes are over: all of those that have a row, if the picture is not of
// a part. Live it is a part all the time: then the rows have an axis of their own.
moment_in_view over_rows(const moment_in_view& m, const family& f, std::size_t rows) {
  auto whole = m;
  const bool of_a_part = m.from > m.of.begin() || m.to < m.of.end();
  if (of_a_part && m.what.shown != source::live) return whole;
  whole.from = f.begin;
  whole.to = f.begin + 1;
  for (std::size_t i = 0; i < std::min(rows, f.ends.size()); ++i)
    whole.to = std::max(whole.to, f.ends[i]);
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
  row_names(const painter& p, const moment_in_view& m, const family& f, std::size_t rows,
            float text)
      : p_(p),
        m_(m),
        rows_(std::span(f.tasks).first(std::min(rows, f.tasks.size()))),
        text_(text),
        gap_(p.units(0.8F)) {
    number_ =
        p.width_of(std::to_string(m.of.tasks().size()), text, typeface::bold) + gap_ + sign_width();
    for (const auto t : rows_) {
      if (m.of.tasks()[t].text != 0)
        longest_ = std::max(longest_, p.width_of(m.of.name_of(t), text) + gap_);
    }
  }

  [[nodiscard]] float least() const noexcept { return number_ + gap_; }
  [[nodiscard]] float best() const noexcept { return number_ + longest_ + gap_; }

  // For rows from the left to the chart.
  void settle(float width) {
    for_name_ = width - least();
    std::vector<painter::name_in_room> together;
    for (const auto t : rows_) together.push_back({m_.of.name_of(t), for_name_});
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
  std::span<const task_number> rows_;
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
  const auto family = family_at(of, largest_family(of, m.what.selected), m.at);
  // Rows have what few lanes leave, and lanes what few rows do.
  const bool own_axis = m.what.shown == source::live;
  const auto besides = line * (own_axis ? 4.9F : 3.9F);
  const auto gap = p.units(0.8F);
  const auto of_lanes = std::min(body.height * 0.36F, most_height_of_lanes(p, of, {}) + gap);
  const rect at{
      body.x, body.y, body.width,
      std::min(body.height - of_lanes,
               besides + p.units(5) * static_cast<float>(std::max<std::size_t>(1, family.all)))};
  rect below{body.x, at.bottom() + gap, body.width, body.bottom() - at.bottom() - gap};
  p.begin_pane("completion", at);
  if (family.members.empty()) {
    p.write({kind::completion, part::reason, 0, 0}, at, so_far(m, "No task has been submitted"),
            text, p.colors().text, align::center);
    draw_lanes(p, m, below, {});
    return;
  }
  // There is room for those to come; so rows stay where they are.
  const auto high = std::max(0.0F, at.height - besides);
  auto rows = std::min(family.all, static_cast<std::size_t>(high / (line * 1.08F)));
  const bool cut = rows < family.all;
  if (cut && rows > 1) --rows;
  const auto height = std::min(high / static_cast<float>(rows + (cut ? 1 : 0)), p.units(5));
  auto column =
      std::max(p.width_of("as_completed", text), p.width_of("888th 000.00 ms", text)) + gap;
  if (!family.derivable) column = 0;
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
          head_of(m, family), text, p.colors().text, align::left, typeface::bold);
  if (column > 0) {
    p.write({kind::completion, part::name, 0, 1}, left, "as_completed", text, p.colors().text,
            align::right, typeface::sans);
    p.write({kind::completion, part::name, 0, 2}, {left.x + column, at.y, column, line * 1.2F},
            "map", text, p.colors().text, align::right);
  }
  p.fill({kind::completion, part::frame, 0, 0}, chart, p.colors().panel);
  const auto tick = std::max<std::int64_t>(1, (family.end - family.begin) / 200);
  std::int64_t waited = 0;
  for (std::size_t i = 0; i < family.members.size(); ++i) {
    const auto& member = family.members[i];
    if (member.ended) waited += member.from_map.value_or(m.at) - *member.ended;
    if (i >= rows) continue;
    const auto t = member.task;
    const rect row{chart.x, chart.y + height * static_cast<float>(i), chart.width, height};
    const rect bar{row.x, row.y + height * 0.12F, row.width, height * 0.76F};
    names.write(p, t, {at.x, row.y, chart.x - at.x, height});
    one.draw_states(member, bar);
    if (!member.ended || !family.derivable) continue;
    one.draw_kept(member, bar);
    if (column <= 0) continue;
    const auto when = moment(*member.ended - of.begin(), tick);
    p.write({kind::completion, part::value, t, 0}, {left.x, row.y, column, height},
            ordinal(member.rank) + " " + when, text, p.colors().text, align::right);
    if (member.from_map) {
      p.write({kind::completion, part::value, t, 1}, {left.x + column, row.y, column, height},
              moment(*member.from_map - of.begin(), tick), text, p.colors().text, align::right);
    }
  }
  draw_cuts(p, axis, chart, 2);
  draw_moment(p, m, axis, chart);
  const auto y = chart.bottom();
  if (own_axis) draw_ends(p, m, axis, chart, y + (cut ? height : 0));
  if (family.members.size() > rows && y + line <= at.bottom() - 2.4F * line) {
    p.write({kind::completion, part::more, 0, 0}, {chart.x, y, chart.width, line},
            grouped(family.members.size() - rows) + " more", text, p.colors().text);
  }
  const auto says =
      family.derivable
          ? "map keeps finished results back for " + duration(waited) + " in all (hatched)."
          : std::string(
                "What consumers would have seen is not derivable: tasks were "
                "submitted after others had ended.");
  p.write({kind::completion, part::state, 0, 0}, {at.x, at.bottom() - 2.4F * line, at.width, line},
          says, text, p.colors().text);
  if (family.derivable) {
    const auto first = std::ranges::find(family.members, 1U, &viz::family::member::rank);
    std::string taken;
    if (first != family.members.end()) {
      taken = "wait(first_completed) takes ";
      taken += called(first->task);
      taken += " at ";
      taken += moment(*first->ended - of.begin(), tick);
      taken += ". ";
    }
    taken += "Computed from finish times; the consumer takes 0 ms.";
    p.write({kind::completion, part::state, 0, 1},
            {at.x, at.bottom() - 1.3F * line, at.width, line}, taken, text, p.colors().text);
  }
  draw_lanes(p, own_axis ? m : of_rows, below, lanes);
}

}  // namespace fronta::viz
