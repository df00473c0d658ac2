// SPDX-License-Identifier: Apache-2.0
#include <src/biography.hpp>

#include <fronta/viz/words.hpp>

#include <gmock/gmock.h>

#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using test::number_of;
using test::soup;
using test::story;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using trace::event_kind;

biography told_of(const index& of, std::uint64_t task, std::int64_t at = forever) {
  return biography_of(of, task_relations(of), number_of(of, task), std::min(at, of.end()));
}

// "10 running 20 on cpu 0": when, what, how long, why.
std::vector<std::string> phases(const index& of, const biography& b) {
  std::vector<std::string> words;
  for (const auto& p : b.phases) {
    auto line = std::to_string(p.begin) + ' ';
    line += name_of(of.changes()[p.change].state);
    line += ' ' + std::to_string(p.end - p.begin);
    if (p.goes_on) line += " so far";
    if (!p.why.empty()) line += ' ' + p.why;
    words.push_back(std::move(line));
  }
  return words;
}

std::vector<std::uint64_t> ids(const index& of, const std::vector<task_number>& tasks) {
  std::vector<std::uint64_t> all;
  for (const auto t : tasks) all.push_back(of.tasks()[t].id);
  return all;
}

TEST(Biography, TellsTheBytesOfAValueOnceItIsThere) {
  story s;
  s.main().at(0).submit(1).submit(2);
  s.worker(0).at(10).start(1).at(20).finish(1, 4'000).at(30).start(2).at(40).finish(2);
  const index of(s.told());
  EXPECT_EQ(told_of(of, 1, 19).value, std::nullopt);
  EXPECT_EQ(told_of(of, 1, 20).value, 4'000U);
  EXPECT_EQ(told_of(of, 2).value, std::nullopt) << "of void";
}

TEST(Biography, TellsEachPhaseWithItsReason) {
  story s;
  s.main().at(0).submit(1, "load").submit(2, "join").dependency(2, 1).at(5).enqueue(
      1, trace::queue::inbox);
  s.worker(0).at(10).start(1).at(30).finish(1).ready(2);
  s.worker(0).tell(event_kind::route, 2,
                   trace::route_choice{0, 1, trace::route_reason::inputs}.argument());
  s.worker(0).tell(event_kind::enqueue, 2, 3, "gpu").at(50).enqueue(2, trace::queue::deque);
  s.worker(0).at(60).start(2).at(70).block(2, 1).tell(event_kind::wait, 2, 0).at(75).unblock(2);
  s.worker(0).at(80).retry(2, 1).enqueue(2, trace::queue::backoff).at(90).start(2, 1);
  s.worker(0).at(100).finish(2);
  const index of(s.told());
  const auto b = told_of(of, 2);
  EXPECT_THAT(
      phases(of, b),
      ElementsAre("0 waiting for inputs 30 for task 1", "30 waiting for tags 20 for the tag gpu",
                  "50 queued 10 in the deque of cpu 0: its inputs are there",
                  "60 running 10 on cpu 0", "70 suspended 5 for the end of task 1",
                  "75 running 5 on cpu 0, attempt 1 fails",
                  "80 waiting to retry 10 until attempt 2", "90 running 10 on cpu 0, attempt 2",
                  "100 done 0"));
  EXPECT_EQ(b.run, 25);
  EXPECT_EQ(b.wait, 20 + 10 + 5 + 10);
  ASSERT_TRUE(b.chosen);
  EXPECT_EQ(b.chosen->place, "cpu with gpu:0");
  EXPECT_EQ(b.chosen->why, "its inputs are there");
}

TEST(Biography, KnowsOnlyWhatIsKnownAtTheMoment) {
  story s;
  s.main().at(0).submit(1).submit(2).at(10).submit(3).dependency(3, 1).at(20).submit(4, "", 1);
  s.worker(0).at(30).start(1).at(40).finish(1);
  s.main().at(50).tell(event_kind::consume, 1, 2);
  const index of(s.told());
  EXPECT_THAT(told_of(of, 3, 5).phases, IsEmpty()) << "not submitted yet";
  const auto early = told_of(of, 1, 35);
  EXPECT_THAT(phases(of, early), ElementsAre("0 waiting for inputs 30 it has no inputs",
                                             "30 running 5 so far on cpu 0"));
  EXPECT_THAT(ids(of, early.dependents), ElementsAre(3));
  EXPECT_THAT(ids(of, early.submitted), ElementsAre(4));
  EXPECT_THAT(early.consumers, IsEmpty());
  EXPECT_THAT(told_of(of, 1, 9).dependents, IsEmpty());
  EXPECT_THAT(told_of(of, 1, 15).submitted, IsEmpty());
  const auto late = told_of(of, 1);
  ASSERT_EQ(late.consumers.size(), 1U);
  EXPECT_EQ(late.consumers[0].by, number_of(of, 2));
  EXPECT_EQ(late.consumers[0].time, 50);
}

TEST(Biography, NamesWhatItWaitsForInAnotherExecutor) {
  story s;
  s.main().at(0).submit(1).submit(2);
  s.main_to(2).at(0).submit(1);
  s.worker(0).at(10).start(2).at(20).block(2, 1).elsewhere(2, 2).at(30).unblock(2).at(40).finish(2);
  s.main_to(2).at(50).tell(event_kind::consume, 1, 2).elsewhere(1, 1);
  const index of(s.told());
  const auto there = *of.find(2, 1);
  EXPECT_THAT(
      phases(of, told_of(of, 2)),
      ::testing::Contains("20 suspended 10 for the end of task " + std::to_string(there + 1)));
  const auto taken = biography_of(of, task_relations(of), there, of.end()).consumers;
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].by, number_of(of, 2));
}

