// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lane_axis.hpp"
#include "relations.hpp"
#include "task_kinds.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fronta::viz {

/// Draws the bars of one lane into its row, up to the moment. In two steps, so that what links
/// lanes may be drawn between: it lies over bars and under words.
class lane_painter {
 public:
  /// All of it stays the caller's, and must outlive this.
  lane_painter(painter& p, const moment_in_view& m, const time_axis& a, const relations& r,
               std::uint32_t lane, const rect& row, float text);

  void draw_bars();
  /// On ground of their own where something lies below, such as links.
  void write_words(std::span<const rect> below);

  /// What is drawn of one task, apart from what is too short to be seen.
  struct drawn {
    task_number task = no_task;
    std::uint32_t nth = 0;
    bar::kind what = bar::kind::run;
    rect at;
    bool open = false;  // at the moment
  };
  [[nodiscard]] std::span<const drawn> bars() const noexcept { return drawn_; }
  /// From where to where there is something, from left to right.
  [[nodiscard]] std::span<const std::pair<float, float>> covered() const noexcept {
    return covered_;
  }
  [[nodiscard]] std::uint32_t lane() const noexcept { return lane_; }
  [[nodiscard]] const rect& row() const noexcept { return at_; }

 private:
  // A run as it is drawn: what its task did in it, part by part.
  struct piece {
    rect at;
    look l = look::running;
    bool unsure = false;
  };
  struct drawn_run {
    task_number task = no_task;
    std::uint32_t nth = 0;
    std::uint8_t depth = 0;
    std::vector<piece> pieces;
    bool hosts = false;  // another's bar lies within
    float strip = 0;     // height above that bar
  };
  // Where a device may have been at work, and where it was for sure.
  struct unsure_bar {
    bar what;
    std::uint32_t nth = 0;
    rect whole;
    rect sure;  // of no width: none is
  };
  struct band {
    std::uint8_t row = 0;
    look l = look::on_device;
    float left = 0;
    float right = 0;
    std::uint32_t nth = 0;
  };

  [[nodiscard]] float x(std::int64_t t) const noexcept;
  [[nodiscard]] rect place_of(float left, float right, std::size_t depth) const;
  [[nodiscard]] float strip_height() const;
  [[nodiscard]] item_id id(painter::part which, std::uint32_t nth) const noexcept;
  [[nodiscard]] look look_of_bar(const bar& b) const noexcept;
  // Where colours mean kinds: of what is at work.
  [[nodiscard]] std::optional<kind_look> kind_of(task_number t, look l) const noexcept;
  void draw_state(const item_id& as, const rect& at, look l, task_number t);
  [[nodiscard]] std::string tip_of(const bar& b, look l) const;

  void draw(const bar& b, std::uint32_t nth);
  void draw_untold();
  void write_untold();
  void draw_reserved(const bar& b, const rect& at, std::uint32_t nth);
  void draw_device(const bar& b, const rect& whole, std::uint32_t nth);
  void finish_device_bars();
  void add_run(const bar& b, const piece& first, std::uint32_t nth);
  void draw_band(const rect& at, look l, std::uint32_t nth);
  void draw_share(const bar& b, const rect& at, std::uint32_t nth);
  [[nodiscard]] std::optional<double> on_core(const bar& b) const noexcept;
  void draw_box(const index::cluster::row& r, const bar& one, std::uint32_t nth);
  std::size_t draw_cluster(std::size_t nth, const bar& one, std::size_t stop);
  [[nodiscard]] std::int64_t end_of_short(std::int64_t from, std::int64_t until) const;
  void mark(const bar& b, const rect& at, std::uint32_t nth);
  void label(const drawn_run& r, std::span<const rect> below);
  void label_reserved(const drawn& d, std::span<const rect> below);
  void mark_relation(const drawn& d);
  [[nodiscard]] drawn_run* run_at(std::size_t depth);
  void cover(float left, float right);

  painter& p_;
  const moment_in_view& m_;
  const time_axis& axis_;
  const relations& relations_;
  const task_kinds* kinds_ = nullptr;  // null: colours mean states
  std::uint32_t lane_;
  rect at_;
  float text_;
  bool in_rows_ = false;
  std::size_t rows_ = 1;
  std::vector<drawn_run> runs_;
  std::vector<std::size_t> last_at_depth_;
  std::vector<std::pair<float, float>> covered_;
  std::vector<drawn> drawn_;
  std::vector<unsure_bar> device_bars_;
  std::vector<band> bands_;
  std::optional<rect> untold_;  // where work may be that the device has not told of
};

}  // namespace fronta::viz
