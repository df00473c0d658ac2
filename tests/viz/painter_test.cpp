// SPDX-License-Identifier: Apache-2.0
#include <src/painter.hpp>

#include <gmock/gmock.h>

#include "plain_metrics.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace {

using fronta::viz::painter;
using fronta::viz::scene;
using ::testing::ElementsAre;

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
  EXPECT_EQ(p_.brief("chunk 3, divisor 5", 2, 17), "chu. 3, div. 5");
  EXPECT_EQ(p_.brief("chunk 3, divisor 5", 2, 11), "chu. 3, 5…");
  EXPECT_EQ(p_.brief("chunk 3, divisor 5", 2, 13), "ch. 3, di. 5");
  EXPECT_EQ(p_.brief("chunk 3, divisor 5", 2, 7), "…3, 5");
  EXPECT_EQ(p_.brief("chunk 3, divisor 5", 2, 4), "…5");
  EXPECT_EQ(p_.brief("load the images", 2, 14), "load the ima.");
  EXPECT_EQ(p_.brief("load the images", 2, 10), "load the…");
  EXPECT_EQ(p_.brief("is_divisible_by", 2, 14), "is_div._by");
  EXPECT_EQ(p_.brief("is_divisible_by", 2, 6), "");
  EXPECT_EQ(p_.brief("a 1", 2, 2), "…1");
  EXPECT_EQ(p_.brief("part 12345", 2, 5), "");
  EXPECT_EQ(p_.brief("3", 2, 0.5F), "");
}

TEST_F(Painter, CutsNamesThatStandTogetherAlike) {
  using name = painter::name_in_room;
  const auto cut = [&](const std::vector<name>& together) {
    const auto how = p_.cut_for(together, 2);
    std::vector<std::string> made;
    made.reserve(together.size());
    for (const auto& one : together) made.push_back(p_.brief(one.name, 2, one.most, how));
    return made;
  };
  EXPECT_THAT(cut({{"mask 0 by 11", 11}, {"kernel 8 by 7", 11}}),
              ElementsAre("ma. 0 by 11", "ke. 8 by 7"));
  EXPECT_THAT(cut({{"mask 0 by 11", 9}, {"mask 8 by 7", 9}}), ElementsAre("…0 11", "…8 7"));
  EXPECT_THAT(cut({{"mask 0 by 11", 10}, {"kernel 0 by 11", 10}}),
              ElementsAre("mask 0 11…", "ker. 0 11…"));
  EXPECT_THAT(cut({{"mask 0 by 11", 8}, {"kernel 0 by 11", 8}}), ElementsAre("mask 0…", "ker. 0…"))
      << "two kinds are not to look alike";
  EXPECT_THAT(cut({{"kernel 0 by 11", 12}, {"kernel 8", 12}}),
              ElementsAre("ker. 0 by 11", "ker. 8"));
  EXPECT_THAT(cut({{"chunk 1", 9}, {"divisor 1 by 2", 9}, {"divisor 12345678901", 9}}),
              ElementsAre("chu. 1", "div. 1 2…", ""))
      << "what has no room however it is cut cuts no other";
}

TEST_F(Painter, CutsTheBeginningWhereTheEndIsWhatDiffers) {
  EXPECT_EQ(p_.fit_end("a/long/way/main.cpp", 2, 19), "a/long/way/main.cpp");
  EXPECT_EQ(p_.fit_end("a/long/way/main.cpp", 2, 9), "…main.cpp");
  EXPECT_EQ(p_.fit_end("číslo", 2, 3), "…lo");
  EXPECT_EQ(p_.fit_end("word", 2, 0.5F), "");
}

}  // namespace
