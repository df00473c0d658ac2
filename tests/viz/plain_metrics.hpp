// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/scene.hpp>

#include <algorithm>
#include <string_view>

namespace fronta::test {

/// A font whose characters are all as wide: half an em, 0.6 in bold. The same on every machine.
class plain_metrics final : public viz::font_metrics {
 public:
  [[nodiscard]] float width(viz::typeface face, std::string_view utf8, float size) const override {
    const auto characters = std::ranges::count_if(
        utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
    return static_cast<float>(characters) * size * (face == viz::typeface::bold ? 0.6F : 0.5F);
  }
  [[nodiscard]] float ascent(viz::typeface /*face*/, float size) const override {
    return size * 0.8F;
  }
  [[nodiscard]] float descent(viz::typeface /*face*/, float size) const override {
    return size * 0.2F;
  }
};

}  // namespace fronta::test
