// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/stream.hpp>

#include <cstddef>

namespace fronta::test {

/// A kernel with a host version alone.
template <class OnHost>
auto host_kernel(OnHost f, const char* name = "kernel") {
  return gpu::kernel<std::nullptr_t, OnHost>{nullptr, f, name};
}

}  // namespace fronta::test
