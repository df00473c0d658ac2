// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/html.hpp>

#include "sample_run.hpp"

#include <cstdio>
#include <exception>
#include <fstream>
#include <string>

// Writes a run as player.html into a folder, and beside it what each of its beats is in words:
// player.txt, a form feed after each.
int main(int count, char** arguments) {
  using namespace fronta;
  if (count != 2) return 2;
  try {
    const std::string folder = arguments[1];
    const viz::index run(test::sample_run(7, 40));
    const viz::view what{.what = viz::preset::stage, .title = "</title> & all"};
    const viz::font fonts;
    write_html(run, what, 1280, 720, fonts, viz::light_theme(), folder + "/player.html");
    std::ofstream to(folder + "/player.txt", std::ios::binary);
    for (const auto& b : beats_of(run, what)) {
      to << to_text(draw(run, view_at(b, what), 1280, 720, fonts, viz::light_theme())) << '\f';
    }
    return to.flush() ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
