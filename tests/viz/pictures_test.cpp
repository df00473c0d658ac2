// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/font.hpp>
#include <fronta/viz/pictures.hpp>

#include "sample_scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <support/temporary_folder.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <system_error>

namespace fronta::viz {
namespace {

using testing::HasSubstr;

constexpr color white{.red = 255, .green = 255, .blue = 255};
constexpr color black{};
constexpr color red{.red = 255};
constexpr rect whole{.x = 0, .y = 0, .width = 100, .height = 80};

// In pixels: those from `left` to just before `right`.
struct area {
  int left, top, right, bottom;
  bool operator==(const area&) const = default;
};

std::ostream& operator<<(std::ostream& out, const area& a) {
  return out << a.left << ',' << a.top << " to " << a.right << ',' << a.bottom;
}

bool within(const area& inner, const area& outer) {
  return inner.left >= outer.left && inner.top >= outer.top && inner.right <= outer.right &&
         inner.bottom <= outer.bottom;
}

bool none(const area& a) { return a.left >= a.right; }

// Where the picture differs from its background.
area ink_of(const image& i, color background = white) {
  area found{.left = i.width, .top = i.height, .right = 0, .bottom = 0};
  for (int y = 0; y < i.height; ++y) {
    for (int x = 0; x < i.width; ++x) {
      if (i.at(x, y) == background) continue;
      found = {.left = std::min(found.left, x),
               .top = std::min(found.top, y),
               .right = std::max(found.right, x + 1),
               .bottom = std::max(found.bottom, y + 1)};
    }
  }
  return found;
}

scene with(std::vector<shape> shapes, rect pane_at = whole) {
  scene s{.width = whole.width,
          .height = whole.height,
          .background = white,
          .panes = {{.name = "all", .at = pane_at}},
          .primitives = {},
          .hits = {},
          .title = {},
          .description = {}};
  for (auto& what : shapes) s.primitives.push_back({.id = {}, .pane = 0, .what = std::move(what)});
  return s;
}

image drawn(shape what, rect pane_at = whole) {
  return render_rgb(with({std::move(what)}, pane_at));
}

box filled(rect at, color fill = black) {
  return {.at = at, .fill = fill, .stroke = {}, .stroke_width = 0};
}

box stroked(rect at, float width, float radius = 0, dash pattern = dash::solid) {
  return {.at = at,
          .fill = {},
          .stroke = black,
          .stroke_width = width,
          .radius = radius,
          .pattern = pattern};
}

label word(std::string text, typeface face, float size, point at) {
  const font f;
  const auto width = f.width(face, text, size);
  return {.baseline = at,
          .size = size,
          .width = width,
          .face = face,
          .ink = black,
          .text = std::move(text)};
}

std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// How often ink begins along a row.
int pieces(const image& i, int y) {
  int count = 0;
  for (int x = 1; x < i.width; ++x) {
    if (i.at(x, y) == black && i.at(x - 1, y) != black) ++count;
  }
  return count;
}

TEST(Pictures, AnEmptySceneIsItsBackground) {
  const auto i = render_rgb(with({}));
  EXPECT_EQ(i.width, 100);
  EXPECT_EQ(i.height, 80);
  EXPECT_TRUE(none(ink_of(i)));
  EXPECT_EQ(i.at(0, 0), white);
}

TEST(Pictures, AFilledBoxInksItsPixelsAndNoOthers) {
  const auto i = drawn(filled({10, 20, 30, 15}, red));
  EXPECT_EQ(ink_of(i), (area{10, 20, 40, 35}));
  for (int y = 20; y < 35; ++y) {
    for (int x = 10; x < 40; ++x) ASSERT_EQ(i.at(x, y), red) << x << ',' << y;
  }
}

TEST(Pictures, AStrokeLiesInsideItsBox) {
  const auto i = drawn(stroked({10, 20, 30, 20}, 4));
  EXPECT_EQ(ink_of(i), (area{10, 20, 40, 40}));
  for (int y = 20; y < 40; ++y) {
    for (int x = 10; x < 40; ++x) {
      const bool inner = x >= 14 && x < 36 && y >= 24 && y < 36;
      ASSERT_EQ(i.at(x, y), inner ? white : black) << x << ',' << y;
    }
  }
}

TEST(Pictures, EveryKindOfStrokeStaysInsideItsBox) {
  for (const auto pattern : {dash::solid, dash::dotted, dash::dashed}) {
    for (const float width : {1.0F, 2.0F, 3.5F}) {
      for (const float radius : {0.0F, 5.0F, 100.0F}) {
        const auto ink = ink_of(drawn(stroked({10, 20, 50, 30}, width, radius, pattern)));
        EXPECT_TRUE(within(ink, {10, 20, 60, 50})) << ink;
        EXPECT_GT(ink.right - ink.left, 40) << ink;
        EXPECT_GT(ink.bottom - ink.top, 20) << ink;
      }
    }
  }
}

TEST(Pictures, AStrokeAsWideAsItsBoxFillsIt) {
  auto thin = stroked({10, 20, 30, 3}, 4);
  thin.fill = red;
  const auto i = drawn(thin);
  EXPECT_EQ(ink_of(i), (area{10, 20, 40, 23}));
  EXPECT_EQ(i.at(25, 21), black);
}

TEST(Pictures, CornersAreRound) {
  auto round = filled({10, 20, 40, 40}, red);
  round.radius = 20;
  const auto i = drawn(round);
  EXPECT_EQ(ink_of(i), (area{10, 20, 50, 60}));
  EXPECT_EQ(i.at(12, 22), white);
  EXPECT_EQ(i.at(47, 57), white);
  EXPECT_EQ(i.at(16, 27), red);  // inside the circle, by a pixel
}

TEST(Pictures, AFillDoesNotShineThroughTheOuterEdgeOfItsStroke) {
  auto b = stroked({10, 20, 40, 40}, 4, 20);
  b.fill = red;
  const auto i = drawn(b);
  for (int y = 0; y < i.height; ++y) {
    for (int x = 0; x < i.width; ++x) {
      const auto from_middle = std::hypot(x + 0.5 - 30, y + 0.5 - 40);
      if (from_middle < 18.8) continue;  // within the stroke's middle
      const auto c = i.at(x, y);
      ASSERT_TRUE(c.red == c.green && c.green == c.blue) << x << ',' << y;
    }
  }
  EXPECT_EQ(i.at(30, 40), red);
}

TEST(Pictures, ALineIsCentredOnItsWayWithFlatEnds) {
  EXPECT_EQ(ink_of(drawn(line{.from = {10, 30}, .to = {60, 30}, .ink = black, .width = 4})),
            (area{10, 28, 60, 32}));
  EXPECT_EQ(ink_of(drawn(line{.from = {20.5F, 10}, .to = {20.5F, 70}, .ink = black, .width = 1})),
            (area{20, 10, 21, 70}));
}

TEST(Pictures, DashesAreAsLongAsTheLineIsWide) {
  const auto drawn_with = [](float width, dash pattern) {
    return drawn(
        line{.from = {4, 30}, .to = {96, 30}, .ink = black, .width = width, .pattern = pattern});
  };
  EXPECT_EQ(pieces(drawn_with(4, dash::solid), 30), 1);
  EXPECT_EQ(pieces(drawn_with(2, dash::dotted), 30), 23);  // 92 / (2 + 2)
  EXPECT_EQ(pieces(drawn_with(4, dash::dotted), 30), 12);  // 92 / (4 + 4), begun
  EXPECT_EQ(pieces(drawn_with(2, dash::dashed), 30), 8);   // 92 / (8 + 4), begun
  EXPECT_EQ(pieces(drawn_with(4, dash::dashed), 30), 4);   // 92 / (16 + 8), begun
}

TEST(Pictures, DashesMeetWhereABoxCloses) {
  // Round a middle line of 100 go eight and a third periods of 8 + 4. Stretched to eight they look
  // the same from all sides.
  const auto i = drawn(stroked({10, 20, 27, 27}, 2, 0, dash::dashed));
  for (int y = 0; y < 27; ++y) {
    for (int x = 0; x < 27; ++x) {
      const auto here = i.at(10 + x, 20 + y);
      const auto turned = i.at(10 + 26 - y, 20 + x);
      ASSERT_NEAR(here.red, turned.red, 2) << x << ',' << y;
    }
  }
  EXPECT_EQ(i.at(12, 21), black);
}

TEST(Pictures, ACurveGoesFromItsStartToItsEndBetweenItsControls) {
  const auto i = drawn(curve{.from = {10, 60},
                             .control_from = {10, 20},
                             .control_to = {90, 20},
                             .to = {90, 60},
                             .ink = black,
                             .width = 2});
  // In its middle it is three quarters of the way to the controls.
  EXPECT_EQ(ink_of(i), (area{9, 29, 91, 60}));
  EXPECT_EQ(i.at(50, 29), black);
  EXPECT_EQ(i.at(50, 31), white);
}

TEST(Pictures, APolygonIsFilledBetweenItsCorners) {
  const auto i = drawn(polygon{.corners = {{10, 10}, {50, 10}, {50, 50}}, .fill = red});
  EXPECT_EQ(ink_of(i), (area{10, 10, 50, 50}));
  EXPECT_EQ(i.at(40, 20), red);
  EXPECT_EQ(i.at(20, 40), white);
}

TEST(Pictures, LabelsLieWithinTheirWidthAscentAndDescent) {
  const font f;
  for (const auto face : {typeface::sans, typeface::bold, typeface::mono}) {
    for (const float size : {13.0F, 24.0F}) {
      for (const auto* text : {"Hůlčgp", "HHH", "42 µs", "▶ ✓"}) {
        const auto l = word(text, face, size, {8, 40});
        const auto ink = ink_of(drawn(l));
        const area room{.left = 8,
                        .top = static_cast<int>(std::floor(40 - f.ascent(face, size))),
                        .right = static_cast<int>(std::ceil(8 + l.width)),
                        .bottom = static_cast<int>(std::ceil(40 + f.descent(face, size)))};
        EXPECT_TRUE(within(ink, room)) << text << ": " << ink << " in " << room;
        EXPECT_GT(static_cast<float>(ink.right - ink.left), 0.8F * l.width) << text;
      }
    }
  }
}

TEST(Pictures, CapitalsStandOnTheirBaseline) {
  const auto ink = ink_of(drawn(word("H", typeface::sans, 64, {10, 70})));
  EXPECT_EQ(ink.bottom, 70);
  EXPECT_EQ(ink.top, 70 - 47);  // 0.729 of the em
}

TEST(Pictures, GlyphsStandWhereTheUnroundedAdvancesPutThem) {
  const font f;
  const std::string before(18, 'i');  // 65.0 wide at 13, where rounded ones would take 72
  const auto alone = drawn(word("|", typeface::sans, 13, {10, 40}));
  const auto last = drawn(word(before + '|', typeface::sans, 13, {10, 40}));
  const auto moved = ink_of(last).right - ink_of(alone).right;
  EXPECT_NEAR(moved, f.width(typeface::sans, before, 13), 1);
}

TEST(Pictures, GlyphsNeedNotBeginOnWholePixels) {
  // "|" stands behind 3.6 pixels, so its edges are not as grey as those of one behind none.
  const auto alone = drawn(word("|", typeface::sans, 13, {10, 40}));
  const auto second = drawn(word("i|", typeface::sans, 13, {10, 40}));
  const auto right_edge = [](const image& i) { return i.at(ink_of(i).right - 1, 38); };
  EXPECT_NE(right_edge(alone), right_edge(second));
}

TEST(Pictures, WhatAFaceLacksAnotherLends) {
  EXPECT_EQ(drawn(word("∰", typeface::mono, 40, {10, 60})),
            drawn(word("∰", typeface::sans, 40, {10, 60})));
}

TEST(Pictures, WhatNoFaceHasIsDrawnAsItsReplacement) {
  const auto replacement = drawn(word("\uFFFD", typeface::sans, 40, {10, 60}));
  EXPECT_FALSE(none(ink_of(replacement)));
  EXPECT_EQ(drawn(word("漢", typeface::sans, 40, {10, 60})), replacement);
  EXPECT_EQ(drawn(word("\xFF", typeface::sans, 40, {10, 60})), replacement);
}

TEST(Pictures, NothingLeavesItsPane) {
  const rect pane_at{20, 10, 30, 40};
  const area room{.left = 20, .top = 10, .right = 50, .bottom = 50};
  EXPECT_EQ(ink_of(drawn(filled({0, 0, 90, 70}), pane_at)), room);
  EXPECT_EQ(
      ink_of(drawn(line{.from = {0, 30}, .to = {90, 30}, .ink = black, .width = 60}, pane_at)),
      room);
  EXPECT_EQ(ink_of(drawn(curve{.from = {0, 30},
                               .control_from = {30, 30},
                               .control_to = {60, 30},
                               .to = {90, 30},
                               .ink = black,
                               .width = 60},
                         pane_at)),
            room);
  EXPECT_EQ(
      ink_of(drawn(polygon{.corners = {{0, 0}, {90, 0}, {90, 70}, {0, 70}}, .fill = red}, pane_at)),
      room);
  const auto text = ink_of(drawn(word("█████", typeface::bold, 48, {2, 45}), pane_at));
  EXPECT_TRUE(within(text, room)) << text;
  EXPECT_EQ(text.left, 20);
  EXPECT_EQ(text.right, 50);
}

TEST(Pictures, EachPaneClipsItsOwn) {
  auto s = with({filled({0, 0, 100, 80}, red)}, {0, 0, 10, 10});
  s.panes.push_back({.name = "other", .at = {50, 40, 20, 20}});
  s.primitives.push_back({.id = {}, .pane = 1, .what = filled({0, 0, 100, 80})});
  s.primitives.push_back({.id = {}, .pane = 0, .what = filled({2, 2, 90, 2})});

  const auto i = render_rgb(s);

  EXPECT_EQ(i.at(0, 0), red);
  EXPECT_EQ(i.at(9, 3), black);
  EXPECT_EQ(i.at(10, 3), white);
  EXPECT_EQ(i.at(50, 40), black);
  EXPECT_EQ(i.at(69, 59), black);
  EXPECT_EQ(i.at(49, 40), white);
  EXPECT_EQ(i.at(70, 59), white);
}

TEST(Pictures, TheLastPrimitiveIsOnTop) {
  const auto i = render_rgb(with({filled({10, 10, 40, 40}), filled({20, 20, 10, 10}, red)}));
  EXPECT_EQ(i.at(15, 15), black);
  EXPECT_EQ(i.at(25, 25), red);
}

TEST(Pictures, ScaleGivesMorePixelsForEach) {
  const auto i = render_rgb(with({filled({10, 20, 30, 15})}), 2);
  EXPECT_EQ(i.width, 200);
  EXPECT_EQ(i.height, 160);
  EXPECT_EQ(ink_of(i), (area{20, 40, 80, 70}));
  EXPECT_EQ(render_rgb(with({}), 1.1F).width, 110);
}

TEST(Pictures, TheSameSceneGivesTheSameBytes) {
  const test::temporary_folder folder;
  const auto s = test::sample_scene(font());
  const std::vector<scene> pages{s, with({filled({10, 20, 30, 15})})};
  for (const std::string n : {"1", "2"}) {
    write_png(s, folder.file(n + ".png"));
    write_svg(s, folder.file(n + ".svg"));
    write_pdf(pages, folder.file(n + ".pdf"));
  }
  for (const std::string kind : {".png", ".svg", ".pdf"}) {
    const auto first = bytes_of(folder.file("1" + kind));
    EXPECT_GT(first.size(), 1000U) << kind;
    EXPECT_TRUE(first == bytes_of(folder.file("2" + kind))) << kind;
  }
}

TEST(Pictures, AFileThatCannotBeWrittenIsToldWithItsReason) {
  const test::temporary_folder folder;
  const auto s = with({});
  const auto absent = folder.file("absent/a");
  const auto try_all = [&](const std::string& file, std::errc reason) {
    const auto told = [&](const auto& write) {
      try {
        write();
        ADD_FAILURE() << "wrote " << file;
      } catch (const std::system_error& e) {
        EXPECT_EQ(e.code(), reason);
        EXPECT_THAT(e.what(), HasSubstr(file));
      }
    };
    told([&] { write_png(s, file); });
    told([&] { write_svg(s, file); });
    told([&] { write_pdf({&s, 1}, file); });
  };
  try_all(absent, std::errc::no_such_file_or_directory);
  try_all("/dev/full", std::errc::no_space_on_device);
}

TEST(Pictures, ASizeThatNoPictureHasIsRefused) {
  const auto refused = [](const scene& s, float scale) {
    EXPECT_THROW(static_cast<void>(render_rgb(s, scale)), std::runtime_error);
    EXPECT_THROW(write_png(s, "unwritten.png", scale), std::runtime_error);
  };
  refused(with({}), 0);
  refused(with({}), 400);
  refused(with({}), std::nanf(""));
  EXPECT_THROW(write_pdf({}, "unwritten.pdf"), std::runtime_error);
}

}  // namespace
}  // namespace fronta::viz
