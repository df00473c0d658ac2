// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace fronta::demos {

/// Writes NAME.png, NAME.html and NAME.svg into `folder`, which is made where it is missing: the
/// run that is recorded in `trace` at its liveliest on the stage, step by step (but for runs with
/// too many steps), and as a timeline. Returns where they are. Throws `demo_error`.
std::string write_pictures(const std::string& trace, const std::filesystem::path& folder,
                           const std::string& name);

/// A recording's file that goes with it, in a folder of its own among the temporary files. What
/// somebody else put there stays, and it says where: pictures that a window has saved.
class temporary_trace {
 public:
  /// Throws `demo_error`.
  temporary_trace();
  ~temporary_trace();
  temporary_trace(const temporary_trace&) = delete;
  temporary_trace& operator=(const temporary_trace&) = delete;

  [[nodiscard]] std::string file() const { return folder_ / "run"; }

 private:
  std::filesystem::path folder_;
};

}  // namespace fronta::demos
