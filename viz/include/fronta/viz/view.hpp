// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/clock.hpp>
#include <fronta/viz/index.hpp>
#include <fronta/viz/scene.hpp>
#include <fronta/viz/theme.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fronta::viz {

class source_files;

enum class preset : std::uint8_t {
  stage,       ///< for a room: what just happened, queues, workers, completion order, time
  timeline,    ///< lanes of all workers and streams, and the length of the queues
  completion,  ///< order of submission and of completion, and what consumers would have seen: of
               ///< the selected task's siblings, else of the largest family
  graph,       ///< tasks, their inputs and who submitted them; the critical path, or what the
               ///< selected task needs and what needs it, is lit
  compare,     ///< two runs on one clock, and what differs between them
  statistics,  ///< how many, how long, what they waited for: of tasks that ended on the time axis
  inspector,   ///< the biography of the selected task
  plots,       ///< queues, workers, bytes, retries and the program's counters over time
  progress,    ///< how far the tasks of each name are
};

/// Where the picture comes from: part of every picture, and of every export.
enum class source : std::uint8_t { recorded, live, simulated };

/// Whether the preset `stage` shows the line of the program that the newest of what happened goes
/// back to: where its task was submitted.
enum class stage_layout : std::uint8_t {
  plain,  ///< it does not
  read,   ///< over two thirds, with the function around it
  run,    ///< above the stage, with the lines before and behind it
};
[[nodiscard]] std::string_view name_of(stage_layout l) noexcept;

/// In which order lanes lie below each other.
enum class lane_order : std::uint8_t {
  place,  ///< workers, then devices, then other threads
  name,
  busy,   ///< which is at work longest in the whole trace, first
  first,  ///< which is at work earliest
};
inline constexpr std::size_t lane_orders = static_cast<std::size_t>(lane_order::first) + 1;
[[nodiscard]] std::string_view name_of(lane_order o) noexcept;

/// An executor and the number of a place of it.
using lane_place = std::pair<std::uint16_t, std::int32_t>;

/// How lanes are arranged. None is ever left out.
struct lane_view {
  lane_order order = lane_order::place;
  std::vector<std::uint32_t> pinned = {};      ///< above all others, in this order
  std::vector<std::uint32_t> folded = {};      ///< as low as their names
  std::vector<lane_place> folded_places = {};  ///< all their lanes under one name
  std::uint32_t marked = none;                 ///< its name is: what keys act on
  bool operator==(const lane_view&) const = default;
};

/// What the colour of a bar in the timeline means.
enum class bar_color : std::uint8_t {
  state,
  kind,  ///< of tasks by their names, as long as they are at work; all other states keep theirs
};

/// What is looked at, and how. Together with an index and a size it makes a scene; nothing else
/// does, so that the same moment always looks the same, however it was reached.
struct view {
  preset what = preset::timeline;
  std::int64_t at = forever;  ///< the moment; later than the end means the end
  std::int64_t from = 0;      ///< of the time axis
  std::int64_t to = 0;        ///< not after `from`: the whole trace
  task_number selected = no_task;
  source shown = source::recorded;
  /// Nanoseconds of the trace in a second on the screen while it plays, where the clock shortens
  /// nothing; 0: a still.
  double dilation = 0;
  bool steps = false;  ///< one event after the other: how long one is shown means nothing
  /// 1 as usual; larger text leaves less room for all else. From 0.5 to 2.2.
  float text_size = 1;
  std::string title;  ///< such as the trace's file
  /// The run to compare with; must outlive the drawing. Moments are those of the first run, and
  /// both begin at once.
  const index* other = nullptr;
  std::string other_title = {};
  stage_layout layout = stage_layout::plain;
  /// What there is of the program's files; null for none. Must outlive the drawing.
  const source_files* sources = nullptr;
  std::string note = {};  ///< what else is to be known of the moment, such as "paused"
  /// Of time axes, but in comparisons, in biographies and while a trace is live: there it is
  /// linear, and the picture says so.
  clock_kind clock = clock_kind::linear;
  double beats = 0;      ///< of `steps`, how many events a second while it plays; 0: not told
  lane_view lanes = {};  ///< of comparisons only the order
  bar_color color = bar_color::state;
};

/// The presets' names, as on a command line.
[[nodiscard]] std::string_view name_of(preset p) noexcept;

/// Draws `what` of `of` in `width` × `height` pixels, from 640 × 400 on. Pure: the same arguments
/// give the same scene. Takes time by pixels and visible things, and a little by the length of the
/// trace: 1/64 step a bar before the picture. `completion` looks at all tasks; `statistics`,
/// `inspector`, `plots` and `progress` read the whole trace once for an index, the first time.
[[nodiscard]] scene draw(const index& of, const view& what, float width, float height,
                         const font_metrics& font, const theme& colors);

}  // namespace fronta::viz
