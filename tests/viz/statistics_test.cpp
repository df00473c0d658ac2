// SPDX-License-Identifier: Apache-2.0
#include <src/statistics.hpp>

#include <src/work_time.hpp>

#include <fronta/viz/view.hpp>

#include <gmock/gmock.h>

#include "scene_words.hpp"
#include "soup.hpp"
#include "steady_run.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using test::soup;
using test::story;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using trace::event_kind;
using time = statistics::time;

struct made {
  explicit made(trace::file_contents from) : of(std::move(from)), groups(of), told(of, groups) {}
  index of;
  task_groups groups;
  statistics told;

  [[nodiscard]] std::vector<statistics::counts> all() const {
    return told.by_name(of.begin(), of.end());
  }
  [[nodiscard]] std::vector<std::string> waits() const {
    std::vector<std::string> words;
    for (const auto& w : told.waits(of.begin(), of.end())) {
      words.push_back(in_words(of, w.why) + " " + std::to_string(w.total) + " in " +
                      std::to_string(w.times));
    }
    return words;
  }
};

TEST(Statistics, TellRunFromWait) {
  story s;
  s.main().at(0).submit(1, "a").at(10).enqueue(1, trace::queue::inbox);
  s.worker(0).at(30).start(1).at(50).block(1).tell(event_kind::wait, 1, 4).at(90).unblock(1);
  s.worker(0).at(100).finish(1);
  const made m(s.told());
  const auto rows = m.all();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(m.groups.name(rows[0].group), "a");
  EXPECT_EQ(rows[0].run, 20U + 10U);
  EXPECT_EQ(rows[0].wait, 20U + 40U) << "not the first 10, when its inputs were waited for";
  EXPECT_THAT(m.waits(), ElementsAre("within: it says that it blocks 40 in 1",
                                     "in cpu inbox 20 in 1", "for inputs 10 in 1"));
}

TEST(Statistics, CountHowTasksEnded) {
  story s;
  s.main().at(0).submit(1, "a").submit(2, "a").submit(3, "a").submit(4, "a").submit(5, "a");
  s.worker(0).at(10).start(1).at(20).finish(1).start(2).at(30).fail(2);
  s.worker(0).at(40).start(3).at(50).retry(3, 1).at(60).start(3, 1).at(70).retry(3, 2);
  s.worker(0).at(80).start(3, 2).at(90).finish(3);
  s.main().at(100).cancel(4).at(200).message("task 5 still waits");
  const auto rows = made(s.told()).all();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].ended, 4U);
  EXPECT_EQ(rows[0].done(), 2U);
  EXPECT_EQ(rows[0].failed, 1U);
  EXPECT_EQ(rows[0].cancelled, 1U);
  EXPECT_EQ(rows[0].retries, 2U);
  EXPECT_EQ(rows[0].ran, 3U) << "who was cancelled took no time";
  EXPECT_EQ(rows[0].run, 10U + 10U + 30U);
}

TEST(Statistics, AreOfTasksThatEndedInTheRange) {
  const made m(test::steady_run(100));
  const auto end_of = [](int task) { return 1'000'000 + task * 20'000 + 11'000; };
  const auto count = [&](std::int64_t from, std::int64_t until) {
    const auto rows = m.told.by_name(from, until);
    return rows.empty() ? 0U : rows[0].ended;
  };
  EXPECT_EQ(count(m.of.begin(), m.of.end()), 100U);
  EXPECT_EQ(count(end_of(10), end_of(20)), 11U) << "both ends are in it";
  EXPECT_EQ(count(end_of(10) + 1, end_of(20) - 1), 9U);
  EXPECT_EQ(count(end_of(10) + 1, end_of(11) - 1), 0U);
  EXPECT_EQ(count(end_of(20), end_of(10)), 0U);
}

TEST(Statistics, HaveTheLongestTotalFirst) {
  story s;
  s.main().at(0).submit(1, "short").submit(2, "long").submit(3, "long").submit(4, "middle");
  s.worker(0).at(10).start(1).at(20).finish(1).start(2).at(120).finish(2).start(3).at(220);
  s.worker(0).at(220).finish(3).start(4).at(270).finish(4);
  const made m(s.told());
  std::vector<std::string> names;
  for (const auto& r : m.all()) names.emplace_back(m.groups.name(r.group));
  EXPECT_THAT(names, ElementsAre("long", "middle", "short"));
}

// Ten tasks that ran for 1, 2, … 10.
made ten() {
  story s;
  std::int64_t now = 10;
  s.main().at(0);
  for (std::uint64_t t = 1; t <= 10; ++t) s.main().submit(t, "x");
  for (std::uint64_t t = 1; t <= 10; ++t) {
    s.worker(0).at(now).start(t);
    now += static_cast<std::int64_t>(t);
    s.worker(0).at(now).finish(t);
  }
  return made(s.told());
}

