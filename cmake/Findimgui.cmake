# SPDX-License-Identifier: Apache-2.0
# Finds Dear ImGui 1.92 or newer (docking branch) with its GLFW and OpenGL3 backends and GLFW 3.4, and
# defines imgui::window with all of them: what `./run` unpacked, else packages such as those of vcpkg. GL and X are
# no part of it: they are opened at run time.
set(imgui_wheel ${CMAKE_CURRENT_LIST_DIR}/../build/.deps/imgui)
find_path(imgui_INCLUDE_DIR imgui_impl_opengl3.h HINTS ${imgui_wheel}/include PATH_SUFFIXES imgui)
find_library(imgui_LIBRARY imgui HINTS ${imgui_wheel}/lib)
find_path(glfw3_INCLUDE_DIR GLFW/glfw3.h HINTS ${imgui_wheel}/include)
find_library(glfw3_LIBRARY NAMES glfw3 glfw HINTS ${imgui_wheel}/lib)
mark_as_advanced(imgui_INCLUDE_DIR imgui_LIBRARY glfw3_INCLUDE_DIR glfw3_LIBRARY)

# Why what was found does not do, in words that follow "because".
set(imgui_REASON)
if(NOT imgui_INCLUDE_DIR OR NOT imgui_LIBRARY)
  set(imgui_REASON "Dear ImGui was not found")
elseif(NOT glfw3_INCLUDE_DIR OR NOT glfw3_LIBRARY)
  set(imgui_REASON "GLFW was not found")
else()
  file(STRINGS ${imgui_INCLUDE_DIR}/imgui.h number REGEX "^#define IMGUI_VERSION_NUM ")
  string(REGEX REPLACE "[^0-9]*([0-9]+).*" "\\1" number "${number}")
  math(EXPR major "${number} / 10000")
  math(EXPR minor "${number} / 100 % 100")
  math(EXPR patch "${number} % 100")
  set(imgui_VERSION ${major}.${minor}.${patch})
  file(STRINGS ${imgui_INCLUDE_DIR}/imgui.h docking REGEX "^#define IMGUI_HAS_DOCK")
  file(STRINGS ${glfw3_INCLUDE_DIR}/GLFW/glfw3.h glfw_minor REGEX "^#define GLFW_VERSION_MINOR ")
  string(REGEX REPLACE "[^0-9]*([0-9]+).*" "\\1" glfw_minor "${glfw_minor}")
  if(number LESS 19200)
    set(imgui_REASON "Dear ImGui ${imgui_VERSION} is older than 1.92")
  elseif(NOT docking)
    set(imgui_REASON "Dear ImGui ${imgui_VERSION} is not of the docking branch")
  elseif(glfw_minor LESS 4)
    set(imgui_REASON "GLFW 3.${glfw_minor} is older than 3.4")
  endif()
endif()
set(imgui_FITS FALSE)
if(NOT imgui_REASON)
  set(imgui_FITS TRUE)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(imgui REQUIRED_VARS imgui_LIBRARY imgui_INCLUDE_DIR glfw3_LIBRARY imgui_FITS
  VERSION_VAR imgui_VERSION REASON_FAILURE_MESSAGE "${imgui_REASON}")

if(imgui_FOUND AND NOT TARGET imgui::window)
  find_package(Threads REQUIRED)
  add_library(imgui::window INTERFACE IMPORTED)
  set_target_properties(imgui::window PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${imgui_INCLUDE_DIR};${glfw3_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${imgui_LIBRARY};${glfw3_LIBRARY};Threads::Threads;${CMAKE_DL_LIBS}")
endif()
