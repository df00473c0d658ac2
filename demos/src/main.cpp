// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"
#include "doctor.hpp"
#include "export.hpp"
#include "interrupt.hpp"
#include "list.hpp"
#include "output.hpp"
#include "render.hpp"
#include "run_pictures.hpp"
#include "session.hpp"
#include "stage.hpp"

#include <fronta/trace_recording.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <system_error>

namespace fronta::demos {
namespace {

exit_code execute(const answered&, const session&) { return exit_code::success; }
exit_code execute(const list_command&, const session& s) { return list(s); }
exit_code execute(const doctor_command&, const session&) { return doctor(); }
template <class Demo>
exit_code execute(const Demo& settings, const session& s) {
  return run(settings, s);
}

// Told of as a sentence of its own: that the work went well or not stands beside it.
exit_code run_recorded(const command& given, const session& s) {
  const auto run_it = [&] {
    return std::visit([&](const auto& what) { return execute(what, s); }, given.what);
  };
  if (given.trace.empty()) return run_it();
  try {
    trace::recording recorded(given.trace);
    const auto code = run_it();
    recorded.stop();
    if (recorded.dropped() != 0) {
      fmt::print(stderr, "fronta: {} events are missing in {}: they found no room\n",
                 grouped(recorded.dropped()), given.trace);
    }
    return code;
  } catch (const std::system_error& error) {
    throw demo_error(fmt::format("{}.", error.what()));
  }
}

bool recorded_by_environment() {
  const auto* const named = std::getenv("FRONTA_TRACE");
  return named != nullptr && *named != '\0';
}

// Unless they were asked for by name, a run without pictures is as good: it says why there are
// none. An interrupted one says nothing.
void do_without_pictures(const command& given, const session& s, const std::exception& why) {
  if (s.interrupted.stop_requested()) return;
  if (given.pictures_asked) throw demo_error(why.what());
  fmt::print(stderr, "fronta: {}\n", why.what());
}

// From its --trace, else from a recording for them alone.
exit_code run_with_pictures(const command& given, const session& s) {
  if (given.trace.empty() && recorded_by_environment()) {
    if (given.pictures_asked) {
      throw demo_error("FRONTA_TRACE records this run; with --pictures use --trace FILE instead.");
    }
    return run_recorded(given, s);
  }
  std::optional<temporary_trace> folder;
  std::optional<trace::recording> own;
  if (given.trace.empty()) {
    try {
      own.emplace(folder.emplace().file());
    } catch (const std::exception& error) {
      do_without_pictures(given, s, error);
      return run_recorded(given, s);
    }
  }
  const auto code = run_recorded(given, s);
  try {
    if (own) own->stop();
    const auto where =
        write_pictures(own ? own->file() : given.trace, given.pictures, "divisibility");
    if (!s.json) print_row("pictures", where);
    flush_output();
  } catch (const std::exception& error) {
    do_without_pictures(given, s, error);
  }
  return code;
}

exit_code run_program(int argc, char** argv) {
  try {
    const auto given = read_command_line(argc, argv);
    const interrupt ctrl_c;
    const session s{.interrupted = ctrl_c.token(), .json = given.json};
    return given.pictures.empty() ? run_recorded(given, s) : run_with_pictures(given, s);
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
