// SPDX-License-Identifier: Apache-2.0
#include "compare.hpp"

#include "panels.hpp"
#include "summaries.hpp"
#include "task_groups.hpp"
#include "work_time.hpp"

#include <fronta/viz/theme.hpp>
#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

// Numbers of what belongs to the second run, so that nothing of both is the same thing.
constexpr std::uint32_t second_run = 0x4000'0000;

std::string times(double factor) {
  std::array<char, 32> text{};
  if (factor > 0 && factor < 0.005) return "< 0.01 ×";
  std::snprintf(text.data(), text.size(), factor < 9.995 ? "%.2f" : "%.0f", factor);
  return std::string(text.data()) + " ×";
}

// The other run's moments, on the clock of the first: both begin at once.
moment_in_view in_other(const moment_in_view& m, const index& other, const view& what) {
  constexpr auto farthest = std::int64_t{1} << 56U;
  const auto there = [&](std::int64_t t) {
    return other.begin() + (std::clamp(t, -farthest, farthest) - m.of.begin());
  };
  moment_in_view o{other, what};
  o.at = std::clamp(there(m.at), other.begin(), other.end());
  o.from = there(m.from);
  o.to = there(m.to);
  return o;
}

std::string said_of(std::string_view letter, const index& of, std::string_view title) {
  std::string text(letter);
  if (!title.empty()) {
    text += " ";
    text += title;
  }
  text += ": ";
  text += grouped(of.tasks().size());
  text += of.tasks().size() == 1 ? " task in " : " tasks in ";
  text += duration(makespan(of));
  if (of.dropped() != 0) text += ", " + grouped(of.dropped()) + " events MISSING";
  if (!of.ended()) text += ", the recording was cut off";
  return text;
}

class table {
 public:
  table(painter& p, const rect& at)
      : p_(p), at_(at), text_(p.units(2.3F)), row_(p.line_height(text_) * 1.2F) {}

  void draw(const std::vector<name_difference>& rows) {
    p_.fill({kind::plot, part::frame, 9, 0}, {at_.x, at_.y, at_.width, row_}, p_.colors().panel);
    write(0, {"whole runs, by name", "tasks A", "B", "ran A", "B", "B to A", "median A", "B"},
          typeface::bold);
    auto fitting = static_cast<std::size_t>(std::max(1.0F, at_.height / row_)) - 1;
    if (fitting < rows.size() && fitting > 0) --fitting;
    const auto shown = std::min(fitting, rows.size());
    for (std::size_t i = 0; i < shown; ++i) {
      const auto& d = rows[i];
      const auto count = [](const name_totals::entry* e) {
        return e == nullptr ? std::string("none") : grouped(e->tasks);
      };
      const auto ran = [](const name_totals::entry* e) {
        return e == nullptr ? std::string("–") : duration(e->ran);
      };
      const auto median = [](const name_totals::entry* e) {
        return e == nullptr || e->ran == 0 ? std::string("–") : duration(e->median);
      };
      std::string ratio = "–";
      if (d.a == nullptr) ratio = "only in B";
      if (d.b == nullptr) ratio = "only in A";
      if (d.a != nullptr && d.b != nullptr && d.a->ran != 0)
        ratio = times(static_cast<double>(d.b->ran) / static_cast<double>(d.a->ran));
      write(i + 1,
            {d.name(), count(d.a), count(d.b), ran(d.a), ran(d.b), ratio, median(d.a), median(d.b)},
            typeface::sans);
    }
    if (shown < rows.size()) {
      const auto y = at_.y + row_ * static_cast<float>(shown + 1);
      p_.write(
          {kind::plot, part::more, 9, 0}, {at_.x + pad(), y, at_.width - pad(), row_},
          grouped(rows.size() - shown) + (rows.size() - shown == 1 ? " more name" : " more names"),
          text_, p_.colors().text);
    }
  }

 private:
  [[nodiscard]] float pad() const { return text_ * 0.5F; }

  void write(std::size_t row, const std::array<std::string, 8>& cells, typeface face) {
    const auto y = at_.y + row_ * static_cast<float>(row);
    const auto number = static_cast<std::uint32_t>(row);
    const auto name = at_.width * 0.26F;
    const auto width = (at_.width - name) / 7;
    p_.write({kind::plot, part::name, 10 + number, 0}, {at_.x + pad(), y, name - 2 * pad(), row_},
             cells[0], text_, p_.colors().text, align::left, face);
    for (std::uint32_t c = 1; c < cells.size(); ++c) {
      p_.write({kind::plot, part::value, 10 + number, c},
               {at_.x + name + width * static_cast<float>(c - 1), y, width - pad(), row_}, cells[c],
               text_, p_.colors().text, align::right, face);
    }
    if (row != 0) {
      p_.draw_line({kind::plot, part::mark, 10 + number, 0}, {at_.x, y}, {at_.right(), y},
                   p_.colors().grid, p_.stroke() * 0.5F);
    }
  }

  painter& p_;
  rect at_;
  float text_;
  float row_;
};

float widest_name(const painter& p, const index& of, float size) {
  float widest = 0;
  for (const auto l : lanes_in_order(of))
    widest = std::max(widest, p.width_of(of.lanes()[l].name, size));
  return widest;
}

}  // namespace

