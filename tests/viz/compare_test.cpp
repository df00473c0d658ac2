// SPDX-License-Identifier: Apache-2.0
#include <src/compare.hpp>

#include "scene_words.hpp"
#include "story.hpp"

#include <fronta/viz/view.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace {

using fronta::test::story;
using fronta::test::texts_in;
using fronta::trace::queue;
using fronta::viz::box;
using fronta::viz::compared;
using fronta::viz::index;
using fronta::viz::item_id;
using fronta::viz::preset;
using fronta::viz::scene;
using fronta::viz::view;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// `masks` of them, each of `each` ns, one after the other on a worker.
story run_of(std::uint64_t masks, std::int64_t each, std::string_view also) {
  story s;
  auto w = s.worker(0);
  s.main().at(1'000);
  for (std::uint64_t t = 1; t <= masks; ++t)
    s.main().submit(t, "mask " + std::to_string(t)).enqueue(t, queue::inbox);
  s.main().submit(99, also).enqueue(99, queue::inbox);
  std::int64_t now = 1'000;
  for (std::uint64_t t = 1; t <= masks; ++t) {
    w.at(now).start(t);
    now += each;
    w.at(now).finish(t);
  }
  w.at(now).start(99).at(now + 500).finish(99);
  return s;
}

scene drawn(const index& a, const index* b, std::int64_t at = fronta::viz::forever) {
  view v;
  v.what = preset::compare;
  v.title = "a.trace";
  v.at = at;
  v.other = b;
  v.other_title = "b.trace";
  return fronta::test::drawn(a, v);
}

TEST(Compare, AddsUpRunsByName) {
  const index of(run_of(3, 2'000, "write").told());
  const auto& all = name_totals_of(of).by_kind();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "mask #");
  EXPECT_EQ(all[0].tasks, 3U);
  EXPECT_EQ(all[0].ran, 6'000);
  EXPECT_EQ(all[0].median, 2'000);
  EXPECT_EQ(all[1].name, "write");
  EXPECT_EQ(all[1].ran, 500);
  EXPECT_EQ(&name_totals_of(of), &name_totals_of(of));
}

TEST(Compare, CountsNoWaitsAsRunning) {
  story s;
  s.main().at(0).submit(1, "one").enqueue(1, queue::inbox);
  s.worker(0).at(10).start(1).at(20).block(1).at(70).unblock(1).at(80).finish(1);
  EXPECT_EQ(name_totals_of(index(s.told())).by_kind()[0].ran, 20);
}

TEST(Compare, CountsOfADeviceOnlyWhenItWorked) {
  story s;
  s.main().at(0).submit(1, "one").enqueue(1, queue::inbox);
  s.worker(0).at(10).start(1).at(20).issue(1, 1, 0);
  s.span(1, 0, 30, 70);
  s.worker(0).at(500).finish(1);  // heard of late
  EXPECT_EQ(name_totals_of(index(s.told())).by_kind()[0].ran, 10 + 40);
}

TEST(Compare, PutsWhatDiffersMostFirst) {
  const index a(run_of(3, 2'000, "write").told());
  const index b(run_of(2, 2'500, "send").told());
  const auto found = differences(name_totals_of(a), name_totals_of(b));
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].name(), "mask #");
  EXPECT_EQ(found[0].more_in_b(), -1'000);
  std::vector<std::string> only;
  for (const auto& d : found) {
    if (d.a == nullptr || d.b == nullptr) only.push_back(d.name());
  }
  EXPECT_THAT(only, ::testing::UnorderedElementsAre("write", "send"));
}

TEST(Compare, SaysTheRatioInWords) {
  EXPECT_EQ(compared(2'000, 1'000), "Whole runs: B takes 0.50 × as long as A: 1.00 µs less.");
  EXPECT_EQ(compared(1'000, 25'000), "Whole runs: B takes 25 × as long as A: 24.0 µs more.");
  EXPECT_EQ(compared(10'000, 10'010), "Whole runs: B takes as long as A.");
  EXPECT_THAT(compared(0, 10), HasSubstr("nothing to compare"));
}

TEST(Compare, TellsBothRunsAndWhatDiffers) {
  const index a(run_of(3, 2'000, "write").told());
  const index b(run_of(2, 2'500, "send").told());
  const auto said = texts_in(drawn(a, &b));
  EXPECT_THAT(said, Contains("Whole runs: B takes 0.87 × as long as A: 1.00 µs less."));
  EXPECT_THAT(said, Contains("A a.trace: 4 tasks in 7.50 µs"));
  EXPECT_THAT(said, Contains("B b.trace: 3 tasks in 6.50 µs"));
  EXPECT_THAT(said, Contains("only in A"));
  EXPECT_THAT(said, Contains("only in B"));
  EXPECT_THAT(said, Contains("0.83 ×"));
}

TEST(Compare, TellsInTheBadgeOfBothRecordings) {
  auto a = run_of(3, 2'000, "write").told();
  auto b = run_of(2, 2'500, "send").told();
  constexpr std::int64_t day = 86'400'000'000'000;
  a.origin_unix = 20'000 * day;
  b.origin_unix = 20'001 * day;
  const index first(a);
  const index second(b);
  EXPECT_THAT(texts_in(drawn(first, &second), "header"),
              Contains("RECORDED 2024-10-04 on there (A) · RECORDED 2024-10-05 on there (B)"));
  EXPECT_THAT(texts_in(drawn(first, &first), "header"),
              Contains("RECORDED 2024-10-04 on there (A and B)"));
}

// A pixel is the same time since the begin in both.
TEST(Compare, HasBothOnOneClock) {
  const index a(run_of(3, 2'000, "write").told());
  const index b(run_of(1, 6'000, "write").told());
  const auto s = drawn(a, &b);
  std::vector<float> ends;  // of the "write"s
  std::map<std::string, int> ids;
  for (const auto& p : s.primitives) {
    if (s.panes[p.pane].name != "lanes") continue;
    const auto* l = std::get_if<box>(&p.what);
    if (l != nullptr && l->fill && p.id.which == item_id::part::bar) {
      ends.push_back(l->at.right());
      ++ids[to_string(p.id)];
    }
  }
  ASSERT_EQ(ends.size(), 6U);
  EXPECT_FLOAT_EQ(ends[3], ends[5]);
  EXPECT_FLOAT_EQ(ends[2], ends[4]);
  for (const auto& [id, times] : ids) EXPECT_EQ(times, 1) << id;  // each run has its own
}

TEST(Compare, ShowsTheLongerRunToItsEnd) {
  const index a(run_of(1, 2'000, "write").told());
  const index b(run_of(4, 2'000, "write").told());
  const auto bars = [](const scene& s) {
    return std::ranges::count_if(s.primitives, [](const auto& p) {
      const auto* l = std::get_if<box>(&p.what);
      return l != nullptr && l->fill && p.id.which == item_id::part::bar;
    });
  };
  EXPECT_EQ(bars(drawn(a, &b)), 2 + 5);
  EXPECT_EQ(bars(drawn(a, &b, a.begin() + 6'000)), 2 + 3);
  EXPECT_EQ(bars(drawn(b, &a)), 2 + 5);
}

TEST(Compare, SaysWhatIsMissing) {
  const index a(run_of(1, 2'000, "write").told());
  EXPECT_THAT(texts_in(drawn(a, nullptr)), Contains(HasSubstr("There is nothing to compare with")));
  auto cut = run_of(1, 2'000, "write").told();
  cut.ended = false;
  cut.dropped = 12;
  const index b(cut);
  EXPECT_THAT(texts_in(drawn(a, &b)),
              Contains(HasSubstr("12 events MISSING, the recording was cut off")));
  EXPECT_THAT(texts_in(drawn(a, &b)), Not(Contains(HasSubstr("There is nothing"))));
}

}  // namespace
