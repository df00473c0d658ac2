// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace fronta::demos {

/// Sleeps inside a task, and keeps its worker. Throws `cancelled_error` as soon as the task is
/// asked to stop, so that Ctrl-C never waits for a nap.
void pause(std::chrono::duration<double> how_long);

}  // namespace fronta::demos
