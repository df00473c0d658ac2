// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/detail/bit_row.hpp>

#include <bit>

namespace fronta::viz::detail {
namespace {

constexpr std::uint64_t each_byte = 0x0101'0101'0101'0101;

// In each byte how many are set in it and in those below. Where the processor has no instruction
// for it, as on the oldest that are to be served, `std::popcount` is a call.
std::uint64_t ones_up_to_bytes(std::uint64_t bits) noexcept {
  bits -= (bits >> 1U) & 0x5555'5555'5555'5555;
  bits = (bits & 0x3333'3333'3333'3333) + ((bits >> 2U) & 0x3333'3333'3333'3333);
  return ((bits + (bits >> 4U)) & 0x0F0F'0F0F'0F0F'0F0F) * each_byte;
}

std::size_t ones_in(std::uint64_t bits) noexcept { return ones_up_to_bytes(bits) >> 56U; }

// There are more than `n`. The byte first: those that have no more than `n` up to them are below.
std::size_t place_in(std::uint64_t bits, std::size_t n) noexcept {
  const auto up_to = ones_up_to_bytes(bits);
  constexpr auto tops = each_byte << 7U;
  const auto below = (((n * each_byte) | tops) - up_to) & tops;
  const auto byte = static_cast<std::size_t>((below >> 7U) * each_byte >> 56U);
  const auto before = byte == 0 ? 0 : (up_to >> (8 * (byte - 1))) & 0xFFU;
  auto rest = (bits >> (8 * byte)) & 0xFFU;
  for (auto k = n - before; k != 0; --k) rest &= rest - 1;
  return 8 * byte + static_cast<std::size_t>(std::countr_zero(rest));
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
