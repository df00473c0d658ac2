// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstdint>

namespace fronta::viz {

/// Sums up the bars of an index's lanes, once all are there.
class lane_sums {
 public:
  explicit lane_sums(index& made) : to_(made) {}
  void sum_up(std::uint32_t lane);

 private:
  void find_own_times(index::lane_row& row) const;
  void note_look(const index::stored_bar& b);

  index& to_;
};

}  // namespace fronta::viz
