// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "painter.hpp"

#include <fronta/viz/view.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// The parts that the presets are put together from. Each draws into its own panes.
namespace fronta::viz {

/// A view whose moments are within the trace.
struct moment_in_view {
  const index& of;
  const view& what;
  std::int64_t at = 0;
  std::int64_t from = 0;
  std::int64_t to = 1;
  const clock_map* clock = nullptr;  ///< of time axes; null: linear
};

/// Such as "No task has ended yet."; once nothing more comes, without the "yet".
[[nodiscard]] std::string so_far(const moment_in_view& m, std::string_view what);

/// A headline, and the room below it.
rect below_headline(painter& p, const rect& at, std::string_view text, std::uint32_t number);
/// Whether a picture's time axes follow the clock that is asked for. Two runs are compared on one
/// clock, a life is told to scale, and what goes on would move what was with each event.
[[nodiscard]] bool keeps_clock(const view& v) noexcept;

/// Whether colours of bars mean kinds of tasks: elsewhere states stand beside them.
[[nodiscard]] bool shows_kinds(const view& v) noexcept;

/// From times to pixels.
struct time_axis {
  std::int64_t from = 0;
  std::int64_t to = 1;  ///< after `from`
  float left = 0;
  float width = 0;
  const clock_map* clock = nullptr;  ///< null: linear
  double first = 0;                  ///< places on the clock of `from` and `to`
  double last = 1;

  [[nodiscard]] float x(std::int64_t t) const noexcept;
  /// So many pixels from its left end.
  [[nodiscard]] std::int64_t time(float pixels) const noexcept;
  /// How long so many pixels last from a moment on.
  [[nodiscard]] std::int64_t lasts(std::int64_t from_there, float pixels) const noexcept;
};
/// Of what is shown, on its clock.
[[nodiscard]] time_axis axis_over(const moment_in_view& m, float left, float width);

/// Title, clock, and the badge that says what the picture is of. What must be known of it (its
/// source, what is missing, the pace) is never cut: there are as many lines as that takes.
float header_height(const painter& p, const moment_in_view& m, float width);
void draw_header(painter& p, const moment_in_view& m, const rect& at);

/// The states that the trace has, by sign and word; `size` is of the text. The height that it
/// takes, for a width.
float legend_height(const painter& p, const moment_in_view& m, float width, float size);
void draw_legend(painter& p, const moment_in_view& m, const rect& at, float size);

/// One lane for each worker and stream, with a time axis below the last. The height that they take.
struct lanes_options {
  float text = 2.2F;       ///< size of names, in hundredths of the height
  float names = 0.2F;      ///< at most this part of the width for the lanes' names
  float most_height = 10;  ///< of a lane, in hundredths
  enum class path : std::uint8_t { hidden, outlined };
  path critical = path::hidden;
  float least_names = 0;  ///< room for the lanes' names in pixels, so that two pictures agree
};
float draw_lanes(painter& p, const moment_in_view& m, const rect& room, const lanes_options& o);
/// At most, whatever the room.
[[nodiscard]] float most_height_of_lanes(const painter& p, const index& of, const lanes_options& o);

/// Where lanes are drawn, and moments in them.
struct lane_row {
  std::uint32_t lane = 0;
  rect at;
};
struct lanes_geometry {
  time_axis axis;
  std::vector<lane_row> rows;

  [[nodiscard]] float x(std::int64_t t) const noexcept { return axis.x(t); }
  /// Of a place, not of a distance.
  [[nodiscard]] std::int64_t time(float x) const noexcept { return axis.time(x - axis.left); }
};
/// What decided when all was over is known when it is: at the end of a trace that does not go on.
[[nodiscard]] bool knows_critical_path(const moment_in_view& m) noexcept;
/// The whole trace's critical path in lanes, as far as it has happened: ways from lane to lane,
/// which lie behind all, and where they do;
[[nodiscard]] std::vector<rect> draw_critical_ways(painter& p, const moment_in_view& m,
                                                   const lanes_geometry& g);
/// outlines of what it went through, dashed where it waited for that lane.
void draw_critical_outlines(painter& p, const moment_in_view& m, const lanes_geometry& g);
/// Words behind a sample of the outline that they are of.
void draw_lit_words(painter& p, const rect& at, std::string_view words, float size);
void draw_critical_path_words(painter& p, const moment_in_view& m, const rect& at, float size);

/// How many tasks wait in queues, over time, below lanes drawn with the same options.
void draw_lengths(painter& p, const moment_in_view& m, const rect& at, const lanes_options& o);

/// Tasks as tokens.
void draw_queues(painter& p, const moment_in_view& m, const rect& at);
void draw_workers(painter& p, const moment_in_view& m, const rect& at);
void draw_completed(painter& p, const moment_in_view& m, const rect& at);
enum class headline : std::uint8_t { shown, omitted };
void draw_narration(painter& p, const moment_in_view& m, const rect& at, headline h);

/// The program's lines around the one that the newest of what happened goes back to: see
/// code_panel.hpp.
void draw_code(painter& p, const moment_in_view& m, const rect& at);
/// That one with the lines before and behind it, at the top of `body`. The height that it takes,
/// whatever there is to show.
float draw_code_strip(painter& p, const moment_in_view& m, const rect& body);

/// One family of tasks in order of submission, when each ended, and when `as_completed` and `map`
/// would have handed it over; below, the lanes, over the same time unless it is live.
void draw_completion(painter& p, const moment_in_view& m, const rect& body);

/// Counts and times of each name, what places did, and what tasks waited for: of the tasks that
/// ended on the part of the time axis that is over.
void draw_statistics(painter& p, const moment_in_view& m, const rect& at);
/// The life of the selected task up to the moment.
void draw_inspector(painter& p, const moment_in_view& m, const rect& at);
/// What has a value at each moment, one below the other over one time axis.
void draw_plots(painter& p, const moment_in_view& m, const rect& room);
/// How many tasks of each name are in which state.
void draw_progress(painter& p, const moment_in_view& m, const rect& at);
/// Tasks and what they depend on: see graph_layout.hpp.
void draw_graph(painter& p, const moment_in_view& m, const rect& at);

/// Two runs on one clock, and what differs between them: see compare.hpp.
void draw_compare(painter& p, const moment_in_view& m, const rect& at);

/// A task's number in a box of its state, its name beside where there is room.
void draw_token(painter& p, const moment_in_view& m, const rect& at, task_number t, look l,
                float size);

/// The lanes worth a row, in the order of the picture: workers, then devices, then other threads.
[[nodiscard]] std::vector<std::uint32_t> lanes_in_order(const index& of);

}  // namespace fronta::viz
