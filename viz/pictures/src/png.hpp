// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/pictures.hpp>

#include <string>
#include <string_view>

namespace fronta::viz::detail {

/// Only reads the pixels, though Cairo does not promise it.
[[nodiscard]] std::string to_png(image& pixels);

/// Adds a text under a keyword of Latin letters; nothing where the text is empty.
void add_png_text(std::string& png, std::string_view keyword, std::string_view utf8);

}  // namespace fronta::viz::detail
