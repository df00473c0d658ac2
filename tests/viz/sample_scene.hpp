// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/scene.hpp>

namespace fronta::test {

/// All primitives, states and faces on one page of 1280 x 720, made by hand.
[[nodiscard]] viz::scene sample_scene(const viz::font_metrics& metrics);

}  // namespace fronta::test
