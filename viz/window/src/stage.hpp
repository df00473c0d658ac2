// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "awake.hpp"
#include "screen.hpp"
#include "window.hpp"

#include <fronta/trace_follower.hpp>
#include <fronta/viz/index.hpp>
#include <fronta/viz/live.hpp>
#include <fronta/viz/player.hpp>
#include <fronta/viz/scene.hpp>
#include <fronta/viz/search.hpp>
#include <fronta/viz/source_files.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fronta::viz {

/// A trace in a window, and what its user does with it. It knows no clock: time is given to it.
///
///     viz::stage s({.width = 1280, .height = 720});
///     s.open("run.trace");
///     s.run(forever);
class stage final : public window_listener {
 public:
  /// How the first trace is shown; the user changes it later.
  struct appearance {
    preset what = preset::stage;
    std::size_t theme = 0;
    int text_size = 0;
    stage_layout layout = stage_layout::plain;
    std::string source =
        {};  ///< what the program's files lie below; empty: where they were compiled
    clock_kind clock = clock_kind::linear;
    key_profile keys = key_profile::all;
  };

  /// Throws `window_error`.
  explicit stage(const window::options& o, const appearance& first);
  ~stage() override;
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  /// Reads the trace beside the drawing of frames; what was open stays until it is read. One that
  /// is being recorded is followed.
  void open(std::string trace);
  /// Reads a second trace for the preset `compare`, of whatever trace is open. Blocks. Throws
  /// `std::exception`s of `trace::read_file`.
  void compare_with(const std::string& trace);
  /// Shows two traces as one if they are of two processes of one machine, recorded at the same
  /// time; see `merge`. Blocks. False, and nothing is shown, where they are not, or cannot be read:
  /// what is opened next says why.
  [[nodiscard]] bool show_together(const std::string& trace, const std::string& other);
  /// Follows a recording that goes on: of the process of that number, of who listens at that
  /// socket, or in that file.
  void attach(std::string to);
  /// Blocks until what `open` began to read is there, or cannot be read.
  void finish_opening();
  /// Shows a trace that is in memory, as if it had been read from that file.
  void show(std::shared_ptr<const index> of, std::string trace);
  /// Takes what the recording that is followed has told meanwhile.
  void take_news();
  /// That recording has not been heard of for so long; nothing where it is. `behind`: so old is
  /// what is known of it, though it is heard of.
  void miss(std::optional<std::chrono::milliseconds> silence,
            std::optional<std::chrono::milliseconds> behind = std::nullopt);
  /// Why no trace is open; empty where one is, or was not yet asked for.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

  void pass(double seconds);
  void apply(const command& c);
  /// Draws a frame if there is something new to see. Whether it did.
  bool draw();
  /// What is to be seen.
  [[nodiscard]] scene picture() const;
  [[nodiscard]] const player_state& state() const noexcept { return state_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] window& on() noexcept { return window_; }

  /// Handles what the user does until the window is closed, or so many seconds went by. Returns
  /// early if no trace was ever open and the first cannot be read: see `failure`.
  struct until {
    std::optional<double> seconds = {};
    bool recording_ends = false;       ///< as soon as what it follows has ended, and is seen
    std::function<void()> shown = {};  ///< called once the first frame is
  };
  void run(const until& u);
  /// Somebody waits for the window's end who can run again what it shows.
  void offer_run_again() noexcept { run_again_ = wish::offered; }
  /// The user wants that: how to start this program so that it goes on as it was. Else nothing.
  [[nodiscard]] std::optional<std::vector<std::string>> run_again() const;

  // What the window tells.
  void pressed(const key_press& k, bool again) override;
  void pointed(std::optional<point> at) override;
  void button(point at, bool down) override;
  void wheel(double right, double up) override;
  void dropped(std::string file) override;
  void must_redraw() override {
    // In the first one OpenGL may still have the size that was.
    frames_due_ = 2;
  }

 private:
  struct read_trace {
    std::shared_ptr<const index> of;
    std::string file;
    std::string failure;
    std::string damage;
    std::optional<trace::follower> goes_on = {};
  };
  static read_trace read(trace::follower f, const view_needs& shown);
  void read_beside(std::string shown_as, std::function<trace::follower()> open_it);
  void show_live(std::shared_ptr<const index> of, std::string trace, trace::follower f);
  void bring_in(live_news n);
  void replace(std::shared_ptr<const index> of, std::string trace, player_state seen);

  void take_what_was_read();
  void act(window_action a);
  bool take_typed(const key_press& k);
  void look_after_screen();
  void save_snapshot();
  void ask_to_run_again();
  void say(std::string what);
  void meet(std::optional<point> at);
  void show_soon();
  void read_sources();
  [[nodiscard]] std::string note() const;
  [[nodiscard]] view_needs needs() const;

  window window_;
  player_state state_;
  std::shared_ptr<const index> of_;
  std::string file_;
  std::shared_ptr<const index> other_;
  std::string other_file_;
  source_files sources_;
  std::shared_ptr<const index> sources_of_;  // whose files have been asked for
  mutable kept_search found_;                // no part of what is seen: only when it is made
  std::string failure_;
  std::string message_;
  std::optional<hit> met_;
  scene shown_;
  int frames_due_ = 1;
  key_profile keys_;
  bool controls_;
  bool filled_ = false;  // the screen, as far as is known
  std::optional<awake> awake_;
  enum class wish : std::uint8_t { impossible, offered, asked, wanted };
  wish run_again_ = wish::impossible;
  bool scrubbing_ = false;
  std::string note_;      // that it is not heard of
  std::string together_;  // of a trace that was several
  std::string apart_;     // why two are not, until it is said
  // As the frame before it took long, the next news waits.
  bool news_may_come_ = true;
  std::optional<live_news> kept_back_;  // while the picture stands still
  std::future<read_trace> reading_;
  std::optional<live> live_;  // wakes the window, and so goes before it
};

}  // namespace fronta::viz
