// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keys.hpp"

#include <fronta/viz/index.hpp>
#include <fronta/viz/player.hpp>
#include <fronta/viz/scene.hpp>
#include <fronta/viz/search.hpp>
#include <fronta/viz/view.hpp>

#include <cstdint>
#include <optional>
#include <string>

/// What the window shows: a trace's picture with the controls around it, as one scene.
namespace fronta::viz {

struct screen {
  float width = 0;
  float height = 0;
  std::string title;             ///< of the trace
  std::string message;           ///< what the window has to say; empty for nothing
  std::string note = {};         ///< beside the clock, in place of the player's; empty for none
  std::optional<hit> met = {};   ///< what the pointer is on
  bool controls = true;          ///< below the picture; without them it fills the window
  const index* other = nullptr;  ///< the run to compare with
  std::string other_title = {};
  const source_files* sources = nullptr;  ///< the program's; null for none
  const task_search* found = nullptr;     ///< what is looked for; null: it is searched here
  key_profile keys = key_profile::all;    ///< those that the help lists
};

/// Sets what `v` of a run compares with. At the end of it all of the other run is shown, which may
/// be longer.
void compare(view& v, const index& of, const index* other, std::string title);

/// `of` may be null: no trace is open.
[[nodiscard]] scene draw(const screen& on, const index* of, const player_state& s,
                         const font_metrics& font);

/// Ids of the controls among a scene's hits.
inline constexpr item_id play_button{item_id::kind::page, item_id::part::mark, 0, 0};
inline constexpr item_id scrub_bar{item_id::kind::page, item_id::part::bar, 0, 0};
inline constexpr item_id help_button{item_id::kind::page, item_id::part::more, 0, 0};

/// The moment that a point of the bar stands for, on the clock of `s`.
[[nodiscard]] std::int64_t moment_at(const index& of, const player_state& s, const rect& bar,
                                     float x);

}  // namespace fronta::viz
