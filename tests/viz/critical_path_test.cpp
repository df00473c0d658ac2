// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/critical_path.hpp>
#include <fronta/viz/words.hpp>

#include <gmock/gmock.h>

#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using fronta::test::soup;
using fronta::test::story;
using fronta::trace::event_kind;
using fronta::trace::queue;
using fronta::trace::wait_reason;
using fronta::viz::critical_path;
using fronta::viz::find_critical_path;
using fronta::viz::index;
using fronta::viz::no_task;
using fronta::viz::path_link;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string_view word(path_link l) {
  constexpr std::string_view words[] = {"first",   "",    "input",  "submitter", "taken",
                                        "awaited", "tag", "worker", "stream"};
  return words[static_cast<std::size_t>(l)];
}

// "0-10 outside tasks first", "10-50 1 running on cpu 0".
std::vector<std::string> told(const index& of, const critical_path& path) {
  std::vector<std::string> lines;
  for (const auto& s : path.steps) {
    auto line = std::to_string(s.begin) + '-' + std::to_string(s.end) + ' ';
    if (s.task != no_task) line += std::to_string(of.tasks()[s.task].id) + ' ';
    line += name_of(s.what);
    if (s.lane != fronta::viz::none) line += " on " + of.lanes()[s.lane].name;
    if (const auto by = word(s.by); !by.empty()) line += ", " + std::string(by);
    if (s.text != 0) line += " " + std::string(of.text(s.text));
    lines.push_back(std::move(line));
  }
  return lines;
}
std::vector<std::string> told(const story& s) {
  const index of(s.told());
  return told(of, find_critical_path(of));
}

TEST(CriticalPath, GoesFromTheLastTaskBackThroughItsLastInput) {
  story s;
  s.main().at(10).submit(1).enqueue(1, queue::inbox).submit(2).enqueue(2, queue::inbox);
  s.main().submit(3).dependency(3, 1).dependency(3, 2);
  s.worker(0).at(20).start(1).at(40).finish(1);
  s.worker(1).at(22).start(2).at(90).finish(2);
  s.worker(1).at(95).ready(3).enqueue(3, queue::deque);
  s.worker(1).at(100).start(3).at(150).finish(3);
  EXPECT_THAT(told(s), ElementsAre("0-10 outside tasks, first", "10-22 2 queued",
                                   "22-90 2 running on cpu 1", "90-95 3 handing over, input",
                                   "95-100 3 queued", "100-150 3 running on cpu 1"));
}

TEST(CriticalPath, GoesToWhoeverHadTheWorkerBefore) {
  story s;
  s.main().at(10).submit(1).enqueue(1, queue::inbox).submit(2).enqueue(2, queue::inbox);
  s.worker(0).at(20).start(1).at(60).finish(1).at(65).start(2).at(80).finish(2);
  EXPECT_THAT(told(s),
              ElementsAre("0-10 outside tasks, first", "10-20 1 queued", "20-60 1 running on cpu 0",
                          "60-65 2 handing over, worker", "65-80 2 running on cpu 0"));
}

TEST(CriticalPath, BlamesNoWorkerThatSlept) {
  story s;
  s.main().at(10).submit(1).enqueue(1, queue::inbox).at(20).submit(2).enqueue(2, queue::inbox);
  s.worker(0).at(12).start(1).at(30).finish(1).park().at(50).unpark().start(2).at(60).finish(2);
  EXPECT_THAT(told(s), ElementsAre("0-20 outside tasks, first", "20-50 2 queued",
                                   "50-60 2 running on cpu 0"));
}

TEST(CriticalPath, BlamesNoWorkerThatWasFreeWhenTheTaskCame) {
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox).at(40).submit(2).enqueue(2, queue::inbox);
  s.worker(0).at(5).start(1).at(30).finish(1).at(45).start(2).at(60).finish(2);
  EXPECT_THAT(told(s), ElementsAre("0-40 outside tasks, first", "40-45 2 queued",
                                   "45-60 2 running on cpu 0"));
}

