// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/live.hpp>

#include <fronta/fronta.hpp>
#include <fronta/trace_file.hpp>
#include <fronta/trace_recording.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/view.hpp>
#include <fronta/viz/words.hpp>

#include <gmock/gmock.h>

#include <src/summaries.hpp>
#include <support/temporary_folder.hpp>

#include "plain_metrics.hpp"
#include "story.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <semaphore>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using namespace std::chrono_literals;
using test::temporary_folder;
using trace::event_kind;
using trace::file_contents;
using phase = trace::follower::phase;

// ---- What is known does not change.

// As a follower would have had it at `until`.
file_contents known_at(const file_contents& all, std::int64_t until) {
  auto cut = all;
  std::erase_if(cut.events, [&](const auto& e) { return e.time > until; });
  std::erase_if(cut.spans, [&](const auto& s) { return s.time > until; });
  cut.known_until = until;
  cut.ended = false;
  return cut;
}

std::string name_of_place(const index& of, const change& c) {
  if (c.where == nowhere) return "nowhere";
  const bool queued = c.state == task_state::queued || c.state == task_state::waiting_tags ||
                      c.state == task_state::retry_wait;
  return queued ? of.queues()[c.where].name : of.lanes()[c.where].name;
}

using told_state = std::tuple<task_state, std::string, int, std::int64_t>;
told_state state_at(const index& of, task_number t, std::int64_t at) {
  const auto c = t < of.tasks().size() ? of.state_of(t, at) : std::nullopt;
  if (!c) return {task_state::unknown, "not submitted", -1, 0};
  return {c->state, name_of_place(of, *c), c->attempt, of.time_of(*c)};
}

std::map<std::string, std::uint32_t> lengths_at(const index& of, std::int64_t at) {
  std::map<std::string, std::uint32_t> all;
  for (std::uint32_t q = 0; q < of.queues().size(); ++q) {
    if (const auto n = of.length_at(q, at); n != 0) all[of.queues()[q].name] += n;
  }
  return all;
}

// Where a task waits the model finds out later whether its slot was lent meanwhile: then its bar
// ended when it began to wait.
using told_bar = std::tuple<std::string, task_number, std::int64_t, int>;
std::set<told_bar> open_bars_at(const index& of, std::int64_t at) {
  std::set<told_bar> all;
  for (std::uint32_t l = 0; l < of.lanes().size(); ++l) {
    for (const auto& b : of.open_at(l, at)) {
      if (b.what != bar::kind::run) continue;
      const auto c = of.state_of(b.task, at);
      if (c && c->state == task_state::suspended) continue;
      all.insert({of.lanes()[l].name, b.task, b.begin, b.depth});
    }
  }
  return all;
}

// `devices`: tasks that a device worked for are known late, and so are their queues.
enum class devices : std::uint8_t { none, some };

void check_prefixes(const file_contents& told, devices with) {
  const index whole(told);
  std::set<task_number> on_devices;
  for (const auto& e : whole.events()) {
    if (e.kind == device_began || e.what() == event_kind::issue) on_devices.insert(e.task);
  }
  EXPECT_EQ(on_devices.empty(), with == devices::none);
  const auto events = whole.events();
  ASSERT_GT(events.size(), 50U);
  std::set<std::int64_t> cuts;
  std::set<std::int64_t> moments;
  for (std::size_t i = 0; i < events.size(); i += std::max<std::size_t>(1, events.size() / 40)) {
    cuts.insert(events[i].time);
    cuts.insert(events[i].time - 1);
  }
  for (std::size_t i = 0; i < events.size(); i += std::max<std::size_t>(1, events.size() / 150)) {
    moments.insert(events[i].time);
  }
  for (const auto cut : cuts) {
    const index early(known_at(told, cut));
    EXPECT_LE(early.end(), std::max(cut, events.front().time));
    for (const auto t : moments) {
      if (t > cut) break;
      for (task_number task = 0; task < whole.tasks().size(); ++task) {
        if (on_devices.contains(task)) continue;
        ASSERT_EQ(state_at(early, task, t), state_at(whole, task, t))
            << "task " << task << " at " << t << ", as known at " << cut;
      }
      if (with == devices::some) continue;
      ASSERT_EQ(lengths_at(early, t), lengths_at(whole, t)) << "at " << t << " known at " << cut;
      ASSERT_EQ(open_bars_at(early, t), open_bars_at(whole, t)) << "at " << t << " of " << cut;
      ASSERT_EQ(early.completed_at(t), whole.completed_at(t));
    }
  }
}

file_contents recorded(const std::function<void()>& program) {
  const temporary_folder folder;
  trace::recording trace(folder.file("t"));
  program();
  trace.stop();
  return trace::read_file(folder.file("t"));
}

int sum_of(int depth) {
  if (depth == 0) return 1;
  auto half = this_task::executor().submit([depth] { return sum_of(depth - 1); });
  const int own = sum_of(depth - 1);
  return own + half.get();
}

