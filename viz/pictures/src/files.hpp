// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cairo.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace fronta::viz::detail {

/// Throws std::system_error; `what` is who was called, such as "write_png".
void write_file(const std::filesystem::path& file, std::string_view bytes, const char* what);

/// For Cairo's functions that end in _stream: appends to the std::string `to`.
cairo_status_t append_bytes(void* to, const unsigned char* bytes, unsigned length) noexcept;

}  // namespace fronta::viz::detail
