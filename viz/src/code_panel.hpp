// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "panels.hpp"

#include <fronta/viz/source_files.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Code beside the stage. Which line is lit depends on the trace and the moment alone.
namespace fronta::viz {

/// The line that the newest of what happened goes back to.
struct lit_line {
  task_number task = no_task;  ///< what happened is of it, and it was submitted there
  std::string_view file;       ///< as the trace names it
  std::uint32_t line = 0;      ///< from 1
  bool newest = true;          ///< false: what is newer is of tasks whose place is not told
};
/// Nothing where no task with a place has been told of.
[[nodiscard]] std::optional<lit_line> lit_at(const moment_in_view& m);

/// The lines of the function around a line, numbered from 0, as its indentation shows: from its
/// head, with comments above it, to behind its closing brace. A guess that decides only what else
/// is in sight: without a head in reach, it is the line alone.
struct line_range {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t head = 0;  ///< behind the comments
  bool operator==(const line_range&) const = default;
};
[[nodiscard]] line_range function_around(std::span<const std::string> lines, std::size_t line);

/// A line broken at spaces into pieces of at most so many characters; later ones are indented by
/// four more.
struct code_piece {
  std::size_t indent = 0;
  std::string_view text;
  bool operator==(const code_piece&) const = default;
};
[[nodiscard]] std::vector<code_piece> broken(std::string_view line, std::size_t columns);

}  // namespace fronta::viz
