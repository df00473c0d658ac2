// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>
#include <fronta/viz/theme.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace fronta::viz {

class task_groups;

/// How many kinds of tasks have a look of their own: more colours cannot be told apart beside those
/// that mean states.
inline constexpr std::size_t most_kinds = 6;

struct kind_look {
  color fill;
  color ink;
  bool striped = false;  ///< a stripe of ink along the upper edge
};
/// `most_kinds` is that of all others.
[[nodiscard]] kind_look look_of_kind(const theme& t, std::size_t kind) noexcept;

/// The kinds of a trace's tasks, by what their names have in common: those that were at work
/// longest first, and all others as one.
class task_kinds {
 public:
  explicit task_kinds(const index& of);

  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  /// How many kinds have no look of their own.
  [[nodiscard]] std::size_t others() const noexcept { return others_; }
  /// Up to `most_kinds`.
  [[nodiscard]] std::size_t of(task_number t) const noexcept;

 private:
  const task_groups* groups_;
  std::vector<std::size_t> kinds_;  // by group
  std::vector<std::string> names_;
  std::size_t others_ = 0;
};

/// Made when it is first asked for; lives as long as `of`. Thread-safe.
[[nodiscard]] const task_kinds& kinds_of(const index& of);

}  // namespace fronta::viz
