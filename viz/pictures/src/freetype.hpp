// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/font.hpp>

#include <ft2build.h>
#include FT_FREETYPE_H

#include <memory>
#include <stdexcept>
#include <type_traits>

namespace fronta::viz::detail {

struct done_freetype {
  void operator()(FT_Library l) const noexcept { FT_Done_FreeType(l); }
  void operator()(FT_Face f) const noexcept { FT_Done_Face(f); }
};
using freetype_library = std::unique_ptr<std::remove_pointer_t<FT_Library>, done_freetype>;
using freetype_face = std::unique_ptr<std::remove_pointer_t<FT_Face>, done_freetype>;

inline void check_freetype(FT_Error error, const char* what) {
  if (error != 0) {
    throw std::runtime_error(std::string("fonts: FreeType could not ") + what + " (error " +
                             std::to_string(error) + "); use a FreeType built with TrueType.");
  }
}

inline freetype_library open_freetype() {
  FT_Library library = nullptr;
  check_freetype(FT_Init_FreeType(&library), "start");
  return freetype_library(library);
}

/// On the bytes in the binary; lives no longer than the library.
inline freetype_face open_face(FT_Library library, typeface which) {
  const auto file = font::file(which);
  FT_Face face = nullptr;
  check_freetype(FT_New_Memory_Face(library, reinterpret_cast<const FT_Byte*>(file.data()),
                                    static_cast<FT_Long>(file.size()), 0, &face),
                 "read a font");
  return freetype_face(face);
}

}  // namespace fronta::viz::detail
