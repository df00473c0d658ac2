// SPDX-License-Identifier: Apache-2.0
#include <fronta/future.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

namespace {

TEST(FutureStress, CancelRacingWithSetValueHasExactlyOneOutcome) {
  for (int round = 0; round < 2'000; ++round) {
    fronta::promise<int> promise;
    const fronta::future<int> future = promise.get_future();
    std::latch start{2};
    std::atomic<bool> cancelled = false;
    std::jthread canceller{[&, future] {
      start.arrive_and_wait();
      cancelled = future.cancel();
    }};
    start.arrive_and_wait();
    bool set = true;
    try {
      promise.set_value(round);
    } catch (const fronta::invalid_state_error&) {
      set = false;
    }
    canceller.join();
    EXPECT_NE(set, cancelled.load());
    EXPECT_EQ(future.cancelled(), cancelled.load());
  }
}

}  // namespace
