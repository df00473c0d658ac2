// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "task_relations.hpp"

#include <fronta/viz/index.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fronta::viz {

/// All that the trace says of one task up to a moment, in the order of its life.
struct biography {
  struct phase {
    std::uint32_t change = none;
    std::int64_t begin = 0;
    std::int64_t end = 0;  ///< the moment, while it goes on
    bool goes_on = false;
    bool failed = false;  ///< an attempt that ended with an error
    std::string why;      ///< where, and for what
  };
  struct route {
    std::string place;
    std::string why;  ///< empty if it is not told
  };
  struct tag {
    std::string name;
    std::string place;  ///< empty: the executor's own
    std::uint32_t units = 0;
    std::int64_t begin = 0;
    std::int64_t end = forever;  ///< `forever` while it has it
  };
  /// A device was at work.
  struct piece {
    std::uint32_t span = none;
    std::string lane;
    std::int64_t begin = 0;
    std::int64_t end = forever;
    std::int64_t begin_error = 0;  ///< half of the interval in which it was
    std::int64_t end_error = 0;
  };
  struct data {
    trace::event_kind what = trace::event_kind::placed;
    std::string place;
    std::uint64_t bytes = 0;
    std::uint32_t arrays = 0;
  };
  struct consumer {
    task_number by = no_task;  ///< outside tasks
    std::int64_t time = 0;
  };

  std::vector<phase> phases;  ///< none before it is submitted; no wait that took no time
  std::int64_t run = 0;       ///< see work_time.hpp
  std::int64_t wait = 0;
  std::optional<std::int64_t> on_core;  ///< of its runs, where that was recorded
  std::string location;                 ///< file:line; empty if it is not told
  std::optional<route> chosen;
  std::vector<task_number> inputs;
  std::optional<std::uint64_t> value;  ///< bytes, once it has one that has any
  std::vector<task_number> dependents;
  std::vector<task_number> submitted;
  std::vector<consumer> consumers;
  std::uint32_t callbacks = 0;        ///< that have begun
  std::int64_t callbacks_lasted = 0;  ///< those that have ended
  std::vector<tag> tags;
  std::vector<piece> pieces;
  std::vector<data> arrays;  ///< summed by kind and place
  std::uint64_t copied = 0;  ///< bytes, by copies that have ended
};

[[nodiscard]] biography biography_of(const index& of, const task_relations& relations,
                                     task_number t, std::int64_t at);

/// That its value stands for; 0 without one, also as long as it has not ended.
[[nodiscard]] std::uint64_t value_bytes_of(const index& of, const task_relations& relations,
                                           task_number t, std::int64_t at);

/// "task 3, task 5 and 7 more".
[[nodiscard]] std::string listed(const std::vector<task_number>& tasks, std::size_t most);

}  // namespace fronta::viz
