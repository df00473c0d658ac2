// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/detail/scratch.hpp>

#include "context.hpp"

namespace fronta::gpu::detail {

void* scratch::take(stream& s, std::size_t bytes) {
  return bytes == 0 ? nullptr : s.context_->allocate(s.handle_, bytes, *s.memory_);
}

void scratch::give(stream& s, void* p) noexcept {
  if (p != nullptr) s.device_->deallocate(s.handle_, p);
}

}  // namespace fronta::gpu::detail
