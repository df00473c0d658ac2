// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/font.hpp>
#include <fronta/viz/scene.hpp>

#include <cairo.h>

#include <array>
#include <memory>

namespace fronta::viz::detail {

struct destroy_cairo {
  void operator()(cairo_t* c) const noexcept { cairo_destroy(c); }
  void operator()(cairo_surface_t* s) const noexcept { cairo_surface_destroy(s); }
  void operator()(cairo_font_face_t* f) const noexcept { cairo_font_face_destroy(f); }
};
using cairo_context = std::unique_ptr<cairo_t, destroy_cairo>;
using cairo_surface = std::unique_ptr<cairo_surface_t, destroy_cairo>;
using cairo_face = std::unique_ptr<cairo_font_face_t, destroy_cairo>;

/// Draws scenes by Cairo, on any surface. Fonts are opened once, so keep it for many scenes.
/// One thread at a time.
class painter {
 public:
  painter();

  /// In pixels of the scene; `to` may be scaled. Throws std::runtime_error when Cairo fails.
  void draw(const scene& s, cairo_t* to) const;

 private:
  font font_;
  std::array<cairo_face, 3> faces_;
};

/// Throws with what Cairo says; `what` is who was called, such as "write_svg".
void check_cairo(cairo_status_t status, const char* what);

}  // namespace fronta::viz::detail
