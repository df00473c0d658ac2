// SPDX-License-Identifier: Apache-2.0
#include "sample_scene.hpp"

#include <array>
#include <cmath>
#include <string>
#include <utility>

namespace fronta::test {
namespace {

using namespace viz;

constexpr color black{.red = 0x11, .green = 0x11, .blue = 0x11};
constexpr color white{.red = 255, .green = 255, .blue = 255};
constexpr color grey{.red = 0x66, .green = 0x66, .blue = 0x66};

struct state {
  color fill;
  color ink;
  const char* word = "";
  dash outline = dash::solid;
  float outline_width = 0;
};
constexpr std::array states{
    state{{0xDD, 0xDD, 0xDD}, black, "queued", dash::dotted, 2},
    state{{0x00, 0x72, 0xB2}, white, "▶ on CPU", dash::solid, 2},
    state{{0x56, 0xB4, 0xE9}, black, "▦ on GPU", dash::solid, 2},
    state{{0xCC, 0x79, 0xA7}, black, "↓ ↑ copy", dash::dashed, 2},
    state{{0xF0, 0xE4, 0x42}, black, "⏸ blocked", dash::solid, 2},
    state{{0x00, 0x9E, 0x73}, black, "✓ done", dash::solid, 1},
    state{{0xD5, 0x5E, 0x00}, black, "✗ failed", dash::solid, 4},
    state{grey, white, "↻2 retry", dash::solid, 2},
};

class page {
 public:
  explicit page(const font_metrics& metrics) : metrics_(metrics) {
    s.width = 1280;
    s.height = 720;
    s.background = white;
    s.title = "Příliš žluťoučký kůň: a <sample> & all its parts";
    s.description = "Every primitive and every state, for tests and eyes.";
  }

  std::uint16_t add_pane(std::string name, rect at) {
    s.panes.push_back({.name = std::move(name), .at = at});
    pane_ = static_cast<std::uint16_t>(s.panes.size() - 1);
    return pane_;
  }

  void add(item_id::part part, shape what) {
    s.primitives.push_back({.id = {.what = item_id::kind::task, .which = part, .number = ++number_},
                            .pane = pane_,
                            .what = std::move(what)});
  }

  void write(point at, float size, typeface face, color ink, std::string text) {
    const auto width = metrics_.width(face, text, size);
    add(item_id::part::name, label{.baseline = at,
                                   .size = size,
                                   .width = width,
                                   .face = face,
                                   .ink = ink,
                                   .text = std::move(text)});
  }

  void write_centred(const rect& in, float size, typeface face, color ink, std::string text) {
    const auto width = metrics_.width(face, text, size);
    const auto high = metrics_.ascent(face, size);
    const auto low = metrics_.descent(face, size);
    write({.x = std::round(in.x + (in.width - width) / 2),
           .y = std::round(in.y + (in.height + high - low) / 2)},
          size, face, ink, std::move(text));
  }

  scene s;

