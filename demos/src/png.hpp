// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// Grey pictures of 8 bits a pixel as PNG files, by libpng. What is broken is a `demo_error` that
/// begins with `name`.
namespace fronta::demos::png {

/// Of a side: what is larger is refused before memory is taken for it.
inline constexpr std::size_t most_pixels_a_side = 16'384;

struct picture {
  std::size_t width = 0;
  std::size_t height = 0;
  std::vector<std::uint8_t> pixels;  ///< row by row without gaps
};

/// Colours become grey; what is transparent lies on white.
picture decode(std::span<const std::byte> file, const std::string& name);
std::vector<std::byte> encode(std::size_t width, std::size_t height,
                              std::span<const std::uint8_t> pixels, const std::string& name);

}  // namespace fronta::demos::png
