// SPDX-License-Identifier: Apache-2.0
#include "png.hpp"

#include "files.hpp"
#include "painter.hpp"
#include "unicode.hpp"

#include <zlib.h>

#include <cstdint>

namespace fronta::viz::detail {
namespace {

std::string big_endian(std::uint32_t number) {
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(number >> shift);
  return bytes;
}

// Behind the signature and the header, which comes first and is always as long.
constexpr std::size_t behind_header = 8 + 25;

}  // namespace

std::string to_png(image& pixels) {
  auto* const data = pixels.pixels.data();
  const cairo_surface surface(cairo_image_surface_create_for_data(
      reinterpret_cast<unsigned char*>(data), CAIRO_FORMAT_RGB24, pixels.width, pixels.height,
      pixels.width * static_cast<int>(sizeof(*data))));
  std::string bytes;
  check_cairo(cairo_surface_write_to_png_stream(surface.get(), append_bytes, &bytes), "write_png");
  return bytes;
}

void add_png_text(std::string& png, std::string_view keyword, std::string_view utf8) {
  if (utf8.empty()) return;
  std::string chunk("iTXt");
  chunk += keyword;
  chunk.append(5, '\0');  // not compressed, of no language, keyword not translated
  chunk += printable(utf8);
  const auto checksum =
      ::crc32(0, reinterpret_cast<const Bytef*>(chunk.data()), static_cast<uInt>(chunk.size()));
  const auto length = static_cast<std::uint32_t>(chunk.size() - 4);  // without its name
  png.insert(behind_header,
             big_endian(length) + chunk + big_endian(static_cast<std::uint32_t>(checksum)));
}

}  // namespace fronta::viz::detail
