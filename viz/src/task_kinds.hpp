// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>
#include <fronta/viz/theme.hpp>

#include <cstddef>
#include <cstdint>
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

/// The kinds of a trace's tasks, by what their names have in common, in the order in which their
/// first tasks came: so what comes later changes no look.
class task_kinds {
 public:
  struct kind {
    std::string first_name;            ///< of its first task; empty where it has no look
    std::string name;                  ///< of all; likewise
    std::int64_t from = 0;             ///< when the first came
    std::int64_t many_from = forever;  ///< when the first with another name did
    [[nodiscard]] const std::string& name_at(std::int64_t t) const noexcept {
      return t < many_from ? first_name : name;
    }
  };

  explicit task_kinds(const index& of);

  /// The first `most_kinds` have a look of their own.
  [[nodiscard]] const std::vector<kind>& all() const noexcept { return kinds_; }
  /// How many of those that have none came up to `t`.
  [[nodiscard]] std::size_t others_at(std::int64_t t) const noexcept;
  /// Up to `most_kinds`.
  [[nodiscard]] std::size_t of(task_number t) const noexcept;

 private:
  const task_groups* groups_;
  std::vector<std::size_t> numbers_;  // by group
  std::vector<kind> kinds_;
};

/// Made when it is first asked for; lives as long as `of`. Thread-safe.
[[nodiscard]] const task_kinds& kinds_of(const index& of);

}  // namespace fronta::viz
