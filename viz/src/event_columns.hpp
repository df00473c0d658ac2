// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device_spans.hpp"
#include "index_rows.hpp"
#include "task_table.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/index.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

namespace fronta::viz {

/// Turns what a file holds into an index's events, its devices' spans among them, and numbers the
/// tasks. Takes the file's events and spans away while it goes on, as both at once would need room.
class event_columns {
 public:
  /// Seven months. So no difference of times overflows, and no sum of what lies on a lane.
  static constexpr std::int64_t farthest = std::int64_t{1} << 54U;

  /// Of so many threads, the last one for those that the file does not tell of.
  event_columns(index& made, index_rows& rows, trace::file_contents& from, std::size_t threads)
      : to_(made), rows_(rows), from_(from), threads_(threads) {}

  void take_all();

  /// Whether the task ever issues work to a device.
  [[nodiscard]] bool issues(task_number t) const noexcept { return issues_[t]; }
  /// The task whose id is the argument of an event of another task; `no_task` if it is not known.
  [[nodiscard]] task_number other_of(std::uint32_t event) noexcept;

 private:
  task_number task_of(const trace::event& e);
  task_number number_of(std::uint16_t executor, std::uint64_t id);
  void take_events();
  void take_spans();
  void merge(const std::vector<timed_span>& spans);
  void find_elsewhere();

  index& to_;
  index_rows& rows_;
  trace::file_contents& from_;
  std::size_t threads_;
  task_table table_;
  std::vector<bool> issues_;
  std::set<std::uint16_t> executors_;  // of tasks
  bool several_meet_ = false;
  std::map<std::uint32_t, std::uint16_t> elsewhere_;  // by event: the executor of its argument
};

}  // namespace fronta::viz
