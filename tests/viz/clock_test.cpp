// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/clock.hpp>
#include <fronta/viz/words.hpp>

#include <gmock/gmock.h>

#include "scene_words.hpp"
#include "soup.hpp"
#include "steady_run.hpp"
#include "story.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

using fronta::test::drawn;
using fronta::test::soup;
using fronta::test::story;
using fronta::test::texts_in;
using fronta::viz::clock_kind;
using fronta::viz::clock_map;
using fronta::viz::clock_of;
using fronta::viz::index;
using fronta::viz::item_id;
using fronta::viz::preset;
using fronta::viz::view;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// A busy begin and a busy end, with nothing between them for a long time.
story with_a_pause() {
  story s;
  for (std::uint64_t t = 1; t <= 20; ++t) {
    const auto at = static_cast<std::int64_t>(t - 1) * 1'000 + (t > 10 ? 90'000'000 : 0);
    s.main().at(at).submit(t, "part");
    s.worker(0).at(at + 300).start(t).at(at + 800).finish(t);
  }
  return s;
}

std::vector<index> all_traces() {
  std::vector<index> all;
  all.emplace_back(fronta::trace::file_contents());
  all.emplace_back(fronta::test::steady_run(1));
  all.emplace_back(fronta::test::steady_run(40));
  all.emplace_back(with_a_pause().told());
  for (std::uint64_t seed = 0; seed < 6; ++seed) all.emplace_back(soup(seed).of(400));
  return all;
}

TEST(Clock, StepsAreTheMomentsThatHaveASentence) {
  for (const auto& of : all_traces()) {
    std::vector<std::int64_t> expected{of.begin()};
    for (std::uint32_t e = 0; e < of.events().size(); ++e) {
      const auto t = of.events()[e].time;
      if (t > expected.back() && t < of.end() && !narrate(of, e).empty()) expected.push_back(t);
    }
    if (of.end() > expected.back()) expected.push_back(of.end());
    const clock_map steps(of, clock_kind::steps);
    EXPECT_THAT(std::vector(steps.moments().begin(), steps.moments().end()),
                ::testing::ElementsAreArray(expected));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_DOUBLE_EQ(steps.place(expected[i]), static_cast<double>(i));
      EXPECT_EQ(steps.time(static_cast<double>(i)), expected[i]);
    }
  }
}

// Also outside of the trace.
TEST(Clock, GrowsWithTimeAndComesBackToIt) {
  for (const auto& of : all_traces()) {
    const auto length = of.end() - of.begin();
    for (const auto what : {clock_kind::linear, clock_kind::steps, clock_kind::warped}) {
      const clock_map c(of, what);
      std::mt19937_64 random(7);
      std::vector<std::int64_t> times;
      for (int i = 0; i < 300; ++i) {
        const auto beyond = length / 10 + 3;
        times.push_back(
            of.begin() - beyond +
            static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(length + 2 * beyond)));
      }
      std::ranges::sort(times);
      for (std::size_t i = 0; i < times.size(); ++i) {
        const auto place = c.place(times[i]);
        // A nanosecond is little on the scale of what is drawn.
        EXPECT_LE(std::abs(c.time(place) - times[i]), 1) << name_of(what) << ' ' << times[i];
        if (i == 0) continue;
        if (times[i] > times[i - 1]) {
          EXPECT_GT(place, c.place(times[i - 1])) << name_of(what);
        }
      }
      EXPECT_EQ(c.place(of.begin()), 0) << name_of(what);
      for (int i = 0; i < 97; ++i)
        EXPECT_LE(c.time(c.end() * i / 97), c.time(c.end() * (i + 1) / 97)) << name_of(what);
    }
  }
}

