# SPDX-License-Identifier: Apache-2.0
# Installs the library as the CMake package `fronta`: find_package(fronta), then link fronta::fronta.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS fronta_core fronta_threads fronta_gpu fronta_executor fronta_local fronta_viz EXPORT frontaTargets
  FILE_SET HEADERS FILE_SET thrust)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fronta)
install(EXPORT frontaTargets NAMESPACE fronta:: DESTINATION ${package_dir})

# A static fronta_threads hands its link to hwloc on to its users, so their find_package must find it as well.
get_target_property(threads_libraries fronta_threads LINK_LIBRARIES)
set(FRONTA_WITH_HWLOC FALSE)
if(threads_libraries MATCHES hwloc::hwloc)
  set(FRONTA_WITH_HWLOC TRUE)
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/Findhwloc.cmake DESTINATION ${package_dir})
endif()

# For fronta::cccl.
install(FILES ${PROJECT_SOURCE_DIR}/cmake/Findcccl.cmake DESTINATION ${package_dir})

# A static fronta_gpu with CUDA kernels hands on its link to CUDA's static runtime.
get_target_property(gpu_type fronta_gpu TYPE)
set(FRONTA_NEEDS_CUDART FALSE)
if(FRONTA_WITH_CUDA_KERNELS AND gpu_type STREQUAL "STATIC_LIBRARY")
  set(FRONTA_NEEDS_CUDART TRUE)
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/frontaConfig.cmake.in
  ${PROJECT_BINARY_DIR}/frontaConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/frontaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/frontaConfig.cmake ${PROJECT_BINARY_DIR}/frontaConfigVersion.cmake
  DESTINATION ${package_dir})