TEST(CriticalPath, GoesToWhoeverGaveTheTagBack) {
  story s;
  s.main().at(0).submit(1).route(1, 0).acquire(1, "gpu", 1, 1).enqueue(1, queue::inbox);
  s.main().submit(2).tell(event_kind::enqueue, 2, static_cast<std::uint64_t>(queue::tags), "gpu");
  s.worker(0).at(10).start(1).at(60).finish(1).release(1, "gpu", 1, 1);
  s.worker(0).at(62).acquire(2, "gpu", 1, 1).enqueue(2, queue::inbox);
  s.worker(1).at(70).start(2).at(90).finish(2);
  const index of(s.told());
  const auto path = find_critical_path(of);
  EXPECT_THAT(told(of, path), ElementsAre("0-10 1 queued, first", "10-60 1 running on cpu 0",
                                          "60-62 2 handing over, tag gpu", "62-70 2 queued",
                                          "70-90 2 running on cpu 1"));
  // From 0 to 62 the second one stood behind the tag.
  EXPECT_EQ(in_words(of, path),
            "critical path: 2 tasks in 90 ns: 78 % running, 20 % queued, 2 % handing over; 69 % "
            "behind a gpu tag");
}

TEST(CriticalPath, SaysWhereAReleaseIsNotTold) {
  story s;
  s.main().at(0).submit(1).tell(event_kind::enqueue, 1, static_cast<std::uint64_t>(queue::tags),
                                "gpu");
  s.worker(0)
      .at(60)
      .acquire(1, "gpu", 1, 1)
      .enqueue(1, queue::inbox)
      .at(70)
      .start(1)
      .at(90)
      .finish(1);
  EXPECT_THAT(told(s), ElementsAre("0-60 1 waiting for tags, first gpu", "60-70 1 queued",
                                   "70-90 1 running on cpu 0"));
}

TEST(CriticalPath, TakesOtherTagsForNoReason) {
  story s;
  s.main().at(0).submit(1).acquire(1, "disk", 1, 1).enqueue(1, queue::inbox);
  s.main().submit(2).tell(event_kind::enqueue, 2, static_cast<std::uint64_t>(queue::tags), "gpu");
  s.worker(0).at(10).start(1).at(50).release(1, "disk", 1, 1).finish(1);
  s.worker(1).at(60).acquire(2, "gpu", 1, 1).enqueue(2, queue::inbox).start(2).at(90).finish(2);
  EXPECT_THAT(told(s),
              ElementsAre("0-60 2 waiting for tags, first gpu", "60-90 2 running on cpu 1"));
}

TEST(CriticalPath, GoesToTheTaskThatSubmitted) {
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox);
  s.worker(0).at(10).start(1).at(40).submit(2, {}, 1).enqueue(2, queue::deque).at(45).finish(1);
  s.worker(1).at(50).steal(2, 0).start(2).at(80).finish(2);
  EXPECT_THAT(told(s), ElementsAre("0-10 1 queued, first", "10-40 1 running on cpu 0",
                                   "40-50 2 queued, submitter", "50-80 2 running on cpu 1"));
}

TEST(CriticalPath, GoesToTheTaskThatWasWaitedFor) {
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox);
  s.worker(0).at(10).start(1).at(20).submit(2, {}, 1).enqueue(2, queue::deque).at(30).block(1, 2);
  s.worker(1).at(35).steal(2, 0).start(2).at(70).finish(2);
  s.worker(0).at(74).unblock(1).at(90).finish(1);
  EXPECT_THAT(told(s), ElementsAre("0-10 1 queued, first", "10-20 1 running on cpu 0",
                                   "20-35 2 queued, submitter", "35-70 2 running on cpu 1",
                                   "70-74 1 handing over, awaited", "74-90 1 running on cpu 0"));
}

// Both executors number their tasks alike.
TEST(CriticalPath, GoesToTheTaskOfAnotherExecutorThatWasWaitedFor) {
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox).submit(2).enqueue(2, queue::inbox);
  s.worker(1).at(12).start(2).at(20).finish(2);
  s.main_to(2).at(25).submit(2).enqueue(2, queue::inbox);
  s.worker(0).at(10).start(1).at(30).block(1, 2).elsewhere(1, 2);
  s.worker(0, 2).at(35).start(2).at(70).finish(2);
  s.worker(0).at(74).unblock(1).at(90).finish(1);
  const auto steps = told(s);
  ASSERT_GE(steps.size(), 3U);
  EXPECT_THAT(steps[steps.size() - 3], ::testing::StartsWith("35-70 2 running"));
  EXPECT_EQ(steps[steps.size() - 2], "70-74 1 handing over, awaited");
}

// The waiting one's own worker, freed by the wait, runs what it waits for.
TEST(CriticalPath, GoesToTheWaitThatFreedTheWorker) {
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox);
  s.worker(0).at(10).start(1).at(20).submit(2, {}, 1).enqueue(2, queue::deque).at(30).block(1, 2);
  s.worker(0).at(33).start(2).at(70).finish(2).at(72).unblock(1).at(90).finish(1);
  EXPECT_THAT(told(s), ElementsAre("0-10 1 queued, first", "10-30 1 running on cpu 0",
                                   "30-33 2 handing over, worker", "33-70 2 running on cpu 0",
                                   "70-72 1 handing over, awaited", "72-90 1 running on cpu 0"));
}

