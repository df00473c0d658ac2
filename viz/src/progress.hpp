// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "task_groups.hpp"

#include <fronta/viz/index.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fronta::viz {

/// How many tasks of each name are in which state at any moment. Built once for a trace, in time
/// linear in its changes.
class progress {
 public:
  progress(const index& of, const task_groups& groups);

  struct counts {
    std::array<std::uint32_t, task_states> in{};
    std::int64_t begin = 0;  ///< the first submission
    std::int64_t end = 0;    ///< the last of its changes so far

    [[nodiscard]] std::uint32_t operator[](task_state s) const noexcept {
      return in[static_cast<std::size_t>(s)];
    }
    [[nodiscard]] std::uint64_t submitted() const noexcept;
    [[nodiscard]] std::uint64_t ended() const noexcept;
    /// Since the first submission; as long as all have ended, up to the last end.
    [[nodiscard]] std::int64_t lasts(std::int64_t at) const noexcept;
    /// Ends a second, over that time; 0 where there is none.
    [[nodiscard]] double rate(std::int64_t at) const noexcept;
    /// How long the rest takes if it goes on as it did: a guess, and none before the first end.
    [[nodiscard]] std::int64_t rest(std::int64_t at) const noexcept;
  };
  [[nodiscard]] counts at(const index& of, std::uint32_t group, std::int64_t t) const;
  /// Names of which a task was submitted by `t`: as they came if they are no more than `most`, else
  /// the ones with most tasks.
  [[nodiscard]] std::vector<std::uint32_t> names_at(const index& of, std::int64_t t,
                                                    std::size_t most) const;
  /// How many names there are by `t`.
  [[nodiscard]] std::size_t names_until(const index& of, std::int64_t t) const noexcept;

 private:
  static constexpr std::size_t apart = 64;

  // How many of a group's changes are at or before t.
  [[nodiscard]] std::size_t changes_until(const index& of, std::uint32_t group,
                                          std::int64_t t) const noexcept;

  std::vector<std::uint32_t> firsts_;  // of each group in `changes_`, and the end
  std::vector<std::uint32_t> changes_;
  std::vector<std::uint32_t> first_counts_;                     // of each group in `counts_`
  std::vector<std::array<std::uint32_t, task_states>> counts_;  // after each 64 of its changes
  std::vector<std::uint32_t> by_begin_;  // groups in the order of their first change
};

}  // namespace fronta::viz
