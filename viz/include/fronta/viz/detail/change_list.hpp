// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/detail/compact_numbers.hpp>
#include <fronta/viz/model.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fronta::viz::detail {

/// The changes of an index, by time, in some 3 bytes each: their events rise; most follow shortly
/// upon the one before of their task; and few states, places and attempts are different.
class change_list {
 public:
  using value_type = change;

  change_list() = default;
  explicit change_list(std::span<const change> all);

  [[nodiscard]] std::size_t size() const noexcept { return events_.size(); }
  [[nodiscard]] change operator[](std::size_t n) const noexcept {
    auto c = kind_of(n);
    c.event = event_of(n);
    c.previous = previous_of(n);
    return c;
  }
  [[nodiscard]] std::uint32_t event_of(std::size_t n) const noexcept { return events_[n]; }
  [[nodiscard]] std::uint32_t previous_of(std::size_t n) const noexcept {
    const auto step = steps_[n];
    return step == 0 ? none : static_cast<std::uint32_t>(n) - step;
  }
  /// Only where, what and the attempt.
  [[nodiscard]] const change& kind_of(std::size_t n) const noexcept { return kinds_[codes_[n]]; }

 private:
  rising_numbers events_;
  small_numbers steps_;  // back to the one before of the same task; 0: there is none
  narrow_numbers codes_;
  std::vector<change> kinds_;
};

}  // namespace fronta::viz::detail
