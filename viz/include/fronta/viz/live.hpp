// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_follower.hpp>
#include <fronta/viz/index.hpp>
#include <fronta/viz/view.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

/// Models of a recording that goes on.
namespace fronta::viz {

/// What is known of one at some moment. `of` is of the time up to which nothing else comes, and
/// later ones say the same up to there, but for devices' work that was told late.
struct live_news {
  std::shared_ptr<const index> of;
  trace::follower::phase state = trace::follower::phase::goes_on;
  std::string damage;
};

/// Of a view what decides what it needs of the whole trace.
struct view_needs {
  preset what = preset::stage;
  stage_layout layout = stage_layout::plain;
  bar_color color = bar_color::state;
  clock_kind clock = clock_kind::linear;
  bool selects = false;  ///< some task
};

/// Makes them, from all that was told so far, and so seldom that this takes at most a quarter of a
/// core. Knows no thread; belongs to one at a time.
class live_reader {
 public:
  using time = std::chrono::nanoseconds;
  /// `clock` measures what a model takes; it goes on evenly from anywhere.
  live_reader(trace::follower f, std::function<time()> clock);

  /// Reads what has come; gives a model if there is something new to see and it is due. After the
  /// end, and once the file is another recording's, only that is told. What pictures of `shown`
  /// need of the whole trace is made with the model, and not when they are drawn.
  [[nodiscard]] std::optional<live_news> step(const view_needs& shown = {});
  /// When the next step is of use.
  [[nodiscard]] time next() const noexcept { return next_; }
  [[nodiscard]] bool is_over() const noexcept;
  [[nodiscard]] std::int64_t heard_at() const noexcept { return follows_.heard_at(); }
  [[nodiscard]] std::int64_t known_at() const noexcept { return follows_.known_at(); }

 private:
  trace::follower follows_;
  std::function<time()> clock_;
  time next_{0};
  time built_at_{0};
  time build_took_{0};
  std::size_t shown_events_ = 0;
  bool built_ = false;
  bool grown_ = false;  // since the last model
};

/// Makes what such pictures need of the whole trace, so that drawing them does not wait for it.
/// Thread-safe.
void prepare(const index& of, const view_needs& shown, trace::follower::phase state);

/// Makes them beside the drawing, on a thread of its own.
class live {
 public:
  /// `tell` is called on that thread when there is news to take.
  live(trace::follower f, std::function<void()> tell, const view_needs& shown = {});
  ~live();
  live(const live&) = delete;
  live& operator=(const live&) = delete;

  /// The newest, once. Thread-safe, as all of it is.
  [[nodiscard]] std::optional<live_news> take();
  /// When the recording was heard of last, by the host's steady clock; 0 if never.
  [[nodiscard]] std::int64_t heard_at() const noexcept {
    return heard_at_.load(std::memory_order_relaxed);
  }
  /// Up to when everything is known, by that clock; 0 where that cannot be said.
  [[nodiscard]] std::int64_t known_at() const noexcept {
    return known_at_.load(std::memory_order_relaxed);
  }
  /// What is looked at from now on.
  void show(const view_needs& shown);

 private:
  void read(live_reader reader);
  [[nodiscard]] view_needs shown();

  std::function<void()> tell_;
  std::atomic<std::int64_t> heard_at_{0};
  std::atomic<std::int64_t> known_at_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  view_needs shown_;                 // guarded by mutex_
  bool over_ = false;                // guarded by mutex_
  std::optional<live_news> newest_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace fronta::viz
