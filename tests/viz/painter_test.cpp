// SPDX-License-Identifier: Apache-2.0
#include <src/painter.hpp>

#include <gmock/gmock.h>

#include "plain_metrics.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace {

using fronta::viz::painter;
using fronta::viz::scene;

// Counts what is measured.
class counting_metrics final : public fronta::viz::font_metrics {
 public:
  [[nodiscard]] float width(fronta::viz::typeface face, std::string_view utf8,
                            float size) const override {
    measured += utf8.size();
    return plain.width(face, utf8, size);
  }
  [[nodiscard]] float ascent(fronta::viz::typeface face, float size) const override {
    return plain.ascent(face, size);
  }
  [[nodiscard]] float descent(fronta::viz::typeface face, float size) const override {
    return plain.descent(face, size);
  }
  fronta::test::plain_metrics plain;
  mutable std::size_t measured = 0;
};

class Painter : public ::testing::Test {
 protected:
  static scene empty() {
    scene s;
    s.width = s.height = 100;
    return s;
  }

  counting_metrics font_;
  scene made_ = empty();
  painter p_{made_, font_, fronta::viz::light_theme()};
};

std::string words(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += i == 0 ? "word" : " word";
  return text;
}

TEST_F(Painter, BreaksLinesBetweenWords) {
  EXPECT_EQ(p_.lines_of("", 2, 10), 0);
  EXPECT_EQ(p_.lines_of("word", 2, 10), 1);
  EXPECT_EQ(p_.lines_of("word word", 2, 9), 1);
  EXPECT_EQ(p_.lines_of("word word", 2, 8), 2);
  EXPECT_EQ(p_.lines_of("one-that-is-too-long word", 2, 5), 2);
  EXPECT_EQ(p_.lines_of(words(100), 2, 9), 50);
}

TEST_F(Painter, MeasuresATextAboutOnceHoweverLongItIs) {
  const auto text = words(20'000);
  EXPECT_EQ(p_.lines_of(text, 2, 9), 10'000);
  EXPECT_LT(font_.measured, 10 * text.size());
}

TEST_F(Painter, ScalesAllButStrokesByTheTextsSize) {
  scene other = made_;
  const painter large(other, font_, fronta::viz::light_theme(), 2);
  EXPECT_FLOAT_EQ(large.units(3), 2 * p_.units(3));
  EXPECT_FLOAT_EQ(large.stroke(), p_.stroke());
}

// Each character is one wide at this size.
TEST_F(Painter, ShortensWordsBeforeNumbers) {
  EXPECT_EQ(p_.brief("chunk 3, divisor 5", 2, 18), "chunk 3, divisor 5");
  EXPECT_EQ(p_.brief("chunk 3, divisor 5", 2, 17), "chunk 3, divis. 5");
  EXPECT_EQ(p_.brief("chunk 3, divisor 5", 2, 14), "chu. 3, div. 5");
  EXPECT_EQ(p_.brief("chunk 3, divisor 5", 2, 10), "c. 3, d. 5");
  EXPECT_EQ(p_.brief("chunk 3, divisor 5", 2, 7), "…d. 5");
  EXPECT_EQ(p_.brief("chunk 3, divisor 5", 2, 4), "…5");
  EXPECT_EQ(p_.brief("chunk #, kernel", 2, 10), "ch. #, ke.");
  EXPECT_EQ(p_.brief("is_divisible_by", 2, 6), "is_di…");
  EXPECT_EQ(p_.brief("a 1", 2, 2), "…1");
  EXPECT_EQ(p_.brief("part 12345", 2, 5), "");
  EXPECT_EQ(p_.brief("3", 2, 0.5F), "");
}

TEST_F(Painter, CutsTheBeginningWhereTheEndIsWhatDiffers) {
  EXPECT_EQ(p_.fit_end("a/long/way/main.cpp", 2, 19), "a/long/way/main.cpp");
  EXPECT_EQ(p_.fit_end("a/long/way/main.cpp", 2, 9), "…main.cpp");
  EXPECT_EQ(p_.fit_end("číslo", 2, 3), "…lo");
  EXPECT_EQ(p_.fit_end("word", 2, 0.5F), "");
}

}  // namespace