 private:
  const font_metrics& metrics_;
  std::uint16_t pane_ = 0;
  std::uint32_t number_ = 0;
};

void add_states(page& p) {
  p.add_pane("states", {40, 110, 1200, 140});
  for (std::size_t i = 0; i < states.size(); ++i) {
    const auto& st = states[i];
    const rect at{40 + 150 * static_cast<float>(i), 114, 140, 56};
    p.add(item_id::part::token, box{.at = at,
                                    .fill = st.fill,
                                    .stroke = black,
                                    .stroke_width = st.outline_width,
                                    .radius = 8,
                                    .pattern = st.outline});
    p.write_centred(at, 20, typeface::bold, st.ink, st.word);
    p.write_centred({at.x, 180, at.width, 40}, 16, typeface::sans, black,
                    "task " + std::to_string(i + 1));
  }
}

// Bars at fractions of pixels, and one that its pane cuts.
void add_lane(page& p) {
  p.add_pane("lane", {40, 270, 1200, 90});
  p.add(item_id::part::frame,
        box{.at = {40, 270, 1200, 90}, .fill = {}, .stroke = grey, .stroke_width = 1});
  float x = 48;
  for (std::size_t i = 0; i < 12; ++i) {
    const auto& st = states[(i * 3 + 1) % states.size()];
    const float width = 31.3F + static_cast<float>(i * i) * 1.7F;
    const rect at{x, 280, width, 40};
    p.add(item_id::part::bar,
          box{.at = at, .fill = st.fill, .stroke = black, .stroke_width = 2, .radius = 3});
    p.write_centred(at, 16, typeface::mono, st.ink, std::to_string(i));
    x += width + 3.7F;
  }
  p.add(item_id::part::bar, box{.at = {1180, 326, 200, 40},
                                .fill = states[1].fill,
                                .stroke = black,
                                .stroke_width = 2,
                                .radius = 10});
  for (int i = 0; i < 30; ++i) {
    const float at = 48 + static_cast<float>(i) * 12;
    p.add(item_id::part::hatch,
          line{.from = {at, 356}, .to = {at + 24, 326}, .ink = grey, .width = 2});
  }
}

void add_lines(page& p) {
  p.add_pane("lines", {40, 380, 580, 300});
  p.add(item_id::part::frame,
        box{.at = {40, 380, 580, 300}, .fill = color{0xF6, 0xF6, 0xF6}, .stroke = {}});
  float y = 400;
  for (const auto pattern : {dash::solid, dash::dotted, dash::dashed}) {
    for (const float width : {1.0F, 2.0F, 4.0F}) {
      p.add(
          item_id::part::mark,
          line{.from = {60, y}, .to = {260, y}, .ink = black, .width = width, .pattern = pattern});
      y += 16;
    }
  }
  for (int i = 0; i < 5; ++i) {
    const float to = 400 + static_cast<float>(i) * 45;
    p.add(item_id::part::tether, curve{.from = {290, 470},
                                       .control_from = {380, 470},
                                       .control_to = {to, 420},
                                       .to = {to, 560},
                                       .ink = states[6].fill,
                                       .width = 1.0F + static_cast<float>(i)});
    p.add(item_id::part::steal,
          polygon{.corners = {{to - 8, 558}, {to + 8, 558}, {to, 574}}, .fill = states[6].fill});
  }
  for (int i = 0; i < 4; ++i) {
    const float side = 20 + static_cast<float>(i) * 12;
    const float left = 60 + static_cast<float>(i) * 70;
    p.add(item_id::part::mark, box{.at = {left, 590, side, side},
                                   .fill = {},
                                   .stroke = black,
                                   .stroke_width = 1 + static_cast<float>(i),
                                   .radius = static_cast<float>(i) * 6,
                                   .pattern = i % 2 == 0 ? dash::dashed : dash::dotted});
  }
  p.add(item_id::part::mark, polygon{.corners = {{400, 610}, {440, 590}, {480, 610}, {440, 630}},
                                     .fill = states[5].fill});
  p.add(item_id::part::mark,
        polygon{.corners = {{520, 590}, {560, 590}, {580, 620}, {560, 650}, {520, 650}, {500, 620}},
                .fill = states[3].fill});
}

void add_text(page& p) {
  p.add_pane("text", {660, 380, 580, 300});
  p.add(item_id::part::frame, box{.at = {660, 380, 580, 300},
                                  .fill = black,
                                  .stroke = states[2].fill,
                                  .stroke_width = 3,
                                  .radius = 12});
  p.write({680, 420}, 28, typeface::bold, white, "Příliš žluťoučký kůň 0123456789");
  p.write({680, 456}, 24, typeface::sans, white, "Waffle “AV To” — λ ≤ 42 µs ± 3 σ … ⋯ ℹ");
  p.write({680, 488}, 20, typeface::mono, white, "auto f = pool.submit(work, 7);");
  p.write({680, 514}, 16, typeface::mono, white, "│ std::vector<int> v{1, 2, 3}; // → ✓");
  p.write({680, 540}, 16, typeface::sans, white, "1 s on screen = 20 µs (50 000× slower)");
  p.write({680, 562}, 13, typeface::sans, white,
          "thirteen pixels are still to be read: illicit, rn m");
  p.write({680, 600}, 24, typeface::sans, white, "▶ ▦ ↓ ↑ ⏸ ✓ ✗ ↻ ⋯ ● ■ ▲ ◆ → ⇄ no: 漢 \xFF");
  p.write({680, 660}, 48, typeface::bold, states[4].fill, "a label its pane cuts off");
}

}  // namespace

scene sample_scene(const font_metrics& metrics) {
  page p(metrics);
  p.add_pane("page", {0, 0, 1280, 720});
  p.write({40, 64}, 40, typeface::bold, black, "A sample of all primitives");
  p.write({40, 94}, 20, typeface::sans, grey, "RECORDED · 4 workers on 2 cores · seed 7");
  add_states(p);
  add_lane(p);
  add_lines(p);
  add_text(p);
  return p.s;
}

}  // namespace fronta::test
