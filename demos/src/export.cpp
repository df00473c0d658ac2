// SPDX-License-Identifier: Apache-2.0
#include "export.hpp"

#include "output.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/chrome_json.hpp>
#include <fronta/viz/index.hpp>
#include <fronta/viz/perfetto.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <utility>

namespace fronta::demos {
namespace {

trace::file_contents read(const std::string& file) {
  try {
    return trace::read_file(file);
  } catch (const std::exception& error) {
    throw demo_error(fmt::format("\"{}\" cannot be exported: {}.", file, error.what()));
  }
}

}  // namespace

exit_code execute(const export_command& what, const session& /*s*/) {
  auto contents = read(what.trace);
  const auto events = contents.events.size();
  const auto spans = contents.spans.size();
  const auto dropped = contents.dropped;
  const auto damage = contents.damage;
  std::ofstream to(what.output, std::ios::binary | std::ios::trunc);
  if (what.output.ends_with(".jsonl")) {
    write_json_lines(contents, to);
  } else {
    const viz::index index(std::move(contents));
    if (what.output.ends_with(".perfetto")) {
      write_perfetto(index, to);
    } else {
      write_chrome_json(index, to);
    }
  }
  to.close();
  if (!to) {
    throw demo_error(fmt::format(
        "\"{}\" could not be written; name a file in a folder that exists and has room.",
        what.output));
  }
  fmt::print("{} events and {} GPU times in {}\n", grouped(events), grouped(spans), what.output);
  if (dropped != 0) {
    fmt::print(stderr, "fronta: {} events are missing: they found no room while recording\n",
               grouped(dropped));
  }
  if (!damage.empty()) {
    fmt::print(stderr, "fronta: {}: {}\n", what.trace, damage);
  }
  flush_output();
  return exit_code::success;
}

}  // namespace fronta::demos
