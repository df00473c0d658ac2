// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include <string>
#include <vector>

namespace fronta::demos {

struct stage_command {
  std::vector<std::string> arguments;  ///< as they were given; the window's program reads them
};

/// `fronta stage`: becomes the program fronta-stage, which lies beside it. Throws `demo_error`
/// where there is none.
exit_code execute(const stage_command& what, const session& s);

}  // namespace fronta::demos
