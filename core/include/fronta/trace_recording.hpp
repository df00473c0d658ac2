// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace fronta::trace {

struct recording_options {
  /// Room for so many events of a thread until they are in the file, rounded up to a power of two;
  /// what comes while it is full is dropped and counted.
  std::size_t ring_events = 32'768;
  /// How long events stay in the rings at most; zero: until `flush` or `stop`.
  std::chrono::milliseconds flush_every{20};
  /// Records the thread's CPU time too where a task starts, blocks, goes on and ends, also for a
  /// retry, a fallback or the work that it gave a device, which takes about a quarter of a
  /// microsecond each. The environment variable FRONTA_TRACE_CPU=1 does as well.
  bool cpu_time = false;
  /// The clock in place of the host's, in nanoseconds, which must not go back: such as
  /// `virtual_devices::now`, so that tasks and devices are in one time. Called for each event and
  /// by the thread that moves events, so from several at once, unless there is but one and
  /// `flush_every` is zero; must neither block, throw nor tell anything. Lives as long as the
  /// executors that tell.
  std::function<std::int64_t()> clock = {};
};

/// Records what this process does in a file, while it lives; docs/trace-format.md describes the
/// file, `read_file` reads it. One per process at a time.
///
/// The events of a thread lie in a ring in memory that a second file, FILE.rings, shares, until a
/// thread of the recording's moves them. So whatever was recorded before the process was killed is
/// read; a recording that ends in order removes that file.
///
/// Begin it before the executors, so that it tells of their places and workers:
/// ```
/// fronta::trace::recording trace("run.fronta");
/// fronta::executor ex{fronta::cpu::threads{}};
/// ```
/// It may end while they go on. Recording an event never blocks, but for a thread's first, which
/// gets its ring. `flush` is thread-safe, the rest is not.
///
/// A forked child is not recorded: its copy of this object does nothing, and the recording goes on
/// as its parent's. The child may begin one of its own in another file. `fork` waits until what is
/// being written to FILE is written, so it must not be called from a handler of signals that come
/// from within a recording, such as of a disk that is gone.
///
/// The environment variable FRONTA_TRACE=FILE does the same for a program that has none of its own,
/// from its first executor to the end of the process; "%p" in FILE becomes the process's number.
class recording {
 public:
  /// Writes over FILE, whose mode stays; a new one is its user's alone (0600). Throws
  /// `std::system_error` when it cannot be made, is no file, a link to it is another user's, it is
  /// not on a disk that can be shared with memory, or another process records there, and
  /// `invalid_state_error` when this one is recorded already.
  explicit recording(const std::string& file, recording_options options = {});
  recording(recording&& other) noexcept;
  recording& operator=(recording&& other) noexcept;
  /// `stop`; an error goes to the error hook.
  ~recording();

  /// Returns once everything that was recorded before the call is in the file. Throws
  /// `std::system_error` when it cannot be written; nothing is recorded any more then.
  void flush();
  /// Ends it: later events are not in the file. Throws as `flush` does.
  void stop();

  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  /// Events that found no room; while it goes on, so far.
  [[nodiscard]] std::uint64_t dropped() const noexcept;

 private:
  std::string file_;
  std::uint32_t generation_ = 0;  // 0 once stopped or moved from
  std::uint64_t dropped_ = 0;
};

namespace detail {
// Begins what FRONTA_TRACE asks for, the first time. Told to the error hook when it cannot.
void record_as_environment_says() noexcept;
}  // namespace detail

}  // namespace fronta::trace
