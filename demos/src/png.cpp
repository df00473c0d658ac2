// SPDX-License-Identifier: Apache-2.0
#include "png.hpp"

#include "session.hpp"

#include <fmt/format.h>
#include <png.h>

namespace fronta::demos::png {
namespace {

// libpng's own memory for a picture.
struct image {
  image() { of.version = PNG_IMAGE_VERSION; }
  ~image() { ::png_image_free(&of); }
  image(const image&) = delete;
  image& operator=(const image&) = delete;
  png_image of{};
};

[[noreturn]] void broken(const image& i, const std::string& name) {
  throw demo_error(fmt::format("{} could not be read as a PNG image ({}); mend it or take it away.",
                               name, static_cast<const char*>(i.of.message)));
}

}  // namespace

picture decode(std::span<const std::byte> file, const std::string& name) {
  image read;
  if (::png_image_begin_read_from_memory(&read.of, file.data(), file.size()) == 0) {
    broken(read, name);
  }
  picture result{.width = read.of.width, .height = read.of.height, .pixels = {}};
  if (result.width > most_pixels_a_side || result.height > most_pixels_a_side) {
    throw demo_error(
        fmt::format("{} has {} x {} pixels, and this demo takes {} a side; take it "
                    "away or make it smaller.",
                    name, result.width, result.height, most_pixels_a_side));
  }
  read.of.format = PNG_FORMAT_GRAY;
  result.pixels.resize(result.width * result.height);
  const png_color white{.red = 255, .green = 255, .blue = 255};
  if (::png_image_finish_read(&read.of, &white, result.pixels.data(), 0, nullptr) == 0) {
    broken(read, name);
  }
  return result;
}

std::vector<std::byte> encode(std::size_t width, std::size_t height,
                              std::span<const std::uint8_t> pixels, const std::string& name) {
  image written;
  written.of.width = static_cast<png_uint_32>(width);
  written.of.height = static_cast<png_uint_32>(height);
  written.of.format = PNG_FORMAT_GRAY;
  written.of.flags = PNG_IMAGE_FLAG_FAST;
  std::vector<std::byte> file(PNG_IMAGE_PNG_SIZE_MAX(written.of));
  png_alloc_size_t bytes = file.size();
  if (::png_image_write_to_memory(&written.of, file.data(), &bytes, 0, pixels.data(), 0, nullptr) ==
      0) {
    throw demo_error(fmt::format("{} could not be encoded ({}); try a smaller --size.", name,
                                 static_cast<const char*>(written.of.message)));
  }
  file.resize(bytes);
  return file;
}

}  // namespace fronta::demos::png