TEST(Statistics, TakeTheNearestRank) {
  const auto m = ten();
  const auto row = m.all().at(0);
  EXPECT_EQ(m.told.percentile(row, time::run, 500), 5);
  EXPECT_EQ(m.told.percentile(row, time::run, 501), 6);
  EXPECT_EQ(m.told.percentile(row, time::run, 900), 9);
  EXPECT_EQ(m.told.percentile(row, time::run, 990), 10);
  EXPECT_EQ(m.told.percentile(row, time::run, 1000), 10);
  EXPECT_EQ(m.told.percentile(row, time::run, 0), 1);
}

TEST(Statistics, PutEachTaskInOneBin) {
  const auto m = ten();
  const auto row = m.all().at(0);
  const std::vector<std::int64_t> edges{1, 2, 5, 10};
  EXPECT_THAT(m.told.histogram(row, time::run, edges), ElementsAre(1, 3, 5, 1));
}

TEST(Statistics, NameTheTagThatIsMissing) {
  story s;
  s.main().at(0).submit(1, "a").submit(2, "b").at(10);
  s.main().tell(event_kind::enqueue, 1, 3, "gpu").tell(event_kind::enqueue, 2, 3);
  s.worker(0).at(50).start(1).start(2).at(60).finish(2).finish(1);
  EXPECT_THAT(made(s.told()).waits(),
              ::testing::IsSupersetOf({"for the tag gpu 40 in 1", "no place can run it 40 in 1"}));
}

TEST(Statistics, OfAnyTraceAgreeWithCountingByHand) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const made m(soup(seed).of(600));
    const auto& of = m.of;
    const task_relations relations(of);
    const auto span = of.end() - of.begin();
    for (const auto& [from, until] : {std::pair(of.begin(), of.end()),
                                      {of.begin() + span / 3, of.begin() + span / 2},
                                      {of.end(), of.begin()}}) {
      std::map<std::uint32_t, std::vector<std::int64_t>> runs;
      std::map<std::uint32_t, std::uint32_t> ended;
      for (task_number t = 0; t < of.tasks().size(); ++t) {
        const auto last = of.tasks()[t].last_change;
        if (last == none || !is_final(of.changes()[last].state)) continue;
        const auto end = of.time_of(of.changes()[last]);
        if (end < from || end > until) continue;
        const auto lived = work_of(of, relations, t, end);
        ++ended[m.groups.of(t)];
        if (lived.ran()) runs[m.groups.of(t)].push_back(lived.run());
      }
      const auto rows = m.told.by_name(from, until);
      ASSERT_EQ(rows.size(), ended.size());
      std::uint64_t before = std::numeric_limits<std::uint64_t>::max();
      for (const auto& r : rows) {
        ASSERT_LE(r.run, before);
        before = r.run;
        ASSERT_EQ(r.ended, ended[r.group]);
        auto& one = runs[r.group];
        std::ranges::sort(one);
        ASSERT_EQ(r.ran, one.size());
        ASSERT_EQ(r.run, static_cast<std::uint64_t>(
                             std::accumulate(one.begin(), one.end(), std::int64_t{0})));
        if (one.empty()) continue;
        ASSERT_EQ(m.told.percentile(r, time::run, 500), one[(one.size() + 1) / 2 - 1]);
        ASSERT_EQ(m.told.percentile(r, time::run, 1000), one.back());
        const auto edges = log_edges(one.front(), one.back(), 8).edges;
        const auto bins = m.told.histogram(r, time::run, edges);
        ASSERT_EQ(std::accumulate(bins.begin(), bins.end(), std::size_t{0}), one.size());
      }
    }
  }
}

TEST(TaskGroups, TakeNamesThatDifferInNumbersAsOne) {
  EXPECT_EQ(without_numbers("chunk 12, divisor 3"), "chunk #, divisor #");
  EXPECT_EQ(without_numbers("7"), "#");
  EXPECT_EQ(without_numbers("blur2x, f32, v1"), "blur2x, f32, v1");
  EXPECT_EQ(without_numbers("é3 (3) 3.5"), "é3 (#) #.#");
  EXPECT_EQ(without_numbers(""), "");
  story s;
  s.main().at(0).submit(1, "part 1").submit(2, "whole 3").submit(3, "part 2").submit(4);
  const index of(s.told());
  const task_groups groups(of);
  EXPECT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups.name(groups.of(0)), "part #");
  EXPECT_EQ(groups.name(groups.of(1)), "whole 3") << "of one name there is nothing to leave out";
  EXPECT_EQ(groups.name(groups.of(3)), "task");
  EXPECT_EQ(groups.of(0), groups.of(2));
}

