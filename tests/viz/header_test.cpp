// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/player.hpp>
#include <fronta/viz/view.hpp>

#include <gmock/gmock.h>

#include "scene_words.hpp"
#include "story.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

// What a picture says of itself.
namespace {

using namespace fronta::test;
using fronta::viz::index;
using fronta::viz::view;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

fronta::trace::file_contents short_run() {
  story s;
  s.main().at(0).submit(1, "load");
  s.worker(0).at(10).start(1).at(2'000'000).finish(1);
  return s.told();
}

std::vector<std::string> header_of(const index& of, const view& v, float width = 1280,
                                   float height = 720) {
  return texts_in(drawn(of, v, width, height), "header");
}

std::string all_of(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& t : texts) all += t + '\n';
  return all;
}

TEST(Header, CallsAGivenClockSimulatedTime) {
  auto told = short_run();
  told.given_clock = true;
  const index of(std::move(told));
  const auto said = all_of(header_of(of, {}));
  EXPECT_THAT(said, HasSubstr("SIMULATED time"));
  EXPECT_THAT(said, Not(HasSubstr("RECORDED")));
  view live;
  live.shown = fronta::viz::source::live;
  EXPECT_THAT(all_of(header_of(of, live)), AllOf(HasSubstr("LIVE"), HasSubstr("SIMULATED time")));
  EXPECT_THAT(all_of(header_of(index(short_run()), {})),
              AllOf(HasSubstr("RECORDED"), Not(HasSubstr("SIMULATED"))));
}

TEST(Header, SaysOfAPacedRunThatItIs) {
  story s;
  s.main().at(0).tell(fronta::trace::event_kind::paced, 0).submit(1);
  const index of(s.told());
  EXPECT_THAT(all_of(header_of(of, {})), AllOf(HasSubstr("RECORDED"), HasSubstr("PACED")));
  view live;
  live.shown = fronta::viz::source::live;
  EXPECT_THAT(all_of(header_of(of, live)), AllOf(HasSubstr("LIVE"), HasSubstr("PACED")));
  const index plain(short_run());
  live.what = fronta::viz::preset::compare;
  live.other = &of;
  EXPECT_THAT(all_of(header_of(plain, live)), HasSubstr("PACED (B)"));
}

