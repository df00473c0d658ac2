// SPDX-License-Identifier: Apache-2.0
#include "allocations.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace bench::allocations {
namespace {

constinit std::atomic<bool> counting{false};
constinit std::atomic<std::size_t> allocated{0};
constinit std::atomic<std::ptrdiff_t> live{0};

std::ptrdiff_t size_of(void* memory) noexcept {
  constexpr std::ptrdiff_t header = 8;  // what malloc keeps in front of a block
  return static_cast<std::ptrdiff_t>(malloc_usable_size(memory)) + header;
}

void* taken(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  if (counting.load(std::memory_order_relaxed)) {
    allocated.fetch_add(1, std::memory_order_relaxed);
    live.fetch_add(size_of(memory), std::memory_order_relaxed);
  }
  return memory;
}

void give_back(void* memory) noexcept {
  if (memory != nullptr && counting.load(std::memory_order_relaxed)) {
    live.fetch_sub(size_of(memory), std::memory_order_relaxed);
  }
  std::free(memory);  // NOLINT(cppcoreguidelines-no-malloc): the lower half of operator delete
}

}  // namespace

void start() noexcept { counting.store(true, std::memory_order_relaxed); }
std::size_t count() noexcept { return allocated.load(std::memory_order_relaxed); }
std::ptrdiff_t bytes() noexcept { return live.load(std::memory_order_relaxed); }

}  // namespace bench::allocations

// NOLINTBEGIN(cppcoreguidelines-no-malloc): this is where malloc is managed
// The other forms of new and delete call these.
void* operator new(std::size_t size) {
  return bench::allocations::taken(std::malloc(size == 0 ? 1 : size));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto to = static_cast<std::size_t>(alignment);
  return bench::allocations::taken(std::aligned_alloc(to, (size + to - 1) / to * to));
}
void operator delete(void* memory) noexcept { bench::allocations::give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { bench::allocations::give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept {
  bench::allocations::give_back(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  bench::allocations::give_back(memory);
}
// NOLINTEND(cppcoreguidelines-no-malloc)
