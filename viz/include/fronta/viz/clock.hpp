// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace fronta::viz {

/// How time lies along an axis, and how it passes while it is played.
enum class clock_kind : std::uint8_t {
  linear,  ///< as it was
  steps,   ///< one event after the other, each as wide as any: not to scale
  warped,  ///< as it was, but that long stretches in which nothing happens are shortened
};
inline constexpr std::size_t clock_kinds = static_cast<std::size_t>(clock_kind::warped) + 1;
[[nodiscard]] std::string_view name_of(clock_kind c) noexcept;
[[nodiscard]] std::optional<clock_kind> find_clock(std::string_view name) noexcept;

/// Where the moments of a trace lie on a clock. Of a whole trace, not of what is shown of it: so
/// that nothing moves against anything else when more or less is shown.
///
///     const auto& c = clock_of(trace, clock_kind::warped);
///     const auto middle = c.time((c.place(a) + c.place(b)) / 2);
///
/// Immutable; any number of threads may read it.
class clock_map {
 public:
  /// Reads all events, once. On the clock of steps it keeps 8 bytes for each moment at which
  /// something happens that has a sentence, else next to nothing.
  clock_map(const index& of, clock_kind what);

  [[nodiscard]] clock_kind kind() const noexcept { return kind_; }
  /// Grows with `t`, from 0 at the trace's begin. On the clock of steps it counts moments, else
  /// nanoseconds. Goes on before the begin and beyond the end.
  [[nodiscard]] double place(std::int64_t t) const noexcept;
  /// The moment at a place, to the nanosecond.
  [[nodiscard]] std::int64_t time(double place) const noexcept;
  [[nodiscard]] double end() const noexcept { return place(end_); }
  /// Nanoseconds that pass in one unit of place from `t` on.
  [[nodiscard]] double pace(std::int64_t t) const noexcept;

  /// The moments at which something happens that has a sentence, with the trace's begin and end.
  /// Only of steps.
  [[nodiscard]] std::span<const std::int64_t> moments() const noexcept { return moments_; }

  /// A stretch that the warped clock shortens.
  struct cut {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    double place = 0;  ///< of its begin
  };
  [[nodiscard]] std::span<const cut> cuts() const noexcept { return cuts_; }
  /// How much room each has, in place.
  [[nodiscard]] double cut_to() const noexcept { return cut_to_; }

 private:
  void find_cuts(std::span<const std::int64_t> moments);
  // The last that begins at or before; null before the first.
  [[nodiscard]] const cut* cut_at(std::int64_t t) const noexcept;

  clock_kind kind_;
  std::int64_t begin_;
  std::int64_t end_;
  std::vector<std::int64_t> moments_;
  std::vector<cut> cuts_;
  double cut_to_ = 0;
};

/// Made when it is first asked for; lives as long as `of`. Thread-safe.
[[nodiscard]] const clock_map& clock_of(const index& of, clock_kind what);

}  // namespace fronta::viz
