// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/detail/change_list.hpp>

#include <unordered_map>

namespace fronta::viz::detail {
namespace {

std::uint32_t key(const change& c) noexcept {
  return std::uint32_t{c.where} << 16U | static_cast<std::uint32_t>(c.state) << 8U | c.attempt;
}

}  // namespace

change_list::change_list(std::span<const change> all) {
  std::vector<std::uint32_t> numbers(all.size());
  for (std::size_t n = 0; n < all.size(); ++n) numbers[n] = all[n].event;
  events_ = rising_numbers(numbers);
  for (std::size_t n = 0; n < all.size(); ++n) {
    const auto before = all[n].previous;
    numbers[n] = before == none ? 0 : static_cast<std::uint32_t>(n) - before;
  }
  steps_ = small_numbers(numbers);
  std::unordered_map<std::uint32_t, std::uint32_t> known;
  for (std::size_t n = 0; n < all.size(); ++n) {
    const auto& c = all[n];
    const auto [at, made] = known.try_emplace(key(c), static_cast<std::uint32_t>(kinds_.size()));
    if (made) kinds_.push_back({none, none, c.where, c.state, c.attempt});
    numbers[n] = at->second;
  }
  codes_ = narrow_numbers(numbers);
}

}  // namespace fronta::viz::detail
