// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/player.hpp>
#include <fronta/viz/source_files.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/view.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "little_run.hpp"
#include "plain_metrics.hpp"
#include "scene_words.hpp"
#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// What holds of any picture, read from the scene alone. Each is drawn once and looked at in every
// way.
namespace {

using fronta::test::bounds_of;
using fronta::test::soup;
using fronta::test::story;
using fronta::trace::queue;
using fronta::viz::index;
using fronta::viz::item_id;
using fronta::viz::label;
using fronta::viz::point;
using fronta::viz::preset;
using fronta::viz::primitive;
using fronta::viz::rect;
using fronta::viz::scene;
using fronta::viz::theme;
using fronta::viz::view;

const fronta::test::plain_metrics font;

// A function that is longer than any picture, with lines longer than any, and one at its end.
const fronta::viz::source_files& sources() {
  static const auto all = [] {
    std::string text = "void all() {\n";
    for (int i = 2; i < 150; ++i) {
      text += "  auto result_" + std::to_string(i) + " = ex.submit({.name = \"a task\"}";
      for (int k = 0; k < i % 13; ++k) text += ", argument_" + std::to_string(k);
      text += ");\n";
    }
    fronta::viz::source_files made;
    made.add("a/long/way/to/the/program/main.cpp", text + "}\n");
    return made;
  }();
  return all;
}

// Each of sixty has up to three of the eight before as inputs.
fronta::trace::file_contents tasks_with_inputs() {
  story s;
  for (std::uint64_t t = 1; t <= 60; ++t) {
    s.main()
        .at(static_cast<std::int64_t>(t) * 10)
        .submit(t, "a task with a name " + std::to_string(t));
    for (std::uint64_t n = 0; n < t % 4 && n + 1 < t; ++n)
      s.main().dependency(t, t - 1 - (n * 3 + t * 7) % std::min<std::uint64_t>(8, t - 1));
    s.worker(0).at(static_cast<std::int64_t>(t) * 10 + 3).start(t);
    s.worker(0).at(static_cast<std::int64_t>(t) * 10 + 8).finish(t);
  }
  return s.told();
}

#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t count_of_many = 5'000;  // time and memory
#else
constexpr std::uint64_t count_of_many = 100'000;
#endif

fronta::trace::file_contents many_tasks() {
  story s;
  for (std::uint64_t t = 1; t <= count_of_many; ++t) {
    const auto at = static_cast<std::int64_t>(t) * 100;
    const auto worker = static_cast<std::int32_t>(t % 4);
    s.main().at(at).submit(t, "part " + std::to_string(t % 50)).enqueue(t, queue::inbox);
    s.worker(worker).at(at + 10).start(t).at(at + (t % 1'000 == 0 ? 390 : 90)).finish(t);
  }
  return s.told();
}

const index& other_run() {
  static const index of(soup(3).of(700));
  return of;
}

// --- the pictures
// ---------------------------------------------------------------------------------

struct size {
  float width = 0;
  float height = 0;
};

struct picture {
  std::string name;
  view what;
  size in;
  const theme* colors = nullptr;
};

constexpr std::array all_presets{preset::stage,     preset::timeline, preset::completion,
                                 preset::graph,     preset::compare,  preset::statistics,
                                 preset::inspector, preset::plots,    preset::progress};

class pictures {
 public:
  explicit pictures(const index& of) : of_(of) {}

  // In every theme.
  void add_presets() {
    for (const auto what : all_presets) {
      for (const auto in :
           {size{1024, 768}, size{1920, 1080}, size{640, 400}, size{1280, 800}, size{1280, 720},
            size{3840, 2160}, size{1080, 1920}, size{640, 4'000}}) {
        for (const int tenths : {0, 3, 5, 10}) {
          // The unusual sizes take long.
          if (in.height > 1'100 && tenths != 10) continue;
          auto v = preset_at(what, tenths);
          if (what == preset::inspector && tenths != 3)
            v.selected = static_cast<fronta::viz::task_number>(tenths);
          v.sources = tenths == 10 ? nullptr : &sources();
          for (const auto& colors : fronta::viz::all_themes())
            add_layouts(std::to_string(tenths), v, in, &colors);
        }
      }
    }
  }

  // Smaller and larger text, to which the layout gives way, and a task selected.
  void add_text_sizes() {
    for (const auto what : {preset::stage, preset::timeline, preset::completion}) {
      for (const auto in : {size{1024, 768}, size{1920, 1080}, size{640, 400}}) {
        for (const int steps : {-4, 2, 4, 6, 8}) {
          auto v = preset_at(what, 5);
          v.text_size = fronta::viz::text_scale(steps);
          v.selected = 2;
          v.sources = &sources();
          add_layouts("text " + std::to_string(steps), v, in, next_theme());
        }
      }
    }
  }

  // Clocks that are not linear, of all and of a part; lanes pinned, folded, sorted and marked, and
  // colours that mean kinds.
  void add_clocks() {
    using fronta::viz::clock_kind;
    const auto length = of_.end() - of_.begin();
    const auto lanes = static_cast<std::uint32_t>(of_.lanes().size());
    for (const auto what : all_presets) {
      for (const auto clock : {clock_kind::steps, clock_kind::warped}) {
        for (const auto in : {size{1024, 768}, size{1920, 1080}, size{640, 400}}) {
          for (const int tenths : {0, 4, 10}) {
            auto v = preset_at(what, tenths);
            v.clock = clock;
            v.dilation = tenths == 4 ? 1e6 : 0;
            v.steps = clock == clock_kind::steps && tenths != 10;
            v.beats = tenths == 4 ? 2 : 0;
            v.selected = 2;
            if (tenths == 4) {
              v.from = of_.begin() + length / 3;
              v.to = of_.begin() + length / 2;
              v.color = fronta::viz::bar_color::kind;
              v.lanes.order = fronta::viz::lane_order::busy;
              if (lanes > 0) v.lanes.folded = {lanes - 1};
              if (lanes > 1) v.lanes.pinned = {lanes / 2};
              v.lanes.marked = 0;
            }
            if (tenths == 10 && lanes > 0)
              v.lanes.folded_places = {{of_.lanes()[0].executor, of_.lanes()[0].place}};
            add(std::string(name_of(clock)) + ", " + std::to_string(tenths), v, in, next_theme());
          }
        }
      }
    }
  }

  void add_large() {
    for (const auto what : all_presets) {
      for (const auto in : {size{1280, 800}, size{3840, 2160}}) {
        auto v = preset_at(what, 7);
        v.selected = 77'777;
        add("many", v, in, next_theme());
      }
    }
  }

  std::vector<picture> all;

 private:
  [[nodiscard]] view preset_at(preset what, int tenths) const {
    view v;
    v.what = what;
    v.title = "run.trace";
    v.at = of_.begin() + (of_.end() - of_.begin()) * tenths / 10;
    if (what == preset::compare) v.other = &other_run();
    return v;
  }
  void add(const std::string& name, const view& what, size in, const theme* colors) {
    all.push_back({std::string(name_of(what.what)) + ", " + std::string(name_of(what.layout)) +
                       ", " + std::to_string(static_cast<int>(in.width)) + " x " +
                       std::to_string(static_cast<int>(in.height)) + ", " + name + ", " +
                       std::string(colors->name),
                   what, in, colors});
  }
  void add_layouts(const std::string& name, view v, size in, const theme* colors) {
    using fronta::viz::stage_layout;
    add(name, v, in, colors);
    if (v.what != preset::stage) return;
    for (const auto layout : {stage_layout::read, stage_layout::run}) {
      v.layout = layout;
      add(name, v, in, colors);
    }
  }
  const theme* next_theme() {
    const auto themes = fronta::viz::all_themes();
    return &themes[turn_++ % themes.size()];
  }

  const index& of_;
  std::size_t turn_ = 0;
};

// --- what holds of each
// ---------------------------------------------------------------------------

// What all sizes are measured by: of tall pictures the width says how large text may be.
float height_of_text(const scene& s) { return std::min(s.height, s.width * 0.75F); }

void keeps_everything_in_its_pane(const scene& s, const picture& /*of*/) {
  for (const auto& p : s.panes)
    ASSERT_TRUE((rect{0, 0, s.width, s.height}).encloses(p.at)) << p.name;
  for (const auto& p : s.primitives) {
    // Whole pixels for text, half a stroke for lines.
    const auto pane = s.panes[p.pane].at;
    const rect with_slack{pane.x - 1, pane.y - 1, pane.width + 2, pane.height + 2};
    ASSERT_TRUE(with_slack.encloses(bounds_of(p, font)))
        << to_string(p.id) << " in " << s.panes[p.pane].name << "\n"
        << to_text(s);
  }
}

// Smaller is only what was asked to be.
void has_no_text_too_small_to_read(const scene& s, const picture& of) {
  const auto asked = height_of_text(s) * std::min(1.0F, of.what.text_size);
  for (const auto& p : s.primitives) {
    const auto* l = std::get_if<label>(&p.what);
    if (l == nullptr) continue;
    ASSERT_GE(l->size, asked * 0.0219F) << l->text;
    if (of.what.what != preset::stage || s.panes[p.pane].name == "lanes") continue;
    const bool from_the_last_row =
        p.id.what == item_id::kind::badge || p.id.which == item_id::part::number ||
        p.id.what == item_id::kind::completion ||
        (p.id.what == item_id::kind::narration && p.id.which == item_id::part::name);
    if (from_the_last_row && p.id.which != item_id::part::reason) {
      ASSERT_GE(l->size, asked * 0.0369F) << to_string(p.id) << ' ' << l->text;
    }
  }
}

// From what was filled last below the middle of its first and last letters.
void writes_text_that_stands_out(const scene& s, const picture& of) {
  std::vector<std::pair<rect, fronta::viz::color>> filled;
  for (const auto& p : s.primitives) {
    if (const auto* b = std::get_if<fronta::viz::box>(&p.what); b != nullptr && b->fill)
      filled.emplace_back(b->at, *b->fill);
    const auto* l = std::get_if<label>(&p.what);
    // A number in a lane may lie over the mark of a failure.
    if (l == nullptr || s.panes[p.pane].name == "lanes") continue;
    const auto at = bounds_of(p, font);
    for (const float share : {0.02F, 0.98F}) {
      const point middle{at.x + at.width * share, at.y + at.height / 2};
      auto behind = s.background;
      for (const auto& [where, c] : filled) {
        if (where.contains(middle)) behind = c;
      }
      const bool token = behind != s.background && behind != of.colors->panel;
      ASSERT_GE(contrast(l->ink, behind), token ? 4.5 : 7) << l->text << ' ' << to_string(p.id);
    }
  }
}

void says_of_text_how_wide_it_is(const scene& s, const picture& /*of*/) {
  for (const auto& p : s.primitives) {
    const auto* l = std::get_if<label>(&p.what);
    if (l == nullptr) continue;
    ASSERT_FLOAT_EQ(l->width, font.width(l->face, l->text, l->size)) << l->text;
    ASSERT_FALSE(l->text.empty());
  }
}

void writes_no_text_over_another(const scene& s, const picture& /*of*/) {
  std::vector<std::pair<rect, const primitive*>> seen;
  for (const auto& p : s.primitives) {
    if (!std::holds_alternative<label>(p.what)) continue;
    auto at = bounds_of(p, font);
    at = {at.x + 1, at.y + at.height * 0.25F, std::max(0.0F, at.width - 2), at.height * 0.5F};
    for (const auto& [other, by] : seen) {
      const bool apart = at.right() <= other.x || other.right() <= at.x || at.bottom() <= other.y ||
                         other.bottom() <= at.y;
      ASSERT_TRUE(apart) << to_string(p.id) << " over " << to_string(by->id) << "\n" << to_text(s);
    }
    seen.emplace_back(at, &p);
  }
}

// What leads from lane to lane goes behind words, which then have ground of their own.
void draws_no_line_through_words_in_lanes(const scene& s, const picture& /*of*/) {
  std::vector<std::pair<rect, const primitive*>> lines;
  std::vector<std::pair<rect, const primitive*>> words;
  const auto meet = [](const rect& a, const rect& b) {
    return a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom();
  };
  for (const auto& p : s.primitives) {
    if (s.panes[p.pane].name != "lanes") continue;
    const auto at = bounds_of(p, font);
    if (const auto* b = std::get_if<fronta::viz::box>(&p.what); b != nullptr && b->fill) {
      std::erase_if(lines, [&](const auto& one) {
        return at.x <= one.first.x && at.right() >= one.first.right() && meet(at, one.first);
      });
    } else if (std::holds_alternative<label>(p.what)) {
      const rect core{at.x + 1, at.y + at.height * 0.3F, std::max(0.0F, at.width - 2),
                      at.height * 0.4F};
      for (const auto& [line, by] : lines) {
        ASSERT_FALSE(meet(core, line)) << to_string(by->id) << " behind " << to_string(p.id) << "\n"
                                       << to_text(s);
      }
      words.emplace_back(core, &p);
    } else if (const auto* l = std::get_if<fronta::viz::line>(&p.what); l != nullptr) {
      const bool leads = p.id.what == item_id::kind::edge || p.id.which == item_id::part::steal ||
                         p.id.which == item_id::part::tether;
      if (!leads || l->from.x != l->to.x) continue;
      const rect line{at.x - l->width / 2, at.y, l->width, at.height};
      for (const auto& [core, of] : words) {
        ASSERT_FALSE(meet(core, line)) << to_string(p.id) << " over " << to_string(of->id) << "\n"
                                       << to_text(s);
      }
      lines.emplace_back(line, &p);
    }
  }
}

void says_where_it_comes_from(const scene& s, const picture& /*of*/) {
  ASSERT_TRUE(std::ranges::any_of(s.primitives, [&](const primitive& p) {
    const auto* l = std::get_if<label>(&p.what);
    return l != nullptr && p.id.what == item_id::kind::badge && s.panes[p.pane].name == "header" &&
           l->text.starts_with("RECORDED ") && l->text.find("…") == std::string::npos;
  })) << to_text(s);
}

void says_what_is_seen(const scene& s, const picture& /*of*/) {
  ASSERT_FALSE(s.description.empty());
}

using property = void (*)(const scene&, const picture&);
constexpr std::array<property, 8> properties{
    keeps_everything_in_its_pane, has_no_text_too_small_to_read,
    writes_text_that_stands_out,  says_of_text_how_wide_it_is,
    writes_no_text_over_another,  draws_no_line_through_words_in_lanes,
    says_where_it_comes_from,     says_what_is_seen};

struct run {
  const char* name;
  fronta::trace::file_contents (*make)();
  void (*fill)(pictures&);
};

void add_all(pictures& p) {
  p.add_presets();
  p.add_text_sizes();
  p.add_clocks();
}

// NOLINTNEXTLINE(readability-identifier-naming): so GoogleTest calls it
void PrintTo(const run& one, std::ostream* out) { *out << one.name; }

class Every : public ::testing::TestWithParam<run> {};

TEST_P(Every, PictureHoldsItsProperties) {
  const index of(GetParam().make());
  pictures drawn(of);
  GetParam().fill(drawn);
  ASSERT_FALSE(drawn.all.empty());
  for (const auto& one : drawn.all) {
    SCOPED_TRACE(one.name);
    const auto s = draw(of, one.what, one.in.width, one.in.height, font, *one.colors);
    for (const auto holds : properties) holds(s, one);
    if (HasFailure()) return;  // one picture says enough
  }
}

INSTANTIATE_TEST_SUITE_P(
    Scene, Every,
    ::testing::Values(run{"Nothing", [] { return fronta::trace::file_contents(); }, add_all},
                      run{"ALittle", fronta::test::little_run, add_all},
                      run{"AGraph", tasks_with_inputs, add_all},
                      run{"Soup", [] { return soup(1).of(300); }, add_all},
                      run{"MoreSoup", [] { return soup(2).of(5'000); }, add_all},
                      run{"Many", many_tasks, [](pictures& p) { p.add_large(); }}),
    [](const auto& of) { return std::string(of.param.name); });

}  // namespace
