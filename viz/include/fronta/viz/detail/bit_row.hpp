// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fronta::viz::detail {

/// Bits of which it is known at once how many are set before one, and which is the n-th that is
/// set. Takes an eighth more room than the bits, and a little for each that is set.
class bit_row {
 public:
  bit_row() = default;
  explicit bit_row(std::size_t size) : words_((size / block + 1) * words_in_block) {}

  void set(std::size_t at) noexcept { words_[at / word] |= std::uint64_t{1} << (at % word); }
  /// Once, when all are set; before it the questions below have no answer.
  void finish();

  [[nodiscard]] bool operator[](std::size_t at) const noexcept {
    return (words_[at / word] >> (at % word) & 1U) != 0;
  }
  [[nodiscard, gnu::pure]] std::size_t ones_before(std::size_t at) const noexcept;
  /// Where the n-th is, counted from 0; there are more than `n`.
  [[nodiscard, gnu::pure]] std::size_t place_of(std::size_t n) const noexcept;

 private:
  static constexpr std::size_t word = 64;
  static constexpr std::size_t words_in_block = 8;
  static constexpr std::size_t block = word * words_in_block;
  static constexpr std::size_t apart = 256;  // of ones whose block is known

  std::vector<std::uint64_t> words_;
  std::vector<std::uint32_t> ones_;    // before each block
  std::vector<std::uint32_t> blocks_;  // in which the n-th one is, of every so many
};

}  // namespace fronta::viz::detail
