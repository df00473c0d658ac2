// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace fronta::detail {

// Memory of task nodes, recycled through per-thread free lists in 32-byte classes; batches of 64
// travel between threads through a process-wide depot. Under sanitizers and for large blocks this
// is plain operator new and delete. Throws std::bad_alloc.
void* allocate_node(std::size_t bytes);
void free_node(void* memory, std::size_t bytes) noexcept;

}  // namespace fronta::detail
