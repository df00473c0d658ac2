// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/device.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fronta::gpu {

/// A device's time in the host's, with what may be wrong with it. Samples are taken in batches, now
/// and then; a batch counts with the samples whose round trip was the shortest, since only those
/// bound the device's reading closely. Between two batches the map is a line through both; beyond
/// them it goes on with the drift of the nearest two, and the error grows. Not thread-safe.
/// ```
/// clock_map map;
/// map.add(sample_batch(device));        // … and again a second later
/// auto [ns, error] = map.to_host(device_ns);
/// ```
class clock_map {
 public:
  /// How many samples a batch should have for its best ones to be good.
  static constexpr std::size_t batch = 64;
  /// How far the rates of two clocks may lie apart: oscillators keep within 100 millionths.
  static constexpr double most_drift = 100e-6;

  /// In order of time. Ignores an empty batch, and samples that end before they begin.
  void add(std::span<const clock_sample> samples);

  [[nodiscard]] bool empty() const noexcept { return points_.empty(); }
  [[nodiscard]] std::size_t batches() const noexcept { return points_.size(); }
  /// The device's time of the last batch. Requires one.
  [[nodiscard]] std::int64_t last() const noexcept { return points_.back().device; }

  struct instant {
    std::int64_t host;   ///< nanoseconds of the host's clock
    std::int64_t error;  ///< nanoseconds, either way
  };
  /// Requires a batch.
  [[nodiscard]] instant to_host(std::int64_t device) const noexcept;
  /// By how much the device's clock runs faster than the host's, over all batches; 0 for one batch.
  [[nodiscard]] double drift() const noexcept;

 private:
  // What one batch says: at that time of the device it was then on the host, give or take.
  struct point {
    std::int64_t device;
    std::int64_t host;
    std::int64_t error;
  };
  std::vector<point> points_;
};

/// Asks the device for its time that often. Blocks, for about 10 µs a sample on a real device.
/// Throws what `device::sample_clocks` throws.
[[nodiscard]] std::vector<clock_sample> sample_batch(device& d,
                                                     std::size_t samples = clock_map::batch);

}  // namespace fronta::gpu
