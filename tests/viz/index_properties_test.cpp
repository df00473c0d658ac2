// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/index.hpp>

#include <fronta/cpus.hpp>
#include <fronta/fronta.hpp>
#include <fronta/trace_file.hpp>
#include <fronta/trace_recording.hpp>

#include <gmock/gmock.h>

#include <support/temporary_folder.hpp>

#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <ranges>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// What holds of any trace: of real ones, and of such as nobody would write.
namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::cpu::threads;
using fronta::test::edges_of;
using fronta::test::soup;
using fronta::test::temporary_folder;
using fronta::trace::event_kind;
using fronta::trace::file_contents;
using fronta::viz::bar;
using fronta::viz::forever;
using fronta::viz::index;
using fronta::viz::is_in_rows;
using fronta::viz::lane;
using fronta::viz::no_task;
using fronta::viz::none;
using fronta::viz::nowhere;
using fronta::viz::task_number;
using fronta::viz::task_state;

bool in_queue(task_state s) {
  return s == task_state::queued || s == task_state::waiting_tags || s == task_state::retry_wait;
}
bool on_lane(task_state s) {
  return s == task_state::running || s == task_state::suspended || s == task_state::copying;
}

std::vector<bar> bars_of(const index& of, std::uint32_t lane) {
  std::vector<bar> bars;
  for (std::size_t i = 0; i < of.bars_of(lane); ++i) bars.push_back(of.bar_at(lane, i));
  return bars;
}

bool same(const bar& a, const bar& b) {
  return a.begin == b.begin && a.end == b.end && a.task == b.task && a.what == b.what &&
         a.depth == b.depth && a.span == b.span && a.sure_begin == b.sure_begin &&
         a.sure_end == b.sure_end;
}

// Each change is there once, in the list of its task.
void check_changes(const index& of) {
  const auto changes = of.changes();
  for (std::uint32_t c = 0; c < changes.size(); ++c) {
    const auto& change = changes[c];
    ASSERT_LT(change.event, of.events().size());
    ASSERT_TRUE(c == 0 || changes[c - 1].event <= change.event);
  }
  std::size_t listed = 0;
  for (task_number t = 0; t < of.tasks().size(); ++t) {
    for (auto c = of.tasks()[t].last_change; c != none; c = changes[c].previous) {
      ++listed;
      const auto& change = changes[c];
      ASSERT_EQ(of.task_of(c), t);
      if (change.previous != none) {
        ASSERT_LT(change.previous, c);
        ASSERT_FALSE(is_final(changes[change.previous].state)) << "an end is the end";
      }
      if (in_queue(change.state)) {
        ASSERT_TRUE(change.where == nowhere || change.where < of.queues().size());
      } else if (on_lane(change.state)) {
        ASSERT_TRUE(change.where == nowhere || change.where < of.lanes().size());
      } else {
        ASSERT_EQ(change.where, nowhere);
      }
    }
  }
  ASSERT_EQ(listed, changes.size());
}

void check_order(const index& of) {
  const auto events = of.events();
  ASSERT_TRUE(std::ranges::is_sorted(events, {}, &fronta::viz::event::time));
  for (task_number t = 0; t < of.tasks().size(); ++t) {
    ASSERT_TRUE(of.tasks()[t].parent == no_task || of.tasks()[t].parent < t);
  }
  for (const auto& e : events) {
    if (e.other() == no_task) continue;
    ASSERT_LT(e.other(), of.tasks().size());
    ASSERT_NE(e.other(), e.task);
    if (e.what() == event_kind::dependency || e.what() == event_kind::submit) {
      ASSERT_LT(e.other(), e.task);
    }
  }
  for (std::size_t i = 0; i < of.notes(); ++i) {
    const auto n = of.note_at(i);
    ASSERT_LE(n.begin, n.end);
    ASSERT_LT(n.lane, of.lanes().size());
  }
  std::set<task_number> ended;
  for (std::size_t i = 0; i < of.completions().size(); ++i) {
    const auto& c = of.changes()[of.completions()[i]];
    ASSERT_TRUE(is_final(c.state));
    ASSERT_TRUE(ended.insert(events[c.event].task).second);
    ASSERT_TRUE(i == 0 || of.completions()[i - 1] < of.completions()[i]);
  }
  for (std::uint32_t l = 0; l < of.lanes().size(); ++l) {
    std::int64_t until = std::numeric_limits<std::int64_t>::min();
    for (const auto& [begin, end] : of.parked(l)) {
      ASSERT_LE(until, begin);
      ASSERT_LE(begin, end);
      until = end;
    }
  }
}

