// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/scene.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

/// Scenes as files. The same scene gives the same bytes. All throw std::system_error when a file
/// cannot be written and std::runtime_error when a picture cannot be made.
///
///     viz::write_svg(s, "run.svg");
///     viz::write_png(s, "run.png", 2);  // two pixels for each of the scene's
namespace fronta::viz {

struct image {
  int width = 0;
  int height = 0;
  std::vector<std::uint32_t> pixels;  ///< 0x00RRGGBB, row by row

  [[nodiscard]] color at(int x, int y) const noexcept {
    const auto p = pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                          static_cast<std::size_t>(x)];
    return {.red = static_cast<std::uint8_t>(p >> 16),
            .green = static_cast<std::uint8_t>(p >> 8),
            .blue = static_cast<std::uint8_t>(p)};
  }
  bool operator==(const image&) const = default;
};

[[nodiscard]] image render_rgb(const scene& s, float scale = 1);

/// With the title and the description as text beside the pixels.
void write_png(const scene& s, const std::filesystem::path& file, float scale = 1);

/// Text becomes outlines; the title and the description stay words.
void write_svg(const scene& s, const std::filesystem::path& file);

/// A page for each, as large as it; text can be searched. A reader lists the pages by their titles.
void write_pdf(std::span<const scene> pages, const std::filesystem::path& file);

}  // namespace fronta::viz
