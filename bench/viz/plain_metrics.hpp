// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/scene.hpp>

#include <string_view>

namespace fronta::bench {

/// Measuring text costs nothing with these, as with a font whose widths are kept.
class plain_metrics final : public viz::font_metrics {
 public:
  [[nodiscard]] float width(viz::typeface, std::string_view utf8, float size) const override {
    return static_cast<float>(utf8.size()) * size / 2;
  }
  [[nodiscard]] float ascent(viz::typeface, float size) const override { return size * 0.8F; }
  [[nodiscard]] float descent(viz::typeface, float size) const override { return size * 0.2F; }
};

}  // namespace fronta::bench
