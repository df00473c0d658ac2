// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>
#include <fronta/viz/scene.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/view.hpp>

#include <cstdint>
#include <functional>

/// Tokens of the stage on their way from where they were: so that eyes can follow them. How long
/// that takes is the screen's time and says nothing of the trace; bars in lanes do not wait for it.
namespace fronta::viz {

inline constexpr double glide_seconds = 0.35;

/// Of a view: what came before it on the screen.
struct glide {
  /// After a step: the moment that was shown before it. While it plays: not used.
  std::int64_t from = 0;
  /// After a step: so much time on the screen since then.
  double seconds = 0;
  /// Each token by itself, since its task's last change, at the view's dilation.
  bool plays = false;
  bool operator==(const glide&) const = default;

  [[nodiscard]] bool over() const noexcept { return !plays && seconds >= glide_seconds; }
};

/// `now`, but that each token that was elsewhere in `before` is on its way: at 0 where it was, at 1
/// where it is. Where more move than can be followed, none does.
[[nodiscard]] scene glided(const scene& before, scene now,
                           const std::function<double(task_number)>& share);

/// As `draw`; of the stage with tokens on their way. As pure as that: the same arguments give the
/// same scene, and after the glide it is what `draw` gives.
[[nodiscard]] scene draw_gliding(const index& of, const view& what, const glide& g, float width,
                                 float height, const font_metrics& font, const theme& colors);

}  // namespace fronta::viz