name_totals::name_totals(const index& of) {
  const auto& groups = of.whole().groups_of(of);
  for (std::uint32_t g = 0; g < groups.size(); ++g)
    entries_.push_back({without_numbers(groups.name(g)), groups.name(g), 0, 0, 0});
  std::vector<std::pair<std::uint32_t, std::int64_t>> ran;
  auto all = work_of_all(of, [](task_number, const work_time&) {});
  for (task_number t = 0; t < all.size(); ++t) {
    if (of.tasks()[t].last_change == none) continue;
    all[t].advance(of.end());
    auto& e = entries_[groups.of(t)];
    ++e.tasks;
    e.ran += all[t].run();
    if (all[t].ran()) ran.emplace_back(groups.of(t), all[t].run());
  }
  std::ranges::sort(ran);
  for (std::size_t i = 0; i < ran.size();) {
    auto last = i;
    while (last < ran.size() && ran[last].first == ran[i].first) ++last;
    entries_[ran[i].first].median = ran[i + (last - i - 1) / 2].second;
    i = last;
  }
  std::erase_if(entries_, [](const entry& e) { return e.tasks == 0; });
  std::ranges::sort(entries_, {}, &entry::kind);
}

const name_totals& summaries::totals_of(const index& of) {
  return make(totals_, [&] { return std::make_shared<const name_totals>(of); });
}

const name_totals& name_totals_of(const index& of) { return of.whole().totals_of(of); }

std::vector<name_difference> differences(const name_totals& a, const name_totals& b) {
  std::vector<name_difference> found;
  auto in_a = a.by_kind().begin();
  auto in_b = b.by_kind().begin();
  while (in_a != a.by_kind().end() || in_b != b.by_kind().end()) {
    const bool of_a =
        in_b == b.by_kind().end() || (in_a != a.by_kind().end() && in_a->kind <= in_b->kind);
    const bool of_b =
        in_a == a.by_kind().end() || (in_b != b.by_kind().end() && in_b->kind <= in_a->kind);
    found.push_back({of_a ? &*in_a : nullptr, of_b ? &*in_b : nullptr});
    if (of_a) ++in_a;
    if (of_b) ++in_b;
  }
  std::ranges::sort(found, {}, [](const name_difference& d) {
    return std::pair(-std::abs(d.more_in_b()), std::string_view(d.name()));
  });
  return found;
}

std::int64_t makespan(const index& of) {
  const auto ends = of.completions();
  const auto last = ends.empty() ? of.end() : of.time_of(of.changes()[ends.back()]);
  return last - of.begin();
}

std::string compared(std::int64_t a, std::int64_t b) {
  if (a <= 0 || b <= 0) return "One of the two takes no time, so there is nothing to compare.";
  const auto ratio = static_cast<double>(b) / static_cast<double>(a);
  if (std::abs(ratio - 1) < 0.005) return "Whole runs: B takes as long as A.";
  std::string text = "Whole runs: B takes " + times(ratio);
  text += " as long as A: ";
  text += duration(std::abs(b - a));
  text += b > a ? " more." : " less.";
  return text;
}

void draw_compare(painter& p, const moment_in_view& m, const rect& at) {
  p.begin_pane("compared", at);
  const auto size = p.units(2.6F);
  const auto line = p.line_height(size) * 1.15F;
  if (m.what.other == nullptr) {
    p.write_lines({kind::plot, part::reason, 9, 0}, {at.x, at.y, at.width, 2 * line},
                  "There is nothing to compare with: give a second trace, as in \"fronta render A "
                  "B --preset compare\" or \"fronta stage A B\".",
                  size, p.colors().text);
    draw_lanes(p, m, {at.x, at.y + 2.5F * line, at.width, at.height - 2.5F * line}, {});
    return;
  }
  const auto& other = *m.what.other;
  p.write({kind::plot, part::name, 9, 0}, {at.x, at.y, at.width, line},
          compared(makespan(m.of), makespan(other)), size, p.colors().text, align::left,
          typeface::bold);
  const auto rows = differences(name_totals_of(m.of), name_totals_of(other));
  const auto table_row = p.line_height(p.units(2.3F)) * 1.2F;
  const auto table_height =
      std::min(at.height * 0.34F, table_row * static_cast<float>(rows.size() + 1));
  const auto gap = p.units(1);
  const auto lanes = at.height - line - table_height - 2 * gap;
  lanes_options o;
  o.least_names =
      std::max(widest_name(p, m.of, p.units(o.text)), widest_name(p, other, p.units(o.text)));
  auto a = m;
  a.at = std::min(m.at, m.of.end());
  auto what = m.what;
  what.selected = no_task;
  const auto b = in_other(m, other, what);
  auto y = at.y + line;
  const auto draw = [&](const moment_in_view& one, std::string_view letter, std::string_view title,
                        float height) {
    p.write({kind::plot, part::name, 9, 1}, {at.x, y, at.width, line},
            said_of(letter, one.of, title), size, p.colors().text);
    draw_lanes(p, one, {at.x, y + line, at.width, height - line}, o);
    p.begin_pane("compared", at);
    y += height;
  };
  // Each gets room for its lanes.
  const auto in_a = static_cast<float>(lanes_in_order(m.of).size()) + 2;
  const auto in_b = static_cast<float>(lanes_in_order(other).size()) + 2;
  const auto share = std::clamp(in_a / (in_a + in_b), 0.3F, 0.7F);
  draw(a, "A", m.what.title, lanes * share);
  p.number_from(second_run);
  draw(b, "B", m.what.other_title, lanes * (1 - share));
  p.number_from(0);
  table(p, {at.x, at.bottom() - table_height, at.width, table_height}).draw(rows);
}

}  // namespace fronta::viz