void check_bars(const index& of, std::uint32_t on) {
  const auto bars = bars_of(of, on);
  const auto kind = of.lanes()[on].what;
  const bool rows = kind != lane::kind::slot && kind != lane::kind::thread;
  ASSERT_TRUE(std::ranges::is_sorted(bars, {}, &bar::begin));
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const auto& a = bars[i];
    ASSERT_LE(a.begin, a.end);
    ASSERT_LE(a.begin, a.sure_begin);
    ASSERT_LE(a.sure_begin, a.end);
    ASSERT_LE(a.begin, a.sure_end);
    ASSERT_LE(a.sure_end, a.end);
    ASSERT_TRUE(a.task != no_task || a.what == bar::kind::device || a.what == bar::kind::copy);
    for (std::size_t k = i + 1; k < bars.size() && bars[k].begin < a.end; ++k) {
      const auto& b = bars[k];
      if (rows) {
        ASSERT_TRUE(a.depth != b.depth || a.depth == 255 || a.sure_end <= b.sure_begin)
            << "what is sure of a row is apart";
        continue;
      }
      if (b.begin == b.end || a.begin == a.end) continue;
      // In the order of begin the outer one comes first.
      if (a.depth < b.depth) {
        ASSERT_LE(b.end, a.end) << "nested properly";
      } else {
        ASSERT_EQ(a.depth, b.depth);
        ASSERT_EQ(b.what, bar::kind::suspended);
        ASSERT_EQ(a.what, bar::kind::run);
        ASSERT_EQ(a.task, b.task);
        ASSERT_LE(b.end, a.end);
      }
    }
  }
}

// How long each bar of a lane was what its worker was at; of a device's, what is sure.
std::vector<std::int64_t> own_times(const std::vector<bar>& bars, bool rows) {
  std::vector<std::int64_t> own(bars.size());
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const auto& b = bars[i];
    if (rows) {
      own[i] = b.end == forever ? 0 : std::max<std::int64_t>(0, b.sure_end - b.sure_begin);
      continue;
    }
    if (b.what == bar::kind::suspended || b.end == forever) continue;
    own[i] = b.end - b.begin;
    // Of what lies in it, the outer ones: all that ends before the next of them begins is inside.
    auto after = b.begin;
    for (auto k = i + 1; k < bars.size() && bars[k].begin < b.end; ++k) {
      const auto& in = bars[k];
      const bool within = in.depth > b.depth || in.what == bar::kind::suspended;
      if (!within || in.begin < after) continue;
      own[i] -= in.end - in.begin;
      after = in.end;
    }
  }
  return own;
}

