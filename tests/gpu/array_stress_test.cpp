// SPDX-License-Identifier: Apache-2.0
#include <fronta/array.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>

#include <gtest/gtest.h>

#include <support/host_kernel.hpp>

#include <cstddef>
#include <numeric>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace {

using fronta::array;
using fronta::executor;
using fronta::future;
using fronta::gpu::stream;
using fronta::gpu::view;
using fronta::test::host_kernel;

array<int> plus_one(stream& s, view<const int> in) {
  auto out = s.make_array<int>(in.size());
  s.launch(host_kernel([](view<const int> from, view<int> to) {
             for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i] + 1;
           }),
           {}, {}, in, s.write(out));
  return out;
}

array<int> increment(stream& s, array<int> a) {
  s.launch(host_kernel([](view<int> v) {
             for (auto& x : v) ++x;
           }),
           {}, {}, s.write(a));
  return a;
}

// Arrays wander between the host and two devices, of which neither has room for all, and are
// changed in place or in copies; each has to hold what its history says.
TEST(ArrayStress, WanderingArraysKeepTheirNumbers) {
  constexpr std::size_t size = 1'000;
  executor ex{fronta::cpu::threads{.workers = 4},
              fronta::gpu::simulated{.devices = 2,
                                     .memory = 12 * size * sizeof(int),
                                     .model = fronta::gpu::time_model::instant()}};
  std::mt19937 random(1);
  const auto below = [&](unsigned n) { return random() % n; };
  for (int round = 0; round < 20; ++round) {
    struct tracked {
      future<array<int>> now;
      int value;
    };
    std::vector<tracked> all;
    std::vector<future<bool>> looks;
    for (int i = 0; i < 8; ++i) {
      all.push_back({ex.scatter(array<int>(size, i)), i});
    }
    for (int step = 0; step < 100; ++step) {
      auto& t = all[below(static_cast<unsigned>(all.size()))];
      const std::string place = below(2) == 0 ? "gpu:0" : "gpu:1";
      switch (below(5)) {
        case 0:
          t = {ex.submit({.place_on = place}, plus_one, t.now), t.value + 1};
          break;
        case 1:
          t = {ex.submit({.place_on = place}, increment, t.now), t.value + 1};
          break;
        case 2:
          t = {ex.submit({.place_on = place}, increment, std::move(t.now)), t.value + 1};
          break;
        case 3:
          t = {ex.submit(
                   [](std::span<const int> v) {
                     std::vector<int> next(v.begin(), v.end());
                     for (auto& x : next) ++x;
                     return array<int>(std::move(next));
                   },
                   t.now),
               t.value + 1};
          break;
        default:
          // Somebody looks while others work.
          looks.push_back(ex.submit(
              [value = t.value](std::span<const int> v) { return v[0] == value; }, t.now));
      }
    }
    for (const auto& look : looks) ASSERT_TRUE(look.get());
    for (const auto& t : all) {
      const auto numbers = t.now.get();
      for (const int x : numbers.span()) ASSERT_EQ(x, t.value);
    }
  }
}

}  // namespace
