// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fronta::viz {

/// Where tasks were submitted, as far as a trace tells. Built once, in time linear in its events.
class task_locations {
 public:
  explicit task_locations(const index& of);

  /// A line of the program, counted from 1.
  struct place {
    std::string_view file;  ///< a part of a text of the index
    std::uint32_t line = 0;
  };
  [[nodiscard]] std::optional<place> of(const index& in, task_number t) const noexcept;
  /// The newest event up to `event` that has a sentence and is of a task whose place is told;
  /// `none` if there is none. Takes some thousand steps at most.
  [[nodiscard]] std::uint32_t last_told(const index& in, std::uint32_t event) const;
  /// All that are named, each once, by name.
  [[nodiscard]] std::span<const std::string> files() const noexcept { return files_; }

 private:
  static constexpr std::uint32_t block = 4'096;  // events

  [[nodiscard]] std::uint32_t last_told_in(const index& in, std::uint32_t first,
                                           std::uint32_t last) const;

  std::vector<std::uint32_t>
      events_;                       // by task: the one that tells it, or none; empty: nobody's is
  std::vector<std::uint32_t> told_;  // the last before each block
  std::vector<std::string> files_;
};

}  // namespace fronta::viz
