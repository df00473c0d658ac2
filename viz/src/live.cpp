// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/live.hpp>

#include "compare.hpp"
#include "graph_layout.hpp"
#include "panels.hpp"
#include "short_words.hpp"
#include "summaries.hpp"
#include "task_families.hpp"
#include "task_kinds.hpp"
#include "task_locations.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/critical_path.hpp>

#include <exception>
#include <utility>

namespace fronta::viz {
namespace {

using namespace std::chrono_literals;
using phase = trace::follower::phase;

constexpr auto look_every = 50ms;
// To see whether the file is used again.
constexpr auto look_for_another_every = 500ms;
// Of what making a model took: so a quarter of a core is the most. Where only time has passed there
// is little to see, and it takes as long.
constexpr int rest = 3;
constexpr int rest_when_idle = 20;

}  // namespace

void prepare(const index& of, const view_needs& shown, phase state) {
  auto& whole = of.whole();
  static_cast<void>(whole.looks_of(of));  // the legend's
  const view v{.what = shown.what,
               .shown = state == phase::goes_on ? source::live : source::recorded,
               .title = {},
               .layout = shown.layout,
               .clock = shown.clock,
               .color = shown.color};
  // Files are read before the code is seen.
  if (v.layout != stage_layout::plain) static_cast<void>(whole.locations_of(of));
  // As colours, or as stripes of tokens.
  if (shows_kinds(v) || v.what == preset::stage || v.what == preset::inspector)
    static_cast<void>(whole.kinds_of(of));
  if (v.clock != clock_kind::linear && keeps_clock(v)) static_cast<void>(clock_of(of, v.clock));
  const bool lanes = v.what == preset::stage || v.what == preset::timeline ||
                     v.what == preset::completion || v.what == preset::compare;
  if (lanes && shown.selects) static_cast<void>(whole.relations_of(of));
  if (lanes || v.what == preset::graph) static_cast<void>(whole.words_of(of));
  switch (shown.what) {
    case preset::timeline:
      // While it goes on nobody knows it.
      if (state != phase::goes_on) static_cast<void>(critical_path_of(of));
      break;
    case preset::graph:
      static_cast<void>(graph_layouts_of(of));
      break;
    case preset::compare:
      static_cast<void>(name_totals_of(of));
      break;
    case preset::statistics:
      static_cast<void>(whole.statistics_of(of));
      static_cast<void>(whole.series_of(of));
      break;
    case preset::inspector:
      static_cast<void>(whole.relations_of(of));
      break;
    case preset::plots:
      static_cast<void>(whole.series_of(of));
      break;
    case preset::progress:
      static_cast<void>(whole.progress_of(of));
      break;
    case preset::completion:
      static_cast<void>(whole.families_of(of).of_task(of, no_task));
      break;
    case preset::stage:
      break;
  }
}

live_reader::live_reader(trace::follower f, std::function<time()> clock)
    : follows_(std::move(f)), clock_(std::move(clock)), next_(clock_()) {}

bool live_reader::is_over() const noexcept { return follows_.state() == phase::anew; }

std::optional<live_news> live_reader::step(const view_needs& shown) {
  const auto before = follows_.state();
  grown_ = follows_.poll() || grown_;
  const auto state = follows_.state();
  const auto began = clock_();
  if (state != phase::goes_on) {
    next_ = began + look_for_another_every;
    if (state == before) return std::nullopt;
    if (state == phase::anew) return live_news{.of = {}, .state = state, .damage = {}};
  } else {
    next_ = began + look_every;
    const auto pause = (follows_.events() != shown_events_ ? rest : rest_when_idle) * build_took_;
    if (!grown_ || (built_ && began < built_at_ + pause)) return std::nullopt;
  }
  auto contents = follows_.contents();
  live_news news{.of = {}, .state = state, .damage = contents.damage};
  shown_events_ = contents.events.size();
  news.of = std::make_shared<const index>(std::move(contents));
  prepare(*news.of, shown, state);
  built_ = true;
  grown_ = false;
  built_at_ = clock_();
  build_took_ = built_at_ - began;
  return news;
}

live::live(trace::follower f, std::function<void()> tell, const view_needs& shown)
    : tell_(std::move(tell)), shown_(shown) {
  live_reader reader(std::move(f),
                     [] { return std::chrono::steady_clock::now().time_since_epoch(); });
  heard_at_ = reader.heard_at();
  known_at_ = reader.known_at();
  thread_ = std::thread([this, r = std::move(reader)]() mutable { read(std::move(r)); });
}

live::~live() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void live::show(const view_needs& shown) {
  const std::lock_guard lock(mutex_);
  shown_ = shown;
}

std::optional<live_news> live::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(newest_, std::nullopt);
}

view_needs live::shown() {
  const std::lock_guard lock(mutex_);
  return shown_;
}

void live::read(live_reader reader) {
  while (!reader.is_over()) {
    std::optional<live_news> news;
    bool failed = false;
    try {
      news = reader.step(shown());
    } catch (const std::exception& error) {
      news = live_news{.of = {}, .state = phase::broken_off, .damage = error.what()};
      failed = true;
    }
    heard_at_.store(reader.heard_at(), std::memory_order_relaxed);
    known_at_.store(reader.known_at(), std::memory_order_relaxed);
    const bool tells = news.has_value();
    std::shared_ptr<const index> older;  // is destroyed without the lock
    {
      std::unique_lock lock(mutex_);
      if (over_) return;
      if (tells) {
        if (newest_) older = std::move(newest_->of);
        // What says no more than that the file is used again leaves the model there.
        if (news->of == nullptr) news->of = std::move(older);
        newest_ = std::move(news);
      }
    }
    if (tells) tell_();
    if (failed) return;
    std::unique_lock lock(mutex_);
    const std::chrono::steady_clock::time_point until(reader.next());
    if (changed_.wait_until(lock, until, [this] { return over_; })) return;
  }
}

}  // namespace fronta::viz
