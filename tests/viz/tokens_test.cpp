// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/player.hpp>
#include <fronta/viz/view.hpp>

#include <gmock/gmock.h>

#include "scene_words.hpp"
#include "story.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// The stage's tasks as tokens.
namespace {

using namespace fronta::test;
using fronta::viz::index;
using fronta::viz::item_id;
using fronta::viz::label;
using fronta::viz::preset;
using fronta::viz::scene;
using fronta::viz::view;
using kind = item_id::kind;
using part = item_id::part;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

// Queue k of `queues` has 3 k tasks, but for the fourth, which has the most.
fronta::trace::file_contents many_queues(std::uint64_t queues) {
  story s;
  std::uint64_t task = 0;
  for (std::uint64_t q = 1; q <= queues; ++q) {
    s.main().place(q + 1, "pool " + std::to_string(q));
    const auto length = q == 4 ? 100 : 3 * q;
    for (std::uint64_t i = 0; i < length; ++i) {
      ++task;
      s.main()
          .at(static_cast<std::int64_t>(task))
          .submit(task)
          .route(task, q + 1)
          .enqueue(task, fronta::trace::queue::inbox);
    }
  }
  return s.told();
}

std::uint64_t sum_of_lengths(const index& of) {
  std::uint64_t sum = 0;
  for (std::uint32_t q = 0; q < of.queues().size(); ++q) sum += of.length_at(q, of.end());
  return sum;
}

// What names of queues say, and what is said of the others.
struct said {
  std::uint64_t queues = 0;
  std::uint64_t tasks = 0;
  bool of_others = false;
};

said said_of(const scene& s) {
  said all;
  std::string others;
  for (const auto& p : s.primitives) {
    const auto* l = std::get_if<label>(&p.what);
    if (l == nullptr || s.panes[p.pane].name != "queues") continue;
    if (p.id.what == kind::queue && p.id.which == part::name) {
      ++all.queues;
      std::string digits;
      for (const char c : l->text.substr(l->text.rfind("·"))) {
        if (c >= '0' && c <= '9') digits += c;
      }
      all.tasks += std::stoull(digits);
    }
    if (p.id.which == part::more && p.id.number == fronta::viz::none) others += l->text + ' ';
  }
  std::smatch found;
  const std::regex form(R"(\+?(\d+) (more )?queues?, ([\d ]+) tasks? )");
  if (std::regex_search(others, found, form)) {
    all.of_others = true;
    all.queues += std::stoull(found[1]);
    auto number = found[3].str();
    std::erase(number, ' ');
    all.tasks += std::stoull(number);
  }
  return all;
}

TEST(Queues, AreShownAsFarAsTheyFitAndElseCounted) {
  for (const std::uint64_t count : {1U, 2U, 5U, 6U, 9U, 30U}) {
    const index of(many_queues(count));
    for (const auto& [width, height] :
         {std::pair(1024.0F, 768.0F), {1920.0F, 1080.0F}, {640.0F, 400.0F}}) {
      view v;
      v.what = preset::stage;
      const auto s = drawn(of, v, width, height);
      const auto all = said_of(s);
      EXPECT_EQ(all.queues, count);
      EXPECT_EQ(all.tasks, sum_of_lengths(of));
      EXPECT_EQ(all.of_others, count > 6) << count;
      // Whatever their number, tasks are seen.
      const auto tokens = shapes_of<label>(s, kind::task, part::number);
      EXPECT_FALSE(tokens.empty()) << count;
    }
  }
}

TEST(Queues, AreTheLongestInTheirOrder) {
  view v;
  v.what = preset::stage;
  const auto s = drawn(index(many_queues(9)), v);
  std::vector<std::string> names;
  for (const auto& p : s.primitives) {
    if (p.id.what == kind::queue && p.id.which == part::name)
      names.push_back(std::get<label>(p.what).text);
  }
  EXPECT_THAT(names,
              ::testing::ElementsAre("pool 3 inbox · 9", "pool 4 inbox · 100", "pool 5 inbox · 15",
                                     "pool 6 inbox · 18", "pool 7 inbox · 21", "pool 8 inbox · 24",
                                     "pool 9 inbox · 27"));
}

TEST(Queues, SayHowManyThereAreHoweverLongTheirNames) {
  story s;
  s.main().place(2, "a place whose name is longer than any column of the stage could ever be");
  for (std::uint64_t t = 1; t <= 7; ++t)
    s.main().at(1).submit(t).route(t, 2).enqueue(t, fronta::trace::queue::inbox);
  view v;
  v.what = preset::stage;
  EXPECT_THAT(texts_in(drawn(index(s.told()), v), "queues"), Contains(HasSubstr("… · 7")));
}

TEST(Workers, ShowWholeNumbersHoweverManyWaitInTheirDeques) {
  story s;
  constexpr std::uint64_t many = 20'000;
  for (std::uint64_t t = 1; t <= many; ++t) s.main().at(1).submit(t);
  for (std::int32_t w = 0; w < 8; ++w) {
    const auto first = many - 1'000 * static_cast<std::uint64_t>(w) - 1;
    s.worker(w).at(2).start(first);
    for (std::uint64_t t = 1; t < 900; ++t)
      s.worker(w).at(3).enqueue(first - t, fronta::trace::queue::deque);
  }
  const index of(s.told());
  for (const auto& [width, height] :
       {std::pair(1024.0F, 768.0F), {1280.0F, 720.0F}, {1920.0F, 1080.0F}}) {
    view v;
    v.what = preset::stage;
    const auto scene = drawn(of, v, width, height);
    int numbers = 0;
    for (const auto& p : scene.primitives) {
      const auto* l = std::get_if<label>(&p.what);
      if (l == nullptr || scene.panes[p.pane].name != "workers" || p.id.which != part::number)
        continue;
      ++numbers;
      EXPECT_EQ(l->text, std::to_string(p.id.number + 1));
    }
    EXPECT_GT(numbers, 3) << width;
  }
}

TEST(Workers, HaveNamesOnTwoLinesWhereThereIsLittleRoom) {
  story s;
  s.main().at(1).submit(1).submit(2);
  s.worker(0).at(2).start(1).at(3).issue(1, 1, 0).at(4).start(2).at(5).issue(2, 1, 1);
  s.span(1, 0, 10, 20).span(2, 1, 10, 20);
  s.main().at(30).finish(1).finish(2);
  view v;
  v.what = preset::stage;
  const auto texts = texts_in(drawn(index(s.told()), v, 1024, 768), "workers");
  EXPECT_THAT(texts, Contains("gpu:0").Times(2));
  EXPECT_THAT(texts, Contains("stream 0"));
  EXPECT_THAT(texts, Contains("stream 1"));
}

TEST(Completed, KeepTheNumbersOfTheirNames) {
  story s;
  s.main().at(1).submit(1, "chunk 12, divisor 345").submit(2, "part 123456789012345678901");
  s.worker(0).at(2).start(1).at(3).finish(1).start(2).at(4).finish(2);
  view v;
  v.what = preset::stage;
  const auto texts = texts_in(drawn(index(s.told()), v, 1024, 768), "completed");
  EXPECT_THAT(texts, Contains(AllOf(HasSubstr("12,"), HasSubstr("345"))));
  // The end of a number would be another one.
  EXPECT_THAT(texts, Contains("✓ done"));
}

// Also where one of them has room for more.
TEST(Completed, CutTheirNamesAlike) {
  story s;
  constexpr std::array names{"a kernel 0 by a divisor 11", "a kernel 8 by a divisor 7",
                             "a kernel 3"};
  for (std::uint64_t t = 1; t <= names.size(); ++t) {
    s.main().at(1).submit(t, names[t - 1]);
    s.worker(0).at(1 + static_cast<std::int64_t>(t)).start(t).finish(t);
  }
  view v;
  v.what = preset::stage;
  const auto texts = texts_in(drawn(index(s.told()), v, 1024, 768), "completed");
  const auto of = [&](std::string_view end) {
    const auto found = std::ranges::find_if(
        texts, [&](const std::string& t) { return t.starts_with("✓") && t.ends_with(end); });
    return found == texts.end() ? "" : found->substr(0, found->size() - end.size());
  };
  EXPECT_EQ(of("0 by a div. 11"), of("8 by a div. 7"));
  EXPECT_EQ(of("3"), "✓ a ker. ");
}

std::vector<fronta::viz::box> stripes_of(const scene& s, std::uint32_t task) {
  std::vector<fronta::viz::box> found;
  for (const auto& p : s.primitives) {
    const auto* b = std::get_if<fronta::viz::box>(&p.what);
    if (b == nullptr || s.panes[p.pane].name != "completed" || p.id.number != task) continue;
    if (p.id.what == kind::task && p.id.which == part::stripe && b->fill) found.push_back(*b);
  }
  return found;
}

TEST(Tokens, HaveTheStripeOfTheirKindInTheInkOfTheirState) {
  story s;
  constexpr std::array names{"load 1", "load 2", "blur", "save", "sum"};
  for (std::uint64_t t = 1; t <= names.size(); ++t) {
    const auto at = static_cast<std::int64_t>(t) * 10;
    s.main().at(at).submit(t, names[t - 1]);
    s.worker(0).at(at + 1).start(t).at(at + 2).finish(t);
  }
  const index of(s.told());
  view v;
  v.what = preset::stage;
  v.at = 25;
  EXPECT_TRUE(stripes_of(drawn(of, v), 1).empty()) << "there is but one kind so far";
  v.at = fronta::viz::forever;
  const auto picture = drawn(of, v);
  // From where to where, from the token's left end.
  const auto shape_of = [&](std::uint32_t task) {
    float left = 0;
    for (const auto& p : picture.primitives) {
      if (picture.panes[p.pane].name == "completed" && p.id.number == task &&
          p.id.what == kind::task && p.id.which == part::token)
        left = std::get<fronta::viz::box>(p.what).at.x;
    }
    std::vector<std::pair<int, int>> shape;
    for (const auto& b : stripes_of(picture, task)) {
      EXPECT_EQ(*b.fill, fronta::viz::light_theme().of(fronta::viz::look::done).ink);
      shape.emplace_back(std::lround(b.at.x - left), std::lround(b.at.width));
    }
    return shape;
  };
  EXPECT_FALSE(shape_of(0).empty());
  EXPECT_EQ(shape_of(0), shape_of(1));
  const std::set shapes{shape_of(0), shape_of(2), shape_of(3), shape_of(4)};
  EXPECT_EQ(shapes.size(), 4U);
}

TEST(Tokens, OfTheSelectedTaskHaveARing) {
  view v;
  v.what = preset::stage;
  const index of(many_queues(1));
  EXPECT_TRUE(shapes_of<fronta::viz::box>(drawn(of, v), kind::task, part::stripe).empty());
  v.selected = 1;
  EXPECT_FALSE(shapes_of<fronta::viz::box>(drawn(of, v), kind::task, part::stripe).empty());
}

}  // namespace
