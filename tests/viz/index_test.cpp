// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/index.hpp>

#include <fronta/trace.hpp>
#include <fronta/trace_file.hpp>

#include <gmock/gmock.h>

#include "story.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using fronta::test::bars_on;
using fronta::test::edges_of;
using fronta::test::lane_named;
using fronta::test::life_of;
using fronta::test::number_of;
using fronta::test::queue_named;
using fronta::test::story;
using fronta::trace::device_work;
using fronta::trace::event_kind;
using fronta::trace::time_grade;
using fronta::viz::forever;
using fronta::viz::index;
using fronta::viz::no_task;
using fronta::viz::none;
using fronta::viz::task_state;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using in = fronta::trace::queue;

task_state state_at(const index& of, std::uint64_t task, std::int64_t t) {
  const auto c = of.state_of(number_of(of, task), t);
  return !c ? task_state::unknown : c->state;
}

std::vector<std::uint64_t> queued(const index& of, std::string_view queue, std::int64_t t,
                                  index::first order = index::first::oldest,
                                  std::size_t most = 100) {
  std::vector<std::uint64_t> ids;
  for (const auto n : of.queued_at(queue_named(of, queue), t, most, order))
    ids.push_back(of.tasks()[n].id);
  return ids;
}

TEST(Index, APlainTaskIsQueuedThenRunsThenIsDone) {
  story s;
  s.main().at(10).submit(1, "resize").ready(1).at(11).enqueue(1, in::inbox);
  s.worker(0).at(20).start(1).at(50).finish(1);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1),
              ElementsAre("10 waiting for inputs", "10 queued in waiting for a place",
                          "11 queued in cpu inbox", "20 running on cpu 0", "50 done"));
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-50"));
  EXPECT_EQ(index.name_of(0), "resize");
  EXPECT_EQ(index.completed_at(49), 0U);
  EXPECT_EQ(index.completed_at(50), 1U);
  EXPECT_FALSE(index.state_of(0, 9));
  EXPECT_EQ(index.begin(), 0);
  EXPECT_EQ(index.end(), 50);
  EXPECT_TRUE(index.ended());
  EXPECT_FALSE(index.simulated());
  EXPECT_EQ(index.host(), "there");
  EXPECT_EQ(index.place_name(1, 1), "gpu:0");
  EXPECT_EQ(index.place_name(2, 1), "");
}

TEST(Index, WhatHappensAtAMomentHasHappened) {
  story s;
  s.main().at(10).submit(1).enqueue(1, in::inbox);
  s.worker(0).at(20).start(1).at(50).finish(1);
  const index index(s.told());
  EXPECT_EQ(state_at(index, 1, 19), task_state::queued);
  EXPECT_EQ(state_at(index, 1, 20), task_state::running);
  EXPECT_EQ(state_at(index, 1, 49), task_state::running);
  EXPECT_EQ(state_at(index, 1, 50), task_state::done);
  const auto lane = lane_named(index, "cpu 0");
  EXPECT_EQ(index.open_at(lane, 19).size(), 0U);
  EXPECT_EQ(index.open_at(lane, 20).size(), 1U);
  EXPECT_EQ(index.open_at(lane, 49).size(), 1U);
  EXPECT_EQ(index.open_at(lane, 50).size(), 0U);
  EXPECT_EQ(index.name_of(0), "task");
}

TEST(Index, ADependentWaitsForItsInput) {
  story s;
  s.main().at(10).submit(1).enqueue(1, in::inbox).submit(2).dependency(2, 1);
  s.worker(0).at(20).start(1).at(30).finish(1).ready(2).enqueue(2, in::deque);
  s.worker(0).at(35).start(2).at(40).finish(2);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 2),
              ElementsAre("10 waiting for inputs", "30 queued in waiting for a place",
                          "30 queued in cpu 0", "35 running on cpu 0", "40 done"));
  ASSERT_EQ(edges_of(index).size(), 1U);
  EXPECT_EQ(edges_of(index)[0].from, number_of(index, 1));
  EXPECT_EQ(edges_of(index)[0].to, number_of(index, 2));
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-30", "2 run 35-40"));
}

TEST(Index, AHelpersTaskLiesInsideItsHost) {
  story s;
  s.main().at(10).submit(1).enqueue(1, in::inbox);
  s.worker(0).at(20).start(1).at(25).submit(2, "part", 1).enqueue(2, in::deque);
  s.worker(0).at(30).start(2).at(40).finish(2).at(50).finish(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-50", "  2 run 30-40"));
  EXPECT_EQ(index.tasks()[number_of(index, 2)].parent, number_of(index, 1));
  EXPECT_EQ(state_at(index, 1, 35), task_state::running);
  const auto open = index.open_at(lane_named(index, "cpu 0"), 35);
  ASSERT_EQ(open.size(), 2U);
  EXPECT_EQ(open[0].task, number_of(index, 1)) << "the outermost first";
  EXPECT_EQ(open[1].task, number_of(index, 2));
}

TEST(Index, ATaskThatWaitsInItsSlotIsSuspendedThere) {
  story s;
  s.main().at(10).submit(1).enqueue(1, in::inbox);
  s.worker(0).at(20).start(1).at(30).block(1).at(40).unblock(1).at(50).finish(1);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1),
              ElementsAre("10 waiting for inputs", "10 queued in cpu inbox", "20 running on cpu 0",
                          "30 suspended on cpu 0", "40 running on cpu 0", "50 done"));
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-50", "1 suspended 30-40"));
}

TEST(Index, ATaskThatLentItsSlotGoesOnInAnotherOne) {
  story s;
  s.main().at(10).submit(1).submit(2);
  s.worker(0).at(20).start(1).at(30).block(1, 2);
  s.worker(1).in_slot(0).at(32).start(2).at(60).finish(2);
  s.worker(0).in_slot(3).at(65).unblock(1).at(70).finish(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-30 goes on", "2 run 32-60"));
  EXPECT_THAT(bars_on(index, "cpu 3"), ElementsAre("1 run 65-70 came over"));
  EXPECT_EQ(state_at(index, 1, 40), task_state::suspended);
}

TEST(Index, AWholeStackOfTasksMovesTogether) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3);
  s.worker(0).at(20).start(1).at(21).start(2).at(30).block(2);
  s.worker(1).in_slot(0).at(32).start(3).at(60).finish(3);
  s.worker(0).in_slot(1).at(65).unblock(2).at(70).finish(2).at(80).finish(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "cpu 0"),
              ElementsAre("1 run 20-30 goes on", "  2 run 21-30 goes on", "3 run 32-60"));
  EXPECT_THAT(bars_on(index, "cpu 1"),
              ElementsAre("1 run 65-80 came over", "  2 run 65-70 came over"));
}

TEST(Index, ATaskMayComeBackToTheSlotThatItLent) {
  story s;
  s.main().at(10).submit(1).submit(2);
  s.worker(0).at(20).start(1).at(30).block(1, 2);
  s.worker(1).in_slot(0).at(32).unpark().start(2).at(40).finish(2).at(41).park();
  s.worker(0).at(45).unblock(1).at(70).finish(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "cpu 0"),
              ElementsAre("1 run 20-30 goes on", "2 run 32-40", "1 run 45-70 came over"));
}

TEST(Index, AWorkerThatParkedDoesNotHoldItsSlot) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3);
  s.worker(0).at(20).start(1).at(25).finish(1).park();
  s.worker(1).in_slot(0).at(30).unpark().start(2).at(35).block(2);
  s.worker(0).at(40).unpark().start(3).at(45).finish(3);
  s.worker(1).in_slot(1).at(50).unblock(2).at(55).finish(2);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "cpu 0"),
              ElementsAre("1 run 20-25", "2 run 30-35 goes on", "3 run 40-45"));
  EXPECT_THAT(bars_on(index, "cpu 1"), ElementsAre("2 run 50-55 came over"));
}

