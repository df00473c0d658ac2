// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/view.hpp>

#include <gmock/gmock.h>

#include "scene_words.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

// Order of submission and of completion.
namespace {

using namespace fronta::test;
using fronta::viz::index;
using fronta::viz::preset;
using fronta::viz::view;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

story late_family() {
  story s;
  s.main().at(0).submit(1).submit(2);
  s.worker(0).at(1).start(1).at(30'000).finish(1);
  s.worker(1).at(1).start(2).at(10'000).finish(2);
  s.main().at(20'000).submit(3);
  s.worker(1).at(20'001).start(3).at(40'000).finish(3);
  return s;
}

view at(std::int64_t t) {
  view v;
  v.what = preset::completion;
  v.at = t;
  return v;
}

TEST(Completion, NamesNoTaskThatIsYetToCome) {
  const index of(late_family().told());
  const auto rows = [&](std::int64_t t) {
    std::vector<std::string> numbers;
    const auto s = drawn(of, at(t));
    for (const auto& p : s.primitives) {
      const auto* l = std::get_if<fronta::viz::label>(&p.what);
      if (l != nullptr && s.panes[p.pane].name == "completion" &&
          p.id.which == fronta::viz::item_id::part::number) {
        numbers.push_back(l->text);
      }
    }
    return numbers;
  };
  EXPECT_THAT(rows(15'000), ElementsAre("1", "2"));
  EXPECT_THAT(rows(20'000), ElementsAre("1", "2", "3"));
}

// Where there is no room for all rows, the axis is that of those that have one.
TEST(Completion, IsToTheScaleOfItsRows) {
  story s;
  for (std::uint64_t t = 1; t <= 400; ++t) {
    const auto begin = static_cast<std::int64_t>(t) * 10'000;
    s.main().at(begin).submit(t);
    s.worker(0).at(begin + 1).start(t).at(begin + 9'000).finish(t);
  }
  const auto picture = drawn(index(s.told()), at(5'000'000), 1024, 768);
  float right = 0;
  for (const auto& p : picture.primitives) {
    const auto* b = std::get_if<fronta::viz::box>(&p.what);
    if (b == nullptr || picture.panes[p.pane].name != "completion") continue;
    if (p.id.what == fronta::viz::item_id::kind::task) right = std::max(right, b->at.right());
  }
  EXPECT_GT(right, 900);
}

// Where the moment is, in a pane.
float playhead_in(const fronta::viz::scene& s, std::string_view pane) {
  for (const auto& p : s.primitives) {
    const auto* l = std::get_if<fronta::viz::line>(&p.what);
    if (l != nullptr && s.panes[p.pane].name == pane &&
        l->ink == fronta::viz::light_theme().playhead)
      return l->from.x;
  }
  return -1;
}

TEST(Completion, HasItsRowsAndTheLanesOverOneTime) {
  const index of(late_family().told());
  for (const auto& [width, height] :
       {std::pair(1024.0F, 768.0F), {1280.0F, 720.0F}, {3840.0F, 2160.0F}, {640.0F, 400.0F}}) {
    for (const std::int64_t from : {0, 12'000}) {
      auto v = at(15'000);
      v.from = from;
      v.to = from == 0 ? 0 : 30'000;
      const auto s = drawn(of, v, width, height);
      EXPECT_GT(playhead_in(s, "lanes"), 0);
      EXPECT_FLOAT_EQ(playhead_in(s, "completion"), playhead_in(s, "lanes")) << width;
    }
  }
  // Live the lanes go on, and the rows stay where they are.
  auto v = at(15'000);
  v.shown = fronta::viz::source::live;
  v.from = 10'000;
  v.to = 60'000;
  const auto s = drawn(of, v);
  EXPECT_LT(playhead_in(s, "lanes"), playhead_in(s, "completion"));
}

TEST(Completion, NamesItsTasksAndSaysHowTheyEnded) {
  story s;
  s.main().at(0).submit(1, "resize the image 1").submit(2, "resize the image 2");
  s.worker(0).at(1).start(1).at(30'000).fail(1);
  s.worker(1).at(1).start(2).at(10'000).finish(2);
  const index of(s.told());
  EXPECT_THAT(texts_in(drawn(of, at(15'000)), "completion"),
              IsSupersetOf({"resize the image 1", "▶", "resize the image 2", "✓"}));
  EXPECT_THAT(texts_in(drawn(of, at(40'000)), "completion"), IsSupersetOf({"✓", "✗"}));
}

// Nobody knows yet that more will be submitted.
TEST(Completion, IsDerivableUntilTheMomentWhenItIsNot) {
  const index of(late_family().told());
  EXPECT_THAT(in_words(drawn(of, at(15'000))), Not(HasSubstr("not derivable")));
  EXPECT_THAT(in_words(drawn(of, at(20'000))), HasSubstr("not derivable"));
}

TEST(Completion, SaysHowLongAResultHasBeenKeptSoFar) {
  const index of(late_family().told());
  const auto s = drawn(of, at(15'000));
  EXPECT_THAT(tips_of(s), Contains("task 2 is done, and map keeps it back, so far for 5.00 µs"));
  EXPECT_THAT(in_words(s), HasSubstr("map keeps finished results back for 5.00 µs in all"));
}

TEST(Completion, KeepsExecutorsApart) {
  auto told = late_family().told();
  // Two of another executor, that nobody submitted either.
  for (std::uint64_t t = 1; t <= 2; ++t) {
    auto e = told.events.front();
    e.time = told.events.back().time;
    e.what = {fronta::trace::event_kind::submit, 2, -1, t, 0};
    told.events.push_back(e);
  }
  const index of(std::move(told));
  const auto words = in_words(drawn(of, at(fronta::viz::forever)));
  EXPECT_THAT(words, HasSubstr("task/2/number in completion"));
  EXPECT_THAT(words, Not(HasSubstr("task/3/number in completion")));
}

}  // namespace
