// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/merge.hpp>

#include <fronta/trace_file.hpp>
#include <fronta/viz/index.hpp>

#include <gmock/gmock.h>

#include <src/task_relations.hpp>

#include "story.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using fronta::test::lane_named;
using fronta::test::story;
using fronta::trace::event_kind;
using fronta::trace::file_contents;
using fronta::viz::find_apart;
using fronta::viz::index;
using fronta::viz::merge;
using fronta::viz::why_apart;
using testing::ElementsAre;
using testing::HasSubstr;

// A process whose recording began so much later.
file_contents process(std::uint32_t number, const story& told, std::int64_t later = 0) {
  auto f = told.told();
  f.process = number;
  f.origin_steady += later;
  f.origin_unix = f.origin_steady + 77;
  for (auto& s : f.spans) {
    for (auto* t :
         {&s.what.begin_earliest, &s.what.begin_latest, &s.what.end_earliest, &s.what.end_latest}) {
      *t += later;
    }
  }
  return f;
}

story one_task(std::string_view name) {
  story s;
  s.main().at(10).submit(1, name);
  s.worker(0).at(20).start(1).at(50).finish(1);
  return s;
}

std::vector<std::string> names_of(const index& of) {
  std::vector<std::string> names;
  for (fronta::viz::task_number t = 0; t < of.tasks().size(); ++t)
    names.emplace_back(of.name_of(t));
  return names;
}

TEST(Merge, TasksOfEqualIdsStayApartAndLanesSayWhoseTheyAre) {
  const auto made = merge({process(11, one_task("left")), process(22, one_task("right"), 15)});
  EXPECT_EQ(made.said, "2 processes on one clock");
  const index of(made.all);
  EXPECT_THAT(names_of(of), ElementsAre("left", "right"));
  EXPECT_TRUE(of.ended());
  EXPECT_EQ(of.end(), 65);
  const auto bar = [&](std::string_view lane) { return of.bar_at(lane_named(of, lane), 0); };
  EXPECT_EQ(bar("11 cpu 0").begin, 20);
  EXPECT_EQ(bar("11 cpu 0").task, 0U);
  EXPECT_EQ(bar("22 cpu 0").begin, 35) << "by one clock";
  EXPECT_EQ(bar("22 cpu 0").end, 65);
  EXPECT_EQ(bar("22 cpu 0").task, 1U);
}

TEST(Merge, TheOrderOfTheFilesDoesNotMatterButForNames) {
  const auto a = process(11, one_task("left"));
  const auto b = process(22, one_task("right"), 15);
  const index one(merge({a, b}).all);
  const index other(merge({b, a}).all);
  EXPECT_EQ(names_of(one), names_of(other));
  for (const std::int64_t t : {5, 12, 22, 30, 40, 55, 65}) {
    EXPECT_EQ(one.counts_at(t), other.counts_at(t)) << t;
  }
}

