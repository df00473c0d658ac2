// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/detail/task_list.hpp>

#include <algorithm>

namespace fronta::viz::detail {

task_list::task_list(std::span<const task> all) {
  ids_.reserve(all.size());
  last_changes_.reserve(all.size());
  for (const auto& t : all) {
    ids_.push_back(t.id);
    last_changes_.push_back(t.last_change);
    const auto at = std::ranges::lower_bound(executors_, t.executor);
    if (at == executors_.end() || *at != t.executor) executors_.insert(at, t.executor);
  }
  std::vector<std::uint32_t> numbers(all.size());
  for (std::size_t n = 0; n < all.size(); ++n) {
    const auto parent = all[n].parent;
    numbers[n] = parent == no_task ? 0 : static_cast<std::uint32_t>(n) - parent;
  }
  parents_ = small_numbers(numbers);
  for (std::size_t n = 0; n < all.size(); ++n) numbers[n] = all[n].text;
  texts_ = narrow_numbers(numbers);
  for (std::size_t n = 0; n < all.size(); ++n) {
    numbers[n] = static_cast<std::uint32_t>(std::ranges::lower_bound(executors_, all[n].executor) -
                                            executors_.begin());
  }
  executor_codes_ = narrow_numbers(numbers);
}

}  // namespace fronta::viz::detail
