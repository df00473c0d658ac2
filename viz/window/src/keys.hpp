// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/player.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace fronta::viz {

/// Keys that have a name. The others are known by the character that they give, so that letters are
/// where the user's keyboard has them.
enum class key : std::uint8_t {
  unnamed,  ///< known by its character
  space,
  left,
  right,
  up,
  down,
  home,
  end,
  page_up,
  page_down,
  tab,
  escape,
  enter,
  backspace,
  f1,
  f5,
  f11,
};

struct key_press {
  key named = key::unnamed;
  char32_t character = 0;  ///< small where it has a capital; 0 for a named key
  bool control = false;
  bool shift = false;  ///< of a named key
  bool operator==(const key_press&) const = default;
};

/// What is no matter of the player but of the window.
enum class window_action : std::uint8_t {
  full_screen,
  next_monitor,
  controls,
  snapshot,
  quit,
  present,    ///< plays nothing yet: fills the screen, at the trace's begin
  retire,     ///< back to a window; there it ends what `commands::dismiss` does
  run_again,  ///< closes, for whoever opened it on a run to run that once more; asks first
};

/// Which keys there are.
enum class key_profile : std::uint8_t {
  all,
  clicker,  ///< of a speaker's remote control, and what he may need beside it
};

struct key_binding {
  key_press press;
  std::variant<command, window_action> does;
  std::string_view shown;  ///< as the help calls the key; empty for a second key to the same
  std::string_view says;
  bool repeats = false;  ///< again and again while it is held
};

/// All keys: the help lists this table.
[[nodiscard]] std::span<const key_binding> key_bindings(key_profile of = key_profile::all);
/// Null for a key that does nothing.
[[nodiscard]] const key_binding* find_binding(const key_press& pressed,
                                              key_profile of = key_profile::all);

}  // namespace fronta::viz
