// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/host_thrust.hpp>

#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/gpu_kind.hpp>
#include <support/test_kernels.hpp>

#include <algorithm>
#include <span>
#include <vector>

#include <thrust/sort.h>

namespace {

using fronta::gpu::stream;
using fronta::test::gate;

TEST(HostThrust, RunsInStreamOrder) {
  fronta::executor ex{fronta::cpu::threads{.workers = 1},
                      fronta::gpu::simulated{.model = fronta::gpu::time_model::instant()}};
  gate go;
  std::vector<int> numbers = {3, 1, 2};
  ex.submit([&](stream& s) {
      auto keys = s.allocate<int>(3);
      fronta::test::run_on(s, [&, v = s.write(keys)] {
        go.wait();
        std::ranges::copy(numbers, v.begin());
      });
      s.host_thrust([v = s.write(keys)](auto policy) { thrust::sort(policy, v.begin(), v.end()); });
      s.to_host(std::span(numbers), keys);
      go.open();
    }).get();
  EXPECT_EQ(numbers, (std::vector{1, 2, 3}));
}

class HostThrustOnADevice : public fronta::test::OnEachGpuKind {};
INSTANTIATE_TEST_SUITE_P(Cuda, HostThrustOnADevice, testing::Values(fronta::test::gpu_kind::cuda));

TEST_P(HostThrustOnADevice, IsRefused) {
  EXPECT_THROW(run([](stream& s) { s.host_thrust([](auto) {}); }), fronta::launch_error);
}

}  // namespace
