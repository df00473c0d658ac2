// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/model.hpp>

#include <cstdint>
#include <vector>

namespace fronta::viz {

/// What is written while an index is made, and packed at its end.
struct index_rows {
  std::vector<task> tasks;
  std::vector<change> changes;
  std::vector<std::uint32_t> completions;           // changes
  std::vector<std::uint32_t> steals;                // events
  std::vector<std::vector<std::uint32_t>> entries;  // of each queue: changes
};

}  // namespace fronta::viz
