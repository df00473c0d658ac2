// SPDX-License-Identifier: Apache-2.0
#include "run_pictures.hpp"

#include "output.hpp"
#include "session.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/font.hpp>
#include <fronta/viz/html.hpp>
#include <fronta/viz/pictures.hpp>
#include <fronta/viz/view.hpp>
#include <fronta/viz/words.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <utility>

namespace fronta::demos {
namespace {

// The end of a demo is no place to wait for more.
constexpr std::size_t most_steps = 4'000;

// The moment with the most different states at once, of equals with the most at work, of equals the
// first. Not before the middle, as there is little to see of the lanes, nor near the end.
std::int64_t liveliest_moment(const viz::index& of) {
  const auto lasts = of.end() - of.begin();
  const auto from = of.begin() + lasts / 2;
  const auto until = of.begin() + lasts / 10 * 8;
  using liveliness = std::pair<std::int64_t, std::int64_t>;
  liveliness best{-1, 0};
  auto moment = of.end();
  for (const auto& c : of.changes()) {
    const auto time = of.time_of(c);
    if (time < from || time > until) continue;
    const auto counts = of.counts_at(time);
    const liveliness found{std::ranges::count_if(counts, [](auto n) { return n != 0; }),
                           counts[static_cast<std::size_t>(viz::task_state::running)]};
    if (found <= best) continue;
    best = found;
    moment = time;
  }
  return moment;
}

}  // namespace

std::string write_pictures(const std::string& trace, const std::filesystem::path& folder,
                           const std::string& name) {
  constexpr float width = 1280;
  constexpr float height = 720;
  try {
    std::filesystem::create_directories(folder);
    const viz::index of(trace::read_file(trace));
    const viz::font font;
    const auto& theme = viz::light_theme();
    const auto file = [&](const char* ending) { return folder / (name + ending); };
    viz::view seen{.what = viz::preset::stage, .title = name};
    seen.at = liveliest_moment(of);
    write_png(draw(of, seen, width, height, font, theme), file(".png"));
    write_svg(draw(of, {.what = viz::preset::timeline, .title = name}, width, height, font, theme),
              file(".svg"));
    const auto steps = beats_of(of, seen).size();
    if (steps > most_steps) {
      std::filesystem::remove(file(".html"));  // an earlier run's
      return fmt::format(
          "{}.{{png,svg}}; {} steps are too many for a player; --trace FILE and fronta "
          "render make one of a part",
          file("").string(), grouped(steps));
    }
    write_html(of, seen, width, height, font, theme, file(".html"));
    return fmt::format("{}.{{png,html,svg}}", file("").string());
  } catch (const std::exception& error) {
    throw demo_error(
        fmt::format("there are no pictures of the run: {}; name a folder that can be written with "
                    "--pictures, or none.",
                    viz::without_caller(error.what())));
  }
}

temporary_trace::temporary_trace() {
  std::error_code error;
  auto name = (std::filesystem::temp_directory_path(error) / "fronta-XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr) {
    throw demo_error(
        "there are no pictures of the run: no temporary folder could be made; set TMPDIR to a "
        "folder with room.");
  }
  folder_ = name;
}

temporary_trace::~temporary_trace() {
  std::error_code error;
  for (const auto* const ending : {"", ".rings"}) {
    std::filesystem::remove(file() + ending, error);
  }
  if (std::filesystem::remove(folder_, error) || !std::filesystem::exists(folder_, error)) return;
  std::fprintf(stderr, "fronta: what was saved beside the trace is in %s\n", folder_.c_str());
}

}  // namespace fronta::demos