TEST(Index, AStolenTaskIsInTheThiefsDeque) {
  story s;
  s.worker(0).at(10).submit(1).enqueue(1, in::deque);
  s.worker(1).at(20).steal(1, 0).at(22).start(1).at(30).finish(1);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1),
              ElementsAre("10 waiting for inputs", "10 queued in cpu 0", "20 queued in cpu 1",
                          "22 running on cpu 1", "30 done"));
  EXPECT_THAT(queued(index, "cpu 0", 15), ElementsAre(1U));
  EXPECT_THAT(queued(index, "cpu 0", 20), IsEmpty());
}

TEST(Index, ARetriedTaskWaitsOutItsPauseBetweenItsRuns) {
  story s;
  s.main().at(10).submit(1).enqueue(1, in::inbox);
  s.worker(0).at(20).start(1).at(30).retry(1, 1);
  s.main().at(80).ready(1).at(81).enqueue(1, in::inbox);
  s.worker(0).at(90).start(1, 1).at(95).finish(1);
  const index index(s.told());
  EXPECT_THAT(
      life_of(index, 1),
      ElementsAre("10 waiting for inputs", "10 queued in cpu inbox", "20 running on cpu 0",
                  "30 waiting to retry in waiting to retry", "80 queued in waiting for a place",
                  "81 queued in cpu inbox", "90 running on cpu 0", "95 done"));
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-30 failed", "1 run 90-95 attempt 1"));
  EXPECT_THAT(queued(index, "waiting to retry", 79), ElementsAre(1U));
  EXPECT_EQ(index.state_of(0, 85)->attempt, 1);
}

TEST(Index, AttemptsBeyondTheLargestNumberAreTheLargestNumber) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1, 1'000).at(30).finish(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-30 attempt 255"));
}

TEST(Index, ATaskMayWaitForTags) {
  story s;
  s.main().at(10).submit(1).ready(1).enqueue(1, in::tags);
  s.worker(0).at(20).route(1, 0).acquire(1).at(21).enqueue(1, in::priority);
  s.worker(0).at(22).start(1).at(30).release(1).finish(1);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1),
              ElementsAre("10 waiting for inputs", "10 queued in waiting for a place",
                          "10 waiting for tags in waiting for tags", "21 queued in cpu by priority",
                          "22 running on cpu 0", "30 done"));
}

TEST(Index, ATaskMayWaitForAStream) {
  story s;
  s.main().at(10).submit(1).enqueue(1, in::stream);
  s.worker(0).at(20).start(1);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1),
              ElementsAre("10 waiting for inputs", "10 waiting for tags in waiting for a stream",
                          "20 running on cpu 0"));
}

TEST(Index, AQueuedTaskMayBeCancelled) {
  story s;
  s.main().at(10).submit(1).enqueue(1, in::inbox).at(20).cancel(1);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1),
              ElementsAre("10 waiting for inputs", "10 queued in cpu inbox", "20 cancelled"));
  EXPECT_EQ(index.completed_at(20), 1U);
  EXPECT_EQ(index.length_at(queue_named(index, "cpu inbox"), 20), 0U);
}

TEST(Index, ATaskFailsWithItsInput) {
  story s;
  s.main().at(10).submit(1).submit(2).dependency(2, 1);
  s.worker(0).at(20).start(1).at(30).fail(1).at(31).fail(2);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-30 failed"));
  EXPECT_THAT(life_of(index, 2), ElementsAre("10 waiting for inputs", "31 failed"));
}

TEST(Index, CompletionsComeInTheOrderOfEnding) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3);
  s.worker(0).at(20).start(3);
  s.worker(1).at(20).start(1).at(25).finish(1);
  s.worker(0).at(30).fail(3);
  s.main().at(40).cancel(2);
  const index index(s.told());
  std::vector<std::uint64_t> order;
  for (const auto c : index.completions())
    order.push_back(index.tasks()[index.events()[index.changes()[c].event].task].id);
  EXPECT_THAT(order, ElementsAre(1U, 3U, 2U));
  EXPECT_EQ(index.completed_at(29), 1U);
  EXPECT_EQ(index.counts_at(35)[static_cast<std::size_t>(task_state::failed)], 1U);
}

TEST(Index, QueuesTellWhoWaitsFromEitherEnd) {
  story s;
  auto main = s.main();
  for (std::uint64_t i = 1; i <= 4; ++i)
    main.at(static_cast<std::int64_t>(10 * i)).submit(i).enqueue(i, in::inbox);
  s.worker(0).at(50).start(2);
  const index index(s.told());
  EXPECT_THAT(queued(index, "cpu inbox", 30), ElementsAre(1U, 2U, 3U));
  EXPECT_THAT(queued(index, "cpu inbox", 50), ElementsAre(1U, 3U, 4U));
  EXPECT_THAT(queued(index, "cpu inbox", 50, index::first::newest, 2), ElementsAre(4U, 3U));
  EXPECT_THAT(queued(index, "cpu inbox", 50, index::first::newest, 0), IsEmpty());
  EXPECT_EQ(index.length_at(queue_named(index, "cpu inbox"), 50), 3U);
}

// ---- Devices.

TEST(Index, AGpuTaskIsOnItsStreamUntilTheDeviceHasDoneIt) {
  story s;
  s.main().at(10).submit(1).enqueue(1, in::inbox);
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 2);
  s.span(1, 2, 30, 60, device_work::task, time_grade::stamped, 3);
  s.main().at(65).finish(1);
  const index index(s.told());
  EXPECT_TRUE(index.simulated());
  EXPECT_THAT(life_of(index, 1), ElementsAre("10 waiting for inputs", "10 queued in cpu inbox",
                                             "20 running on cpu 0", "25 queued in gpu:0 stream 2",
                                             "27 running on gpu:0 stream 2", "65 done"));
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-25"));
  EXPECT_THAT(bars_on(index, "gpu:0 stream 2"), ElementsAre("1 device 27-63 sure 33-57"));
  const auto bar = index.bar_at(lane_named(index, "gpu:0 stream 2"), 0);
  EXPECT_THAT(index.uncertainty(bar), Pair(3, 3));
  EXPECT_THAT(index.uncertainty(index.bar_at(lane_named(index, "cpu 0"), 0)), Pair(0, 0));
}

TEST(Index, AKernelMayBeginBeforeAllIsIssued) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1);
  s.span(1, 0, 22, 60);
  s.worker(0).at(25).issue(1, 1, 0);
  s.main().at(65).finish(1);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1), ElementsAre("10 waiting for inputs", "20 running on cpu 0",
                                             "25 running on gpu:0 stream 0", "65 done"));
}

TEST(Index, TheBestGradeOfAnAttemptCounts) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 0);
  s.span(1, 0, 26, 64, device_work::task, time_grade::observed);
  s.span(1, 0, 30, 60, device_work::task, time_grade::stamped);
  s.main().at(65).finish(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"), ElementsAre("1 device 30-60"));
}

TEST(Index, EachAttemptOnADeviceHasItsOwnBar) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 0);
  s.span(1, 0, 26, 39, device_work::task, time_grade::observed);
  s.worker(0).at(40).retry(1, 1).at(50).start(1, 1).at(55).issue(1, 1, 0);
  s.span(1, 0, 56, 64, device_work::task, time_grade::observed);
  s.span(1, 0, 60, 62, device_work::task, time_grade::stamped);
  s.main().at(65).finish(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"),
              ElementsAre("1 device 26-39", "1 device 60-62 attempt 1"));
  EXPECT_EQ(state_at(index, 1, 58), task_state::queued) << "the first attempt's span is over";
}

