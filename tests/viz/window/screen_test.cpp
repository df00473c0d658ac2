// SPDX-License-Identifier: Apache-2.0
#include "screen.hpp"
#include "keys.hpp"
#include "steady_run.hpp"

#include <fronta/viz/font.hpp>
#include <fronta/viz/theme.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <variant>

namespace fronta::viz {
namespace {

struct extent {
  float width;
  float height;
};
constexpr std::array<extent, 5> sizes{
    {{640, 400}, {1024, 768}, {1280, 720}, {1920, 1080}, {3840, 2160}}};

class Screen : public testing::Test {
 protected:
  [[nodiscard]] scene drawn(extent in, const std::string& message = {},
                            const std::optional<hit>& met = {}) const {
    return draw({.width = in.width,
                 .height = in.height,
                 .title = "run.trace",
                 .message = message,
                 .met = met,
                 .controls = controls},
                &of, s, fonts);
  }
  static const hit* find(const scene& in, const item_id& id) {
    const auto found = std::ranges::find(in.hits, id, &hit::id);
    return found == in.hits.end() ? nullptr : &*found;
  }
  // All words of a pane.
  static std::set<std::string> words_of(const scene& in, const std::string& pane) {
    std::set<std::string> all;
    for (const auto& p : in.primitives) {
      const auto* l = std::get_if<label>(&p.what);
      if (l != nullptr && in.panes[p.pane].name == pane) all.insert(l->text);
    }
    return all;
  }

