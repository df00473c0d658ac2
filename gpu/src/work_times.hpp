// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/clock_map.hpp>
#include <fronta/gpu/device.hpp>
#include <fronta/trace.hpp>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

namespace fronta::gpu::detail {

/// Tells traces when a device was at work, by its own clock: spans wait here until the clocks have
/// been compared after them, so that each lies between two comparisons. Thread-safe.
class work_times final : public work_recorder {
 public:
  /// Throws std::invalid_argument for `profiled` where the device keeps no records.
  work_times(device& d, trace::time_grade grade);
  ~work_times();
  work_times(const work_times&) = delete;
  work_times& operator=(const work_times&) = delete;

  [[nodiscard]] trace::time_grade grade() const noexcept { return grade_; }
  /// The executor's number in traces, and its of the place.
  void set_place(std::uint16_t executor, std::int32_t place) noexcept {
    executor_ = executor;
    place_ = place;
  }

  // ---- What stays until the clocks have been compared. None blocks.

  /// A task's work by its stamps.
  void stamped(std::uint64_t task, std::int32_t stream, std::uint64_t begin,
               std::uint64_t end) noexcept;
  /// A task will enqueue work on that stream of the place; its mark in the device's records.
  [[nodiscard]] std::uint64_t open(std::uint64_t task, std::int32_t stream);
  /// All its work has ended, so that its last records are on their way.
  void close(std::uint64_t mark) noexcept;
  void recorded(const work_record& r) noexcept override;
  void compared(std::span<const clock_sample> batch) noexcept override;
  void lost(std::uint64_t records) noexcept override;

  /// Compares the clocks and tells of all that lies before the last comparison, once there are two.
  /// Blocks, for a batch of samples. Does nothing while there is nothing to place, but for the
  /// first time.
  void compare() noexcept;

 private:
  struct waiting {
    std::uint64_t task;
    std::int32_t stream;
    trace::time_grade grade;
    work_record work;  // by the clock that the map is of
  };
  struct owner {
    std::uint64_t task;
    std::int32_t stream;
  };
  enum class which : std::uint8_t { placed, all };
  void add(waiting w) noexcept;
  void tell(which those) noexcept;  // with comparing_ held

  device& device_;
  const trace::time_grade grade_;
  std::uint16_t executor_ = 0;
  std::int32_t place_ = -1;

  std::mutex comparing_;
  // Guarded by comparing_, which is taken before mutex_.
  clock_map map_;
  int quiet_ = 0;  // comparisons since there was anything

  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<waiting> waiting_;
  std::vector<std::vector<clock_sample>> compared_;  // of the records' clock, not in the map yet
  std::unordered_map<std::uint64_t, owner> owners_;  // by mark
  std::deque<std::uint64_t> closed_;                 // marks of those whose work has ended
  std::uint64_t marks_ = 0;
  std::uint64_t lost_ = 0;  // records, since that was told
  bool used_ = false;       // since the last comparison
};

/// Compares the clocks of some devices now and then, on a thread of its own.
class clock_keeper {
 public:
  explicit clock_keeper(std::vector<work_times*> of);
  ~clock_keeper();
  clock_keeper(const clock_keeper&) = delete;
  clock_keeper& operator=(const clock_keeper&) = delete;

 private:
  void run();

  std::vector<work_times*> of_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace fronta::gpu::detail
