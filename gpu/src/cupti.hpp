// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/device.hpp>

#include <cuda.h>

#include <cstdint>
#include <memory>
#include <string>

/// CUPTI, the profiling library of CUDA, found at run time as the driver is: nothing links to it.
/// It is one for the process, and serves one profiler at a time.
namespace fronta::gpu::detail {

struct recorded_device;

/// The activity records of one device. While there is one, CUPTI records the work of the whole
/// process; what has no mark of ours is ignored. Thread-safe, but for the samples.
class cupti_session {
 public:
  /// Null where CUPTI cannot be used; `why` then says why not and what to do.
  [[nodiscard]] static std::unique_ptr<cupti_session> open(CUcontext context, work_recorder& to,
                                                           std::string& why);
  /// Tells of what has ended. From then on the recorder is not called.
  ~cupti_session();
  cupti_session(const cupti_session&) = delete;
  cupti_session& operator=(const cupti_session&) = delete;

  /// What the calling thread enqueues from now on, until the next; 0 is none.
  void mark(std::uint64_t mark) noexcept;
  /// Gives what the calling thread enqueues between the two the mark 0, where it has none. False
  /// where it has one; then there is nothing to end.
  [[nodiscard]] bool begin_copy() noexcept;
  void end_copy() noexcept;

  // ---- Samples of CUPTI's clock, by one thread at a time: a kernel runs between two readings of
  // the host's, so the times in its record are of between them too.

  void begin_batch();
  /// The calling thread enqueues the kernel, and waits for it, between this and one of the next
  /// two.
  void begin_sample();
  void end_sample(std::int64_t host_before, std::int64_t host_after) noexcept;
  void abandon_sample() noexcept;
  /// The batch is told once the records of its samples are there.
  void end_batch() noexcept;

  /// Has what has ended told. Blocks while CUPTI gathers it.
  void flush() noexcept;
  /// The device is lost: at the session's end nothing is asked of CUPTI.
  void give_up() noexcept;

 private:
  explicit cupti_session(std::unique_ptr<recorded_device> d);
  std::unique_ptr<recorded_device> device_;
};

}  // namespace fronta::gpu::detail
