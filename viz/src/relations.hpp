// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fronta::viz {

/// The selected task, its inputs, and what depends on it, as far as that is known at a moment.
/// Reads all dependencies once if a task is selected.
class relations {
 public:
  relations(const index& of, task_number selected, std::int64_t at);

  enum class kind : std::uint8_t { unrelated, selected, input, dependent };
  [[nodiscard]] kind of(task_number t) const noexcept;
  /// `no_task` if none is, or it has not been submitted yet.
  [[nodiscard]] task_number selected() const noexcept { return selected_; }
  /// Each once, by number.
  [[nodiscard]] std::span<const task_number> inputs() const noexcept { return inputs_; }
  [[nodiscard]] std::span<const task_number> dependents() const noexcept { return dependents_; }
  /// Such as "selected, of 2 inputs and 1 dependent"; empty for tasks without relation.
  [[nodiscard]] std::string in_words(task_number t) const;

 private:
  task_number selected_ = no_task;
  std::vector<task_number> inputs_;
  std::vector<task_number> dependents_;
};

}  // namespace fronta::viz