// Short bars taken together, from any of them on.
void check_clusters(const index& of, std::uint32_t on) {
  const auto bars = bars_of(of, on);
  const bool in_rows = is_in_rows(of.lanes()[on].what);
  const auto own = own_times(bars, in_rows);
  std::size_t rows = 0;
  for (const auto& b : bars) rows = std::max<std::size_t>(rows, b.depth + std::size_t{1});
  ASSERT_EQ(of.rows_of(on), rows);
  const auto stride = std::max<std::size_t>(1, bars.size() / 20);
  for (const std::int64_t least : {1, 4, 40, 400}) {
    for (std::size_t first = 0; first < bars.size(); first += stride) {
      const auto until = bars[std::min(first + 3 * stride, bars.size() - 1)].begin;
      for (const auto at : {forever, until, bars[first].begin + 1}) {
        if (at != forever && first % (4 * stride) != 0) continue;
        std::map<std::uint8_t, index::cluster::row> naive;
        auto next = first;
        for (; next < bars.size() && bars[next].begin < std::min(until, at); ++next) {
          const auto& b = bars[next];
          if (b.end == forever || std::min(b.end, at) - b.begin >= least) break;
          const auto end = std::min(b.end, at);
          auto busy = std::min(own[next], end - b.begin);
          if (in_rows) busy = std::max<std::int64_t>(0, std::min(b.sure_end, end) - b.sure_begin);
          const auto failure = b.failed && b.end <= at ? b.end : forever;
          const auto key = in_rows || naive.empty() ? b.depth : naive.begin()->first;
          const auto [one, made] =
              naive.try_emplace(key, index::cluster::row{b.depth, 1, b.begin, end, busy, failure});
          if (made) continue;
          auto& r = one->second;
          r.depth = std::min(r.depth, b.depth);
          ++r.bars;
          r.end = std::max(r.end, end);
          r.busy += busy;
          r.first_failure = std::min(r.first_failure, failure);
        }
        const auto got = of.cluster_from(on, first, until, least, at);
        ASSERT_EQ(got.next, next);
        ASSERT_EQ(got.rows.size(), naive.size());
        auto r = got.rows.begin();
        for (auto& [key, n] : naive) {
          if (!in_rows) n.busy = std::min(n.busy, n.end - n.begin);
          ASSERT_EQ(std::tuple(r->depth, r->bars, r->begin, r->end, r->busy, r->first_failure),
                    std::tuple(n.depth, n.bars, n.begin, n.end, n.busy, n.first_failure));
          ASSERT_LE(r->busy, r->depth == 255 ? forever : r->end - r->begin);
          ++r;
        }
      }
    }
  }
  // All of them, as far as they have got.
  auto got = bars;
  for (auto& b : got) {
    b.end = std::min(b.end, of.end());
    b.sure_end = std::min(b.sure_end, of.end());
  }
  const auto all = of.cluster_from(on, 0, forever, forever, of.end());
  const auto so_far = own_times(got, in_rows);
  ASSERT_EQ(all.next, of.first_bar_from(on, of.end()));
  std::int64_t busy = 0;
  for (std::size_t i = 0; i < all.next; ++i) busy += so_far[i];
  ASSERT_EQ(all.busy, in_rows || all.next == 0 ? busy : std::min(busy, all.end - got[0].begin));
}

// Reasons cover a stretch, and each is the one of its moments where it is not cut short.
void check_blanks(const index& of, std::uint32_t on) {
  const auto from = of.begin() - 2;
  const auto to = of.end() + 3;
  for (const std::int64_t least : {1, 7}) {
    const auto all = of.blanks(on, from, to, least);
    ASSERT_FALSE(all.empty());
    ASSERT_EQ(all.front().begin, from);
    ASSERT_EQ(all.back().end, to);
    for (std::size_t i = 0; i < all.size(); ++i) {
      ASSERT_TRUE(i == 0 || all[i - 1].end == all[i].begin);
      ASSERT_TRUE(all.size() == 1 || all[i].end - all[i].begin >= least);
      ASSERT_FALSE(all[i].why.empty());
      if (least != 1 || all[i].why.find("mostly") != std::string::npos) continue;
      const auto point = of.why_blank(on, all[i].begin);
      const auto kind = [](const std::string& s) { return s.substr(s.find_last_of(' ') + 1); };
      ASSERT_EQ(kind(point), kind(all[i].why)) << "at " << all[i].begin;
    }
  }
}

void check_lane_at(const index& of, std::uint32_t on, const std::vector<bar>& bars,
                   std::int64_t t) {
  std::vector<bar> open;
  for (const auto& b : bars) {
    if (b.begin <= t && b.end > t) open.push_back(b);
  }
  std::ranges::sort(open, {}, [](const bar& b) { return std::tuple(b.depth, b.begin, b.what); });
  ASSERT_TRUE(std::ranges::equal(of.open_at(on, t), open, same)) << "at " << t;
  const auto after = std::ranges::find_if(bars, [t](const bar& b) { return b.end > t; });
  ASSERT_EQ(of.first_bar_after(on, t), static_cast<std::size_t>(after - bars.begin()));
  const auto from = std::ranges::find_if(bars, [t](const bar& b) { return b.begin >= t; });
  ASSERT_EQ(of.first_bar_from(on, t), static_cast<std::size_t>(from - bars.begin()));
  ASSERT_FALSE(of.why_blank(on, t).empty());
}

// Tasks with the change that put them where they are.
using queued_tasks = std::vector<std::pair<std::uint32_t, task_number>>;