story waits_for_three(wait_reason why) {
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox);
  auto w = s.worker(0);
  w.at(10).start(1).at(20);
  for (const std::uint64_t t : {2U, 3U, 4U}) w.submit(t, {}, 1).enqueue(t, queue::deque);
  w.at(30).block(1).tell(event_kind::wait, 1, static_cast<std::uint64_t>(why));
  s.worker(1).at(32).start(2).at(50).finish(2);
  s.worker(2).at(32).start(3).at(60).finish(3);
  s.worker(3).at(32).start(4).at(70).finish(4);
  w.at(75).unblock(1).tell(event_kind::consume, 3, 1).tell(event_kind::consume, 2, 1);
  w.at(90).finish(1);
  return s;
}

TEST(CriticalPath, OfSeveralWaitedForGoesToTheOneThatItsReasonAndWhatWasTakenTell) {
  // The fourth ended last, but nothing says that it was waited for.
  EXPECT_THAT(told(waits_for_three(wait_reason::all)),
              ::testing::Contains("60-75 1 handing over, awaited"));
  EXPECT_THAT(told(waits_for_three(wait_reason::any)),
              ::testing::Contains("60-75 1 handing over, awaited"));
  EXPECT_THAT(told(waits_for_three(wait_reason::completion)),
              ::testing::Contains("60-75 1 handing over, awaited"));
}

TEST(CriticalPath, DoesNotGuessWhatAWaitWasFor) {
  EXPECT_THAT(told(waits_for_three(wait_reason::memory)),
              ElementsAre("0-10 1 queued, first", "10-30 1 running on cpu 0",
                          "30-75 1 waiting within a run on cpu 0", "75-90 1 running on cpu 0"));
}

TEST(CriticalPath, CountsTheDelayOfARetry) {
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox);
  s.worker(0).at(10).start(1).at(20).retry(1, 1).enqueue(1, queue::backoff);
  s.main().at(60).ready(1).enqueue(1, queue::inbox);
  s.worker(0).at(65).start(1, 1).at(90).finish(1);
  EXPECT_THAT(told(s), ElementsAre("0-10 1 queued, first", "10-20 1 running on cpu 0",
                                   "20-60 1 waiting to retry", "60-65 1 queued",
                                   "65-90 1 running on cpu 0"));
}

TEST(CriticalPath, GoesThroughAStreamToTheWorkBeforeIt) {
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox).submit(2).enqueue(2, queue::inbox);
  s.worker(0).at(5).start(1).at(8).issue(1, 1, 0);
  s.worker(1).at(5).start(2).at(9).issue(2, 1, 0);
  s.span(1, 0, 10, 50).span(2, 0, 52, 80);
  s.worker(0).at(55).finish(1);
  s.worker(1).at(86).finish(2);
  const index of(s.told());
  const auto path = find_critical_path(of);
  EXPECT_THAT(told(of, path),
              ElementsAre("0-5 1 queued, first", "5-8 1 running on cpu 0", "8-10 1 queued",
                          "10-50 1 on a GPU on gpu:0 stream 0", "50-52 2 handing over, stream",
                          "52-80 2 on a GPU on gpu:0 stream 0", "80-86 2 handing over"));
  EXPECT_THAT(in_words(of, path), HasSubstr("% behind a stream"));
}

TEST(CriticalPath, GoesThroughWhatTheProgramTookBeforeItSubmitted) {
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox);
  s.worker(0).at(10).start(1).at(40).finish(1);
  s.main().at(45).tell(event_kind::consume, 1);
  s.main().at(50).submit(2).enqueue(2, queue::inbox);
  s.worker(1).at(55).start(2).at(90).finish(2);
  EXPECT_THAT(told(s), ElementsAre("0-10 1 queued, first", "10-40 1 running on cpu 0",
                                   "40-50 outside tasks, taken", "50-55 2 queued",
                                   "55-90 2 running on cpu 1"));
}

