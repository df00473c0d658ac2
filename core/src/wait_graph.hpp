// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/worker.hpp>

#include <span>
#include <vector>

namespace fronta::detail {

// A node on this thread's stack that is telling its edges; `rest` are those that have not been
// told.
struct firing {
  edge* const* rest;
  const firing* outer;
};
inline constinit thread_local const firing* this_firing = nullptr;
// Whether this thread may hold tasks back while it runs a callback or the like.
[[nodiscard]] inline bool holds_tasks() noexcept {
  return this_firing != nullptr || this_turn.outer != nullptr || this_turn.failed != nullptr ||
         this_turn.first_joint != nullptr;
}

// One blocked thread: the tasks on its stack all wait for `awaited`.
struct wait_entry {
  std::vector<node*> tasks;
  std::vector<node*> awaited;
  // Tasks that go on only when this thread does, since it is in a callback that comes before them.
  std::vector<node*> untold;
  wait_mode mode = wait_mode::all;
};

// Adds the calling thread's wait to the process-wide graph, or throws deadlock_error when it could
// never end. For workers, and for other threads that hold tasks; what they can end themselves they
// end first. The graph is of the whole process
// because a ring may go through several executors.
wait_entry* enter_wait(std::span<node* const> awaited, wait_mode mode);
void leave_wait(wait_entry* entry) noexcept;

}  // namespace fronta::detail
