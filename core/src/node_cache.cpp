// SPDX-License-Identifier: Apache-2.0
#include <fronta/detail/node_cache.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FRONTA_RECYCLE_NODES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define FRONTA_RECYCLE_NODES 0
#endif
#endif
#ifndef FRONTA_RECYCLE_NODES
#define FRONTA_RECYCLE_NODES 1
#endif

namespace fronta::detail {

#if FRONTA_RECYCLE_NODES
namespace {

constexpr std::size_t grain = 32;
constexpr std::size_t classes = 16;  // up to 512 bytes
constexpr std::size_t batch = 64;

struct block {
  block* next;
  block* next_batch;  // only in the first block of a batch that lies in the depot
};

// The depot grows with the largest number of nodes that were ever free at once and is kept: it
// is what makes the next burst cheap.
struct depot {
  struct alignas(64) shelf {
    std::mutex mutex;
    block* batches = nullptr;  // guarded by mutex; each is a full batch
  };
  std::array<shelf, classes> shelves;
};

depot& process_depot() {
  static auto* shared = new depot;  // never destroyed: nodes may be freed during exit
  return *shared;
}

// A thread keeps at most two batches of a class: `active` is taken from and added to, `spare` is
// full or empty, so that alternating allocation and release near a boundary stays local.
struct local_list {
  block* active = nullptr;
  block* spare = nullptr;
  std::uint32_t active_count = 0;
};

struct local_cache {
  std::array<local_list, classes> lists;
};

// Trivially destructible, so that reaching it needs no guard; `flusher` empties it when the thread
// ends, and from then on the thread allocates plainly.
constinit thread_local local_cache cache{};
constinit thread_local bool flusher_armed = false;
constinit thread_local bool thread_ended = false;

void to_depot(std::size_t index, block* first) noexcept {
  auto& shelf = process_depot().shelves[index];
  const std::lock_guard lock(shelf.mutex);
  first->next_batch = shelf.batches;
  shelf.batches = first;
}

struct flusher {
  ~flusher() {
    for (std::size_t i = 0; i < classes; ++i) {
      auto& list = cache.lists[i];
      if (list.spare != nullptr) to_depot(i, list.spare);
      for (block* b = list.active; b != nullptr;) ::operator delete(std::exchange(b, b->next));
      list = {};
    }
    thread_ended = true;
  }
};

void arm_flusher() {
  if (!flusher_armed && !thread_ended) {
    flusher_armed = true;
    thread_local const flusher at_thread_end;
    static_cast<void>(at_thread_end);
  }
}

void* refill(std::size_t index) {
  arm_flusher();
  auto& list = cache.lists[index];
  if (list.spare != nullptr) {
    list.active = std::exchange(list.spare, nullptr);
    list.active_count = batch;
  } else if (!thread_ended) {
    auto& shelf = process_depot().shelves[index];
    const std::lock_guard lock(shelf.mutex);
    if (shelf.batches != nullptr) {
      list.active = std::exchange(shelf.batches, shelf.batches->next_batch);
      list.active_count = batch;
    }
  }
  if (list.active == nullptr) return ::operator new((index + 1) * grain);
  --list.active_count;
  return std::exchange(list.active, list.active->next);
}

void spill(std::size_t index) noexcept {
  arm_flusher();
  auto& list = cache.lists[index];
  if (list.spare != nullptr) to_depot(index, list.spare);
  list.spare = std::exchange(list.active, nullptr);
  list.active_count = 0;
}

}  // namespace

void* allocate_node(std::size_t bytes) {
  const auto index = (bytes - 1) / grain;
  if (index >= classes) return ::operator new(bytes);
  auto& list = cache.lists[index];
  if (list.active == nullptr) return refill(index);
  --list.active_count;
  return std::exchange(list.active, list.active->next);
}

void free_node(void* memory, std::size_t bytes) noexcept {
  const auto index = (bytes - 1) / grain;
  if (index >= classes || thread_ended) {
    ::operator delete(memory);
    return;
  }
  auto& list = cache.lists[index];
  if (list.active_count == 0) arm_flusher();  // this thread may never allocate
  if (list.active_count == batch) spill(index);
  list.active = new (memory) block{list.active, nullptr};
  ++list.active_count;
}

#else

void* allocate_node(std::size_t bytes) { return ::operator new(bytes); }
void free_node(void* memory, std::size_t) noexcept { ::operator delete(memory); }

#endif

}  // namespace fronta::detail