void check_at(const index& of, std::int64_t t) {
  std::vector<std::uint32_t> counts(fronta::viz::task_states);
  std::vector<queued_tasks> queues(of.queues().size());
  std::size_t ended = 0;
  for (task_number task = 0; task < of.tasks().size(); ++task) {
    const auto c = of.state_of(task, t);
    if (!c) continue;
    ASSERT_LE(of.time_of(*c), t);
    ASSERT_EQ(of.events()[c->event].task == task || c->state == task_state::unknown, true);
    ++counts[static_cast<std::size_t>(c->state)];
    if (in_queue(c->state) && c->where != nowhere)
      queues[c->where].emplace_back(of.change_of(task, t), task);
    if (is_final(c->state)) ++ended;
  }
  ASSERT_EQ(of.counts_at(t), counts) << "at " << t;
  std::vector<std::uint32_t> sum(fronta::viz::task_states);
  std::set<std::uint16_t> executors;
  for (const auto& task : of.tasks()) executors.insert(task.executor);
  for (const auto x : executors) {
    const auto own = of.counts_at(t, x);
    for (std::size_t s = 0; s < own.size(); ++s) sum[s] += own[s];
  }
  ASSERT_EQ(sum, counts) << "at " << t;
  ASSERT_EQ(of.completed_at(t), ended);
  for (std::uint32_t q = 0; q < queues.size(); ++q) {
    std::ranges::sort(queues[q]);
    std::vector<task_number> oldest;
    for (const auto& [c, task] : queues[q]) oldest.push_back(task);
    ASSERT_EQ(of.length_at(q, t), oldest.size()) << "at " << t;
    const auto all = oldest.size() + 1;
    ASSERT_EQ(of.queued_at(q, t, all, index::first::oldest), oldest);
    std::vector<task_number> newest(oldest.rbegin(), oldest.rend());
    ASSERT_EQ(of.queued_at(q, t, all, index::first::newest), newest);
    newest.resize(std::min<std::size_t>(newest.size(), 2));
    ASSERT_EQ(of.queued_at(q, t, 2, index::first::newest), newest);
  }
  const auto happened =
      std::ranges::count_if(of.events(), [t](const auto& e) { return e.time <= t; });
  ASSERT_EQ(of.last_event(t), static_cast<std::uint32_t>(happened - 1)) << "none before the first";
}

// At up to `moments` of them.
void check(const index& of, std::size_t moments) {
  check_changes(of);
  check_order(of);
  if (testing::Test::HasFatalFailure()) return;
  std::set<std::int64_t> times{of.begin() - 1, of.end() + 1};
  const auto stride = std::max<std::size_t>(1, of.events().size() / moments);
  for (std::size_t e = 0; e < of.events().size(); e += stride) {
    times.insert(of.events()[e].time - 1);
    times.insert(of.events()[e].time);
  }
  for (const auto t : times) {
    check_at(of, t);
    if (testing::Test::HasFatalFailure()) return;
  }
  for (std::uint32_t l = 0; l < of.lanes().size(); ++l) {
    check_bars(of, l);
    if (testing::Test::HasFatalFailure()) return;
    check_clusters(of, l);
    if (testing::Test::HasFatalFailure()) return;
    check_blanks(of, l);
    if (testing::Test::HasFatalFailure()) return;
    const auto bars = bars_of(of, l);
    for (const auto t : times) check_lane_at(of, l, bars, t);
    if (testing::Test::HasFatalFailure()) return;
  }
}

// ---- Real recordings.

file_contents recorded(const std::function<void()>& program) {
  const temporary_folder folder;
  fronta::trace::recording trace(folder.file("t"));
  program();
  trace.stop();
  return fronta::trace::read_file(folder.file("t"));
}

// What a whole recording of a program that has ended says, by its own events.
void check_whole(const file_contents& told, const index& of) {
  ASSERT_EQ(told.dropped, 0U);
  std::map<event_kind, std::size_t> events;
  for (const auto& e : told.events) ++events[e.what.kind];
  ASSERT_EQ(of.tasks().size(), events[event_kind::submit]);
  const auto counts = of.counts_at(of.end());
  const auto count = [&](task_state s) { return counts[static_cast<std::size_t>(s)]; };
  EXPECT_EQ(count(task_state::cancelled), events[event_kind::cancel]);
  EXPECT_EQ(count(task_state::done) + count(task_state::failed), events[event_kind::finish]);
  EXPECT_EQ(of.completions().size(), of.tasks().size()) << "everything has ended";
  std::size_t begun = 0;
  for (std::uint32_t l = 0; l < of.lanes().size(); ++l) {
    for (const auto& b : bars_of(of, l)) {
      EXPECT_NE(b.end, forever);
      EXPECT_FALSE(b.lost);
      if (b.what == bar::kind::run && !b.came_over) ++begun;
    }
  }
  EXPECT_EQ(begun, events[event_kind::start]);
  EXPECT_EQ(edges_of(of).size(), std::ranges::count_if(told.events, [](const auto& e) {
              return e.what.kind == event_kind::dependency && e.what.argument != 0;
            }));
  // A bar of the task is where it runs.
  for (const auto& c : of.changes()) {
    if (c.state != task_state::running) continue;
    const auto task = of.events()[c.event].task;
    const auto bars = bars_of(of, c.where);
    EXPECT_TRUE(std::ranges::any_of(bars, [&](const bar& b) {
      // A device may have done its work before all of it was enqueued.
      return b.task == task && b.begin <= of.time_of(c) &&
             (of.time_of(c) <= b.end || of.events()[c.event].what() == event_kind::issue);
    }));
  }
}

