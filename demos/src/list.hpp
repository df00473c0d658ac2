// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include <span>

namespace fronta::demos {

struct demo_entry {
  const char* name;
  const char* summary;
};

/// Every demo that `fronta run` knows.
[[nodiscard]] std::span<const demo_entry> all_demos();

/// `fronta list`.
exit_code list(const session& s);

}  // namespace fronta::demos
