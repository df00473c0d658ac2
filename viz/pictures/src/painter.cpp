// SPDX-License-Identifier: Apache-2.0
#include "painter.hpp"

#include "freetype.hpp"
#include "unicode.hpp"

#include <cairo-ft.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fronta::viz::detail {
namespace {

// Cairo keeps a face for as long as it likes, so the face keeps what it needs.
struct kept_face {
  std::shared_ptr<std::remove_pointer_t<FT_Library>> library;
  freetype_face face;
};

const cairo_user_data_key_t kept_face_key{};

cairo_face open_cairo_face(const std::shared_ptr<std::remove_pointer_t<FT_Library>>& library,
                           typeface which) {
  auto kept = std::make_unique<kept_face>(kept_face{library, open_face(library.get(), which)});
  cairo_face face(cairo_ft_font_face_create_for_ft_face(kept->face.get(), FT_LOAD_NO_HINTING));
  check_cairo(cairo_font_face_status(face.get()), "fonts");
  check_cairo(cairo_font_face_set_user_data(face.get(), &kept_face_key, kept.get(),
                                            [](void* k) { delete static_cast<kept_face*>(k); }),
              "fonts");
  [[maybe_unused]] const auto* const given = kept.release();
  return face;
}

void set_ink(cairo_t* to, color c) {
  cairo_set_source_rgb(to, c.red / 255.0, c.green / 255.0, c.blue / 255.0);
}

// In units of the stroke's width.
std::span<const double> dashes_of(dash pattern) {
  static constexpr std::array dotted{1.0, 1.0};
  static constexpr std::array dashed{4.0, 2.0};
  switch (pattern) {
    case dash::dotted:
      return dotted;
    case dash::dashed:
      return dashed;
    case dash::solid:
      break;
  }
  return {};
}

double period_of(dash pattern, double width) {
  double sum = 0;
  for (const double d : dashes_of(pattern)) sum += d * width;
  return sum;
}

// Dashes as long as the width says, times `stretch`.
void set_stroke(cairo_t* to, color ink, float width, dash pattern, double stretch = 1) {
  set_ink(to, ink);
  cairo_set_line_width(to, width);
  std::array<double, 2> lengths{};
  const auto in_widths = dashes_of(pattern);
  std::ranges::transform(in_widths, lengths.begin(), [&](double d) { return d * width * stretch; });
  cairo_set_dash(to, lengths.data(), static_cast<int>(in_widths.size()), 0);
}

struct frame {
  double x, y, width, height, radius;
};

// `at`, smaller by `inset` on each side.
frame inside(const box& b, double inset) {
  const double width = std::max(0.0, b.at.width - 2 * inset);
  const double height = std::max(0.0, b.at.height - 2 * inset);
  return {.x = b.at.x + inset,
          .y = b.at.y + inset,
          .width = width,
          .height = height,
          .radius = std::clamp(b.radius - inset, 0.0, std::min(width, height) / 2)};
}

void outline(cairo_t* to, const frame& f) {
  if (f.radius <= 0) {
    cairo_rectangle(to, f.x, f.y, f.width, f.height);
    return;
  }
  constexpr double quarter = std::numbers::pi / 2;
  const double left = f.x + f.radius;
  const double right = f.x + f.width - f.radius;
  const double top = f.y + f.radius;
  const double bottom = f.y + f.height - f.radius;
  cairo_new_sub_path(to);
  cairo_arc(to, right, top, f.radius, -quarter, 0);
  cairo_arc(to, right, bottom, f.radius, 0, quarter);
  cairo_arc(to, left, bottom, f.radius, quarter, 2 * quarter);
  cairo_arc(to, left, top, f.radius, 2 * quarter, 3 * quarter);
  cairo_close_path(to);
}

// What dashes are stretched by so that they meet where the outline closes.
double closing_stretch(const frame& f, float width, dash pattern) {
  if (pattern == dash::solid) return 1;
  const double length = 2 * (f.width + f.height) - 8 * f.radius + 2 * std::numbers::pi * f.radius;
  const double period = period_of(pattern, width);
  return length / (period * std::max(1.0, std::round(length / period)));
}

struct run {
  typeface face;
  std::vector<cairo_glyph_t> glyphs = {};
  std::vector<cairo_text_cluster_t> clusters = {};
  std::string text = {};
};

// The label in pieces of one face each, every glyph where the font's advances put it.
std::vector<run> runs_of(const font& fonts, const label& l) {
  std::vector<run> runs;
  float advanced = 0;
  for (std::string_view rest = l.text; !rest.empty();) {
    auto character = take_character(rest);
    const auto& glyph = fonts.find(l.face, character);
    if (glyph.replacement) character = replacement_character;
    if (runs.empty() || runs.back().face != glyph.face) runs.push_back({.face = glyph.face});
    auto& last = runs.back();
    const auto bytes = last.text.size();
    append_utf8(last.text, character);
    last.glyphs.push_back(
        {.index = glyph.index, .x = l.baseline.x + advanced * l.size, .y = l.baseline.y});
    last.clusters.push_back(
        {.num_bytes = static_cast<int>(last.text.size() - bytes), .num_glyphs = 1});
    advanced += glyph.advance;
  }
  return runs;
}

class drawing {
 public:
  drawing(const font& fonts, std::span<const cairo_face> faces, cairo_t* to)
      : fonts_(fonts), faces_(faces), to_(to) {}

