// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/data_block.hpp>
#include <fronta/gpu/device.hpp>
#include <fronta/gpu/stream.hpp>

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace fronta::gpu::detail {

/// An array's numbers on one device. The list of its device knows it until it goes.
class array_copy final : public fronta::detail::data_copy {
 public:
  /// `arrived`: recorded behind the copying, unless a task writes the numbers, which whoever has
  /// the array goes behind in other ways.
  array_copy(fronta::detail::data_block& of, std::shared_ptr<block> memory, event_handle arrived);
  ~array_copy() override;
  [[nodiscard]] const void* memory() const noexcept override { return &memory_->on(); }
  [[nodiscard]] bool lost() const noexcept override;
  void fetch(void* to, std::size_t bytes) override;

  /// What is enqueued on the stream, of this or another device, from now on finds the numbers.
  void go_behind(device& of, stream_handle s);
  [[nodiscard]] const std::shared_ptr<block>& numbers() const noexcept { return memory_; }

 private:
  friend class array_list;
  fronta::detail::data_block& of_;
  std::shared_ptr<block> memory_;
  event_handle arrived_;
  // Guarded by the list's mutex.
  std::list<array_copy*>::iterator at_;
  bool listed_ = false;
};

/// The arrays on one device, the least recently used first. Thread-safe.
class array_list {
 public:
  void add(array_copy& c);
  void used(array_copy& c) noexcept;
  void remove(array_copy& c) noexcept;
  /// Lets copies go that no task is using, the least recently used first, until they were as many
  /// bytes: those that are elsewhere too, then others, which are fetched to the host before. Blocks
  /// for that, and for who is copying one. How many bytes it gave. The caller must hold no mutex of
  /// a block.
  std::size_t evict(std::size_t bytes);

 private:
  std::size_t evict(std::size_t bytes, bool even_only_ones);
  std::mutex mutex_;
  std::list<array_copy*> by_use_;  // guarded by mutex_
};

}  // namespace fronta::gpu::detail
