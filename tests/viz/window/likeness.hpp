// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/font.hpp>
#include <fronta/viz/pictures.hpp>
#include <fronta/viz/scene.hpp>

#include <string>
#include <vector>

namespace fronta::test {

/// In which primitives of the scene two pictures of it differ, a sentence for each: by their mean
/// colour, by how much of them is ink, and by ink where the scene has nothing. Text is compared
/// glyph by glyph. Soft edges may differ.
[[nodiscard]] std::vector<std::string> differences(const viz::scene& s, const viz::font& font,
                                                   const viz::image& expected,
                                                   const viz::image& found);

}  // namespace fronta::test
