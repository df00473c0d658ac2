// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/font.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace fronta::viz {
namespace {

constexpr std::array faces{typeface::sans, typeface::bold, typeface::mono};

TEST(Font, MeasuresWordsAsTheirUnhintedAdvances) {
  const font f;
  EXPECT_NEAR(f.width(typeface::sans, "task 7 done", 24), 140.941F, 0.001F);
  EXPECT_NEAR(f.width(typeface::bold, "Fronta", 40), 149.121F, 0.001F);
  EXPECT_NEAR(f.width(typeface::mono, "submit", 20), 6 * 20 * 1233.0F / 2048, 0.001F);
  EXPECT_EQ(f.width(typeface::sans, "", 24), 0);
}

TEST(Font, GrowsLinearlyWithItsSize) {
  const font f;
  for (const auto face : faces) {
    EXPECT_FLOAT_EQ(f.width(face, "illicit 42", 52), 4 * f.width(face, "illicit 42", 13));
    EXPECT_FLOAT_EQ(f.ascent(face, 52), 4 * f.ascent(face, 13));
  }
}

TEST(Font, DoesNotKern) {
  const font f;
  EXPECT_FLOAT_EQ(f.width(typeface::sans, "AV", 100),
                  f.width(typeface::sans, "A", 100) + f.width(typeface::sans, "V", 100));
}

TEST(Font, HasAscentAndDescentOfTheWholeFace) {
  const font f;
  for (const auto face : faces) {
    EXPECT_FLOAT_EQ(f.ascent(face, 2048), 1901);
    EXPECT_FLOAT_EQ(f.descent(face, 2048), 483);
  }
}

TEST(Font, HasWhatPicturesSay) {
  const font f;
  constexpr std::u32string_view symbols = U"▶▦↓↑⏸✓✗↻⋯µ…–—“”„·×±≤≥≈→←⇄●○■□▲▼◆⚠";
  constexpr std::u32string_view czech = U"ěščřžýáíéúůťďňóĚŠČŘŽÝÁÍÉÚŮŤĎŇÓ";
  for (const auto face : faces) {
    for (const auto text : {symbols, czech}) {
      for (const char32_t c : text) {
        EXPECT_TRUE(f.has(face, c)) << "U+" << std::hex << static_cast<unsigned>(c);
      }
    }
    for (char32_t c = U' '; c < 0x7F; ++c) EXPECT_EQ(f.find(face, c).face, face);
  }
}

TEST(Font, LendsWhatAnotherFaceHas) {
  const font f;
  const char32_t only_sans = U'∰';
  ASSERT_EQ(f.find(typeface::sans, only_sans).face, typeface::sans);

  const auto& lent = f.find(typeface::mono, only_sans);

  EXPECT_TRUE(f.has(typeface::mono, only_sans));
  EXPECT_EQ(lent.face, typeface::sans);
  EXPECT_EQ(lent.index, f.find(typeface::sans, only_sans).index);
}

TEST(Font, HasAReplacementForTheRest) {
  const font f;
  for (const auto face : faces) {
    const auto replacement = f.width(face, "\uFFFD", 20);
    EXPECT_GT(replacement, 0);
    EXPECT_TRUE(f.has(face, 0xFFFD));
    for (const char32_t c : {U'漢', U'\n', U'\U0001F600', char32_t{0x7FFFFFFF}}) {
      EXPECT_FALSE(f.has(face, c));
    }
    EXPECT_EQ(f.width(face, "漢", 20), replacement);
    EXPECT_EQ(f.width(face, "😀", 20), replacement);
  }
}

TEST(Font, TakesABrokenByteAsOneReplacement) {
  const font f;
  const auto replacement = f.width(typeface::sans, "\uFFFD", 20);
  EXPECT_FLOAT_EQ(f.width(typeface::sans, "\xFF\xC4", 20), 2 * replacement);
  EXPECT_FLOAT_EQ(f.width(typeface::sans, "a\xE2\x96", 20),
                  f.width(typeface::sans, "a", 20) + 2 * replacement);
}

TEST(Font, CarriesItsFiles) {
  for (const auto face : faces) {
    const auto file = font::file(face);
    ASSERT_GT(file.size(), 10'000U);
    EXPECT_EQ(std::to_integer<int>(file[0]), 0);  // TrueType's first four bytes are 0, 1, 0, 0
    EXPECT_EQ(std::to_integer<int>(file[1]), 1);
  }
}

}  // namespace
}  // namespace fronta::viz
