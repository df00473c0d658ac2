// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "step_series.hpp"

#include <fronta/viz/index.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fronta::viz {

/// Something of a run that has a value at any moment.
struct run_value {
  enum class kind : std::uint8_t {
    queue,    ///< how many tasks wait in a kind of queue
    workers,  ///< how many slots of a place run a task
    streams,  ///< on how many streams of a place a device is at work
    bytes,    ///< of arrays that lie at a place
    copies,   ///< bytes a second that are copied: each copy's bytes evenly over its time
    retries,  ///< so far
    failures,
    counter,  ///< the program's own, where it is a finite number
  };
  kind what = kind::queue;
  std::uint16_t executor = 0;
  std::int32_t place = -1;
  std::uint32_t number = 0;  ///< in the order of their first mention
  std::uint32_t out_of = 0;  ///< of workers and streams: how many there are
  std::string name;          ///< of what, such as "cpu inbox" or "arrays at gpu:0"
  step_series values;
  /// Of streams: since when less may have been at work. Of what the host only observed it knows
  /// that it had ended, and nothing else.
  std::int64_t observed_since = forever;
};

/// All that can be plotted of a trace. Built once, in time linear in its events.
class run_series {
 public:
  explicit run_series(const index& of);

  /// Only what ever was something else than 0; by kind.
  [[nodiscard]] std::span<const run_value> all() const noexcept { return all_; }
  /// For how long the executor of a place was open, of a range.
  [[nodiscard]] std::int64_t open(std::uint16_t executor, std::int64_t from,
                                  std::int64_t until) const noexcept;

 private:
  struct life {
    std::uint16_t executor;
    std::int64_t begin;
    std::int64_t end;
  };

  std::vector<run_value> all_;
  std::vector<life> lives_;
};

}  // namespace fronta::viz
