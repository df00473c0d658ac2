// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/view.hpp>

#include <gmock/gmock.h>

#include "scene_words.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <variant>

namespace fronta::viz {
namespace {

using test::story;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using trace::event_kind;

scene drawn(const index& of, task_number selected, std::int64_t at = forever) {
  return test::drawn(of, {.what = preset::inspector, .at = at, .selected = selected, .title = "x"});
}

// Task 2 takes what task 1 makes, and task 3 and 4 take what it makes.
story chain() {
  story s;
  s.main().at(0).submit(1, "load").submit(2, "blur", 1).dependency(2, 1).submit(3, "edges");
  s.main().dependency(3, 2).submit(4, "save").dependency(4, 2);
  s.worker(0).at(1'000).start(1).at(3'000).finish(1).ready(2).enqueue(2, trace::queue::inbox);
  s.worker(0).at(4'000).start(2).at(9'000).finish(2).ready(3).ready(4);
  return s;
}

TEST(Inspector, SaysHowToSelectATask) {
  const index of(chain().told());
  const auto words = to_text(drawn(of, no_task));
  EXPECT_THAT(words, HasSubstr("No task is selected."));
  EXPECT_THAT(words, HasSubstr("press Tab"));
  EXPECT_THAT(words, HasSubstr("ended last:"));
  EXPECT_THAT(to_text(drawn(of, no_task, 5'000)), HasSubstr("at work now:"));
  EXPECT_THAT(to_text(drawn(index(trace::file_contents()), no_task)),
              HasSubstr("No task has been submitted."));
}

TEST(Inspector, SaysThatATaskIsStillToCome) {
  story s;
  s.main().at(0).submit(1).at(100).submit(2);
  EXPECT_THAT(to_text(drawn(index(s.told()), 1, 50)),
              HasSubstr("task 2 has not been submitted yet."));
}

TEST(Inspector, TellsTheLifeInWords) {
  const auto words = to_text(drawn(index(chain().told()), 1));
  EXPECT_THAT(words, HasSubstr("✓ done after 9.00 µs"));
  EXPECT_THAT(words, HasSubstr(" for task 1\n"));
  EXPECT_THAT(words, HasSubstr(" in cpu inbox\n"));
  EXPECT_THAT(words, HasSubstr(" on cpu 0\n"));
  EXPECT_THAT(words, HasSubstr("run 5.00 µs · wait 1.00 µs"));
  EXPECT_THAT(to_text(drawn(index(chain().told()), 1, 6'000)),
              HasSubstr("running for 2.00 µs so far"));
}

// However it was compiled.
TEST(Inspector, SaysWhereATaskWasSubmittedAsItIsKnownBelowTheSources) {
  const auto place = [](std::string_view told) {
    story s;
    s.main().at(0).submit(1, "load").tell(event_kind::location, 1, 123, told);
    s.worker(0).at(1'000).start(1).at(3'000).finish(1);
    return to_text(drawn(index(s.told()), 0));
  };
  EXPECT_THAT(place("../../demos/divisibility.cpp:123"),
              AllOf(HasSubstr(" demos/divisibility.cpp:123\n"), Not(HasSubstr(".."))));
  EXPECT_THAT(place("/src/a.cpp:123"), HasSubstr(" /src/a.cpp:123\n"));
  EXPECT_THAT(
      place("/a/very/long/way/that/leads/to/a/folder/of/sources/demos/divisibility.cpp:123"),
      AllOf(HasSubstr("…/"), HasSubstr("/demos/divisibility.cpp:123\n"),
            Not(HasSubstr("/a/very"))));
}

TEST(Inspector, SaysHowManyBytesWentInAndOut) {
  story s;
  s.main().at(0).submit(1, "load").submit(3, "more").submit(2, "blur").dependency(2, 1);
  s.main().dependency(2, 3);
  s.worker(0).at(1'000).start(1).at(3'000).finish(1, 2'400'000).start(3).at(4'000).finish(3, 8);
  s.worker(0).start(2).at(9'000).finish(2, 1'234);
  const index of(s.told());
  const auto blur = test::number_of(of, 2);
  const auto now = to_text(drawn(of, blur));
  EXPECT_THAT(now, HasSubstr("2.4\u00A0MB\n"));
  EXPECT_THAT(now, HasSubstr("8\u00A0B\n"));
  EXPECT_THAT(now, HasSubstr("1.23\u00A0kB\n"));
  EXPECT_THAT(to_text(drawn(of, blur, 3'500)), Not(HasSubstr("8\u00A0B\n"))) << "not yet there";
}

TEST(Inspector, HasTheChainAsTokensThatCanBeMet) {
  const index of(chain().told());
  const auto picture = drawn(of, 1);
  std::set<std::uint32_t> met;
  for (const auto& h : picture.hits) {
    if (h.id.what == item_id::kind::task && h.id.which == item_id::part::token) {
      const auto* found = picture.at({h.at.x + h.at.width / 2, h.at.y + h.at.height / 2});
      ASSERT_NE(found, nullptr);
      met.insert(found->id.number);
    }
  }
  EXPECT_EQ(met, (std::set<std::uint32_t>{0, 1, 2, 3}));
}

TEST(Inspector, ShowsBothEndsOfALongLife) {
  story s;
  s.main().at(0).submit(1, "again");
  for (std::uint64_t attempt = 0; attempt < 100; ++attempt) {
    const auto at = static_cast<std::int64_t>(attempt * 1'000 + 10);
    s.worker(0).at(at).start(1, attempt).at(at + 500).retry(1, attempt + 1);
  }
  s.worker(0).at(200'000).start(1, 100).at(201'000).finish(1);
  const auto words = to_text(drawn(index(s.told()), 0));
  EXPECT_THAT(words, HasSubstr("attempt 1 fails"));
  EXPECT_THAT(words, HasSubstr("attempt 101\n"));
  EXPECT_THAT(words, HasSubstr(" more …\n"));
}

TEST(Inspector, DrawsItsLifeToScale) {
  const auto picture = drawn(index(chain().told()), 1);
  float running = 0;
  float all = 0;
  for (const auto& p : picture.primitives) {
    const auto* b = std::get_if<box>(&p.what);
    if (b == nullptr || p.id.what != item_id::kind::task) continue;
    if (p.id.which == item_id::part::frame) all = b->at.width;
    if (p.id.which == item_id::part::bar && b->fill == light_theme().of(look::running).fill)
      running = b->at.width;
  }
  EXPECT_NEAR(running / all, 5.0F / 9, 0.002);
}

}  // namespace
}  // namespace fronta::viz
