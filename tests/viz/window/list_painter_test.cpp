// SPDX-License-Identifier: Apache-2.0
#include "list_painter.hpp"
#include "sample_scene.hpp"

#include <gtest/gtest.h>
#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace fronta::viz {
namespace {

constexpr color black{};
constexpr rect whole{.x = 0, .y = 0, .width = 100, .height = 80};

// Dear ImGui without a display and without a renderer: what is drawn is read from its list.
class ListPainter : public testing::Test {
 protected:
  ListPainter() {
    ImGui::CreateContext();
    auto& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.DisplaySize = {1280, 720};
    io.DeltaTime = 1.0F / 60;
    io.BackendFlags |=
        ImGuiBackendFlags_RendererHasTextures | ImGuiBackendFlags_RendererHasVtxOffset;
    painter_.emplace(*io.Fonts);
  }
  ~ListPainter() override {
    for (auto* t : ImGui::GetPlatformIO().Textures) {
      t->SetTexID(ImTextureID_Invalid);
      t->SetStatus(ImTextureStatus_Destroyed);
    }
    ImGui::DestroyContext();
  }

  // A triangle's corners, and how dark they are; 1 is black.
  struct corner {
    float x, y, dark;
    ImVec2 texel;
    ImU32 color;
  };

  std::vector<corner> drawn(const scene& s, float density = 1) {
    ImGui::NewFrame();
    painter_->draw(s, *ImGui::GetBackgroundDrawList(), density);
    ImGui::Render();
    std::vector<corner> corners;
    for (const auto* list : ImGui::GetDrawData()->CmdLists) {
      for (const auto& command : list->CmdBuffer) {
        for (unsigned i = 0; i < command.ElemCount; ++i) {
          const auto nth = list->IdxBuffer[static_cast<int>(command.IdxOffset + i)];
          const auto& v = list->VtxBuffer[static_cast<int>(command.VtxOffset + nth)];
          const auto alpha = static_cast<float>(v.col >> IM_COL32_A_SHIFT) / 255;
          corners.push_back({v.pos.x, v.pos.y, alpha, v.uv, v.col});
        }
      }
    }
    // What renderers do with the textures that are asked for.
    for (auto* t : ImGui::GetPlatformIO().Textures) {
      if (t->Status == ImTextureStatus_WantDestroy) {
        t->SetTexID(ImTextureID_Invalid);
        t->SetStatus(ImTextureStatus_Destroyed);
      } else if (t->Status != ImTextureStatus_OK) {
        t->SetTexID(1);
        t->SetStatus(ImTextureStatus_OK);
      }
    }
    return corners;
  }

  // Without the background.
  std::vector<corner> drawn(shape what, float density = 1) {
    scene s{.width = whole.width,
            .height = whole.height,
            .background = {.red = 255, .green = 255, .blue = 255},
            .panes = {{.name = "all", .at = whole}},
            .primitives = {},
            .hits = {},
            .title = {},
            .description = {}};
    s.primitives.push_back({.id = {}, .pane = 0, .what = std::move(what)});
    auto corners = drawn(s, density);
    std::erase_if(corners, [](const corner& c) { return (c.color & 0xFFFFFFU) != 0; });
    return corners;
  }

  // How many pixels' ink there is.
  static float ink_of(const std::vector<corner>& corners) {
    float sum = 0;
    for (std::size_t i = 0; i + 2 < corners.size(); i += 3) {
      const auto& a = corners[i];
      const auto& b = corners[i + 1];
      const auto& c = corners[i + 2];
      const auto area = std::abs((b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y)) / 2;
      sum += area * (a.dark + b.dark + c.dark) / 3;
    }
    return sum;
  }

