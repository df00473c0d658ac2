// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/font.hpp>

#include "freetype.hpp"
#include "unicode.hpp"

#include FT_ADVANCES_H

// From fonts.S.
extern "C" {
extern const std::byte fronta_font_sans_begin[];
extern const std::byte fronta_font_sans_end[];
extern const std::byte fronta_font_bold_begin[];
extern const std::byte fronta_font_bold_end[];
extern const std::byte fronta_font_mono_begin[];
extern const std::byte fronta_font_mono_end[];
}

namespace fronta::viz {
namespace {

constexpr std::array all_faces{typeface::sans, typeface::bold, typeface::mono};

struct entry {
  char32_t character;
  font::glyph glyph;
};

std::vector<entry> entries_of(FT_Face face, typeface which) {
  std::vector<entry> entries;
  FT_UInt index = 0;
  for (auto c = FT_Get_First_Char(face, &index); index != 0;
       c = FT_Get_Next_Char(face, c, &index)) {
    FT_Fixed advance = 0;
    detail::check_freetype(FT_Get_Advance(face, index, FT_LOAD_NO_SCALE, &advance), "measure");
    entries.push_back(
        {.character = static_cast<char32_t>(c),
         .glyph = {.advance = static_cast<float>(advance) / static_cast<float>(face->units_per_EM),
                   .index = static_cast<std::uint16_t>(index),
                   .face = which}});
  }
  return entries;
}

}  // namespace

std::span<const std::byte> font::file(typeface face) noexcept {
  switch (face) {
    case typeface::bold:
      return {fronta_font_bold_begin, fronta_font_bold_end};
    case typeface::mono:
      return {fronta_font_mono_begin, fronta_font_mono_end};
    case typeface::sans:
      break;
  }
  return {fronta_font_sans_begin, fronta_font_sans_end};
}

font::font() {
  const auto library = detail::open_freetype();
  std::array<std::vector<entry>, all_faces.size()> entries;
  for (const auto which : all_faces) {
    const auto face = detail::open_face(library.get(), which);
    auto& own = faces_[static_cast<std::size_t>(which)];
    own.ascent = static_cast<float>(face->ascender) / static_cast<float>(face->units_per_EM);
    own.descent = -static_cast<float>(face->descender) / static_cast<float>(face->units_per_EM);
    auto& list = entries[static_cast<std::size_t>(which)];
    list = entries_of(face.get(), which);
    glyph missing{};
    for (const auto& e : list) {
      if (e.character == detail::replacement_character) missing = e.glyph;
    }
    missing.replacement = true;
    own.glyphs.assign(block_size, missing);
  }
  // Its own glyphs, then what others lend.
  for (const auto which : all_faces) {
    auto& own = faces_[static_cast<std::size_t>(which)];
    for (const auto& e : entries[static_cast<std::size_t>(which)]) add(own, e.character, e.glyph);
    for (const auto& lent : entries) {
      for (const auto& e : lent) {
        if (!has(which, e.character)) add(own, e.character, e.glyph);
      }
    }
  }
}

void font::add(table& to, char32_t character, const glyph& g) {
  if (character / block_size >= to.block_of.size()) return;
  auto& block = to.block_of[character / block_size];
  if (block == 0) {
    block = static_cast<std::uint8_t>(to.glyphs.size() / block_size);
    const auto missing = to.glyphs.front();  // block 0 has no others
    to.glyphs.resize(to.glyphs.size() + block_size, missing);
  }
  to.glyphs[block * block_size + character % block_size] = g;
}

const font::glyph& font::find(typeface face, char32_t character) const noexcept {
  const auto& own = of(face);
  const auto block = character / block_size;
  if (block >= own.block_of.size()) return own.glyphs.front();
  return own.glyphs[own.block_of[block] * block_size + character % block_size];
}

float font::width(typeface face, std::string_view utf8, float size) const {
  float sum = 0;
  while (!utf8.empty()) sum += find(face, detail::take_character(utf8)).advance;
  return sum * size;
}

float font::ascent(typeface face, float size) const { return of(face).ascent * size; }
float font::descent(typeface face, float size) const { return of(face).descent * size; }

}  // namespace fronta::viz
