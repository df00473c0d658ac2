// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

namespace fronta::demos {

/// `fronta doctor`: what this machine has, what this build has, what is missing and the remedy.
/// Fails when the library does not work here.
exit_code doctor();

}  // namespace fronta::demos
