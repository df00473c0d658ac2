// SPDX-License-Identifier: Apache-2.0
#include "stage.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace fronta::demos {

exit_code execute(const stage_command& what, const session& /*s*/) {
  constexpr std::string_view no_window{FRONTA_NO_WINDOW, sizeof(FRONTA_NO_WINDOW) - 1};
  constexpr std::string_view remedy =
      "use ./run fronta stage, which sets it up, or draw without one: fronta render";
  if (!no_window.empty()) {
    throw demo_error(
        fmt::format("this fronta was built without its window because {}; {}.", no_window, remedy));
  }
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
  auto program = (own.parent_path() / "fronta-stage").string();
  std::vector<char*> arguments{program.data()};
  auto given = what.arguments;
  for (auto& a : given) arguments.push_back(a.data());
  arguments.push_back(nullptr);
  ::execv(program.c_str(), arguments.data());
  throw demo_error(fmt::format("the window's program {} could not be started ({}); {}.", program,
                               std::strerror(errno), remedy));
}

}  // namespace fronta::demos
