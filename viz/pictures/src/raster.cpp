// SPDX-License-Identifier: Apache-2.0
#include "raster.hpp"

#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace fronta::viz::detail {
namespace {
constexpr int most_pixels = 32767;  // a side, in Cairo
}

int pixels_for(float length, float scale, const char* what) {
  const float exact = length * scale;
  // Rounding of the product is no reason for another pixel. Not a number fails as well.
  const float whole = std::ceil(exact - 0.001F);
  if (!(whole >= 1 && whole <= static_cast<float>(most_pixels))) {
    throw std::runtime_error(std::string(what) + ": a side of " + std::to_string(exact) +
                             " pixels is not within 1 to " + std::to_string(most_pixels) +
                             "; take another size or scale.");
  }
  return static_cast<int>(whole);
}

void render(const painter& with, const scene& s, float scale, image& to) {
  to.pixels.resize(static_cast<std::size_t>(to.width) * static_cast<std::size_t>(to.height));
  constexpr int bytes_per_pixel = 4;
  const cairo_surface surface(cairo_image_surface_create_for_data(
      reinterpret_cast<unsigned char*>(to.pixels.data()), CAIRO_FORMAT_RGB24, to.width, to.height,
      to.width * bytes_per_pixel));
  const cairo_context context(cairo_create(surface.get()));
  cairo_scale(context.get(), scale, scale);
  with.draw(s, context.get());
  cairo_surface_flush(surface.get());
  // The byte that Cairo does not use may hold anything.
  for (auto& p : to.pixels) p &= 0x00FFFFFF;
}

}  // namespace fronta::viz::detail