TEST(Merge, IsWhatEachOfThemIsAtAnyMoment) {
  story told;
  told.main().at(10).submit(1).submit(2).tell(event_kind::dependency, 2, 1);
  told.worker(0).at(20).start(1).at(30).issue(1, 1, 0).at(31);
  told.span(1, 0, 32, 40);
  told.worker(1).at(45).finish(1).ready(2).start(2).at(60).fail(2);
  const auto a = process(11, told);
  const auto b = process(22, told, 1'000);
  auto apart = std::vector{a, b};
  apart[0].known_until = 5'000;  // it was recorded for longer
  const index both(merge(apart).all);
  const index alone(a);
  const auto inputs_of = [](const index& of) {
    std::size_t n = 0;
    for (fronta::viz::task_number t = 0; t < of.tasks().size(); ++t) {
      n += task_relations_of(of).inputs_of(t).size();
    }
    return n;
  };
  EXPECT_EQ(inputs_of(alone), 1U);
  EXPECT_EQ(inputs_of(both), 2U);
  for (std::int64_t t = 0; t < 70; ++t) {
    const auto once = alone.counts_at(t);
    EXPECT_EQ(both.counts_at(t), once) << t;
    auto twice = alone.counts_at(70);
    for (std::size_t k = 0; k < twice.size(); ++k) twice[k] += once[k];
    EXPECT_EQ(both.counts_at(1'000 + t), twice) << t;
  }
  const auto stream = lane_named(both, "22 gpu:0 stream 0");
  ASSERT_NE(stream, fronta::viz::none);
  EXPECT_EQ(both.bar_at(stream, 0).begin, 1'032);
}

TEST(Merge, WhatFilesLackIsSummedUp) {
  auto a = process(11, one_task("left"));
  auto b = process(11, one_task("right"), 15);
  a.dropped = 3;
  b.dropped = 4;
  b.damage = "the file is cut off";
  b.ended = false;
  b.cores = 8;
  b.tsc = true;
  const auto made = merge({a, b});
  EXPECT_EQ(made.all.dropped, 7U);
  EXPECT_EQ(made.all.damage, "11.2 the file is cut off") << "two of the same number";
  EXPECT_FALSE(made.all.ended);
  EXPECT_EQ(made.all.cores, 8U);
  EXPECT_EQ(made.said, "2 processes on one clock, ± 0.1 µs");
}

TEST(Merge, OldFilesThatDoNotSayWhoseATaskIsDoNotMixUpTwo) {
  auto a = process(11, one_task("left"));
  auto b = process(22, one_task("right"), 15);
  for (auto& e : b.events) {
    if (e.what.kind == event_kind::finish) e.what.executor = 0;
  }
  const index of(merge({a, b}).all);
  EXPECT_THAT(names_of(of), ElementsAre("left", "right"));
  EXPECT_EQ(of.bar_at(lane_named(of, "22 cpu 0"), 0).end, 65);
}

TEST(Merge, TheOrderOfTheFilesDoesNotMatterForWhetherTheyAreOneOrWhichIsNot) {
  const auto first = process(11, one_task("first"));
  const auto last = process(22, one_task("last"), 200);
  auto all_along = process(33, one_task("all along"));
  all_along.known_until = 300;
  const auto far = process(44, one_task("far"), 1'000'000);
  std::vector order{0, 1, 2};
  do {
    const std::vector three{first, last, all_along};
    std::vector<file_contents> given;
    for (const auto n : order) given.push_back(three[static_cast<std::size_t>(n)]);
    EXPECT_EQ(why_apart(given), "") << testing::PrintToString(order);
    for (std::size_t at = 0; at <= given.size(); ++at) {
      auto four = given;
      four.insert(four.begin() + static_cast<std::ptrdiff_t>(at), far);
      EXPECT_EQ(find_apart(four).which, at) << testing::PrintToString(order);
    }
  } while (std::ranges::next_permutation(order).found);
  EXPECT_EQ(find_apart(std::vector{first, last}).which, 1U);
  EXPECT_EQ(find_apart(std::vector{last, first}).which, 1U);
}

TEST(Merge, WhatHasNoCommonClockOrTimeStaysApart) {
  const auto a = process(11, one_task("left"));
  const auto with = [&](auto change) {
    auto b = process(22, one_task("right"), 15);
    change(b);
    return why_apart(std::vector{a, b});
  };
  EXPECT_EQ(with([](file_contents&) {}), "");
  EXPECT_THAT(with([](file_contents& b) { b.host = "here"; }), HasSubstr("two machines"));
  EXPECT_THAT(with([](file_contents& b) { b.given_clock = true; }), HasSubstr("clock of its own"));
  EXPECT_THAT(with([](file_contents& b) { b.origin_unix += 60'000'000'000; }),
              HasSubstr("started anew"));
  EXPECT_THAT(with([](file_contents& b) {
                b.origin_steady += 1'000;
                b.origin_unix += 1'000;
              }),
              HasSubstr("at the same time"));
  EXPECT_THAT(why_apart(std::vector{a, process(22, one_task("right"), 15), a}),
              HasSubstr("given twice"));
  auto far = process(22, one_task("right"), 1'000'000);
  EXPECT_THROW(static_cast<void>(merge({a, far})), std::invalid_argument);
}

}  // namespace
