# SPDX-License-Identifier: Apache-2.0
# Finds Cairo with its FreeType, PNG, SVG and PDF parts, and defines cairo::cairo.
find_path(cairo_INCLUDE_DIR cairo-ft.h PATH_SUFFIXES cairo)
find_library(cairo_LIBRARY cairo)
mark_as_advanced(cairo_INCLUDE_DIR cairo_LIBRARY)

if(cairo_INCLUDE_DIR)
  set(cairo_VERSION)
  foreach(part MAJOR MINOR MICRO)
    file(STRINGS ${cairo_INCLUDE_DIR}/cairo-version.h number REGEX "^#define CAIRO_VERSION_${part} ")
    string(REGEX REPLACE "[^0-9]*([0-9]+).*" "\\1" number "${number}")
    list(APPEND cairo_VERSION ${number})
  endforeach()
  list(JOIN cairo_VERSION . cairo_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(cairo REQUIRED_VARS cairo_LIBRARY cairo_INCLUDE_DIR VERSION_VAR cairo_VERSION)

if(cairo_FOUND AND NOT TARGET cairo::cairo)
  add_library(cairo::cairo UNKNOWN IMPORTED)
  set_target_properties(cairo::cairo PROPERTIES
    IMPORTED_LOCATION ${cairo_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${cairo_INCLUDE_DIR})
endif()
