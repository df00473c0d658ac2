// SPDX-License-Identifier: Apache-2.0
#include "export.hpp"

#include "output.hpp"

#include <fronta/trace_file.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <fstream>

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
  const auto contents = read(what.trace);
  std::ofstream to(what.output, std::ios::binary | std::ios::trunc);
  write_json_lines(contents, to);
  to.close();
  if (!to) {
    throw demo_error(fmt::format(
        "\"{}\" could not be written; name a file in a folder that exists and has room.",
        what.output));
  }
  fmt::print("{} events and {} GPU times in {}\n", grouped(contents.events.size()),
             grouped(contents.spans.size()), what.output);
  if (contents.dropped != 0) {
    fmt::print(stderr, "fronta: {} events are missing: they found no room while recording\n",
               grouped(contents.dropped));
  }
  if (!contents.damage.empty()) {
    fmt::print(stderr, "fronta: {}: {}\n", what.trace, contents.damage);
  }
  flush_output();
  return exit_code::success;
}

}  // namespace fronta::demos
