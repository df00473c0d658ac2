// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/player.hpp>
#include <fronta/viz/source_files.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/view.hpp>
#include <fronta/viz/words.hpp>

#include <gmock/gmock.h>

#include "plain_metrics.hpp"
#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// What holds of any picture, read from the scene alone.
namespace {

using fronta::test::soup;
using fronta::test::story;
using fronta::trace::queue;
using fronta::viz::draw;
using fronta::viz::index;
using fronta::viz::item_id;
using fronta::viz::label;
using fronta::viz::point;
using fronta::viz::preset;
using fronta::viz::primitive;
using fronta::viz::rect;
using fronta::viz::scene;
using fronta::viz::view;
using ::testing::HasSubstr;
using ::testing::Not;

const fronta::test::plain_metrics font;

struct bounds {
  rect operator()(const fronta::viz::box& b) const { return b.at; }
  rect operator()(const fronta::viz::line& l) const { return around({l.from, l.to}); }
  rect operator()(const fronta::viz::curve& c) const {
    return around({c.from, c.control_from, c.control_to, c.to});
  }
  rect operator()(const fronta::viz::polygon& p) const { return around(p.corners); }
  rect operator()(const label& l) const {
    return {l.baseline.x, l.baseline.y - font.ascent(l.face, l.size), l.width,
            font.ascent(l.face, l.size) + font.descent(l.face, l.size)};
  }
  static rect around(const std::vector<point>& points) {
    const auto [left, right] = std::ranges::minmax(points, {}, &point::x);
    const auto [top, bottom] = std::ranges::minmax(points, {}, &point::y);
    return {left.x, top.y, right.x - left.x, bottom.y - top.y};
  }
};

std::vector<label> labels(const scene& s, std::string_view pane = {}) {
  std::vector<label> found;
  for (const auto& p : s.primitives) {
    if (!pane.empty() && s.panes[p.pane].name != pane) continue;
    if (const auto* l = std::get_if<label>(&p.what)) found.push_back(*l);
  }
  return found;
}

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

// Two workers, three masks that want a gpu, a queue, a failure, a retry and a cancelled one.
fronta::trace::file_contents little_run() {
  story s;
  const auto place = [&s](std::uint64_t task, std::uint64_t line) {
    s.main().tell(fronta::trace::event_kind::location, task, line,
                  "a/long/way/to/the/program/main.cpp:" + std::to_string(line));
  };
  s.main().at(0).submit(1, "load").enqueue(1, queue::inbox).submit(2, "split").dependency(2, 1);
  place(1, 1);
  place(2, 150);
  s.worker(0).at(10).start(1).at(1'000).finish(1).ready(2).start(2);
  for (std::uint64_t t = 3; t < 23; ++t)
    s.worker(0)
        .at(1'000 + static_cast<std::int64_t>(t))
        .submit(t, "mask " + std::to_string(t), 2)
        .enqueue(t, queue::deque);
  for (std::uint64_t t = 3; t < 7; ++t) place(t, 27 * t);
  s.worker(1).at(1'100).steal(3, 0).start(3);
  s.worker(0).at(1'200).finish(2).start(22).at(1'500).retry(22, 1).enqueue(22, queue::backoff);
  s.worker(0).at(1'510).route(4, 0).acquire(4, "gpu", 1, 1).start(4);
  s.worker(1).at(1'600).fail(3).start(5).at(1'700).block(5);
  s.main().at(1'750).cancel(6);
  s.worker(1).at(1'800).start(7).at(2'400).finish(7).unblock(5);
  s.worker(0).at(2'500).release(4, "gpu", 1, 1).finish(4);
  return s.told();
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

struct picture_case {
  std::string name;
  fronta::trace::file_contents (*make)();
};

const std::vector<picture_case>& cases() {
  static const std::vector<picture_case> all{
      {"nothing", [] { return fronta::trace::file_contents(); }},
      {"a little run", little_run},
      {"a graph", tasks_with_inputs},
      {"soup", [] { return soup(1).of(300); }},
      {"more soup", [] { return soup(2).of(5'000); }},
  };
  return all;
}

constexpr std::array all_presets{preset::stage,     preset::timeline, preset::completion,
                                 preset::graph,     preset::compare,  preset::statistics,
                                 preset::inspector, preset::plots,    preset::progress};

const index& other_run() {
  static const index of(soup(3).of(700));
  return of;
}

// What all sizes are measured by: of tall pictures the width says how large text may be.
float height_of_text(const scene& s) { return std::min(s.height, s.width * 0.75F); }

template <class Check>
void for_each_picture(Check check, const fronta::viz::theme& colors = fronta::viz::light_theme()) {
  for (const auto& one : cases()) {
    const index of(one.make());
    for (const auto what : all_presets) {
      for (const auto& [width, height] : {std::pair(1024.0F, 768.0F),
                                          {1920.0F, 1080.0F},
                                          {640.0F, 400.0F},
                                          {1280.0F, 800.0F},
                                          {3840.0F, 2160.0F},
                                          {1080.0F, 1920.0F},
                                          {640.0F, 4'000.0F}}) {
        for (const int tenths : {0, 3, 5, 10}) {
          // The unusual sizes take long.
          if (height > 1'100 && tenths != 10) continue;
          SCOPED_TRACE(one.name + ", " + std::string(name_of(what)) + ", " +
                       std::to_string(static_cast<int>(height)) + ", " + std::to_string(tenths));
          view v;
          v.what = what;
          v.title = "run.trace";
          v.at = of.begin() + (of.end() - of.begin()) * tenths / 10;
          if (what == preset::inspector && tenths != 3)
            v.selected = static_cast<fronta::viz::task_number>(tenths);
          if (what == preset::compare) v.other = &other_run();
          check(of, v, draw(of, v, width, height, font, colors));
          if (what != preset::stage) continue;
          for (const auto layout :
               {fronta::viz::stage_layout::read, fronta::viz::stage_layout::run}) {
            SCOPED_TRACE(name_of(layout));
            v.layout = layout;
            v.sources = tenths == 10 ? nullptr : &sources();
            check(of, v, draw(of, v, width, height, font, colors));
          }
        }
      }
    }
  }
}

// The same with smaller and larger text, to which the layout gives way, and with a task selected.
template <class Check>
void for_each_text_size(Check check) {
  for (const auto& one : cases()) {
    const index of(one.make());
    for (const auto what : {preset::stage, preset::timeline, preset::completion}) {
      for (const auto& [width, height] :
           {std::pair(1024.0F, 768.0F), {1920.0F, 1080.0F}, {640.0F, 400.0F}}) {
        for (const int steps : {-4, 2, 4, 6, 8}) {
          SCOPED_TRACE(one.name + ", " + std::string(name_of(what)) + ", " +
                       std::to_string(static_cast<int>(height)) + ", text " +
                       std::to_string(steps));
          view v;
          v.what = what;
          v.title = "run.trace";
          v.at = of.begin() + (of.end() - of.begin()) / 2;
          v.text_size = fronta::viz::text_scale(steps);
          v.selected = 2;
          check(of, v, draw(of, v, width, height, font, fronta::viz::light_theme()));
          if (what != preset::stage) continue;
          v.sources = &sources();
          for (const auto layout :
               {fronta::viz::stage_layout::read, fronta::viz::stage_layout::run}) {
            SCOPED_TRACE(name_of(layout));
            v.layout = layout;
            check(of, v, draw(of, v, width, height, font, fronta::viz::light_theme()));
          }
        }
      }
    }
  }
}

// On clocks that are not linear, of all and of a part; with lanes pinned, folded, sorted and
// marked, and colours that mean kinds.
template <class Check>
void for_each_clock(Check check) {
  using fronta::viz::clock_kind;
  for (const auto& one : cases()) {
    const index of(one.make());
    const auto length = of.end() - of.begin();
    const auto lanes = static_cast<std::uint32_t>(of.lanes().size());
    for (const auto what : all_presets) {
      for (const auto clock : {clock_kind::steps, clock_kind::warped}) {
        for (const auto& [width, height] :
             {std::pair(1024.0F, 768.0F), {1920.0F, 1080.0F}, {640.0F, 400.0F}}) {
          for (const int tenths : {0, 4, 10}) {
            SCOPED_TRACE(one.name + ", " + std::string(name_of(what)) + ", " +
                         std::string(name_of(clock)) + ", " +
                         std::to_string(static_cast<int>(height)) + ", " + std::to_string(tenths));
            view v;
            v.what = what;
            v.title = "run.trace";
            v.clock = clock;
            v.at = of.begin() + length * tenths / 10;
            v.dilation = tenths == 4 ? 1e6 : 0;
            v.steps = clock == clock_kind::steps && tenths != 10;
            v.beats = tenths == 4 ? 2 : 0;
            if (tenths == 4) {
              v.from = of.begin() + length / 3;
              v.to = of.begin() + length / 2;
              v.color = fronta::viz::bar_color::kind;
              v.lanes.order = fronta::viz::lane_order::busy;
              if (lanes > 0) v.lanes.folded = {lanes - 1};
              if (lanes > 1) v.lanes.pinned = {lanes / 2};
              v.lanes.marked = 0;
            }
            if (tenths == 10 && lanes > 0)
              v.lanes.folded_places = {{of.lanes()[0].executor, of.lanes()[0].place}};
            v.selected = 2;
            if (what == preset::compare) v.other = &other_run();
            check(of, v, draw(of, v, width, height, font, fronta::viz::light_theme()));
          }
        }
      }
    }
  }
}

#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t count_of_many = 5'000;  // time and memory
#else
constexpr std::uint64_t count_of_many = 100'000;
#endif

const index& many_tasks() {
  static const index of = [] {
    story s;
    for (std::uint64_t t = 1; t <= count_of_many; ++t) {
      const auto at = static_cast<std::int64_t>(t) * 100;
      const auto worker = static_cast<std::int32_t>(t % 4);
      s.main().at(at).submit(t, "part " + std::to_string(t % 50)).enqueue(t, queue::inbox);
      s.worker(worker).at(at + 10).start(t).at(at + (t % 1'000 == 0 ? 390 : 90)).finish(t);
    }
    return index(s.told());
  }();
  return of;
}

template <class Check>
void for_each_preset_of_many_tasks(Check check) {
  const auto& of = many_tasks();
  for (const auto what : all_presets) {
    for (const auto& [width, height] : {std::pair(1280.0F, 800.0F), {3840.0F, 2160.0F}}) {
      SCOPED_TRACE("many tasks, " + std::string(name_of(what)) + ", " +
                   std::to_string(static_cast<int>(height)));
      view v;
      v.what = what;
      v.title = "run.trace";
      v.at = of.begin() + (of.end() - of.begin()) / 10 * 7;
      v.selected = 77'777;
      if (what == preset::compare) v.other = &other_run();
      check(of, v, draw(of, v, width, height, font, fronta::viz::dark_theme()));
    }
  }
}

template <class Check>
void for_all_pictures(Check check) {
  for_each_preset_of_many_tasks(check);
  for_each_picture(check);
  for_each_text_size(check);
  for_each_clock(check);
}

TEST(Scene, KeepsEverythingInItsPane) {
  for_all_pictures([](const index&, const view&, const scene& s) {
    for (const auto& p : s.panes)
      ASSERT_TRUE((rect{0, 0, s.width, s.height}).encloses(p.at)) << p.name;
    for (const auto& p : s.primitives) {
      const auto at = std::visit(bounds{}, p.what);
      // Whole pixels for text, half a stroke for lines.
      const auto pane = s.panes[p.pane].at;
      const rect with_slack{pane.x - 1, pane.y - 1, pane.width + 2, pane.height + 2};
      ASSERT_TRUE(with_slack.encloses(at))
          << to_string(p.id) << " in " << s.panes[p.pane].name << "\n"
          << to_text(s);
    }
  });
}

// Smaller is only what was asked to be.
TEST(Scene, HasNoTextTooSmallToRead) {
  for_all_pictures([](const index&, const view& v, const scene& s) {
    const auto asked = std::min(1.0F, v.text_size);
    for (const auto& l : labels(s))
      ASSERT_GE(l.size, height_of_text(s) * 0.0219F * asked) << l.text;
    if (v.what != preset::stage) return;
    for (const auto& p : s.primitives) {
      const auto* l = std::get_if<label>(&p.what);
      if (l == nullptr || s.panes[p.pane].name == "lanes") continue;
      const bool from_the_last_row =
          p.id.what == item_id::kind::badge || p.id.which == item_id::part::number ||
          p.id.what == item_id::kind::completion ||
          (p.id.what == item_id::kind::narration && p.id.which == item_id::part::name);
      if (from_the_last_row && p.id.which != item_id::part::reason) {
        ASSERT_GE(l->size, height_of_text(s) * 0.0369F * asked)
            << to_string(p.id) << ' ' << l->text;
      }
    }
  });
}

// On what was filled last below the middle of its first and last letters.
TEST(Scene, WritesTextThatStandsOutFromWhatIsBehind) {
  for (const auto& colors : fronta::viz::all_themes()) {
    SCOPED_TRACE(colors.name);
    for_each_picture(
        [&](const index&, const view&, const scene& s) {
          std::vector<std::pair<rect, fronta::viz::color>> filled;
          for (const auto& p : s.primitives) {
            if (const auto* b = std::get_if<fronta::viz::box>(&p.what); b != nullptr && b->fill)
              filled.emplace_back(b->at, *b->fill);
            const auto* l = std::get_if<label>(&p.what);
            // A number in a lane may lie over the mark of a failure.
            if (l == nullptr || s.panes[p.pane].name == "lanes") continue;
            const auto at = std::visit(bounds{}, p.what);
            for (const float share : {0.02F, 0.98F}) {
              const point middle{at.x + at.width * share, at.y + at.height / 2};
              auto behind = s.background;
              for (const auto& [where, c] : filled) {
                if (where.contains(middle)) behind = c;
              }
              const bool token = behind != s.background && behind != colors.panel;
              ASSERT_GE(contrast(l->ink, behind), token ? 4.5 : 7)
                  << l->text << ' ' << to_string(p.id);
            }
          }
        },
        colors);
  }
}

TEST(Scene, SaysOfTextHowWideItIs) {
  for_all_pictures([](const index&, const view&, const scene& s) {
    for (const auto& l : labels(s)) {
      ASSERT_FLOAT_EQ(l.width, font.width(l.face, l.text, l.size)) << l.text;
      ASSERT_FALSE(l.text.empty());
    }
  });
}

TEST(Scene, WritesNoTextOverAnother) {
  for_all_pictures([](const index&, const view&, const scene& s) {
    std::vector<std::pair<rect, const primitive*>> seen;
    for (const auto& p : s.primitives) {
      if (!std::holds_alternative<label>(p.what)) continue;
      auto at = std::visit(bounds{}, p.what);
      at = {at.x + 1, at.y + at.height * 0.25F, std::max(0.0F, at.width - 2), at.height * 0.5F};
      for (const auto& [other, by] : seen) {
        const bool apart = at.right() <= other.x || other.right() <= at.x ||
                           at.bottom() <= other.y || other.bottom() <= at.y;
        ASSERT_TRUE(apart) << to_string(p.id) << " over " << to_string(by->id) << "\n"
                           << to_text(s);
      }
      seen.emplace_back(at, &p);
    }
  });
}

// What leads from lane to lane goes behind words, which then have ground of their own.
TEST(Scene, DrawsNoLineThroughWordsInLanes) {
  for_all_pictures([](const index&, const view&, const scene& s) {
    std::vector<std::pair<rect, const primitive*>> lines;
    std::vector<std::pair<rect, const primitive*>> words;
    const auto meet = [](const rect& a, const rect& b) {
      return a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom();
    };
    for (const auto& p : s.primitives) {
      if (s.panes[p.pane].name != "lanes") continue;
      const auto at = std::visit(bounds{}, p.what);
      if (const auto* b = std::get_if<fronta::viz::box>(&p.what); b != nullptr && b->fill) {
        std::erase_if(lines, [&](const auto& one) {
          return at.x <= one.first.x && at.right() >= one.first.right() && meet(at, one.first);
        });
      } else if (std::holds_alternative<label>(p.what)) {
        const rect core{at.x + 1, at.y + at.height * 0.3F, std::max(0.0F, at.width - 2),
                        at.height * 0.4F};
        for (const auto& [line, by] : lines) {
          ASSERT_FALSE(meet(core, line))
              << to_string(by->id) << " behind " << to_string(p.id) << "\n"
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
  });
}

TEST(Scene, AlwaysSaysWhereItComesFrom) {
  for_all_pictures([](const index&, const view&, const scene& s) {
    EXPECT_THAT(s.primitives,
                ::testing::Contains(::testing::Field(
                    &primitive::id, ::testing::Field(&item_id::what, item_id::kind::badge))));
    const auto badges = labels(s, "header");
    EXPECT_THAT(badges, ::testing::Contains(::testing::Field(
                            &label::text, ::testing::AllOf(::testing::StartsWith("RECORDED "),
                                                           Not(HasSubstr("…"))))));
    EXPECT_FALSE(s.description.empty());
  });
}

TEST(Scene, IsTheSameHoweverItWasReached) {
  const index of(little_run());
  for (const auto what : all_presets) {
    view v;
    v.what = what;
    v.selected = 2;
    std::vector<std::string> forwards;
    const auto text = [&](const index& drawn, std::int64_t t) {
      v.at = t;
      return to_text(draw(drawn, v, 1280, 720, font, fronta::viz::dark_theme()));
    };
    for (std::int64_t t = of.begin(); t <= of.end(); t += 50) forwards.push_back(text(of, t));
    auto at = of.begin() + (static_cast<std::int64_t>(forwards.size()) - 1) * 50;
    for (auto nth = forwards.size(); nth != 0; --nth, at -= 50)
      EXPECT_EQ(text(of, at), forwards[nth - 1]) << name_of(what);
    EXPECT_EQ(text(index(little_run()), of.end()), text(of, of.end())) << name_of(what);
  }
}

// Tokens, and what is said to be hidden, are all the tasks that wait in queues that are not
// workers'.
TEST(Scene, ShowsOrCountsEveryTaskOfAQueue) {
  const index of(little_run());
  for (std::int64_t t = of.begin(); t <= of.end(); t += 25) {
    view v;
    v.what = preset::stage;
    v.at = t;
    const auto s = draw(of, v, 1280, 720, font, fronta::viz::light_theme());
    std::uint64_t waiting = 0;
    for (std::uint32_t q = 0; q < of.queues().size(); ++q) {
      if (of.queues()[q].what != fronta::viz::queue::kind::deque) waiting += of.length_at(q, t);
    }
    std::uint64_t shown = 0;
    for (const auto& p : s.primitives) {
      if (s.panes[p.pane].name != "queues") continue;
      const auto* l = std::get_if<label>(&p.what);
      if (l == nullptr) continue;
      if (p.id.which == item_id::part::number) ++shown;
      if (p.id.which == item_id::part::more) shown += std::stoull(l->text.substr(1));
    }
    EXPECT_EQ(shown, waiting) << t;
  }
}

TEST(Scene, ListsWhatIsDoneTheNewestFirst) {
  const index of(little_run());
  view v;
  v.what = preset::stage;
  const auto s = draw(of, v, 1280, 720, font, fronta::viz::light_theme());
  std::vector<std::string> numbers;
  for (const auto& p : s.primitives) {
    if (s.panes[p.pane].name == "completed" && p.id.which == item_id::part::number)
      numbers.push_back(std::get<label>(p.what).text);
  }
  EXPECT_THAT(numbers, ::testing::ElementsAre("4", "7", "6", "3", "2", "1"));
}

TEST(Scene, DrawsNothingThatHasNotHappened) {
  const index of(little_run());
  view v;
  v.at = 1'050;
  const auto s = draw(of, v, 1280, 720, font, fronta::viz::light_theme());
  float playhead = 0;
  for (const auto& p : s.primitives) {
    if (p.id.what == item_id::kind::axis && p.id.which == item_id::part::frame)
      playhead = std::visit(bounds{}, p.what).x;
  }
  ASSERT_GT(playhead, 0);
  int bars = 0;
  for (const auto& p : s.primitives) {
    if (p.id.which != item_id::part::bar) continue;
    ++bars;
    EXPECT_LE(std::visit(bounds{}, p.what).right(), playhead + 1) << to_string(p.id);
  }
  EXPECT_GT(bars, 0);
}

std::string told_of_completion(const story& of) {
  view v;
  v.what = preset::completion;
  return to_text(draw(index(of.told()), v, 1280, 720, font, fronta::viz::light_theme()));
}

TEST(Scene, SaysWhatConsumersWouldHaveSeen) {
  story s;
  s.main().at(0).submit(1).submit(2).submit(3);
  s.worker(0).at(1).start(1).at(30'000).finish(1);
  s.worker(1).at(1).start(2).at(10'000).finish(2).start(3).at(20'000).finish(3);
  const auto told = told_of_completion(s);
  EXPECT_THAT(told, HasSubstr("map keeps finished results back for 30.0 µs in all"));
  EXPECT_THAT(told, HasSubstr("3. 30.0 µs\n"));
  EXPECT_THAT(told, HasSubstr("wait(first_completed) takes task 2 at 10.0 µs."));
  EXPECT_THAT(told, HasSubstr("first 10.0 µs\n"));
  EXPECT_THAT(told, HasSubstr("2. 20.0 µs\n"));
  EXPECT_THAT(told, HasSubstr("the consumer takes 0 ms"));
}

TEST(Scene, DerivesNothingOfConsumersThatMayHaveSubmitted) {
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(1).start(1).at(10'000).finish(1);
  s.main().at(10'001).submit(2);
  s.worker(0).at(10'002).start(2).at(20'000).finish(2);
  const auto told = told_of_completion(s);
  EXPECT_THAT(told, HasSubstr("not derivable"));
  EXPECT_THAT(told, Not(HasSubstr("keeps")));
  EXPECT_THAT(told, Not(HasSubstr("as_completed"))) << "a heading over nothing";
}

TEST(Scene, TakesTasksOfOneExecutorForAFamily) {
  story s;
  s.main().at(0).submit(1).submit(2);
  s.main_to(2).at(0).submit(1, "other").submit(2, "other").submit(3, "other");
  s.worker(0).at(1).start(1).at(30'000).finish(1).at(30'001).start(2).at(40'000).finish(2);
  const auto told = told_of_completion(s);
  for (const auto* const member : {"task/2/number in completion", "task/4/number in completion"})
    EXPECT_THAT(told, HasSubstr(member));
  EXPECT_THAT(told, Not(HasSubstr("task/0/number in completion")));
}

TEST(Scene, TellsOfMissingRecordsOfDevices) {
  story s;
  s.main().at(0).submit(1);
  s.main().at(5).tell(fronta::trace::event_kind::lost_records, 0, std::uint64_t{1} << 32U | 12U);
  view v;
  v.what = preset::timeline;
  const auto told = to_text(draw(index(s.told()), v, 1920, 1080, font, fronta::viz::light_theme()));
  EXPECT_THAT(told, HasSubstr("12 device records MISSING"));
}

TEST(Scene, MayShowAMomentBeforeItsAxis) {
  const index of(little_run());
  view v;
  v.at = 100;
  v.from = 2'000;
  v.to = 2'400;
  EXPECT_FALSE(draw(of, v, 1280, 720, font, fronta::viz::light_theme()).primitives.empty());
}

TEST(Scene, CostsByPixelsNotByEvents) {
  story many;
  for (std::uint64_t t = 1; t <= 20'000; ++t) {
    const auto at = static_cast<std::int64_t>(t) * 100;
    many.main().at(at).submit(t);
    many.worker(static_cast<std::int32_t>(t % 4)).at(at + 10).start(t).at(at + 90).finish(t);
  }
  const index of(many.told());
  for (const auto what : all_presets) {
    view v;
    v.what = what;
    v.selected = 9'999;
    const auto s = draw(of, v, 1280, 720, font, fronta::viz::light_theme());
    EXPECT_LT(s.primitives.size(), 6'000U) << name_of(what);
    EXPECT_LT(s.hits.size(), 6'000U) << name_of(what);
  }
}

TEST(Scene, FindsWhatLiesUnderAPoint) {
  const index of(little_run());
  const auto s = draw(of, {}, 1280, 720, font, fronta::viz::light_theme());
  EXPECT_EQ(s.at({-1, -1}), nullptr);
  int met = 0;
  for (const auto& h : s.hits) {
    const auto* found = s.at({h.at.x + h.at.width / 2, h.at.y + h.at.height / 2});
    ASSERT_NE(found, nullptr);
    if (*found == h) ++met;
    EXPECT_FALSE(h.tip.empty());
  }
  EXPECT_GT(met, 5);
}

TEST(Words, GiveDurationsThreeDigitsAndAUnit) {
  EXPECT_EQ(fronta::viz::duration(0), "0 s");
  EXPECT_EQ(fronta::viz::duration(7), "7 ns");
  EXPECT_EQ(fronta::viz::duration(1'234), "1.23 µs");
  EXPECT_EQ(fronta::viz::duration(12'345), "12.3 µs");
  EXPECT_EQ(fronta::viz::duration(999'999), "1.00 ms");
  EXPECT_EQ(fronta::viz::duration(123'456'789), "123 ms");
  EXPECT_EQ(fronta::viz::duration(-2'000'000'000), "-2.00 s");
}

TEST(Words, GiveMomentsAsManyDigitsAsTellTicksApart) {
  EXPECT_EQ(fronta::viz::moment(1'500'000, 500'000), "1.5 ms");
  EXPECT_EQ(fronta::viz::moment(0, 500'000'000, 3'000'000'000), "0.0 s");
  EXPECT_EQ(fronta::viz::moment(2'000'000'000, 1'000'000'000), "2 s");
  EXPECT_EQ(fronta::viz::moment(1'000'200, 100), "1.0002 ms");
}

TEST(Words, GroupThousands) {
  EXPECT_EQ(fronta::viz::grouped(0), "0");
  EXPECT_EQ(fronta::viz::grouped(999), "999");
  EXPECT_EQ(fronta::viz::grouped(1'000), "1 000");
  EXPECT_EQ(fronta::viz::grouped(12'345'678), "12 345 678");
}

TEST(Words, TellARunAsPeopleWould) {
  const auto told = fronta::viz::narrate(index(little_run()));
  EXPECT_THAT(told, HasSubstr("task 1 \"load\" runs on cpu 0\n"));
  EXPECT_THAT(told, HasSubstr("task 3 \"mask 3\" is submitted by task 2\n"));
  EXPECT_THAT(told, HasSubstr("task 3 \"mask 3\" is stolen by cpu 1\n"));
  EXPECT_THAT(told, HasSubstr("task 3 \"mask 3\" fails\n"));
  EXPECT_THAT(told, HasSubstr("task 6 \"mask 6\" is cancelled\n"));
  EXPECT_THAT(told, HasSubstr("task 22 \"mask 22\" waits to be tried again\n"));
  EXPECT_THAT(told, Not(HasSubstr("\n\n")));
}

// In a recording that goes on, or broke off.
TEST(Scene, DrawsWhatADeviceHasNotToldOfAsNotKnown) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3);
  s.worker(0).at(20).start(1).at(100).issue(1, 1, 0);
  s.worker(0).at(110).start(2).at(200).issue(2, 1, 0).at(210).start(3).at(220).issue(3, 1, 0);
  s.span(1, 0, 150, 400);
  s.main().at(410).finish(1).at(1'000).submit(4);
  auto told = s.told();
  told.ended = false;
  const auto text = [&](std::int64_t at) {
    const index of(told);
    view v;
    v.at = of.begin() + at;
    return to_text(draw(of, v, 1280, 720, font, fronta::viz::light_theme()));
  };
  EXPECT_THAT(text(990), HasSubstr("task 2 and 1 more: not told of yet"));
  EXPECT_THAT(text(80), Not(HasSubstr("not told of")));
  told.ended = true;
  EXPECT_THAT(text(990), Not(HasSubstr("not told of")));
}

}  // namespace
