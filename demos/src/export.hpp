// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include <string>

namespace fronta::demos {

struct export_command {
  std::string trace;
  std::string output;  ///< its ending names the format: .jsonl, .json or .perfetto
};

/// `fronta export`. Throws `demo_error`.
exit_code execute(const export_command& what, const session& s);

}  // namespace fronta::demos
