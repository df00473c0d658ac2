// SPDX-License-Identifier: Apache-2.0
#pragma once

#if FRONTA_YIELD_POINTS
#include <sched.h>

#include <cstdint>
#endif

namespace fronta::detail {

// Marks where another thread may come in between with the most effect. Does nothing but in builds
// with FRONTA_YIELD_POINTS (the preset `tsan`), where now and then the thread gives its core up.
#if FRONTA_YIELD_POINTS
inline void yield_point() noexcept {
  thread_local std::uint32_t state = 0;
  if (state == 0) state = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&state)) | 1;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  if (state % 16 == 0) ::sched_yield();
}
#else
inline void yield_point() noexcept {}
#endif

}  // namespace fronta::detail
