// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>
#include <fronta/viz/scene.hpp>
#include <fronta/viz/view.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace fronta::viz {

/// What has one name in a picture of lanes: a lane, or all of a folded place.
struct lane_block {
  std::vector<std::uint32_t> lanes;
  bool pinned = false;
  bool folded = false;
  bool whole_place = false;
  bool for_room = false;  ///< not all lanes have room for a name
};

/// All lanes worth a row, each in one block, from the top. Which they are and where depends on the
/// whole trace, so that rows stay where they are while time goes on.
[[nodiscard]] std::vector<lane_block> arranged(const index& of, const lane_view& how);

/// The name of a block's lane, or of its place and how many lanes it has.
[[nodiscard]] std::string name_of(const index& of, const lane_block& b);

/// Where blocks lie below each other.
struct block_place {
  rect at;             ///< with the gap around it
  rect inner;          ///< of bars
  bool named = false;  ///< there is room for a name
};
struct block_sizes {
  float line = 0;  ///< height of a name
  float gap = 0;
  float most = 0;  ///< height of a row
};
/// Where not all have room for their name: places folded, those of most lanes first, until they
/// have. As they are where that is not enough.
[[nodiscard]] std::vector<lane_block> folded_for_room(const index& of,
                                                      const std::vector<lane_block>& blocks,
                                                      const rect& in, const block_sizes& sizes);

/// Folded ones are as high as a name, or as some pixels a lane; those that are for want of room
/// share what the others leave. Where not all can be named, pinned ones and folded places are, as
/// long as that leaves half of the room to the others.
[[nodiscard]] std::vector<block_place> places_of(const std::vector<lane_block>& blocks,
                                                 const rect& in, const block_sizes& sizes);

}  // namespace fronta::viz
