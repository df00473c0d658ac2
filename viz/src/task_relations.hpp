// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fronta::viz {

/// What the trace says of each task, and who comes before and after it: the one table of that.
/// Built once for a trace, in time linear in its events: one task's part is then found without
/// reading the others. Lists of events are by time, so that what is known by a moment is their
/// beginning.
class task_relations {
 public:
  explicit task_relations(const index& of);

  [[nodiscard]] std::span<const std::uint32_t> events_of(task_number t) const noexcept {
    return events_.of(t);
  }
  /// The dependencies that are told of it, the first of each input: `event::other` is the input.
  [[nodiscard]] std::span<const std::uint32_t> inputs_of(task_number t) const noexcept {
    return inputs_.of(t);
  }
  /// Those of which it is the input: the event's task depends on it.
  [[nodiscard]] std::span<const std::uint32_t> uses_of(task_number t) const noexcept {
    return uses_.of(t);
  }
  /// Where it took values and errors: the event's task had made them.
  [[nodiscard]] std::span<const std::uint32_t> taken_by(task_number t) const noexcept {
    return taken_.of(t);
  }
  [[nodiscard]] std::span<const task_number> submitted_by(task_number t) const noexcept {
    return children_.of(t);
  }

  /// `visit(task)` for what leads to it directly, its inputs and then its parent; and for what it
  /// leads to.
  template <class Visit>
  void each_before(const index& of, task_number t, Visit visit) const {
    for (const auto e : inputs_of(t)) visit(of.events()[e].other());
    if (const auto parent = of.tasks()[t].parent; parent != no_task) visit(parent);
  }
  template <class Visit>
  void each_after(const index& of, task_number t, Visit visit) const {
    for (const auto e : uses_of(t)) visit(of.events()[e].task);
    for (const auto child : submitted_by(t)) visit(child);
  }
  /// All that lead to it, directly or not, and all that it leads to; at most so many, without
  /// itself.
  [[nodiscard]] std::vector<task_number> before(const index& of, task_number t,
                                                std::size_t most) const;
  [[nodiscard]] std::vector<task_number> after(const index& of, task_number t,
                                               std::size_t most) const;

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
  table inputs_;
  table uses_;
  table taken_;
  table children_;
};

/// Those of a list of events that were told by a moment.
[[nodiscard]] std::span<const std::uint32_t> told_until(const index& of,
                                                        std::span<const std::uint32_t> events,
                                                        std::int64_t t) noexcept;

/// Made when it is first asked for; lives as long as `of`. Thread-safe.
[[nodiscard]] const task_relations& task_relations_of(const index& of);

}  // namespace fronta::viz
