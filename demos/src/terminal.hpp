// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdio>

/// What the stream's other end can show.
namespace fronta::demos::terminal {

/// A terminal on which a line can be drawn anew.
[[nodiscard]] bool interactive(std::FILE* stream);
/// Columns; 80 when unknown.
[[nodiscard]] std::size_t width(std::FILE* stream);
/// Whether the locale of the environment is UTF-8.
[[nodiscard]] bool speaks_utf8();

}  // namespace fronta::demos::terminal
