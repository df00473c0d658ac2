// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fronta::viz {

/// The tasks that somebody looks for: of that number, as people count, or with that in their names,
/// whether it is written in capitals or not. Nothing is looked for by an empty text.
///
///     const task_search masks(trace, "mask");
///     const auto first = masks.next(no_task, 1);
class task_search {
 public:
  /// Looks at each name once.
  task_search(const index& of, std::string_view wanted);

  [[nodiscard]] bool matches(task_number t) const noexcept;
  [[nodiscard]] std::size_t count() const noexcept { return found_.size(); }
  /// How many up to this one.
  [[nodiscard]] std::size_t place_of(task_number t) const noexcept;
  /// The match so many further, counted from a task that need not be one, and round about;
  /// backwards if negative. `no_task` for the first, or the last; `no_task` if there is none.
  [[nodiscard]] task_number next(task_number from, int by) const noexcept;

 private:
  std::vector<task_number> found_;  // ascending
};

/// The last search, for who shows it in every frame.
class kept_search {
 public:
  /// Searches only for something else than the last time. Valid until then.
  [[nodiscard]] const task_search& find(const std::shared_ptr<const index>& of,
                                        std::string_view wanted);
  void forget() noexcept;

 private:
  std::shared_ptr<const index> of_;
  std::string wanted_;
  std::unique_ptr<const task_search> found_;
};

}  // namespace fronta::viz
