// SPDX-License-Identifier: Apache-2.0
#include "name_kind.hpp"

namespace fronta::viz {

std::string name_kind(std::string_view name) {
  std::string text;
  bool number = false;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) text += c;
    if (digit && !number) text += '#';
    number = digit;
  }
  return text;
}

}  // namespace fronta::viz
