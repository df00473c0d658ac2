// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>

#include <gtest/gtest.h>

#include <atomic>

namespace {

TEST(ThreadsStress, EveryTaskOfManyRoundsRunsOnce) {
  std::atomic<int> ran = 0;
  for (int round = 0; round < 200; ++round) {
    fronta::executor ex{fronta::cpu::threads{.workers = 3}};
    for (int i = 0; i < 50; ++i) ex.submit([&ran] { ++ran; });
  }
  EXPECT_EQ(ran.load(), 200 * 50);
}

}  // namespace