TEST(Biography, TellsWhoTookItOutsideTasks) {
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(1).start(1).at(2).finish(1);
  s.main().at(3).tell(event_kind::consume, 1, 0);
  const auto b = told_of(index(s.told()), 1);
  ASSERT_EQ(b.consumers.size(), 1U);
  EXPECT_EQ(b.consumers[0].by, no_task);
}

TEST(Biography, TellsTagsAndForHowLong) {
  story s;
  s.main().at(0).submit(1).acquire(1, "gpu", 1, 10'000).acquire(1, "memory", 0xFFFF'FFFF, 5'000);
  s.worker(0).at(10).start(1).at(30).release(1, "gpu", 1, 10'000).at(40).finish(1);
  const auto b = told_of(index(s.told()), 1);
  ASSERT_EQ(b.tags.size(), 2U);
  EXPECT_EQ(b.tags[0].name, "gpu");
  EXPECT_EQ(b.tags[0].place, "gpu:0");
  EXPECT_EQ(b.tags[0].units, 10'000U);
  EXPECT_EQ(b.tags[0].end, 30);
  EXPECT_EQ(b.tags[1].place, "");
  EXPECT_EQ(b.tags[1].end, forever);
}

TEST(Biography, TellsWhatDevicesDidAndHowWellThatIsKnown) {
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(100).start(1).at(5'000);
  s.span(1, 2, 1'000, 2'000, trace::device_work::to_device, trace::time_grade::profiled, 10);
  s.span(1, 2, 2'500, 4'000, trace::device_work::kernel, trace::time_grade::stamped, 0);
  s.worker(0).at(5'000).finish(1);
  const index of(s.told());
  const auto b = told_of(of, 1);
  ASSERT_EQ(b.pieces.size(), 2U);
  EXPECT_EQ(b.pieces[0].lane, "gpu:0 stream 2");
  EXPECT_EQ(b.pieces[0].end - b.pieces[0].begin, 1'000);
  EXPECT_EQ(b.pieces[0].begin_error, 10);
  EXPECT_EQ(b.pieces[1].begin_error, 0);
  EXPECT_EQ(b.copied, 64U);
  const auto within = told_of(of, 1, 3'000);
  ASSERT_EQ(within.pieces.size(), 2U);
  EXPECT_EQ(within.pieces[1].end, forever);
}

TEST(Biography, SumsArraysByPlace) {
  const auto bytes = [](std::int32_t place, std::uint64_t n) {
    return trace::place_bytes{place, n}.argument();
  };
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(1).start(1).tell(event_kind::placed, 1, bytes(1, 100));
  s.worker(0).tell(event_kind::placed, 1, bytes(1, 20)).tell(event_kind::moved, 1, bytes(1, 7));
  s.worker(0).at(9).finish(1);
  const auto b = told_of(index(s.told()), 1);
  ASSERT_EQ(b.arrays.size(), 2U);
  EXPECT_EQ(b.arrays[0].bytes, 120U);
  EXPECT_EQ(b.arrays[0].arrays, 2U);
  EXPECT_EQ(b.arrays[0].place, "gpu:0");
  EXPECT_EQ(b.arrays[1].what, event_kind::moved);
}

TEST(Biography, SumsTheTimeOnACoreWhereItWasRecorded) {
  story s;
  s.main().at(0).submit(1).submit(2);
  s.worker(0).at(10).start(1).tell(event_kind::cpu_time, 1, 1'000);
  s.worker(0).at(20).block(1).tell(event_kind::wait, 1, 4).tell(event_kind::cpu_time, 1, 1'004);
  s.worker(0).at(30).unblock(1).tell(event_kind::cpu_time, 1, 1'010);
  s.worker(0).at(40).finish(1).tell(event_kind::cpu_time, 1, 1'013);
  const index of(s.told());
  EXPECT_EQ(told_of(of, 1).on_core, 4 + 3);
  EXPECT_EQ(told_of(of, 2).on_core, std::nullopt);
}

TEST(Biography, SumsTheTimeOnACoreOfAttemptsThatFailed) {
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(10).start(1).cpu_time(1, 1'000).at(20).retry(1, 1).cpu_time(1, 1'008);
  s.worker(1).at(30).start(1, 1);
  s.main().tell(event_kind::message, 0);
  s.worker(0).tell(event_kind::acquire, 1);  // another thread, in between
  s.worker(1).cpu_time(1, 50).at(40).finish(1).cpu_time(1, 55);
  EXPECT_EQ(told_of(index(s.told()), 1).on_core, 8 + 5);
}

TEST(Biography, TakesNoTimeOnACoreOfTheThreadThatTellsOfADevicesEnd) {
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(10).start(1).cpu_time(1, 1'000).at(20).issue(1, 1, 0).cpu_time(1, 1'008);
  s.worker(1).at(90).finish(1).cpu_time(1, 9'000);
  EXPECT_EQ(told_of(index(s.told()), 1).on_core, 8);
}

TEST(Biography, SumsTheTimeOfCallbacks) {
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(10).start(1).at(20).finish(1);
  s.worker(0).at(21).tell(event_kind::callback, 1, 0).at(25).tell(event_kind::callback, 1, 1);
  s.main().at(23).tell(event_kind::callback, 1, 0);
  s.worker(0).at(30).tell(event_kind::callback, 1, 0);
  s.main().at(33).tell(event_kind::callback, 1, 1);
  const index of(s.told());
  EXPECT_EQ(told_of(of, 1).callbacks, 3U);
  EXPECT_EQ(told_of(of, 1).callbacks_lasted, 4 + 10) << "the third goes on";
  EXPECT_THAT(fronta::viz::narrate(of), testing::HasSubstr("a callback of task 1 begins"));
}

TEST(Biography, TellsWhereATaskWasSubmitted) {
  story s;
  s.main().at(0).submit(1).tell(event_kind::location, 1, 12, "main.cpp:12");
  EXPECT_EQ(told_of(index(s.told()), 1).location, "main.cpp:12");
}

TEST(Biography, OfAnyTaskIsWithoutGaps) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const index of(soup(seed).of(400));
    const task_relations relations(of);
    for (task_number t = 0; t < of.tasks().size(); ++t) {
      for (auto at = of.begin(); at <= of.end(); at += 41) {
        const auto b = biography_of(of, relations, t, at);
        const auto now = of.state_of(t, at);
        ASSERT_EQ(b.phases.empty(), !now);
        if (!now) continue;
        ASSERT_EQ(b.phases.back().change, of.change_of(t, at));
        for (std::size_t i = 0; i < b.phases.size(); ++i) {
          ASSERT_LE(b.phases[i].begin, b.phases[i].end);
          ASSERT_LE(b.phases[i].end, at);
          if (i != 0) {
            ASSERT_EQ(b.phases[i - 1].end, b.phases[i].begin);
          }
          ASSERT_EQ(b.phases[i].goes_on, i + 1 == b.phases.size() && !is_final(now->state));
        }
        ASSERT_LE(b.run + b.wait, at - b.phases.front().begin);
        for (const auto u : b.submitted) ASSERT_EQ(of.tasks()[u].parent, t);
        for (const auto i : b.inputs) ASSERT_LT(i, t);
        for (const auto d : b.dependents) ASSERT_GT(d, t);
      }
    }
  }
}

TEST(Listed, NamesSomeAndCountsTheRest) {
  EXPECT_EQ(listed({0}, 3), "task 1");
  EXPECT_EQ(listed({0, 4}, 3), "task 1 and task 5");
  EXPECT_EQ(listed({0, 4, 5, 6, 7}, 3), "task 1, task 5, task 6 and 2 more");
}

}  // namespace
}  // namespace fronta::viz