void check_recording(const std::function<void()>& program) {
  const auto told = recorded(program);
  const index of(told);
  check(of, 40);
  if (!testing::Test::HasFatalFailure()) check_whole(told, of);
  EXPECT_EQ(of.spans().empty(), told.spans.empty());
}

int sum_of(int depth) {
  if (depth == 0) return 1;
  auto half = fronta::this_task::executor().submit([depth] { return sum_of(depth - 1); });
  const int own = sum_of(depth - 1);
  return own + half.get();
}

TEST(IndexOfARecording, HoldsForNestedTasks) {
  check_recording([] {
    executor ex{threads{.workers = 3}};
    EXPECT_EQ(ex.submit([] { return sum_of(6); }).get(), 64);
  });
}

TEST(IndexOfARecording, HoldsForTasksThatLendTheirSlots) {
  check_recording([] {
    executor ex{threads{.workers = 2}};
    std::vector<fronta::future<int>> all;
    for (int i = 0; i < 20; ++i) {
      fronta::promise<int> p;
      const auto later = p.get_future();
      all.push_back(ex.submit([later] { return later.get(); }));
      all.push_back(ex.submit([p = std::move(p)]() mutable {
        p.set_value(1);
        return 0;
      }));
    }
    fronta::wait(all);
  });
}

