// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/source_files.hpp>
#include <fronta/viz/view.hpp>

#include <gmock/gmock.h>
#include <src/code_panel.hpp>
#include <src/task_locations.hpp>

#include "scene_words.hpp"
#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Code beside the stage.
namespace {

using namespace fronta::test;
using fronta::trace::event_kind;
using fronta::viz::broken;
using fronta::viz::code_piece;
using fronta::viz::function_around;
using fronta::viz::index;
using fronta::viz::item_id;
using fronta::viz::label;
using fronta::viz::line_range;
using fronta::viz::preset;
using fronta::viz::scene;
using fronta::viz::source_files;
using fronta::viz::stage_layout;
using fronta::viz::view;
using kind = item_id::kind;
using part = item_id::part;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view program = R"(#include <fronta/fronta.hpp>

namespace {

/// Squares a number.
int square(int n) { return n * n; }

}  // namespace

// Submits two tasks.
int main(int argc,
         char** argv) {
  fronta::executor ex;
  for (int i = 0; i < argc; ++i) {
    auto f = ex.submit({.name = "first"}, square, i);
  }
  const auto later = [&](int n) {
    return ex.submit({.name = "second"}, square, n);
  };

  later(3).get();
}

int behind() { return 0; }
)";
constexpr std::uint32_t first_line = 15;
constexpr std::uint32_t second_line = 18;

// Tasks 1 and 2 are of the two lines, task 3 is of none.
story told_run() {
  story s;
  s.main()
      .at(100)
      .submit(1, "first")
      .tell(event_kind::location, 1, first_line, "../main.cpp:" + std::to_string(first_line));
  s.main()
      .at(200)
      .submit(2, "second")
      .tell(event_kind::location, 2, second_line, "../main.cpp:" + std::to_string(second_line));
  s.worker(0).at(300).start(1).at(400).finish(1);
  s.main().at(500).submit(3);
  s.worker(0).at(600).start(3).at(700).finish(3).at(800).start(2).at(900).finish(2);
  return s;
}

const source_files& files() {
  static const auto all = [] {
    source_files made;
    made.add("../main.cpp", program);
    return made;
  }();
  return all;
}

view read_at(std::int64_t at, stage_layout layout = stage_layout::read) {
  view v;
  v.what = preset::stage;
  v.at = at;
  v.layout = layout;
  v.sources = &files();
  return v;
}

// The numbers of the lines that are there, and of the one that is lit.
struct lines_drawn {
  std::vector<std::string> all;
  std::vector<std::uint32_t> lit;
};
lines_drawn lines_of(const scene& s) {
  lines_drawn found;
  for (const auto& p : s.primitives) {
    if (p.id.what != kind::code) continue;
    if (p.id.which == part::value) found.all.push_back(std::get<label>(p.what).text);
    if (p.id.which == part::mark) found.lit.push_back(p.id.number);
  }
  return found;
}

TEST(Code, LitIsWhereTheTaskOfTheNewestSentenceWasSubmitted) {
  const index of(told_run().told());
  const auto lit = [&](std::int64_t at) { return lines_of(drawn(of, read_at(at))).lit; };
  EXPECT_THAT(lit(100), ElementsAre(first_line));
  EXPECT_THAT(lit(200), ElementsAre(second_line));
  EXPECT_THAT(lit(300), ElementsAre(first_line));
  EXPECT_THAT(lit(400), ElementsAre(first_line));
  EXPECT_THAT(lit(800), ElementsAre(second_line));
}

TEST(Code, OfATaskWhosePlaceIsNotToldTheLastKnownStaysAndSaysSo) {
  const index of(told_run().told());
  const auto s = drawn(of, read_at(600));
  EXPECT_THAT(lines_of(s).lit, ElementsAre(first_line));
  EXPECT_THAT(texts_in(s, "code"), Contains(HasSubstr("Of what is known, the newest")));
  EXPECT_THAT(texts_in(drawn(of, read_at(400)), "code"),
              Contains("Here task 1 \"first\" was submitted."));
}

TEST(Code, ShowsTheFunctionAroundTheLine) {
  const index of(told_run().told());
  const auto s = drawn(of, read_at(400));
  const auto numbers = lines_of(s).all;
  ASSERT_FALSE(numbers.empty());
  EXPECT_EQ(numbers.front(), "10");  // its comment
  EXPECT_EQ(numbers.back(), "22");
  EXPECT_THAT(texts_in(s, "code"), Contains("auto f = ex.submit({.name = \"first\"}, square, i);"));
  EXPECT_THAT(texts_in(s, "code"), Contains("CODE · main.cpp:15"));
}