  index of{test::steady_run(30)};
  player_state s = opened(of);
  font fonts;
  bool controls = true;
};

TEST_F(Screen, OfTwoRunsTheLongerIsShownToItsEnd) {
  const index longer{test::steady_run(60)};
  s.what = preset::compare;
  const auto bars = [&] {
    const auto shown = draw({.width = 1280,
                             .height = 720,
                             .title = "a.trace",
                             .message = {},
                             .other = &longer,
                             .other_title = "b.trace"},
                            &of, s, fonts);
    return std::ranges::count_if(shown.hits, [](const hit& h) {
      return h.id.what == item_id::kind::task && h.id.which == item_id::part::bar;
    });
  };
  s = reduce(of, s, commands::to_end{});
  EXPECT_EQ(bars(), 30 + 60);
  s = reduce(of, s, commands::scrub{(of.begin() + of.end()) / 2});
  EXPECT_EQ(bars(), 15 + 15);
}

TEST_F(Screen, ThePictureAndTheControlsShareTheWindow) {
  for (const auto in : sizes) {
    const auto shown = drawn(in);
    const auto bar = std::ranges::find(shown.panes, "controls", &pane::name);
    ASSERT_NE(bar, shown.panes.end());
    EXPECT_FLOAT_EQ(bar->at.bottom(), in.height);
    if (in.height - bar->at.height < 400) continue;  // cut off, as the window is too small
    for (const auto& p : shown.panes) {
      if (p.name == "controls") continue;
      EXPECT_LE(p.at.bottom(), bar->at.y + 0.01F) << p.name << " at " << in.height;
    }
  }
}

TEST_F(Screen, WithoutTheControlsThePictureFillsTheWindow) {
  controls = false;
  const auto shown = drawn({1280, 720});
  auto v = view_of(s);
  v.title = "run.trace";
  EXPECT_EQ(shown, draw(of, v, 1280, 720, fonts, all_themes()[0]));
}

TEST_F(Screen, NoTextOfTheWindowIsSmallerThanTheRoomCanRead) {
  const auto shown = drawn({1280, 720}, "A message.", hit{.id = {}, .at = {}, .tip = "A tip."});
  const std::set<std::string> own{"controls", "tip", "message"};
  for (const auto& p : shown.primitives) {
    const auto* l = std::get_if<label>(&p.what);
    if (l == nullptr || !own.contains(shown.panes[p.pane].name)) continue;
    EXPECT_GE(l->size, 0.022F * 720 - 0.1F) << l->text;
  }
}

TEST_F(Screen, TheBarStandsForTheWholeTrace) {
  const auto shown = drawn({1280, 720});
  const auto* bar = find(shown, scrub_bar);
  ASSERT_NE(bar, nullptr);
  EXPECT_EQ(moment_at(of, s, bar->at, bar->at.x), of.begin());
  EXPECT_EQ(moment_at(of, s, bar->at, bar->at.right()), of.end());
  EXPECT_EQ(moment_at(of, s, bar->at, -1e6F), of.begin());
  EXPECT_EQ(moment_at(of, s, bar->at, 1e6F), of.end());
  EXPECT_NEAR(static_cast<double>(moment_at(of, s, bar->at, bar->at.x + bar->at.width / 2)),
              static_cast<double>(of.begin() + of.end()) / 2, 1'000);
}

TEST_F(Screen, TheBarGoesByTheClock) {
  s = reduce(of, s, commands::next_clock{});
  ASSERT_EQ(s.clock, clock_kind::steps);
  const auto shown = drawn({1280, 720});
  const auto at = find(shown, scrub_bar)->at;
  const auto moments = clock_of(of, clock_kind::steps).moments();
  const auto steps = static_cast<float>(moments.size() - 1);
  for (std::size_t i = 0; i < moments.size(); i += 7) {
    EXPECT_NEAR(
        static_cast<double>(moment_at(of, s, at, at.x + at.width * static_cast<float>(i) / steps)),
        static_cast<double>(moments[i]), 10);
  }
}

TEST_F(Screen, SaysWhatIsLookedForAndHowManyThereAre) {
  s = reduce(of, s, commands::search{});
  EXPECT_TRUE(
      words_of(drawn({1280, 720}), "search").contains("/ ▏  a number, or a part of a name"));
  s = reduce(of, s, commands::type{"12"});
  EXPECT_TRUE(words_of(drawn({1280, 720}), "search")
                  .contains("/ 12▏  1 of 1 task (Enter: the next, Esc: enough)"));
  s = reduce(of, s, commands::type{"x"});
  EXPECT_TRUE(words_of(drawn({1280, 720}), "search").contains("/ 12x▏  no such task"));
  for (const auto in : sizes) {
    const auto shown = drawn(in);
    const auto box = std::ranges::find(shown.panes, "search", &pane::name);
    ASSERT_NE(box, shown.panes.end());
    EXPECT_TRUE((rect{0, 0, in.width, in.height}).encloses(box->at));
  }
}

TEST_F(Screen, HelpListsEveryKeyAndFitsAtEverySize) {
  s.help = true;
  for (const auto in : sizes) {
    for (const int text : {player_limits::smallest_text, 0, player_limits::largest_text}) {
      s.text_size = text;
      const auto shown = drawn(in);
      const auto words = words_of(shown, "help");
      for (const auto& b : key_bindings()) {
        if (b.shown.empty()) continue;
        EXPECT_TRUE(words.contains(std::string(b.shown))) << b.shown << " at " << in.width;
        EXPECT_TRUE(words.contains(std::string(b.says))) << b.says << " at " << in.width;
      }
      const auto help = std::ranges::find(shown.panes, "help", &pane::name);
      EXPECT_TRUE((rect{0, 0, in.width, in.height}).encloses(help->at));
      for (const auto& p : shown.primitives) {
        const auto* l = std::get_if<label>(&p.what);
        if (l == nullptr || shown.panes[p.pane].name != "help") continue;
        EXPECT_TRUE(help->at.encloses({l->baseline.x, l->baseline.y - l->size, l->width, l->size}))
            << l->text;
      }
    }
  }
}

TEST_F(Screen, ATipStaysWithinTheWindowAndNamesWhatIsMet) {
  for (const point at : {point{0, 0}, point{1270, 0}, point{0, 700}, point{1270, 710}}) {
    const hit h{.id = {}, .at = {at.x, at.y, 10, 10}, .tip = "task 7 \"parse\": running"};
    const auto shown = drawn({1280, 720}, {}, h);
    const auto tip = std::ranges::find(shown.panes, "tip", &pane::name);
    ASSERT_NE(tip, shown.panes.end());
    EXPECT_TRUE((rect{0, 0, 1280, 720}).encloses(tip->at)) << at.x << ',' << at.y;
    EXPECT_TRUE(words_of(shown, "tip").contains(h.tip));
  }
}

TEST_F(Screen, ALongTipIsShownWhole) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "word" + std::to_string(i) + ' ';
  text += "last";
  const auto shown = drawn({1024, 768}, {}, hit{.id = {}, .at = {300, 300, 10, 10}, .tip = text});
  std::string all;
  for (const auto& p : shown.primitives) {
    const auto* l = std::get_if<label>(&p.what);
    if (l != nullptr && shown.panes[p.pane].name == "tip") all += l->text + ' ';
  }
  EXPECT_NE(all.find("last"), std::string::npos) << all;
}

TEST_F(Screen, ABlankScreenIsBlackAndNothingElse) {
  s.blank = true;
  const auto shown = drawn({1280, 720}, "A message.");
  ASSERT_EQ(shown.primitives.size(), 1U);
  const auto& b = std::get<box>(shown.primitives.front().what);
  EXPECT_EQ(b.at, (rect{0, 0, 1280, 720}));
  EXPECT_EQ(b.fill, color{});
  EXPECT_TRUE(shown.hits.empty());
}

TEST_F(Screen, WithoutATraceItSaysWhatToDo) {
  const auto shown =
      draw({.width = 1280, .height = 720, .title = {}, .message = {}}, nullptr, s, fonts);
  EXPECT_TRUE(words_of(shown, "empty").contains("Drop a trace here."));
}

TEST_F(Screen, TheControlsSayWhetherItPlays) {
  EXPECT_TRUE(words_of(drawn({1280, 720}), "controls").contains("paused"));
  s.playing = true;
  EXPECT_TRUE(words_of(drawn({1280, 720}), "controls").contains("playing"));
}

}  // namespace
}  // namespace fronta::viz
