// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/node.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace fronta::cpu {

/// Work-stealing deque of Chase and Lev ("Dynamic circular work-stealing deque", SPAA 2005) in the
/// C11 form of Lê et al. (PPoPP 2013), with sequentially consistent accesses in place of fences,
/// which ThreadSanitizer does not see. The owner pushes and pops at the bottom, others steal at
/// the top.
class deque {
 public:
  deque() { ring_.store(new_ring(256), std::memory_order_relaxed); }

  /// Owner. False when the ring is full and no larger one can be had.
  [[nodiscard]] bool push(detail::node& n) noexcept {
    const auto bottom = bottom_.load(std::memory_order_relaxed);
    const auto top = top_.load(std::memory_order_acquire);
    auto* ring = ring_.load(std::memory_order_relaxed);
    if (bottom - top > ring->mask) {
      ring = grow(*ring, top, bottom);
      if (ring == nullptr) return false;
    }
    ring->at(bottom).store(&n, std::memory_order_relaxed);
    // Release for the entry; sequentially consistent against a sleeper's announcement: either the
    // pusher sees the sleeper or the sleeper sees the entry.
    bottom_.store(bottom + 1, std::memory_order_seq_cst);
    return true;
  }

  /// Owner: the newest, or null.
  [[nodiscard]] detail::node* pop() noexcept {
    const auto bottom = bottom_.load(std::memory_order_relaxed) - 1;
    if (top_.load(std::memory_order_relaxed) > bottom) return nullptr;
    auto* const ring = ring_.load(std::memory_order_relaxed);
    // The store must be visible before the thieves' top is read, else both take the last entry.
    bottom_.store(bottom, std::memory_order_seq_cst);
    auto top = top_.load(std::memory_order_seq_cst);
    if (top > bottom) {
      bottom_.store(bottom + 1, std::memory_order_relaxed);
      return nullptr;
    }
    auto* n = ring->at(bottom).load(std::memory_order_relaxed);
    if (top == bottom) {
      if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,
                                        std::memory_order_relaxed)) {
        n = nullptr;  // a thief was faster
      }
      bottom_.store(bottom + 1, std::memory_order_relaxed);
    }
    return n;
  }

  /// Owner: whether `n` is the newest entry. A thief may still take it.
  [[nodiscard]] bool newest_is(const detail::node& n) const noexcept {
    const auto bottom = bottom_.load(std::memory_order_relaxed);
    if (top_.load(std::memory_order_relaxed) >= bottom) return false;
    return ring_.load(std::memory_order_relaxed)->at(bottom - 1).load(std::memory_order_relaxed) ==
           &n;
  }

  /// Anyone: the oldest; null when empty or when another thief was faster (`raced`).
  [[nodiscard]] detail::node* steal(bool& raced) noexcept {
    auto top = top_.load(std::memory_order_seq_cst);
    const auto bottom = bottom_.load(std::memory_order_seq_cst);
    if (top >= bottom) return nullptr;
    // A grown ring holds the same entries at the same indices; old rings are kept.
    auto* const n = ring_.load(std::memory_order_acquire)->at(top).load(std::memory_order_relaxed);
    if (top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,
                                     std::memory_order_relaxed)) {
      return n;
    }
    raced = true;
    return nullptr;
  }

  [[nodiscard]] std::int64_t size() const noexcept {
    const auto size =
        bottom_.load(std::memory_order_seq_cst) - top_.load(std::memory_order_seq_cst);
    return size > 0 ? size : 0;
  }

 private:
  struct buffer {
    explicit buffer(std::int64_t capacity)
        : mask(capacity - 1),
          entries(
              std::make_unique<std::atomic<detail::node*>[]>(static_cast<std::size_t>(capacity))) {}
    std::atomic<detail::node*>& at(std::int64_t i) const noexcept {
      return entries[static_cast<std::size_t>(i & mask)];
    }
    std::int64_t mask;
    std::unique_ptr<std::atomic<detail::node*>[]> entries;
  };

  buffer* new_ring(std::int64_t capacity) {
    rings_.push_back(std::make_unique<buffer>(capacity));
    return rings_.back().get();
  }
  buffer* grow(const buffer& old, std::int64_t top, std::int64_t bottom) noexcept {
    try {
      auto* const larger = new_ring((old.mask + 1) * 2);
      for (auto i = top; i != bottom; ++i) {
        larger->at(i).store(old.at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
      }
      ring_.store(larger, std::memory_order_release);
      return larger;
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  alignas(64) std::atomic<std::int64_t> top_{0};
  alignas(64) std::atomic<std::int64_t> bottom_{0};
  std::atomic<buffer*> ring_{nullptr};
  // All rings ever: a thief may still read an old one. Owner only.
  std::vector<std::unique_ptr<buffer>> rings_;
};

}  // namespace fronta::cpu
