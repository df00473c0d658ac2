// SPDX-License-Identifier: Apache-2.0
#include "trace_input.hpp"

#include "session.hpp"

#include <fronta/viz/words.hpp>

#include <fmt/format.h>

#include <exception>
#include <system_error>

namespace fronta::demos {

trace::file_contents read_trace(const std::string& file, std::string_view used) {
  try {
    return trace::read_file(file);
  } catch (const std::exception& error) {
    throw demo_error(
        fmt::format("\"{}\" cannot be {}: {}.", file, used, viz::without_caller(error.what())));
  }
}

std::string lack_of(const trace::file_contents& trace) {
  if (!trace.damage.empty()) return trace.damage;
  return trace.ended ? "" : "the recording has no end: its program was killed, or goes on";
}

bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code error;
  if (std::filesystem::equivalent(a, b, error)) return true;
  const auto whole = std::filesystem::weakly_canonical(a, error);
  if (error) return false;
  return whole == std::filesystem::weakly_canonical(b, error) && !error;
}

void keep_inputs(const std::string& output, std::span<const std::string> inputs) {
  for (const auto& input : inputs) {
    if (!same_file(output, input)) continue;
    throw demo_error(fmt::format(
        "\"{}\" is the trace{} itself, which would be lost; give another file behind -o.", output,
        output == input ? "" : fmt::format(" \"{}\"", input)));
  }
}

}  // namespace fronta::demos
