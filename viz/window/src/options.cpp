// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include "keys.hpp"

#include <fronta/viz/theme.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <variant>

namespace fronta::viz {
namespace {

template <class Number>
bool reads(std::string_view text, Number& value) {
  const auto* const begin = std::to_address(text.begin());
  const auto* const end = begin + text.size();
  const auto [at, error] = std::from_chars(begin, end, value);
  return error == std::errc() && at == end;
}

[[noreturn]] void refuse(const std::string& option, const std::string& what,
                         const std::string& text) {
  throw usage_error(option + ": give " + what + ", not \"" + text + "\".");
}

void read_size(const std::string& text, window::options& to) {
  const auto x = text.find('x');
  const bool good = x != std::string::npos &&
                    reads(std::string_view(text).substr(0, x), to.width) &&
                    reads(std::string_view(text).substr(x + 1), to.height) && to.width >= 640 &&
                    to.width <= 16'384 && to.height >= 400 && to.height <= 16'384;
  if (!good) {
    refuse("--size", "width and height as in 1280x720, from 640x400 to 16384x16384", text);
  }
}

double read_number(const char* option, const std::string& text, double least, double most,
                   const std::string& what) {
  double value = 0;
  if (!reads(text, value) || !std::isfinite(value) || value < least || value > most) {
    refuse(option, what, text);
  }
  return value;
}

// Those that a key shows.
preset read_preset(const std::string& text) {
  std::string known;
  for (const auto& b : key_bindings()) {
    const auto* c = std::get_if<command>(&b.does);
    const auto* show = c != nullptr ? std::get_if<commands::show>(c) : nullptr;
    if (show == nullptr) continue;
    if (name_of(show->what) == text) return show->what;
    known += (known.empty() ? "" : ", ") + std::string(name_of(show->what));
  }
  refuse("--preset", "one of " + known, text);
}

stage_layout read_layout(const std::string& text) {
  for (const auto l : {stage_layout::plain, stage_layout::read, stage_layout::run}) {
    if (name_of(l) == text) return l;
  }
  refuse("--layout", "plain, read or run", text);
}

std::size_t read_theme(const std::string& text) {
  std::string known;
  const auto all = all_themes();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].name == text) return i;
    known += (known.empty() ? "" : " or ") + std::string(all[i].name);
  }
  refuse("--theme", known, text);
}

clock_kind read_clock(const std::string& text) {
  const auto found = find_clock(text);
  if (!found) refuse("--clock", "linear, steps or warped", text);
  return *found;
}

// Steps of a tenth, as the keys make them.
int read_scale(const std::string& text) {
  const auto scale = read_number("--scale", text, 0.7, 2.1, "a number from 0.7 to 2.1");
  return static_cast<int>(std::lround(std::log(scale) / std::log(1.1)));
}

}  // namespace

std::optional<stage_options> read_stage_options(int argc, const char* const* argv) {
  stage_options o;
  std::string preset_text;
  std::string theme_text;
  std::string layout_text;
  std::string size_text;
  std::string scale_text;
  std::string exit_text;
  std::string tell_text;
  std::string clock_text;
  bool clicker = false;
  CLI::App app{"Plays a trace in a window; ? lists its keys", "fronta stage"};
  app.set_help_flag("-h,--help", "print this text and end");
  app.add_option("TRACE", o.trace, "what --trace or FRONTA_TRACE wrote")->type_name("");
  app.add_option(
         "OTHER", o.other,
         "of another process at the same time: both in one picture; else a second run, which "
         "compare (5) shows beside it")
      ->type_name("");
  const auto add = [&](const char* name, std::string& to, const char* placeholder,
                       const char* description) {
    app.add_option(name, to, description)
        ->type_name(placeholder)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  };
  add("--preset", preset_text, "NAME",
      "stage: for a room; timeline: all lanes; completion: who ends when; graph: tasks and their "
      "inputs; compare: with OTHER; statistics, inspector, plots, progress [stage]");
  add("--layout", layout_text, "NAME",
      "of the stage: read: the program's lines beside it; run: three of them above it [plain]");
  add("--source", o.first.source, "DIR",
      "what the program's files lie below [where they were compiled, or here]");
  add("--theme", theme_text, "NAME", "light or dark [light]");
  add("--clock", clock_text, "NAME",
      "of time axes: linear; steps: one event after the other; warped: quiet stretches are "
      "shortened [linear]");
  add("--size", size_text, "WxH", "of the window [1280x720]");
  add("--monitor", o.frame.monitor, "NAME", "where it opens; a part of the monitor's name");
  app.add_flag("--full-screen", o.frame.full_screen, "fill the monitor")->disable_flag_override();
  app.add_flag("--clicker", clicker, "only a speaker's keys: a remote control's, and a few more")
      ->disable_flag_override();
  add("--scale", scale_text, "X", "of the controls' text [1]");
  add("--attach", o.attach, "WHAT", "follow what goes on: a process's number, a socket or a FILE");
  app.add_flag("--exit-after-run", o.exit_after_run,
               "close the window when the recording has ended")
      ->disable_flag_override();
  add("--exit-after", exit_text, "S", "close the window after so many seconds");
  // What `fronta run --stage` starts it with; in no help text.
  app.add_option("--tell", tell_text)->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    app.exit(asked);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    const auto unknown = app.remaining();
    if (unknown.empty()) {
      const std::string_view text = error.what();
      throw usage_error(std::string(text.substr(0, text.find('\n'))) +
                        "; see fronta stage --help.");
    }
    throw usage_error(unknown.front().starts_with('-')
                          ? "there is no option " + unknown.front() + "; see fronta stage --help."
                          : "\"" + unknown.front() +
                                "\" is one word too many; see fronta stage --help.");
  }
  if (!preset_text.empty()) o.first.what = read_preset(preset_text);
  if (!layout_text.empty()) o.first.layout = read_layout(layout_text);
  if (!o.first.source.empty()) {
    std::error_code error;
    if (!std::filesystem::is_directory(o.first.source, error))
      refuse("--source", "a folder that exists", o.first.source);
  }
  if (!theme_text.empty()) o.first.theme = read_theme(theme_text);
  if (!clock_text.empty()) o.first.clock = read_clock(clock_text);
  if (clicker) o.first.keys = key_profile::clicker;
  if (!size_text.empty()) read_size(size_text, o.frame);
  if (!scale_text.empty()) o.first.text_size = read_scale(scale_text);
  if (!o.trace.empty() && !o.attach.empty()) {
    throw usage_error("--attach and a trace do not go together; give one of them.");
  }
  if (!tell_text.empty()) {
    o.tell = static_cast<int>(read_number("--tell", tell_text, 0, 1e6, "a file descriptor"));
  }
  if (!exit_text.empty()) {
    o.exit_after =
        read_number("--exit-after", exit_text, 0, 1e6, "seconds, a number from 0 to 1000000");
  }
  return o;
}

}  // namespace fronta::viz
