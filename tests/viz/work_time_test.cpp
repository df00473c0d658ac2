// SPDX-License-Identifier: Apache-2.0
#include <src/work_time.hpp>

#include <src/biography.hpp>
#include <src/compare.hpp>
#include <src/statistics.hpp>

#include <gmock/gmock.h>

#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using test::number_of;
using test::soup;
using test::story;
using trace::device_work;
using trace::queue;

work_time of_task(const index& of, std::uint64_t task, std::int64_t at = forever) {
  return work_of(of, task_relations(of), number_of(of, task), std::min(at, of.end()));
}

// A device copies in from 30 to 40 and works from 50 to 90; the host hears of it at 100.
story on_a_device() {
  story s;
  s.main().at(0).submit(1, "blur").at(5).enqueue(1, queue::inbox);
  s.worker(0).at(10).start(1).at(20).issue(1, 1, 0);
  s.span(1, 0, 30, 40, device_work::to_device).span(1, 0, 50, 90, device_work::kernel);
  s.main().at(100).finish(1);
  return s;
}

TEST(WorkTime, OfADeviceIsWhenItIsAtWorkAndNotUntilTheHostHearsOfIt) {
  const index of(on_a_device().told());
  const auto time = of_task(of, 1);
  EXPECT_EQ(time.run(), 10 + 10 + 40);
  EXPECT_EQ(time.wait(), 5 + 10 + 10) << "in the inbox, and twice behind its stream";
  EXPECT_TRUE(time.ran());
  EXPECT_EQ(of_task(of, 1, 60).run(), 10 + 10 + 10) << "as far as it has got";
}

TEST(WorkTime, OfADeviceBesideTheCodeCountsOnce) {
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(10).start(1).at(20);
  s.span(1, 0, 15, 40, device_work::kernel);
  s.worker(0).at(50).finish(1);
  EXPECT_EQ(of_task(index(s.told()), 1).run(), 40);
}

TEST(WorkTime, GoesOnOnADeviceWhileTheCodeWaits) {
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(10).start(1).at(20).block(1).at(60).unblock(1).at(70).finish(1);
  s.span(1, 0, 30, 40, device_work::kernel);
  const auto time = of_task(index(s.told()), 1);
  EXPECT_EQ(time.run(), 10 + 10 + 10);
  EXPECT_EQ(time.wait(), 10 + 20);
}

TEST(WorkTime, OfWorkThatMayHaveBegunBeforeItsTaskCountsFromThere) {
  story s;
  s.main().at(0).submit(1).at(5).enqueue(1, queue::inbox);
  s.observed(1, 0, 8, 40, 60);
  s.worker(0).at(20).start(1).at(30).issue(1, 1, 0).at(60).finish(1);
  const auto time = of_task(index(s.told()), 1);
  EXPECT_EQ(time.run(), 10 + 30);
  EXPECT_EQ(time.wait(), 15);
}

TEST(WorkTime, CountsAttemptsAndTheWaitBetweenThem) {
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(10).start(1).at(20).retry(1, 1).enqueue(1, queue::backoff);
  s.worker(0).at(50).start(1, 1).at(55).retry(1, 2).at(60).start(1, 2).at(70).finish(1);
  const auto time = of_task(index(s.told()), 1);
  EXPECT_EQ(time.retries(), 2U);
  EXPECT_EQ(time.run(), 10 + 5 + 10);
  EXPECT_EQ(time.wait(), 30 + 5);
}

TEST(WorkTime, OfWhatNeverRanIsNone) {
  story s;
  s.main().at(0).submit(1).at(10).enqueue(1, queue::inbox).at(30).cancel(1);
  const auto time = of_task(index(s.told()), 1);
  EXPECT_FALSE(time.ran());
  EXPECT_EQ(time.run(), 0);
  EXPECT_EQ(time.wait(), 20);
}

TEST(WorkTime, IsTheSameForCompareStatisticsAndTheInspector) {
  const index of(on_a_device().told());
  const task_groups groups(of);
  const auto row = statistics(of, groups).by_name(of.begin(), of.end()).at(0);
  const auto told = biography_of(of, task_relations(of), number_of(of, 1), of.end());
  EXPECT_EQ(row.run, 60U);
  EXPECT_EQ(row.wait, 25U);
  EXPECT_EQ(told.run, 60);
  EXPECT_EQ(told.wait, 25);
  EXPECT_EQ(name_totals_of(of).by_kind().at(0).ran, 60);
  EXPECT_EQ(name_totals_of(of).by_kind().at(0).median, 60);
}

// Moment by moment.
TEST(WorkTime, OfAnyTraceAgreesWithCountingByHand) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const index of(soup(seed).of(300));
    const task_relations relations(of);
    const auto all = work_of_all(of, [](task_number, const work_time&) {});
    for (task_number t = 0; t < of.tasks().size(); ++t) {
      std::int64_t run = 0;
      std::int64_t wait = 0;
      std::vector<std::pair<std::int64_t, std::int64_t>> devices;
      for (const auto e : relations.events_of(t)) {
        const auto& one = of.events()[e];
        if (one.kind != device_began) continue;
        const auto& s = of.spans()[one.argument];
        devices.emplace_back(one.time, s.end_latest);
      }
      for (auto now = of.begin(); now < of.end(); ++now) {
        const auto c = of.state_of(t, now);
        if (!c) continue;
        const bool device = std::ranges::any_of(
            devices, [&](const auto& d) { return d.first <= now && now < d.second; });
        const bool on_stream = c->state == task_state::queued && c->where != nowhere &&
                               of.queues()[c->where].what == viz::queue::kind::stream;
        const bool by_device =
            c->where != nowhere &&
            (c->state == task_state::running || c->state == task_state::copying) &&
            is_in_rows(of.lanes()[c->where].what);
        const bool waits = c->state == task_state::queued || c->state == task_state::waiting_tags ||
                           c->state == task_state::retry_wait || c->state == task_state::suspended;
        const bool its_code = c->state == task_state::running && !by_device;
        const bool on_device =
            device && (by_device || on_stream || c->state == task_state::suspended);
        if (its_code || on_device) {
          ++run;
        } else if (waits) {
          ++wait;
        }
      }
      const auto time = work_of(of, relations, t, of.end());
      ASSERT_EQ(time.run(), run);
      ASSERT_EQ(time.wait(), wait);
      auto whole = all[t];
      if (whole.submitted()) whole.advance(of.end());
      ASSERT_EQ(whole.run(), run);
      ASSERT_EQ(whole.wait(), wait);
      ASSERT_EQ(whole.retries(), time.retries());
    }
  }
}

}  // namespace
}  // namespace fronta::viz
