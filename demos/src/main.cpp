// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"
#include "doctor.hpp"
#include "interrupt.hpp"
#include "list.hpp"
#include "session.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>

namespace fronta::demos {
namespace {

exit_code execute(const answered&, const session&) { return exit_code::success; }
exit_code execute(const list_command&, const session& s) { return list(s); }
exit_code execute(const doctor_command&, const session&) { return doctor(); }
template <class Demo>
exit_code execute(const Demo& settings, const session& s) {
  return run(settings, s);
}

exit_code run_program(int argc, char** argv) {
  try {
    const auto given = read_command_line(argc, argv);
    const interrupt ctrl_c;
    const session s{.interrupted = ctrl_c.token(), .json = given.json};
    return std::visit([&](const auto& what) { return execute(what, s); }, given.what);
  } catch (const usage_error& error) {
    fmt::print(stderr, "fronta: {}\n", error.what());
    return exit_code::wrong_usage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "fronta: {}\n", error.what());
    return exit_code::failed;
  }
}

}  // namespace
}  // namespace fronta::demos

int main(int argc, char** argv) { return static_cast<int>(fronta::demos::run_program(argc, argv)); }
