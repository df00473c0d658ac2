// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// What the executor needs of a GPU, and nothing else: two implementations stand behind it, CUDA's
/// driver (found at run time) and a simulated device. User code meets `gpu::stream` instead.
namespace fronta::gpu {

/// A stream or an event of one device; opaque. Of a CUDA device these are a CUstream and a CUevent.
using stream_handle = struct opaque_stream*;
using event_handle = struct opaque_event*;

struct device_properties {
  std::string name;  ///< a simulated one's begins with "simulated"
  bool simulated = false;
  int index = 0;
  std::size_t memory_bytes = 0;
  int multiprocessors = 0;
  int copy_engines = 0;
  int compute_major = 0;  ///< of the compute capability; 0 for a simulated device
  int compute_minor = 0;
  /// Stream priorities; a lower number goes first. Equal where there is one.
  int least_priority = 0;
  int greatest_priority = 0;
};

struct memory_status {
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
};

/// Which way bytes go. `between`: from one device to another.
enum class copy_kind : std::uint8_t { to_device, to_host, on_device, between };

/// `fault`: nothing that was or will be enqueued on any stream of the device can be relied on.
enum class stream_state : std::uint8_t { idle, busy, fault };

/// What a simulated device reckons with; a real one takes what it takes.
struct work_cost {
  double bytes = 0;       ///< read and written in device memory
  double operations = 0;  ///< arithmetic
};

/// One piece of work for a stream, such as a kernel launch.
class work {
 public:
  virtual ~work() = default;
  work() = default;
  work(const work&) = delete;
  work& operator=(const work&) = delete;
  /// Enqueues it on a CUDA stream, in the calling thread, and returns its error code, 0 for none.
  /// An error here is of this work alone.
  virtual int enqueue(void* native_stream) = 0;
  /// Does it on the host; what it throws is to the device what an illegal address is to a real one.
  virtual void run_on_host() = 0;
  [[nodiscard]] virtual work_cost cost() const noexcept { return {}; }
  [[nodiscard]] virtual const char* name() const noexcept { return "kernel"; }
};

/// A device's time against the host's: the host's clock was read before and after the device's.
/// All in nanoseconds; the device's has an origin and a rate of its own.
struct clock_sample {
  std::int64_t host_before = 0;
  std::int64_t device = 0;
  std::int64_t host_after = 0;
};

/// One piece of work in a device's own records. Times in nanoseconds of the records' clock, which
/// need not be the one that `sample_clocks` reads.
struct work_record {
  std::uint64_t mark;  ///< see `device::mark_work`
  trace::device_work what;
  std::int64_t begin;
  std::int64_t end;
  std::uint64_t bytes;  ///< of a copy or fill
};

/// Receives a device's records, in its threads. Must neither block, nor call the device, nor throw.
class work_recorder {
 public:
  virtual void recorded(const work_record& r) noexcept = 0;
  /// Samples of the records' clock that were taken together. Batches come in order of time.
  virtual void compared(std::span<const clock_sample> batch) noexcept = 0;
  /// So many records will not come, of this device or of others in the process.
  virtual void lost(std::uint64_t records) noexcept = 0;

 protected:
  ~work_recorder() = default;
};

/// A GPU. Every function may be called from any thread, concurrently, unless it says otherwise;
/// what one thread enqueues on one stream keeps its order. Errors: `launch_error` for a call that
/// was wrong in itself, `device_lost_error` once the device is at fault, `device_bad_alloc`.
class device {
 public:
  virtual ~device() = default;
  device() = default;
  device(const device&) = delete;
  device& operator=(const device&) = delete;

  [[nodiscard]] virtual const device_properties& properties() const noexcept = 0;
  /// Makes it the calling thread's current device. CUDA calls of the thread go there until another
  /// is made current.
  virtual void make_current() = 0;
  /// The same, for a while: what `leave` takes to make current again what was before.
  [[nodiscard]] virtual void* enter() = 0;
  virtual void leave(void* before) noexcept = 0;

  // ---- Streams. None synchronises with the default stream.

  [[nodiscard]] virtual stream_handle create_stream(int priority) = 0;
  /// The stream must be idle, or the device at fault.
  virtual void destroy_stream(stream_handle s) noexcept = 0;
  /// The CUstream behind it; null for a simulated stream.
  [[nodiscard]] virtual void* native(stream_handle s) const noexcept = 0;
  /// Does not block. After a fault, `fault` for every stream.
  [[nodiscard]] virtual stream_state query(stream_handle s) noexcept = 0;
  /// The driver's code and words for the fault; 0 and "" while there is none.
  [[nodiscard]] virtual int fault_code() const noexcept = 0;
  [[nodiscard]] virtual std::string fault_text() const = 0;

