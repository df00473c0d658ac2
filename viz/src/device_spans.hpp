// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_file.hpp>
#include <fronta/viz/index.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fronta::viz {

/// What a device did for a task, with times of the trace: it was at work at some time between
/// `begin_earliest` and `end_latest`.
struct timed_span {
  trace::device_span what;
  task_number task = no_task;
  std::uint32_t thread = 0;
  std::size_t told = 0;  ///< how many were told before
};

/// From the steady clock's times to those of a trace that begins at `origin` and of which nothing
/// is known beyond `last`. False for times of another clock, such as a simulation's, and then the
/// span is of no use.
[[nodiscard]] bool to_trace_times(trace::device_span& of, std::int64_t origin, std::int64_t last);

/// Of each attempt of a task the best that is known: its pieces as the device told them, else the
/// whole as stamped, else as observed. By task and time.
[[nodiscard]] std::vector<timed_span> best_known(std::vector<timed_span> all);

/// When the bars of a lane's rows are sure to be at work, so that each new one gets a row where
/// nothing else is sure to be. Bars come in the order of their earliest begins.
class sure_rows {
 public:
  explicit sure_rows(std::size_t most) : most_(most) {}
  /// The row; `most` where there is none left.
  std::size_t place(const trace::device_span& bar);

 private:
  std::size_t most_;
  std::vector<std::int64_t> until_;
};

}  // namespace fronta::viz
