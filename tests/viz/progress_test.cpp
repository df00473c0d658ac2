// SPDX-License-Identifier: Apache-2.0
#include <src/progress.hpp>

#include <fronta/viz/view.hpp>

#include <gmock/gmock.h>

#include "scene_words.hpp"
#include "soup.hpp"
#include "steady_run.hpp"
#include "story.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace fronta::viz {
namespace {

using test::soup;
using test::story;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct made {
  explicit made(trace::file_contents from) : of(std::move(from)), groups(of), told(of, groups) {}
  index of;
  task_groups groups;
  progress told;
};

story two_names() {
  story s;
  s.main().at(0).submit(1, "load").submit(2, "load").at(100).submit(3, "join").submit(4, "load");
  s.worker(0).at(200).start(1).at(300).finish(1).start(2).at(400).fail(2).start(3);
  s.main().at(1'000).cancel(4);
  return s;
}

TEST(Progress, CountsTheTasksOfEachName) {
  const made m(two_names().told());
  const auto load = m.told.at(m.of, 0, 350);
  EXPECT_EQ(m.groups.name(0), "load");
  EXPECT_EQ(load.submitted(), 3U);
  EXPECT_EQ(load.ended(), 1U);
  EXPECT_EQ(load[task_state::done], 1U);
  EXPECT_EQ(load[task_state::running], 1U);
  EXPECT_EQ(load[task_state::waiting_inputs], 1U);
  const auto later = m.told.at(m.of, 0, 1'000);
  EXPECT_EQ(later[task_state::failed], 1U);
  EXPECT_EQ(later[task_state::cancelled], 1U);
  EXPECT_EQ(m.told.at(m.of, 1, 50).submitted(), 0U);
}

TEST(Progress, RatesEndsByTheTimeSinceTheFirstSubmission) {
  const made m(two_names().told());
  const auto half = m.told.at(m.of, 0, 500);
  EXPECT_DOUBLE_EQ(half.rate(500), 2 / 500e-9);
  EXPECT_EQ(half.rest(500), 250) << "one more of three";
  const auto all = m.told.at(m.of, 0, 1'000);
  EXPECT_DOUBLE_EQ(all.rate(5'000), 3 / 1'000e-9) << "no time goes on after the last end";
  const auto none_yet = m.told.at(m.of, 0, 250);
  EXPECT_EQ(none_yet.rate(250), 0);
  EXPECT_EQ(none_yet.rest(250), 0);
}

TEST(Progress, NamesComeInTheOrderOfTheirFirstTask) {
  const made m(two_names().told());
  EXPECT_EQ(m.told.names_until(m.of, 50), 1U);
  EXPECT_THAT(m.told.names_at(m.of, 50, 10), ElementsAre(0));
  EXPECT_THAT(m.told.names_at(m.of, 100, 10), ElementsAre(0, 1));
}

TEST(Progress, OfTooManyNamesTheLargestAreTaken) {
  story s;
  s.main().at(0).submit(1, "a").submit(2, "b").submit(3, "b").submit(4, "c").submit(5, "c");
  s.main().submit(6, "c");
  const made m(s.told());
  EXPECT_THAT(m.told.names_at(m.of, 0, 2), ElementsAre(2, 1));
}

TEST(Progress, OfAllNamesIsThatOfAllTasks) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const made m(soup(seed).of(500));
    for (auto t = m.of.begin(); t <= m.of.end(); t += 17) {
      std::array<std::uint32_t, task_states> sum{};
      for (const auto g : m.told.names_at(m.of, t, 1'000)) {
        const auto one = m.told.at(m.of, g, t);
        for (std::size_t i = 0; i < task_states; ++i) sum[i] += one.in[i];
        ASSERT_LE(one.ended(), one.submitted());
        ASSERT_LE(one.end, t);
      }
      ASSERT_THAT(m.of.counts_at(t), ::testing::ElementsAreArray(sum)) << seed << " at " << t;
    }
  }
}

scene drawn(const index& of, std::int64_t at) {
  return test::drawn(of, {.what = preset::progress, .at = at, .title = "x"});
}

TEST(ProgressPicture, LabelsAnEstimateAsOne) {
  story s;
  for (std::uint64_t t = 1; t <= 7; ++t) s.main().at(0).submit(t, "load");
  for (std::uint64_t t = 1; t <= 5; ++t)
    s.worker(0).at(100 * static_cast<std::int64_t>(t) - 1).start(t).finish(t);
  s.worker(0).at(2'000).start(6).finish(6);
  const index of(s.told());
  const auto words = to_text(drawn(of, 500));
  EXPECT_THAT(words, HasSubstr("5 of 7 ended"));
  EXPECT_THAT(words, HasSubstr("10 M a second · estimate, if so on: 200 ns for 2 more"));
  EXPECT_THAT(to_text(drawn(index(test::steady_run(10)), forever)), Not(HasSubstr("estimate")))
      << "all have ended";
}

TEST(ProgressPicture, SaysWhyThereIsNoRateYet) {
  const index of(two_names().told());
  const auto words = to_text(drawn(of, 500));
  EXPECT_THAT(words, HasSubstr("1 failed"));
  EXPECT_THAT(words, HasSubstr("too few for a rate: 2 in 500 ns"));
  EXPECT_THAT(words, HasSubstr("no rate: none has ended"));
  EXPECT_THAT(words, Not(HasSubstr("a second")));
}

TEST(ProgressPicture, ShowsWhatIsThereHoweverFew) {
  story s;
  for (std::uint64_t t = 1; t <= 5'000; ++t) {
    s.main().at(0).submit(t, "x");
    s.worker(0).at(1'000 + static_cast<std::int64_t>(t)).start(t);
    if (t == 7) {
      s.worker(0).fail(t);
    } else {
      s.worker(0).finish(t);
    }
  }
  const auto picture = drawn(index(s.told()), forever);
  float all = 0;
  float failed = 0;
  for (const auto& p : picture.primitives) {
    const auto* b = std::get_if<box>(&p.what);
    if (b == nullptr || p.id.which != item_id::part::bar || !b->fill) continue;
    all += b->at.width;
    if (*b->fill == light_theme().of(look::failed).fill) failed = b->at.width;
  }
  EXPECT_GE(failed, 2);
  EXPECT_LT(failed, 10);
  EXPECT_NEAR(all, 1'280 - 2 * 10.8F, 1);
}

TEST(ProgressPicture, HasLargerLettersAndNotHigherBarsWhereNamesAreFew) {
  const auto sizes = [](int names) {
    story s;
    for (int n = 1; n <= names; ++n)
      s.main().at(n).submit(static_cast<std::uint64_t>(n), std::string("name ") + char('a' + n));
    std::pair<float, float> found;  // of a name, and of a bar
    const index of(s.told());
    for (const auto& p : drawn(of, forever).primitives) {
      if (const auto* l = std::get_if<label>(&p.what); l != nullptr && l->text == "name b")
        found.first = l->size;
      if (const auto* b = std::get_if<box>(&p.what);
          b != nullptr && p.id.which == item_id::part::bar)
        found.second = b->at.height;
    }
    return found;
  };
  EXPECT_FLOAT_EQ(sizes(2).first, 0.032F * 720);
  EXPECT_FLOAT_EQ(sizes(9).first, 0.025F * 720);
  EXPECT_LE(sizes(2).second, 0.033F * 720);
}

TEST(ProgressPicture, SaysWhyItIsEmpty) {
  EXPECT_THAT(to_text(drawn(index(trace::file_contents()), forever)),
              HasSubstr("No task has been submitted."));
}

}  // namespace
}  // namespace fronta::viz
