// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/completion.hpp>
#include <fronta/gpu/device.hpp>
#include <fronta/gpu/options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace fronta::gpu {

/// How a simulated device's time passes. `real`: as the model says, by the host's clock. `scaled`:
/// that many times slower (0.1: ten times faster). `virtual_`: not by any clock: a device stands
/// still until `simulation::step`, which jumps to the next event; the same calls in the same order
/// give the same history to the nanosecond.
struct simulated_time {
  enum class kind : std::uint8_t { real, scaled, virtual_ };
  kind mode = kind::real;
  double scale = 1;

  static constexpr simulated_time real() { return {}; }
  static constexpr simulated_time scaled(double factor) { return {kind::scaled, factor}; }
  static constexpr simulated_time virtual_() { return {kind::virtual_, 1}; }
};

/// What a simulated device takes for its work. A kernel takes `launch` and the longer of its bytes
/// at `memory_bandwidth` and its operations at `throughput`, and a fill is a kernel in this; a copy
/// takes `copy` and its bytes at `host_bandwidth` (`memory_bandwidth` on the device,
/// `peer_bandwidth` between devices). All else takes no time. Figures of no existing device; per
/// second, and 0 for no limit.
struct time_model {
  std::chrono::nanoseconds launch{4'000};
  std::chrono::nanoseconds copy{8'000};
  double memory_bandwidth = 1e12;
  double throughput = 1e13;
  double host_bandwidth = 25e9;
  double peer_bandwidth = 100e9;
  /// Each duration is multiplied by a seeded factor between 1 and 1 + jitter.
  double jitter = 0;
  /// Of the device's clock: how far it is ahead of the host's (in virtual time: of `now`) when the
  /// simulation begins, and how much faster it runs: 1e-6 gains a microsecond in a second.
  std::chrono::nanoseconds clock_offset{0};
  double clock_drift = 0;

  /// Nothing takes any time: what remains is the cost of scheduling.
  static constexpr time_model instant() {
    time_model m;
    m.launch = m.copy = std::chrono::nanoseconds(0);
    m.memory_bandwidth = m.throughput = m.host_bandwidth = m.peer_bandwidth = 0;  // 0: no limit
    return m;
  }
};

/// What goes wrong, each at the n-th occasion (from 1) on the device `on`; none by default.
/// Kernels, allocations and words are counted as they are called for.
struct simulated_faults {
  int on = 0;
  /// The n-th kernel breaks the device while it runs, as an illegal address does; its host version
  /// is not called.
  std::optional<std::uint64_t> break_at_kernel = {};
  /// The n-th kernel never ends; nor is its host version called. It keeps the compute engine.
  std::optional<std::uint64_t> hang_at_kernel = {};
  /// The n-th kernel is refused by `enqueue`.
  std::optional<std::uint64_t> refuse_kernel = {};
  /// The n-th allocation of device memory fails, with so many after it.
  std::optional<std::uint64_t> out_of_memory_at = {};
  std::uint64_t out_of_memory_for = 1;
  /// The n-th word is stored that much later than its turn, and its stream goes on only then.
  std::optional<std::uint64_t> late_word = {};
  std::chrono::nanoseconds late_by{0};
};

/// Simulated devices, for machines without one and for tests: they really do the host version of
/// the work, in stream order, on one compute engine and a copy engine per direction each, and take
/// the time that the model says, or longer where the host needs longer. No figure of theirs says
/// anything about a GPU.
///
/// An engine that is free takes the stream of the highest priority that has work for it, then what
/// was enqueued first. Fills and copies on the device take the compute engine; a copy between
/// devices takes the outward engine of its source's device or, on a stream of the target's device,
/// that one's inward engine. In real and scaled time each engine that is used has a thread, and so
/// have host calls.
///
/// Stricter than CUDA, to find mistakes early: a word must lie in pinned memory, and what a copy or
/// fill touches in one allocation. Device memory is host memory, really freed in stream order, so
/// that AddressSanitizer sees what comes too late.
///
/// A device whose work throws is at fault, with CUDA's code 700. The fault shows once no work, copy
/// or host call of the device is under way any more, so whoever sees it may take away what they
/// used. What has not been done is dropped; but its memory is given back, and streams of healthy
/// devices that waited for it go on.
///
/// A stream that is destroyed while busy drops its work, words and host calls but for what runs.
///
/// In virtual time, what blocks (`synchronize`, a copy to pageable memory) steps by itself. Where
/// nothing can happen any more, `synchronize` is false and the copy throws `launch_error`. Work and
/// host calls run inside `step`, so they must not call it.
struct simulated {
  int devices = 1;
  int streams = 4;               ///< compute streams of each device
  std::size_t memory = 1 << 30;  ///< bytes of each device
  simulated_time time = {};
  time_model model = {};
  std::uint64_t seed = 0;
  simulated_faults faults = {};
  completion_options completion = {};  ///< where it is a backend of an executor
  gpu::options options = {};           ///< likewise
};

/// The simulated devices of one configuration. They share a time, and events work between them.
class simulation {
 public:
  /// Throws std::invalid_argument for less than one device or stream, a scale that is not positive,
  /// a negative duration, rate or jitter, a clock that runs backwards, a fault on a device that
  /// does not exist, or a 0th occasion.
  explicit simulation(const simulated& config);
  /// Ends the engines, once the work that is being run on the host returns; what has not been done
  /// is dropped. Nobody may be in a call to a device.
  ~simulation();
  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;

  [[nodiscard]] int count() const noexcept;
  /// Throws std::out_of_range.
  [[nodiscard]] device& at(int index);
  /// In virtual time: does what comes next, in the calling thread, and moves the time there. False
  /// when nothing can happen any more. Otherwise without meaning: std::logic_error. Thread-safe.
  bool step();
  /// Simulated nanoseconds since the beginning.
  [[nodiscard]] std::int64_t now() const;

 private:
  class body;
  std::unique_ptr<body> body_;
};

}  // namespace fronta::gpu
