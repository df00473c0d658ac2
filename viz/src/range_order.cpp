// SPDX-License-Identifier: Apache-2.0
#include "range_order.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace fronta::viz {
namespace {

constexpr std::size_t word = 64;

}  // namespace

std::size_t range_order::level::zeros_before(std::size_t n) const noexcept {
  const auto at = n / word;
  std::size_t before = ones[at];
  if (const auto rest = n % word; rest != 0) {
    before += static_cast<std::size_t>(std::popcount(bits[at] & ((std::uint64_t{1} << rest) - 1)));
  }
  return n - before;
}

range_order::range_order(std::span<const std::int64_t> numbers) : size_(numbers.size()) {
  std::vector<std::pair<std::int64_t, std::uint32_t>> sorted(size_);
  for (std::uint32_t i = 0; i < size_; ++i) sorted[i] = {numbers[i], i};
  std::ranges::sort(sorted);
  std::vector<std::uint32_t> ranks(size_);
  for (const auto& [number, at] : sorted) {
    if (distinct_.empty() || distinct_.back() != number) distinct_.push_back(number);
    ranks[at] = static_cast<std::uint32_t>(distinct_.size() - 1);
  }
  distinct_.shrink_to_fit();
  sorted = {};
  if (distinct_.size() < 2) return;
  std::vector<std::uint32_t> zeros(size_);
  std::vector<std::uint32_t> ones(size_);
  for (auto digit = std::bit_width(distinct_.size() - 1); digit-- > 0;) {
    auto& l = levels_.emplace_back();
    l.bits.resize(size_ / word + 1);
    l.ones.resize(l.bits.size());
    std::size_t zero = 0;
    std::size_t one = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      // Digits are as if thrown by dice: to both, without a branch, and only one stays.
      const auto bit = ranks[i] >> digit & 1U;
      if (i % word == 0) l.ones[i / word] = static_cast<std::uint32_t>(one);
      l.bits[i / word] |= std::uint64_t{bit} << (i % word);
      zeros[zero] = ranks[i];
      ones[one] = ranks[i];
      zero += 1U - bit;
      one += bit;
    }
    if (size_ % word == 0) l.ones.back() = static_cast<std::uint32_t>(one);
    l.zeros = zero;
    std::copy_n(ones.begin(), one, std::copy_n(zeros.begin(), zero, ranks.begin()));
  }
}

std::int64_t range_order::smallest(std::size_t begin, std::size_t end,
                                   std::size_t k) const noexcept {
  std::size_t rank = 0;
  for (const auto& l : levels_) {
    const auto from = l.zeros_before(begin);
    const auto to = l.zeros_before(end);
    rank <<= 1U;
    if (k < to - from) {
      begin = from;
      end = to;
    } else {
      k -= to - from;
      begin = l.zeros + begin - from;
      end = l.zeros + end - to;
      rank |= 1U;
    }
  }
  return distinct_[rank];
}

std::size_t range_order::below(std::size_t begin, std::size_t end,
                               std::int64_t bound) const noexcept {
  const auto rank =
      static_cast<std::size_t>(std::ranges::lower_bound(distinct_, bound) - distinct_.begin());
  if (rank == distinct_.size()) return end - begin;
  std::size_t count = 0;
  auto digit = levels_.size();
  for (const auto& l : levels_) {
    const auto from = l.zeros_before(begin);
    const auto to = l.zeros_before(end);
    if ((rank >> --digit & 1U) == 0) {
      begin = from;
      end = to;
    } else {
      count += to - from;
      begin = l.zeros + begin - from;
      end = l.zeros + end - to;
    }
  }
  return count;
}

}  // namespace fronta::viz
