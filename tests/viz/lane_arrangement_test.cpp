// SPDX-License-Identifier: Apache-2.0
#include <src/lane_arrangement.hpp>
#include <src/task_kinds.hpp>

#include <gmock/gmock.h>

#include "scene_words.hpp"
#include "story.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using fronta::test::drawn;
using fronta::test::story;
using fronta::test::texts_in;
using fronta::test::tips_of;
using fronta::viz::arranged;
using fronta::viz::index;
using fronta::viz::item_id;
using fronta::viz::lane_block;
using fronta::viz::lane_order;
using fronta::viz::lane_place;
using fronta::viz::lane_view;
using fronta::viz::rect;
using fronta::viz::view;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::Not;

// Twelve workers, of which the last begins first and number 3 works longest; and a device.
story crowd() {
  story s;
  s.main().at(0);
  for (std::uint64_t t = 1; t <= 13; ++t) s.main().submit(t, t % 2 == 0 ? "even" : "odd");
  for (int w = 11; w >= 0; --w) {
    const auto t = static_cast<std::uint64_t>(w) + 1;
    s.worker(w).at(100 + (11 - w) * 10).start(t);
  }
  for (int w = 0; w < 12; ++w) {
    if (w == 3) continue;
    s.worker(w).at(10'000 + w);
    if (w == 5) {
      s.worker(w).fail(6);
    } else {
      s.worker(w).finish(static_cast<std::uint64_t>(w) + 1);
    }
  }
  s.worker(0).at(12'000).start(13).issue(13, 1, 0);
  s.span(13, 0, 13'000, 20'000);
  s.worker(3).at(30'000).finish(4);
  s.worker(0).at(31'000).finish(13);
  return s;
}

std::vector<std::string> names_in(const index& of, const lane_view& how) {
  std::vector<std::string> names;
  for (const auto& b : arranged(of, how)) names.push_back(name_of(of, b));
  return names;
}

std::uint32_t lane_called(const index& of, std::string_view name) {
  for (std::uint32_t l = 0; l < of.lanes().size(); ++l) {
    if (of.lanes()[l].name == name) return l;
  }
  ADD_FAILURE() << "no lane " << name;
  return 0;
}

lane_place place_called(const index& of, std::string_view lane) {
  const auto& l = of.lanes()[lane_called(of, lane)];
  return {l.executor, l.place};
}

TEST(LaneArrangement, SortsByNumbersInNamesByWorkAndByFirstUse) {
  const index of(crowd().told());
  lane_view how;
  how.order = lane_order::name;
  const auto names = names_in(of, how);
  const auto at = [&](std::string_view name) {
    return std::ranges::find(names, name) - names.begin();
  };
  EXPECT_LT(at("cpu 2"), at("cpu 10"));
  how.order = lane_order::busy;
  EXPECT_EQ(names_in(of, how).front(), "cpu 3");
  how.order = lane_order::first;
  EXPECT_EQ(names_in(of, how).front(), "cpu 11");
}

// While a run goes on, and where its recording was cut off.
TEST(LaneArrangement, SortsByWorkThatHasNotEnded) {
  story s;
  s.main().at(0);
  for (std::uint64_t t = 1; t <= 30; ++t) s.main().submit(t);
  for (int w = 0; w < 5; ++w) s.worker(w).at(1'000).start(static_cast<std::uint64_t>(w) + 1);
  s.worker(1).at(2'000).block(2);  // helps while it waits
  s.worker(3).at(2'000).block(4);  // only waits
  s.worker(4).at(5'000).finish(5);
  for (std::uint64_t t = 0; t < 10; ++t) {
    const auto at = 3'000 + static_cast<std::int64_t>(t) * 90'000;
    s.worker(1).at(at).start(10 + t).at(at + 85'000).finish(10 + t);
  }
  s.worker(2).at(900'000).finish(3);
  s.main().at(1'000'000).submit(99);
  auto told = s.told();
  told.ended = false;
  const index of(std::move(told));
  lane_view how;
  how.order = lane_order::busy;
  EXPECT_THAT(names_in(of, how), ElementsAre("cpu 0", "cpu 2", "cpu 1", "cpu 4", "cpu 3"));
}

TEST(LaneArrangement, HasEachLaneOnceHoweverItIsArranged) {
  const index of(crowd().told());
  const auto usual = arranged(of, {});
  std::vector<std::uint32_t> all;
  for (const auto& b : usual) all.insert(all.end(), b.lanes.begin(), b.lanes.end());
  for (std::size_t o = 0; o < fronta::viz::lane_orders; ++o) {
    for (const bool fold : {false, true}) {
      lane_view how;
      how.order = static_cast<lane_order>(o);
      how.pinned = {lane_called(of, "cpu 7"), lane_called(of, "cpu 7"), lane_called(of, "cpu 2")};
      how.folded = {lane_called(of, "cpu 1"), 4'711};
      if (fold) how.folded_places = {place_called(of, "cpu 1"), {9, 9}};
      std::vector<std::uint32_t> found;
      const auto blocks = arranged(of, how);
      for (const auto& b : blocks) found.insert(found.end(), b.lanes.begin(), b.lanes.end());
      EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(all));
      EXPECT_EQ(name_of(of, blocks[0]), "cpu 7");
      EXPECT_EQ(name_of(of, blocks[1]), "cpu 2");
    }
  }
}

TEST(LaneArrangement, AFoldedPlaceSaysHowManyLanesItHas) {
  const index of(crowd().told());
  lane_view how;
  how.folded_places = {place_called(of, "cpu 0")};
  EXPECT_THAT(names_in(of, how), Contains("cpu, 12 lanes"));
  how.pinned = {lane_called(of, "cpu 3")};
  EXPECT_THAT(names_in(of, how), IsSupersetOf({"cpu 3", "cpu, 11 lanes"}));
}

TEST(LaneArrangement, GivesTheRoomOfWhatIsFoldedToTheOthers) {
  std::vector<lane_block> blocks(6, {{0}, false, false, false});
  const rect in{0, 0, 100, 300};
  const auto usual = places_of(blocks, in, {20, 2, 200});
  blocks[1].folded = blocks[2].folded = true;
  const auto folded = places_of(blocks, in, {20, 2, 200});
  EXPECT_FLOAT_EQ(folded[1].at.height, 22);
  EXPECT_GT(folded[0].at.height, usual[0].at.height);
  for (const auto& places : {usual, folded}) {
    float y = 0;
    for (const auto& p : places) {
      EXPECT_FLOAT_EQ(p.at.y, y);
      y += p.at.height;
      EXPECT_TRUE(p.named);
    }
    EXPECT_NEAR(y, 300, 0.01);
  }
}

TEST(LaneArrangement, NamesWhatIsPinnedWhereNotAllCanBe) {
  std::vector<lane_block> blocks(100, {{0}, false, false, false});
  blocks[0].pinned = true;
  blocks[1] = {std::vector<std::uint32_t>(64, 0), false, true, true};
  const auto places = places_of(blocks, {0, 0, 100, 300}, {20, 2, 200});
  EXPECT_TRUE(places[0].named);
  EXPECT_TRUE(places[1].named);
  EXPECT_FALSE(places[2].named);
  EXPECT_LE(places.back().at.bottom(), 300.1F);
  // Too many of them are as thin as all others.
  for (auto& b : blocks) b.pinned = true;
  for (const auto& p : places_of(blocks, {0, 0, 100, 300}, {20, 2, 200})) {
    EXPECT_LE(p.at.bottom(), 300.1F);
    EXPECT_GE(p.inner.height, 1);
  }
}

std::size_t bars_in(const fronta::viz::scene& s) {
  std::size_t bars = 0;
  for (const auto& h : s.hits) {
    if (h.id.what == item_id::kind::task && h.id.which == item_id::part::bar) ++bars;
  }
  return bars;
}

// 48 workers and four streams.
fronta::trace::file_contents wide_machine() {
  story s;
  for (std::uint64_t t = 1; t <= 48; ++t) {
    const auto at = static_cast<std::int64_t>(t) * 10;
    s.main().at(at).submit(t);
    s.worker(static_cast<std::int32_t>(t) - 1).at(at + 1).start(t).at(at + 5'000).finish(t);
  }
  for (std::uint64_t t = 1; t <= 4; ++t) {
    s.main().at(600).submit(100 + t);
    s.worker(0).at(6'000).start(100 + t).issue(100 + t, 1, static_cast<std::uint32_t>(t) - 1);
    s.span(100 + t, static_cast<std::int32_t>(t) - 1, 6'500, 9'000)
        .main()
        .at(9'500)
        .finish(100 + t);
  }
  return s.told();
}

TEST(LaneArrangement, FoldsThePlaceOfMostLanesWhereNotAllCanBeNamed) {
  const index of(wide_machine());
  const auto texts = [&](float width, float height) {
    return texts_in(drawn(of, view(), width, height), "lanes");
  };
  const auto small = texts(1280, 720);
  EXPECT_THAT(small, IsSupersetOf({"cpu, 48 lanes", "gpu:0 stream 0", "gpu:0 stream 3"}));
  EXPECT_THAT(small, Not(Contains("cpu 0")));
  EXPECT_THAT(texts(1280, 2'000), Not(Contains("cpu, 48 lanes"))) << "there is room";
  EXPECT_THAT(texts(1280, 2'000), Contains("cpu 47"));
  EXPECT_EQ(bars_in(drawn(of, view())), bars_in(drawn(of, view(), 1280, 2'000)));
}

TEST(LaneArrangement, LeavesWhatIsPinnedOutOfAPlaceThatIsFoldedForRoom) {
  const index of(wide_machine());
  view v;
  v.lanes.pinned = {lane_called(of, "cpu 7")};
  EXPECT_THAT(texts_in(drawn(of, v), "lanes"), IsSupersetOf({"cpu 7", "cpu, 47 lanes"}));
}

TEST(LaneArrangement, RowsOfAPlaceThatIsFoldedForRoomShareWhatTheOthersLeave) {
  const index of(wide_machine());
  const rect in{0, 0, 1'000, 300};
  const fronta::viz::block_sizes sizes{16, 2, 100};
  const auto blocks = folded_for_room(of, arranged(of, {}), in, sizes);
  ASSERT_EQ(blocks.size(), 5U);
  const auto places = places_of(blocks, in, sizes);
  for (const auto& p : places) EXPECT_TRUE(p.named);
  EXPECT_FLOAT_EQ(places[0].at.height, 300 - 4 * 18);
  EXPECT_NEAR(places.back().at.bottom(), 300, 0.1);
  // Where that does not help either, nothing is folded.
  EXPECT_EQ(folded_for_room(of, arranged(of, {}), {0, 0, 1'000, 40}, sizes).size(), 52U);
}

TEST(LanesFolded, StillShowAllThatRan) {
  const index of(crowd().told());
  view v;
  const auto usual = drawn(of, v);
  v.lanes.folded_places = {place_called(of, "cpu 0"), place_called(of, "gpu:0 stream 0")};
  const auto folded = drawn(of, v);
  EXPECT_EQ(bars_in(folded), bars_in(usual));
  EXPECT_THAT(texts_in(folded, "lanes"), Contains("cpu, 12 lanes"));
  EXPECT_THAT(texts_in(folded, "lanes"), Not(Contains("cpu 4")));
  // The one that failed, too.
  const auto red = fronta::viz::light_theme().of(fronta::viz::look::failed).fill;
  EXPECT_THAT(folded.primitives, Contains(::testing::Truly([&](const auto& p) {
                const auto* b = std::get_if<fronta::viz::box>(&p.what);
                return b != nullptr && b->fill == red && p.id.what == item_id::kind::lane;
              })));
}

TEST(LanesFolded, ANameSaysWhatAClickDoes) {
  const index of(crowd().told());
  view v;
  v.lanes.folded = {lane_called(of, "cpu 1")};
  v.lanes.pinned = {lane_called(of, "cpu 2")};
  EXPECT_THAT(tips_of(drawn(of, v)),
              IsSupersetOf({"cpu 0 (a click folds)", "cpu 1, folded (a click unfolds)",
                            "cpu 2, pinned (a click folds)"}));
}

TEST(LanesByKind, ColourWhatIsAtWorkByItsNameAndSayWhich) {
  const index of(crowd().told());
  view v;
  v.color = fronta::viz::bar_color::kind;
  v.at = 5'000;
  const auto shown = drawn(of, v);
  EXPECT_THAT(texts_in(shown, "legend"), IsSupersetOf({"even", "odd"}));
  // A colour with two meanings would have none.
  EXPECT_THAT(texts_in(shown, "legend"), Not(Contains("running")));
  EXPECT_THAT(texts_in(shown, "legend"), Not(Contains("done")));
  std::vector<fronta::viz::color> fills(13);
  for (std::uint32_t w = 0; w < 12; ++w) {
    const auto lane = lane_called(of, "cpu " + std::to_string(w));
    for (const auto& p : shown.primitives) {
      const auto* b = std::get_if<fronta::viz::box>(&p.what);
      if (b != nullptr && b->fill && p.id.what == item_id::kind::lane && p.id.number == lane &&
          p.id.which == item_id::part::bar)
        fills[w] = *b->fill;
    }
  }
  for (std::size_t w = 2; w < 12; ++w) EXPECT_EQ(fills[w], fills[w - 2]) << w;
  EXPECT_NE(fills[0], fills[1]);
}

view by_kind_at(std::int64_t at) {
  view v;
  v.color = fronta::viz::bar_color::kind;
  v.at = at;
  return v;
}

std::vector<std::string> kinds_at(const index& of, std::int64_t at) {
  auto v = by_kind_at(at);
  return texts_in(drawn(of, v), "legend");
}

// One kind after the other, each at work for less time than the one after it.
story kinds_in_turn(int kinds) {
  story s;
  for (int k = 0; k < kinds; ++k) {
    const auto task = static_cast<std::uint64_t>(k) * 2 + 1;
    const auto letter = static_cast<char>('a' + k);
    const auto at = k * 10'000;
    s.main().at(at).submit(task, std::string("kind ") + letter);
    s.worker(0).at(at + 1).start(task).at(at + 1'000 * (k + 1)).finish(task);
  }
  return s;
}

TEST(LanesByKind, NameKindsAsTheyComeAndCountTheOthers) {
  const index of(kinds_in_turn(8).told());
  EXPECT_THAT(kinds_at(of, 5'000), ElementsAre("many short bars", "kind a"));
  EXPECT_THAT(kinds_at(of, 55'000), ElementsAre("many short bars", "kind a", "kind b", "kind c",
                                                "kind d", "kind e", "kind f"));
  EXPECT_THAT(kinds_at(of, 65'000), Contains("many short bars, or of 1 more kind"));
  EXPECT_THAT(kinds_at(of, 75'000), Contains("many short bars, or of 2 more kinds"));
}

TEST(LanesByKind, NameAKindByItsOnlyTaskUntilThereIsAnother) {
  story s;
  s.main().at(0).submit(1, "chunk 1").at(1'000).submit(2, "chunk 1").at(2'000).submit(3, "chunk 3");
  s.worker(0).at(2'100).start(3).at(3'000).finish(3);
  const index of(s.told());
  EXPECT_THAT(kinds_at(of, 1'500), ElementsAre("many short bars", "chunk 1"));
  EXPECT_THAT(kinds_at(of, 2'000), ElementsAre("many short bars", "chunk #"));
}

// What comes later changes neither colours nor places: also while a run is looked at live.
TEST(LanesByKind, KeepTheirColoursWhateverComes) {
  const auto past = [] {
    story s;
    s.main().at(0).submit(1, "alpha").submit(2, "beta 1");
    s.worker(0).at(1'000).start(1).at(100'000).finish(1);
    s.worker(1).at(1'000).start(2).at(50'000).finish(2);
    return s;
  };
  auto one = past();
  one.main().at(200'000).submit(3, "gamma");
  one.worker(1).at(210'000).start(3).at(900'000).finish(3);
  auto two = past();
  two.main().at(200'000).submit(3, "beta 2");
  two.worker(1).at(210'000).start(3).at(900'000).fail(3);
  const auto words_at = [](const index& of, std::int64_t at) {
    auto s = drawn(of, by_kind_at(at));
    for (auto& p : s.panes) p.at = {};
    return fronta::test::in_words(s);
  };
  EXPECT_EQ(words_at(index(one.told()), 150'000), words_at(index(two.told()), 150'000));

  const index whole(kinds_in_turn(8).told());
  for (int k = 1; k < 8; ++k) {
    const index so_far(kinds_in_turn(k).told());
    for (fronta::viz::task_number t = 0; t < so_far.tasks().size(); ++t)
      EXPECT_EQ(kinds_of(so_far).of(t), kinds_of(whole).of(t)) << k << ' ' << t;
  }
}

}  // namespace
