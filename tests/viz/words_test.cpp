// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/words.hpp>

#include <fronta/trace.hpp>

#include <gmock/gmock.h>

#include "story.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using fronta::test::story;
using fronta::trace::device_work;
using fronta::trace::time_grade;
using fronta::viz::index;
using fronta::viz::narrate;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// The sentences on a device's work, with their times.
std::vector<std::string> device_sentences(const index& of) {
  std::vector<std::string> all;
  for (std::uint32_t e = 0; e < of.events().size(); ++e) {
    const auto kind = of.events()[e].kind;
    if (kind != fronta::viz::device_began && kind != fronta::viz::device_ended) continue;
    if (const auto sentence = narrate(of, e); !sentence.empty())
      all.push_back(std::to_string(of.events()[e].time) + ": " + sentence);
  }
  return all;
}

TEST(Narration, OfWhatTheHostObservedSaysOnlyWhenItWasSeenToHaveEnded) {
  story s;
  s.main().at(10).submit(1, "a");
  s.worker(0).at(20).start(1).at(25).issue(1, 1, 0);
  s.observed(1, 0, 21, 30, 60);
  s.main().at(62).finish(1);
  EXPECT_THAT(device_sentences(index(s.told())),
              ElementsAre("60: the work of task 1 \"a\" is seen to have ended on gpu:0 stream 0"));
}

TEST(Narration, OfADevicesOwnTimesSaysHowFarTheyAreKnown) {
  story s;
  s.main().at(10).submit(1).at(9'000'000).finish(1);
  s.span(1, 0, 100'000, 600'000, device_work::kernel, time_grade::profiled, 100);
  s.span(1, 0, 1'000'000, 2'000'000, device_work::to_host, time_grade::profiled, 25'000);
  EXPECT_THAT(
      device_sentences(index(s.told())),
      ElementsAre("99900: a kernel of task 1 begins on gpu:0 stream 0",
                  "600100: a kernel of task 1 ends on gpu:0 stream 0",
                  "975000: a copy of task 1 begins on gpu:0 stream 0, within 50.0 µs",
                  "2025000: a copy of task 1 ends on gpu:0 stream 0, within the last 50.0 µs"));
}

TEST(Narration, OfAWorkerNamesThePlaceThatItIsOf) {
  story s;
  s.main().at(10).submit(1);
  s.worker(0).at(20).worker_start();
  auto told = s.told();
  for (auto& t : told.threads) {
    if (t.name == "worker 0") t.place = 1;
  }
  EXPECT_THAT(narrate(index(told)), HasSubstr("worker 0 of gpu:0 starts"));
}

TEST(Narration, SaysWhatIsMissingOfADevice) {
  story s;
  s.main().at(5).tell(fronta::trace::event_kind::lost_records, 0, std::uint64_t{1} << 32U | 12U);
  EXPECT_THAT(narrate(index(s.told())), HasSubstr("12 records of gpu:0 are missing"));
}

story short_run() {
  story s;
  s.main().at(0).submit(1, "a").at(10'000).submit(2, "b");
  s.worker(0).at(20'000).start(1).at(30'000).finish(1);
  return s;
}

// A line on where it comes from is part of every export.
TEST(Narration, BeginsWithWhereItComesFromAndWhatIsMissing) {
  auto told = short_run().told();
  told.dropped = 1;
  told.ended = false;
  fronta::viz::view what;
  what.title = "run.trace";
  what.note = "2 processes";
  EXPECT_THAT(narrate(index(told), what), StartsWith("run.trace\n"
                                                     "RECORDED 1970-01-01 on there\n"
                                                     "1 event MISSING\n"
                                                     "the recording was CUT OFF\n"
                                                     "2 processes\n"
                                                     "0 µs  task 1 \"a\" is submitted\n"));
  told.given_clock = true;
  EXPECT_THAT(narrate(index(told)), StartsWith("SIMULATED time\n"));
}

TEST(Narration, IsOfTheTimeAxisUpToItsMoment) {
  const index of(short_run().told());
  fronta::viz::view what;
  what.from = of.begin() + 5'000;
  what.to = of.begin() + 25'000;
  EXPECT_EQ(narrate(of, what),
            "RECORDED 1970-01-01 on there\n"
            "from 5 µs to 25 µs of 30 µs\n"
            "10 µs  task 2 \"b\" is submitted\n"
            "20 µs  task 1 \"a\" runs on cpu 0\n");
  what.at = of.begin() + 15'000;
  EXPECT_EQ(narrate(of, what),
            "RECORDED 1970-01-01 on there\n"
            "from 5 µs to 15 µs of 30 µs\n"
            "10 µs  task 2 \"b\" is submitted\n");
}

TEST(Words, NameNoFunctionToWhoCalledNone) {
  using fronta::viz::without_caller;
  EXPECT_EQ(without_caller("trace::read_file: this is no trace"), "this is no trace");
  EXPECT_EQ(without_caller("trace::follower: cannot read \"a: b\": No such file"),
            "cannot read \"a: b\": No such file");
  EXPECT_EQ(without_caller("cannot read \"a::b\": No"), "cannot read \"a::b\": No");
  EXPECT_EQ(without_caller("load: it failed"), "load: it failed");
  EXPECT_EQ(without_caller(""), "");
}

TEST(Words, SayHowManyWorkersShareHowManyCores) {
  story s;
  s.worker(0).at(20).park();
  auto told = s.told();
  EXPECT_EQ(workers_on_cores(index(told)), "") << "cores are not told";
  told.cores = 2;
  EXPECT_EQ(workers_on_cores(index(told)), "1 worker on 2 cores");
  s.main().at(1).tell(fronta::trace::event_kind::workers, 0, 4);
  told = s.told();
  told.cores = 1;
  EXPECT_EQ(workers_on_cores(index(told)), "4 workers on 1 core");
}

TEST(Narration, OfALostTaskDoesNotSayWhatMadeItUnknown) {
  story s;
  s.main().at(10).submit(1).submit(2);
  s.worker(0).at(20).start(1).at(30).lose(3).at(40).start(2).at(50).finish(2);
  EXPECT_THAT(narrate(index(s.told())),
              AllOf(HasSubstr("task 2 runs on cpu 0"),
                    HasSubstr("3 events of a thread are missing"), Not(HasSubstr("unknown"))));
}

// With a search through the task's own changes for each it would be a minute.
TEST(Narration, OfATaskOfManyChangesTakesTimeByTheirNumber) {
  story s;
  constexpr std::uint64_t runs = 100'000;
  s.main().at(1).submit(1);
  auto told = s.told();
  const auto add = [&](std::int64_t t, fronta::trace::event_kind kind, std::uint64_t argument) {
    told.events.push_back({t, 0, 0, {kind, 1, 0, 1, argument}});
  };
  for (std::uint64_t i = 0; i < runs; ++i) {
    const auto t = static_cast<std::int64_t>(10 + 10 * i);
    add(t, fronta::trace::event_kind::start, i);
    add(t + 5, fronta::trace::event_kind::retry, i + 1);
  }
  const index of(std::move(told));
  const auto begin = std::chrono::steady_clock::now();
  const auto text = narrate(of);
  EXPECT_GE(std::ranges::count(text, '\n'), 2 * static_cast<std::int64_t>(runs));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

}  // namespace