void run_many_kinds() {
  executor ex{{.tags = {{"licence", 1}}}, cpu::threads{.workers = 2, .offers = {{"lens", 1}}}};
  EXPECT_EQ(ex.submit([] { return sum_of(4); }).get(), 16);
  std::vector<future<void>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(ex.submit({.needs = {{i % 2 == 0 ? "lens" : "licence", 1}}}, [] {}));
    all.push_back(ex.submit({.priority = i}, [] {}));
  }
  all.push_back(ex.submit({.retries = 2, .backoff = 1ms}, [] {
    if (this_task::attempt() < 2) throw std::runtime_error("not yet");
  }));
  promise<int> p;
  const auto later = p.get_future();
  const auto waits = ex.submit([later] { return later.get(); });
  ex.submit([p = std::move(p)]() mutable { p.set_value(1); }).wait();
  for (int i = 0; i < 10; ++i) ex.submit([] {}).cancel();
  wait(all);
  waits.wait();
}

void run_on_devices() {
  executor ex{cpu::threads{.workers = 2}, gpu::simulated{.devices = 2, .streams = 2}};
  std::vector<float> numbers(10'000, 1.5F);
  std::vector<future<void>> all;
  std::vector<std::vector<float>> results(12, std::vector<float>(numbers.size()));
  for (auto& result : results) {
    all.push_back(ex.submit([] {}));
    all.push_back(ex.submit([&](gpu::stream& s) {
      auto b = s.to_device(std::span<const float>(numbers));
      s.to_host(std::span(result), b);
    }));
  }
  wait(all);
}

TEST(LivePrefix, OfARunOfTasksSaysTheSameOfWhatWas) {
  check_prefixes(recorded(run_many_kinds), devices::none);
}

TEST(LivePrefix, OfARunOnDevicesSaysTheSameOfWhatTheHostDid) {
  check_prefixes(recorded(run_on_devices), devices::some);
}

// ---- The reader.

class LiveReader : public testing::Test {
 protected:
  LiveReader() { tell(1); }
  void tell(int tasks) {
    for (int i = 0; i < tasks; ++i) {
      trace::detail::emit(event_kind::submit, next_++, 0);
    }
    trace_.flush();
  }
  [[nodiscard]] live_reader reader() {
    return {trace::follower(folder_.file("t")), [this] {
              now_ += costs_;
              return now_;
            }};
  }

  temporary_folder folder_;
  trace::recording trace_{folder_.file("t"), {.flush_every = 0ms}};
  std::chrono::nanoseconds now_{0};
  std::chrono::nanoseconds costs_{0};  // of making a model, as the clock is read twice for it
  std::uint64_t next_ = 1;
};

TEST_F(LiveReader, HasAModelOfAllThatWasTold) {
  auto r = reader();
  const auto first = r.step();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->of->tasks().size(), 1U);
  EXPECT_EQ(first->state, phase::goes_on);
  EXPECT_FALSE(first->of->ended());
  tell(5);
  now_ += 50ms;
  const auto second = r.step();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->of->tasks().size(), 6U);
  EXPECT_GT(second->of->end(), first->of->end());
  EXPECT_GE(r.heard_at(), 0);
}

TEST_F(LiveReader, MakesNoneWhereNothingIsNew) {
  auto r = reader();
  EXPECT_TRUE(r.step());
  now_ += 1h;
  EXPECT_FALSE(r.step());
}

TEST_F(LiveReader, TakesAQuarterOfACoreAtMostAndLessWhereOnlyTimePasses) {
  auto r = reader();
  costs_ = 100ms;
  ASSERT_TRUE(r.step());
  const auto built = now_;
  costs_ = 0ms;
  tell(1);
  now_ = built + 299ms;
  EXPECT_FALSE(r.step());
  now_ = built + 301ms;
  ASSERT_TRUE(r.step());

  auto idle = reader();
  costs_ = 100ms;
  ASSERT_TRUE(idle.step());
  const auto then = now_;
  costs_ = 0ms;
  trace_.flush();
  now_ = then + 1'990ms;
  EXPECT_FALSE(idle.step());
  now_ = then + 2'001ms;
  EXPECT_TRUE(idle.step());
}

TEST_F(LiveReader, ShowsTheEndAtOnceAndThenWhetherTheFileIsUsedAgain) {
  auto r = reader();
  costs_ = 10s;
  ASSERT_TRUE(r.step());
  tell(2);
  trace_.stop();
  const auto last = r.step();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->state, phase::ended);
  EXPECT_TRUE(last->of->ended());
  EXPECT_EQ(last->of->tasks().size(), 3U);
  EXPECT_FALSE(r.is_over());
  EXPECT_FALSE(r.step());
  const trace::recording again(folder_.file("t"));
  const auto anew = r.step();
  ASSERT_TRUE(anew);
  EXPECT_EQ(anew->state, phase::anew);
  EXPECT_TRUE(r.is_over());
}

