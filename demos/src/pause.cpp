// SPDX-License-Identifier: Apache-2.0
#include "pause.hpp"

#include <fronta/errors.hpp>
#include <fronta/this_task.hpp>
#include <fronta/time.hpp>

#include <condition_variable>
#include <mutex>

namespace fronta::demos {

void pause(std::chrono::duration<double> how_long) {
  const auto stop = this_task::stop_token();
  if (how_long.count() > 0 && !stop.stop_requested()) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    // Saturated first: a duration<double> may be larger than any instant of the clock.
    const deadline until{time_limit(how_long)};
    stopped.wait_until(lock, stop, until.when(), [] { return false; });
  }
  if (stop.stop_requested()) throw cancelled_error("pause: the task was asked to stop");
}

}  // namespace fronta::demos
