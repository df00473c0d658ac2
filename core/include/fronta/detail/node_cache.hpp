// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <new>

namespace fronta::detail {

// Memory of task nodes, recycled through per-thread free lists in 32-byte classes; batches of 64
// travel between threads through a process-wide depot. Under sanitizers and for large blocks this
// is plain operator new and delete. Throws std::bad_alloc.
void* allocate_node(std::size_t bytes);
void free_node(void* memory, std::size_t bytes) noexcept;

// For one node type, which may be aligned more strictly than the cache's blocks.
template <class Node>
void* allocate_for() {
  if constexpr (alignof(Node) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
    return ::operator new(sizeof(Node), std::align_val_t(alignof(Node)));
  } else {
    return allocate_node(sizeof(Node));
  }
}
template <class Node>
void free_for(void* memory) noexcept {
  if constexpr (alignof(Node) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
    ::operator delete(memory, std::align_val_t(alignof(Node)));
  } else {
    free_node(memory, sizeof(Node));
  }
}

}  // namespace fronta::detail