TEST(Index, ProfiledPiecesStandForTheWhole) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 0);
  s.span(1, 0, 26, 64, device_work::task, time_grade::observed);
  s.span(1, 0, 30, 40, device_work::to_device, time_grade::profiled);
  s.span(1, 0, 42, 50, device_work::kernel, time_grade::profiled);
  s.span(1, 0, 52, 60, device_work::to_host, time_grade::profiled);
  s.main().at(65).finish(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"), ElementsAre("1 device 42-50"));
  EXPECT_THAT(bars_on(index, "gpu:0 copies in"), ElementsAre("1 copy 30-40"));
  EXPECT_THAT(bars_on(index, "gpu:0 copies out"), ElementsAre("1 copy 52-60"));
  EXPECT_THAT(
      life_of(index, 1),
      ElementsAre("10 waiting for inputs", "20 running on cpu 0", "25 queued in gpu:0 stream 0",
                  "30 copying on gpu:0 copies in", "40 queued in gpu:0 stream 0",
                  "42 running on gpu:0 stream 0", "52 copying on gpu:0 copies out", "65 done"));
}

TEST(Index, OfWhatTheHostOnlyObservedNothingIsSure) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 0);
  s.observed(1, 0, 21, 40, 60);
  s.main().at(62).finish(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"), ElementsAre("1 device 21-60 nothing sure"));
  EXPECT_THAT(life_of(index, 1), ElementsAre("10 waiting for inputs", "20 running on cpu 0",
                                             "25 running on gpu:0 stream 0", "62 done"))
      << "in turn or at work, from when it was enqueued";
}

TEST(Index, OfWhatADeviceStampedTheMiddleIsSure) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 0);
  s.span(1, 0, 30, 60, device_work::task, time_grade::stamped, 3);
  s.main().at(65).finish(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"), ElementsAre("1 device 27-63 sure 33-57"));
  EXPECT_TRUE(index.has_device_work());
}

TEST(Index, WhatIsShorterThanItsTimesAreKnownHasNoSurePart) {
  story s;
  s.main().at(10).submit(1).at(90).finish(1);
  s.span(1, 0, 40, 44, device_work::task, time_grade::stamped, 3);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"), ElementsAre("1 device 37-47 nothing sure"));
}

TEST(Index, WhatAStreamDoesInTurnSharesARowWhereTimesAreNotSure) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3).at(99).finish(1).finish(2).finish(3);
  s.observed(1, 0, 20, 40, 60).observed(2, 0, 40, 50, 60).observed(3, 0, 50, 70, 90);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"),
              ElementsAre("1 device 20-60 nothing sure", "2 device 40-60 nothing sure",
                          "3 device 50-90 nothing sure"));
  EXPECT_EQ(index.rows_of(lane_named(index, "gpu:0 stream 0")), 1U);
}

TEST(Index, OnlyWhatSurelyOverlapsNeedsAnotherRow) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3).at(99).finish(1).finish(2).finish(3);
  const auto stamped = time_grade::stamped;
  s.span(1, 0, 20, 50, device_work::task, stamped, 3);
  s.span(2, 0, 45, 70, device_work::task, stamped, 3);  // sure from 48, the first until 47
  s.span(3, 0, 60, 80, device_work::task, stamped, 3);  // sure from 63, the second until 67
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"),
              ElementsAre("1 device 17-53 sure 23-47", "2 device 42-73 sure 48-67",
                          "  3 device 57-83 sure 63-77"));
}

TEST(Index, AShortSpanWithinALongOneSurelyOverlapsIt) {
  story s;
  s.main().at(10).submit(1).submit(2).at(99).finish(1).finish(2);
  s.span(1, 0, 20, 80, device_work::kernel, time_grade::profiled);
  s.span(2, 0, 40, 42, device_work::kernel, time_grade::profiled, 4);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"),
              ElementsAre("1 device 20-80", "  2 device 36-46 nothing sure"));
}

TEST(Index, StampsThatReachBeyondWhatWasObservedAreOfTheSameAttempt) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 0);
  s.observed(1, 0, 21, 30, 40);
  s.span(1, 0, 22, 24, device_work::task, time_grade::stamped, 2);
  s.worker(0).at(41).retry(1, 1).at(42).start(1, 1).at(43).issue(1, 1, 0);
  s.observed(1, 0, 43, 60, 62);
  s.span(1, 0, 58, 61, device_work::task, time_grade::stamped, 2);
  s.main().at(65).finish(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"),
              ElementsAre("1 device 20-26 nothing sure", "1 device 56-63 nothing sure attempt 1"));
}

TEST(Index, WhatOverlapsOnAStreamLiesInRows) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3).at(90).finish(1).finish(2).finish(3);
  s.span(2, 0, 40, 70).span(1, 0, 30, 60).span(3, 0, 60, 80);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"),
              ElementsAre("1 device 30-60", "  2 device 40-70", "3 device 60-80"));
}

TEST(Index, WhatTakesNoTimeOnAStreamNeedsNoRow) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3).at(90).finish(1).finish(2).finish(3);
  s.span(1, 0, 60, 80).span(2, 0, 60, 60).span(3, 0, 30, 60);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 stream 0"),
              ElementsAre("3 device 30-60", "2 device 60-60", "1 device 60-80"));
}

TEST(Index, ACopyOfNoTaskIsDrawnToo) {
  story s;
  s.main().at(10).submit(1).at(90).finish(1);
  s.span(0, -1, 40, 50, device_work::to_host, time_grade::profiled);
  s.span(0, -1, 45, 60, device_work::to_host, time_grade::profiled);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0 copies out"), ElementsAre("- copy 40-50", "  - copy 45-60"));
}

TEST(Index, SpansInVirtualTimeAreLeftOut) {
  story s;
  s.main().at(10).submit(1).at(90).finish(1);
  auto told = s.told();
  told.spans.push_back(
      {20, 0, {1, 1, 0, device_work::task, time_grade::stamped, true, 0, 0, 500, 500, 0}});
  const index index(std::move(told));
  EXPECT_TRUE(index.simulated());
  EXPECT_THAT(index.spans(), IsEmpty());
  EXPECT_THAT(life_of(index, 1), ElementsAre("10 waiting for inputs", "90 done"));
}

TEST(Index, ADeviceThatCannotGivesTheTaskBack) {
  story s;
  s.main().at(10).submit(1).route(1, 0);
  s.worker(0).at(20).start(1).at(25).fall_back(1, 1).at(26).enqueue(1, in::inbox);
  s.worker(1).at(30).start(1).at(40).finish(1);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1),
              ElementsAre("10 waiting for inputs", "20 running on cpu 0",
                          "25 queued in waiting for a place", "26 queued in cpu inbox",
                          "30 running on cpu 1", "40 done"));
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-25 failed"));
}

