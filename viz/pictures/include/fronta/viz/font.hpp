// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/scene.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fronta::viz {

/// The fonts of all pictures: DejaVu Sans, Sans Bold and Sans Mono, which the binary carries. What
/// one of them lacks another lends. Constant once made, so threads may share it.
class font final : public font_metrics {
 public:
  struct glyph {
    float advance = 0;        ///< of an em of 1
    std::uint16_t index = 0;  ///< in `face`
    typeface face = typeface::sans;
    bool replacement = false;  ///< no face has the character
  };

  font();

  [[nodiscard]] float width(typeface face, std::string_view utf8, float size) const override;
  [[nodiscard]] float ascent(typeface face, float size) const override;
  [[nodiscard]] float descent(typeface face, float size) const override;

  /// Whether the character is drawn as itself, be it lent.
  [[nodiscard]] bool has(typeface face, char32_t character) const noexcept {
    return !find(face, character).replacement;
  }
  [[nodiscard]] const glyph& find(typeface face, char32_t character) const noexcept;

  /// The TrueType file.
  [[nodiscard]] static std::span<const std::byte> file(typeface face) noexcept;

 private:
  static constexpr std::size_t block_size = 256;

  // Characters in blocks; those without a glyph share block 0.
  struct table {
    std::array<std::uint8_t, 256> block_of{};
    std::vector<glyph> glyphs;
    float ascent = 0;
    float descent = 0;
  };

  [[nodiscard]] const table& of(typeface face) const noexcept {
    return faces_[static_cast<std::size_t>(face)];
  }
  static void add(table& to, char32_t character, const glyph& g);

  std::array<table, 3> faces_;
};

}  // namespace fronta::viz
