// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include <fronta/viz/view.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fronta::demos {

struct render_command {
  std::string trace;
  /// One to compare with; or those of other processes of the run, all in one picture.
  std::vector<std::string> others;
  std::string output;  ///< its ending names the format: .png, .svg, .pdf, .html, .mp4, .gif, .txt
  viz::preset preset = viz::preset::timeline;
  std::string theme = "light";
  int width = 1920;
  int height = 1080;
  std::optional<double> at;  ///< milliseconds since the first event, as the two below
  std::optional<double> from;
  std::optional<double> to;
  std::optional<std::uint32_t> task;  ///< counted from 1, as pictures do
  double seconds = 10;                ///< of a film
  viz::stage_layout layout = viz::stage_layout::plain;
  std::string source;  ///< what the program's files lie below; empty: where they were compiled
  viz::clock_kind clock = viz::clock_kind::linear;
  std::vector<std::string> pinned;  ///< names of lanes
  std::vector<std::string> folded;  ///< or of places
  viz::lane_order order = viz::lane_order::place;
  viz::bar_color color = viz::bar_color::state;
};

/// `fronta render`. Throws `demo_error`.
exit_code execute(const render_command& what, const session& s);

}  // namespace fronta::demos
