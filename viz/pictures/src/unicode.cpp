// SPDX-License-Identifier: Apache-2.0
#include "unicode.hpp"

#include <cstddef>

namespace fronta::viz::detail {
namespace {

// How a sequence begins, and the least character that needs one as long.
struct form {
  unsigned char mask;
  unsigned char lead;
  std::size_t length;
  char32_t least;
};
constexpr form forms[]{
    {0x80, 0x00, 1, 0}, {0xE0, 0xC0, 2, 0x80}, {0xF0, 0xE0, 3, 0x800}, {0xF8, 0xF0, 4, 0x10000}};

bool valid(char32_t c) noexcept { return c < 0xD800 || (c > 0xDFFF && c <= 0x10FFFF); }

}  // namespace

char32_t take_character(std::string_view& utf8) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(utf8[i]); };
  for (const auto& f : forms) {
    if ((byte(0) & f.mask) != f.lead || utf8.size() < f.length) continue;
    char32_t c = byte(0) & static_cast<unsigned char>(~f.mask);
    bool whole = true;
    for (std::size_t i = 1; i < f.length; ++i) {
      whole = whole && (byte(i) & 0xC0) == 0x80;
      c = c << 6 | (byte(i) & 0x3F);
    }
    if (!whole || c < f.least || !valid(c)) break;
    utf8.remove_prefix(f.length);
    return c;
  }
  utf8.remove_prefix(1);
  return replacement_character;
}

void append_utf8(std::string& to, char32_t character) {
  const auto put = [&](char32_t byte) {
    to += static_cast<char>(static_cast<unsigned char>(byte));
  };
  const auto rest = [&](unsigned shift) { put(0x80 | (character >> shift & 0x3F)); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xC0 | character >> 6);
    rest(0);
  } else if (character < 0x10000) {
    put(0xE0 | character >> 12);
    rest(6);
    rest(0);
  } else {
    put(0xF0 | character >> 18);
    rest(12);
    rest(6);
    rest(0);
  }
}

std::string printable(std::string_view utf8) {
  std::string result;
  while (!utf8.empty()) {
    const auto c = take_character(utf8);
    const bool taken =
        c == '\t' || c == '\n' || (c >= 0x20 && c != 0x7F && c != 0xFFFE && c != 0xFFFF);
    append_utf8(result, taken ? c : replacement_character);
  }
  return result;
}

}  // namespace fronta::viz::detail
