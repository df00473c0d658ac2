// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/font.hpp>
#include <fronta/viz/pictures.hpp>
#include <fronta/viz/video.hpp>

#include "sample_scene.hpp"

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

// Writes the sample as each kind of file into a folder; with `films`, ten grey frames as videos
// instead: frame k is of brightness 20 k.
namespace {

using namespace fronta;

void write_files(const std::string& folder) {
  const auto s = test::sample_scene(viz::font());
  auto second = s;
  second.title = "The second page";
  second.width = 640;
  second.height = 360;
  const std::vector<viz::scene> pages{s, second, s};
  viz::write_png(s, folder + "/sample.png");
  viz::write_svg(s, folder + "/sample.svg");
  viz::write_pdf(pages, folder + "/sample.pdf");
}

void write_films(const std::string& folder) {
  for (const auto* name : {"/film.mp4", "/film.gif"}) {
    viz::video film(folder + name, {.width = 65, .height = 49, .frames_per_second = 25});
    for (int k = 0; k < 10; ++k) {
      const auto grey = static_cast<std::uint8_t>(20 * k);
      film.add({.width = 65,
                .height = 49,
                .background = {.red = grey, .green = grey, .blue = grey},
                .panes = {},
                .primitives = {},
                .hits = {},
                .title = {},
                .description = {}});
    }
    film.finish();
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count == 2) write_files(arguments[1]);
    if (count == 3) write_films(arguments[1]);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
