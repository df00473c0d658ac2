// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

// Tasks that one consumer might have waited for: the most that one task, or nobody, submitted.
struct family {
  std::vector<task_number> members;  // in the order of submission
  std::vector<std::int64_t> submitted;
  std::vector<std::optional<std::int64_t>> ended;
  std::vector<std::optional<std::int64_t>> from_map;  // when the task and all before it had ended
  std::vector<std::size_t> rank;                      // among those that ended, from 1
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

family largest_family(const index& of, task_number selected) {
  std::map<task_number, std::size_t> sizes;
  for (const auto& t : of.tasks()) ++sizes[t.parent];
  task_number parent = no_task;
  if (selected < of.tasks().size()) {
    parent = of.tasks()[selected].parent;
  } else {
    std::size_t most = 0;
    for (const auto& [whose, size] : sizes) {
      if (size > most) {
        most = size;
        parent = whose;
      }
    }
  }
  family f;
  std::optional<std::int64_t> first_end;
  for (task_number t = 0; t < of.tasks().size(); ++t) {
    if (of.tasks()[t].parent != parent || of.tasks()[t].last_change == none) continue;
    f.members.push_back(t);
    f.submitted.push_back(begin_of(of, t));
    f.ended.push_back(end_of(of, t));
    if (f.ended.back() && (!first_end || *f.ended.back() < *first_end)) first_end = f.ended.back();
  }
  // Who submits after one has ended may have done so because it has: with another consumer it would
  // have been another run.
  f.derivable = !first_end ||
                std::ranges::all_of(f.submitted, [&](std::int64_t t) { return t <= *first_end; });
  std::optional<std::int64_t> all_before = std::numeric_limits<std::int64_t>::min();
  std::vector<std::size_t> by_end;
  for (std::size_t i = 0; i < f.members.size(); ++i) {
    if (!f.ended[i]) {
      all_before.reset();
    } else {
      by_end.push_back(i);
      if (all_before) all_before = std::max(*all_before, *f.ended[i]);
    }
    f.from_map.push_back(all_before);
  }
  std::ranges::sort(by_end, {}, [&](std::size_t i) { return std::pair(*f.ended[i], i); });
  f.rank.resize(f.members.size());
  for (std::size_t r = 0; r < by_end.size(); ++r) f.rank[by_end[r]] = r + 1;
  return f;
}

}  // namespace

