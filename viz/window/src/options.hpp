// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stage.hpp"

#include <optional>
#include <stdexcept>
#include <string>

namespace fronta::viz {

struct stage_options {
  std::string trace;
  std::string other = {};  ///< to compare with
  window::options frame;
  stage::appearance first = {};
  std::optional<double> exit_after = {};  ///< seconds
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
