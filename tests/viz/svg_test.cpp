// SPDX-License-Identifier: Apache-2.0
#include "svg.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace fronta::viz::detail {
namespace {

TEST(Svg, CountsSurfacesFromOne) {
  EXPECT_EQ(with_own_numbers(R"(<g id="surface48014"><use href="#surface48021"/></g>)"),
            R"(<g id="surface1"><use href="#surface2"/></g>)");
  EXPECT_EQ(with_own_numbers(R"(<g id="surface7"/><use href="#surface7"/>)"),
            R"(<g id="surface1"/><use href="#surface1"/>)");
}

TEST(Svg, LeavesOtherWordsAlone) {
  for (const auto* text : {"", "surface", "a surface48 of", R"(id="surface")", R"("#glyph0-12")"}) {
    EXPECT_EQ(with_own_numbers(text), text);
  }
}

TEST(Svg, CarriesItsTitleAndDescriptionEscaped) {
  EXPECT_EQ(with_words("<?xml?>\n<svg width=\"1px\">\n<g/></svg>", "a < b & c", "d > \x01"),
            "<?xml?>\n<svg width=\"1px\" role=\"img\">\n<title>a &lt; b &amp; c</title>\n"
            "<desc>d &gt; \uFFFD</desc>\n<g/></svg>");
}

TEST(Svg, RefusesWhatIsNoSvg) {
  EXPECT_THROW(static_cast<void>(with_words("", "t", "d")), std::runtime_error);
}

}  // namespace
}  // namespace fronta::viz::detail
