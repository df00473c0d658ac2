// SPDX-License-Identifier: Apache-2.0
#include "range_order.hpp"

#include <algorithm>
#include <bit>

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

range_order::range_order(std::span<const std::int64_t> numbers)
    : size_(numbers.size()), distinct_(numbers.begin(), numbers.end()) {
  std::ranges::sort(distinct_);
  const auto doubled = std::ranges::unique(distinct_);
  distinct_.erase(doubled.begin(), doubled.end());
  distinct_.shrink_to_fit();
  if (distinct_.size() < 2) return;
  std::vector<std::uint32_t> ranks(size_);
  std::ranges::transform(numbers, ranks.begin(), [&](std::int64_t n) {
    return static_cast<std::uint32_t>(std::ranges::lower_bound(distinct_, n) - distinct_.begin());
  });
  std::vector<std::uint32_t> sorted(size_);
  for (auto digit = std::bit_width(distinct_.size() - 1); digit-- > 0;) {
    auto& l = levels_.emplace_back();
    l.bits.resize(size_ / word + 1);
    l.ones.resize(l.bits.size());
    for (std::size_t i = 0; i < size_; ++i) {
      if ((ranks[i] >> digit & 1U) != 0) {
        l.bits[i / word] |= std::uint64_t{1} << (i % word);
      } else {
        sorted[l.zeros++] = ranks[i];
      }
    }
    auto one = l.zeros;
    for (const auto r : ranks) {
      if ((r >> digit & 1U) != 0) sorted[one++] = r;
    }
    std::uint32_t ones = 0;
    for (std::size_t w = 0; w < l.bits.size(); ++w) {
      l.ones[w] = ones;
      ones += static_cast<std::uint32_t>(std::popcount(l.bits[w]));
    }
    ranks.swap(sorted);
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