TEST(Index, APlaceThatATaskElsewhereReservesShowsWhoHasIt) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3);
  s.worker(0).at(20).route(1, 0).acquire(1, "gpu", 1, 1).start(1);
  s.worker(1).at(22).route(2, 0).acquire(2, "gpu", 1, 1).start(2);
  s.worker(2).at(23).route(3, 0).acquire(3, "licence", 0xFFFF'FFFF, 1).start(3);
  s.worker(0).at(28).release(1, "lens", 0, 1).at(30).release(1, "gpu", 1, 1).at(32).finish(1);
  s.worker(1).at(40).release(2, "gpu", 1, 1).finish(2);
  s.worker(2).at(40).release(3, "licence", 0xFFFF'FFFF, 1).finish(3);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0"), ElementsAre("1 reserved 20-30", "  2 reserved 22-40"));
  EXPECT_EQ(index.lanes()[lane_named(index, "gpu:0")].what, fronta::viz::lane::kind::reserved);
}

TEST(Index, WhatAGpuTaskOrItsOwnPlaceReservesHasNoLane) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3);
  s.worker(0).at(20).route(1, 1).acquire(1, "gpu", 1, 1).start(1).at(22).issue(1, 1, 0);
  s.worker(0)
      .at(25)
      .route(2, 0)
      .acquire(2, "cpu", 0, 1)
      .start(2)
      .at(30)
      .release(2, "cpu", 0, 1)
      .finish(2);
  s.worker(0).at(31).acquire(3).start(3).at(35).release(3).finish(3);
  const index index(s.told());
  EXPECT_EQ(lane_named(index, "gpu:0"), none);
  EXPECT_EQ(lane_named(index, "cpu"), none);
}

TEST(Index, AReservationEndsWithItsTaskAtTheLatest) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).route(1, 0).acquire(1, "gpu", 1, 1).start(1).at(30).finish(1).at(90).park();
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "gpu:0"), ElementsAre("1 reserved 20-30 lost"));
}

// ---- Workers, and what a program tells.

TEST(Index, ParkedTimesAndReasonsForBlanks) {
  story s;
  s.worker(0).at(5).park();
  s.main().at(10).submit(1).enqueue(1, in::tags).at(12).submit(2).enqueue(2, in::inbox);
  s.worker(0).at(20).unpark().start(2).at(30).finish(2).at(32).park();
  const index index(s.told());
  const auto lane = lane_named(index, "cpu 0");
  EXPECT_THAT(index.parked(lane), ElementsAre(Pair(5, 20), Pair(32, forever)));
  EXPECT_EQ(index.why_blank(lane, 4), "not started yet");
  EXPECT_EQ(index.why_blank(lane, 6), "sleeps: nothing to do");
  EXPECT_EQ(index.why_blank(lane, 11), "sleeps: 1 task waits for tags");
  EXPECT_EQ(index.why_blank(lane, 31), "between tasks");
  EXPECT_EQ(index.why_blank(lane, 100), "not known");
}

TEST(Index, AStartShowsThatAWorkerIsAwake) {
  story s;
  s.main().at(1).submit(1);
  s.worker(0).at(5).park().at(20).start(1).at(30).finish(1);
  const index index(s.told());
  EXPECT_THAT(index.parked(lane_named(index, "cpu 0")), ElementsAre(Pair(5, 20)));
}

TEST(Index, BlanksOfAStreamHaveReasonsToo) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 0);
  s.span(1, 0, 40, 60);
  s.main().at(65).finish(1);
  const index index(s.told());
  const auto lane = lane_named(index, "gpu:0 stream 0");
  EXPECT_EQ(index.why_blank(lane, 20), "nothing enqueued");
  EXPECT_EQ(index.why_blank(lane, 30), "what is enqueued waits");
}

std::vector<std::string> blanks_on(const index& of, std::string_view lane, std::int64_t from,
                                   std::int64_t to, std::int64_t least = 1) {
  std::vector<std::string> words;
  for (const auto& b : of.blanks(lane_named(of, lane), from, to, least))
    words.push_back(std::to_string(b.begin) + '-' + std::to_string(b.end) + ' ' + b.why);
  return words;
}

TEST(Index, ABlankHasAReasonForEachPartOfIt) {
  story s;
  s.main().at(1).submit(1).submit(2).at(10).ready(1).enqueue(1, in::tags);
  s.main().at(25).ready(2).enqueue(2, in::tags);
  s.worker(0).at(3).worker_start().at(5).park().at(40).unpark().at(45).start(1).at(50).finish(1);
  s.worker(0).at(52).start(2).at(54).finish(2).at(60).park();
  s.worker(0).at(70).worker_exit();
  s.main().at(90).message("over");
  const index index(s.told());
  EXPECT_THAT(blanks_on(index, "cpu 0", 0, 45),
              ElementsAre("0-3 not started yet", "3-5 between tasks",
                          "5-10 sleeps: 2 tasks wait for inputs",
                          "10-40 sleeps: up to 2 tasks wait for tags", "40-45 between tasks"));
  EXPECT_THAT(blanks_on(index, "cpu 0", 54, 100),
              ElementsAre("54-60 between tasks", "60-70 sleeps: nothing to do",
                          "70-91 free: nothing to do", "91-100 not known"));
}

TEST(Index, PartsOfABlankThatCannotBeSeenBelongToTheirNeighbours) {
  story s;
  s.main().at(1).submit(1).at(100).message("over");
  s.worker(0).at(3).park();
  for (int t = 10; t < 90; t += 10) s.worker(0).at(t).unpark().at(t + 1).park();
  const index index(s.told());
  EXPECT_THAT(blanks_on(index, "cpu 0", 0, 100, 4),
              ElementsAre("0-100 sleeps: 1 task waits for inputs"));
  EXPECT_THAT(blanks_on(index, "cpu 0", 50, 61, 1),
              ElementsAre("50-51 between tasks", "51-60 sleeps: 1 task waits for inputs",
                          "60-61 between tasks"));
}

TEST(Index, ABlankOfAWorkerTellsOfItsOwnExecutorsTasksOnly) {
  story s;
  s.worker(0).at(3).park();
  s.worker(0, 2).at(3).park();
  s.main_to(2).at(10).submit(1).at(50).place(3, "over");
  s.main().at(10).submit(7).ready(7);
  const index index(s.told());
  const auto& lanes = index.lanes();
  ASSERT_EQ(lanes.size(), 2U);
  EXPECT_EQ(index.why_blank(0, 20), "sleeps: 1 task waits for a worker");
  EXPECT_EQ(index.why_blank(1, 20), "sleeps: 1 task waits for inputs");
  EXPECT_EQ(index.counts_at(20, 2)[static_cast<std::size_t>(task_state::waiting_inputs)], 1U);
  EXPECT_EQ(index.counts_at(20, 1)[static_cast<std::size_t>(task_state::waiting_inputs)], 0U);
  EXPECT_EQ(index.counts_at(20, 9), std::vector<std::uint32_t>(fronta::viz::task_states));
}

TEST(Index, WhereEventsOfItsWorkerAreMissingALaneSaysSo) {
  story s;
  s.main().at(1).submit(1).submit(2);
  s.worker(0).at(5).start(1).at(10).finish(1).at(30).lose(7);
  s.worker(0).in_slot(1).at(40).start(2);
  s.worker(1).in_slot(2).at(2).park();
  s.main().at(50).message("over");
  const index index(s.told());
  EXPECT_THAT(blanks_on(index, "cpu 0", 10, 50),
              ElementsAre("10-30 events missing", "30-50 between tasks"));
  EXPECT_THAT(blanks_on(index, "cpu 1", 0, 40),
              ElementsAre("0-10 not started yet", "10-30 events missing", "30-40 not started yet"))
      << "it may have been there";
  EXPECT_EQ(index.why_blank(lane_named(index, "cpu 2"), 20), "sleeps: 1 task waits for inputs");
}

TEST(Index, ASlotWhoseWorkerHasEndedMayGetAnotherOne) {
  story s;
  s.worker(0).at(3).worker_start().at(10).worker_exit();
  s.worker(1).in_slot(0).at(20).worker_start().at(22).park().at(40).message("over");
  s.worker(0).at(30).worker_exit();  // it has no say there any more
  const index index(s.told());
  EXPECT_THAT(blanks_on(index, "cpu 0", 0, 40),
              ElementsAre("0-3 not started yet", "3-10 between tasks", "10-20 free: nothing to do",
                          "20-22 between tasks", "22-40 sleeps: nothing to do"));
}

