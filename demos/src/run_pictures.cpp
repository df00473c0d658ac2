// SPDX-License-Identifier: Apache-2.0
#include "run_pictures.hpp"

#include "output.hpp"
#include "session.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/font.hpp>
#include <fronta/viz/html.hpp>
#include <fronta/viz/pictures.hpp>
#include <fronta/viz/view.hpp>

#include <fmt/format.h>

#include <stdlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <tuple>

namespace fronta::demos {
namespace {

// The end of a demo is no place to wait for more.
constexpr std::size_t most_steps = 4'000;

// The moment with the most different states at once, of equals with the most at work, of equals the
// one nearest to the middle.
std::int64_t liveliest_moment(const viz::index& of) {
  const auto middle = of.begin() + (of.end() - of.begin()) / 2;
  using liveliness = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
  liveliness best{-1, 0, 0};
  auto moment = of.end();
  for (const auto& c : of.changes()) {
    const auto time = of.time_of(c);
    const auto counts = of.counts_at(time);
    const liveliness found{std::ranges::count_if(counts, [](auto n) { return n != 0; }),
                           counts[static_cast<std::size_t>(viz::task_state::running)],
                           -std::abs(time - middle)};
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
                    error.what()));
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
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace fronta::demos
