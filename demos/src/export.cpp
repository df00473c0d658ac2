// SPDX-License-Identifier: Apache-2.0
#include "export.hpp"

#include "output.hpp"
#include "trace_input.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/chrome_json.hpp>
#include <fronta/viz/index.hpp>
#include <fronta/viz/perfetto.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <span>
#include <utility>

namespace fronta::demos {

exit_code execute(const export_command& what, const session& /*s*/) {
  keep_inputs(what.output, std::span(&what.trace, 1));
  auto contents = read_trace(what.trace, "exported");
  const auto events = contents.events.size();
  const auto spans = contents.spans.size();
  const auto dropped = contents.dropped;
  const auto lack = lack_of(contents);
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
  if (!lack.empty()) fmt::print(stderr, "fronta: {}: {}\n", what.trace, lack);
  flush_output();
  return exit_code::success;
}

}  // namespace fronta::demos
