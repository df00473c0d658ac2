// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

std::string badge_of(const moment_in_view& m, bool with_host) {
  std::string text;
  switch (m.what.shown) {
    case source::live:
      text = "LIVE";
      break;
    case source::simulated:
      text = "SIMULATED";
      break;
    case source::paced:
      text = "PACED " + date(m.of.origin_unix());
      break;
    case source::recorded:
      text = "RECORDED " + date(m.of.origin_unix());
      break;
  }
  if (with_host && !m.of.host().empty() && m.what.shown != source::simulated)
    text += " on " + m.of.host();
  if (m.of.simulated() && m.what.shown != source::simulated) text += " · GPUs SIMULATED";
  return text;
}

// Second line: the clock, what a second on the screen is, and what is missing.
std::string clock_of(const moment_in_view& m) {
  auto text =
      "t = " + moment(m.at - m.of.begin(), std::max<std::int64_t>(1, (m.to - m.from) / 1000));
  if (m.what.steps) {
    text += " · steps, not to scale";
  } else if (m.what.dilation > 0) {
    text += " · 1 s on screen = " + duration(static_cast<std::int64_t>(m.what.dilation));
    const auto factor = 1e9 / m.what.dilation;
    if (factor > 1.05) {
      text += " (" + grouped(static_cast<std::uint64_t>(std::llround(factor))) + "× slower)";
    } else if (factor < 0.95) {
      text += " (" + grouped(static_cast<std::uint64_t>(std::llround(1 / factor))) + "× faster)";
    }
  }
  return text;
}

std::string totals_of(const moment_in_view& m) {
  const auto counts = m.of.counts_at(m.at);
  std::uint64_t all = 0;
  for (const auto c : counts) all += c;
  const auto of = [&](task_state s) { return counts[static_cast<std::size_t>(s)]; };
  auto text = grouped(all) + (all == 1 ? " task" : " tasks");
  text += ", " + grouped(of(task_state::done)) + " done";
  if (of(task_state::failed) != 0) text += ", " + grouped(of(task_state::failed)) + " failed";
  if (of(task_state::cancelled) != 0)
    text += ", " + grouped(of(task_state::cancelled)) + " cancelled";
  if (m.of.dropped() != 0) text += " · " + grouped(m.of.dropped()) + " events MISSING";
  if (m.of.dropped_records() != 0)
    text += " · " + grouped(m.of.dropped_records()) + " device records MISSING";
  if (!m.of.ended() && m.what.shown == source::recorded) text += " · the recording was cut off";
  return text;
}

struct legend_entry {
  look l;
  float width;
};

// Which looks occur in the whole trace, so that the legend stays as it is while time goes on.
std::vector<look> looks_in(const index& of) {
  std::array<bool, looks> there{};
  for (std::size_t l = 0; l < task_states; ++l)
    there[l] = of.has(static_cast<task_state>(l));  // looks are states, and one more
  there[static_cast<std::size_t>(look::on_device)] = of.has_device_work();
  std::vector<look> found;
  // In the order of a task's life.
  for (const auto l : {look::waiting_inputs, look::queued, look::waiting_tags, look::running,
                       look::on_device, look::copying, look::suspended, look::retry_wait,
                       look::done, look::failed, look::cancelled, look::unknown}) {
    if (there[static_cast<std::size_t>(l)]) found.push_back(l);
  }
  return found;
}

float entry_width(const painter& p, look l, float size) {
  return size * 1.5F + p.width_of(p.colors().of(l).word, size) + size;
}

}  // namespace

void draw_header(painter& p, const moment_in_view& m, const rect& at) {
  p.begin_pane("header", at);
  const auto margin = p.units(1.5F);
  const auto size = p.units(3.7F);
  const auto small = p.units(2.6F);
  const rect inner{at.x + margin, at.y, at.width - 2 * margin, at.height};
  const auto first = inner.height * 0.56F;
  // What it is of is never cut; on which machine is said where there is room.
  const auto width = [&](const std::string& words) {
    return p.width_of(words, size, typeface::bold) + 2 * p.units(1) + 1;
  };
  auto badge = badge_of(m, true);
  if (width(badge) > inner.width * 0.84F) badge = badge_of(m, false);
  const auto badge_width = std::min(width(badge), inner.width);
  const rect badge_at{inner.right() - badge_width, inner.y + p.units(0.6F), badge_width,
                      first - p.units(0.6F)};
  const item_id badge_id{kind::badge, part::frame, 0, 0};
  p.outline(badge_id, badge_at, p.colors().text, p.stroke() * 1.5F, dash::solid, p.units(0.6F));
  p.write({kind::badge, part::name, 0, 0},
          {badge_at.x + p.units(1), badge_at.y, badge_at.width - 2 * p.units(1), badge_at.height},
          badge, size, p.colors().text, align::center, typeface::bold);
  p.meet(badge_id, badge_at, "where this picture comes from");
  p.write(
      {kind::title, part::name, 0, 0},
      {inner.x, inner.y + p.units(0.6F), badge_at.x - inner.x - p.units(1), first - p.units(0.6F)},
      m.what.title, size, p.colors().text, align::left, typeface::bold);
  const rect second{inner.x, inner.y + first, inner.width, inner.height - first};
  const auto totals = totals_of(m);
  const auto right = std::min(p.width_of(totals, small), second.width / 2);
  p.write({kind::title, part::value, 0, 0},
          {second.x, second.y, second.width - right - p.units(2), second.height}, clock_of(m),
          small, p.colors().text);
  p.write({kind::title, part::value, 0, 1},
          {second.right() - right, second.y, right, second.height}, totals, small, p.colors().text,
          align::right);
}

float legend_height(const painter& p, const moment_in_view& m, float width, float size) {
  const auto row = p.line_height(size) * 1.25F;
  const auto margin = p.units(1.5F);
  auto x = margin;
  auto rows = 1.0F;
  for (const auto l : looks_in(m.of)) {
    const auto w = entry_width(p, l, size);
    if (x + w > width - margin && x > margin) {
      rows += 1;
      x = margin;
    }
    x += w;
  }
  return rows * row + p.units(0.6F);
}

void draw_legend(painter& p, const moment_in_view& m, const rect& at, float size) {
  p.begin_pane("legend", at);
  const auto row = p.line_height(size) * 1.25F;
  const auto margin = p.units(1.5F);
  point where{at.x + margin, at.y};
  for (const auto l : looks_in(m.of)) {
    const auto w = entry_width(p, l, size);
    if (where.x + w > at.right() - margin && where.x > at.x + margin) {
      where = {at.x + margin, where.y + row};
    }
    const auto number = static_cast<std::uint32_t>(l);
    const auto& s = p.colors().of(l);
    const rect sample{where.x, where.y + (row - size * 1.2F) / 2, size * 1.2F, size * 1.2F};
    p.state_box({kind::legend, part::token, number, 0}, sample, l, size * 0.15F);
    if (s.hatched) {
      p.fill({kind::legend, part::mark, number, 0},
             {sample.x + size * 0.25F, sample.y + size * 0.15F, size * 0.7F, size * 0.9F}, s.fill);
    }
    p.write({kind::legend, part::state, number, 0}, sample, s.sign, size * 0.95F, s.ink,
            align::center);
    p.write({kind::legend, part::name, number, 0}, {sample.right() + size * 0.3F, where.y, w, row},
            s.word, size, p.colors().text);
    where.x += w;
  }
}

}  // namespace fronta::viz