TEST(Index, ASlotThatIsLentAndTakenByNobodyIsFree) {
  story s;
  s.main().at(0).submit(1).submit(2).at(12).submit(3).enqueue(3, in::deque);
  s.worker(0).at(3).start(1).at(10).block(1).at(30).message("elsewhere");
  s.worker(1).in_slot(0).at(20).start(2).at(25).finish(2).at(40).message("over");
  const index index(s.told());
  EXPECT_THAT(blanks_on(index, "cpu 0", 10, 25),
              ElementsAre("10-20 free: 1 task waits for inputs", "20-25 between tasks"));
}

TEST(Index, NoOtherThreadComesToASlotOfAClosedExecutor) {
  story s;
  s.worker(0).at(3).worker_start().at(10).worker_exit();
  s.main().at(20).tell(fronta::trace::event_kind::executor_close, 0).at(30).message("over");
  const index index(s.told());
  EXPECT_THAT(blanks_on(index, "cpu 0", 3, 30),
              ElementsAre("3-10 between tasks", "10-20 free: nothing to do",
                          "20-30 the executor is closed"));
}

TEST(Index, ABlankOfAStreamSaysWhenSomethingWaitsThere) {
  story s;
  s.main().at(10).submit(1).submit(2);
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 0).at(26).start(2).at(27).issue(2, 1, 0);
  s.span(1, 0, 40, 60).span(2, 0, 60, 80);
  s.main().at(90).finish(1).finish(2);
  const index index(s.told());
  EXPECT_THAT(blanks_on(index, "gpu:0 stream 0", 10, 40),
              ElementsAre("10-25 nothing enqueued", "25-40 what is enqueued waits"));
}

TEST(Index, WhereVeryMuchChangesABlankSaysWhatIsMostlySo) {
  story s;
  s.worker(0).at(0).park();
  auto main = s.main();
  for (std::uint64_t i = 1; i <= 10'000; ++i)
    main.at(static_cast<std::int64_t>(100 * i)).submit(i).ready(i);
  const index index(s.told());
  EXPECT_THAT(blanks_on(index, "cpu 0", 0, 1'000'000, 100),
              ElementsAre("0-62500 sleeps, mostly: nothing to do",
                          "62500-1000000 sleeps, mostly: up to 9375 tasks wait for a worker"));
}

TEST(Index, CpuTimeIsThatOfTheBarsThread) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3).submit(4);
  s.worker(0).at(20).start(1).cpu_time(1, 1'000).at(40).start(2).cpu_time(2, 1'012);
  s.worker(0).at(60).finish(2).cpu_time(2, 1'027).at(80).finish(1).cpu_time(1, 1'040);
  s.worker(0).at(90).start(3).cpu_time(3, 1'041).at(95).block(3).cpu_time(3, 1'045);
  s.worker(1).in_slot(0).at(96).start(4).at(99).finish(4).cpu_time(4, 17);
  s.worker(0).in_slot(1).at(110).unblock(3).cpu_time(3, 1'046).at(120).finish(3).cpu_time(3, 1'050);
  const index index(s.told());
  const auto cpu = [&](std::string_view lane, std::size_t nth) {
    return fronta::viz::index::cpu_time_of(index.bar_at(lane_named(index, lane), nth));
  };
  EXPECT_EQ(cpu("cpu 0", 0), 40) << "with what it ran within";
  EXPECT_EQ(cpu("cpu 0", 1), 15);
  EXPECT_EQ(cpu("cpu 0", 2), 4) << "until it lent its slot";
  EXPECT_EQ(cpu("cpu 0", 3), std::nullopt) << "its begin was not told";
  EXPECT_EQ(cpu("cpu 1", 0), 4);
}

TEST(Index, AttemptsThatDoNotEndTheirTaskHaveCpuTimeToo) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3);
  s.worker(0).at(20).start(1).cpu_time(1, 100).at(30).retry(1, 1).cpu_time(1, 107);
  s.worker(0).at(40).start(2).cpu_time(2, 110).at(50).issue(2, 1, 0).cpu_time(2, 114);
  s.worker(0).at(60).start(3).cpu_time(3, 120).at(70).fall_back(3, 1).cpu_time(3, 129);
  const index index(s.told());
  std::vector<std::optional<std::int64_t>> cpu;
  for (std::size_t nth = 0; nth < 3; ++nth) {
    const auto bar = index.bar_at(lane_named(index, "cpu 0"), nth);
    cpu.push_back(fronta::viz::index::cpu_time_of(bar));
  }
  EXPECT_THAT(cpu, ElementsAre(7, 4, 9));
}

TEST(Index, AWaitThatEndsInAnotherSlotTakesNoCpuTime) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1).cpu_time(1, 100).at(30).block(1).cpu_time(1, 107);
  s.worker(0).in_slot(1).at(50).unblock(1).cpu_time(1, 108).at(60).finish(1).cpu_time(1, 112);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-50 goes on", "1 suspended 30-50"));
  EXPECT_EQ(fronta::viz::index::cpu_time_of(index.bar_at(lane_named(index, "cpu 0"), 0)), 7);
  EXPECT_EQ(fronta::viz::index::cpu_time_of(index.bar_at(lane_named(index, "cpu 1"), 0)), 4);
}

TEST(Index, CoresAndWorkersAreAsTheTraceTells) {
  story s;
  s.worker(0).at(20).park();
  s.worker(2).at(20).park();
  auto told = s.told();
  told.cores = 2;
  EXPECT_EQ(index(told).cores(), 2U);
  EXPECT_EQ(index(told).workers(), 2U) << "those that were seen";
  s.main().at(1).tell(fronta::trace::event_kind::workers, 0, 4);
  s.main().at(1).tell(fronta::trace::event_kind::workers, 0, std::uint64_t{2} << 32U | 3U);
  EXPECT_EQ(index(s.told()).workers(), 7U);
  EXPECT_EQ(index(s.told()).cores(), 0U);
}

TEST(Index, WorkersOfExecutorsThatFollowEachOtherAreNotAddedUp) {
  using kind = fronta::trace::event_kind;
  story s;
  for (std::uint16_t executor = 1; executor <= 3; ++executor) {
    s.main_to(executor).at(10 * executor).tell(kind::place, 0, 0, "cpu").tell(kind::workers, 0, 2);
    if (executor != 3) s.main_to(executor).at(10 * executor + 5).tell(kind::executor_close, 0);
  }
  s.main_to(4).at(32).tell(kind::place, 0, 0, "cpu").tell(kind::workers, 0, 1);
  EXPECT_EQ(index(s.told()).workers(), 3U);
}

TEST(Index, ExecutorsWhosePlacesHaveOneNameAreToldApart) {
  const auto names_of = [](std::string_view place) {
    story s;
    s.main_to(2).at(0).place(0, place).submit(1).enqueue(1, fronta::trace::queue::inbox);
    s.worker(0).at(1).start(1);
    s.worker(0, 2).at(2).start(1).at(3).finish(1);
    const index of(s.told());
    std::vector<std::string> names{std::string(of.place_name(2, 0))};
    std::ranges::transform(of.lanes(), std::back_inserter(names), &fronta::viz::lane::name);
    std::ranges::transform(of.queues(), std::back_inserter(names), &fronta::viz::queue::name);
    return names;
  };
  EXPECT_THAT(names_of("cpu"),
              ::testing::IsSupersetOf({"executor 2: cpu", "executor 1: cpu 0", "executor 2: cpu 0",
                                       "executor 2: cpu inbox"}));
  EXPECT_THAT(names_of("pool"), ::testing::IsSupersetOf({"pool", "cpu 0", "pool 0", "pool inbox"}));
}

