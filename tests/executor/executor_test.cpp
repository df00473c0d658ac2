// SPDX-License-Identifier: Apache-2.0
#include <fronta/fronta.hpp>

#include <gtest/gtest.h>

namespace {

TEST(Executor, D01_AFutureAsAnArgumentIsAnEdge) {
  auto ex = fronta::local_executor();
  auto a = ex.submit([] { return 41; });
  auto b = ex.submit([](int x) { return x + 1; }, a);
  EXPECT_EQ(b.get(), 42);
}

}  // namespace
