// SPDX-License-Identifier: Apache-2.0
#include "output.hpp"

#include "session.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

namespace fronta::demos {

json begin_json(std::string_view kind, std::string_view name) {
  json object;
  object[std::string(kind)] = name;
  object["schema_version"] = json_version;
  return object;
}

void print_json(const json& object) {
  fmt::print("{}\n", object.dump());
  flush_output();
}

void print_row(std::string_view label, std::string_view text) {
  fmt::print("{:<10} {}\n", label, text);
}

void flush_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    throw demo_error(
        fmt::format("the output could not be written ({}); make room or write elsewhere",
                    std::strerror(errno)));
  }
}

std::string grouped(std::uint64_t number) {
  const auto digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ' ';
    text += digits[i];
  }
  return text;
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
  if (number == 1) return fmt::format("1 {}", one);
  return many.empty() ? fmt::format("{} {}s", grouped(number), one)
                      : fmt::format("{} {}", grouped(number), many);
}

std::string seconds_text(double seconds) {
  return seconds < 0.9995 ? fmt::format("{:.0f} ms", seconds * 1e3)
                          : fmt::format("{:.1f} s", seconds);
}

std::string bytes_text(std::uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string listed(std::span<const std::string> words, std::size_t at_most) {
  if (words.empty()) return "none";
  std::string text;
  const auto shown = words.size() <= at_most ? words.size() : at_most;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  if (shown < words.size()) text += fmt::format(", … and {} more", grouped(words.size() - shown));
  return text;
}

std::string listed(std::span<const int> numbers, std::size_t at_most) {
  std::vector<std::string> words;
  words.reserve(numbers.size());
  for (const int n : numbers) words.push_back(std::to_string(n));
  return listed(std::span<const std::string>(words), at_most);
}

double rounded(double value, int decimals) {
  const double scale = std::pow(10.0, decimals);
  return std::round(value * scale) / scale;
}

}  // namespace fronta::demos
