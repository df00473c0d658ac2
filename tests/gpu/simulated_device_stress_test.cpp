// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/errors.hpp>
#include <fronta/gpu/simulated.hpp>

#include <support/gpu_work.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using fronta::device_lost_error;
using fronta::gpu::copy_kind;
using fronta::gpu::device;
using fronta::gpu::event_handle;
using fronta::gpu::simulated;
using fronta::gpu::simulation;
using fronta::gpu::stream_handle;
using fronta::gpu::stream_state;
using fronta::gpu::time_model;
using fronta::test::doing;
using fronta::test::finish;
using fronta::test::pinned_words;

#if defined(__SANITIZE_THREAD__)
constexpr int scale = 1;
#else
constexpr int scale = 4;
#endif

simulated quick(int devices) { return {.devices = devices, .model = time_model::instant()}; }

// A stream and counters of its work. `done` is touched by that work only, in plain memory so that
// TSan watches; `shown` is for others.
struct lane {
  lane(device& d, int priority) : gpu(&d), s(d.create_stream(priority)) {}
  void work() {
    ++done;
    shown.store(done, std::memory_order_relaxed);
  }
  device* gpu;
  stream_handle s;
  std::uint64_t enqueued = 0;  // by the one thread that owns the lane
  std::uint64_t done = 0;
  std::atomic<std::uint64_t> shown{0};
};
using lanes = std::deque<lane>;

// Enqueues kernels, words, memory, copies and host calls on some lanes, whose order it checks, and
// ties them together by events. Lane i writes words[first_word + i].
void drive(unsigned seed, lanes& own, pinned_words& words, std::size_t first_word, int operations) {
  std::minstd_rand random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  std::vector<event_handle> events;
  for (auto& l : own) events.push_back(l.gpu->create_event(true));
  for (int i = 0; i < operations; ++i) {
    const std::size_t at = below(own.size());
    lane& l = own[at];
    switch (below(8)) {
      case 0: {
        const std::size_t other = below(own.size());
        lane& from = own[other];
        from.gpu->record(from.s, events[other]);
        l.gpu->wait(l.s, events[other]);
        l.gpu->enqueue(
            l.s, doing([&from, due = from.enqueued] {
              // Marks of a lost device are passed, so that nobody hangs.
              if (from.shown.load(std::memory_order_relaxed) < due && from.gpu->fault_code() == 0) {
                throw std::runtime_error("a mark was passed too early");
              }
            }));
        break;
      }
      case 1:
        l.gpu->write_word(l.s, words[first_word + at], l.enqueued);
        break;
      case 2: {
        auto* const p = static_cast<std::uint64_t*>(l.gpu->allocate(l.s, 64));
        const std::uint64_t value = random();
        l.gpu->copy(l.s, p, &value, sizeof value, copy_kind::to_device);
        ++l.enqueued;
        l.gpu->enqueue(l.s, doing([&l, p, value] {
                         if (*p != value) throw std::runtime_error("bytes were lost");
                         l.work();
                         *p = l.done;
                       }));
        if (below(2) == 0) {
          std::uint64_t back = 0;
          l.gpu->copy(l.s, &back, p, sizeof back, copy_kind::to_host);
          EXPECT_EQ(back, l.enqueued);
        }
        l.gpu->deallocate(l.s, p);
        break;
      }
      case 3:
        l.gpu->record(l.s, events[at]);
        if (l.gpu->synchronize(events[at])) {
          EXPECT_EQ(l.done, l.enqueued);
        }
        break;
      case 4:
        ++l.enqueued;
        l.gpu->call_host(l.s, [](void* p) { static_cast<lane*>(p)->work(); }, &l);
        break;
      default:
        l.gpu->enqueue(l.s, doing([&l, before = l.enqueued++] {
                         if (l.done != before) throw std::runtime_error("out of order");
                         l.work();
                       }));
    }
  }
  for (std::size_t i = 0; i < own.size(); ++i) own[i].gpu->destroy_event(events[i]);
}

bool finish_or_lost(lane& l) {
  try {
    return finish(*l.gpu, l.s);
  } catch (const device_lost_error&) {
    return false;
  }
}

constexpr std::size_t lanes_each = 3;

