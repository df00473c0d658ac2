// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/device.hpp>

#include <chrono>
#include <cstdint>
#include <memory>

namespace fronta::gpu {

/// How the host learns that work on a stream has ended.
/// `frontier`: the stream stores a rising ticket in a word of pinned memory, and one thread watches
/// the words. `event_polling`: the same thread asks the driver for the oldest event of each stream.
/// `blocking_sync`: a thread per busy stream sleeps in the driver. `host_callback`: the driver
/// calls back, which holds the stream up meanwhile.
enum class completion_mechanism : std::uint8_t {
  frontier,
  event_polling,
  blocking_sync,
  host_callback
};

struct completion_options {
  completion_mechanism mechanism = completion_mechanism::frontier;
  /// How long the watching thread looks again at once before it begins to sleep between looks. Its
  /// naps grow with the wait, to a 64th of it. 0 on a machine with one CPU.
  std::chrono::nanoseconds spin = std::chrono::microseconds(20);
  /// The longest nap.
  std::chrono::nanoseconds longest_nap = std::chrono::microseconds(200);
  /// A device that has shown no progress for so long is asked whether it is at fault: a faulted
  /// stream stores no ticket and calls nobody.
  std::chrono::nanoseconds probe = std::chrono::milliseconds(2);
  /// No threads: `poll` does their work, for tests and virtual time. Not with `blocking_sync`.
  bool by_hand = false;
};

enum class completion_outcome : std::uint8_t { ended, fault };

/// Somebody waiting for a point of a stream; linked into it, so it must live until it was called.
class completion_entry {
 public:
  completion_entry() = default;
  completion_entry(const completion_entry&) = delete;
  completion_entry& operator=(const completion_entry&) = delete;
  /// Called once, from a thread of the completion (of the driver with `host_callback`) or from
  /// `notify`; in stream order. Must neither block nor call the device nor throw; may destroy the
  /// entry.
  virtual void completed(completion_outcome outcome) noexcept = 0;

 protected:
  ~completion_entry() = default;
  /// In `completed`, while somebody traced: the end came between the two, by the device's
  /// `host_now`. The first is 0 where nobody looked before.
  [[nodiscard]] std::int64_t not_ended_at() const noexcept { return not_ended_at_; }
  [[nodiscard]] std::int64_t ended_at() const noexcept { return ended_at_; }

 private:
  friend class completion;
  completion_entry* next_ = nullptr;
  std::uint64_t ticket_ = 0;
  event_handle event_ = nullptr;
  std::int64_t not_ended_at_ = 0;
  std::int64_t ended_at_ = 0;
};

/// Tells when what was enqueued on streams has ended, or will never.
class completion {
 public:
  /// Throws std::invalid_argument for `by_hand` with `blocking_sync` and negative durations.
  explicit completion(completion_options options = {});
  /// Every entry must have been called. Ends the threads.
  ~completion();
  completion(const completion&) = delete;
  completion& operator=(const completion&) = delete;

  class watched_stream;
  /// From now on the stream can be watched; it and the device must outlive the completion's use of
  /// it, which ends with `remove`. Throws what the device throws for pinned memory.
  [[nodiscard]] watched_stream& add(device& d, stream_handle s);
  /// No entry of it may be waiting. Blocks until no thread looks at it any more, so it must not be
  /// called from `completed`.
  void remove(watched_stream& s) noexcept;

  /// Calls `e` once everything enqueued on the stream so far has ended, or the device is at fault.
  /// Thread-safe; who enqueues on the stream from another thread at the same time gets either
  /// order.
  void notify(watched_stream& s, completion_entry& e) noexcept;

  /// Entries of the stream that wait; for choosing between streams. A guess.
  [[nodiscard]] static std::size_t waiting(const watched_stream& s) noexcept;

  /// `by_hand` alone: calls the entries that are due. True when there were any.
  bool poll();

 private:
  class body;
  std::unique_ptr<body> body_;
};

}  // namespace fronta::gpu
