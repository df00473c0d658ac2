// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fronta::viz {

/// What both exports draw. Slices of a track nest: that is what other viewers ask for.
struct track {
  std::string name;
  std::size_t group = 0;  ///< in `tracks::groups`
};

struct slice {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::uint32_t track = 0;
  task_number task = no_task;
  std::string_view name = {};
  std::string_view category = {};
  std::uint8_t attempt = 0;
  bool failed = false;
  bool lost = false;
  bool came_over = false;
  bool goes_on = false;
  bool observed = false;    ///< the work was done somewhere within
  bool open = false;        ///< it has no end in the trace
  std::int64_t error = 0;   ///< half the interval in which its ends are known to lie
  std::uint64_t bytes = 0;  ///< of a copy
};

struct message {
  std::int64_t time = 0;
  std::uint32_t track = 0;
  std::string_view text;
};

/// From the last slice of the input to the first of the task that needs it.
struct flow {
  std::size_t from = 0;  ///< in `tracks::slices`
  std::size_t to = 0;
};

struct series {
  std::string name;
  std::size_t group = 0;
  bool counts = false;  ///< tasks
  std::vector<std::pair<std::int64_t, double>> values;
};

struct tracks {
  std::vector<std::string> groups;
  std::vector<track> all;
  /// By track; in each by begin, the outer one first.
  std::vector<slice> slices;
  std::vector<message> moments;
  std::vector<flow> flows;
  std::vector<series> counters;
};

/// Names are views into the index.
[[nodiscard]] tracks tracks_of(const index& of);

}  // namespace fronta::viz
