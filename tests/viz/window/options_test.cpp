// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fronta::viz {
namespace {

using testing::HasSubstr;

std::optional<stage_options> read(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "fronta-stage");
  return read_stage_options(static_cast<int>(arguments.size()), arguments.data());
}

std::string refusal_of(std::vector<const char*> arguments) {
  try {
    static_cast<void>(read(std::move(arguments)));
  } catch (const usage_error& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(StageOptions, WithoutAnyTheStageOpensLight) {
  const auto o = read({});
  ASSERT_TRUE(o);
  EXPECT_TRUE(o->trace.empty());
  EXPECT_EQ(o->frame.width, 1280);
  EXPECT_EQ(o->frame.height, 720);
  EXPECT_EQ(o->first.what, preset::stage);
  EXPECT_EQ(o->first.theme, 0U);
  EXPECT_FALSE(o->exit_after);
}

TEST(StageOptions, EachIsHeard) {
  const auto o =
      read({"run.trace", "--preset", "timeline", "--theme", "dark", "--size", "1024x768",
            "--monitor", "HDMI", "--full-screen", "--scale", "1.21", "--exit-after", "2.5"});
  ASSERT_TRUE(o);
  EXPECT_EQ(o->trace, "run.trace");
  EXPECT_EQ(o->first.what, preset::timeline);
  EXPECT_EQ(o->first.theme, 1U);
  EXPECT_EQ(o->frame.width, 1024);
  EXPECT_EQ(o->frame.height, 768);
  EXPECT_EQ(o->frame.monitor, "HDMI");
  EXPECT_TRUE(o->frame.full_screen);
  EXPECT_EQ(o->first.text_size, 2);
  EXPECT_EQ(o->exit_after, 2.5);
}

TEST(StageOptions, CodeIsShownAsAsked) {
  EXPECT_EQ(read({})->first.layout, stage_layout::plain);
  const auto o = read({"--layout", "read", "--source", "."});
  EXPECT_EQ(o->first.layout, stage_layout::read);
  EXPECT_EQ(o->first.source, ".");
  EXPECT_THAT(refusal_of({"--layout", "wide"}), HasSubstr("plain, read or run"));
  EXPECT_THAT(refusal_of({"--source", "no-such-folder"}), HasSubstr("a folder that exists"));
}

TEST(StageOptions, AClockAndAClickerAreHeard) {
  const auto o = read({"--clock", "warped", "--clicker"});
  ASSERT_TRUE(o);
  EXPECT_EQ(o->first.clock, clock_kind::warped);
  EXPECT_EQ(o->first.keys, key_profile::clicker);
  EXPECT_THAT(refusal_of({"--clock", "sundial"}), HasSubstr("linear, steps or warped"));
}

TEST(StageOptions, WhatMakesNoSenseIsRefusedInASentence) {
  EXPECT_THAT(refusal_of({"--size", "1280"}), HasSubstr("1280x720"));
  EXPECT_THAT(refusal_of({"--size", "0x720"}), HasSubstr("640x400"));
  EXPECT_THAT(refusal_of({"--size", "1280x720x2"}), HasSubstr("1280x720"));
  EXPECT_THAT(refusal_of({"--preset", "what"}),
              HasSubstr("stage, timeline, completion, graph, compare"));
  EXPECT_THAT(refusal_of({"--theme", "pink"}), HasSubstr("light or dark"));
  EXPECT_THAT(refusal_of({"--scale", "nan"}), HasSubstr("0.7 to 2.1"));
  EXPECT_THAT(refusal_of({"--exit-after", "-1"}), HasSubstr("seconds"));
  EXPECT_THAT(refusal_of({"a", "b", "c"}), HasSubstr("\"c\" is one word too many"));
  EXPECT_THAT(refusal_of({"--what"}), HasSubstr("no option --what"));
  EXPECT_THAT(refusal_of({"--size"}), HasSubstr("--size"));
}

}  // namespace
}  // namespace fronta::viz
