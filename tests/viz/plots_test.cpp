// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/view.hpp>

#include <gmock/gmock.h>

#include <src/time_axis.hpp>
#include "scene_words.hpp"
#include "soup.hpp"
#include "steady_run.hpp"
#include "story.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace fronta::viz {
namespace {

using test::story;
using ::testing::HasSubstr;
using ::testing::Not;

scene drawn(const index& of, std::int64_t at = forever, std::int64_t from = 0,
            std::int64_t to = 0) {
  return test::drawn(of, {.what = preset::plots, .at = at, .from = from, .to = to, .title = "x"});
}

float playhead_of(const scene& s) {
  for (const auto& p : s.primitives) {
    if (p.id.what == item_id::kind::axis && p.id.which == item_id::part::frame)
      return std::get<line>(p.what).from.x;
  }
  return -1;
}

// The rectangles that a series is drawn with: its envelope, or what is filled below.
std::vector<rect> boxes(const scene& s, item_id::part part, std::uint32_t series = 0) {
  std::vector<rect> found;
  for (const auto& p : s.primitives) {
    if (p.id.what == item_id::kind::plot && p.id.which == part && p.id.number == series)
      found.push_back(std::get<box>(p.what).at);
  }
  return found;
}

TEST(Plots, DrawNothingRightOfThePlayhead) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const index of(test::soup(seed).of(2'000));
    for (int tenths = 1; tenths < 10; ++tenths) {
      const auto picture = drawn(of, of.begin() + (of.end() - of.begin()) * tenths / 10);
      const auto playhead = playhead_of(picture);
      ASSERT_GT(playhead, 0);
      for (std::uint32_t series = 0; series < 20; ++series) {
        for (const auto part : {item_id::part::bar, item_id::part::value}) {
          for (const auto& b : boxes(picture, part, series)) ASSERT_LE(b.right(), playhead + 0.01F);
        }
      }
    }
  }
}

TEST(Plots, WriteTheValuesAtThePlayhead) {
  story s;
  s.main().at(0).counter("depth", 3).at(1'000).counter("depth", 12'345).at(2'000).message("end");
  const index of(s.told());
  EXPECT_THAT(to_text(drawn(of, 999)), HasSubstr(" 3\n"));
  EXPECT_THAT(to_text(drawn(of, 999)), Not(HasSubstr("12.3 k\n")));
  EXPECT_THAT(to_text(drawn(of, 1'000)), HasSubstr(" 12.3 k\n"));
  EXPECT_THAT(to_text(drawn(of, 1'000)), HasSubstr(" 20 k\n")) << "the end of its scale";
}

TEST(Plots, KeepASpikeThatIsNarrowerThanAPixel) {
  story s;
  s.main().at(0).counter("c", 1);
  s.main().at(500'000).counter("c", 100).at(500'001).counter("c", 1).at(1'000'000).message("end");
  const auto picture = drawn(index(s.told()));
  float tallest = 0;
  for (const auto& b : boxes(picture, item_id::part::value)) {
    if (b.width < 4) tallest = std::max(tallest, b.height);
  }
  const auto frame = boxes(picture, item_id::part::frame).front();
  EXPECT_NEAR(tallest, frame.height * 0.99F, 1);
}

TEST(Plots, CoverTheWholeTimeWithoutSeams) {
  const index of(test::steady_run(20'000));
  const auto picture = drawn(of);
  auto x = boxes(picture, item_id::part::frame).front().x;
  for (const auto& b : boxes(picture, item_id::part::value)) {
    EXPECT_NEAR(b.x, x, 0.01);
    x = b.right();
  }
  EXPECT_NEAR(x, boxes(picture, item_id::part::frame).front().right(), 0.01);
}

TEST(Plots, SayWhyTheyAreEmpty) {
  EXPECT_THAT(to_text(drawn(index(trace::file_contents()))), HasSubstr("Nothing to plot"));
}

TEST(Plots, NameWhatThereIsNoRoomFor) {
  story s;
  for (int c = 0; c < 100; ++c) s.main().at(c).counter("counter " + std::to_string(c), c + 1);
  EXPECT_THAT(to_text(drawn(index(s.told()))), ::testing::ContainsRegex("\\+[0-9]+ more: counter"));
}

TEST(Plots, MayShowAMomentOutsideTheirAxis) {
  const index of(test::steady_run(100));
  const auto before = drawn(of, of.begin(), of.begin() + 1'000'000, of.end());
  EXPECT_TRUE(boxes(before, item_id::part::value).empty());
  const auto after = drawn(of, of.end(), of.begin(), of.begin() + 100'000);
  EXPECT_FALSE(boxes(after, item_id::part::value).empty());
}

TEST(ShortNumber, HasThreeDigitsAndAUnit) {
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(1.5), "1.5");
  EXPECT_EQ(short_number(-12), "-12");
  EXPECT_EQ(short_number(999), "999");
  EXPECT_EQ(short_number(1'000), "1 k");
  EXPECT_EQ(short_number(12'345), "12.3 k");
  EXPECT_EQ(short_number(999'900), "1 M");
  EXPECT_EQ(short_number(3.2e9), "3.2 G");
  EXPECT_EQ(short_number(1e18), "1.00e+06 T");
}

TEST(RoundedUp, IsAOneTwoOrFive) {
  EXPECT_EQ(rounded_up(0), 1);
  EXPECT_EQ(rounded_up(1), 1);
  EXPECT_EQ(rounded_up(1.1), 2);
  EXPECT_EQ(rounded_up(5), 5);
  EXPECT_EQ(rounded_up(5.1), 10);
  EXPECT_EQ(rounded_up(1'000), 1'000);
  EXPECT_DOUBLE_EQ(rounded_up(0.03), 0.05);
}

}  // namespace
}  // namespace fronta::viz