void draw_completion(painter& p, const moment_in_view& m, const rect& at) {
  p.begin_pane("completion", at);
  const auto& of = m.of;
  const auto text = p.units(2.4F);
  const auto line = p.line_height(text);
  const auto family = largest_family(of, m.what.selected);
  if (family.members.empty()) {
    p.write({kind::completion, part::reason, 0, 0}, at, "No task has been submitted yet.", text,
            p.colors().text, align::center);
    return;
  }
  const auto gap = p.units(0.8F);
  const auto number = p.width_of(std::to_string(of.tasks().size()), text, typeface::bold) + 2 * gap;
  const auto column =
      std::max(p.width_of("as_completed", text), p.width_of("first 000.00 ms", text)) + gap;
  const rect chart{at.x + number, at.y + line * 1.3F, at.width - number - 2 * column - gap,
                   at.height - line * 3.9F};
  const auto from = *std::ranges::min_element(family.submitted);
  auto to = from + 1;
  for (std::size_t i = 0; i < family.members.size(); ++i)
    to = std::max(to, family.ended[i].value_or(of.end()));
  const auto x = [&](std::int64_t t) {
    const auto share = static_cast<double>(std::clamp(std::min(t, m.at), from, to) - from) /
                       static_cast<double>(to - from);
    return chart.x + static_cast<float>(share * static_cast<double>(chart.width));
  };
  const auto least = line * 1.08F;
  auto rows = std::min(family.members.size(), static_cast<std::size_t>(chart.height / least));
  const bool cut = rows < family.members.size();
  if (cut && rows > 1) --rows;
  const auto height = std::min(chart.height / static_cast<float>(rows + (cut ? 1 : 0)), p.units(5));
  const rect left{chart.right() + gap, at.y, column, line * 1.2F};
  p.write({kind::completion, part::name, 0, 0}, {at.x, at.y, chart.right() - at.x, line * 1.2F},
          "in order of submission, each until it ended", text, p.colors().text, align::left,
          typeface::bold);
  p.write({kind::completion, part::name, 0, 1}, left, "as_completed", text, p.colors().text,
          align::right, typeface::sans);
  p.write({kind::completion, part::name, 0, 2}, {left.x + column, at.y, column, line * 1.2F}, "map",
          text, p.colors().text, align::right);
  p.fill({kind::completion, part::frame, 0, 0},
         {chart.x, chart.y, chart.width, height * static_cast<float>(rows)}, p.colors().panel);
  std::int64_t waited = 0;
  for (std::size_t i = 0; i < family.members.size(); ++i) {
    const auto t = family.members[i];
    if (family.ended[i] && family.from_map[i] && *family.from_map[i] <= m.at)
      waited += *family.from_map[i] - *family.ended[i];
    if (i >= rows) continue;
    const rect row{chart.x, chart.y + height * static_cast<float>(i), chart.width, height};
    const rect bar{row.x, row.y + height * 0.12F, row.width, height * 0.76F};
    p.write({kind::task, part::number, t, 0}, {at.x, row.y, number - gap, height},
            std::to_string(std::uint64_t{t} + 1), text, p.colors().text, align::right,
            typeface::bold);
    // Its states one after the other, from its own list of changes.
    std::vector<std::pair<std::int64_t, look>> states;
    for (auto c = of.tasks()[t].last_change; c != none; c = of.changes()[c].previous)
      states.emplace_back(of.time_of(of.changes()[c]), look_of(of, of.changes()[c]));
    std::ranges::reverse(states);
    for (std::size_t s = 0; s < states.size(); ++s) {
      const auto begin = states[s].first;
      const auto end =
          s + 1 < states.size() ? states[s + 1].first : family.ended[i].value_or(of.end());
      if (begin > m.at || x(end) - x(begin) < 0.5F) continue;
      const rect piece{x(begin), bar.y, x(end) - x(begin), bar.height};
      if (piece.width >= 3) {
        p.state_box({kind::task, part::bar, t, static_cast<std::uint32_t>(s)}, piece,
                    states[s].second, 0);
      } else {
        p.fill({kind::task, part::bar, t, static_cast<std::uint32_t>(s)}, piece,
               p.colors().of(states[s].second).fill);
      }
    }
    if (!family.ended[i] || *family.ended[i] > m.at) continue;
    const auto ended = *family.ended[i];
    // Done, but what was submitted before it is not: `map` keeps it back.
    if (family.derivable && family.from_map[i] && *family.from_map[i] > ended) {
      const rect kept{x(ended), bar.y, x(*family.from_map[i]) - x(ended), bar.height};
      if (kept.width >= 2) {
        p.hatch({kind::completion, part::hatch, t, 0}, kept, p.colors().outline, p.units(1),
                p.stroke() * 0.6F);
        p.outline({kind::completion, part::bar, t, 0}, kept, p.colors().outline, p.stroke(),
                  dash::dotted);
        p.meet({kind::completion, part::bar, t, 0}, kept,
               called(t) + " is done, and map keeps it back for " +
                   duration(*family.from_map[i] - ended));
      }
    }
    const auto tick = std::max<std::int64_t>(1, (to - from) / 200);
    if (!family.derivable) continue;
    const auto when = std::to_string(family.rank[i]) + ". " + moment(ended - of.begin(), tick);
    p.write({kind::completion, part::value, t, 0}, {left.x, row.y, column, height},
            family.rank[i] == 1 ? "first " + moment(ended - of.begin(), tick) : when, text,
            p.colors().text, align::right);
    if (family.from_map[i] && *family.from_map[i] <= m.at) {
      p.write({kind::completion, part::value, t, 1}, {left.x + column, row.y, column, height},
              moment(*family.from_map[i] - of.begin(), tick), text, p.colors().text, align::right);
    }
  }
  if (cut) {
    const auto y = chart.y + height * static_cast<float>(rows);
    p.write({kind::completion, part::more, 0, 0}, {chart.x, y, chart.width, line},
            grouped(family.members.size() - rows) + " more", text, p.colors().text);
  }
  const auto says = family.derivable
                        ? "map keeps finished results back for " + duration(waited) +
                              " in all (hatched); wait(first_completed) takes the first."
                        : std::string(
                              "What consumers would have seen is not derivable: tasks were "
                              "submitted after others had ended.");
  p.write({kind::completion, part::state, 0, 0}, {at.x, at.bottom() - 2.4F * line, at.width, line},
          says, text, p.colors().text);
  if (family.derivable) {
    p.write({kind::completion, part::state, 0, 1},
            {at.x, at.bottom() - 1.3F * line, at.width, line},
            "Computed from finish times; the consumer takes 0 ms.", text, p.colors().text);
  }
}

}  // namespace fronta::viz
