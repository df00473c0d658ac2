// SPDX-License-Identifier: Apache-2.0
#include <fronta/fronta.hpp>

#include <gtest/gtest.h>

namespace {

TEST(ExecutorStress, LongChainsOfDependentsComplete) {
  fronta::executor ex{fronta::cpu::threads{.workers = 2}};
  auto last = ex.submit([] { return 0; });
  for (int i = 0; i < 10'000; ++i) last = ex.submit([](int x) { return x + 1; }, last);
  EXPECT_EQ(last.get(), 10'000);
}

}  // namespace