TEST(Code, RunsWithTheLinesBeforeAndBehind) {
  const index of(told_run().told());
  const auto s = drawn(of, read_at(400, stage_layout::run));
  EXPECT_THAT(lines_of(s).all, ElementsAre("14", "15", "16"));
  EXPECT_THAT(lines_of(s).lit, ElementsAre(first_line));
  for (const auto* pane : {"queues", "workers", "completed"})
    EXPECT_THAT(texts_in(s, pane), Not(IsEmpty())) << pane;
}

TEST(Code, IsLargeEnoughForARoom) {
  const index of(told_run().told());
  for (const auto layout : {stage_layout::read, stage_layout::run}) {
    const auto s = drawn(of, read_at(400, layout), 1920, 1080);
    for (const auto& p : s.primitives) {
      const auto* l = std::get_if<label>(&p.what);
      if (l != nullptr && p.id.what == kind::code && p.id.which == part::name) {
        EXPECT_GE(l->size, 1080 * 0.03F) << l->text;
      }
    }
  }
}

TEST(Code, ThatIsNotThereSaysWhy) {
  const auto said = [](const story& s, const source_files* sources) {
    auto v = read_at(fronta::viz::forever);
    v.sources = sources;
    const auto texts = texts_in(drawn(index(s.told()), v), "code");
    std::string all;
    for (const auto& t : texts) all += t + ' ';
    return all;
  };
  EXPECT_THAT(said(story(), &files()), HasSubstr("does not tell where tasks were submitted"));
  EXPECT_THAT(said(told_run(), nullptr), HasSubstr("main.cpp was not read"));
  source_files shorter;
  shorter.add("../main.cpp", "one\ntwo\n");
  EXPECT_THAT(said(told_run(), &shorter), HasSubstr("it is another version"));
}

TEST(Code, KnowsNoTaskBeforeItsSubmission) {
  const index of(told_run().told());
  const auto s = drawn(of, read_at(50));
  EXPECT_THAT(lines_of(s).lit, IsEmpty());
  EXPECT_THAT(s.description, Not(HasSubstr("main.cpp")));
  EXPECT_THAT(drawn(of, read_at(100)).description, HasSubstr("lit is main.cpp:15"));
}

// The last one that is known of may lie many blocks of events back.
TEST(Code, StaysLitHoweverLongNothingElseIsKnown) {
  auto s = told_run();
  for (std::uint64_t t = 10; t < 4'000; ++t) {
    const auto at = static_cast<std::int64_t>(t) * 1'000;
    s.main().at(at).submit(t).at(at + 1).cancel(t).at(at + 2).tell(event_kind::counter, 0, t, "n");
  }
  const index of(s.told());
  ASSERT_GT(of.events().size(), 10'000U);
  const fronta::viz::task_locations places(of);
  EXPECT_THAT(places.files(), ElementsAre("../main.cpp"));
  const auto last = static_cast<std::uint32_t>(of.events().size() - 1);
  const auto found = places.last_told(of, last);
  ASSERT_NE(found, fronta::viz::none);
  EXPECT_EQ(of.events()[found].time, 900);
  EXPECT_EQ(lines_of(drawn(of, read_at(fronta::viz::forever))).lit.front(), second_line);
  EXPECT_EQ(places.last_told(of, 0), fronta::viz::none);
}

std::vector<std::string> text(std::string_view of) {
  std::vector<std::string> lines;
  while (!of.empty()) {
    const auto end = std::min(of.find('\n'), of.size());
    lines.emplace_back(of.substr(0, end));
    of.remove_prefix(std::min(end + 1, of.size()));
  }
  return lines;
}

TEST(FunctionAround, IsFromItsCommentsToItsBrace) {
  const auto lines = text(program);
  EXPECT_EQ(function_around(lines, first_line - 1), (line_range{9, 22, 10}));
  // A lambda is within another's.
  EXPECT_EQ(function_around(lines, second_line - 1), (line_range{9, 22, 10}));
}

TEST(FunctionAround, IsTheLineAloneWhereNoneBegins) {
  const auto lines = text(program);
  EXPECT_EQ(function_around(lines, 0), (line_range{0, 1, 0}));
  EXPECT_EQ(function_around(lines, 99), (line_range{24, 24, 24}));
}

TEST(Broken, LinesLoseNothingButTheSpacesAtWhichTheyBreak) {
  EXPECT_THAT(broken("  one two three", 60), ElementsAre(code_piece{2, "one two three"}));
  EXPECT_THAT(broken("  one two three", 10),
              ElementsAre(code_piece{2, "one two"}, code_piece{5, "three"}));
  EXPECT_THAT(broken("", 10), ElementsAre(code_piece{0, ""}));
  EXPECT_THAT(broken("aaaaaaaaaaaaaaa", 10),
              ElementsAre(code_piece{0, "aaaaaaaaaa"}, code_piece{4, "aaaaa"}));
  EXPECT_THAT(broken("one::two(three)", 10),
              ElementsAre(code_piece{0, "one::two("}, code_piece{4, "three)"}));
}

}  // namespace
