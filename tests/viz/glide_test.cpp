// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/glide.hpp>
#include <fronta/viz/player.hpp>

#include <gmock/gmock.h>

#include "scene_words.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

// Tokens on their way.
namespace {

using namespace fronta::test;
using fronta::viz::box;
using fronta::viz::draw_gliding;
using fronta::viz::glide;
using fronta::viz::glide_seconds;
using fronta::viz::index;
using fronta::viz::item_id;
using fronta::viz::preset;
using fronta::viz::rect;
using fronta::viz::reduce;
using fronta::viz::scene;
using fronta::viz::view;
namespace commands = fronta::viz::commands;

// Two tasks wait; at 1 000 the first begins to run, and has ended at 2 000.
index two_tasks() {
  story s;
  for (std::uint64_t t = 1; t <= 2; ++t)
    s.main().at(10).submit(t).enqueue(t, fronta::trace::queue::inbox);
  s.worker(0).at(500).park().at(1'000).start(1).at(2'000).finish(1).at(3'000).message("over");
  return index(s.told());
}

view stage_at(std::int64_t at) {
  view v;
  v.what = preset::stage;
  v.at = at;
  v.dilation = 1'000;
  return v;
}

const plain_metrics metrics;

scene gliding(const index& of, const view& v, const glide& g) {
  return draw_gliding(of, v, g, 1280, 720, metrics, fronta::viz::light_theme());
}

// The token of the first task on the stage, wherever it is.
rect token_of_first(const scene& s) {
  for (const auto& p : s.primitives) {
    if (p.id.what == item_id::kind::task && p.id.which == item_id::part::token && p.id.number == 0)
      return std::get<box>(p.what).at;
  }
  return {};
}

TEST(Glide, BeginsWhereTheTokenWasAndEndsWhereItIs) {
  const auto of = two_tasks();
  const auto was = token_of_first(drawn(of, stage_at(500)));
  const auto is = token_of_first(drawn(of, stage_at(1'000)));
  ASSERT_NE(was, is);
  const auto at = [&](double seconds) {
    return token_of_first(gliding(of, stage_at(1'000), {.from = 500, .seconds = seconds}));
  };
  EXPECT_EQ(at(0), was);
  EXPECT_EQ(at(glide_seconds), is);
  const auto middle = at(glide_seconds / 2);
  EXPECT_FLOAT_EQ(middle.x, (was.x + is.x) / 2);
  EXPECT_FLOAT_EQ(middle.y, (was.y + is.y) / 2);
}

TEST(Glide, LeavesNothingBehindWhenItIsOver) {
  const auto of = two_tasks();
  EXPECT_EQ(gliding(of, stage_at(1'000), {.from = 500, .seconds = glide_seconds}),
            drawn(of, stage_at(1'000)));
  EXPECT_EQ(gliding(of, stage_at(3'000), {.plays = true}), drawn(of, stage_at(3'000)))
      << "nothing has changed for longer than it takes";
}

TEST(Glide, MovesTokensAloneAndAllOfThem) {
  const auto of = two_tasks();
  auto s = gliding(of, stage_at(1'000), {.from = 500, .seconds = 0.1});
  auto still = drawn(of, stage_at(1'000));
  ASSERT_EQ(s.panes.back().name, "gliding");
  ASSERT_EQ(s.primitives.size(), still.primitives.size());
  EXPECT_EQ(s.hits, still.hits);
  const auto moving = [&](const fronta::viz::primitive& p) {
    return s.panes[p.pane].name == "gliding";
  };
  // A fill, an outline and a number of each: the other one moves up.
  EXPECT_EQ(std::ranges::count_if(s.primitives, moving), 6);
  std::erase_if(s.primitives, moving);
  for (const auto& p : s.primitives)
    EXPECT_NE(std::ranges::find(still.primitives, p), still.primitives.end()) << to_string(p.id);
}

TEST(Glide, WhilePlayingBeginsAtTheChangeOfTheTask) {
  const auto of = two_tasks();
  const auto was = token_of_first(drawn(of, stage_at(999)));
  // At 1 000 ns a second on the screen it takes 350 ns.
  EXPECT_EQ(token_of_first(gliding(of, stage_at(1'000), {.plays = true})), was);
  auto faster = stage_at(1'050);
  faster.dilation = 50 / glide_seconds;
  EXPECT_EQ(token_of_first(gliding(of, faster, {.plays = true})),
            token_of_first(drawn(of, faster)));
}

TEST(Glide, IsNotDrawnWhereMoreMoveThanCanBeFollowed) {
  story s;
  for (std::uint64_t t = 1; t <= 40; ++t)
    s.main().at(10).submit(t).enqueue(t, fronta::trace::queue::inbox);
  for (std::uint64_t t = 1; t <= 20; ++t) s.main().at(1'000).cancel(t);
  s.main().at(2'000).message("over");
  const index of(s.told());
  EXPECT_EQ(gliding(of, stage_at(1'000), {.from = 500, .seconds = 0.1}),
            drawn(of, stage_at(1'000)));
}

TEST(Glide, ComesWithAStepAndGoesWithTime) {
  const auto of = two_tasks();
  auto s = reduce(of, fronta::viz::opened(of), commands::scrub{600});
  EXPECT_FALSE(glide_of(s));
  s = reduce(of, s, commands::step{1});
  ASSERT_TRUE(glide_of(s));
  EXPECT_EQ(glide_of(s)->from, 600);
  EXPECT_EQ(glide_of(s)->seconds, 0);
  s = reduce(of, s, commands::tick{0.1});
  EXPECT_EQ(s.at, 1'000) << "time on the screen is not the trace's";
  EXPECT_DOUBLE_EQ(glide_of(s)->seconds, 0.1);
  EXPECT_FALSE(glide_of(reduce(of, s, commands::tick{glide_seconds})));
  EXPECT_FALSE(glide_of(reduce(of, s, commands::scrub{1'500})));
  EXPECT_FALSE(glide_of(reduce(of, s, commands::step{10}))) << "a jump";
  EXPECT_FALSE(glide_of(reduce(of, s, commands::reduce_motion{})));
  EXPECT_TRUE(glide_of(reduce(of, s, commands::step{-1})));
}

TEST(Glide, GoesOnWhilePlaying) {
  const auto of = two_tasks();
  auto s = reduce(of, fronta::viz::opened(of), commands::play{});
  ASSERT_TRUE(glide_of(s));
  EXPECT_TRUE(glide_of(s)->plays);
  s = reduce(of, s, commands::reduce_motion{});
  EXPECT_FALSE(glide_of(s));
}

}  // namespace
