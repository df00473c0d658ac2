// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/thrust.cuh>

#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/gpu_kind.hpp>
#include <support/test_kernels.hpp>

#include <algorithm>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <vector>

#include <thrust/scan.h>
#include <thrust/sort.h>
#include <thrust/transform.h>

namespace {

using fronta::executor;
using fronta::gpu::stream;
using fronta::gpu::view;
using fronta::test::gate;

struct square {
  __host__ __device__ int operator()(int x) const { return x * x; }
};

std::vector<int> shuffled(int n) {
  std::vector<int> numbers(static_cast<std::size_t>(n));
  std::iota(numbers.begin(), numbers.end(), 0);
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937(7));
  return numbers;
}

// nvcc wants lambdas with its policies in functions, not in the bodies of tests, which are private.

/// Sorts 0 … n-1, squares them and adds them up; each step needs the one before.
std::vector<int> prefix_sums_of_squares(executor& ex, int n) {
  std::vector<int> numbers = shuffled(n);
  ex.submit([&](stream& s) {
      auto keys = s.to_device(std::span<const int>(numbers));
      auto sums = s.allocate<int>(keys.size());
      const view<int> v = s.write(keys);
      const view<int> out = s.write(sums);
      s.thrust([v](auto policy) { thrust::sort(policy, v.begin(), v.end()); });
      s.thrust([v, out](auto policy) {
        thrust::transform(policy, v.begin(), v.end(), v.begin(), square());
        thrust::inclusive_scan(policy, v.begin(), v.end(), out.begin());
      });
      s.to_host(std::span<int>(numbers), sums);
    }).get();
  return numbers;
}

/// How many bytes are missing from the device after sorts in a row.
std::size_t memory_kept(executor& ex) {
  const auto free_bytes = [&] {
    return ex.submit([](stream& s) { return s.on().memory().free_bytes; }).get();
  };
  const auto before = free_bytes();
  ex.submit([](stream& s) {
      const auto numbers = shuffled(1 << 16);
      auto keys = s.to_device(std::span<const int>(numbers));
      const view<int> v = s.write(keys);
      for (int i = 0; i < 10; ++i) {
        s.thrust([v](auto policy) { thrust::sort(policy, v.begin(), v.end()); });
      }
    }).get();
  const auto after = free_bytes();
  return before > after ? before - after : 0;
}

bool host_part_goes_on_before_the_body(executor& ex) {
  gate go;
  bool sorted = false;
  bool early = true;
  std::vector<int> numbers = {2, 1};
  ex.submit([&](stream& s) {
      fronta::test::run_on(s, [&] { go.wait(); });
      auto keys = s.to_device(std::span<const int>(numbers));
      const view<int> v = s.write(keys);
      bool* const flag = &sorted;
      s.thrust([v, flag](auto policy) {
        thrust::sort(policy, v.begin(), v.end());
        *flag = true;
      });
      early = sorted;
      s.to_host(std::span<int>(numbers), keys);
      go.open();
    }).get();
  return !early && sorted && numbers == std::vector<int>{1, 2};
}

class Thrust : public fronta::test::OnEachGpuKind {};
FRONTA_ON_EACH_GPU_KIND(Thrust);

TEST_P(Thrust, RunsInStreamOrder) {
  for (const int n : {0, 1, 257, 1'000}) {
    const auto sums = prefix_sums_of_squares(on(), n);
    int sum = 0;
    for (int i = 0; i < n; ++i) {
      sum += i * i;
      ASSERT_EQ(sums[static_cast<std::size_t>(i)], sum);
    }
  }
}

TEST_P(Thrust, GivesItsTemporaryMemoryBack) { EXPECT_LT(memory_kept(on()), 1U << 20); }

TEST(ThrustOnASimulatedDevice, DoesNotHoldUpTheHostPart) {
  executor ex{fronta::cpu::threads{.workers = 1},
              fronta::gpu::simulated{.model = fronta::gpu::time_model::instant()}};
  EXPECT_TRUE(host_part_goes_on_before_the_body(ex));
}

}  // namespace
