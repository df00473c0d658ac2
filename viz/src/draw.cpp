// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace fronta::viz {
namespace {

constexpr std::array<std::string_view, 9> names{"stage",     "timeline", "completion",
                                                "graph",     "compare",  "statistics",
                                                "inspector", "plots",    "progress"};
static_assert(names.size() == static_cast<std::size_t>(preset::progress) + 1);

constexpr std::array<std::string_view, lane_orders> orders{"place", "name", "busy", "first"};

void draw_timeline(painter& p, const moment_in_view& m, const rect& body) {
  lanes_options o;
  if (knows_critical_path(m)) o.critical = lanes_options::path::outlined;
  const auto lengths = std::min(p.units(12), body.height * 0.24F);
  const auto gap = p.units(1);
  const auto size = p.units(2.2F);
  const auto words = p.line_height(size) * 1.2F;
  const auto lanes = body.height - lengths - words - gap;
  draw_lanes(p, m, {body.x, body.y, body.width, lanes}, o);
  draw_critical_path_words(p, m, {body.x, body.y + lanes, body.width, words}, size);
  draw_lengths(p, m, {body.x, body.bottom() - lengths, body.width, lengths}, o);
}

void draw_stage(painter& p, const moment_in_view& m, const rect& body) {
  const auto gap = p.units(1);
  auto room = body;
  // Large text has no room for a column of sentences: then they have the whole width.
  const bool narrow = body.width < p.units(105);
  if (narrow) {
    const auto sentence = p.line_height(p.units(3.7F)) * (body.height < p.units(45) ? 1.0F : 2.0F);
    draw_narration(p, m, {body.x, body.y, body.width, sentence + p.units(0.5F)}, headline::omitted);
    room.y += sentence + gap;
    room.height -= sentence + gap;
  }
  // Lanes too thin for a word say nothing to a room.
  const bool lanes = room.height >= p.units(26);
  const auto top = lanes ? room.height * (narrow ? 0.66F : 0.58F) : room.height;
  const rect upper{room.x, room.y, room.width, top};
  const auto column = [&](float from, float to) {
    return rect{upper.x + upper.width * from, upper.y, upper.width * (to - from) - gap,
                upper.height};
  };
  if (narrow) {
    draw_queues(p, m, column(0, 0.26F));
    draw_workers(p, m, column(0.26F, 0.7F));
    draw_completed(p, m, column(0.7F, 1));
  } else {
    draw_narration(p, m, column(0, 0.25F), headline::shown);
    draw_queues(p, m, column(0.25F, 0.43F));
    draw_workers(p, m, column(0.43F, 0.78F));
    draw_completed(p, m, column(0.78F, 1));
  }
  if (lanes)
    draw_lanes(p, m, {room.x, room.y + top + gap, room.width, room.height - top - gap}, {});
}

std::string describe(const moment_in_view& m) {
  const auto counts = m.of.counts_at(m.at);
  std::string text = std::string(name_of(m.what.what)) + " of " +
                     (m.what.title.empty() ? std::string("a trace") : m.what.title) + " at " +
                     duration(m.at - m.of.begin()) + ": ";
  bool first = true;
  for (std::size_t s = 0; s < counts.size(); ++s) {
    if (counts[s] == 0) continue;
    if (!first) text += ", ";
    first = false;
    text += grouped(counts[s]) + " " + std::string(name_of(static_cast<task_state>(s)));
  }
  if (first) text += "no task yet";
  if (const auto e = m.of.last_event(m.at); e != none) {
    if (const auto sentence = narrate(m.of, e); !sentence.empty()) text += "; " + sentence;
  }
  return text + ".";
}

}  // namespace

std::string_view name_of(lane_order o) noexcept { return orders[static_cast<std::size_t>(o)]; }

bool keeps_clock(const view& v) noexcept {
  return v.what != preset::compare && v.what != preset::inspector && v.shown != source::live;
}

bool shows_kinds(const view& v) noexcept {
  return v.color == bar_color::kind && v.what == preset::timeline;
}

std::string_view name_of(preset p) noexcept { return names[static_cast<std::size_t>(p)]; }

scene draw(const index& of, const view& what, float width, float height, const font_metrics& font,
           const theme& colors) {
  scene s;
  s.width = width;
  s.height = height;
  s.background = colors.page;
  moment_in_view m{of, what};
  // Of two runs the longer one's end.
  auto end = of.end();
  if (what.what == preset::compare && what.other != nullptr)
    end = std::max(end, of.begin() + (what.other->end() - what.other->begin()));
  m.at = std::clamp(what.at, of.begin(), end);
  m.from = what.to > what.from ? what.from : of.begin();
  m.to = what.to > what.from ? what.to : end;
  if (m.to <= m.from) m.to = m.from + 1;
  if (what.clock != clock_kind::linear && keeps_clock(what)) m.clock = &clock_of(of, what.clock);
  s.title = what.title;
  s.description = describe(m);
  const auto text_size = std::isfinite(what.text_size) ? std::clamp(what.text_size, 0.5F, 2.2F) : 1;
  painter p(s, font, colors, text_size);
  const auto header = header_height(p, m, width);
  const auto margin = p.units(1.5F);
  draw_header(p, m, {0, 0, width, header});
  // Where text is large the legend is as large as leaves room, down to its usual size.
  const auto usual = what.what == preset::stage ? 3.7F : 2.4F;
  auto legend_text = p.units(usual);
  auto legend = legend_height(p, m, width, legend_text);
  while (legend > height * 0.16F && legend_text > p.units(usual) / text_size) {
    legend_text = std::max(legend_text * 0.93F, p.units(usual) / text_size);
    legend = legend_height(p, m, width, legend_text);
  }
  const rect body{margin, header, width - 2 * margin, height - header - legend - margin};
  switch (what.what) {
    case preset::stage:
      draw_stage(p, m, body);
      break;
    case preset::completion: {
      const auto top = body.height * 0.64F;
      draw_completion(p, m, {body.x, body.y, body.width, top});
      draw_lanes(p, m, {body.x, body.y + top, body.width, body.height - top}, {});
      break;
    }
    case preset::timeline:
      draw_timeline(p, m, body);
      break;
    case preset::graph:
      draw_graph(p, m, body);
      break;
    case preset::compare:
      draw_compare(p, m, body);
      break;
    case preset::statistics:
      draw_statistics(p, m, body);
      break;
    case preset::inspector:
      draw_inspector(p, m, body);
      break;
    case preset::plots:
      draw_plots(p, m, body);
      break;
    case preset::progress:
      draw_progress(p, m, body);
      break;
  }
  draw_legend(p, m, {0, height - legend, width, legend}, legend_text);
  return s;
}

}  // namespace fronta::viz
