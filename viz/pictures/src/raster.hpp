// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "painter.hpp"

#include <fronta/viz/pictures.hpp>

namespace fronta::viz::detail {

/// How many pixels hold `length` of a scene. Throws std::runtime_error when Cairo takes no such
/// number; `what` is who was called.
[[nodiscard]] int pixels_for(float length, float scale, const char* what);

/// Draws into `to`, whose size is set; what the scene leaves free gets its background.
void render(const painter& with, const scene& s, float scale, image& to);

}  // namespace fronta::viz::detail
