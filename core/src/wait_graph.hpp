// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/worker.hpp>

#include <span>
#include <vector>

namespace fronta::detail {

// One blocked worker: the tasks on its stack all wait for `awaited`.
struct wait_entry {
  std::vector<node*> tasks;
  std::vector<node*> awaited;
  wait_mode mode = wait_mode::all;
};

// Adds the calling worker's wait to the process-wide graph, or throws deadlock_error when it could
// never end. The graph is of the whole process because a ring may go through several executors.
wait_entry* enter_wait(std::span<node* const> awaited, wait_mode mode);
void leave_wait(wait_entry* entry) noexcept;

}  // namespace fronta::detail
