// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/view.hpp>

#include <gmock/gmock.h>

#include "scene_words.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// What lanes show of bars, and of what goes from lane to lane.
namespace {

using namespace fronta::test;
using fronta::trace::queue;
using fronta::viz::box;
using fronta::viz::index;
using fronta::viz::item_id;
using fronta::viz::label;
using fronta::viz::line;
using fronta::viz::scene;
using fronta::viz::view;
using kind = item_id::kind;
using part = item_id::part;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

// A kernel of task 1 that the host saw from 100 to 900 µs, give or take `error`.
story with_kernel(std::int64_t error) {
  story s;
  s.main().at(0).submit(1, "blur");
  s.worker(0).at(10'000).start(1).at(20'000).issue(1, 1, 0);
  s.main().at(1'000'000).finish(1);
  s.span(1, 0, 400'000, 600'000, fronta::trace::device_work::kernel,
         fronta::trace::time_grade::observed, error);
  return s;
}

std::vector<box> solid_bars(const scene& s, std::uint32_t lane) {
  std::vector<box> found;
  for (const auto& p : s.primitives) {
    if (p.id.what != kind::lane || p.id.number != lane || p.id.which != part::bar) continue;
    if (const auto* b = std::get_if<box>(&p.what); b != nullptr && b->fill) found.push_back(*b);
  }
  return found;
}

TEST(Lanes, DrawADeviceSolidOnlyWhereItWasAtWorkForSure) {
  const index of(with_kernel(50'000).told());
  const auto lane = lane_named(of, "gpu:0 stream 0");
  const auto s = drawn(of, {});
  const auto bars = solid_bars(s, lane);
  ASSERT_EQ(bars.size(), 1U);
  const auto hatched = shapes_of<box>(s, kind::lane, part::state);
  ASSERT_EQ(hatched.size(), 1U);
  EXPECT_LT(hatched[0].at.x, bars[0].at.x);
  EXPECT_GT(hatched[0].at.right(), bars[0].at.right());
}

TEST(Lanes, DrawNothingSolidWhereNothingIsSure) {
  const index of(with_kernel(300'000).told());
  const auto s = drawn(of, {});
  EXPECT_TRUE(solid_bars(s, lane_named(of, "gpu:0 stream 0")).empty());
  EXPECT_EQ(shapes_of<box>(s, kind::lane, part::state).size(), 1U);
  EXPECT_THAT(texts_in(s, "lanes"), Contains("1")) << "the band has its task's number";
  EXPECT_THAT(tips_of(s), Contains(HasSubstr("on a GPU; began between 100.0 µs and 700.0 µs, ended "
                                             "between 300.0 µs and 900.0 µs")));
}

TEST(Lanes, SayOfADeviceOnlyWhatIsKnownByThen) {
  const index of(with_kernel(90'000).told());
  view v;
  v.at = 350'000;
  EXPECT_THAT(tips_of(drawn(of, v)), Contains(HasSubstr("may have begun from 310.00 µs on")));
  v.at = 550'000;
  EXPECT_THAT(
      tips_of(drawn(of, v)),
      Contains(HasSubstr("began between 310.0 µs and 490.0 µs, may have ended from 510.0 µs on")));
  v.what = fronta::viz::preset::stage;
  EXPECT_THAT(texts_in(drawn(of, v), "workers"), Contains(HasSubstr("perhaps blur")));
}

// Two runs that are the same up to a moment look the same up to it, whatever comes after.
story up_to_now() {
  story s;
  s.main().at(0).submit(1, "load").submit(2, "split").submit(3, "join");
  s.worker(0).at(1'000).start(1).at(2'000).finish(1).at(2'500).start(2);
  for (std::int64_t t = 0; t < 40; ++t) {
    const auto task = static_cast<std::uint64_t>(10 + t);
    s.worker(1).at(3'000 + t * 2).submit(task, "short").start(task);
    if (t != 39) s.worker(1).at(3'001 + t * 2).finish(task);
  }
  return s;
}
constexpr std::int64_t now = 3'078;
constexpr std::int64_t later = 900'000;

fronta::trace::file_contents all_goes_well() {
  auto s = up_to_now();
  s.worker(1).at(now + 1).finish(49);
  s.main().at(now + 2).submit(60, "one");
  s.worker(0).at(later).finish(2).start(3).at(later + 1'000).finish(3).start(60).finish(60);
  return s.told();
}
// What has a row ends when it does above: axes know how long they are.
fronta::trace::file_contents all_fails() {
  auto s = up_to_now();
  s.worker(1).at(now + 1).fail(49);
  s.worker(0).at(now + 500).fail(2);
  s.main().at(now + 500).submit(60, "another").at(later + 1'000).cancel(3);
  s.worker(1).at(later).start(60).at(later + 1'000).fail(60);
  return s.told();
}

TEST(Lanes, KnowNothingOfTheFuture) {
  const index well(all_goes_well());
  const index badly(all_fails());
  for (const auto what : {fronta::viz::preset::timeline, fronta::viz::preset::stage,
                          fronta::viz::preset::completion}) {
    for (const auto& [from, to] :
         {std::pair<std::int64_t, std::int64_t>{0, 0}, {0, 10'000}, {2'900, 3'100}}) {
      view v;
      v.what = what;
      v.at = now;
      v.from = from;
      v.to = to;
      v.selected = 0;
      const auto words_of = [](scene s) {
        for (auto& p : s.panes) p.at = {};
        return in_words(s);
      };
      auto one = drawn(well, v);
      auto two = drawn(badly, v);
      ASSERT_EQ(one.panes, two.panes) << "the legends must be as high for this to be seen";
      EXPECT_EQ(words_of(one), words_of(two)) << name_of(what) << ' ' << to;
    }
  }
}

// A stream with a kernel for each of `begins`, in ms, that lasts for `length`.
std::vector<std::string> reasons_beside(const std::vector<std::int64_t>& begins,
                                        std::int64_t length) {
  story s;
  s.main().at(0).submit(1, "blur");
  s.worker(0).at(1).start(1).issue(1, 1, 0);
  for (const auto ms : begins) s.span(1, 0, ms * 1'000'000, ms * 1'000'000 + length);
  s.main().at(1'000'000'000).finish(1);
  const index of(s.told());
  const auto scene = drawn(of, {});
  std::vector<std::string> found;
  for (const auto& p : scene.primitives) {
    if (p.id.what == kind::lane && p.id.which == part::reason &&
        p.id.number == lane_named(of, "gpu:0 stream 0"))
      if (const auto* l = std::get_if<label>(&p.what)) found.push_back(l->text);
  }
  return found;
}

TEST(Lanes, SayInAWordWhyNothingRanWhereASentenceHasNoRoom) {
  EXPECT_THAT(reasons_beside({0, 500}, 400'000'000), ElementsAre("empty", "empty"));
  EXPECT_THAT(reasons_beside({0}, 400'000'000), ElementsAre("nothing enqueued"));
}

// Of runs that are too short to be seen as more than a line.
TEST(Lanes, SayAReasonOnceAcrossShortRuns) {
  EXPECT_THAT(reasons_beside({100, 200, 300, 400, 500, 600, 700, 800, 900}, 1'000),
              ElementsAre("waits", "nothing enqueued"));
}

TEST(Lanes, SayHowLongABarHasLastedSoFar) {
  const index of(all_goes_well());
  view v;
  v.at = 3'000;
  v.to = 10'000;
  EXPECT_THAT(tips_of(drawn(of, v)), Contains("task 2 split: running, so far for 500 ns"));
  v.at = later;
  v.to = 0;
  EXPECT_THAT(tips_of(drawn(of, v)), Contains("task 2 split: running for 898 µs"));
}

TEST(Lanes, HaveTicksThatCanBeToldApartHoweverFarInTheyAre) {
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(10).start(1).at(98'765'432'109'876).finish(1);
  const index of(s.told());
  for (const std::int64_t span : {100, 999, 12'345, 1'000'000'007}) {
    for (const float width : {640.0F, 1024.0F, 3840.0F}) {
      view v;
      v.from = 98'765'432'000'000 - span;
      v.to = v.from + span;
      const auto picture = drawn(of, v, width, width * 0.6F);
      auto right = -1.0F;
      std::set<std::string> said;
      for (const auto& l : shapes_of<label>(picture, kind::axis, part::value)) {
        EXPECT_GT(l.baseline.x, right) << l.text;
        EXPECT_THAT(l.text, Not(HasSubstr("…")));
        EXPECT_TRUE(said.insert(l.text).second) << l.text << " twice";
        right = l.baseline.x + l.width;
      }
      EXPECT_FALSE(said.empty()) << span << ' ' << width;
    }
  }
}

TEST(Lanes, SayWhetherThePeakIsAllThatThereWas) {
  story few;
  // Three at once for a nanosecond, which no pixel shows.
  few.main().at(0).submit(1).submit(2).submit(3).submit(4);
  for (std::uint64_t t = 1; t <= 3; ++t) few.main().at(500'000).enqueue(t, queue::inbox);
  for (std::int32_t t = 1; t <= 3; ++t)
    few.worker(t)
        .at(500'001)
        .start(static_cast<std::uint64_t>(t))
        .at(500'002)
        .finish(static_cast<std::uint64_t>(t));
  few.worker(4).at(500'003).start(4).at(1'000'000).finish(4);
  EXPECT_THAT(texts_in(drawn(index(few.told()), {}), "lengths"), Contains("peak 3"));

  story many;
  for (std::uint64_t t = 1; t <= 4'000; ++t) {
    const auto at = static_cast<std::int64_t>(t) * 100;
    many.main().at(at).submit(t);
    many.worker(0).at(at + 10).start(t).at(at + 90).finish(t);
  }
  EXPECT_THAT(texts_in(drawn(index(many.told()), {}), "lengths"), Contains(StartsWith("peak ≥ ")));
}

story with_steals(std::uint64_t count) {
  story s;
  for (std::uint64_t t = 1; t <= count; ++t) {
    const auto at = static_cast<std::int64_t>(t) * 1'000;
    s.worker(0).at(at).submit(t).enqueue(t, queue::deque);
    s.worker(2).at(at + 400).steal(t, 0).start(t).at(at + 800).finish(t);
  }
  s.worker(0).at(100).submit(900).start(900).at(200).finish(900);
  s.worker(1).at(100).submit(901).start(901).at(200).finish(901);
  return s;
}

TEST(Lanes, DrawStealsAsArrowsFromTheVictimToTheThief) {
  const index of(with_steals(3).told());
  const auto s = drawn(of, {});
  const auto heads = shapes_of<fronta::viz::polygon>(s, kind::task, part::steal);
  const auto shafts = shapes_of<line>(s, kind::task, part::steal);
  ASSERT_EQ(heads.size(), 3U);
  ASSERT_EQ(shafts.size(), 6U);
  const auto names = shapes_of<label>(s, kind::lane, part::name);  // of cpu 0, 1 and 2
  ASSERT_EQ(names.size(), 3U);
  for (const auto& one : shafts) {
    EXPECT_LT(one.from.y, names[0].baseline.y);
    EXPECT_GT(one.to.y, names[1].baseline.y);
    EXPECT_FLOAT_EQ(one.from.x, one.to.x);
  }
  EXPECT_THAT(tips_of(s), Contains("task 4 is stolen by cpu 2 from cpu 0"));
  view before;
  before.at = 2'100;
  EXPECT_EQ(shapes_of<fronta::viz::polygon>(drawn(of, before), kind::task, part::steal).size(), 1U);
}

TEST(Lanes, DrawStealsThatLieOnEachOtherAsOneArrow) {
  story s;
  s.worker(0).at(0).submit(1).start(1);
  for (std::uint64_t t = 2; t <= 4; ++t) s.worker(0).submit(t).enqueue(t, queue::deque);
  for (std::uint64_t t = 2; t <= 4; ++t)
    s.worker(1).at(500'000 + static_cast<std::int64_t>(t)).steal(t, 0).start(t).finish(t);
  s.worker(0).at(1'000'000).finish(1);
  const auto picture = drawn(index(s.told()), {});
  EXPECT_EQ(shapes_of<fronta::viz::polygon>(picture, kind::task, part::steal).size(), 1U);
  EXPECT_THAT(tips_of(picture), Contains("task 2, 3, 4 are stolen by cpu 1 from cpu 0: 3 steals"));
}

// Two tasks go from worker to worker within a few nanoseconds.
scene with_two_steals(std::int32_t first_thief, std::uint64_t second_victim) {
  story s;
  for (std::int32_t w = 0; w < 4; ++w) {
    const auto own = static_cast<std::uint64_t>(w) + 1;
    s.worker(w).at(0).submit(own).start(own).submit(own + 10).enqueue(own + 10, queue::deque);
  }
  const auto second = second_victim + 11;
  s.worker(first_thief).at(500'000).steal(11, 0).start(11).finish(11);
  s.worker(3).at(500'010).steal(second, second_victim).start(second).finish(second);
  for (std::int32_t w = 0; w < 4; ++w)
    s.worker(w).at(1'000'000).finish(static_cast<std::uint64_t>(w) + 1);
  return drawn(index(s.told()), {});
}

TEST(Lanes, SayWhichStealsOfOneMomentLieOnEachOther) {
  EXPECT_THAT(
      tips_of(with_two_steals(2, 1)),
      IsSupersetOf({"task 2 is stolen by cpu 2 from cpu 0; task 4 is stolen by cpu 3 from cpu 1",
                    "task 4 is stolen by cpu 3 from cpu 1; task 2 is stolen by cpu 2 from cpu 0"}));
  EXPECT_THAT(tips_of(with_two_steals(1, 2)),
              IsSupersetOf(
                  {"task 2 is stolen by cpu 1 from cpu 0", "task 6 is stolen by cpu 3 from cpu 2"}))
      << "between other lanes";
}

// Ground below them would be taken for a lane.
TEST(Lanes, EndTheirPanelBelowTheLast) {
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(10).start(1).at(1'000).finish(1);
  view v;
  v.what = fronta::viz::preset::timeline;
  const auto picture = drawn(index(s.told()), v, 1024, 768);
  for (const auto& b : shapes_of<box>(picture, kind::plot, part::frame))
    EXPECT_LT(b.at.height, 0.45F * 768);
  EXPECT_LT(shapes_of<box>(picture, kind::plot, part::frame).front().at.height, 0.15F * 768);
}

TEST(Lanes, AreAsHighAsIsOfUseWhereTheyAreFew) {
  story s;
  s.main().at(0).submit(1).submit(2);
  s.worker(0).at(10).start(1).at(1'000).finish(1);
  s.worker(1).at(10).start(2).at(1'000).finish(2);
  const index of(s.told());
  const auto pane = [](const scene& in, std::string_view name) {
    const auto at = std::ranges::find(in.panes, name, &fronta::viz::pane::name);
    return at == in.panes.end() ? fronta::viz::rect() : at->at;
  };
  for (const auto& [width, height] : {std::pair(1024.0F, 768.0F), {1280.0F, 720.0F}}) {
    view v;
    for (const auto what : {fronta::viz::preset::timeline, fronta::viz::preset::stage,
                            fronta::viz::preset::completion}) {
      v.what = what;
      const auto picture = drawn(of, v, width, height);
      const auto bars = shapes_of<box>(picture, kind::lane, part::bar);
      ASSERT_FALSE(bars.empty());
      for (const auto& b : bars) EXPECT_LE(b.at.height, 0.1F * height);
      // What they leave is not between them and the rest.
      if (what == fronta::viz::preset::stage) {
        EXPECT_GT(pane(picture, "lanes").y, 0.6F * height);
      } else if (what == fronta::viz::preset::completion) {
        EXPECT_LT(pane(picture, "lanes").y, 0.35F * height);
      }
    }
  }
}

TEST(Lanes, CountStealsThatAreTooManyForArrows) {
  const index of(with_steals(500).told());
  const auto s = drawn(of, {});
  EXPECT_TRUE(shapes_of<fronta::viz::polygon>(s, kind::task, part::steal).empty());
  EXPECT_THAT(texts_in(s, "lanes"), Contains("500 steals"));
  view closer;
  closer.from = 100'000;
  closer.to = 110'000;
  EXPECT_EQ(shapes_of<fronta::viz::polygon>(drawn(of, closer), kind::task, part::steal).size(),
            10U);
}

TEST(Lanes, TieWhatIsReservedToTheWorkerThatRunsIt) {
  story s;
  s.main().at(0).submit(1, "mask");
  s.worker(0).at(100).route(1, 0).acquire(1, "gpu", 1, 1).at(200).start(1);
  s.worker(0).at(900).release(1, "gpu", 1, 1).finish(1);
  const index of(s.told());
  const auto picture = drawn(of, {});
  const auto tied = shapes_of<line>(picture, kind::task, part::tether);
  ASSERT_EQ(tied.size(), 2U);
  EXPECT_LT(tied[0].from.y, tied[0].to.y);
  EXPECT_THAT(tips_of(picture), Contains("task 1 runs on cpu 0 and has gpu:0 reserved"));
  view before;
  before.at = 150;
  EXPECT_TRUE(shapes_of<line>(drawn(of, before), kind::task, part::tether).empty());
}

TEST(Lanes, SayNotThatNothingIsThereWhereSomethingIsReserved) {
  auto s = with_kernel(10'000);
  s.main().at(0).submit(2, "mask");
  s.worker(1).at(610'000).route(2, 0).acquire(2, "gpu", 1, 1).start(2);
  s.worker(1).at(999'000).release(2, "gpu", 1, 1).finish(2);
  const index of(s.told());
  const auto picture = drawn(of, {});
  const auto lane = lane_named(of, "gpu:0 stream 0");
  float reserved = 0;
  for (const auto& h : picture.hits) {
    if (h.tip == "reserved by task 2") reserved = h.at.x;
  }
  ASSERT_GT(reserved, 0);
  for (const auto& h : picture.hits) {
    if (h.id.what == kind::lane && h.id.number == lane && h.id.which == part::reason &&
        h.at.x > reserved - 1) {
      EXPECT_LT(h.at.width, 20) << h.tip;
    }
  }
}

// Pieces of lines side by side would make patterns.
TEST(Lanes, FillWhatIsReservedWhereAHatchHasNoRoom) {
  story s;
  for (std::uint64_t t = 1; t <= 101; ++t) {
    // The first one is long.
    const auto at = t == 1 ? 0 : 300'000 + static_cast<std::int64_t>(t) * 10'000;
    s.worker(0).at(at).submit(t).route(t, 0).acquire(t, "gpu", 1, 1).start(t);
    s.worker(0).at(t == 1 ? 200'000 : at + 8'000).release(t, "gpu", 1, 1).finish(t);
  }
  for (const auto& [width, height] : {std::pair(1280.0F, 720.0F), {3840.0F, 2160.0F}}) {
    const auto picture = drawn(index(s.told()), {}, width, height);
    std::set<std::uint32_t> hatched;
    std::size_t filled = 0;
    for (const auto& p : picture.primitives) {
      if (p.id.what != kind::lane || picture.panes[p.pane].name != "lanes") continue;
      if (p.id.which == part::hatch) hatched.insert(p.id.number);
      const auto* b = std::get_if<box>(&p.what);
      if (b != nullptr && b->fill == fronta::viz::light_theme().grid) ++filled;
    }
    EXPECT_EQ(hatched.size(), 1U);
    EXPECT_EQ(filled, 100U) << width;
    for (const auto& l : shapes_of<line>(picture, kind::lane, part::hatch))
      EXPECT_LT(l.to.x, picture.width / 2);
  }
}

// Many runs one behind the other decided when all was over.
TEST(Lanes, DrawShortStepsOfTheCriticalPathAsOneLine) {
  story s;
  for (std::uint64_t t = 1; t <= 300; ++t) {
    const auto at = static_cast<std::int64_t>(t) * 1'000;
    s.main().at(0).submit(t);
    if (t > 1) s.main().dependency(t, t - 1);
    s.worker(0).at(at).start(t).at(at + 990).finish(t).ready(t + 1);
  }
  const index of(s.told());
  for (const auto& [width, height] : {std::pair(1280.0F, 720.0F), {3840.0F, 2160.0F}}) {
    view v;
    v.what = fronta::viz::preset::timeline;
    const auto picture = drawn(of, v, width, height);
    std::size_t pieces = 0;
    for (const auto& p : picture.primitives) {
      if (p.id.what == kind::edge && p.id.which == part::stripe &&
          picture.panes[p.pane].name == "lanes")
        ++pieces;
    }
    EXPECT_GT(pieces, 0U);
    EXPECT_LT(pieces, 8U) << width;
  }
}

TEST(Lanes, TieOnlyWhatIsReservedNowWhereMuchWas) {
  story s;
  for (std::uint64_t t = 1; t <= 20; ++t) {
    const auto at = static_cast<std::int64_t>(t) * 1'000;
    s.worker(0).at(at).submit(t).route(t, 0).acquire(t, "gpu", 1, 1).start(t);
    s.worker(0).at(at + 900).release(t, "gpu", 1, 1).finish(t);
  }
  const index of(s.told());
  const auto ties = [&](const view& v) {
    return shapes_of<line>(drawn(of, v), kind::task, part::tether).size() / 2;
  };
  view v;
  v.at = 10'500;
  EXPECT_EQ(ties(v), 1U);
  v.selected = 3;
  EXPECT_EQ(ties(v), 2U);
  v.at = 4'500;
  v.selected = fronta::viz::no_task;
  EXPECT_EQ(ties(v), 4U);
}

TEST(Lanes, SayHowMuchOfABarWasOnACore) {
  story s;
  s.main().at(0).submit(1, "load");
  s.worker(0).at(0).start(1).tell(fronta::trace::event_kind::cpu_time, 1, 5'000);
  s.worker(0).at(1'000'000).finish(1).tell(fronta::trace::event_kind::cpu_time, 1, 255'000);
  const index of(s.told());
  EXPECT_THAT(tips_of(drawn(of, {})),
              Contains("task 1 load: running for 1.00 ms, 25 % of it on a core"));
  const auto strips = shapes_of<box>(drawn(of, {}), kind::lane, part::stripe);
  ASSERT_EQ(strips.size(), 2U);
  EXPECT_NEAR(strips[1].at.width, strips[0].at.width / 4, 1);
  view during;
  during.at = 500'000;
  EXPECT_THAT(tips_of(drawn(of, during)), Contains("task 1 load: running, so far for 500 µs"));
}

TEST(Lanes, MarkTheSelectedTaskItsInputsAndItsDependents) {
  story s;
  s.main().at(0).submit(1, "a").submit(2, "b").submit(3, "c").dependency(3, 1).dependency(3, 2);
  s.main().submit(4, "d").dependency(4, 3).submit(5, "else");
  s.worker(0).at(100).start(1).at(200).finish(1).at(400).start(3).at(500).finish(3);
  s.worker(1).at(100).start(2).at(300).finish(2).at(600).start(4).at(700).finish(4);
  s.worker(0).at(750).start(5).at(800).finish(5);
  const index of(s.told());
  view v;
  v.selected = 2;
  const auto picture = drawn(of, v);
  EXPECT_EQ(shapes_of<fronta::viz::polygon>(picture, kind::edge, part::frame).size(), 3U);
  const auto marked = [&](std::uint32_t task) {
    std::size_t count = 0;
    for (const auto& p : picture.primitives)
      count += p.id.what == kind::task && p.id.which == part::mark && p.id.number == task ? 1 : 0;
    return count;
  };
  EXPECT_EQ(marked(2), 2U) << "a ring of two tones";
  EXPECT_EQ(marked(0), 1U);
  EXPECT_EQ(marked(1), 1U);
  EXPECT_EQ(marked(3), 1U);
  EXPECT_EQ(marked(4), 0U);
  EXPECT_THAT(tips_of(picture), Contains(HasSubstr("(selected, of 2 inputs and 1 dependent)")));
  v.at = 350;
  EXPECT_TRUE(shapes_of<fronta::viz::polygon>(drawn(of, v), kind::edge, part::frame).empty());
  // Far out a bar is too short to be seen alone; the mark is not.
  v.at = fronta::viz::forever;
  v.from = -2'000'000;
  v.to = 2'000'000;
  EXPECT_FALSE(shapes_of<box>(drawn(of, v), kind::task, part::mark).empty());
}

TEST(Lanes, AreSelectedByTheirBars) {
  const index of(with_kernel(1'000).told());
  const auto s = drawn(of, {});
  for (const auto& h : s.hits) {
    if (h.id.which == part::bar) {
      EXPECT_EQ(h.id.what, kind::task) << h.tip;
    }
  }
}

}  // namespace
