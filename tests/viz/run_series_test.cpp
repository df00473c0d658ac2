// SPDX-License-Identifier: Apache-2.0
#include <src/run_series.hpp>

#include <src/waits.hpp>

#include <gmock/gmock.h>

#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace fronta::viz {
namespace {

using test::soup;
using test::story;
using trace::event_kind;
using kind = run_value::kind;

const run_value* find(const run_series& of, kind what, std::string_view name) {
  const auto at = std::ranges::find_if(
      of.all(), [&](const run_value& v) { return v.what == what && v.name == name; });
  return at == of.all().end() ? nullptr : &*at;
}

std::vector<double> at(const run_series& of, kind what, std::string_view name,
                       const std::vector<std::int64_t>& times) {
  std::vector<double> values;
  const auto* v = find(of, what, name);
  for (const auto t : times) values.push_back(v == nullptr ? -1 : v->values.at(t).value_or(-2));
  return values;
}

using ::testing::ElementsAre;

TEST(RunSeries, CountsTasksInEachKindOfQueue) {
  story s;
  s.main().at(0).submit(1).submit(2).submit(3).at(10).enqueue(1, trace::queue::inbox);
  s.worker(0).at(20).enqueue(2, trace::queue::deque);
  s.worker(1).at(30).enqueue(3, trace::queue::deque).at(40).start(3);
  const index of(s.told());
  const run_series series(of);
  EXPECT_THAT(at(series, kind::queue, "cpu inbox", {5, 10, 50}), ElementsAre(0, 1, 1));
  EXPECT_THAT(at(series, kind::queue, "cpu deques", {19, 20, 30, 39, 40}),
              ElementsAre(0, 1, 2, 2, 1));
}

TEST(RunSeries, CountsWorkersThatRunATaskAndNotThoseThatWait) {
  story s;
  s.main().at(0).submit(1).submit(2);
  s.worker(0).at(10).start(1);
  s.worker(1).at(20).start(2);
  s.worker(0).at(30).block(1, 2);
  s.worker(1).at(40).finish(2);
  s.worker(0).at(50).unblock(1).at(60).finish(1);
  const index of(s.told());
  const run_series series(of);
  EXPECT_THAT(at(series, kind::workers, "cpu workers", {5, 10, 20, 30, 40, 50, 60}),
              ElementsAre(0, 1, 2, 1, 0, 1, 0));
  EXPECT_EQ(find(series, kind::workers, "cpu workers")->out_of, 2U);
}

TEST(RunSeries, CountsAWorkerOnceThatHelps) {
  story s;
  s.main().at(0).submit(1).submit(2);
  s.worker(0).at(10).start(1).at(20).block(1).start(2).at(30).finish(2).unblock(1).at(40).finish(1);
  const run_series series(index(s.told()));
  EXPECT_THAT(at(series, kind::workers, "cpu workers", {10, 20, 25, 30, 40}),
              ElementsAre(1, 1, 1, 1, 0));
}

TEST(RunSeries, SumsBytesThatLieAtAPlace) {
  const auto bytes = [](std::uint64_t n) { return trace::place_bytes{1, n}.argument(); };
  story s;
  s.main().at(0).submit(1);
  s.worker(0).at(5).tell(event_kind::freed, 1, bytes(77));  // from before the recording
  s.worker(0).at(10).tell(event_kind::placed, 1, bytes(100)).at(20);
  s.worker(0).at(20).tell(event_kind::placed, 1, bytes(50)).at(30);
  s.worker(0).at(30).tell(event_kind::freed, 1, bytes(100));
  const run_series series(index(s.told()));
  EXPECT_THAT(at(series, kind::bytes, "arrays at gpu:0", {0, 5, 10, 20, 30}),
              ElementsAre(0, 0, 100, 150, 50));
}

TEST(RunSeries, SpreadsTheBytesOfACopyOverItsTime) {
  story s;
  s.main().at(0).submit(1).at(100'000);
  s.span(1, 0, 1'000, 2'000, trace::device_work::to_device);
  s.span(1, 1, 1'500, 2'500, trace::device_work::to_device);
  s.span(1, 0, 3'000, 5'000, trace::device_work::to_host);
  s.main().at(100'000).finish(1);
  const run_series series(index(s.told()));
  // A story's spans copy 64 bytes.
  EXPECT_THAT(at(series, kind::copies, "copies to gpu:0", {999, 1'000, 1'500, 2'000, 2'500}),
              ElementsAre(0, 64e6, 128e6, 64e6, 0));
  EXPECT_THAT(at(series, kind::copies, "copies from gpu:0", {2'999, 3'000, 5'000}),
              ElementsAre(0, 32e6, 0));
}

TEST(RunSeries, CountsStreamsAtWork) {
  story s;
  s.main().at(0).submit(1).submit(2).at(100'000);
  s.span(1, 0, 1'000, 3'000);
  s.span(2, 1, 2'000, 4'000);
  s.main().at(100'000).finish(1).finish(2);
  const run_series series(index(s.told()));
  EXPECT_THAT(at(series, kind::streams, "gpu:0 at work", {0, 1'000, 2'000, 3'000, 4'000}),
              ElementsAre(0, 1, 2, 1, 0));
  EXPECT_EQ(find(series, kind::streams, "gpu:0 at work")->out_of, 2U);
}

TEST(RunSeries, CumulatesRetriesAndFailures) {
  story s;
  s.main().at(0).submit(1).submit(2);
  s.worker(0).at(10).start(1).at(20).retry(1, 1).at(30).start(1, 1).at(40).fail(1);
  s.worker(0).at(50).start(2).at(60).finish(2);
  const run_series series(index(s.told()));
  EXPECT_THAT(at(series, kind::retries, "retries", {19, 20, 100}), ElementsAre(0, 1, 1));
  EXPECT_THAT(at(series, kind::failures, "failed", {39, 40, 100}), ElementsAre(0, 1, 1));
}

TEST(RunSeries, HasTheProgramsCountersButNoNumbersThatAreNone) {
  story s;
  s.main().at(10).counter("depth", 2).at(20).counter("depth", -1.5);
  s.main().at(30).counter("depth", std::numeric_limits<double>::quiet_NaN());
  const run_series series(index(s.told()));
  EXPECT_THAT(at(series, kind::counter, "depth", {9, 10, 20, 30}), ElementsAre(-2, 2, -1.5, -1.5));
}

TEST(RunSeries, KnowsHowLongAnExecutorWasOpen) {
  story s;
  s.main().at(100).tell(event_kind::executor_open, 0, 1).submit(1);
  s.worker(0).at(110).start(1).at(120).finish(1);
  s.main().at(200).tell(event_kind::executor_close, 0).at(300).message("later");
  const run_series series(index(s.told()));
  EXPECT_EQ(series.open(1, 0, 300), 100);
  EXPECT_EQ(series.open(1, 150, 160), 10);
  EXPECT_EQ(series.open(1, 250, 300), 0);
  EXPECT_EQ(series.open(7, 0, 300), 300) << "of another nothing is told";
}

TEST(RunSeries, OfAnyTraceAgreesWithTheIndex) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const index of(soup(seed).of(400));
    const run_series series(of);
    const auto kinds = first_of_its_kind(of);
    for (auto t = of.begin(); t <= of.end(); t += 13) {
      double queued = 0;
      double failed = 0;
      for (const auto& v : series.all()) {
        const auto value = v.values.at(t);
        ASSERT_TRUE(value || v.what == kind::counter);
        if (v.what == kind::queue) queued += *value;
        if (v.what == kind::failures) failed += *value;
        if (v.out_of != 0) {
          ASSERT_LE(*value, v.out_of);
        }
        if (v.what != kind::counter) {
          ASSERT_GE(*value, 0) << v.name;
        }
      }
      std::uint32_t expected = 0;
      for (std::uint32_t q = 0; q < of.queues().size(); ++q) expected += of.length_at(q, t);
      ASSERT_EQ(queued, expected) << seed << " at " << t;
      ASSERT_EQ(failed, of.counts_at(t)[static_cast<std::size_t>(task_state::failed)]);
    }
  }
}

}  // namespace
}  // namespace fronta::viz
