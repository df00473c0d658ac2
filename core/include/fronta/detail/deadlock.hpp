// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>

namespace fronta::detail {

class node;

// For a task that waits for amounts: the error when it can never have them, since tasks hold them
// whose waits cannot end before it has; else null. Waits are checked when they begin; this is for
// a task that fewer places will do for since then. The caller keeps the node and holds no locks.
[[nodiscard]] std::exception_ptr deadlock_of(node& n);

}  // namespace fronta::detail