TEST(CriticalPath, IsKnownUpToAnyMoment) {
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox).submit(2).enqueue(2, queue::inbox);
  s.worker(0).at(10).start(1).at(40).finish(1);
  s.worker(1).at(10).start(2).at(60).finish(2);
  const index of(s.told());
  EXPECT_EQ(find_critical_path(of, 39).last, no_task);
  EXPECT_TRUE(find_critical_path(of, 39).steps.empty());
  EXPECT_EQ(find_critical_path(of, 50).last, 0U);
  EXPECT_EQ(find_critical_path(of, 50).end, 40);
  EXPECT_EQ(find_critical_path(of, 60).last, 1U);
  EXPECT_EQ(in_words(of, find_critical_path(of, 39)), "critical path: no task has ended");
}

TEST(CriticalPath, PrefersWhatEndedToWhatWasCancelled) {
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox).submit(2);
  s.worker(0).at(10).start(1).at(40).finish(1);
  s.main().at(60).cancel(2);
  EXPECT_EQ(find_critical_path(index(s.told())).end, 40);
}

TEST(CriticalPath, OfNothingIsEmpty) {
  const index of((fronta::trace::file_contents()));
  EXPECT_TRUE(find_critical_path(of).steps.empty());
}

TEST(CriticalPath, CountsWaitsForOneThingAtOneTimeOnce) {
  story s;
  s.main().at(0);
  for (std::uint64_t t = 1; t <= 5; ++t) s.main().submit(t).enqueue(t, queue::inbox);
  for (std::uint64_t t = 1; t <= 5; ++t) {
    const auto begin = static_cast<std::int64_t>(t) * 10;
    s.worker(0).at(begin).start(t).at(begin + 10).finish(t);
  }
  const auto path = find_critical_path(index(s.told()));
  ASSERT_EQ(path.stood.size(), 1U);
  EXPECT_EQ(path.stood[0].time, 50);  // all but the last one's run
  EXPECT_EQ(path.tasks.size(), 5U);
}

// Whatever the trace holds, the steps are all of the time from its begin to the last task's end.
TEST(CriticalPath, TilesTheWholeTime) {
  std::size_t steps = 0;
  std::size_t jumps = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const index of(soup(seed).of(seed % 10 == 0 ? 4'000 : 300));
    for (const auto until : {fronta::viz::forever, of.begin() + (of.end() - of.begin()) / 2}) {
      const auto path = find_critical_path(of, until);
      if (path.last == no_task) {
        ASSERT_TRUE(path.steps.empty());
        continue;
      }
      ASSERT_LE(path.end, until);
      auto at = path.begin;
      ASSERT_EQ(at, of.begin());
      for (const auto& s : path.steps) {
        ASSERT_EQ(s.begin, at);
        ASSERT_LT(s.begin, s.end);
        ASSERT_TRUE(s.lane == fronta::viz::none || s.lane < of.lanes().size());
        at = s.end;
        ++steps;
        if (s.by != path_link::same_task && s.by != path_link::first) ++jumps;
        if (s.task == no_task) continue;
        ASSERT_TRUE(std::ranges::binary_search(path.tasks, s.task));
        // A run is one: the task has not ended before, and had begun.
        if (s.what == fronta::viz::path_time::running) {
          ASSERT_TRUE(of.state_of(s.task, s.begin));
        }
      }
      ASSERT_EQ(at, path.end);
      ASSERT_EQ(std::accumulate(path.spent.begin(), path.spent.end(), std::int64_t{0}),
                path.end - path.begin);
      for (const auto& q : path.stood) ASSERT_LE(q.time, path.end - path.begin);
      ASSERT_FALSE(in_words(of, path).empty());
    }
  }
  EXPECT_GT(steps, 1'000U);
  EXPECT_GT(jumps, 20U);
}

// A run in which every task starts the moment that its inputs are there and a worker is free: no
// time of it is spent but in runs, whichever of the two it was.
TEST(CriticalPath, FindsTheReasonOfEveryStartInARunWithoutDelays) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto up_to = [&](int most) {
      return std::uniform_int_distribution<int>(0, most)(random);
    };
    const auto tasks = 2 + static_cast<std::uint64_t>(up_to(60));
    const auto workers = 1 + static_cast<std::size_t>(up_to(5));
    story s;
    std::vector<std::vector<std::uint64_t>> inputs(tasks + 1);
    for (std::uint64_t t = 1; t <= tasks; ++t) {
      s.main().at(0).submit(t);
      for (int n = up_to(3); n > 0 && t > 1; --n) {
        const auto from = 1 + static_cast<std::uint64_t>(up_to(static_cast<int>(t) - 2));
        if (std::ranges::find(inputs[t], from) != inputs[t].end()) continue;
        inputs[t].push_back(from);
        s.main().dependency(t, from);
      }
      if (inputs[t].empty()) s.main().enqueue(t, queue::inbox);
    }
    std::vector<std::int64_t> end(tasks + 1, fronta::viz::forever);
    std::vector<std::int64_t> ready(tasks + 1, fronta::viz::forever);
    for (std::uint64_t t = 1; t <= tasks; ++t) {
      if (inputs[t].empty()) ready[t] = 0;
    }
    std::vector<std::int64_t> free_at(workers, 0);
    for (std::uint64_t n = 0; n < tasks; ++n) {
      // Who can start first, on the worker that is free first.
      const auto w = std::ranges::min_element(free_at) - free_at.begin();
      std::uint64_t next = 0;
      auto begin = fronta::viz::forever;
      for (std::uint64_t t = 1; t <= tasks; ++t) {
        if (end[t] != fronta::viz::forever || ready[t] == fronta::viz::forever) continue;
        if (const auto at = std::max(ready[t], free_at[static_cast<std::size_t>(w)]); at < begin) {
          begin = at;
          next = t;
        }
      }
      ASSERT_NE(next, 0U);
      end[next] = begin + 1 + up_to(50);
      free_at[static_cast<std::size_t>(w)] = end[next];
      auto teller = s.worker(static_cast<std::int32_t>(w));
      teller.at(begin).start(next).at(end[next]).finish(next);
      for (std::uint64_t t = 1; t <= tasks; ++t) {
        if (ready[t] != fronta::viz::forever) continue;
        std::int64_t last = 0;
        for (const auto from : inputs[t]) last = std::max(last, end[from]);
        if (last == fronta::viz::forever) continue;
        ready[t] = last;
        teller.at(last).ready(t).enqueue(t, queue::deque);
      }
    }
    const index of(s.told());
    const auto path = find_critical_path(of);
    EXPECT_EQ(path.end, *std::ranges::max_element(end.begin() + 1, end.end()));
    EXPECT_EQ(path.spent[static_cast<std::size_t>(fronta::viz::path_time::running)], path.end)
        << ::testing::PrintToString(told(of, path));
    for (std::size_t i = 1; i < path.steps.size(); ++i) {
      const auto& step = path.steps[i];
      const auto before = path.steps[i - 1].task;
      if (step.by == path_link::input) {
        const auto& its = inputs[step.task + 1];
        EXPECT_NE(std::ranges::find(its, before + 1U), its.end());
      } else if (step.by == path_link::worker) {
        EXPECT_EQ(step.lane, path.steps[i - 1].lane);
      }
    }
  }
}

