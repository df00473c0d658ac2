// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include <span>
#include <string>

namespace fronta::demos {

struct demo_entry {
  const char* name;
  const char* summary;
};

/// Every demo that `fronta run` knows.
[[nodiscard]] std::span<const demo_entry> all_demos();

/// What the design has and this version does not: the README says the same.
[[nodiscard]] std::string not_built_yet();

/// `fronta list`.
exit_code list(const session& s);

}  // namespace fronta::demos