  std::optional<list_painter> painter_;
};

TEST_F(ListPainter, ABoxHasAsMuchInkAsArea) {
  for (const rect at : {rect{10, 20, 30, 15}, rect{10.25F, 20.5F, 30.5F, 15.75F},
                        rect{10.3F, 20, 0.4F, 30}, rect{10.9F, 20.9F, 0.2F, 0.2F}}) {
    const auto corners = drawn(box{.at = at, .fill = black, .stroke = {}});
    EXPECT_NEAR(ink_of(corners), at.width * at.height, 0.01F * at.width * at.height + 0.05F)
        << at.x << ' ' << at.width;
  }
}

TEST_F(ListPainter, AStrokeLiesInsideItsBox) {
  for (const auto pattern : {dash::solid, dash::dotted, dash::dashed}) {
    for (const float radius : {0.0F, 5.0F, 100.0F}) {
      const rect at{10, 20, 50, 30};
      const auto corners = drawn(box{.at = at,
                                     .fill = {},
                                     .stroke = black,
                                     .stroke_width = 2,
                                     .radius = radius,
                                     .pattern = pattern});
      ASSERT_FALSE(corners.empty());
      for (const auto& c : corners) {
        // Soft edges reach half a pixel further, where they are clear.
        const auto soft = c.dark == 0 ? 0.75F : 0.01F;
        EXPECT_GE(c.x, at.x - soft);
        EXPECT_LE(c.x, at.right() + soft);
        EXPECT_GE(c.y, at.y - soft);
        EXPECT_LE(c.y, at.bottom() + soft);
      }
    }
  }
}

TEST_F(ListPainter, ASolidStrokeHasTheInkOfItsFrame) {
  const auto corners = drawn(box{
      .at = {10.5F, 20.25F, 50, 30}, .fill = {}, .stroke = black, .stroke_width = 2, .radius = 0});
  EXPECT_NEAR(ink_of(corners), 50 * 30 - 46 * 26, 1);
}

TEST_F(ListPainter, DashesAreHalfOrTwoThirdsOfAnOutline) {
  const auto outline = [&](dash pattern) {
    return ink_of(drawn(box{.at = {10, 20, 60, 40},
                            .fill = {},
                            .stroke = black,
                            .stroke_width = 2,
                            .radius = 0,
                            .pattern = pattern}));
  };
  const float solid = 60 * 40 - 56 * 36;
  EXPECT_NEAR(outline(dash::dotted), solid / 2, solid * 0.03F);
  EXPECT_NEAR(outline(dash::dashed), solid * 2 / 3, solid * 0.03F);
}

TEST_F(ListPainter, ALineHasTheInkOfItsLengthAndWidth) {
  EXPECT_NEAR(ink_of(drawn(line{.from = {10, 10}, .to = {40, 50}, .ink = black, .width = 3})), 150,
              4);
  EXPECT_NEAR(ink_of(drawn(line{.from = {10, 10}, .to = {40, 50}, .ink = black, .width = 0.5F})),
              25, 2);
  EXPECT_NEAR(ink_of(drawn(line{.from = {10, 10.5F}, .to = {40, 10.5F}, .ink = black, .width = 1})),
              30, 0.1F);
}

TEST_F(ListPainter, APolygonIsTheSameHoweverItGoesRound) {
  std::vector<point> corners{{10, 10}, {50, 12}, {45, 50}};
  const auto there = ink_of(drawn(polygon{.corners = corners, .fill = black}));
  std::ranges::reverse(corners);
  const auto back = ink_of(drawn(polygon{.corners = corners, .fill = black}));
  EXPECT_NEAR(there, back, 0.5F);
  EXPECT_NEAR(there, 40 * 40 / 2.0F - 10, 30);
}

TEST_F(ListPainter, GlyphsStandWhereTheUnroundedAdvancesPutThem) {
  const auto left_of = [&](const std::string& text) {
    const label l{.baseline = {8, 40},
                  .size = 13.3F,
                  .width = 0,
                  .face = typeface::sans,
                  .ink = black,
                  .text = text};
    auto corners = drawn(l);
    return corners[corners.size() - 6].x;  // of the last glyph
  };
  const std::string before(18, 'i');
  const auto moved = left_of(before + '|') - left_of("|");
  EXPECT_NEAR(moved, painter_->fonts().width(typeface::sans, before, 13.3F), 0.01F);
}

TEST_F(ListPainter, EveryGlyphThatCanBeSeenIsDrawn) {
  const label l{.baseline = {2, 40},
                .size = 13,
                .width = 0,
                .face = typeface::mono,
                .ink = black,
                .text = "Hůlčg ▶✓ ⏸∰ 漢"};
  EXPECT_EQ(drawn(l).size(), 6 * 10U);  // two triangles for each; none for spaces
}

TEST_F(ListPainter, AtTwoPixelsAUnitAllIsHalfAsLarge) {
  const box b{.at = {10, 20, 30, 14}, .fill = black, .stroke = {}};
  EXPECT_NEAR(ink_of(drawn(b, 2)), ink_of(drawn(b)) / 4, 0.01F);
  const label l{.baseline = {8, 40},
                .size = 20,
                .width = 0,
                .face = typeface::sans,
                .ink = black,
                .text = "H"};
  EXPECT_NEAR(ink_of(drawn(l, 2)), ink_of(drawn(l)) / 4, 0.01F);
}

TEST_F(ListPainter, DrawsTheSameSceneTheSameWay) {
  const auto s = test::sample_scene(painter_->fonts());
  static_cast<void>(drawn(s));  // while the atlas still grows, glyphs move within it
  static_cast<void>(drawn(s));
  const auto first = drawn(s);
  const auto second = drawn(s);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    ASSERT_TRUE(first[i].x == second[i].x && first[i].y == second[i].y &&
                first[i].color == second[i].color && first[i].texel.x == second[i].texel.x)
        << i;
  }
}

}  // namespace
}  // namespace fronta::viz
