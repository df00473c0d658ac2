// SPDX-License-Identifier: Apache-2.0
#include "svg.hpp"

#include "unicode.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace fronta::viz::detail {
namespace {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

}  // namespace

std::string with_own_numbers(std::string_view svg) {
  constexpr std::string_view word = "surface";
  std::map<std::string_view, std::size_t, std::less<>> numbers;
  std::string result;
  result.reserve(svg.size());
  for (std::size_t from = 0; from < svg.size();) {
    const auto at = svg.find(word, from);
    const auto digits = std::min(at, svg.size() - word.size()) + word.size();
    const auto end = std::min(svg.find_first_not_of("0123456789", digits), svg.size());
    if (at == std::string_view::npos) {
      result += svg.substr(from);
      break;
    }
    result += svg.substr(from, digits - from);
    // Ids stand as id="surface1" or as #surface1.
    if (end > digits && at > 0 && (svg[at - 1] == '"' || svg[at - 1] == '#')) {
      const auto number = svg.substr(digits, end - digits);
      result += std::to_string(numbers.try_emplace(number, numbers.size() + 1).first->second);
    } else {
      result += svg.substr(digits, end - digits);
    }
    from = end;
  }
  return result;
}

std::string with_words(std::string_view svg, std::string_view title, std::string_view description) {
  const auto tag = svg.find("<svg ");
  const auto end = tag == std::string_view::npos ? tag : svg.find('>', tag);
  if (end == std::string_view::npos) {
    throw std::runtime_error("write_svg: Cairo wrote no SVG; use Cairo 1.16 or newer.");
  }
  std::string result(svg.substr(0, end));
  result += " role=\"img\">\n<title>" + escaped(title) + "</title>\n";
  if (!description.empty()) result += "<desc>" + escaped(description) + "</desc>";
  result += svg.substr(end + 1);
  return result;
}

}  // namespace fronta::viz::detail
