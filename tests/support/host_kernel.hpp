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

/// Enqueues a call of `f`.
template <class F>
void run_on(gpu::stream& s, F f) {
  s.launch(host_kernel(f), {}, {});
}

}  // namespace fronta::test
