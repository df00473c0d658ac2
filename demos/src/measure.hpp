// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "output.hpp"
#include "session.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// Measuring in a process of its own, so that nothing that ran before is in the figures.
namespace fronta::demos {

struct child_report {
  exit_code code = exit_code::success;
  json printed;  ///< the object that it wrote to stdout; null without one
};

/// Runs this program anew with the arguments and waits for it. Its stderr is this one's; Ctrl-C is
/// passed on. Throws `demo_error` when it cannot be started or dies.
child_report run_self(const std::vector<std::string>& arguments, const session& s);

/// For the child: it ends when its parent does.
void end_with_parent();

/// The most memory that this process has had in RAM since it began.
[[nodiscard]] std::uint64_t peak_resident_bytes();

}  // namespace fronta::demos
