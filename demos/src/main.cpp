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
#include "trace_input.hpp"

#include <fronta/trace_recording.hpp>
#include <fronta/viz/words.hpp>

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <variant>

namespace fronta::demos {
namespace {

constexpr const char* pictures_name = "divisibility";  // the one demo that has them

exit_code execute(const answered&, const session&) { return exit_code::success; }
exit_code execute(const list_command&, const session& s) { return list(s); }
exit_code execute(const doctor_command&, const session&) { return doctor(); }
template <class Demo>
exit_code execute(const Demo& settings, const session& s) {
  return run(settings, s);
}

void tell_of_missing(std::uint64_t events, const std::string& file) {
  fmt::print(stderr, "fronta: {} events are missing in {}: they found no room\n", grouped(events),
             file);
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
    if (recorded.dropped() != 0) tell_of_missing(recorded.dropped(), given.trace);
    return code;
  } catch (const std::system_error& error) {
    throw demo_error(fmt::format("{}.", viz::without_caller(error.what())));
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
        write_pictures(own ? own->file() : given.trace, given.pictures, pictures_name);
    if (!s.json) print_row("pictures", where);
    flush_output();
  } catch (const std::exception& error) {
    do_without_pictures(given, s, error);
  }
  return code;
}

// The run in a window of its own, if one can be opened; else nothing has run. The trace is kept:
// what the window saves lies beside it. `shown`: options of the window; afterwards those of the
// next one, or none if the run is not wanted again.
std::optional<exit_code> run_on_stage(const command& given, const session& s,
                                      std::vector<std::string>& shown) {
  const auto options = std::exchange(shown, {});
  if (given.trace.empty() && recorded_by_environment()) {
    fmt::print(stderr,
               "fronta: there is no window on this run: FRONTA_TRACE records it; open that file "
               "with fronta stage.\n");
    return std::nullopt;
  }
  std::optional<temporary_trace> folder;
  auto file = given.trace;
  std::optional<trace::recording> recording;
  try {
    if (file.empty() && given.pictures.empty()) file = folder.emplace().file();
    if (file.empty()) {
      std::filesystem::create_directories(given.pictures);
      file = std::filesystem::path(given.pictures) / fmt::format("{}.trace", pictures_name);
    }
    recording.emplace(file);
  } catch (const std::exception& error) {
    fmt::print(stderr, "fronta: there is no window on this run: {}.\n",
               viz::without_caller(error.what()));
    return std::nullopt;
  }
  auto& recorded = *recording;
  stage_window window(
      file,
      given.exit_after_run ? stage_window::closes::after_the_run : stage_window::closes::by_hand,
      options, s);
  if (!window.reason().empty()) {
    recorded.stop();
    if (given.trace.empty()) std::filesystem::remove(file);
    if (!s.interrupted.stop_requested()) {
      fmt::print(stderr, "fronta: there is no window on this run: {}.\n", window.reason());
    }
    return std::nullopt;
  }
  auto of_the_run = given;
  of_the_run.trace.clear();
  const auto code = run_recorded(of_the_run, s);
  recorded.stop();
  if (recorded.dropped() != 0) tell_of_missing(recorded.dropped(), file);
  if (!s.json && !folder) print_row("trace", fmt::format("{} (fronta stage plays it)", file));
  if (given.pictures_asked) {
    const auto where = write_pictures(file, given.pictures, pictures_name);
    if (!s.json) print_row("pictures", where);
  }
  if (!s.json && !given.exit_after_run) print_row("window", "goes on until you close it (Ctrl Q)");
  flush_output();
  if (auto again = window.wait_until_closed()) shown = std::move(*again);
  return code;
}

// Pictures come at the end, so what they would write over is what was just recorded.
void keep_recording(const command& given) {
  if (given.trace.empty() || given.pictures.empty()) return;
  for (const auto* const ending : {".png", ".svg", ".html"}) {
    const auto picture =
        std::filesystem::path(given.pictures) / fmt::format("{}{}", pictures_name, ending);
    if (!same_file(picture, given.trace)) continue;
    throw usage_error(fmt::format(
        "--trace {} would be lost: a picture of the run goes there; give another file, or "
        "--pictures none.",
        given.trace));
  }
}

exit_code run(const command& given, const session& s) {
  keep_recording(given);
  if (given.stage) {
    std::vector<std::string> shown;
    for (;;) {
      const auto code = run_on_stage(given, s, shown);
      if (code && shown.empty()) return *code;
      if (!code) break;  // without a window
    }
  }
  return given.pictures.empty() ? run_recorded(given, s) : run_with_pictures(given, s);
}

bool is_demo(const command& given) {
  return std::visit(
      []<class What>(const What&) {
        return std::same_as<What, divisibility> || std::same_as<What, batch> ||
               std::same_as<What, gridsearch> || std::same_as<What, pipeline> ||
               std::same_as<What, overlap>;
      },
      given.what);
}

exit_code run_program(int argc, char** argv) {
  try {
    const auto given = read_command_line(argc, argv);
    // Of the commands only demos leave files, windows and processes behind.
    const interrupt ctrl_c(is_demo(given) ? interrupt::signals::all : interrupt::signals::keyboard);
    const session s{.interrupted = ctrl_c.token(), .json = given.json};
    return run(given, s);
  } catch (const usage_error& error) {
    std::fputs(fmt::format("fronta: {}\n", error.what()).c_str(), stderr);
    return exit_code::wrong_usage;
  } catch (const std::exception& error) {
    std::fputs(fmt::format("fronta: {}\n", viz::without_caller(error.what())).c_str(), stderr);
    return exit_code::failed;
  }
}

}  // namespace
}  // namespace fronta::demos

int main(int argc, char** argv) { return static_cast<int>(fronta::demos::run_program(argc, argv)); }
