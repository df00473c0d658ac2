// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_file.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

/// Traces of several processes of one machine as one.
namespace fronta::viz {

/// Why traces cannot be one picture.
struct apart {
  std::string why;        ///< as the end of a sentence; empty where they can
  std::size_t which = 0;  ///< the one without which that reason is gone, or less
};

/// They can be one picture if their clocks were one: the steady clock of one machine, since it was
/// started; if each was recorded while another one was; and if none is there twice. In which order
/// they are given does not matter.
[[nodiscard]] apart find_apart(std::span<const trace::file_contents> all);
[[nodiscard]] std::string why_apart(std::span<const trace::file_contents> all);

struct merged_trace {
  trace::file_contents all;
  /// How many processes, and how well their times are known beside each other.
  std::string said;
};

/// Time 0 is that of the one that began first. Executors are numbered anew, so that each keeps its
/// tasks; places and threads have the number of their process in front of their names. Throws
/// `std::invalid_argument` where `why_apart` has something to say.
[[nodiscard]] merged_trace merge(std::vector<trace::file_contents> all);

}  // namespace fronta::viz