TEST(IndexOfARecording, HoldsForMapsDependenciesRetriesTagsAndCancels) {
  check_recording([] {
    executor ex{{.tags = {{"licence", 1}}}, threads{.workers = 2, .offers = {{"lens", 1}}}};
    const std::vector<int> numbers{1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (const int x : ex.map([](int n) { return n * n; }, numbers)) EXPECT_GT(x, 0);
    std::vector<fronta::future<int>> chain{ex.submit([] { return 0; })};
    for (int i = 0; i < 50; ++i)
      chain.push_back(ex.submit([](int a) { return a + 1; }, chain.back()));
    std::vector<fronta::future<void>> tagged;
    for (int i = 0; i < 20; ++i) {
      tagged.push_back(ex.submit({.needs = {{i % 2 == 0 ? "lens" : "licence", 1}}}, [] {}));
      tagged.push_back(ex.submit({.priority = i}, [] {}));
    }
    tagged.push_back(ex.submit({.retries = 2, .backoff = 1ms}, [] {
      if (fronta::this_task::attempt() < 2) throw std::runtime_error("not yet");
    }));
    const auto failed = ex.submit([]() -> int { throw std::runtime_error("no"); });
    const auto behind = ex.submit([](int x) { return x; }, failed);
    for (int i = 0; i < 10; ++i) ex.submit([] {}).cancel();
    fronta::wait(tagged);
    fronta::wait(chain);
    EXPECT_THROW(static_cast<void>(behind.get()), std::runtime_error);
  });
}

TEST(IndexOfARecording, HoldsForDevices) {
  using fronta::trace::time_grade;
  for (const auto grade : {time_grade::observed, time_grade::stamped, time_grade::profiled}) {
    check_recording([&] {
      executor ex{threads{.workers = 2},
                  fronta::gpu::simulated{.devices = 2, .streams = 2, .options = {.times = grade}}};
      std::vector<float> numbers(10'000, 1.5F);
      std::vector<fronta::future<void>> all;
      std::vector<std::vector<float>> results(24, std::vector<float>(numbers.size()));
      for (auto& result : results) {
        const auto made = ex.submit([&](fronta::gpu::stream& s) {
          auto b = s.to_device(std::span<const float>(numbers));
          fronta::gpu::fill(s, s.write(b), 2.0F);
          return b;
        });
        all.push_back(ex.submit(
            [&result](fronta::gpu::stream& s, const fronta::gpu::buffer<float>& b) {
              s.to_host(std::span(result), b);
            },
            made));
      }
      fronta::wait(all);
    });
  }
}

TEST(IndexOfARecording, GivesAStreamThatWasOnlyObservedOneRow) {
  const index of(recorded([] {
    executor ex{
        threads{.workers = 2},
        fronta::gpu::simulated{
            .devices = 1, .streams = 2, .options = {.times = fronta::trace::time_grade::observed}}};
    std::vector<fronta::future<void>> all;
    for (int i = 0; i < 40; ++i) {
      all.push_back(ex.submit([](fronta::gpu::stream& s) {
        auto b = s.allocate<float>(1'000);
        fronta::gpu::fill(s, s.write(b), 2.0F);
      }));
    }
    fronta::wait(all);
  }));
  std::size_t bars = 0;
  for (std::uint32_t l = 0; l < of.lanes().size(); ++l) {
    if (of.lanes()[l].what != lane::kind::stream) continue;
    EXPECT_EQ(of.rows_of(l), 1U);
    for (const auto& b : bars_of(of, l)) {
      EXPECT_LT(b.begin, b.end);
      EXPECT_FALSE(b.has_sure_part());
      ++bars;
    }
  }
  EXPECT_EQ(bars, 40U);
  EXPECT_EQ(of.workers(), 2U);
  EXPECT_EQ(of.cores(), fronta::usable_cpus());
}

TEST(IndexOfARecording, HasTheCpuTimeOfEachRun) {
  const temporary_folder folder;
  fronta::trace::recording trace(folder.file("t"), {.cpu_time = true});
  {
    executor ex{threads{.workers = 2}};
    EXPECT_EQ(ex.submit([] { return sum_of(5); }).get(), 32);
    for (int i = 0; i < 20; ++i) {
      fronta::promise<int> p;
      const auto later = ex.submit([f = p.get_future()] { return f.get(); });
      ex.submit([&p] { p.set_value(1); }).wait();
      EXPECT_EQ(later.get(), 1);
    }
  }
  trace.stop();
  const index of(fronta::trace::read_file(folder.file("t")));
  std::size_t runs = 0;
  std::int64_t sum = 0;
  for (std::uint32_t l = 0; l < of.lanes().size(); ++l) {
    for (const auto& b : bars_of(of, l)) {
      if (b.what != bar::kind::run) continue;
      const auto cpu = index::cpu_time_of(b);
      ASSERT_TRUE(cpu) << b.begin << " to " << b.end;
      sum += *cpu;
      ++runs;
    }
  }
  EXPECT_GE(runs, 31U + 40U);
  EXPECT_GT(sum, 0);
}

// ---- Made-up traces.

TEST(IndexOfASoup, HoldsForManySmallOnes) {
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    soup made(seed);
    const index of(made.of(10 + static_cast<int>(seed % 60)));
    check(of, 1'000);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

// Long enough for checkpoints, and for blocks of bars and of what was queued.
TEST(IndexOfASoup, HoldsForSomeLargeOnes) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    soup made(seed);
    const index of(made.of(6'000));
    ASSERT_GT(of.changes().size(), 2'100U);
    check(of, 25);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

// A stack that only grows, and is moved all the time.
TEST(IndexOfASoup, TakesMemoryAsTheEventsAreMany) {
  file_contents told;
  told.threads.push_back({1, "t", 1, 0});
  constexpr std::uint64_t tasks = 2'000;
  for (std::uint64_t i = 1; i <= tasks; ++i) {
    told.events.push_back({static_cast<std::int64_t>(i),
                           0,
                           0,
                           {event_kind::start, 1, static_cast<std::int32_t>(i % 7), i, 0}});
  }
  const index of(std::move(told));
  std::size_t bars = 0;
  for (std::uint32_t l = 0; l < of.lanes().size(); ++l) {
    bars += of.bars_of(l);
    for (const auto& b : bars_of(of, l)) EXPECT_LT(b.depth, 255);
  }
  EXPECT_LE(bars, 6 * tasks);
  EXPECT_EQ(of.counts_at(tasks)[static_cast<std::size_t>(task_state::running)], tasks);
  check(of, 20);
}

}  // namespace
