// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/detail/compact_numbers.hpp>

#include <algorithm>
#include <bit>

namespace fronta::viz::detail {

static_assert(std::endian::native == std::endian::little);

namespace {

std::size_t bytes_of(std::span<const std::uint32_t> all) noexcept {
  const auto most = all.empty() ? 0 : std::ranges::max(all);
  return (static_cast<std::size_t>(std::bit_width(most)) + 7) / 8;
}

}  // namespace

narrow_numbers::narrow_numbers(std::span<const std::uint32_t> all)
    : width_(bytes_of(all)),
      mask_(static_cast<std::uint32_t>((std::uint64_t{1} << (8 * width_)) - 1)),
      bytes_(all.size() * width_ + sizeof(std::uint32_t)) {
  for (std::size_t n = 0; n < all.size(); ++n)
    std::memcpy(bytes_.data() + n * width_, &all[n], width_);
}

small_numbers::small_numbers(std::span<const std::uint32_t> all) {
  std::vector<std::uint32_t> rest;
  for (std::vector<std::uint32_t> next; !all.empty(); rest.swap(next), all = rest) {
    next.clear();
    auto& l = levels_.emplace_back();
    l.bytes.reserve(all.size());
    l.more = bit_row(all.size());
    for (std::size_t n = 0; n < all.size(); ++n) {
      l.bytes.push_back(static_cast<std::uint8_t>(all[n] & 0xFFU));
      if (all[n] <= 0xFFU) continue;
      l.more.set(n);
      next.push_back(all[n] >> 8U);
    }
    l.more.finish();
  }
}

rising_numbers::rising_numbers(std::span<const std::uint32_t> all) : size_(all.size()) {
  if (all.empty()) return;
  // The lower part is as wide as the mean step.
  const auto mean = all.back() / all.size();
  width_ = mean == 0 ? 0 : static_cast<unsigned>(std::bit_width(mean)) - 1;
  lower_.resize((all.size() * width_ + 63) / 64);
  steps_ = bit_row(all.size() + (all.back() >> width_) + 1);
  for (std::size_t n = 0; n < all.size(); ++n) {
    steps_.set((all[n] >> width_) + n);
    if (width_ == 0) continue;
    const auto bits = std::uint64_t{all[n]} & ((std::uint64_t{1} << width_) - 1);
    const auto bit = n * width_;
    lower_[bit / 64] |= bits << (bit % 64);
    // In two steps: by 64 at once nothing may be shifted.
    if (bit % 64 + width_ > 64) lower_[bit / 64 + 1] |= bits >> 1U >> (63 - bit % 64);
  }
  steps_.finish();
}

}  // namespace fronta::viz::detail
