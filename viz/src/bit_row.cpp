// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/detail/bit_row.hpp>

#include <bit>

namespace fronta::viz::detail {
namespace {

std::size_t ones_in(std::uint64_t bits) noexcept {
  return static_cast<std::size_t>(std::popcount(bits));
}

// Halves the part in which it must be.
std::size_t place_in(std::uint64_t bits, std::size_t n) noexcept {
  std::size_t place = 0;
  for (unsigned width = 32; width != 0; width /= 2) {
    const auto low = ones_in(bits & ((std::uint64_t{1} << width) - 1));
    if (n < low) continue;
    n -= low;
    bits >>= width;
    place += width;
  }
  return place;
}

}  // namespace

void bit_row::finish() {
  std::size_t ones = 0;
  for (std::size_t w = 0; w < words_.size(); ++w) {
    if (w % words_in_block == 0) ones_.push_back(static_cast<std::uint32_t>(ones));
    ones += ones_in(words_[w]);
    while (blocks_.size() * apart < ones)
      blocks_.push_back(static_cast<std::uint32_t>(w / words_in_block));
  }
  ones_.shrink_to_fit();
  blocks_.shrink_to_fit();
}

std::size_t bit_row::ones_before(std::size_t at) const noexcept {
  auto ones = std::size_t{ones_[at / block]};
  for (auto w = at / block * words_in_block; w < at / word; ++w) ones += ones_in(words_[w]);
  const auto rest = words_[at / word] & ((std::uint64_t{1} << (at % word)) - 1);
  return ones + ones_in(rest);
}

std::size_t bit_row::place_of(std::size_t n) const noexcept {
  auto b = std::size_t{blocks_[n / apart]};
  while (b + 1 < ones_.size() && ones_[b + 1] <= n) ++b;
  n -= ones_[b];
  auto w = b * words_in_block;
  for (;; ++w) {
    const auto ones = ones_in(words_[w]);
    if (n < ones) break;
    n -= ones;
  }
  return w * word + place_in(words_[w], n);
}

}  // namespace fronta::viz::detail
