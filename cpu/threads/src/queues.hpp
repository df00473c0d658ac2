// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/node.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

namespace fronta::cpu {

/// Tasks from outside the pool, first in, first out. Pushing is one compare-exchange on a stack;
/// a taker turns the whole stack around into a list that all takers share.
class inbox {
 public:
  /// How many `take` takes at once.
  static constexpr std::size_t most = 32;

  void push(detail::node& n) noexcept {
    n.linked_once = true;
    n.further = std::exchange(recent[turn++ % ahead], &n.next);
    auto* head = pushed_.load(std::memory_order_relaxed);
    do {
      n.next = head;
      // Sequentially consistent against a sleeper's announcement, see deque::push.
    } while (!pushed_.compare_exchange_weak(head, &n, std::memory_order_seq_cst,
                                            std::memory_order_relaxed));
  }

  /// Takes some of the oldest, calling `take_one` for each in order until it returns false; with
  /// the lock held, so it must do little.
  template <class Take>
  void take(std::size_t workers, Take&& take_one) noexcept {
    if (empty()) return;
    const std::lock_guard lock(mutex_);
    if (first_ == nullptr) refill();
    // A fair share, so that one taker does not run off with what others could start at once.
    auto n =
        std::clamp<std::size_t>(listed_.load(std::memory_order_relaxed) / (2 * workers), 1, most);
    std::size_t taken = 0;
    for (; n > 0 && first_ != nullptr; --n) {
      auto& one = *first_;
      first_ = one.next;
      ++taken;
      if (!take_one(one)) break;
    }
    listed_.store(listed_.load(std::memory_order_relaxed) - taken, std::memory_order_seq_cst);
  }

  [[nodiscard]] bool empty() const noexcept {
    return pushed_.load(std::memory_order_seq_cst) == nullptr &&
           listed_.load(std::memory_order_seq_cst) == 0;
  }
  /// Approximate: without what lies on the stack.
  [[nodiscard]] std::size_t listed() const noexcept {
    return listed_.load(std::memory_order_relaxed);
  }

 private:
  void refill() noexcept {
    auto* n = pushed_.load(std::memory_order_relaxed);
    std::size_t count = 0;
    // Counted before it is unhooked, so that `empty` never lies about what is on its way.
    if (n == nullptr) return;
    listed_.store(1, std::memory_order_seq_cst);
    n = pushed_.exchange(nullptr, std::memory_order_seq_cst);
    while (n != nullptr) {
      auto* const older = n->next;
      // Each link lies in the cache of who pushed it: one by one they would take longer than tasks.
      __builtin_prefetch(n->further);
      n->next = first_;
      first_ = n;
      n = older;
      ++count;
    }
    listed_.store(count, std::memory_order_seq_cst);
  }

  static constexpr std::size_t ahead = 8;
  // What this thread pushed last, wherever to; and it may be gone.
  static inline thread_local const void* recent[ahead] = {};
  static inline thread_local std::size_t turn = 0;

  alignas(64) std::atomic<detail::node*> pushed_{nullptr};
  alignas(64) std::mutex mutex_;
  detail::node* first_ = nullptr;       // guarded by mutex_
  std::atomic<std::size_t> listed_{0};  // written under mutex_
};

/// Tasks of other than default priority: highest first, equal ones in order. `best` is a hint that
/// needs no lock.
class priority_queue {
 public:
  static constexpr std::int32_t none = std::numeric_limits<std::int32_t>::min();

  /// Throws std::bad_alloc.
  void push(detail::node& n) {
    const std::lock_guard lock(mutex_);
    levels_[n.priority].push_back(&n);
    best_.store(levels_.begin()->first, std::memory_order_seq_cst);
    size_.store(size_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
  }
  /// The first one whose priority is above `floor`, or null.
  [[nodiscard]] detail::node* pop_above(std::int64_t floor) noexcept {
    const std::lock_guard lock(mutex_);
    if (levels_.empty() || levels_.begin()->first <= floor) return nullptr;
    auto at = levels_.begin();
    auto* const n = at->second.front();
    at->second.pop_front();
    if (at->second.empty()) levels_.erase(at);
    size_.store(size_.load(std::memory_order_relaxed) - 1, std::memory_order_seq_cst);
    best_.store(levels_.empty() ? none : levels_.begin()->first, std::memory_order_seq_cst);
    return n;
  }
  [[nodiscard]] bool empty() const noexcept { return size_.load(std::memory_order_seq_cst) == 0; }
  [[nodiscard]] bool may_have_above(std::int64_t floor) const noexcept {
    return size_.load(std::memory_order_relaxed) != 0 &&
           best_.load(std::memory_order_relaxed) > floor;
  }

 private:
  std::mutex mutex_;
  std::map<std::int32_t, std::deque<detail::node*>, std::greater<>> levels_;  // guarded by mutex_
  std::atomic<std::int32_t> best_{none};
  std::atomic<std::size_t> size_{0};
};

}  // namespace fronta::cpu
