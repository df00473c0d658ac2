// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/placement.hpp>

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace fronta::detail {

/// The last values of something that is measured, for robust estimates: no single one moves them,
/// and old ones are forgotten.
class recent_values {
 public:
  static constexpr std::size_t most = 31;

  void add(double value);
  [[nodiscard]] std::size_t count() const noexcept { return values_.size(); }
  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }
  /// Of an odd number the middle one, else the lower of the two. Not when empty, as the next.
  [[nodiscard]] double median() const { return quantile(0.5); }
  /// Half of the interquartile range, as a share of the median.
  [[nodiscard]] double spread() const;

 private:
  [[nodiscard]] double quantile(double q) const;
  std::vector<double> values_;
  std::size_t next_ = 0;  // the oldest, once they are `most`
};

/// What runs took and how fast bytes moved, and which place follows from that. A function of what
/// it was told, without a clock. Not thread-safe.
class cost_model {
 public:
  /// So many runs of each body are wanted before estimates decide, those under way included.
  static constexpr std::size_t enough = 3;
  /// After so many choices of its kind without a run, a body is tried once more…
  static constexpr std::uint64_t refresh_after = 256;
  /// … unless it is expected to take so many times as long as the best.
  static constexpr double refresh_at_most = 8;
  /// Elsewhere must be expected to end in less than this share of the time for a task to leave its
  /// data.
  static constexpr double leaves_below = 0.8;

  /// When there are so many kinds of runs, those without a run under way are forgotten.
  static constexpr std::size_t most_kinds = 4'096;

  /// Figures of these are never mixed.
  enum class body : std::uint8_t { cpu, gpu, simulated_gpu };
  /// Runs that are alike: of one task, on data of about the same size.
  struct kind {
    std::uint64_t task = 0;
    int size = 0;  // see size_of
    friend auto operator<=>(const kind&, const kind&) = default;
  };
  /// Powers of two.
  static int size_of(std::size_t bytes) noexcept;

  /// A run is under way, and is so no more; in between it may have `ran`.
  void began(const kind& k, body b);
  void ended(const kind& k, body b);
  /// Not called for a run that gave no value: a body that gives none is not explored further.
  void ran(const kind& k, body b, std::chrono::nanoseconds took);

  /// Between the host and a place.
  void moved(std::int32_t place, bool to_host, std::size_t bytes, std::chrono::nanoseconds took);
  /// Empty where nothing has been moved yet.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> copy_time(std::int32_t place, bool to_host,
                                                                  std::size_t bytes) const;

  /// A place that could be taken. Of `about` the caller fills what it knows: place, copies and work
  /// ahead; `tasks_ahead` are further ones, of which nothing is known, and count like this one.
  struct candidate {
    body runs = body::cpu;
    std::size_t tasks_ahead = 0;
    placement::option about = {};
  };
  struct verdict {
    std::size_t chosen = 0;
    placement::reason why = placement::reason::cost;
  };
  /// Fills what is known of runs in, and chooses one; there must be one. The first of equals.
  [[nodiscard]] verdict choose(const kind& k, std::span<candidate> from) const;

 private:
  struct history {
    recent_values runs;  // nanoseconds
    std::size_t under_way = 0;
    std::size_t without_figure = 0;  // that ended so since the last one with a figure
    bool has_run = false;            // of those under way
    std::uint64_t last_begun = 0;    // as `begun_` was then
  };
  struct histories {
    std::map<body, history> of;
    std::uint64_t begun = 0;
  };
  [[nodiscard]] const history& find(const kind& k, body b) const;

  std::map<kind, histories> known_;
  std::map<std::pair<std::int32_t, bool>, recent_values> links_;  // bytes in a nanosecond
};

}  // namespace fronta::detail
