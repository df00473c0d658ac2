// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fronta {

/// Why a task got its places, with the figures that spoke for them: see `executor_ref::explain`.
/// They are estimates of the moment of the decision, which was made when a worker had the task.
struct placement {
  enum class reason : std::uint8_t {
    unplaced,    ///< it has got none yet
    pool,        ///< it asks for nothing, so any worker takes it
    tags,        ///< tags, `place_on`, and the queues of places that offer them
    data,        ///< there was least to copy, queues considered
    cost,        ///< it is expected to end first there
    stays,       ///< hardly later than elsewhere, and its data is there
    exploring,   ///< too few runs of this body were known, so this is one more
    refreshing,  ///< as the last one, since what is known of this body has grown old
    no_figures,  ///< first runs are under way and none has ended, so: by data
    fell_back,   ///< the CPU body, since the device could not; see `failure`
  };

  /// A place that was weighed.
  struct option {
    std::string place;
    bool simulated = false;             ///< times are those of a model, and say nothing about a GPU
    std::size_t missing = 0;            ///< bytes that would have to be copied there
    std::chrono::nanoseconds copy{0};   ///< … by measured bandwidth
    bool copy_known = true;             ///< false where no bandwidth was measured: `copy` is 0
    std::chrono::nanoseconds ahead{0};  ///< work that is in its way
    /// Median of the last runs alike, and half of their interquartile range as a share of it.
    std::optional<std::chrono::nanoseconds> run = {};
    double spread = 0;
    std::size_t samples = 0;  ///< runs that this is from

    /// Until its end.
    [[nodiscard]] std::optional<std::chrono::nanoseconds> total() const {
      return run ? std::optional(*run + copy + ahead) : std::nullopt;
    }
  };

  reason why = reason::unplaced;
  std::vector<option> options = {};  ///< the chosen one first
  std::string failure = {};          ///< what the device said

  /// One line: "gpu:0 by cost: est. 1.9 ms incl. 400 us for 12 MB (31 runs, +-6 %); cpu: est. 7.1
  /// ms (31 runs, +-2 %)".
  [[nodiscard]] std::string text() const;
};

}  // namespace fronta
