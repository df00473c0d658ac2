// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/detail/compact_numbers.hpp>
#include <fronta/viz/model.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fronta::viz::detail {

/// The tasks of an index in some 15 bytes each: few names and executors are different, and most
/// have a parent that is shortly before them, or none.
class task_list {
 public:
  using value_type = task;

  task_list() = default;
  explicit task_list(std::span<const task> all);

  [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }
  [[nodiscard]] task operator[](std::size_t n) const noexcept {
    const auto step = parents_[n];
    return {ids_[n], step == 0 ? no_task : static_cast<task_number>(n) - step, texts_[n],
            last_changes_[n], executors_[executor_codes_[n]]};
  }
  [[nodiscard]] std::uint32_t last_change_of(std::size_t n) const noexcept {
    return last_changes_[n];
  }

 private:
  std::vector<std::uint64_t> ids_;
  std::vector<std::uint32_t> last_changes_;
  small_numbers parents_;  // how far before it; 0: it has none
  narrow_numbers texts_;
  narrow_numbers executor_codes_;
  std::vector<std::uint16_t> executors_;
};

}  // namespace fronta::viz::detail