TEST(Index, MissingRecordsOfDevicesAreCounted) {
  story s;
  s.main().at(5).tell(fronta::trace::event_kind::lost_records, 0, std::uint64_t{1} << 32U | 12U);
  s.main().at(6).tell(fronta::trace::event_kind::lost_records, 0, std::uint64_t{2} << 32U | 3U);
  EXPECT_EQ(index(s.told()).dropped_records(), 15U);
}

TEST(Index, StatesThatOccurAreKnownExactly) {
  story s;
  auto main = s.main();
  for (std::uint64_t i = 1; i <= 3'000; ++i) main.at(static_cast<std::int64_t>(i)).submit(i);
  main.at(4'000).cancel(1'501);
  const index index(s.told());
  EXPECT_TRUE(index.has(task_state::cancelled));
  EXPECT_TRUE(index.has(task_state::waiting_inputs));
  EXPECT_FALSE(index.has(task_state::running));
  EXPECT_FALSE(index.has(task_state::done));
  EXPECT_FALSE(index.has_device_work());
}

// ---- Short bars taken together.

// 64 bars have their sums together, so that a picture need not look at each.
TEST(Index, TakesBarsThatHaveTheirSumsTogetherWhereTheyCannotBeToldApart) {
  story s;
  for (std::uint64_t t = 1; t <= 200; ++t) {
    const auto at = static_cast<std::int64_t>(t) * 10;
    s.main().at(at).submit(t);
    s.worker(0).at(at).start(t).at(at + 5).finish(t);
  }
  s.worker(0).at(3'000).message("the end");
  const index index(s.told());
  const auto lane = lane_named(index, "cpu 0");
  const auto taken = [&](std::size_t first, std::int64_t until, std::int64_t together,
                         std::int64_t at = forever) {
    const auto c = index.cluster_from(lane, first, until, 100, at, together);
    EXPECT_EQ(c.rows[0].bars, c.next - first);
    EXPECT_EQ(c.busy, 5 * static_cast<std::int64_t>(c.next - first)) << "of each once";
    EXPECT_EQ(c.end, index.bar_at(lane, c.next - 1).end);
    return c.next;
  };
  EXPECT_EQ(taken(0, 500, 0), 49U) << "those that begin before 500";
  EXPECT_EQ(taken(0, 500, 1'000), 64U);
  EXPECT_EQ(taken(0, 700, 1'000), 128U);
  EXPECT_EQ(taken(0, 1'000'000, 1'000), 200U);
  EXPECT_EQ(taken(10, 500, 1'000), 64U) << "also where it begins within them";
  EXPECT_EQ(taken(10, 650, 1'000), 64U) << "the next 64 may come after a gap";
  EXPECT_EQ(taken(0, 500, 600), 49U) << "635 can be told apart";
  EXPECT_EQ(taken(0, 500, 1'000, 640), 49U) << "not where some of them are to come";
}

TEST(Index, ABoxOfNestedBarsIsAsBusyAsTheWorkerWas) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3);
  s.worker(0).at(20).start(1).at(22).start(2).at(24).finish(2).at(26).block(1).at(30).unblock(1);
  s.worker(0).at(32).finish(1).at(40).start(3).at(45).finish(3);
  const index index(s.told());
  const auto lane = lane_named(index, "cpu 0");
  const auto all = index.cluster_from(lane, 0, forever, 100);
  ASSERT_EQ(all.rows.size(), 1U);
  EXPECT_EQ(all.next, 4U);
  EXPECT_EQ(all.rows[0].busy, 13);
  EXPECT_EQ(all.rows[0].depth, 0);
  EXPECT_EQ(all.rows[0].bars, 4U);
  const auto inner = index.cluster_from(lane, 1, 35, 100);
  ASSERT_EQ(inner.rows.size(), 1U);
  EXPECT_EQ(inner.rows[0].busy, 2) << "of the one that lies within; the wait is none";
}

TEST(Index, AllOfALaneIsAsBusyAsItsWorkerHasBeenSoFar) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3).submit(5);
  s.worker(1).at(15).start(5);
  s.worker(0).at(20).start(1).at(30).block(1).at(32).start(2).at(35).finish(2).at(40).unblock(1);
  s.worker(0).at(50).block(1).at(60).start(3);
  s.worker(1).at(65).block(5).at(85).unblock(5);
  s.main().at(100).submit(4);
  const index index(s.told());
  const auto lane = lane_named(index, "cpu 0");
  const auto all = index.cluster_from(lane, 0, forever, forever, index.end());
  EXPECT_EQ(all.next, index.bars_of(lane));
  EXPECT_EQ(all.end, 100);
  EXPECT_EQ(all.busy, 10 + 3 + 10 + 40);
  const auto other = lane_named(index, "cpu 1");
  EXPECT_EQ(index.cluster_from(other, 0, forever, forever, index.end()).busy, 50 + 15);
  EXPECT_EQ(index.cluster_from(lane, 0, forever, 1'000, index.end()).next, 0U)
      << "how long it will be is not known";
}

TEST(Index, ABoxOfAStreamsBarsIsOneForEachRow) {
  story s;
  s.main().at(10).submit(1).at(90).finish(1);
  const auto kernel = [&](std::int64_t begin, std::int64_t end) {
    s.span(1, 0, begin, end, device_work::kernel, time_grade::profiled, 1);
  };
  kernel(20, 30);
  kernel(24, 28);
  kernel(31, 40);
  kernel(33, 37);
  const index index(s.told());
  const auto all = index.cluster_from(lane_named(index, "gpu:0 stream 0"), 0, forever, 100);
  ASSERT_EQ(all.rows.size(), 2U);
  EXPECT_EQ(all.rows[0].depth, 0);
  EXPECT_EQ(all.rows[0].busy, 8 + 7) << "what is sure";
  EXPECT_EQ(all.rows[0].begin, 19);
  EXPECT_EQ(all.rows[0].end, 41);
  EXPECT_EQ(all.rows[1].depth, 1);
  EXPECT_EQ(all.rows[1].bars, 2U);
  EXPECT_EQ(all.rows[1].busy, 2 + 2);
  EXPECT_EQ(all.rows[1].end, 38);
}

TEST(Index, ABoxDoesNotShowWhatComesLater) {
  story s;
  s.main().at(10).submit(1).submit(2);
  s.worker(0).at(20).start(1).at(30).finish(1).at(31).start(2).at(50).fail(2);
  const index index(s.told());
  const auto lane = lane_named(index, "cpu 0");
  const auto then = index.cluster_from(lane, 0, forever, 100, 40);
  EXPECT_EQ(then.rows[0].first_failure, forever);
  EXPECT_EQ(then.end, 40);
  EXPECT_EQ(then.busy, 19);
  EXPECT_NE(index.cluster_from(lane, 0, forever, 100, 50).rows[0].first_failure, forever);
  EXPECT_EQ(index.cluster_from(lane, 0, forever, 100, 31).next, 1U);
}

// ---- Several executors.

TEST(Index, TasksOfOtherExecutorsAreParentsAndInputsToo) {
  story s;
  // Both executors number their tasks alike.
  s.main().at(10).submit(7);
  s.main_to(2).at(10).submit(7).submit(8, "b", 7).dependency(8, 7).elsewhere(8, 1);
  s.main_to(2).submit(9, "c", 7).elsewhere(9, 1).dependency(9, 7);
  s.main_to(2).submit(10, "d", 7).elsewhere(10, 1).submit(11, "e", 7);
  const index index(s.told());
  const auto here = *index.find(1, 7);
  const auto there = *index.find(2, 7);
  EXPECT_EQ(index.tasks()[*index.find(2, 8)].parent, there);
  EXPECT_EQ(index.tasks()[*index.find(2, 9)].parent, here);
  EXPECT_EQ(index.tasks()[*index.find(2, 10)].parent, here);
  EXPECT_EQ(index.tasks()[*index.find(2, 11)].parent, there);
  ASSERT_EQ(edges_of(index).size(), 2U);
  EXPECT_EQ(edges_of(index)[0].from, here);
  EXPECT_EQ(edges_of(index)[1].from, there);
}

// What an event of a kind names, by the task's id and executor.
std::vector<std::string> others_of(const index& of, fronta::trace::event_kind kind) {
  std::vector<std::string> found;
  for (const auto& e : of.events()) {
    if (e.what() != kind) continue;
    if (e.names_none()) {
      found.emplace_back("nobody");
    } else if (e.other() == no_task) {
      found.emplace_back("unknown");
    } else {
      const auto& t = of.tasks()[e.other()];
      found.push_back(std::to_string(t.id) + " of " + std::to_string(t.executor));
    }
  }
  return found;
}

TEST(Index, SaysOfEachEventWhichTaskItNamesInWhicheverExecutor) {
  story s;
  s.main().at(10).submit(7).submit(8);
  s.main_to(2).at(10).submit(7);
  s.worker(0).at(20).start(8).at(30).block(8, 7).at(40).unblock(8);
  // CPU time comes between.
  s.worker(0).at(50).block(8, 7).cpu_time(8, 5).elsewhere(8, 2).at(60).unblock(8);
  s.worker(0).at(70).block(8, 99).at(71).unblock(8).block(8).at(72).unblock(8).block(8, 8);
  s.main().at(80).tell(event_kind::consume, 7, 8).tell(event_kind::consume, 7, 0);
  s.main_to(2).at(81).tell(event_kind::consume, 7, 8).elsewhere(7, 1);
  const index index(s.told());
  EXPECT_THAT(others_of(index, event_kind::block),
              ElementsAre("7 of 1", "7 of 2", "unknown", "nobody", "unknown"))
      << "nobody waits for itself";
  EXPECT_THAT(others_of(index, event_kind::consume), ElementsAre("8 of 1", "nobody", "8 of 1"));
  EXPECT_THAT(others_of(index, event_kind::submit), ElementsAre("nobody", "nobody", "nobody"));
  for (const auto& e : index.events()) {
    if (e.what() == event_kind::start || e.what() == event_kind::unblock) {
      EXPECT_EQ(e.other(), no_task);
    }
  }
}

TEST(Index, InOlderTracesTheParentIsWhoRunsWhereItIsSubmitted) {
  story s;
  s.main().at(10).submit(7);
  s.main_to(2).at(10).submit(7);
  s.worker(0).at(20).start(7);
  auto told = s.told();
  told.events.push_back(
      {30, told.events.back().thread, 0, {fronta::trace::event_kind::submit, 2, 0, 8, 7}});
  const index index(std::move(told));
  EXPECT_EQ(index.tasks()[*index.find(2, 8)].parent, *index.find(1, 7));
}

TEST(Index, OfWorkThatADeviceHasNotToldOfNobodyKnowsWhetherItWaits) {
  story s;
  s.main().at(10).submit(1).submit(2);
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 0).at(26).start(2).at(27).issue(2, 1, 0);
  s.span(1, 0, 40, 60);
  s.main().at(65).finish(1).at(80).submit(3);
  auto told = s.told();
  told.ended = false;
  const index index(told);
  const auto lane = lane_named(index, "gpu:0 stream 0");
  EXPECT_EQ(index.why_blank(lane, 30), "what is enqueued waits") << "the first told of itself";
  EXPECT_EQ(index.why_blank(lane, 70), "enqueued, not told of yet");
  ASSERT_TRUE(index.untold_at(lane, 70));
  EXPECT_EQ(index.untold_at(lane, 70)->first, 1U);
  EXPECT_EQ(index.untold_at(lane, 70)->tasks, 1U);
  EXPECT_EQ(index.untold_at(lane, 70)->since, 60);
  EXPECT_FALSE(index.untold_at(lane, 30));
  told.ended = true;
  EXPECT_EQ(fronta::viz::index(told).why_blank(lane, 70), "what is enqueued waits");
  EXPECT_FALSE(fronta::viz::index(told).untold_at(lane, 70));
}

TEST(Index, ATaskOfWhoseWorkADeviceHasToldAPartMayBeAtTheRest) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 0);
  s.span(1, 0, 40, 60, fronta::trace::device_work::kernel);
  s.span(1, 0, 30, 38, fronta::trace::device_work::to_device);
  s.main().at(80).submit(2);
  auto told = s.told();
  told.ended = false;
  const index index(told);
  const auto lane = lane_named(index, "gpu:0 stream 0");
  ASSERT_TRUE(index.untold_at(lane, 80));
  EXPECT_EQ(index.untold_at(lane, 80)->since, 60);
  EXPECT_EQ(index.why_blank(lane, 70), "enqueued, not told of yet");
  const auto copies = lane_named(index, "gpu:0 copies in");
  EXPECT_EQ(index.why_blank(copies, 28), "nothing to copy");
  EXPECT_EQ(index.why_blank(copies, 70), "no copy told of yet");
}

TEST(Index, ZonesNestAndMessagesAreMoments) {
  story s;
  s.main().at(5).submit(1);
  s.worker(0).at(10).start(1).zone("outer", 1).at(12).zone("inner", 1).message("here");
  s.worker(0).at(15).zone_end(1).at(20).zone_end(1).at(21).finish(1).zone_end();
  s.main().at(30).zone("waiting");
  const index index(s.told());
  ASSERT_EQ(index.notes(), 4U);
  const std::array notes{index.note_at(0), index.note_at(1), index.note_at(2), index.note_at(3)};
  EXPECT_EQ(index.text(notes[0].text), "outer");
  EXPECT_THAT(std::pair(notes[0].begin, notes[0].end), Pair(10, 20));
  EXPECT_EQ(notes[0].depth, 0);
  EXPECT_EQ(notes[0].lane, lane_named(index, "cpu 0"));
  EXPECT_EQ(notes[0].task, number_of(index, 1));
  EXPECT_THAT(std::pair(notes[1].begin, notes[1].end), Pair(12, 15));
  EXPECT_EQ(notes[1].depth, 1);
  EXPECT_EQ(index.text(notes[2].text), "here");
  EXPECT_THAT(std::pair(notes[2].begin, notes[2].end), Pair(12, 12));
  EXPECT_EQ(notes[3].end, forever);
  EXPECT_EQ(index.lanes()[notes[3].lane].name, "main");
  EXPECT_EQ(notes[3].task, no_task);
}

TEST(Index, CountersKeepTheirValuesByName) {
  story s;
  s.main().at(10).counter("depth", 1.5).at(20).counter("width", 7).at(30).counter("depth", -2);
  const index index(s.told());
  ASSERT_EQ(index.counters().size(), 2U);
  EXPECT_EQ(index.counters()[0].name, "depth");
  EXPECT_THAT(index.counters()[0].values, ElementsAre(Pair(10, 1.5), Pair(30, -2)));
  EXPECT_THAT(index.counters()[1].values, ElementsAre(Pair(20, 7)));
}

// ---- What a trace need not say, or says in another order.

TEST(Index, WhereEventsAreMissingTheRunningTaskIsUnknown) {
  story s;
  s.main().at(10).submit(1).submit(2).submit(3);
  s.worker(0).at(20).start(1).zone("z").at(25).start(2).at(40).lose(7).at(50).start(3);
  s.worker(0).at(60).finish(3);
  s.worker(1).at(70).finish(2);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1),
              ElementsAre("10 waiting for inputs", "20 running on cpu 0", "40 unknown"));
  EXPECT_THAT(life_of(index, 2),
              ElementsAre("10 waiting for inputs", "25 running on cpu 0", "40 unknown", "70 done"));
  EXPECT_THAT(bars_on(index, "cpu 0"),
              ElementsAre("1 run 20-40 lost", "  2 run 25-40 lost", "3 run 50-60"));
  EXPECT_EQ(index.note_at(0).end, 40);
}

TEST(Index, AnEnqueueThatIsSeenLateChangesNothing) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1);
  s.main().at(21).enqueue(1, in::inbox).ready(1);
  s.worker(0).at(22).finish(1);
  s.main().at(23).enqueue(1, in::inbox);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1),
              ElementsAre("10 waiting for inputs", "20 running on cpu 0", "22 done"));
  EXPECT_THAT(index.queues(), IsEmpty());
}

TEST(Index, ASubmitThatIsSeenLateStillNamesTheTask) {
  story s;
  s.worker(0).at(20).start(1);
  s.main().at(21).submit(1, "late");
  s.worker(0).at(30).finish(1);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1), ElementsAre("20 running on cpu 0", "30 done"));
  EXPECT_EQ(index.name_of(0), "late");
}

TEST(Index, AFinishWithoutAStartEndsTheTask) {
  story s;
  s.main().at(10).submit(1).enqueue(1, in::inbox);
  s.worker(0).at(30).finish(1);
  const index index(s.told());
  EXPECT_EQ(state_at(index, 1, 30), task_state::done);
  EXPECT_THAT(index.lanes(), IsEmpty());
}

TEST(Index, ATaskEndsOnce) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1).at(30).finish(1).at(31).fail(1).cancel(1).start(1).retry(1, 1);
  const index index(s.told());
  EXPECT_THAT(life_of(index, 1),
              ElementsAre("10 waiting for inputs", "20 running on cpu 0", "30 done"));
  EXPECT_EQ(index.completions().size(), 1U);
}

