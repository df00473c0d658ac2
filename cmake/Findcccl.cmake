# SPDX-License-Identifier: Apache-2.0
# Finds the headers of Thrust and CUB, in a CUDA toolkit or alone (CCCL), and defines fronta::cccl. For host code alone:
# nvcc finds its own.
find_path(cccl_INCLUDE_DIR thrust/version.h HINTS ${CUDAToolkit_INCLUDE_DIRS} PATH_SUFFIXES cccl)
mark_as_advanced(cccl_INCLUDE_DIR)

# Thrust's number, which is CCCL's since CCCL 3.0: 300001 for 3.0.1, 200000 for the 2.0.0 of before; 100915 for 1.9.15.
if(cccl_INCLUDE_DIR)
  file(STRINGS ${cccl_INCLUDE_DIR}/thrust/version.h cccl_VERSION REGEX "^#define THRUST_VERSION +[0-9]+")
  string(REGEX REPLACE "[^0-9]*([0-9]+).*" "\\1" cccl_VERSION "${cccl_VERSION}")
  math(EXPR cccl_major "${cccl_VERSION} / 100000")
  math(EXPR cccl_minor "${cccl_VERSION} / 100 % 1000")
  math(EXPR cccl_patch "${cccl_VERSION} % 100")
  set(cccl_VERSION ${cccl_major}.${cccl_minor}.${cccl_patch})
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(cccl REQUIRED_VARS cccl_INCLUDE_DIR VERSION_VAR cccl_VERSION)

if(cccl_FOUND AND NOT TARGET fronta::cccl)
  add_library(fronta::cccl INTERFACE IMPORTED)
  target_include_directories(fronta::cccl SYSTEM INTERFACE ${cccl_INCLUDE_DIR})
  # Without it Thrust's default device is CUDA, which host compilers cannot compile.
  target_compile_definitions(fronta::cccl INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:THRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_CPP>)
endif()
