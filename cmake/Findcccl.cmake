# SPDX-License-Identifier: Apache-2.0
# Finds the headers of Thrust and CUB, in a CUDA toolkit or alone (CCCL), and defines fronta::cccl. For host code alone:
# nvcc finds its own.
find_path(cccl_INCLUDE_DIR thrust/version.h HINTS ${CUDAToolkit_INCLUDE_DIRS} PATH_SUFFIXES cccl)
mark_as_advanced(cccl_INCLUDE_DIR)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(cccl REQUIRED_VARS cccl_INCLUDE_DIR)

if(cccl_FOUND AND NOT TARGET fronta::cccl)
  add_library(fronta::cccl INTERFACE IMPORTED)
  target_include_directories(fronta::cccl SYSTEM INTERFACE ${cccl_INCLUDE_DIR})
  # Without it Thrust's default device is CUDA, which host compilers cannot compile.
  target_compile_definitions(fronta::cccl INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:THRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_CPP>)
endif()
