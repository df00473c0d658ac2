// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/player.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/words.hpp>

#include "steady_run.hpp"
#include "story.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <variant>
#include <vector>

namespace fronta::viz {
namespace {

constexpr std::int64_t microsecond = 1'000;

index run_of(std::uint64_t tasks) { return index(test::steady_run(tasks)); }

class Player : public testing::Test {
 protected:
  void after(const command& c) { s = reduce(of, s, c); }

  index of = run_of(50);
  player_state s = opened(of);
};

TEST_F(Player, OpensTheWholeTraceAtItsBeginPaused) {
  EXPECT_EQ(s.at, of.begin());
  EXPECT_EQ(s.from, of.begin());
  EXPECT_EQ(s.to, of.end());
  EXPECT_FALSE(s.playing);
  // 1 ms in about ten seconds, at a pace to reckon with.
  EXPECT_EQ(s.dilation, 100'000);
}

TEST_F(Player, TimePassesOnlyWhilePlaying) {
  after(commands::tick{5});
  EXPECT_EQ(s.at, of.begin());
  after(commands::play{});
  after(commands::tick{0.5});
  EXPECT_EQ(s.at, of.begin() + 50'000);
  after(commands::play{});
  after(commands::tick{1});
  EXPECT_EQ(s.at, of.begin() + 50'000);
}

TEST_F(Player, ManyShortTicksAreOneLongOne) {
  after(commands::play{});
  auto once = reduce(of, s, commands::tick{1});
  after(commands::pace{0.01});  // 1000 ns a second: a tick of 0.1 ms is a tenth of one
  for (int i = 0; i < 10'000; ++i) after(commands::tick{1e-4});
  EXPECT_NEAR(static_cast<double>(s.at - of.begin()), 1'000, 1);
  EXPECT_EQ(once.at, of.begin() + 100'000);
}

TEST_F(Player, StopsAtTheEndAndPlaysFromTheBeginAgain) {
  after(commands::play{});
  after(commands::tick{1e9});
  EXPECT_EQ(s.at, of.end());
  EXPECT_FALSE(s.playing);
  after(commands::play{});
  EXPECT_EQ(s.at, of.begin());
  EXPECT_TRUE(s.playing);
}

TEST_F(Player, StepsGoFromSentenceToSentenceAndBack) {
  std::vector<std::int64_t> forwards;
  for (std::int64_t before = -1; s.at != before; after(commands::step{1})) {
    before = s.at;
    forwards.push_back(s.at);
  }
  std::vector<std::int64_t> told{of.begin()};
  for (std::uint32_t e = 0; e < of.events().size(); ++e) {
    const auto t = of.events()[e].time;
    if (t != told.back() && !narrate(of, e).empty()) told.push_back(t);
  }
  if (told.back() != of.end()) told.push_back(of.end());
  EXPECT_EQ(forwards, told);

  std::vector<std::int64_t> backwards;
  for (std::int64_t before = -1; s.at != before; after(commands::step{-1})) {
    before = s.at;
    backwards.push_back(s.at);
  }
  std::ranges::reverse(backwards);
  EXPECT_EQ(backwards, told);
}

TEST_F(Player, TenStepsAreTenTimesOne) {
  auto one_by_one = s;
  for (int i = 0; i < 10; ++i) one_by_one = reduce(of, one_by_one, commands::step{1});
  after(commands::step{10});
  one_by_one.stepped.reset();  // no token glides through ten
  EXPECT_EQ(s, one_by_one);
}

TEST_F(Player, AStepPauses) {
  after(commands::play{});
  after(commands::step{1});
  EXPECT_FALSE(s.playing);
}

TEST_F(Player, ZoomKeepsThePlayheadWhereItIsOnTheScreen) {
  after(commands::scrub{of.begin() + 300 * microsecond});
  const auto place = [&] {
    return static_cast<double>(s.at - s.from) / static_cast<double>(s.to - s.from);
  };
  const auto before = place();
  after(commands::zoom{4});
  EXPECT_NEAR(place(), before, 1e-3);
  EXPECT_NEAR(static_cast<double>(s.to - s.from), static_cast<double>(of.end() - of.begin()) / 4,
              1);
  after(commands::zoom{0.25});
  EXPECT_NEAR(static_cast<double>(s.from), static_cast<double>(of.begin()), 5);
}

TEST_F(Player, PanTakesThePlayheadAlongOnlyWhenItWouldLeave) {
  after(commands::scrub{of.begin() + 500 * microsecond});
  after(commands::zoom{4});
  const auto at = s.at;
  after(commands::pan{0.1});
  EXPECT_EQ(s.at, at);
  after(commands::pan{0.9});
  EXPECT_EQ(s.at, s.from);
  EXPECT_GT(s.at, at);
}

TEST_F(Player, TheAxisTurnsItsPageWhenPlayingLeavesIt) {
  after(commands::zoom{10});
  const auto page = s.to;
  after(commands::play{});
  while (s.at <= page && s.playing) after(commands::tick{0.01});
  EXPECT_GE(s.from, page - (s.to - s.from) / 10);
  EXPECT_LE(s.from, s.at);
}

TEST_F(Player, DismissEndsHelpBlankAndSelection) {
  after(commands::select{3});
  after(commands::help{});
  after(commands::blank{});
  EXPECT_EQ(s.selected, 3U);
  EXPECT_TRUE(s.help && s.blank);
  after(commands::dismiss{});
  EXPECT_EQ(s.selected, no_task);
  EXPECT_FALSE(s.help || s.blank);
}

TEST_F(Player, SelectionGoesFromTaskToTask) {
  after(commands::select_by{1});
  EXPECT_EQ(s.selected, 0U);
  after(commands::select_by{1});
  EXPECT_EQ(s.selected, 1U);
  after(commands::select_by{-5});
  EXPECT_EQ(s.selected, 0U);
  after(commands::dismiss{});
  after(commands::select_by{-1});
  EXPECT_EQ(s.selected, 49U);
}

TEST_F(Player, AViewShowsWhatTheStateSays) {
  after(commands::show{preset::timeline});
  after(commands::step{7});
  after(commands::select{2});
  const auto v = view_of(s);
  EXPECT_EQ(v.what, preset::timeline);
  EXPECT_EQ(v.at, s.at);
  EXPECT_EQ(v.from, s.from);
  EXPECT_EQ(v.to, s.to);
  EXPECT_EQ(v.selected, 2U);
  EXPECT_EQ(v.dilation, s.dilation);
}

class PlayerOnClocks : public Player {
 protected:
  void on(clock_kind c) {
    while (s.clock != c) after(commands::next_clock{});
  }
  [[nodiscard]] double place() const {
    const auto& c = clock_of(of, s.clock);
    return (c.place(s.at) - c.place(s.from)) / (c.place(s.to) - c.place(s.from));
  }
};

TEST_F(PlayerOnClocks, InStepsItGoesOneEventABeat) {
  on(clock_kind::steps);
  const auto moments = clock_of(of, clock_kind::steps).moments();
  after(commands::play{});
  std::size_t now = 0;
  for (int i = 0; i < 20; ++i) {
    after(commands::tick{0.25});
    EXPECT_EQ(s.at, moments[now]) << "between events it stays where it is";
    after(commands::tick{0.25});
    EXPECT_EQ(s.at, moments[++now]);
  }
  after(commands::pace{2});
  after(commands::tick{1});
  EXPECT_EQ(s.at, moments[now + 4]);
  EXPECT_EQ(view_of(s).beats, 4);
  EXPECT_TRUE(view_of(s).steps);
  after(commands::tick{1e9});
  EXPECT_EQ(s.at, of.end());
  EXPECT_FALSE(s.playing);
}

TEST_F(PlayerOnClocks, WarpedTakesAsLongForAQuietStretchAsItIsWide) {
  auto file = test::steady_run(50);
  for (auto& e : file.events) {
    if (e.time > 1'400'000) e.time += 3'000'000'000;
  }
  file.known_until = file.events.back().time;
  of = index(std::move(file));
  s = opened(of);
  on(clock_kind::warped);
  const auto& clock = clock_of(of, clock_kind::warped);
  ASSERT_EQ(clock.cuts().size(), 1U);
  after(commands::pace{clock.end() / 10 / s.dilation});
  after(commands::play{});
  int ticks = 0;
  int in_it = 0;
  while (s.playing && ticks < 2'000) {
    after(commands::tick{0.01});
    ++ticks;
    if (s.at > clock.cuts()[0].begin && s.at < clock.cuts()[0].end) ++in_it;
  }
  EXPECT_NEAR(ticks, 1'000, 3);
  EXPECT_NEAR(in_it, clock.cut_to() / clock.end() * 1'000, 3);
}

TEST_F(PlayerOnClocks, ZoomAndPanGoByWhatIsSeen) {
  for (const auto c : {clock_kind::steps, clock_kind::warped}) {
    s = opened(of);
    on(c);
    after(commands::step{60});
    const auto before = place();
    after(commands::zoom{4});
    EXPECT_NEAR(place(), before, 0.01) << name_of(c);
    const auto& clock = clock_of(of, c);
    EXPECT_NEAR(clock.place(s.to) - clock.place(s.from), clock.end() / 4, clock.end() / 100);
    const auto left = clock.place(s.from);
    after(commands::pan{-0.1});
    EXPECT_NEAR(clock.place(s.from), left - clock.end() / 40, clock.end() / 100) << name_of(c);
    after(commands::to_begin{});
    after(commands::zoom{2});
    EXPECT_EQ(s.from, of.begin()) << "the playhead stays at the edge";
    after(commands::zoom{1e-9});
    EXPECT_EQ(s.from, of.begin());
    EXPECT_EQ(s.to, of.end());
  }
}

TEST_F(PlayerOnClocks, WhatIsLiveIsLinear) {
  s = opened_live(of);
  after(commands::next_clock{});
  EXPECT_FALSE(view_of(s).steps);
  const auto span = s.to - s.from;
  after(commands::zoom{2});
  EXPECT_NEAR(static_cast<double>(s.to - s.from), static_cast<double>(span) / 2, 1);
}

TEST_F(Player, LanesAreMarkedFoldedAndPinned) {
  after(commands::fold_lane{});
  EXPECT_TRUE(s.lanes.folded.empty()) << "none is marked";
  after(commands::mark_lane{1});
  EXPECT_EQ(s.lanes.marked, 0U);
  after(commands::mark_lane{5});
  EXPECT_EQ(s.lanes.marked, 0U) << "there is one only";
  after(commands::fold_lane{});
  EXPECT_EQ(s.lanes.folded, std::vector<std::uint32_t>{0});
  after(commands::fold_lane{0});
  EXPECT_TRUE(s.lanes.folded.empty());
  after(commands::fold_place{});
  EXPECT_EQ(s.lanes.folded_places.size(), 1U);
  after(commands::fold_lane{0});
  EXPECT_TRUE(s.lanes.folded_places.empty()) << "a lane of a folded place unfolds that";
  after(commands::pin_lane{});
  EXPECT_EQ(s.lanes.pinned, std::vector<std::uint32_t>{0});
  after(commands::pin_lane{77});
  EXPECT_EQ(s.lanes.pinned.size(), 1U);
  after(commands::dismiss{});
  EXPECT_EQ(s.lanes.marked, none);
  EXPECT_EQ(s.lanes.pinned.size(), 1U) << "what is pinned stays";
}

TEST_F(Player, TypingSelectsTheFirstTaskOfThatNumberAndGoesToIt) {
  after(commands::type{"4"});
  EXPECT_EQ(s.selected, no_task) << "nobody looks for anything";
  after(commands::search{});
  after(commands::type{"4"});
  EXPECT_EQ(s.selected, 3U);
  after(commands::type{"2"});
  EXPECT_EQ(s.selected, 41U);
  // It had not begun then.
  EXPECT_EQ(s.at, of.begin() + 42 * 20 * microsecond + microsecond);
  after(commands::erase{});
  EXPECT_EQ(s.wanted, "4");
  after(commands::find{1});
  EXPECT_EQ(s.selected, 3U);
  const auto at = s.at;
  EXPECT_EQ(at, of.begin() + 42 * 20 * microsecond + microsecond) << "task 4 is in sight";
  after(commands::dismiss{});
  EXPECT_FALSE(s.searching);
  EXPECT_EQ(s.selected, 3U) << "who ends typing keeps what was found";
  after(commands::dismiss{});
  EXPECT_EQ(s.selected, no_task);
}

// A run as it grows, task by task.
class LivePlayer : public testing::Test {
 protected:
  void after(const command& c) { s = reduce(of, s, c); }
  void grow(std::uint64_t tasks) {
    of = run_of(tasks);
    after(commands::grown{});
  }

  index of = run_of(10);
  player_state s = opened_live(of);
};

TEST_F(LivePlayer, FollowsTheNewestMomentWithTimeToComeInSight) {
  EXPECT_TRUE(s.live);
  EXPECT_TRUE(s.follows);
  for (const std::uint64_t tasks : {11U, 12U, 50U}) {
    grow(tasks);
    EXPECT_EQ(s.at, of.end());
    EXPECT_EQ(s.from, of.begin());
    EXPECT_EQ(s.to, of.begin() + player_limits::live_span);
  }
  const auto v = view_of(s);
  EXPECT_EQ(v.shown, source::live);
  EXPECT_EQ(v.dilation, 1e9) << "it goes as fast as the run";
  EXPECT_EQ(v.note, "");
}

TEST_F(LivePlayer, TurnsThePageWhenTheNewestMomentLeavesIt) {
  after(commands::zoom{1e9});
  EXPECT_EQ(s.to - s.from, player_limits::least_span);
  grow(40);
  EXPECT_EQ(s.at, of.end());
  EXPECT_LE(s.from, s.at);
  EXPECT_GT(s.to, s.at) << "there is room for what comes";
  EXPECT_EQ(s.to - s.from, player_limits::least_span);
}

TEST_F(LivePlayer, ALateOneHasTheLastPartOfTheRunInSight) {
  auto file = test::steady_run(10);
  file.known_until = 100 * player_limits::live_span;
  const index late(std::move(file));
  const auto seen = opened_live(late);
  EXPECT_EQ(seen.at, late.end());
  EXPECT_EQ(seen.to - seen.from, player_limits::live_span);
  EXPECT_GT(seen.to, seen.at);
}

TEST_F(LivePlayer, APauseStaysWhereItIsAndFollowingGoesOnFromThere) {
  const auto before = s.at;
  after(commands::play{});
  EXPECT_FALSE(s.follows);
  EXPECT_FALSE(s.playing);
  EXPECT_EQ(view_of(s).note, "paused");
  grow(20);
  EXPECT_EQ(s.at, before);
  after(commands::follow{});
  EXPECT_TRUE(s.follows);
  EXPECT_EQ(s.at, of.end());
  after(commands::follow{});
  EXPECT_FALSE(s.follows);
}

TEST_F(LivePlayer, WhoeverGoesBackIsBehindAndFollowsOnceHePlayedToTheEnd) {
  for (const command& back :
       {command(commands::step{-1}), command(commands::scrub{of.begin()}),
        command(commands::to_begin{}), command(commands::replay{}), command(commands::pan{-1e5})}) {
    s = opened_live(of);
    if (std::holds_alternative<commands::pan>(back)) after(commands::zoom{1e8});
    after(back);
    EXPECT_FALSE(s.follows);
    EXPECT_LT(s.at, of.end());
    if (!s.playing) after(commands::play{});
    EXPECT_TRUE(s.playing);
    EXPECT_EQ(view_of(s).note, "behind");
    grow(20);
    after(commands::tick{1e6});
    EXPECT_TRUE(s.follows);
    EXPECT_FALSE(s.playing);
    EXPECT_EQ(s.at, of.end());
    of = run_of(10);
  }
}

TEST_F(LivePlayer, AtTheEndItIsARecordingAndAllOfItIsInSight) {
  grow(20);
  after(commands::ended{});
  EXPECT_FALSE(s.live);
  EXPECT_FALSE(s.follows);
  EXPECT_EQ(s.at, of.end());
  EXPECT_EQ(s.from, of.begin());
  EXPECT_EQ(s.to, of.end());
  EXPECT_EQ(view_of(s).shown, source::recorded);
  EXPECT_EQ(s.dilation, opened(of).dilation);
  after(commands::replay{});
  EXPECT_TRUE(s.playing);
  EXPECT_EQ(s.at, of.begin());
}

TEST_F(LivePlayer, ThatTheRecordingEndedMovesNobodyWhoLooksAtSomethingElse) {
  after(commands::to_begin{});
  after(commands::step{3});
  const auto before = s.at;
  after(commands::ended{});
  EXPECT_EQ(s.at, before);
  EXPECT_LE(s.to, of.end());
  after(commands::follow{});
  EXPECT_FALSE(s.follows) << "there is nothing to follow";
}

// Any command, with the arguments that break programs among them.
command random_command(std::mt19937_64& random) {
  const auto number = [&] {
    constexpr std::array odd{0.0,
                             -1.0,
                             1.0,
                             1e300,
                             -1e300,
                             1e-300,
                             std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity()};
    if (random() % 3 == 0) return odd[random() % odd.size()];
    return std::uniform_real_distribution(-4.0, 8.0)(random);
  };
  const auto moment = [&]() -> std::int64_t {
    if (random() % 4 == 0) return static_cast<std::int64_t>(random());
    return static_cast<std::int64_t>(random() % 3'000'000);
  };
  switch (random() % std::variant_size_v<command>) {
    case 0:
      return commands::tick{number()};
    case 1:
      return commands::step{random() % 9 == 0 ? std::numeric_limits<int>::min()
                                              : static_cast<int>(random() % 40) - 20};
    case 2:
      return commands::to_begin{};
    case 3:
      return commands::to_end{};
    case 4:
      return commands::scrub{moment()};
    case 5:
      return commands::replay{};
    case 6:
      return commands::pace{number()};
    case 7:
      return commands::zoom{number()};
    case 8:
      return commands::pan{number()};
    case 9:
      return commands::show{static_cast<preset>(random() % 4)};
    case 10:
      return commands::select{static_cast<task_number>(random() % 100)};
    case 11:
      return commands::resize_text{static_cast<int>(random())};
    case 17:
      return commands::select_by{static_cast<int>(random())};
    case 12:
      return commands::next_theme{};
    case 13:
      return commands::reduce_motion{};
    case 14:
      return commands::blank{};
    case 15:
      return commands::help{};
    case 16:
      return commands::dismiss{};
    case 22:
      return commands::next_clock{};
    case 23:
      return commands::next_order{};
    case 24:
      return commands::next_color{};
    case 25:
      return commands::mark_lane{static_cast<int>(random() % 9) - 4};
    case 26:
      return commands::fold_lane{random() % 2 == 0 ? none
                                                   : static_cast<std::uint32_t>(random() % 5)};
    case 27:
      return commands::fold_place{random() % 2 == 0 ? none
                                                    : static_cast<std::uint32_t>(random() % 5)};
    case 28:
      return commands::pin_lane{random() % 2 == 0 ? none
                                                  : static_cast<std::uint32_t>(random() % 5)};
    case 29:
      return commands::search{};
    case 30:
      return commands::type{random() % 2 == 0 ? "1" : "ž"};
    case 31:
      return commands::erase{};
    case 32:
      return commands::find{static_cast<int>(random())};
    case 18:
      return commands::follow{};
    case 19:
      return commands::grown{};
    case 20:
      if (random() % 20 == 0) return commands::ended{};
      return commands::grown{};
    default:
      return commands::play{};
  }
}

void expect_sound(const index& of, const player_state& s) {
  using namespace player_limits;
  ASSERT_GE(s.at, of.begin());
  ASSERT_LE(s.at, of.end());
  ASSERT_GE(s.ahead, 0);
  ASSERT_LT(s.ahead, 1);
  ASSERT_LT(s.from, s.to);
  ASSERT_GE(s.from, of.begin());
  const auto most = std::max(of.end(), of.begin() + 1);
  ASSERT_LE(s.to, s.live ? most + std::max(live_span, most - of.begin()) : most);
  ASSERT_TRUE(!s.follows || s.live);
  ASSERT_LE(s.from, s.at);
  ASSERT_GE(s.to, s.at);
  ASSERT_GE(s.dilation, least_dilation);
  ASSERT_LE(s.dilation, most_dilation);
  ASSERT_TRUE(s.selected == no_task || s.selected < of.tasks().size());
  ASSERT_LT(s.theme, all_themes().size());
  ASSERT_GE(s.beats, least_beats);
  ASSERT_LE(s.beats, most_beats);
  ASSERT_TRUE(s.lanes.marked == none || s.lanes.marked < of.lanes().size());
  for (const auto& some : {s.lanes.pinned, s.lanes.folded}) {
    for (const auto l : some) ASSERT_LT(l, of.lanes().size());
  }
  ASSERT_LE(s.wanted.size(), longest_search);
  ASSERT_GE(s.text_size, smallest_text);
  ASSERT_LE(s.text_size, largest_text);
}

TEST_F(Player, KeepsItsLanesWhereLaterModelsNumberThemOtherwise) {
  test::story told;
  told.main().at(0).submit(1).submit(2);
  told.worker(0).at(10).start(1).at(15).issue(1, 1, 0);
  told.worker(1).at(50).start(2).at(90).finish(2);
  const index early(told.told());
  told.span(1, 0, 20, 30);
  const index late(told.told());
  const auto before = test::lane_named(early, "cpu 1");
  const auto after = test::lane_named(late, "cpu 1");
  ASSERT_NE(before, after) << "the stream's lane lies before it";
  s = opened_live(early);
  s.lanes.pinned = {before, test::lane_named(early, "cpu 0")};
  s.lanes.folded = {before, 99};
  s.lanes.marked = before;
  s = carried_over(early, late, s);
  EXPECT_EQ(s.lanes.pinned, (std::vector{after, test::lane_named(late, "cpu 0")}));
  EXPECT_EQ(s.lanes.folded, std::vector{after});
  EXPECT_EQ(s.lanes.marked, after);
  s.lanes.marked = none;
  EXPECT_EQ(carried_over(early, late, s).lanes.marked, none);
}

TEST(PlayerFuzz, NoSequenceOfCommandsBreaksTheState) {
  for (const std::uint64_t tasks : {0U, 1U, 40U}) {
    const auto of = run_of(tasks);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      std::mt19937_64 random(seed);
      auto s = seed % 2 == 0 ? opened(of) : opened_live(of);
      expect_sound(of, s);
      for (int i = 0; i < 500; ++i) {
        s = reduce(of, s, random_command(random));
        expect_sound(of, s);
        if (testing::Test::HasFatalFailure()) FAIL() << tasks << " tasks, seed " << seed;
      }
    }
  }
}

TEST(PlayerFuzz, AStateFitsAnyOtherTrace) {
  const auto large = run_of(40);
  const auto small = run_of(1);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    auto s = seed % 2 == 0 ? opened(large) : opened_live(large);
    for (int i = 0; i < 50; ++i) s = reduce(large, s, random_command(random));
    s = reduce(small, s, commands::tick{0});
    expect_sound(small, s);
    s = reduce(large, s, commands::tick{0});
    expect_sound(large, s);
  }
}

}  // namespace
}  // namespace fronta::viz
