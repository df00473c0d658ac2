// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace fronta::demos {

/// Parse, aggregate and join many files, with a bounded and with an unbounded number of them in
/// memory.
struct batch {
  int files = 200;
  int rows = 5'000;  ///< per file
  /// How many files a stage may be ahead of its reader.
  int window = 8;
  std::optional<int> workers;  ///< usable CPUs
  std::uint64_t seed = 1;      ///< of the generated data
  /// Where the data is, or is generated. Not given: a folder in the user's cache.
  std::filesystem::path data;

  enum class part { compare, bounded, unbounded };
  /// `compare` runs the two others, each in a process of its own.
  part measure = part::compare;
  /// Of `compare`: the file to record the bounded run in; the other one is recorded in
  /// FILE.unbounded. Empty: neither.
  std::string trace = {};
};

/// Runs the demo and prints what came out.
exit_code run(const batch& settings, const session& s);

}  // namespace fronta::demos
