// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/theme.hpp>
#include <fronta/viz/view.hpp>

#include <gtest/gtest.h>

#include "plain_metrics.hpp"
#include "story.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// What pictures say, in files that people read when they change: `./run golden` writes them anew
// and shows what changed. Facts only (which things, in what words, how many of each); where they
// lie is in the files named layout-….
namespace {

using fronta::test::story;
using fronta::trace::queue;
using fronta::viz::index;
using fronta::viz::preset;

// A pipeline over two workers and a device: inputs, tags, a steal, a copy, nested tasks, a wait, a
// failure, a retry and a cancelled one.
fronta::trace::file_contents pipeline() {
  story s;
  s.main().at(0).submit(1, "load").enqueue(1, queue::inbox);
  s.main().at(100).submit(2, "mask").dependency(2, 1).submit(3, "join").dependency(3, 2);
  s.main().at(200).submit(4, "report").enqueue(4, queue::inbox);
  s.worker(0).at(1'000).start(1);
  s.worker(1).at(1'200).start(4);
  s.worker(0).at(2'000).submit(5, "part 5", 1).enqueue(5, queue::deque);
  s.worker(0).at(2'100).submit(6, "part 6", 1).enqueue(6, queue::deque);
  s.worker(0).at(2'200).submit(7, "part 7", 1).enqueue(7, queue::deque);
  s.worker(1).at(3'000).fail(4).steal(5, 0).start(5);
  s.worker(0).at(3'100).block(1, 6).start(6).at(4'000).retry(6, 1).enqueue(6, queue::backoff);
  s.main().at(4'200).cancel(7);
  s.worker(1).at(5'000).finish(5);
  s.worker(1).at(6'000).start(6, 1).at(7'000).finish(6);
  s.worker(0).at(7'050).unblock(1).at(8'000).finish(1);
  s.worker(0).at(8'010).ready(2).enqueue(2, queue::tags).at(9'000).acquire(2, "gpu", 1, 10'000);
  s.worker(0).start(2).issue(2, 1, 0);
  s.span(2, 0, 9'500, 10'000, fronta::trace::device_work::to_device)
      .span(2, 0, 10'000, 14'000, fronta::trace::device_work::task);
  s.worker(0).at(14'500).release(2, "gpu", 1, 10'000).finish(2).ready(3);
  s.worker(1).at(15'000).start(3).at(18'000).finish(3);
  return s.told();
}

// As it comes from a process that was killed, with events that found no room.
fronta::trace::file_contents killed() {
  story s;
  for (std::uint64_t t = 1; t <= 12; ++t) {
    s.main()
        .at(static_cast<std::int64_t>(t) * 10)
        .submit(t, "square " + std::to_string(t))
        .enqueue(t, queue::inbox);
  }
  s.worker(0).at(500).start(1).at(900).finish(1).at(910).start(2);
  s.worker(1).at(600).start(3).lose(40).at(2'000).start(9);
  auto told = s.told();
  told.dropped = 40;
  told.ended = false;
  return told;
}

struct golden_case {
  std::string_view run;
  fronta::trace::file_contents (*make)();
  std::vector<std::int64_t> moments;
};

const std::vector<golden_case>& cases() {
  static const std::vector<golden_case> all{
      {"pipeline", pipeline, {3'500, 9'700, fronta::viz::forever}},
      {"killed", killed, {700, fronta::viz::forever}},
  };
  return all;
}

// The state whose colour a box is filled with; empty if none.
std::string_view state_of(const fronta::viz::shape& what) {
  const auto* box = std::get_if<fronta::viz::box>(&what);
  if (box == nullptr || !box->fill) return {};
  const auto& colors = fronta::viz::light_theme();
  for (std::size_t l = 0; l < fronta::viz::looks; ++l) {
    const auto& style = colors.of(static_cast<fronta::viz::look>(l));
    if (style.fill == *box->fill) return style.word;
  }
  return {};
}

// Words in the order of drawing, and then what else there is of which state. Axes, legends and
// hatches are layout.
std::string facts_of(const fronta::viz::scene& s) {
  std::ostringstream out;
  out << "  " << s.description << '\n';
  for (std::size_t p = 0; p < s.panes.size(); ++p) {
    if (s.panes[p].name == "legend") continue;
    out << "  " << s.panes[p].name << '\n';
    std::map<std::string, int> shapes;
    for (const auto& one : s.primitives) {
      using id = fronta::viz::item_id;
      if (one.pane != p || one.id.what == id::kind::axis || one.id.what == id::kind::legend ||
          one.id.which == id::part::hatch)
        continue;
      const auto name = to_string(one.id);
      if (const auto* words = std::get_if<fronta::viz::label>(&one.what)) {
        out << "    " << name << ": " << words->text << '\n';
      } else if (const auto state = state_of(one.what); !state.empty()) {
        ++shapes[name + " in the colour of " + std::string(state)];
      } else {
        ++shapes[name];
      }
    }
    for (const auto& [what, times] : shapes) {
      out << "    " << what;
      if (times != 1) out << " ×" << times;
      out << '\n';
    }
  }
  return out.str();
}

bool renews() { return std::getenv("FRONTA_GOLDEN") != nullptr; }

void expect_golden(const std::string& name, const std::string& text) {
  const auto file = std::filesystem::path(FRONTA_GOLDEN_FOLDER) / (name + ".txt");
  if (renews()) {
    std::ofstream(file) << text;
    return;
  }
  std::ifstream in(file);
  ASSERT_TRUE(in) << file << " is not there: ./run golden writes it";
  std::ostringstream kept;
  kept << in.rdbuf();
  if (kept.str() == text) return;
  // The first line that differs says more than both texts.
  std::istringstream was(kept.str());
  std::istringstream is(text);
  std::string before;
  std::string now;
  for (int line = 1;; ++line) {
    const bool more_before = static_cast<bool>(std::getline(was, before));
    const bool more_now = static_cast<bool>(std::getline(is, now));
    if (!more_before) before = "(the end)";
    if (!more_now) now = "(the end)";
    ASSERT_EQ(before, now) << name << ".txt, line " << line
                           << ": the picture says something else than before; if that is right, "
                              "./run golden writes it anew";
    if (!more_before && !more_now) return;
  }
}

const std::vector<preset>& presets() {
  static const std::vector<preset> all{preset::stage, preset::timeline,   preset::completion,
                                       preset::graph, preset::statistics, preset::inspector,
                                       preset::plots, preset::progress};
  return all;
}

const fronta::test::plain_metrics font;

fronta::viz::scene scene_of(const index& of, preset what, std::int64_t at) {
  fronta::viz::view v;
  v.what = what;
  v.at = at;
  v.title = "run.trace";
  return draw(of, v, 1280, 720, font, fronta::viz::light_theme());
}

TEST(Golden, PicturesSayWhatTheySaid) {
  for (const auto& one : cases()) {
    const index of(one.make());
    for (const auto what : presets()) {
      const auto name = std::string(one.run) + '-' + std::string(name_of(what));
      SCOPED_TRACE(name);
      std::string text;
      for (const auto at : one.moments) {
        text += at == fronta::viz::forever ? std::string("at the end")
                                           : "at " + std::to_string(at) + " ns";
        text += '\n' + facts_of(scene_of(of, what, at));
      }
      expect_golden(name, text);
    }
  }
}

// Few, since each of them changes with every gap that is mended.
TEST(Golden, LayoutsAreWhereTheyWere) {
  const index of(pipeline());
  for (const auto what : {preset::stage, preset::timeline}) {
    const auto name = "layout-" + std::string(name_of(what));
    SCOPED_TRACE(name);
    expect_golden(name, to_text(scene_of(of, what, 9'700)));
  }
}

TEST(Golden, ClocksSayWhatTheySaid) {
  const index of(pipeline());
  for (const auto clock : {fronta::viz::clock_kind::steps, fronta::viz::clock_kind::warped}) {
    fronta::viz::view v;
    v.clock = clock;
    v.title = "run.trace";
    const auto name = "clock-" + std::string(name_of(clock));
    SCOPED_TRACE(name);
    std::string text;
    for (const std::int64_t at : {9'700L, 18'000L}) {
      v.at = at;
      const auto s = draw(of, v, 1280, 720, font, fronta::viz::light_theme());
      text += "at " + std::to_string(at) + " ns\n" + facts_of(s);
      // What else stands on the axis.
      for (const auto& p : s.primitives) {
        const auto* words = std::get_if<fronta::viz::label>(&p.what);
        if (words != nullptr && p.id.what == fronta::viz::item_id::kind::axis)
          text += "    " + to_string(p.id) + ": " + words->text + '\n';
      }
    }
    expect_golden(name, text);
  }
}

// A file that nothing compares says nothing.
TEST(Golden, EveryFileIsOfAPicture) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(FRONTA_GOLDEN_FOLDER)) {
    EXPECT_EQ(entry.path().extension(), ".txt");
    ++files;
  }
  EXPECT_EQ(files, cases().size() * presets().size() + 4);
}

}  // namespace
