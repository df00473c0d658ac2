// SPDX-License-Identifier: Apache-2.0
#include "task_groups.hpp"

#include <algorithm>
#include <unordered_map>

namespace fronta::viz {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
// Also any part of a character beyond ASCII.
bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (static_cast<unsigned char>(c) & 0x80U);
}

}  // namespace

std::string without_numbers(std::string_view name) {
  std::string pattern;
  for (std::size_t i = 0; i < name.size();) {
    auto end = i;
    while (end < name.size() && is_digit(name[end])) ++end;
    const bool touched =
        (i != 0 && is_letter(name[i - 1])) || (end < name.size() && is_letter(name[end]));
    if (end != i && !touched) {
      pattern += '#';
    } else {
      end = std::max(end, i + 1);
      pattern += name.substr(i, end - i);
    }
    i = end;
  }
  return pattern;
}

task_groups::task_groups(const index& of) {
  // Of texts first: most tasks share a few.
  std::vector<std::uint32_t> by_text;
  std::unordered_map<std::string, std::uint32_t> by_pattern;
  groups_.reserve(of.tasks().size());
  for (task_number t = 0; t < of.tasks().size(); ++t) {
    const auto text = of.tasks()[t].text;
    if (by_text.size() <= text) by_text.resize(text + std::size_t{1}, none);
    if (by_text[text] == none) {
      const auto name = of.name_of(t);
      auto pattern = without_numbers(name);
      const auto [at, made] =
          by_pattern.try_emplace(pattern, static_cast<std::uint32_t>(names_.size()));
      if (made) {
        names_.emplace_back(name);
      } else if (names_[at->second] != name) {
        names_[at->second] = std::move(pattern);
      }
      by_text[text] = at->second;
    }
    groups_.push_back(by_text[text]);
  }
}

}  // namespace fronta::viz
