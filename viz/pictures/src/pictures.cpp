// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/pictures.hpp>

#include "files.hpp"
#include "png.hpp"
#include "raster.hpp"
#include "svg.hpp"
#include "unicode.hpp"

#include <cairo-pdf.h>
#include <cairo-svg.h>

#include <stdexcept>

namespace fronta::viz {

image render_rgb(const scene& s, float scale) {
  image result{.width = detail::pixels_for(s.width, scale, "render_rgb"),
               .height = detail::pixels_for(s.height, scale, "render_rgb"),
               .pixels = {}};
  detail::render(detail::painter(), s, scale, result);
  return result;
}

void write_png(const scene& s, const std::filesystem::path& file, float scale) {
  image pixels{.width = detail::pixels_for(s.width, scale, "write_png"),
               .height = detail::pixels_for(s.height, scale, "write_png"),
               .pixels = {}};
  detail::render(detail::painter(), s, scale, pixels);
  auto bytes = detail::to_png(pixels);
  detail::add_png_text(bytes, "Description", s.description);
  detail::add_png_text(bytes, "Title", s.title);
  detail::write_file(file, bytes, "write_png");
}

void write_svg(const scene& s, const std::filesystem::path& file) {
  std::string bytes;
  const detail::cairo_surface surface(
      cairo_svg_surface_create_for_stream(detail::append_bytes, &bytes, s.width, s.height));
  cairo_svg_surface_set_document_unit(surface.get(), CAIRO_SVG_UNIT_PX);
  {
    const detail::cairo_context to(cairo_create(surface.get()));
    detail::painter().draw(s, to.get());
  }
  cairo_surface_finish(surface.get());
  detail::check_cairo(cairo_surface_status(surface.get()), "write_svg");
  detail::write_file(file,
                     detail::with_words(detail::with_own_numbers(bytes), s.title, s.description),
                     "write_svg");
}

void write_pdf(std::span<const scene> pages, const std::filesystem::path& file) {
  if (pages.empty()) {
    throw std::runtime_error("write_pdf: no scenes were given; a PDF has a page at least.");
  }
  std::string bytes;
  const auto& first = pages.front();
  const detail::cairo_surface surface(
      cairo_pdf_surface_create_for_stream(detail::append_bytes, &bytes, first.width, first.height));
  // Any fixed date: the same scenes give the same bytes.
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE,
                                 "2000-01-01T00:00:00Z");
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_TITLE,
                                 detail::printable(first.title).c_str());
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_SUBJECT,
                                 detail::printable(first.description).c_str());
  {
    const detail::painter paint;
    const detail::cairo_context to(cairo_create(surface.get()));
    int number = 0;
    for (const auto& page : pages) {
      ++number;
      cairo_pdf_surface_set_size(surface.get(), page.width, page.height);
      if (!page.title.empty()) {
        const auto where = "page=" + std::to_string(number) + " pos=[0 0]";
        cairo_pdf_surface_add_outline(surface.get(), CAIRO_PDF_OUTLINE_ROOT,
                                      detail::printable(page.title).c_str(), where.c_str(),
                                      cairo_pdf_outline_flags_t{});
      }
      paint.draw(page, to.get());
      cairo_show_page(to.get());
    }
    detail::check_cairo(cairo_status(to.get()), "write_pdf");
  }
  cairo_surface_finish(surface.get());
  detail::check_cairo(cairo_surface_status(surface.get()), "write_pdf");
  detail::write_file(file, bytes, "write_pdf");
}

}  // namespace fronta::viz