// A thread for each of `all`, on lanes over all devices.
void drive_from_threads(simulation& sim, unsigned seed, std::vector<lanes>& all,
                        pinned_words& words, int operations) {
  std::vector<std::jthread> threads;
  threads.reserve(all.size());
  for (auto& each : all) {
    for (int i = 0; i < static_cast<int>(lanes_each); ++i) {
      each.emplace_back(sim.at(i % sim.count()), -i);
    }
  }
  for (std::size_t t = 0; t < all.size(); ++t) {
    threads.emplace_back([&, t] {
      try {
        drive(seed * 100 + static_cast<unsigned>(t), all[t], words, t * lanes_each, operations);
      } catch (const device_lost_error&) {
        // Only where a fault is part of the test; the others look for one.
      }
    });
  }
}

TEST(SimulatedDeviceStress, KeepsTheOrderOfManyStreamsOfManyThreads) {
  for (unsigned seed = 1; seed <= 2 * scale; ++seed) {
    SCOPED_TRACE(seed);
    auto c = quick(2);
    if (seed % 2 == 0) {  // some modelled time, so that engines sleep as well
      c.model.launch = std::chrono::nanoseconds(1'000);
      c.model.copy = std::chrono::nanoseconds(2'000);
      c.model.jitter = 1;
    }
    std::vector<lanes> all(4);
    simulation sim(c);
    pinned_words words(sim.at(0), all.size() * lanes_each);
    drive_from_threads(sim, seed, all, words, 500);
    for (std::size_t t = 0; t < all.size(); ++t) {
      for (std::size_t i = 0; i < lanes_each; ++i) {
        lane& l = all[t][i];
        l.gpu->write_word(l.s, words[t * lanes_each + i], l.enqueued);
        EXPECT_TRUE(finish(*l.gpu, l.s));
        EXPECT_EQ(l.gpu->query(l.s), stream_state::idle);
        EXPECT_EQ(l.done, l.enqueued);
        EXPECT_EQ(words[t * lanes_each + i].load(), l.enqueued);
        l.gpu->destroy_stream(l.s);
      }
    }
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(sim.at(i).fault_text(), "");
      EXPECT_EQ(sim.at(i).memory().free_bytes, sim.at(i).memory().total_bytes);
    }
  }
}

TEST(SimulatedDeviceStress, HangsNobodyWhenADeviceBreaks) {
  for (unsigned seed = 1; seed <= 10 * scale; ++seed) {
    SCOPED_TRACE(seed);
    auto c = quick(2);
    c.faults = {.on = 1, .break_at_kernel = seed};
    std::vector<lanes> all(3);
    simulation sim(c);
    pinned_words words(sim.at(0), all.size() * lanes_each);
    drive_from_threads(sim, seed, all, words, 300);
    for (auto& each : all) {
      for (auto& l : each) EXPECT_EQ(finish_or_lost(l), l.gpu == &sim.at(0));
    }
    EXPECT_EQ(sim.at(0).fault_text(), "");
  }
}

TEST(SimulatedDeviceStress, EndsWithWorkInEveryState) {
  for (unsigned seed = 1; seed <= 50 * scale; ++seed) {
    SCOPED_TRACE(seed);
    std::vector<lanes> all(2);
    const auto held = std::make_shared<int>();
    {
      simulation sim(quick(2));
      {
        // Words must stay until the last has been stored.
        pinned_words words(sim.at(0), all.size() * lanes_each);
        drive_from_threads(sim, seed, all, words, static_cast<int>(seed % 20));
        for (auto& each : all) {
          for (auto& l : each) EXPECT_TRUE(finish(*l.gpu, l.s));
        }
      }
      for (auto& each : all) {
        for (auto& l : each) {
          const auto e = l.gpu->create_event(true);
          for (int i = 0; i < 5; ++i) {
            l.gpu->enqueue(l.s, doing([held] {}));
            l.gpu->record(l.s, e);
            each.front().gpu->wait(each.front().s, e);
          }
          if (seed % 2 == 0 && &l != &each.front()) l.gpu->destroy_stream(l.s);
        }
      }
    }
    EXPECT_EQ(held.use_count(), 1);
  }
}

}  // namespace
