// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/font.hpp>
#include <fronta/viz/index.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/view.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// A run as one HTML file that plays, steps and scrubs: without network, in a browser or in an
/// iframe of slides. It holds no trace and no model, only the scenes of its beats.
///
///     viz::write_html(of, {.what = viz::preset::stage, .title = "demo"}, 1280, 720, viz::font(),
///                     viz::light_theme(), "demo.html");
namespace fronta::viz {

/// A moment that the player stops at.
struct beat {
  std::int64_t time = 0;
  std::string narration;  ///< what happens at it; of several events, their sentences
};

/// The first moment of what is looked at, and each later one with an event that `narrate` has a
/// sentence for.
[[nodiscard]] std::vector<beat> beats_of(const index& of, const view& what);

inline constexpr std::size_t most_beats = 20'000;

/// How `what` looks at a beat: as `draw` has it, on the clock of steps, for each beat of the player
/// takes as long as any other.
[[nodiscard]] view view_at(const beat& b, view what);

/// Draws all beats. `what.at` has no meaning here. The same arguments give the same bytes. Throws
/// std::length_error where there are more than `most_beats`, and std::runtime_error when the file
/// cannot be written.
void write_html(const index& of, const view& what, float width, float height, const font& fonts,
                const theme& colors, const std::filesystem::path& file);

}  // namespace fronta::viz