// What the drawing thread then takes is there: the widest picture of each preset makes nothing.
TEST_F(LiveReader, MakesWhatThePresetNeedsOfTheWholeAndNoMore) {
  const test::plain_metrics font;
  constexpr std::array all{preset::stage,     preset::timeline, preset::completion,
                           preset::graph,     preset::compare,  preset::statistics,
                           preset::inspector, preset::plots,    preset::progress};
  const auto check = [&](preset p, const live_news& news, source shown) {
    const auto made = news.of->whole().built();
    // The legend's, those of names (groups and words), and kinds or families.
    if (p == preset::stage || p == preset::completion) {
      EXPECT_EQ(made, 4);
    }
    view v{.what = p, .at = news.of->end(), .selected = 0, .shown = shown, .title = {}};
    const index other{file_contents{}};
    if (p == preset::compare) v.other = &other;
    static_cast<void>(draw(*news.of, v, 1920, 1080, font, light_theme()));
    EXPECT_EQ(news.of->whole().built(), made) << name_of(p);
  };
  for (const auto p : all) {
    auto r = reader();
    const auto news = r.step({.what = p});
    ASSERT_TRUE(news);
    check(p, *news, source::live);
  }
  trace_.stop();
  for (const auto p : all) {
    auto r = reader();
    const auto news = r.step({.what = p});
    ASSERT_TRUE(news);
    check(p, *news, source::recorded);
  }
}

// However it is looked at.
TEST(LivePreparation, MakesWhatEveryViewNeedsOfTheWhole) {
  const test::plain_metrics font;
  const index other{file_contents{}};
  test::story told;
  told.main().at(10).submit(1, "load").submit(2, "mask").dependency(2, 1);
  told.main().tell(event_kind::location, 1, 12, "main.cpp:3");
  told.worker(0).at(20).start(1).at(40).finish(1).ready(2).start(2).at(90).finish(2);
  const auto check = [&](const view_needs& needs, phase state) {
    const index of(told.told());
    prepare(of, needs, state);
    const auto made = of.whole().built();
    view v{.what = needs.what,
           .at = of.end(),
           .selected = needs.selects ? 0 : no_task,
           .shown = state == phase::goes_on ? source::live : source::recorded,
           .title = {},
           .layout = needs.layout,
           .clock = needs.clock,
           .color = needs.color};
    if (needs.what == preset::compare) v.other = &other;
    static_cast<void>(draw(of, v, 1920, 1080, font, light_theme()));
    EXPECT_EQ(of.whole().built(), made)
        << name_of(needs.what) << ' ' << name_of(needs.layout) << ' ' << name_of(needs.clock)
        << (needs.color == bar_color::kind ? " by kind" : "") << (needs.selects ? " selects" : "")
        << (state == phase::goes_on ? " goes on" : "");
  };
  for (std::size_t p = 0; p <= static_cast<std::size_t>(preset::progress); ++p) {
    for (const auto layout : {stage_layout::plain, stage_layout::read}) {
      for (const auto color : {bar_color::state, bar_color::kind}) {
        for (const auto clock : {clock_kind::linear, clock_kind::steps}) {
          for (const bool selects : {false, true}) {
            for (const auto state : {phase::goes_on, phase::ended}) {
              check({.what = static_cast<preset>(p),
                     .layout = layout,
                     .color = color,
                     .clock = clock,
                     .selects = selects},
                    state);
            }
          }
        }
      }
    }
  }
}

// ---- With its thread.

TEST(Live, FollowsARunToItsEnd) {
  const temporary_folder folder;
  trace::recording recorded(folder.file("t"), {.flush_every = 1ms});
  std::counting_semaphore told(0);
  live l(trace::follower(folder.file("t")), [&] { told.release(); });
  std::vector<live_news> seen;
  const auto take = [&] {
    told.acquire();
    if (auto n = l.take()) seen.push_back(*std::move(n));
  };
  {
    executor ex{cpu::threads{.workers = 2}};
    for (int round = 0; round < 3; ++round) {
      std::vector<future<int>> all;
      for (int i = 0; i < 200; ++i) all.push_back(ex.submit([i] { return i; }));
      wait(all);
      take();
    }
  }
  recorded.stop();
  while (seen.empty() || seen.back().state == phase::goes_on) take();
  EXPECT_EQ(seen.back().state, phase::ended);
  EXPECT_EQ(seen.back().damage, "");
  EXPECT_GT(l.heard_at(), 0);
  const index whole(trace::read_file(folder.file("t")));
  EXPECT_EQ(seen.back().of->tasks().size(), 600U);
  EXPECT_EQ(seen.back().of->end(), whole.end());
  for (const auto& n : seen) {
    const auto at = n.of->end();
    EXPECT_LE(at, whole.end());
    EXPECT_EQ(n.of->completed_at(at), whole.completed_at(at));
    EXPECT_EQ(lengths_at(*n.of, at), lengths_at(whole, at));
  }
  EXPECT_FALSE(l.take()) << "once";
}

TEST(Live, EndsWhileItReads) {
  const temporary_folder folder;
  const trace::recording recorded(folder.file("t"), {.flush_every = 1ms});
  for (int i = 0; i < 20; ++i) {
    const live l(trace::follower(folder.file("t")), [] {});
  }
}

}  // namespace
}  // namespace fronta::viz