  void operator()(const box& b) const {
    const bool stroked = b.stroke && b.stroke_width > 0;
    const double width = b.stroke_width;
    // A stroke as wide as the box leaves nothing of the fill.
    if (stroked && 2 * width >= std::min(b.at.width, b.at.height)) {
      fill(inside(b, 0), *b.stroke);
      return;
    }
    // Under a solid stroke the fill ends in the middle of it, and does not shine through its edge.
    if (b.fill) fill(inside(b, stroked && b.pattern == dash::solid ? width / 2 : 0), *b.fill);
    if (!stroked) return;
    const auto middle = inside(b, width / 2);
    outline(to_, middle);
    set_stroke(to_, *b.stroke, b.stroke_width, b.pattern,
               closing_stretch(middle, b.stroke_width, b.pattern));
    cairo_stroke(to_);
  }

  void operator()(const line& l) const {
    cairo_move_to(to_, l.from.x, l.from.y);
    cairo_line_to(to_, l.to.x, l.to.y);
    set_stroke(to_, l.ink, l.width, l.pattern);
    cairo_stroke(to_);
  }

  void operator()(const curve& c) const {
    cairo_move_to(to_, c.from.x, c.from.y);
    cairo_curve_to(to_, c.control_from.x, c.control_from.y, c.control_to.x, c.control_to.y, c.to.x,
                   c.to.y);
    set_stroke(to_, c.ink, c.width, dash::solid);
    cairo_stroke(to_);
  }

  void operator()(const polygon& p) const {
    for (const auto& corner : p.corners) cairo_line_to(to_, corner.x, corner.y);
    cairo_close_path(to_);
    set_ink(to_, p.fill);
    cairo_fill(to_);
  }

  void operator()(const label& l) const {
    if (l.size <= 0) return;
    set_ink(to_, l.ink);
    // On pixels Cairo 1.16 puts glyphs that it shows on whole ones, and words look uneven.
    const bool on_pixels =
        cairo_surface_get_type(cairo_get_target(to_)) == CAIRO_SURFACE_TYPE_IMAGE;
    for (const auto& r : runs_of(fonts_, l)) {
      cairo_set_font_face(to_, faces_[static_cast<std::size_t>(r.face)].get());
      cairo_set_font_size(to_, l.size);
      const auto count = static_cast<int>(r.glyphs.size());
      if (on_pixels) {
        cairo_glyph_path(to_, r.glyphs.data(), count);
        cairo_fill(to_);
      } else {
        cairo_show_text_glyphs(to_, r.text.data(), static_cast<int>(r.text.size()), r.glyphs.data(),
                               count, r.clusters.data(), count, cairo_text_cluster_flags_t{});
      }
    }
  }

 private:
  void fill(const frame& f, color c) const {
    outline(to_, f);
    set_ink(to_, c);
    cairo_fill(to_);
  }

  const font& fonts_;
  std::span<const cairo_face> faces_;
  cairo_t* to_;
};

// Until it goes, only what lies in the pane is drawn.
class clip {
 public:
  clip(cairo_t* to, const rect& at) : to_(to) {
    cairo_save(to);
    cairo_rectangle(to, at.x, at.y, at.width, at.height);
    cairo_clip(to);
  }
  ~clip() { cairo_restore(to_); }
  clip(const clip&) = delete;
  clip& operator=(const clip&) = delete;

 private:
  cairo_t* to_;
};

}  // namespace

void check_cairo(cairo_status_t status, const char* what) {
  if (status != CAIRO_STATUS_SUCCESS) {
    throw std::runtime_error(std::string(what) + ": Cairo failed with '" +
                             cairo_status_to_string(status) + "'.");
  }
}

painter::painter() {
  const std::shared_ptr<std::remove_pointer_t<FT_Library>> library(open_freetype());
  for (const auto which : {typeface::sans, typeface::bold, typeface::mono}) {
    faces_[static_cast<std::size_t>(which)] = open_cairo_face(library, which);
  }
}

void painter::draw(const scene& s, cairo_t* to) const {
  const std::unique_ptr<cairo_font_options_t, decltype(&cairo_font_options_destroy)> options(
      cairo_font_options_create(), cairo_font_options_destroy);
  cairo_font_options_set_antialias(options.get(), CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
  cairo_set_font_options(to, options.get());
  set_ink(to, s.background);
  cairo_paint(to);

  const drawing draw_on(font_, faces_, to);
  for (auto next = s.primitives.begin(); next != s.primitives.end();) {
    const auto pane = next->pane;
    assert(pane < s.panes.size() && "a primitive names a pane that its scene does not have");
    const clip within(to, s.panes[pane].at);
    for (; next != s.primitives.end() && next->pane == pane; ++next) {
      std::visit(draw_on, next->what);
    }
  }
  check_cairo(cairo_status(to), "drawing a scene");
}

}  // namespace fronta::viz::detail
