// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/font.hpp>
#include <fronta/viz/scene.hpp>

#include <array>

// NOLINTBEGIN(readability-identifier-naming): Dear ImGui's
struct ImDrawList;
struct ImFont;
struct ImFontAtlas;
// NOLINTEND(readability-identifier-naming)

namespace fronta::viz {

/// Draws scenes by Dear ImGui, so that they look as Cairo draws them. The atlas gets the fonts, and
/// must live as long. One thread at a time.
class list_painter {
 public:
  explicit list_painter(ImFontAtlas& atlas);

  [[nodiscard]] const font& fonts() const noexcept { return font_; }

  /// In pixels from the upper left corner, of which `density` make a unit of Dear ImGui. Between
  /// ImGui::NewFrame and ImGui::Render.
  void draw(const scene& s, ImDrawList& to, float density = 1) const;

 private:
  font font_;
  std::array<ImFont*, 3> faces_{};
};

}  // namespace fronta::viz
