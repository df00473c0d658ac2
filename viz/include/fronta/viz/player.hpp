// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/glide.hpp>
#include <fronta/viz/index.hpp>
#include <fronta/viz/view.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

/// Playing of a trace: what keys, clicks and the passing of time make of what is looked at. Pure:
/// time passes only through the command `tick`.
namespace fronta::viz {

struct player_state {
  preset what = preset::stage;
  std::int64_t at = 0;  ///< within the trace
  /// The part played beyond `at`, less than 1: of a nanosecond, or of an event's time in steps.
  double ahead = 0;
  std::int64_t from = 0;
  std::int64_t to = 1;  ///< of the time axis, after `from`; `at` is not outside
  /// Nanoseconds of the trace in a second on the screen, where the clock shortens nothing.
  double dilation = 1e9;
  double beats = 2;  ///< events in a second on the screen, on the clock of steps
  clock_kind clock = clock_kind::linear;
  lane_view lanes = {};
  bar_color color = bar_color::state;
  task_number selected = no_task;
  std::size_t theme = 0;  ///< index in `all_themes()`
  int text_size = 0;      ///< steps larger than usual
  bool playing = false;
  bool live = false;     ///< the trace grows: the axis may show time to come
  bool follows = false;  ///< the playhead goes with the newest moment; only while it is live
  bool reduced_motion = false;
  std::optional<glide> stepped = {};  ///< of the last step, while tokens are on their way
  stage_layout layout = stage_layout::plain;
  bool blank = false;  ///< nothing is shown, for a speaker who wants to be looked at
  bool help = false;
  bool searching = false;   ///< what is typed is what is looked for
  std::string wanted = {};  ///< UTF-8

  bool operator==(const player_state&) const = default;
};

namespace player_limits {
inline constexpr double least_dilation = 1;
inline constexpr double most_dilation = 1e12;
inline constexpr double least_beats = 1.0 / 16;
inline constexpr double most_beats = 1024;
inline constexpr std::int64_t least_span = 100;  ///< of the time axis, in ns
/// What the axis of a live trace shows at first, in ns; so much at most while it is shorter.
inline constexpr std::int64_t live_span = 12'000'000'000;
inline constexpr int smallest_text = -4;
inline constexpr int largest_text = 8;
inline constexpr std::size_t longest_search = 200;  ///< bytes
}  // namespace player_limits

namespace commands {

/// So much time went by on the screen.
struct tick {
  double seconds = 0;
};
/// To the next event that has a sentence, so many times; backwards if negative. Stops playing.
struct step {
  int events = 1;
};
struct to_begin {};
struct to_end {};  ///< while it is live, follows from there
/// Follows the newest moment of a live trace, or stays where it is.
struct follow {};
/// The trace has grown.
struct grown {};
/// It grows no more.
struct ended {};
struct scrub {
  std::int64_t to = 0;
};
/// Plays the same trace from its begin.
struct replay {};
/// Multiplies how fast it plays.
struct pace {
  double by = 1;
};
/// Around the playhead; more than 1 shows less time, larger. On other clocks less of their places.
struct zoom {
  double by = 1;
};
/// By so much of what the time axis shows; to later if positive. The playhead goes along where it
/// would leave the picture.
struct pan {
  double by = 0;
};
struct show {
  preset what = preset::stage;
};
struct select {
  task_number task = no_task;
};
/// To the task so many further, from the first one on.
struct select_by {
  int tasks = 1;
};
struct resize_text {
  int steps = 0;
};
/// Plays or pauses; at the end it plays from the begin. Who plays a live trace to its end follows.
struct play {};
struct next_theme {};
/// The stage with code beside it, above it, and without; from another preset to the stage first.
struct next_layout {};
struct next_clock {};  ///< has no effect to be seen while the trace is live
struct next_order {};  ///< of lanes
struct next_color {};  ///< of bars: states, or kinds
/// Marks the name so many further down, from the first one on.
struct mark_lane {
  int by = 1;
};
/// These three: a lane, or `none` for the marked one; and back again.
struct fold_lane {
  std::uint32_t lane = none;  ///< of a folded place: unfolds that
};
struct fold_place {
  std::uint32_t lane = none;  ///< any of the place's
};
struct pin_lane {
  std::uint32_t lane = none;
};
/// Looks for tasks by what is typed from now on, or stops typing.
struct search {};
struct type {
  std::string text;  ///< UTF-8; goes to the first match from the selected task on
};
struct erase {};  ///< the last character
/// To the match so many further: selects it, and goes to its begin where that is not to be seen.
struct find {
  int matches = 1;
};
struct reduce_motion {};  ///< turns it on or off, as the two below
struct blank {};
struct help {};
/// Ends typing; else help, blank, selection and mark.
struct dismiss {};

}  // namespace commands

using command =
    std::variant<commands::tick, commands::step, commands::to_begin, commands::to_end,
                 commands::scrub, commands::replay, commands::pace, commands::zoom, commands::pan,
                 commands::show, commands::select, commands::select_by, commands::resize_text,
                 commands::follow, commands::grown, commands::ended, commands::play,
                 commands::next_theme, commands::next_layout, commands::reduce_motion,
                 commands::blank, commands::help, commands::dismiss, commands::next_clock,
                 commands::next_order, commands::next_color, commands::mark_lane,
                 commands::fold_lane, commands::fold_place, commands::pin_lane, commands::search,
                 commands::type, commands::erase, commands::find>;

/// The whole trace from its begin, paused, at a pace that shows it in some ten seconds.
[[nodiscard]] player_state opened(const index& of);
/// One that grows: followed, at the pace of the clock.
[[nodiscard]] player_state opened_live(const index& of);

/// `s` of a recording that goes on for a later model of it: there lanes may have other numbers, as
/// work of devices is told late.
[[nodiscard]] player_state carried_over(const index& from, const index& to, player_state s);

/// What `c` makes of `s`. `s` may come from another trace, or from this one when it was shorter.
[[nodiscard]] player_state reduce(const index& of, player_state s, const command& c);

/// How much larger text is than usual after so many steps: a tenth each.
[[nodiscard]] float text_scale(int steps) noexcept;

/// Tokens that are on their way: after a step, or while it plays; none where motion is reduced.
[[nodiscard]] std::optional<glide> glide_of(const player_state& s) noexcept;

/// What there is to draw. Title and source are the caller's.
[[nodiscard]] view view_of(const player_state& s);

}  // namespace fronta::viz
