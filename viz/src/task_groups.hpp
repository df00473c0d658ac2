// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fronta::viz {

/// Tasks by their name; those without one are "task". Names that differ only in numbers, such as
/// "chunk 3" and "chunk 12", are one: "chunk #". A number is digits that no letter touches.
class task_groups {
 public:
  explicit task_groups(const index& of);

  /// In the order of the first task of each.
  [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }
  /// The name itself where all its tasks have the same.
  [[nodiscard]] const std::string& name(std::uint32_t group) const noexcept {
    return names_[group];
  }
  [[nodiscard]] std::uint32_t of(task_number t) const noexcept { return groups_[t]; }
  [[nodiscard]] std::span<const std::uint32_t> of_tasks() const noexcept { return groups_; }

 private:
  std::vector<std::string> names_;
  std::vector<std::uint32_t> groups_;
};

/// The name with # for each number.
[[nodiscard]] std::string without_numbers(std::string_view name);

}  // namespace fronta::viz
