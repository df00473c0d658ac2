// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "task_relations.hpp"

#include <fronta/viz/index.hpp>

#include <cstdint>
#include <ranges>
#include <span>
#include <string>

namespace fronta::viz {

/// The selected task, its inputs, and what depends on it, as far as that is known at a moment. Of
/// the others it reads nothing, but where the table of who comes before and after is not made yet.
class relations {
 public:
  relations(const index& of, task_number selected, std::int64_t at);

  enum class kind : std::uint8_t { unrelated, selected, input, dependent };
  [[nodiscard]] kind of(task_number t) const noexcept;
  /// `no_task` if none is, or it has not been submitted yet.
  [[nodiscard]] task_number selected() const noexcept { return selected_; }
  /// Each once, as they were told.
  [[nodiscard]] auto inputs() const noexcept {
    return std::views::transform(inputs_,
                                 [of = of_](std::uint32_t e) { return of->events()[e].other(); });
  }
  [[nodiscard]] auto dependents() const noexcept {
    return std::views::transform(dependents_,
                                 [of = of_](std::uint32_t e) { return of->events()[e].task; });
  }
  /// Such as "selected, of 2 inputs and 1 dependent"; empty for tasks without relation.
  [[nodiscard]] std::string in_words(task_number t) const;

 private:
  const index* of_;
  const task_relations* all_ = nullptr;  // once a task is selected
  std::int64_t at_;
  task_number selected_ = no_task;
  std::span<const std::uint32_t> inputs_;  // dependencies of `all_`
  std::span<const std::uint32_t> dependents_;
};

}  // namespace fronta::viz
