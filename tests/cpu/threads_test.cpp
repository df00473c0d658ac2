// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>

#include <gtest/gtest.h>

#include <stdexcept>

namespace {

TEST(Threads, T02_NoWorkersIsAnErrorAtConstruction) {
  EXPECT_THROW(fronta::executor{fronta::cpu::threads{.workers = 0}}, std::invalid_argument);
}

TEST(Threads, RunsWhatIsSubmitted) {
  fronta::executor ex{fronta::cpu::threads{.workers = 2}};
  EXPECT_EQ(ex.submit([] { return 6 * 7; }).get(), 42);
}

}  // namespace