TEST(Index, ASlotThatIsSeenTakenTooEarlyCutsTheBarBeforeIt) {
  story s;
  s.main().at(10).submit(1).submit(2);
  s.worker(0).at(20).start(1);
  s.worker(1).in_slot(0).at(29).start(2);
  s.worker(0).at(30).fail(1);
  s.worker(1).in_slot(0).at(40).finish(2);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-29 failed", "2 run 29-40"));
  EXPECT_EQ(state_at(index, 1, 29), task_state::running);
}

TEST(Index, ARunThatNobodyEndedIsLostWhereAnotherTakesItsSlot) {
  story s;
  s.main().at(10).submit(1).submit(2);
  s.worker(0).at(20).start(1);
  s.worker(1).in_slot(0).at(29).start(2).at(40).finish(2);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-29 lost", "2 run 29-40"));
}

TEST(Index, WhatRunsWhenTheTraceStopsHasNoEnd) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).start(1).at(30).block(1);
  const index index(s.told());
  EXPECT_THAT(bars_on(index, "cpu 0"), ElementsAre("1 run 20-", "1 suspended 30-"));
  EXPECT_EQ(index.first_bar_after(0, 1'000'000), 0U);
  EXPECT_EQ(index.open_at(0, forever).size(), 0U) << "nothing is open after the end of time";
}

