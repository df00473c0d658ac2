// SPDX-License-Identifier: Apache-2.0
// What tasks with amounts have on a device at once, whatever becomes of them.
#include <fronta/gpu/backend.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/errors.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/test_kernels.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using fronta::executor;
using fronta::future;
using fronta::task_options;
using fronta::cpu::threads;
using fronta::gpu::buffer;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::test::gate;
using fronta::test::run_on;

// Amounts that are in use, in quarters, as the device itself sees it.
class in_use {
 public:
  void enter(int quarters) {
    const int now = sum_.fetch_add(quarters) + quarters;
    int most = most_.load();
    while (now > most && !most_.compare_exchange_weak(most, now)) {
    }
  }
  void leave(int quarters) { sum_.fetch_sub(quarters); }
  [[nodiscard]] int most() const { return most_.load(); }
  [[nodiscard]] int now() const { return sum_.load(); }

 private:
  std::atomic<int> sum_{0};
  std::atomic<int> most_{0};
};
using both_devices = std::array<in_use, 2>;

in_use& here(both_devices& all) {
  return all.at(fronta::this_task::place().find("gpu:1") != std::string::npos ? 1 : 0);
}

// Other tasks' kernels come in between the first and the last.
void use(stream& s, in_use& of, int quarters) {
  run_on(s, [&of, quarters] { of.enter(quarters); });
  for (int i = 0; i < 3; ++i) run_on(s, [] {});
  run_on(s, [&of, quarters] { of.leave(quarters); });
}

// All of each device is there again, and no more than that.
void expect_idle(executor& ex, both_devices& meters) {
  both_devices plain;
  std::vector<future<void>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(
        ex.submit({.needs = {{"gpu", 1}}, .place_on = i % 2 == 0 ? "gpu:0" : "gpu:1"}, [&plain] {
          here(plain).enter(4);
          here(plain).leave(4);
        }));
  }
  for (const auto& f : all) f.get();
  for (const auto& p : plain) EXPECT_EQ(p.most(), 4);
  for (const auto& m : meters) {
    EXPECT_EQ(m.now(), 0);
    EXPECT_LE(m.most(), 4);
  }
}

TEST(AmountsStress, NoMoreIsInUseThanThereIs) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    std::mt19937_64 random(seed);
    both_devices meters;
    simulated config{.devices = 2, .streams = 2 + static_cast<int>(seed % 3), .seed = seed};
    if (seed % 2 == 0) {
      config.model = time_model::instant();
    } else {
      config.model.jitter = 1;
    }
    gate go;
    executor ex{threads{.workers = 2}, config};
    // In every third run as much as may be is enqueued before anything runs.
    if (seed % 3 != 0) go.open();
    for (const char* at : {"gpu:0", "gpu:1"}) {
      ex.post({.place_on = at}, [&go](stream& s) { run_on(s, [&go] { go.wait(); }); });
    }
    std::vector<future<buffer<int>>> made[2];
    std::vector<fronta::any_future> all;
    for (int i = 0; i < 8; ++i) {
      made[i % 2].push_back(ex.submit(
          {.needs = {{"gpu", 0.5}}, .place_on = i % 2 == 0 ? "gpu:0" : "gpu:1"}, [&](stream& s) {
            use(s, here(meters), 2);
            return s.allocate<int>(1);
          }));
    }
    for (int i = 0; i < 250; ++i) {
      auto& there = made[random() % 2];
      const int quarters = static_cast<int>(random() % 5);
      task_options o;
      if (quarters != 0) o.needs = {{"gpu", quarters / 4.0}};
      if (random() % 4 == 0) o.priority = static_cast<int>(random() % 3) - 1;
      if (random() % 40 == 0) o.timeout = std::chrono::microseconds(random() % 1'000);
      if (random() % 15 == 0) o.retries = 1;
      if (random() % 20 == 0) {
        o.timeout = {};
        o.needs = {{"gpu", 1}};
        o.place_on = random() % 2 == 0 ? "gpu:0" : "gpu:1";
        all.push_back(ex.submit(o, [&] {
          here(meters).enter(4);
          here(meters).leave(4);
        }));
        continue;
      }
      // Chains, and several that follow one.
      const auto pick = [&] {
        const auto size = there.size();
        return size - 1 - random() % std::min<std::size_t>(size, 6);
      };
      const bool fails = random() % 40 == 0;
      const auto first = pick();
      const auto second = random() % 4 == 0 ? pick() : first;
      there.push_back(ex.submit(
          o,
          [&meters, quarters, fails](stream& s, const buffer<int>& a, const buffer<int>&) {
            if (fails) throw std::runtime_error("drawn to fail");
            use(s, here(meters), quarters);
            return a;
          },
          there[first], there[second]));
      all.push_back(there.back());
      if (random() % 12 == 0) {
        all[all.size() - 1 - random() % std::min<std::size_t>(all.size(), 4)].cancel();
      }
      // What has failed fails all that follow.
      if (random() % 5 == 0) {
        there.push_back(
            ex.submit({.needs = {{"gpu", 0.25}}, .place_on = &there == made ? "gpu:0" : "gpu:1"},
                      [&](stream& s) {
                        use(s, here(meters), 1);
                        return s.allocate<int>(1);
                      }));
      }
    }
    go.open();
    for (const auto& f : all) f.wait();
    // A task that timed out is done before its code has ended.
    for (const auto& there : made) {
      for (const auto& f : there) f.wait();
    }
    ASSERT_NO_FATAL_FAILURE(expect_idle(ex, meters)) << "seed " << seed;
  }
}

// Chains that pass one amount along, with others in between that come and go.
TEST(AmountsStress, ChainsStrangersAndCancelledSuccessors) {
  both_devices meters;
  std::atomic<int> strangers = 0;
  executor ex{threads{.workers = 2}, simulated{.devices = 2, .model = time_model::instant()}};
  const task_options whole{.needs = {{"gpu", 1}}};
  const auto link = [&](stream& s, const buffer<int>& b) {
    use(s, here(meters), 4);
    return b;
  };
  std::array<future<buffer<int>>, 2> chains;
  for (std::size_t i = 0; i < 2; ++i) {
    chains.at(i) = ex.submit({.place_on = i == 0 ? "gpu:0" : "gpu:1"},
                             [](stream& s) { return s.allocate<int>(1); });
  }
  for (int i = 0; i < 1'500; ++i) {
    for (auto& c : chains) {
      if (i % 5 == 0) {
        auto o = whole;
        o.priority = 1;
        auto important = ex.submit(o, [](stream&) {});
        auto next = ex.submit(whole, link, c);
        important.cancel();
        if (!next.cancel()) c = std::move(next);
      }
      if (i % 7 == 0) ex.post(whole, [&](stream&) { ++strangers; });
      c = ex.submit(whole, link, std::move(c));
    }
  }
  for (const auto& c : chains) EXPECT_EQ(c.result().size(), 1U);
  expect_idle(ex, meters);
  ex.shutdown();
  EXPECT_EQ(strangers, 2 * (1'500 / 7 + 1));
}

}  // namespace
