// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace fronta::viz::detail {

inline constexpr char32_t replacement_character = 0xFFFD;

/// Takes the first character off `utf8`, which is not empty. A byte that begins none is taken
/// alone, as U+FFFD.
char32_t take_character(std::string_view& utf8) noexcept;

void append_utf8(std::string& to, char32_t character);

/// With U+FFFD in place of what is not UTF-8 and of control characters other than tab and newline,
/// which formats do not take.
[[nodiscard]] std::string printable(std::string_view utf8);

}  // namespace fronta::viz::detail
