// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace fronta::viz::detail {

/// What is true of 64 bars of a lane together, of 64 times 64, and so on: so that a question about
/// many bars takes steps by the logarithm of their number.
class bar_levels {
 public:
  static constexpr std::size_t fan = 64;
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  /// A bar, or several in one row of their lane.
  struct part {
    std::int64_t begin = 0;
    std::int64_t end = 0;                ///< the latest
    std::int64_t busy = 0;               ///< sum
    std::int64_t first_failure = never;  ///< when the first one that failed ended
    std::uint32_t bars = 1;
    std::uint8_t depth = 0;

    void take(const part& other) noexcept;
  };
  struct node {
    std::int64_t latest_end;
    std::int64_t longest;
    std::uint32_t parts_begin;
    std::uint32_t parts_end;
  };

  /// Bars in their order. Of slots and threads, where they nest, all are in one part.
  void add(const part& bar, std::int64_t length, bool in_rows);
  /// No `add` comes any more.
  void finish();

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<const part> parts(const node& of) const noexcept {
    return std::span(parts_).subspan(of.parts_begin, of.parts_end - of.parts_begin);
  }

  /// The fewest bars that are one node, with this one among them.
  [[nodiscard]] const node& lowest_of(std::size_t bar) const noexcept {
    return levels_.front()[bar / fan];
  }
  [[nodiscard]] std::int64_t begin_of(const node& n) const noexcept {
    return std::ranges::min(parts(n), {}, &part::begin).begin;
  }

  /// Goes through the bars from `from` to before `to`, as many at once as `many` agrees to: it gets
  /// a node and says whether that is settled. What it turns down is taken apart; single bars go to
  /// `one`, which says whether to go on. Returns the bar at which it stopped, or `to`.
  template <class Many, class One>
  std::size_t walk(std::size_t from, std::size_t to, Many many, One one) const {
    while (from < to) {
      if (const auto settled = settle(from, to, many); settled != 0) {
        from += settled;
        continue;
      }
      if (!one(from)) return from;
      ++from;
    }
    return from;
  }

 private:
  // How many bars are settled at once, from the largest that begins there on; 0 for none.
  template <class Many>
  std::size_t settle(std::size_t from, std::size_t to, Many& many) const {
    if (from % fan != 0) return 0;
    auto level = levels_.size();
    while (level-- != 0) {
      const auto width = widths_[level];
      if (from % width != 0) continue;
      const auto count = std::min(width, size_ - from);
      if (from + count <= to && many(levels_[level][from / width])) return count;
    }
    return 0;
  }

  std::size_t size_ = 0;
  bool in_rows_ = false;
  std::vector<std::vector<node>> levels_;
  std::vector<std::size_t> widths_;  // bars of a node of that level
  std::vector<part> parts_;
};

}  // namespace fronta::viz::detail