TEST(LogEdges, AreFewAndHoldAllValues) {
  EXPECT_THAT(log_edges(3, 40, 10).edges, ElementsAre(2, 5, 10, 20));
  EXPECT_THAT(log_edges(0, 40, 10).edges, ElementsAre(0, 2, 5, 10, 20));
  EXPECT_THAT(log_edges(7, 7, 10).edges, ElementsAre(5));
  EXPECT_THAT(log_edges(0, 0, 10).edges, ElementsAre(0));
  EXPECT_EQ(log_edges(3, 40, 10).end, 50);
  EXPECT_EQ(log_edges(3, 50, 10).end, 100);
  EXPECT_EQ(log_edges(3, 50, 3).end, 100);
  EXPECT_EQ(log_edges(0, 0, 10).end, 2);
  for (const std::int64_t most : {std::int64_t{1}, std::int64_t{1} << 30, std::int64_t{1} << 55}) {
    for (const std::size_t bins : {1U, 4U, 20U, 80U}) {
      const auto [edges, end] = log_edges(1, most, bins);
      ASSERT_GT(end, most);
      ASSERT_LE(edges.size(), bins);
      ASSERT_LE(edges.front(), 1);
      ASSERT_TRUE(std::ranges::is_sorted(edges));
      ASSERT_LE(edges.back(), most);
    }
  }
}

std::string drawn(const index& of, std::int64_t at = forever) {
  return to_text(test::drawn(of, {.what = preset::statistics, .at = at, .title = "x"}));
}

TEST(StatisticsPicture, SaysOfWhatItIs) {
  const index of(test::steady_run(1'000));
  const auto words = drawn(of);
  EXPECT_THAT(words, HasSubstr("1 000 tasks that ended from 0.00 ms to 20.01 ms"));
  EXPECT_THAT(words, HasSubstr("none sampled"));
  EXPECT_THAT(words, HasSubstr("✓ 1 000\n"));
  EXPECT_THAT(words, HasSubstr("50 % of 1 slot\n"));
}

TEST(StatisticsPicture, SaysAtMostWhereTheHostOnlyObservedADevice) {
  story s;
  s.main().at(0).submit(1, "seen").submit(2, "stamped");
  s.worker(0).at(10).start(1).at(20).issue(1, 1, 0).at(30).start(2).at(40).issue(2, 1, 1);
  s.main().at(60).finish(1).at(80).finish(2).at(100).message("the end");
  s.observed(1, 0, 20, 20, 60).span(2, 1, 50, 70);
  const index of(s.told());
  const auto words = drawn(of);
  EXPECT_THAT(words, HasSubstr(" run ≤\n")) << "of the one that the host only saw";
  EXPECT_THAT(words, HasSubstr(" run\n")) << "of the other";
  EXPECT_THAT(words, HasSubstr(" ≤ 30 % of 2 streams\n"));
  const auto scene = test::drawn(of, {.what = preset::statistics, .title = "x"});
  EXPECT_TRUE(std::ranges::any_of(scene.hits, [](const hit& h) {
    return h.tip == "at most: of 1 task the host only saw that a device had ended";
  }));
  EXPECT_THAT(drawn(of, 15), Not(HasSubstr("≤"))) << "nothing was observed by then";
}

// The axis of how long tasks took ends with what is said there.
TEST(StatisticsPicture, EndsItsAxisBeyondTheLongest) {
  story s;
  s.main().at(0).submit(1, "short").submit(2, "long");
  s.worker(0).at(1'000).start(1).at(3'000).finish(1).start(2).at(1'843'000).finish(2);
  const auto words = drawn(index(s.told()));
  EXPECT_THAT(words, HasSubstr(" 2.00 ms\n")) << "the last bin is from 1 ms to 2 ms";
  EXPECT_THAT(words, Not(HasSubstr(" 1.00 ms\n")));
}

TEST(StatisticsPicture, KnowsNothingOfWhatIsToCome) {
  const index of(test::steady_run(1'000));
  EXPECT_THAT(drawn(of, of.begin()), HasSubstr("No task ended in this part"));
  EXPECT_THAT(drawn(of, of.begin() + 10'000'000), HasSubstr(" 499 tasks that ended"));
  EXPECT_THAT(drawn(index(trace::file_contents())), HasSubstr("No task has been submitted."));
}

TEST(StatisticsPicture, SaysHowManyNamesThereIsNoRoomFor) {
  story s;
  for (std::uint64_t t = 1; t <= 50; ++t) {
    s.main().at(0).submit(t, "name " + std::string(t, 'x'));
    const auto at = static_cast<std::int64_t>(t * 100);
    s.worker(0).at(at).start(t).at(at + 10).finish(t);
  }
  const auto scene = test::drawn(index(s.told()), {.what = preset::statistics, .title = "x"});
  std::size_t names = 0;
  std::size_t more = 0;
  for (const auto& p : scene.primitives) {
    const auto* l = std::get_if<label>(&p.what);
    if (l == nullptr) continue;
    if (l->text.starts_with("name ") && l->face == typeface::bold && p.id.number != 0) ++names;
    if (p.id.which == item_id::part::more && l->text.find("name") != std::string::npos)
      more = std::stoul(l->text.substr(1));
  }
  EXPECT_GT(names, 2U);
  EXPECT_EQ(names + more, 50U);
}

}  // namespace
}  // namespace fronta::viz
