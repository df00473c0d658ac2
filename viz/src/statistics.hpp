// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "range_order.hpp"
#include "task_groups.hpp"
#include "waits.hpp"

#include <fronta/viz/index.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace fronta::viz {

/// How many there are, and how long it took them. What is said of a range is of the tasks that
/// ended in it, both ends included, and of their whole lives. Built once for a trace, in time
/// linear in its events but for a sort; answers take time by names and not by tasks.
///
/// What *run* and *wait* are says work_time.hpp; both are of tasks that ran at all.
class statistics {
 public:
  statistics(const index& of, const task_groups& groups);

  enum class time : std::uint8_t { run, wait };

  struct counts {
    std::uint32_t group = 0;
    std::uint32_t ended = 0;
    std::uint32_t failed = 0;
    std::uint32_t cancelled = 0;
    std::uint32_t ran = 0;
    std::uint32_t observed = 0;  ///< of those that ran: `run` is at most that, see work_time.hpp
    std::uint64_t retries = 0;
    std::uint64_t run = 0;  ///< in all
    std::uint64_t wait = 0;
    // Of all that ran, those of this group and range.
    std::size_t begin = 0;
    std::size_t end = 0;

    [[nodiscard]] std::uint32_t done() const noexcept { return ended - failed - cancelled; }
  };

  /// Names of which a task ended, the longest total run first.
  [[nodiscard]] std::vector<counts> by_name(std::int64_t from, std::int64_t until) const;

  /// The nearest rank: the smallest value that is not exceeded by `per_mille` of 1 000 of them, so
  /// always one that was measured. 0 without any.
  [[nodiscard]] std::int64_t percentile(const counts& of, time what,
                                        std::uint64_t per_mille) const noexcept;
  /// How many are in each of the bins that begin at `edges`; the last has no end.
  [[nodiscard]] std::vector<std::size_t> histogram(const counts& of, time what,
                                                   std::span<const std::int64_t> edges) const;

  struct waited {
    wait_cause why;
    std::uint64_t total = 0;
    std::uint32_t times = 0;
  };
  /// What the tasks that ended in the range waited for, the longest total first.
  [[nodiscard]] std::vector<waited> waits(std::int64_t from, std::int64_t until) const;

 private:
  struct ended_task {
    std::uint32_t place;  // among the tasks that ended, by time
    std::uint32_t failed;
    std::uint32_t cancelled;
    std::uint32_t ran;
    std::uint32_t observed;
    std::uint32_t retries;  // these five: of all before it in the table
  };
  struct cause_row {
    wait_cause why;
    std::vector<std::uint32_t> places;
    std::vector<std::uint64_t> totals;  // of all up to each
  };

  // Which of those that ended did so in a range.
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> in_range(std::int64_t from,
                                                                 std::int64_t until) const noexcept;
  [[nodiscard]] const range_order& order(time what) const noexcept {
    return orders_[static_cast<std::size_t>(what)];
  }

  std::vector<std::int64_t> ends_;     // by time
  std::vector<std::uint32_t> firsts_;  // of each group in `table_`, and the end
  std::vector<ended_task> table_;      // by group, then by time, and one behind the last
  // Before each that ran, in the same order. Without a sign: no made-up trace can overflow them.
  std::array<std::vector<std::uint64_t>, 2> totals_;
  std::array<range_order, 2> orders_;
  std::vector<cause_row> causes_;
};

/// Where bins begin, and where the last of them ends.
struct log_bins {
  std::vector<std::int64_t> edges;
  std::int64_t end = 0;
};
/// Bins that grow evenly by ratio, from 1, 2 or 5 times a power of ten up to beyond `most`; at most
/// `bins` of them.
[[nodiscard]] log_bins log_edges(std::int64_t least, std::int64_t most, std::size_t bins);

}  // namespace fronta::viz