TEST(Clock, ShortensWhatIsQuietForLongAndNothingElse) {
  const index of(with_a_pause().told());
  const clock_map warped(of, clock_kind::warped);
  ASSERT_THAT(warped.cuts(), SizeIs(1));
  const auto& cut = warped.cuts().front();
  EXPECT_EQ(cut.begin, 9'800);
  EXPECT_EQ(cut.end, 90'010'000);
  // A twenty-fourth of what is left, and all else as long as it was.
  EXPECT_NEAR(warped.cut_to() * 24, warped.end(), 1);
  EXPECT_DOUBLE_EQ(warped.place(cut.begin), static_cast<double>(cut.begin - of.begin()));
  EXPECT_DOUBLE_EQ(warped.place(of.end()) - warped.place(cut.end),
                   static_cast<double>(of.end() - cut.end));
  EXPECT_EQ(warped.pace(0), 1);
  EXPECT_NEAR(warped.pace(1'000'000), static_cast<double>(cut.end - cut.begin) / warped.cut_to(),
              1e-6);
  EXPECT_EQ(warped.pace(cut.end), 1);
}

TEST(Clock, DrawsNothingLongerThanWhatLastedLonger) {
  for (const auto& of : all_traces()) {
    const clock_map steps(of, clock_kind::steps);
    const clock_map warped(of, clock_kind::warped);
    std::vector<std::pair<std::int64_t, double>> stretches;
    const auto moments = steps.moments();
    for (std::size_t i = 1; i < moments.size(); ++i) {
      stretches.emplace_back(moments[i] - moments[i - 1],
                             warped.place(moments[i]) - warped.place(moments[i - 1]));
    }
    std::ranges::sort(stretches);
    for (std::size_t i = 1; i < stretches.size(); ++i)
      EXPECT_GE(stretches[i].second, stretches[i - 1].second * (1 - 1e-9) - 1e-6);
    EXPECT_LE(warped.cuts().size(), 24U);
  }
}

TEST(Clock, HasNothingToShortenInASteadyRun) {
  const index of(fronta::test::steady_run(200));
  EXPECT_THAT(clock_of(of, clock_kind::warped).cuts(), IsEmpty());
}

TEST(Clock, IsFoundByItsName) {
  for (const auto what : {clock_kind::linear, clock_kind::steps, clock_kind::warped})
    EXPECT_EQ(fronta::viz::find_clock(name_of(what)), what);
  EXPECT_EQ(fronta::viz::find_clock("sundial"), std::nullopt);
}

view on(clock_kind c, preset what = preset::timeline) {
  view v;
  v.what = what;
  v.clock = c;
  return v;
}

TEST(ClockInPictures, StepsSayThatTheyAreNotToScaleAndHowLongTheyAre) {
  story s;
  s.main().at(0).submit(1, "a").submit(2, "b");
  s.worker(0).at(1'000).start(1).at(3'001'000).finish(1).at(3'002'000).start(2);
  s.worker(0).at(3'502'000).finish(2);
  const auto shown = drawn(index(s.told()), on(clock_kind::steps));
  EXPECT_THAT(texts_in(shown, "lanes"), Contains("not to scale"));
  for (const auto* gap : {"⋯ 1.00 µs", "⋯ 3.00 ms", "⋯ 500 µs"})
    EXPECT_THAT(texts_in(shown, "lanes"), Contains(gap));
  EXPECT_THAT(texts_in(shown, "header"), Contains("axis in steps, not to scale"));
}

TEST(ClockInPictures, StepsSayHowManyEventsShareAPixel) {
  const index of(fronta::test::steady_run(3'000));
  EXPECT_THAT(texts_in(drawn(of, on(clock_kind::steps)), "lanes"),
              Contains(HasSubstr(" events a pixel")));
}

// What lies behind a pause is short beside that, and may be wide nevertheless.
TEST(ClockInPictures, StepsDrawEachBarThatIsWide) {
  constexpr std::int64_t pause = 1'000'000'000;
  constexpr std::uint64_t many = 1'000;
  story s;
  s.main().at(100).submit(1, "first").submit(2, "long").submit(3, "next");
  for (std::uint64_t t = 0; t < many; ++t) s.main().submit(10 + t, "small");
  s.worker(0).at(1'000).start(1).at(2'000).finish(1).at(pause).start(2);
  for (std::uint64_t t = 0; t < many; ++t) {
    const auto at = pause + 100 + static_cast<std::int64_t>(t) * 500;
    s.worker(1).at(at).start(10 + t).at(at + 200).finish(10 + t);
  }
  s.worker(0).at(pause + 600'000).finish(2).at(pause + 600'100).start(3).at(2 * pause).finish(3);
  const index of(s.told());
  const auto width_of = [&](std::string_view tip, const view& v) {
    float widest = 0;
    for (const auto& h : drawn(of, v).hits) {
      if (h.tip.starts_with(tip)) widest = std::max(widest, h.at.width);
    }
    return widest;
  };
  auto v = on(clock_kind::steps);
  EXPECT_GT(width_of("task 2 long: running for 600 µs", v), 500);
  v.at = pause + 300'000;
  EXPECT_GT(width_of("task 2 long: running, so far for 300 µs", v), 250);
}

TEST(ClockInPictures, WarpedMarksEachPlaceWhereItChangesItsPace) {
  const index of(with_a_pause().told());
  const auto shown = drawn(of, on(clock_kind::warped));
  EXPECT_THAT(texts_in(shown, "lanes"), Contains("⋯ 90.0 ms"));
  EXPECT_THAT(texts_in(shown, "header"), Contains("1 quiet stretch shortened"));
  const auto cuts = std::ranges::count_if(shown.primitives, [](const auto& p) {
    return p.id.what == item_id::kind::axis && p.id.which == item_id::part::stripe &&
           std::holds_alternative<fronta::viz::polygon>(p.what);
  });
  EXPECT_EQ(cuts, 2) << "through the lanes, and through the lengths";
}

TEST(ClockInPictures, CompletionCountsWhatIsShortenedOnItsAxis) {
  const index of(with_a_pause().told());
  auto v = on(clock_kind::warped, preset::completion);
  EXPECT_THAT(texts_in(drawn(of, v), "header"), Contains("1 quiet stretch shortened"));
  v.from = 0;
  v.to = 5'000;
  EXPECT_THAT(texts_in(drawn(of, v), "header"), Contains("to scale: nothing to shorten"));
}

TEST(ClockInPictures, TheDilationIsThatOfTheMoment) {
  const index of(with_a_pause().told());
  auto v = on(clock_kind::warped);
  v.dilation = 1'000;
  v.at = 5'000;
  EXPECT_THAT(texts_in(drawn(of, v), "header"), Contains(HasSubstr("1 s on screen = 1.00 µs")));
  v.at = 1'000'000;
  EXPECT_THAT(texts_in(drawn(of, v), "header"), Contains(HasSubstr("1 s on screen = ")));
  EXPECT_THAT(texts_in(drawn(of, v), "header"),
              Not(Contains(HasSubstr("1 s on screen = 1.00 µs"))));
}

TEST(ClockInPictures, WordsBesideThePaceStayWhereTheyAreWhenItChanges) {
  const index of(with_a_pause().told());
  auto v = on(clock_kind::warped);
  v.dilation = 1'000;
  const auto places = [&](std::int64_t at) {
    v.at = at;
    std::vector<float> found;
    for (const auto& p : drawn(of, v).primitives) {
      const auto* l = std::get_if<fronta::viz::label>(&p.what);
      if (l != nullptr && p.id.what == item_id::kind::title && p.id.nth == 5)
        found.push_back(l->baseline.x);
    }
    return found;
  };
  ASSERT_THAT(places(5'000), SizeIs(1));
  EXPECT_EQ(places(5'000), places(1'000'000));
}

TEST(ClockInPictures, WhatKeepsItsScaleSaysSo) {
  const index of(with_a_pause().told());
  for (const auto c : {clock_kind::steps, clock_kind::warped}) {
    auto v = on(c, preset::inspector);
    v.selected = 3;
    EXPECT_THAT(texts_in(drawn(of, v), "header"), Contains("to scale"));
    v = on(c, preset::compare);
    v.other = &of;
    EXPECT_THAT(texts_in(drawn(of, v), "header"), Contains("both runs on one clock, to scale"));
    v = on(c);
    v.shown = fronta::viz::source::live;
    EXPECT_THAT(texts_in(drawn(of, v), "header"), Contains("to scale while it is LIVE"));
  }
}

}  // namespace
