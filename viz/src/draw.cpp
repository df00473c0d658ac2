// SPDX-License-Identifier: Apache-2.0
#include "code_panel.hpp"
#include "panels.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace fronta::viz {
namespace {

constexpr std::array<std::string_view, 3> layout_names{"plain", "read", "run"};
static_assert(layout_names.size() == static_cast<std::size_t>(stage_layout::run) + 1);

constexpr std::array<std::string_view, 9> names{"stage",     "timeline", "completion",
                                                "graph",     "compare",  "statistics",
                                                "inspector", "plots",    "progress"};
static_assert(names.size() == static_cast<std::size_t>(preset::progress) + 1);

constexpr std::array<std::string_view, lane_orders> orders{"place", "name", "busy", "first"};

void draw_timeline(painter& p, const moment_in_view& m, const rect& body) {
  lanes_options o;
  if (knows_critical_path(m)) o.critical = lanes_options::path::outlined;
  auto lengths = std::min(p.units(12), body.height * 0.24F);
  const auto gap = p.units(1);
  const auto size = p.units(2.2F);
  const auto words = p.line_height(size) * 1.2F;
  const auto room = body.height - lengths - words - gap;
  const auto lanes = draw_lanes(p, m, {body.x, body.y, body.width, room}, o);
  // What few lanes leave is the curves', up to a height at which they are still compared.
  lengths = std::min(lengths + room - lanes, std::max(lengths, p.units(30)));
  draw_critical_path_words(p, m, {body.x, body.y + lanes, body.width, words}, size);
  draw_lengths(p, m, {body.x, body.y + lanes + words + gap, body.width, lengths}, o);
}

// Large text has no room for a column of sentences: then they have the whole width, above the rest.
bool is_narrow(const painter& p, const rect& body) { return body.width < p.units(105); }

rect below_sentences(painter& p, const moment_in_view& m, const rect& body) {
  const auto sentence = p.line_height(p.units(3.7F)) * (body.height < p.units(45) ? 1.0F : 2.0F);
  draw_narration(p, m, {body.x, body.y, body.width, sentence + p.units(0.5F)}, headline::omitted);
  const auto used = sentence + p.units(1);
  return {body.x, body.y + used, body.width, body.height - used};
}

// Code over two thirds; of the stage, what has room in the other one.
void draw_reading(painter& p, const moment_in_view& m, const rect& body) {
  const auto gap = p.units(2);
  const bool narrow = is_narrow(p, body);
  const auto room = narrow ? below_sentences(p, m, body) : body;
  const auto code = room.width * 2 / 3;
  draw_code(p, m, {room.x, room.y, code - gap, room.height});
  struct part_of_stage {
    void (*draw)(painter&, const moment_in_view&, const rect&);
    float share;
  };
  constexpr part_of_stage now{[](painter& on, const moment_in_view& at, const rect& in) {
                                draw_narration(on, at, in, headline::shown);
                              },
                              0.25F};
  constexpr part_of_stage workers{draw_workers, 0.35F};
  constexpr part_of_stage waiting{draw_queues, 0.2F};
  constexpr part_of_stage done{draw_completed, 0.2F};
  // Each needs a headline and a row.
  std::vector<part_of_stage> parts{workers};
  if (!narrow) parts.insert(parts.begin(), now);
  const auto fits = [&](float lines) { return room.height >= p.units(11) * lines; };
  if (fits(static_cast<float>(parts.size()) + 2)) {
    parts.push_back(waiting);
    parts.push_back(done);
  } else if (fits(static_cast<float>(parts.size()) + 1)) {
    parts.push_back(done);
  }
  float all = 0;
  for (const auto& one : parts) all += one.share;
  auto y = room.y;
  for (const auto& one : parts) {
    const auto height = room.height * one.share / all;
    one.draw(p, m, {room.x + code, y, room.width - code, height - p.units(0.5F)});
    y += height;
  }
}

void draw_stage(painter& p, const moment_in_view& m, const rect& body) {
  if (m.what.layout == stage_layout::read) {
    draw_reading(p, m, body);
    return;
  }
  const auto gap = p.units(1);
  auto room = body;
  if (m.what.layout == stage_layout::run) {
    const auto strip = draw_code_strip(p, m, room) + gap;
    room.y += strip;
    room.height -= strip;
  }
  const bool narrow = is_narrow(p, room);
  if (narrow) room = below_sentences(p, m, room);
  // Lanes too thin for a word say nothing to a room.
  const bool lanes = room.height >= p.units(26);
  // What few lanes leave is the upper part's.
  const auto least_top = room.height * (narrow ? 0.66F : 0.58F);
  const auto top = lanes
                       ? std::max(least_top, room.height - gap - most_height_of_lanes(p, m.of, {}))
                       : room.height;
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
    // Where there is less width, names of what is done want a larger part of it.
    const bool wide = body.width >= p.units(150);
    const std::array edges =
        wide ? std::array{0.25F, 0.43F, 0.753F} : std::array{0.23F, 0.4F, 0.695F};
    draw_narration(p, m, column(0, edges[0]), headline::shown);
    draw_queues(p, m, column(edges[0], edges[1]));
    draw_workers(p, m, column(edges[1], edges[2]));
    draw_completed(p, m, column(edges[2], 1));
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
  if (m.what.what == preset::stage && m.what.layout != stage_layout::plain) {
    if (const auto lit = lit_at(m)) {
      text += "; lit is ";
      text += inner_path(lit->file);
      text += ':';
      text += std::to_string(lit->line);
    }
  }
  return text + ".";
}

}  // namespace

std::string_view name_of(stage_layout l) noexcept {
  return layout_names[static_cast<std::size_t>(l)];
}
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
  p.shorten_words_of(&of, what.what == preset::compare ? what.other : nullptr);
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
    case preset::completion:
      draw_completion(p, m, body);
      break;
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