  /// The host gives the device up, whatever that is doing: from now on it is at fault, with CUDA's
  /// code 702 and `why` as text. What it may still write stays: giving memory, streams and events
  /// back does nothing any more. Does nothing after a fault.
  virtual void give_up(const std::string& why) = 0;

  // ---- Enqueueing. Returns at once, but for `copy` with pageable host memory, which may block.

  virtual void enqueue(stream_handle s, std::unique_ptr<work> w) = 0;
  virtual void copy(stream_handle s, void* to, const void* from, std::size_t bytes,
                    copy_kind kind) = 0;
  virtual void fill(stream_handle s, void* at, unsigned char value, std::size_t bytes) = 0;
  /// Stores `value` in a word of pinned memory (see `allocate_pinned`), after everything enqueued
  /// before it on the stream has ended and is visible to the host.
  virtual void write_word(stream_handle s, std::atomic<std::uint64_t>& word,
                          std::uint64_t value) = 0;
  /// Marks the present end of a stream, and makes another stream, also of another device, wait for
  /// the mark. An event may be recorded again; a wait is for the record that precedes its call.
  virtual void record(stream_handle s, event_handle e) = 0;
  virtual void wait(stream_handle s, event_handle e) = 0;
  /// Calls `fn(context)` in a thread of the device once everything before it has ended. Not called
  /// after a fault. It must not call the device, nor block.
  virtual void call_host(stream_handle s, void (*fn)(void*), void* context) = 0;

  // ---- Events; without timing.

  /// `blocking`: `synchronize` sleeps instead of spinning.
  [[nodiscard]] virtual event_handle create_event(bool blocking) = 0;
  virtual void destroy_event(event_handle e) noexcept = 0;
  [[nodiscard]] virtual stream_state query(event_handle e) noexcept = 0;
  /// Blocks until the event's last record has been passed. False after a fault.
  virtual bool synchronize(event_handle e) noexcept = 0;

  // ---- Memory.

  /// Device memory, valid for what is enqueued on `s` from now on and for what waits for that.
  /// Aligned to 256 bytes. Throws `device_bad_alloc`.
  [[nodiscard]] virtual void* allocate(stream_handle s, std::size_t bytes) = 0;
  /// Returns it after everything enqueued on `s` so far.
  virtual void deallocate(stream_handle s, void* p) noexcept = 0;
  [[nodiscard]] virtual memory_status memory() const noexcept = 0;
  /// Host memory that the device reads and writes without a detour. Slow: about 1 ms a call.
  [[nodiscard]] virtual void* allocate_pinned(std::size_t bytes) = 0;
  virtual void deallocate_pinned(void* p) noexcept = 0;
  [[nodiscard]] virtual bool is_pinned(const void* p) const noexcept = 0;

  // ---- Time.

  /// For the map between the two clocks. May block for as long as a small kernel takes.
  [[nodiscard]] virtual clock_sample sample_clocks() = 0;
  /// The host's clock as `sample_clocks` reads it.
  [[nodiscard]] virtual std::int64_t host_now() const noexcept = 0;
  /// Stores the device's clock in a word of pinned memory, between what was enqueued before and
  /// what comes after. On a real device that is a kernel of one thread.
  virtual void stamp(stream_handle s, std::atomic<std::uint64_t>& word) = 0;
  /// From now on tells `to`, or nobody, of all work that ends, perhaps a while after. False where
  /// the device keeps no records; `why` then says what is missing, and what to do. The one before
  /// is told of what has ended, and then no more.
  [[nodiscard]] virtual bool record_work(work_recorder* to, std::string& why) = 0;
  /// Has what has ended told, and that many samples of the records' clock: at once or, like
  /// records, after a while. Blocks, for about 10 µs a sample. Throws what `sample_clocks` throws.
  virtual void compare_records(std::size_t samples) = 0;
  /// What the calling thread enqueues on the device from now on is recorded with that mark, until
  /// the next; 0 is none.
  virtual void mark_work(std::uint64_t mark) noexcept = 0;
};

}  // namespace fronta::gpu
