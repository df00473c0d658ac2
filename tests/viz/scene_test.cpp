// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/theme.hpp>
#include <fronta/viz/view.hpp>
#include <fronta/viz/words.hpp>

#include <gmock/gmock.h>

#include "little_run.hpp"
#include "plain_metrics.hpp"
#include "scene_words.hpp"
#include "story.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

// What pictures say of certain runs; what holds of any picture: every_picture_test.cpp.
namespace {

using fronta::test::bounds_of;
using fronta::test::little_run;
using fronta::test::story;
using fronta::viz::draw;
using fronta::viz::index;
using fronta::viz::item_id;
using fronta::viz::label;
using fronta::viz::preset;
using fronta::viz::view;
using ::testing::HasSubstr;
using ::testing::Not;

const fronta::test::plain_metrics font;

constexpr std::array all_presets{preset::stage,     preset::timeline, preset::completion,
                                 preset::graph,     preset::compare,  preset::statistics,
                                 preset::inspector, preset::plots,    preset::progress};

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
      playhead = bounds_of(p, font).x;
  }
  ASSERT_GT(playhead, 0);
  int bars = 0;
  for (const auto& p : s.primitives) {
    if (p.id.which != item_id::part::bar) continue;
    ++bars;
    EXPECT_LE(bounds_of(p, font).right(), playhead + 1) << to_string(p.id);
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
  EXPECT_THAT(told, HasSubstr("3rd 30.0 µs\n"));
  EXPECT_THAT(told, HasSubstr("wait(first_completed) takes task 2 at 10.0 µs."));
  EXPECT_THAT(told, HasSubstr("1st 10.0 µs\n"));
  EXPECT_THAT(told, HasSubstr("2nd 20.0 µs\n"));
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
  EXPECT_EQ(fronta::viz::duration(12'345'678'000'000), "12 346 s");
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