// Else each wait looks through all later ones: minutes, and a window that stands still.
TEST(CriticalPath, OfATaskThatWaitsOftenTakesTimeByItsWaits) {
  constexpr int waits = 100'000;
  story s;
  s.main().at(0).submit(1).enqueue(1, queue::inbox);
  auto worker = s.worker(0);
  worker.at(10).start(1);
  for (int i = 0; i < waits; ++i) worker.at(20 + 10 * i).block(1).at(25 + 10 * i).unblock(1);
  worker.at(20 + 10 * waits).finish(1);
  const index of(s.told());
  const auto path = find_critical_path(of);
  EXPECT_EQ(path.spent[static_cast<std::size_t>(fronta::viz::path_time::suspended)], 5 * waits);
}

TEST(CriticalPath, OfATaskThatOftenStandsForTagsOrStreamsTakesTimeByThat) {
  constexpr int waits = 100'000;
  for (const auto where : {queue::tags, queue::stream}) {
    story s;
    auto main = s.main().at(0).submit(1);
    for (int i = 0; i < waits; ++i) main.at(10 * i).enqueue(1, where);
    s.worker(0).at(10 * waits).start(1).at(10 * waits + 5).finish(1);
    const index of(s.told());
    const auto path = find_critical_path(of);
    EXPECT_EQ(path.spent[static_cast<std::size_t>(fronta::viz::path_time::tags)], 10 * waits);
  }
}

TEST(CriticalPath, IsFoundOnceWhoeverAsks) {
  const index of(soup(3).of(2'000));
  std::vector<const critical_path*> found(4);
  {
    std::vector<std::jthread> askers;
    for (auto& f : found)
      askers.emplace_back([&f, &of] { f = &fronta::viz::critical_path_of(of); });
  }
  for (const auto* f : found) EXPECT_EQ(f, found[0]);
  EXPECT_EQ(told(of, *found[0]), told(of, find_critical_path(of)));
}

}  // namespace
