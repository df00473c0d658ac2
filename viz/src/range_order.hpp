// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fronta::viz {

/// Numbers in a row, of any stretch of which the k-th smallest is known, and how many are smaller
/// than a bound: exactly, in as many steps as there are digits in their count, however long the
/// stretch. A wavelet matrix over their ranks, some 3 bytes a number beside the distinct numbers.
class range_order {
 public:
  range_order() = default;
  explicit range_order(std::span<const std::int64_t> numbers);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Of those from `begin` to before `end`; `k` counts from 0 and is less than their number.
  [[nodiscard]] std::int64_t smallest(std::size_t begin, std::size_t end,
                                      std::size_t k) const noexcept;
  [[nodiscard]] std::size_t below(std::size_t begin, std::size_t end,
                                  std::int64_t bound) const noexcept;

 private:
  // One digit of all ranks, those first whose digits so far were 0.
  struct level {
    std::vector<std::uint64_t> bits;
    std::vector<std::uint32_t> ones;  // before each word
    std::size_t zeros = 0;

    [[nodiscard]] std::size_t zeros_before(std::size_t n) const noexcept;
  };

  std::size_t size_ = 0;
  std::vector<std::int64_t> distinct_;  // ascending
  std::vector<level> levels_;           // the highest digit first
};

}  // namespace fronta::viz
