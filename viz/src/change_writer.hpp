// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "index_rows.hpp"

#include <fronta/viz/index.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fronta::viz {

/// Writes into an index what its tasks are doing, change by change in the order of time: with it
/// who is in which queue, and every so often how many are in each state.
class change_writer {
 public:
  change_writer(index& made, index_rows& rows) : to_(made), rows_(rows) {}

  void set(task_number t, std::uint32_t event, task_state state, std::uint16_t where,
           std::uint8_t attempt);
  /// With the attempt that it has.
  void keep(task_number t, std::uint32_t event, task_state state, std::uint16_t where);

  [[nodiscard]] const change* last_of(task_number t) const;
  [[nodiscard]] bool ended(task_number t) const;
  [[nodiscard]] bool at_work(task_number t) const;
  [[nodiscard]] std::uint8_t attempt_of(task_number t) const;

 private:
  static constexpr std::size_t block = 64;

  // However many queues there are, checkpoints take less room than changes.
  [[nodiscard]] std::size_t apart() const noexcept;
  std::uint32_t& count(std::size_t nth);
  std::uint32_t& count_of_executor(task_number t, task_state s);
  void leave_queue(task_number t, const change& before, std::uint32_t number);
  void enter_queue(task_number t, std::uint16_t queue, std::uint32_t number);

  index& to_;
  index_rows& rows_;
  std::vector<std::uint32_t> entry_;  // of each task, in the queue where it is
  std::vector<std::uint32_t> counts_ = std::vector<std::uint32_t>(task_states);
  std::vector<std::uint32_t> by_executor_;
  std::vector<std::vector<std::uint32_t>> open_;  // of each queue and block of its entries
};

}  // namespace fronta::viz
