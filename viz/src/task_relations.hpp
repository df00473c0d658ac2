// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace fronta::viz {

/// What the trace says of each task, and who comes before and after it. Built once for a trace: one
/// task's part is then found without reading the others.
class task_relations {
 public:
  explicit task_relations(const index& of);

  /// By time.
  [[nodiscard]] std::span<const std::uint32_t> events_of(task_number t) const noexcept {
    return events_.of(t);
  }
  /// Told dependencies of which the task is the input: events of its dependents.
  [[nodiscard]] std::span<const std::uint32_t> uses_of(task_number t) const noexcept {
    return uses_.of(t);
  }
  [[nodiscard]] std::span<const task_number> submitted_by(task_number t) const noexcept {
    return children_.of(t);
  }
  [[nodiscard]] std::optional<task_number> find(const index& of, std::uint16_t executor,
                                                std::uint64_t id) const noexcept;

 private:
  // Numbers of each task, those of one after those of the other.
  struct table {
    std::vector<std::uint32_t> firsts;
    std::vector<std::uint32_t> numbers;

    [[nodiscard]] std::span<const std::uint32_t> of(task_number t) const noexcept {
      return {numbers.data() + firsts[t], numbers.data() + firsts[t + std::size_t{1}]};
    }
    // `each(add)` calls add(task, number) for all, the same way every time.
    template <class Each>
    void fill(std::size_t tasks, Each each);
  };

  table events_;
  table uses_;
  table children_;
  std::vector<task_number> by_id_;
};

/// Whose each change is. It may be made by another task's event: what is lost is lost to many.
[[nodiscard]] std::vector<task_number> tasks_of_changes(const index& of);

}  // namespace fronta::viz
