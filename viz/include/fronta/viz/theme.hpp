// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>
#include <fronta/viz/scene.hpp>

#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace fronta::viz {

/// How a state looks: always a colour, a sign and a word, so that no one of them carries it alone.
/// The fills are Okabe and Ito's and greys, chosen to differ for all kinds of colour vision.
struct state_look {
  color fill;
  color ink;              ///< of text on it, at least 4.5 : 1
  std::string_view sign;  ///< one character
  std::string_view word;
  dash outline = dash::solid;
  bool hatched = false;
};

/// Looks that are not a task's state alone.
enum class look : std::uint8_t {
  waiting_inputs,
  waiting_tags,
  queued,
  retry_wait,
  copying,
  running,  ///< on a CPU
  suspended,
  done,
  failed,
  cancelled,
  unknown,
  on_device,  ///< running on a GPU stream
};
inline constexpr std::size_t looks = static_cast<std::size_t>(look::on_device) + 1;

struct theme {
  std::string_view name;
  color page;
  color panel;    ///< behind lanes and queues
  color text;     ///< at least 7 : 1 on page and panel
  color outline;  ///< of boxes: at least 3 : 1 on page and panel
  color grid;
  color playhead;
  std::array<state_look, looks> states;

  [[nodiscard]] const state_look& of(look l) const noexcept {
    return states[static_cast<std::size_t>(l)];
  }
};

/// Light with high contrast, which suits projectors (the default), and dark.
[[nodiscard]] std::span<const theme> all_themes() noexcept;
[[nodiscard]] const theme& light_theme() noexcept;
[[nodiscard]] const theme& dark_theme() noexcept;
/// Null if there is none of that name.
[[nodiscard]] const theme* find_theme(std::string_view name) noexcept;

/// Of a task that is in `s` in the lane or queue of `c`.
[[nodiscard]] look look_of(const index& of, const change& c) noexcept;

/// Relative luminances' ratio after WCAG 2, from 1 to 21.
[[nodiscard]] double contrast(color a, color b) noexcept;

}  // namespace fronta::viz
