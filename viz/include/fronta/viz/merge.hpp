// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_file.hpp>

#include <span>
#include <string>
#include <vector>

/// Traces of several processes of one machine as one.
namespace fronta::viz {

/// Why they cannot be one picture, as the end of a sentence; empty where they can. They can if
/// their clocks were one: the steady clock of one machine, since it was started; and if each was
/// recorded while another one was.
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
