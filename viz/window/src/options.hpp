// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stage.hpp"

#include <optional>
#include <stdexcept>
#include <string>

namespace fronta::viz {

struct stage_options {
  std::string trace;
  std::string other;   ///< to compare with
  std::string attach;  ///< to a recording that goes on: a process, a socket or a file
  window::options frame;
  stage::appearance first = {};
  std::optional<double> exit_after = {};  ///< seconds
  bool exit_after_run = false;            ///< once the recording has ended
  /// Where one line is written once there is something to see, or why there is not; -1 for nowhere.
  int tell = -1;
};

/// One sentence that says what to do.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reads the command line of `fronta stage`. Nothing if help was asked for, and printed. Throws
/// `usage_error`.
[[nodiscard]] std::optional<stage_options> read_stage_options(int argc, const char* const* argv);

}  // namespace fronta::viz