TEST(Index, UnknownAndImpossibleParentsAndInputsAreNone) {
  story s;
  s.main().at(10).submit(1, "a", 77).dependency(1, 78).submit(2, "b", 2).dependency(2, 2);
  s.main().at(11).submit(3, "c", 4).dependency(3, 4).submit(4, "d", 3).dependency(4, 3);
  const index index(s.told());
  EXPECT_EQ(index.tasks()[number_of(index, 1)].parent, no_task);
  EXPECT_EQ(index.tasks()[number_of(index, 2)].parent, no_task);
  EXPECT_EQ(index.tasks()[number_of(index, 3)].parent, no_task) << "not in a circle";
  EXPECT_EQ(index.tasks()[number_of(index, 4)].parent, number_of(index, 3));
  EXPECT_EQ(edges_of(index).size(), 1U);
}

TEST(Index, ThreadsAndTextsThatTheFileDoesNotHaveDoNoHarm) {
  story s;
  s.main().at(10).submit(1);
  auto told = s.told();
  told.events.push_back({20, 1'000'000, 99, {fronta::trace::event_kind::start, 1, 0, 1, 0}});
  told.events.push_back({21, 1'000'000, 99, {fronta::trace::event_kind::message, 1, -7, 1, 0}});
  told.texts.clear();
  const index index(std::move(told));
  EXPECT_EQ(state_at(index, 1, 20), task_state::running);
  EXPECT_EQ(index.text(index.note_at(0).text), "");
}

TEST(Index, AnEmptyTraceHasNothing) {
  const index index(fronta::trace::file_contents{});
  EXPECT_THAT(index.tasks(), IsEmpty());
  EXPECT_EQ(index.begin(), 0);
  EXPECT_EQ(index.end(), 0);
  EXPECT_EQ(index.last_event(0), none);
  EXPECT_EQ(index.counts_at(0), std::vector<std::uint32_t>(fronta::viz::task_states));
  EXPECT_EQ(index.find(1, 1), std::nullopt);
}

TEST(Index, ExecutorsMayUseTheSameIds) {
  fronta::trace::file_contents told;
  told.threads.push_back({1, "a", 1, 0});
  told.threads.push_back({2, "b", 2, 0});
  using kind = fronta::trace::event_kind;
  told.events.push_back({1, 0, 0, {kind::submit, 1, 0, 7, 0}});
  told.events.push_back({2, 1, 0, {kind::submit, 2, 0, 7, 0}});
  told.events.push_back({3, 0, 0, {kind::start, 1, 0, 7, 0}});
  told.events.push_back({4, 1, 0, {kind::start, 2, 0, 7, 0}});
  told.events.push_back({5, 1, 0, {kind::finish, 2, 0, 7, 0}});
  const index index(std::move(told));
  ASSERT_EQ(index.tasks().size(), 2U);
  EXPECT_EQ(index.lanes().size(), 2U);
  EXPECT_EQ(index.state_of(*index.find(1, 7), 5)->state, task_state::running);
  EXPECT_EQ(index.state_of(*index.find(2, 7), 5)->state, task_state::done);
}

TEST(Index, TimesAtTheEndsOfTheScaleAreOnlyTimes) {
  using limits = std::numeric_limits<std::int64_t>;
  for (const auto origin : {limits::min(), std::int64_t{0}, limits::max()}) {
    story s;
    s.main().at(limits::min()).submit(1).submit(2);
    s.worker(1).start(2).at(limits::max()).finish(2);
    s.worker(0).at(0).start(1).at(limits::max()).finish(1);
    auto told = s.told();
    told.origin_steady = origin;
    told.known_until = limits::max();
    for (const auto a : {limits::min(), std::int64_t{-5}, limits::max()}) {
      for (const auto b : {limits::min(), std::int64_t{5}, limits::max()}) {
        told.spans.push_back(
            {20, 0, {1, 1, 0, device_work::kernel, time_grade::profiled, false, a, b, b, a, 0}});
      }
    }
    const index index(std::move(told));
    for (std::size_t i = 0; i < index.bars_of(0); ++i) {
      const auto b = index.bar_at(0, i);
      EXPECT_LE(b.begin, b.end);
      EXPECT_GE(index.uncertainty(b).first, 0);
    }
    EXPECT_EQ(state_at(index, 1, 0), task_state::running);
    EXPECT_GT(index.cluster_from(lane_named(index, "cpu 1"), 0, forever, forever).busy, 0);
  }
}

}  // namespace