TEST(Header, NeverCutsWhatMustBeKnown) {
  auto told = short_run();
  told.dropped = 12'345'678;
  told.ended = false;
  told.host = "a-machine-with-a-long-name";
  told.spans.push_back({0, 0, {}});
  told.spans.back().what.simulated = true;
  const index of(std::move(told));
  for (const auto preset : {fronta::viz::preset::stage, fronta::viz::preset::timeline,
                            fronta::viz::preset::completion}) {
    for (const auto& [width, height] : {std::pair(640.0F, 400.0F),
                                        {1024.0F, 768.0F},
                                        {1920.0F, 1080.0F},
                                        {600.0F, 1000.0F},
                                        {1080.0F, 1920.0F},
                                        {640.0F, 4'000.0F}}) {
      for (const int steps : {-4, 0, 3, 8}) {
        for (const double dilation : {0.0, 12'345.0, 1e12}) {
          view v;
          v.what = preset;
          v.title = "a trace of a very long name that nobody could ever read from the last row";
          v.text_size = fronta::viz::text_scale(steps);
          v.dilation = dilation;
          const auto said = all_of(header_of(of, v, width, height));
          SCOPED_TRACE(said);
          EXPECT_THAT(said, HasSubstr("12 345 678 events MISSING\n"));
          EXPECT_THAT(said, HasSubstr("the recording was CUT OFF\n"));
          EXPECT_THAT(said, HasSubstr("RECORDED "));
          EXPECT_THAT(said, HasSubstr("GPUs SIMULATED"));
          EXPECT_THAT(said, HasSubstr("on a-machine-with-a-long-name"));
          if (dilation == 12'345.0) {
            EXPECT_THAT(said, HasSubstr("1 s on screen = 12.3 µs (81 004× slower)\n"));
          }
        }
      }
    }
  }
}

TEST(Header, WritesALongTitleSmallerBeforeItIsCut) {
  view v;
  v.title = "a-trace-of-a-run.trace";
  EXPECT_THAT(header_of(index(short_run()), v, 1024, 768), Contains("a-trace-of-a-run.trace"));
}

std::vector<std::string> legend_at(const index& of, std::int64_t at) {
  view v;
  v.at = at;
  std::vector<std::string> words;
  for (const auto& p : drawn(of, v).primitives) {
    using id = fronta::viz::item_id;
    if (p.id.what == id::kind::legend && p.id.which == id::part::name)
      words.push_back(std::get<fronta::viz::label>(p.what).text);
  }
  return words;
}

TEST(Legend, HasWhatHasBeenInTheOrderInWhichItCame) {
  story s;
  s.main().at(10).submit(1).enqueue(1, fronta::trace::queue::inbox);
  s.worker(0).at(20).start(1).at(30).retry(1, 1).enqueue(1, fronta::trace::queue::backoff);
  s.worker(0).at(40).start(1, 1).issue(1, 1, 0);
  s.span(1, 0, 60, 70);
  s.worker(0).at(80).finish(1);
  const index of(s.told());
  EXPECT_THAT(legend_at(of, 0), IsEmpty());
  EXPECT_THAT(legend_at(of, 10), ElementsAre("waits for inputs", "queued"));
  EXPECT_THAT(legend_at(of, 29), ElementsAre("waits for inputs", "queued", "running"));
  // A run that failed is drawn so, though its task has not.
  EXPECT_THAT(legend_at(of, 30),
              ElementsAre("waits for inputs", "queued", "running", "waits to retry", "failed"));
  EXPECT_THAT(legend_at(of, 60), Contains("on a GPU"));
  EXPECT_THAT(legend_at(of, 79), Not(Contains("done")));
  EXPECT_EQ(legend_at(of, 80).back(), "done");
}

TEST(Header, SaysAnyPace) {
  const index of(short_run());
  const auto said = [&](double dilation) {
    view v;
    v.dilation = dilation;
    return all_of(header_of(of, v));
  };
  EXPECT_THAT(said(1e300), HasSubstr("1 s on screen = 9 000 000 000 s"));
  EXPECT_THAT(said(1e-300),
              HasSubstr("1 s on screen = less than 1 ns (1 000 000 000 000 000× slower)"));
  EXPECT_THAT(said(std::numeric_limits<double>::infinity()), HasSubstr("1 s on screen"));
  EXPECT_THAT(said(std::numeric_limits<double>::quiet_NaN()), Not(HasSubstr("on screen")));
  EXPECT_THAT(said(1e9), HasSubstr("1 s on screen = 1.00 s\n"));
}

// On each clock and whatever it is of.
TEST(Header, SaysThePaceOfALivePictureToo) {
  using fronta::viz::clock_kind;
  const index of(short_run());
  auto s = fronta::viz::opened_live(of);
  for (const auto clock : {clock_kind::linear, clock_kind::steps, clock_kind::warped}) {
    s.clock = clock;
    s.follows = true;
    EXPECT_THAT(all_of(header_of(of, view_of(s))), HasSubstr("1 s on screen = 1.00 s\n"));
    s.follows = false;
    s.playing = true;
    s.dilation = 1'000;
    EXPECT_THAT(all_of(header_of(of, view_of(s))),
                HasSubstr("1 s on screen = 1.00 µs (1 000 000× slower)\n"));
    s.dilation = 1e9;
  }
}

TEST(Header, SaysWhenWorkersShareCores) {
  auto told = short_run();
  told.cores = 0;
  EXPECT_THAT(all_of(header_of(index(told), {})), Not(HasSubstr(" on 1 core")));
  auto more = told;
  more.cores = 1;
  story two;
  two.main().at(0).submit(1).submit(2);
  two.worker(0).at(1).start(1).at(20).finish(1);
  two.worker(1).at(1).start(2).at(20).finish(2);
  auto shared = two.told();
  shared.cores = 1;
  EXPECT_THAT(all_of(header_of(index(shared), {})), HasSubstr("2 workers on 1 core\n"));
  EXPECT_THAT(all_of(header_of(index(more), {})), Not(HasSubstr("workers on")));
}

// The lanes of a step have an axis that is to scale.
TEST(Header, SaysOfStepsThatTheyHaveNoPace) {
  view v;
  v.steps = true;
  const auto said = all_of(header_of(index(short_run()), v));
  EXPECT_THAT(said, HasSubstr("step by step"));
  EXPECT_THAT(said, Not(HasSubstr("scale")));
}

TEST(Header, KeepsItsHeightWhileFiguresGrow) {
  story s;
  for (std::uint64_t t = 1; t <= 2'000; ++t) {
    const auto at = static_cast<std::int64_t>(t) * 1'000;
    s.main().at(at).submit(t);
    s.worker(0).at(at + 10).start(t).at(at + 90).finish(t);
  }
  const index of(s.told());
  for (int wide = 640; wide < 1'400; wide += 20) {
    const auto width = static_cast<float>(wide);
    std::vector<float> heights;
    for (const std::int64_t at : {1'000, 9'999, 500'000, 2'000'090}) {
      view v;
      v.at = at;
      v.dilation = 123'456;
      heights.push_back(drawn(of, v, width, 400).panes.front().at.height);
    }
    EXPECT_THAT(heights, Each(heights.front())) << width;
  }
}

}  // namespace
