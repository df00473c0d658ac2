// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/errors.hpp>
#include <fronta/gpu/simulated.hpp>

#include <support/gate.hpp>
#include <support/gpu_work.hpp>
#include <support/record.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::device_bad_alloc;
using fronta::device_error;
using fronta::device_lost_error;
using fronta::launch_error;
using fronta::gpu::copy_kind;
using fronta::gpu::device;
using fronta::gpu::event_handle;
using fronta::gpu::simulated;
using fronta::gpu::simulated_time;
using fronta::gpu::simulation;
using fronta::gpu::stream_handle;
using fronta::gpu::stream_state;
using fronta::gpu::time_model;
using fronta::test::concurrency_meter;
using fronta::test::doing;
using fronta::test::finish;
using fronta::test::gate;
using fronta::test::pinned_words;
using fronta::test::record;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Property;
using testing::StartsWith;
using testing::ThrowsMessage;

constexpr auto nothing = [] {};

simulated instant(int devices = 1) { return {.devices = devices, .model = time_model::instant()}; }
simulated in_virtual_time(int devices = 1) {
  return {.devices = devices, .time = simulated_time::virtual_()};
}

// Round numbers: a byte takes 1 ns to read or copy, an operation 0.1 ns.
time_model round_model() {
  time_model m;
  m.launch = 100ns;
  m.copy = 1'000ns;
  m.memory_bandwidth = 1e9;
  m.throughput = 1e10;
  m.host_bandwidth = 1e9;
  m.peer_bandwidth = 0.5e9;
  return m;
}

void finish_all(simulation& sim) {
  while (sim.step()) {
  }
}

// Work that takes so long by the model, round_model() given.
std::unique_ptr<fronta::gpu::work> lasting(std::chrono::nanoseconds d, std::function<void()> f = {},
                                           std::string name = "kernel") {
  if (!f) f = nothing;
  return doing(std::move(f), std::move(name), {.bytes = static_cast<double>(d.count() - 100)});
}

// ---- What holds however time passes.

class SimulatedDevice : public testing::TestWithParam<simulated_time> {
 public:
  [[nodiscard]] simulated config(int devices = 1) const {
    return {.devices = devices, .time = GetParam(), .model = time_model::instant()};
  }
  // Lets time pass until the word has the value.
  static void await(simulation& sim, const std::atomic<std::uint64_t>& word, std::uint64_t value) {
    while (word.load() != value) {
      if (GetParam().mode != simulated_time::kind::virtual_) {
        std::this_thread::yield();
      } else if (!sim.step()) {
        FAIL() << "the word will never come";
      }
    }
  }
};

INSTANTIATE_TEST_SUITE_P(InTime, SimulatedDevice,
                         testing::Values(simulated_time::real(), simulated_time::scaled(0.5),
                                         simulated_time::virtual_()),
                         [](const auto& p) {
                           return p.param.mode == simulated_time::kind::real     ? "Real"
                                  : p.param.mode == simulated_time::kind::scaled ? "Scaled"
                                                                                 : "Virtual";
                         });

TEST_P(SimulatedDevice, DescribesItselfAsSimulated) {
  auto c = config(2);
  c.memory = 4096;
  simulation sim(c);
  ASSERT_EQ(sim.count(), 2);
  const auto& p = sim.at(1).properties();
  EXPECT_THAT(p.name, StartsWith("simulated"));
  EXPECT_TRUE(p.simulated);
  EXPECT_EQ(p.index, 1);
  EXPECT_EQ(p.memory_bytes, 4096U);
  EXPECT_EQ(p.compute_major, 0);
  EXPECT_EQ(p.copy_engines, 2);
  EXPECT_LT(p.greatest_priority, p.least_priority);
  EXPECT_THROW((void)sim.at(2), std::out_of_range);
  EXPECT_THROW((void)sim.at(-1), std::out_of_range);
  sim.at(0).make_current();
  const auto s = sim.at(0).create_stream(0);
  EXPECT_EQ(sim.at(0).native(s), nullptr);
}

TEST_P(SimulatedDevice, DoesTheWorkOfAStreamInOrder) {
  simulation sim(config());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  record did;
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) {
    const auto name = std::to_string(i);
    expected.push_back(name);
    if (i % 5 == 4) {
      auto context = std::make_unique<std::pair<record*, std::string>>(&did, name);
      gpu.call_host(
          s,
          [](void* p) {
            const std::unique_ptr<std::pair<record*, std::string>> given(
                static_cast<std::pair<record*, std::string>*>(p));
            given->first->add(given->second);
          },
          context.release());
    } else {
      gpu.enqueue(s, doing(did.noting(name)));
    }
  }
  EXPECT_TRUE(finish(gpu, s));
  EXPECT_EQ(did.entries(), expected);
  EXPECT_EQ(gpu.query(s), stream_state::idle);
}

TEST_P(SimulatedDevice, StoresWordsInOrderAfterTheWorkIsVisible) {
  simulation sim(config());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  pinned_words word(gpu);
  constexpr std::uint64_t last = 200;
  std::vector<std::uint64_t> results(last + 1);  // plain memory: TSan watches the order
  for (std::uint64_t i = 1; i <= last; ++i) {
    gpu.enqueue(s, doing([&results, i] { results[i] = i * i; }));
    gpu.write_word(s, word[0], i);
  }
  for (std::uint64_t seen = 0; seen < last;) {
    if (GetParam().mode == simulated_time::kind::virtual_) sim.step();
    const std::uint64_t now = word[0].load(std::memory_order_acquire);
    ASSERT_GE(now, seen);
    for (; seen < now; ++seen) ASSERT_EQ(results[seen + 1], (seen + 1) * (seen + 1));
  }
}

TEST_P(SimulatedDevice, StoresAWordOfAnEmptyStream) {
  simulation sim(config());
  const auto s = sim.at(0).create_stream(0);
  pinned_words word(sim.at(0));
  sim.at(0).write_word(s, word[0], 7);
  await(sim, word[0], 7);
}

TEST_P(SimulatedDevice, DestroysWorkBeforeItsEndIsSeen) {
  simulation sim(config());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  pinned_words word(gpu);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    auto held = std::make_shared<int>(0);
    gpu.enqueue(s, doing([held] { ++*held; }));
    gpu.write_word(s, word[0], i);
    await(sim, word[0], i);
    ASSERT_EQ(held.use_count(), 1);
  }
}

TEST_P(SimulatedDevice, CopiesThereAndBackAndFills) {
  simulation sim(config(2));
  device& gpu = sim.at(0);
  device& other = sim.at(1);
  const auto s = gpu.create_stream(0);
  const auto t = other.create_stream(0);
  const auto e = gpu.create_event(true);
  auto* a = static_cast<std::byte*>(gpu.allocate(s, 8));
  auto* b = static_cast<std::byte*>(gpu.allocate(s, 8));
  auto* c = static_cast<std::byte*>(other.allocate(t, 8));

  gpu.copy(s, a, "abcdefgh", 8, copy_kind::to_device);
  gpu.copy(s, b, a, 8, copy_kind::on_device);
  gpu.fill(s, b + 2, 'x', 3);
  gpu.copy(s, c, b, 8, copy_kind::between);
  gpu.record(s, e);
  other.wait(t, e);
  other.fill(t, c + 7, 'y', 1);
  std::string back(8, '?');
  other.copy(t, back.data(), c, 8, copy_kind::to_host);  // pageable: blocks
  EXPECT_EQ(back, "abxxxfgy");

  other.copy(t, a, c, 8, copy_kind::between);  // fetched by the stream of the target
  ASSERT_TRUE(finish(other, t));
  gpu.copy(s, back.data(), a, 7, copy_kind::to_host);
  EXPECT_EQ(back, "abxxxfgy");
}

TEST_P(SimulatedDevice, TakesPageableBytesBeforeCopyReturns) {
  simulation sim(config());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  auto* p = gpu.allocate(s, 4);
  std::array<char, 4> host = {'g', 'o', 'o', 'd'};
  gate open;
  if (GetParam().mode != simulated_time::kind::virtual_) {
    gpu.enqueue(s, doing([&] { open.wait(); }));
  }
  gpu.copy(s, p, host.data(), 4, copy_kind::to_device);
  host.fill('?');
  open.open();
  gpu.copy(s, host.data(), p, 4, copy_kind::to_host);
  EXPECT_EQ(std::string(host.data(), 4), "good");
}

TEST_P(SimulatedDevice, ReadsPinnedMemoryWhenItsTurnComes) {
  simulation sim(config());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  auto* p = gpu.allocate(s, 4);
  auto* pinned = static_cast<char*>(gpu.allocate_pinned(8));
  std::fill_n(pinned, 8, '?');
  gpu.enqueue(s, doing([&] { std::copy_n("late", 4, pinned); }));
  gpu.copy(s, p, pinned, 4, copy_kind::to_device);
  gpu.copy(s, pinned + 4, p, 4, copy_kind::to_host);
  EXPECT_TRUE(finish(gpu, s));
  EXPECT_EQ(std::string(pinned, 8), "latelate");
  gpu.deallocate_pinned(pinned);
}

TEST_P(SimulatedDevice, KnowsPinnedMemory) {
  simulation sim(config(2));
  device& gpu = sim.at(0);
  auto* p = static_cast<char*>(gpu.allocate_pinned(100));
  EXPECT_TRUE(gpu.is_pinned(p));
  EXPECT_TRUE(gpu.is_pinned(p + 99));
  EXPECT_FALSE(gpu.is_pinned(p + 100));
  EXPECT_TRUE(sim.at(1).is_pinned(p));
  int on_stack = 0;
  EXPECT_FALSE(gpu.is_pinned(&on_stack));
  EXPECT_FALSE(gpu.is_pinned(nullptr));
  gpu.deallocate_pinned(p);
  EXPECT_FALSE(gpu.is_pinned(p));
  gpu.deallocate_pinned(nullptr);
}

TEST_P(SimulatedDevice, OrdersStreamsAndDevicesByEvents) {
  simulation sim(config(2));
  device& a = sim.at(0);
  device& b = sim.at(1);
  const auto first = a.create_stream(0);
  const auto second = a.create_stream(a.properties().greatest_priority);
  const auto third = b.create_stream(0);
  const auto e = a.create_event(false);
  const auto f = a.create_event(true);
  record did;
  gate open;
  const bool gated = GetParam().mode != simulated_time::kind::virtual_;
  a.enqueue(first, doing([&] {
              if (gated) open.wait();
              did.add("first");
            }));
  a.record(first, e);
  a.wait(second, e);
  a.enqueue(second, doing(did.noting("second")));
  a.record(second, f);
  b.wait(third, f);
  b.enqueue(third, doing(did.noting("third")));
  EXPECT_EQ(a.query(e), stream_state::busy);
  EXPECT_EQ(b.query(third), stream_state::busy);
  open.open();
  EXPECT_TRUE(finish(b, third));
  EXPECT_THAT(did.entries(), ElementsAre("first", "second", "third"));
  EXPECT_EQ(a.query(f), stream_state::idle);
}

TEST_P(SimulatedDevice, TakesAnUnrecordedEventForPassed) {
  simulation sim(config());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto e = gpu.create_event(true);
  EXPECT_EQ(gpu.query(e), stream_state::idle);
  EXPECT_TRUE(gpu.synchronize(e));
  gpu.wait(s, e);
  EXPECT_TRUE(finish(gpu, s));
}

TEST_P(SimulatedDevice, KeepsAnEventsMarkAfterTheEventIsGone) {
  simulation sim(config());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto t = gpu.create_stream(-1);
  const auto e = gpu.create_event(true);
  record did;
  gpu.enqueue(s, doing(did.noting("s")));
  gpu.record(s, e);
  gpu.wait(t, e);
  gpu.destroy_event(e);
  gpu.enqueue(t, doing(did.noting("t")));
  EXPECT_TRUE(finish(gpu, t));
  EXPECT_THAT(did.entries(), ElementsAre("s", "t"));
}

// A long chain must not need a deep stack.
TEST_P(SimulatedDevice, FollowsAChainOfEventsOfAnyLength) {
  simulation sim(config());
  device& gpu = sim.at(0);
  const std::array<stream_handle, 2> s = {gpu.create_stream(0), gpu.create_stream(0)};
  const auto e = gpu.create_event(true);
  gate open;
  if (GetParam().mode != simulated_time::kind::virtual_) {
    gpu.enqueue(s[1], doing([&] { open.wait(); }));
  }
  gpu.record(s[1], e);
  for (std::size_t i = 0; i < 20'000; ++i) {
    gpu.wait(s[i % 2], e);
    gpu.record(s[i % 2], e);
  }
  open.open();
  EXPECT_TRUE(gpu.synchronize(e));
}

TEST_P(SimulatedDevice, CountsMemoryInStreamOrder) {
  auto c = config();
  c.memory = 1000;
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto free = [&] { return gpu.memory().free_bytes; };
  EXPECT_EQ(gpu.memory().total_bytes, 1000U);
  EXPECT_EQ(free(), 1000U);
  auto* a = gpu.allocate(s, 600);
  auto* b = gpu.allocate(s, 400);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a) % 256, 0U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b) % 256, 0U);
  EXPECT_EQ(free(), 0U);
  try {
    (void)gpu.allocate(s, 1);
    FAIL() << "nothing was free";
  } catch (const device_bad_alloc& e) {
    EXPECT_EQ(e.asked(), 1U);
    EXPECT_EQ(e.free(), 0U);
    EXPECT_THAT(e.what(), HasSubstr("gpu:0"));
  }
  gate open;
  gpu.enqueue(s, doing([&, real = GetParam().mode != simulated_time::kind::virtual_] {
                if (real) open.wait();
                static_cast<char*>(a)[599] = 'x';
              }));
  gpu.deallocate(s, a);
  EXPECT_EQ(free(), 0U);  // the kernel has not ended
  open.open();
  EXPECT_TRUE(finish(gpu, s));
  EXPECT_EQ(free(), 600U);
  gpu.deallocate(s, b);
  gpu.deallocate(s, nullptr);
  EXPECT_TRUE(finish(gpu, s));
  EXPECT_EQ(free(), 1000U);
}

TEST_P(SimulatedDevice, AllocatesNoBytesToo) {
  simulation sim(config());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  auto* a = gpu.allocate(s, 0);
  auto* b = gpu.allocate(s, 0);
  EXPECT_NE(a, nullptr);
  EXPECT_NE(a, b);
  gpu.copy(s, a, b, 0, copy_kind::on_device);
  gpu.fill(s, a, 0, 0);
  gpu.deallocate(s, a);
  gpu.deallocate(s, b);
  EXPECT_TRUE(finish(gpu, s));
}

TEST_P(SimulatedDevice, RefusesCopiesThatWouldGoAstray) {
  simulation sim(config(2));
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto t = sim.at(1).create_stream(0);
  auto* a = static_cast<char*>(gpu.allocate(s, 100));
  auto* b = static_cast<char*>(gpu.allocate(s, 100));
  auto* far = static_cast<char*>(sim.at(1).allocate(t, 100));
  std::array<char, 200> host{};
  const auto copy = [&](void* to, const void* from, std::size_t n, copy_kind k) {
    return [&gpu, s, to, from, n, k] { gpu.copy(s, to, from, n, k); };
  };
  const auto refused = [](const char* why) { return ThrowsMessage<launch_error>(HasSubstr(why)); };
  using enum copy_kind;
  EXPECT_THAT(copy(a, host.data(), 101, to_device), refused("not inside one allocation"));
  EXPECT_THAT(copy(a + 1, host.data(), 100, to_device), refused("not inside one allocation"));
  EXPECT_THAT(copy(host.data(), b + 50, 51, to_host), refused("not inside one allocation"));
  EXPECT_THAT(copy(host.data(), host.data() + 100, 1, on_device), refused("the source"));
  EXPECT_THAT(copy(a, host.data(), 1, on_device), refused("not inside"));
  EXPECT_THAT(copy(a, far, 1, on_device), refused("memory of gpu:1"));
  EXPECT_THAT(copy(far, host.data(), 1, to_device), refused("memory of gpu:1"));
  EXPECT_THAT(copy(host.data(), far, 1, to_host), refused("copy_kind::between"));
  EXPECT_THAT(copy(a, b, 1, between), refused("both sides are memory of gpu:0"));
  EXPECT_THAT(copy(a, b, 1, to_device), refused("the source is device memory"));
  EXPECT_THAT(copy(a, b, 1, to_host), refused("the destination is device memory"));
  EXPECT_THAT(copy(a, nullptr, 1, to_device), refused("the source is null"));
  EXPECT_THAT(copy(a, host.data(), std::numeric_limits<std::size_t>::max(), to_device),
              refused("not inside"));
  EXPECT_THAT([&] { gpu.fill(s, a + 1, 0, 100); }, refused("fill"));
  EXPECT_THAT([&] { gpu.copy(t, a, host.data(), 1, to_device); }, refused("stream is of gpu:1"));
  EXPECT_THAT([&] { gpu.copy(nullptr, a, host.data(), 1, to_device); }, refused("no stream"));
  gpu.deallocate(s, b);
  EXPECT_THAT(copy(b, host.data(), 1, to_device),
              ThrowsMessage<launch_error>(
                  testing::AnyOf(HasSubstr("has been deallocated"), HasSubstr("not inside"))));
  EXPECT_TRUE(finish(gpu, s)) << "nothing else suffers";
}

TEST_P(SimulatedDevice, RefusesOtherCallsThatAreWrong) {
  simulation sim(config(2));
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  std::atomic<std::uint64_t> pageable{0};
  EXPECT_THAT([&] { gpu.write_word(s, pageable, 1); },
              ThrowsMessage<launch_error>(HasSubstr("pinned")));
  const auto foreign = sim.at(1).create_event(true);
  EXPECT_THAT([&] { gpu.record(s, foreign); }, ThrowsMessage<launch_error>(HasSubstr("gpu:1")));
  EXPECT_THROW(gpu.enqueue(s, nullptr), launch_error);
  EXPECT_THROW(gpu.call_host(s, nullptr, nullptr), launch_error);
  EXPECT_TRUE(finish(gpu, s));
  EXPECT_EQ(pageable.load(), 0U);
}

// ---- Faults, however time passes.

TEST_P(SimulatedDevice, IsLostWhenWorkThrows) {
  simulation sim(config(2));
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto idle = gpu.create_stream(0);
  const auto passed = gpu.create_event(true);
  gpu.record(s, passed);
  ASSERT_TRUE(gpu.synchronize(passed));
  const auto e = gpu.create_event(true);
  auto* memory = gpu.allocate(s, 100);
  auto* queued_free = gpu.allocate(s, 100);
  pinned_words word(gpu);
  bool ran = false;
  bool called = false;

  // In virtual time all is enqueued before the first step; otherwise a gate sees to that.
  gate open;
  const bool real = GetParam().mode != simulated_time::kind::virtual_;
  gpu.enqueue(s, doing(
                     [&] {
                       if (real) open.wait();
                       throw std::runtime_error("a bad address");
                     },
                     "culprit"));
  gpu.enqueue(s, doing([&] { ran = true; }));
  gpu.write_word(s, word[0], 1);
  gpu.call_host(s, [](void* p) { *static_cast<bool*>(p) = true; }, &called);
  gpu.deallocate(s, queued_free);
  gpu.record(s, e);
  const auto elsewhere = sim.at(1).create_stream(0);
  sim.at(1).wait(elsewhere, e);
  open.open();
  EXPECT_FALSE(gpu.synchronize(e));

  EXPECT_EQ(gpu.fault_code(), 700);
  EXPECT_THAT(gpu.fault_text(), AllOf(HasSubstr("culprit"), HasSubstr("a bad address")));
  EXPECT_EQ(gpu.query(s), stream_state::fault);
  EXPECT_EQ(gpu.query(idle), stream_state::fault);
  EXPECT_EQ(gpu.query(passed), stream_state::fault);
  EXPECT_FALSE(gpu.synchronize(passed));
  const auto lost = testing::Throws<device_lost_error>(
      AllOf(Property(&device_error::code, 700), Property(&device_error::device, "gpu:0"),
            Property(&device_error::what, HasSubstr("culprit"))));
  EXPECT_THAT([&] { gpu.enqueue(idle, doing(nothing)); }, lost);
  EXPECT_THAT([&] { gpu.copy(idle, memory, "x", 1, copy_kind::to_device); }, lost);
  EXPECT_THAT([&] { gpu.fill(idle, memory, 0, 1); }, lost);
  EXPECT_THAT([&] { gpu.write_word(idle, word[0], 2); }, lost);
  EXPECT_THAT([&] { gpu.record(idle, e); }, lost);
  EXPECT_THAT([&] { gpu.wait(idle, e); }, lost);
  EXPECT_THAT([&] { gpu.call_host(idle, [](void*) {}, nullptr); }, lost);
  EXPECT_THAT([&] { (void)gpu.create_stream(0); }, lost);
  EXPECT_THAT([&] { (void)gpu.create_event(true); }, lost);
  EXPECT_THAT([&] { (void)gpu.allocate(idle, 1); }, lost);
  EXPECT_THAT([&] { (void)gpu.allocate_pinned(1); }, lost);
  EXPECT_THAT([&] { (void)gpu.sample_clocks(); }, lost);

  gpu.deallocate(s, memory);
  EXPECT_EQ(gpu.memory().free_bytes, gpu.memory().total_bytes);
  gpu.destroy_event(e);
  gpu.destroy_event(passed);
  gpu.destroy_stream(s);
  gpu.destroy_stream(idle);

  EXPECT_EQ(sim.at(1).fault_code(), 0);
  EXPECT_EQ(sim.at(1).fault_text(), "");
  EXPECT_TRUE(finish(sim.at(1), elsewhere)) << "a healthy device goes on";
  EXPECT_EQ(word[0].load(), 0U);
  EXPECT_FALSE(ran);
  EXPECT_FALSE(called);
}

TEST_P(SimulatedDevice, IsBrokenByTheKernelThatTheConfigurationNames) {
  auto c = config(2);
  c.faults = {.on = 1, .break_at_kernel = 3};
  simulation sim(c);
  for (int i = 0; i < 2; ++i) {
    device& gpu = sim.at(i);
    const auto s = gpu.create_stream(0);
    record did;
    pinned_words word(gpu);
    gpu.enqueue(s, doing(did.noting("1")));
    gpu.enqueue(s, doing(did.noting("2")));
    if (i == 1) {
      ASSERT_TRUE(finish(gpu, s));
    }
    const auto e = gpu.create_event(true);
    gpu.enqueue(s, doing(did.noting("3"), "third"));
    try {
      gpu.write_word(s, word[0], 1);
      gpu.record(s, e);
    } catch (const device_lost_error&) {
      // It has broken already.
    }
    if (i == 0) {
      EXPECT_TRUE(gpu.synchronize(e));
      EXPECT_THAT(did.entries(), ElementsAre("1", "2", "3"));
      EXPECT_EQ(word[0].load(), 1U);
    } else {
      while (gpu.query(s) != stream_state::fault) {
        if (GetParam().mode == simulated_time::kind::virtual_) {
          ASSERT_TRUE(sim.step());
        } else {
          std::this_thread::yield();
        }
      }
      EXPECT_THAT(did.entries(), ElementsAre("1", "2"));
      EXPECT_EQ(word[0].load(), 0U);
      EXPECT_THAT(gpu.fault_text(), HasSubstr("third"));
      EXPECT_EQ(gpu.fault_code(), 700);
    }
  }
}

TEST_P(SimulatedDevice, HangsAtTheKernelThatTheConfigurationNames) {
  auto c = config();
  c.faults = {.hang_at_kernel = 2};
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto other = gpu.create_stream(0);
  record did;
  pinned_words word(gpu, 2);
  auto held = std::make_shared<int>();
  gpu.enqueue(s, doing(did.noting("1")));
  gpu.write_word(s, word[0], 1);
  gpu.enqueue(s, doing([&did, held] { did.add("2"); }));
  gpu.write_word(s, word[0], 2);
  auto* p = gpu.allocate(other, 4);
  gpu.copy(other, p, "copy", 4, copy_kind::to_device);
  std::string back(4, '?');
  gpu.copy(other, back.data(), p, 4, copy_kind::to_host);
  EXPECT_EQ(back, "copy") << "copy engines go on";
  await(sim, word[0], 1);
  gpu.write_word(other, word[1], 1);
  await(sim, word[1], 1);
  EXPECT_EQ(gpu.query(s), stream_state::busy);
  EXPECT_EQ(gpu.fault_code(), 0);
  gpu.destroy_stream(s);  // returns, though it is busy
  EXPECT_EQ(word[0].load(), 1U);
  EXPECT_THAT(did.entries(), ElementsAre("1"));
}

TEST_P(SimulatedDevice, RefusesTheKernelThatTheConfigurationNames) {
  auto c = config();
  c.faults = {.refuse_kernel = 2};
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  record did;
  gpu.enqueue(s, doing(did.noting("1")));
  EXPECT_THAT(
      [&] { gpu.enqueue(s, doing(did.noting("2"), "second")); },
      testing::Throws<launch_error>(AllOf(Property(&device_error::code, 701),
                                          Property(&device_error::what, HasSubstr("second")))));
  gpu.enqueue(s, doing(did.noting("3")));
  EXPECT_TRUE(finish(gpu, s));
  EXPECT_THAT(did.entries(), ElementsAre("1", "3"));
}

TEST_P(SimulatedDevice, RunsOutOfMemoryWhenTheConfigurationSays) {
  auto c = config();
  c.faults = {.out_of_memory_at = 2, .out_of_memory_for = 2};
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  (void)gpu.allocate(s, 10);
  EXPECT_THROW((void)gpu.allocate(s, 10), device_bad_alloc);
  EXPECT_THROW((void)gpu.allocate(s, 10), device_bad_alloc);
  EXPECT_EQ(gpu.memory().total_bytes - gpu.memory().free_bytes, 10U);
  EXPECT_NE(gpu.allocate(s, 10), nullptr);
}

TEST_P(SimulatedDevice, FaultsWhenACopyMeetsMemoryThatAnotherStreamFreed) {
  simulation sim(config());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto t = gpu.create_stream(0);
  const auto e = gpu.create_event(true);
  auto* p = gpu.allocate(s, 4);
  auto* pinned = static_cast<char*>(gpu.allocate_pinned(4));
  gate open;
  gpu.enqueue(s, doing([&, real = GetParam().mode != simulated_time::kind::virtual_] {
                if (real) open.wait();
              }));
  gpu.record(s, e);
  gpu.wait(t, e);
  gpu.copy(t, pinned, p, 4, copy_kind::to_host);
  gpu.record(t, e);
  const auto rogue = gpu.create_stream(0);
  gpu.deallocate(rogue, p);
  if (GetParam().mode == simulated_time::kind::virtual_) {
    while (gpu.memory().free_bytes != gpu.memory().total_bytes) ASSERT_TRUE(sim.step());
  }
  open.open();
  EXPECT_FALSE(gpu.synchronize(e));
  EXPECT_THAT(gpu.fault_text(), HasSubstr("had been returned"));
  gpu.deallocate_pinned(pinned);
}

TEST_P(SimulatedDevice, DropsWhatADestroyedStreamHasQueued) {
  simulation sim(config());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto t = gpu.create_stream(0);
  const auto never = gpu.create_stream(0);
  const auto e = gpu.create_event(true);
  record did;
  gate started;
  gate open;
  pinned_words word(gpu);
  auto* p = gpu.allocate(s, 100);
  const bool real = GetParam().mode != simulated_time::kind::virtual_;
  gpu.enqueue(s, doing([&] {
                started.open();
                if (real) open.wait();
                did.add("running");
              }));
  if (real) started.wait();
  gpu.enqueue(s, doing(did.noting("queued")));
  gpu.write_word(s, word[0], 1);
  gpu.deallocate(s, p);
  gpu.record(s, e);
  gpu.wait(t, e);
  gpu.enqueue(t, doing(did.noting("t")));
  gpu.wait(never, e);
  gpu.enqueue(never, doing(did.noting("never")));
  auto* q = gpu.allocate(never, 100);
  gpu.deallocate(never, q);
  gpu.destroy_stream(never);  // while it waits
  gpu.destroy_stream(s);      // while it runs, or before it does
  EXPECT_EQ(gpu.memory().free_bytes, gpu.memory().total_bytes - 200) << "others may still use it";
  open.open();
  EXPECT_TRUE(finish(gpu, t)) << "who waited for a mark of it goes on";
  EXPECT_EQ(did.entries(),
            real ? (std::vector<std::string>{"running", "t"}) : std::vector<std::string>{"t"});
  EXPECT_EQ(word[0].load(), 0U);
  EXPECT_EQ(gpu.memory().free_bytes, gpu.memory().total_bytes) << "but memory is given back";
}

// ---- Engines.

TEST(SimulatedEngines, CopyBothWaysWhileAKernelRuns) {
  simulation sim(instant());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto t = gpu.create_stream(0);
  gate started;
  gate open;
  gpu.enqueue(s, doing([&] {
                started.open();
                open.wait();
              }));
  started.wait();
  auto* p = gpu.allocate(t, 5);
  gpu.copy(t, p, "there", 5, copy_kind::to_device);
  std::string back(5, '?');
  gpu.copy(t, back.data(), p, 5, copy_kind::to_host);
  EXPECT_EQ(back, "there");
  EXPECT_EQ(gpu.query(s), stream_state::busy);
  open.open();
  EXPECT_TRUE(finish(gpu, s));
}

TEST(SimulatedEngines, OfSeveralDevicesRunAtOnce) {
  std::array<gate, 2> started;
  simulation sim(instant(2));
  std::array<stream_handle, 2> s{};
  for (std::size_t i = 0; i < 2; ++i) {
    device& gpu = sim.at(static_cast<int>(i));
    s[i] = gpu.create_stream(0);
    gpu.enqueue(s[i], doing([&started, i] {
                  started[i].open();
                  started[1 - i].wait();
                }));
  }
  EXPECT_TRUE(finish(sim.at(0), s[0]));
  EXPECT_TRUE(finish(sim.at(1), s[1]));
}

TEST(SimulatedEngines, RunOneKernelAtATime) {
  simulation sim(instant());
  device& gpu = sim.at(0);
  concurrency_meter meter;
  std::array<stream_handle, 3> streams{};
  for (auto& s : streams) s = gpu.create_stream(0);
  for (int i = 0; i < 300; ++i) {
    gpu.enqueue(streams[static_cast<std::size_t>(i) % 3],
                doing([&] { const concurrency_meter::scope in(meter); }));
  }
  for (const auto s : streams) EXPECT_TRUE(finish(gpu, s));
  EXPECT_EQ(meter.most(), 1);
}

TEST(SimulatedEngines, TakeStreamsByPriorityThenByOrderOfEnqueueing) {
  simulation sim(instant());
  device& gpu = sim.at(0);
  const auto first = gpu.create_stream(0);
  const auto low = gpu.create_stream(0);
  const auto low_too = gpu.create_stream(1000);  // clamped to the least
  const auto high = gpu.create_stream(gpu.properties().greatest_priority);
  record did;
  gate open;
  gpu.enqueue(first, doing([&] { open.wait(); }));
  gpu.enqueue(low_too, doing(did.noting("low too")));
  gpu.enqueue(low, doing(did.noting("low")));
  gpu.enqueue(low_too, doing(did.noting("low too again")));
  gpu.enqueue(high, doing(did.noting("high")));
  gpu.enqueue(high, doing(did.noting("high again")));
  open.open();
  for (const auto s : {low, low_too, high}) EXPECT_TRUE(finish(gpu, s));
  EXPECT_THAT(did.entries(), ElementsAre("high", "high again", "low too", "low", "low too again"));
}

TEST(SimulatedEngines, HaveNamedThreads) {
  simulation sim(instant(2));
  device& gpu = sim.at(1);
  const auto s = gpu.create_stream(0);
  std::array<std::array<char, 16>, 2> names{};
  gpu.enqueue(s, doing([&] { ::pthread_getname_np(::pthread_self(), names[0].data(), 16); }));
  gpu.call_host(
      s, [](void* p) { ::pthread_getname_np(::pthread_self(), static_cast<char*>(p), 16); },
      names[1].data());
  EXPECT_TRUE(finish(gpu, s));
  EXPECT_STREQ(names[0].data(), "sim1-compute");
  EXPECT_STREQ(names[1].data(), "sim1-host");
}

TEST(SimulatedEngines, AreNotHeldUpByHostCalls) {
  simulation sim(instant());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto t = gpu.create_stream(0);
  gate open;
  gpu.call_host(s, [](void* p) { static_cast<gate*>(p)->wait(); }, &open);
  gpu.enqueue(t, doing(nothing));
  EXPECT_TRUE(finish(gpu, t));
  EXPECT_EQ(gpu.query(s), stream_state::busy);
  open.open();
  EXPECT_TRUE(finish(gpu, s));
}

TEST(SimulatedEvents, KeepAWaitToTheRecordThatPrecedesIt) {
  simulation sim(instant());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto t = gpu.create_stream(0);
  const auto waits_for_first = gpu.create_stream(0);
  const auto waits_for_second = gpu.create_stream(0);
  const auto e = gpu.create_event(true);
  pinned_words word(gpu, 2);
  gate open;
  gpu.enqueue(s, doing([&] { open.wait(); }));
  gpu.record(s, e);
  gpu.wait(waits_for_first, e);
  gpu.write_word(waits_for_first, word[0], 1);
  gpu.record(t, e);  // at once, before the first record is passed
  gpu.wait(waits_for_second, e);
  gpu.write_word(waits_for_second, word[1], 1);
  EXPECT_EQ(gpu.query(e), stream_state::idle);
  EXPECT_TRUE(gpu.synchronize(e));
  EXPECT_EQ(word[1].load(), 1U);
  EXPECT_EQ(word[0].load(), 0U);
  EXPECT_EQ(gpu.query(waits_for_first), stream_state::busy);
  open.open();
  EXPECT_TRUE(finish(gpu, waits_for_first));
  EXPECT_EQ(word[0].load(), 1U);
}

TEST(SimulatedEvents, ReleaseWhoeverSynchronises) {
  simulation sim(instant());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto e = gpu.create_event(true);
  gate open;
  int result = 0;  // plain memory: TSan watches the order
  gpu.enqueue(s, doing([&] {
                open.wait();
                result = 42;
              }));
  gpu.record(s, e);
  std::array<std::thread, 2> threads;
  std::atomic<int> right{0};
  for (auto& t : threads) {
    t = std::thread([&] { right += gpu.synchronize(e) && result == 42 ? 1 : 0; });
  }
  open.open();
  for (auto& t : threads) t.join();
  EXPECT_EQ(right.load(), 2);
}

// ---- Faults in real time.

TEST(SimulatedFaults, ReleaseWhoeverBlocks) {
  simulation sim(instant());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto e = gpu.create_event(true);
  auto* p = gpu.allocate(s, 4);
  gate open;
  gpu.enqueue(s, doing([&] {
                open.wait();
                throw std::runtime_error("broken");
              }));
  gpu.record(s, e);
  std::atomic<bool> synchronized{true};
  std::atomic<bool> lost{false};
  std::thread synchronizes([&] { synchronized = gpu.synchronize(e); });
  std::thread copies([&] {
    std::array<char, 4> host{};
    try {
      gpu.copy(s, host.data(), p, 4, copy_kind::to_host);
    } catch (const device_lost_error&) {
      lost = true;
    }
  });
  open.open();
  synchronizes.join();
  copies.join();
  EXPECT_FALSE(synchronized.load());
  EXPECT_TRUE(lost.load());
}

// Who sees the fault takes away what the device used, so it must use it no more.
TEST(SimulatedFaults, ShowWhenNothingIsUnderWayAnyMore) {
  gate open;
  simulation sim(instant());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto t = gpu.create_stream(0);
  auto* used = gpu.allocate(t, 8);
  gate called;
  gate thrown;
  struct held {
    gate& called;
    gate& open;
  } context{called, open};
  gpu.call_host(
      t,
      [](void* p) {
        static_cast<held*>(p)->called.open();
        static_cast<held*>(p)->open.wait();
      },
      &context);
  called.wait();
  gpu.enqueue(s, doing([&] {
                thrown.open();
                throw std::runtime_error("broken");
              }));
  gpu.deallocate(s, used);
  thrown.wait();
  EXPECT_EQ(gpu.query(t), stream_state::busy);
  EXPECT_EQ(gpu.fault_code(), 0);
  EXPECT_EQ(gpu.fault_text(), "");
  EXPECT_LT(gpu.memory().free_bytes, gpu.memory().total_bytes);
  gpu.destroy_stream(s);
  open.open();
  while (gpu.query(t) != stream_state::fault) std::this_thread::yield();
  EXPECT_EQ(gpu.memory().free_bytes, gpu.memory().total_bytes);
}

TEST(SimulatedFaults, EndWhatOtherEnginesAreAt) {
  auto c = simulated{.model = round_model()};
  c.model.host_bandwidth = 1e-6;  // a byte takes more than 11 days
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto t = gpu.create_stream(0);
  auto* p = gpu.allocate(s, 1);
  gate copying;
  gate open;
  gpu.enqueue(t, doing([&] {
                open.wait();
                throw std::runtime_error("broken");
              }));
  bool lost = false;
  std::thread copies([&] {
    char host = 0;
    copying.open();
    try {
      gpu.copy(s, &host, p, 1, copy_kind::to_host);
    } catch (const device_lost_error&) {
      lost = true;
    }
  });
  copying.wait();
  while (gpu.query(s) != stream_state::busy) std::this_thread::yield();
  open.open();
  copies.join();
  EXPECT_TRUE(lost);
}

TEST(SimulatedFaults, LateWordHoldsUpItsStreamOnly) {
  auto c = instant();
  c.faults = {.late_word = 2, .late_by = 24h};
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto t = gpu.create_stream(0);
  pinned_words word(gpu, 2);
  gpu.write_word(s, word[0], 1);
  gpu.write_word(s, word[0], 2);
  gpu.write_word(s, word[0], 3);
  gpu.write_word(t, word[1], 1);
  auto* p = gpu.allocate(t, 4);
  gpu.copy(t, p, "copy", 4, copy_kind::to_device);
  gpu.enqueue(t, doing(nothing));
  std::string back(4, '?');
  gpu.copy(t, back.data(), p, 4, copy_kind::to_host);
  EXPECT_EQ(back, "copy");
  EXPECT_EQ(word[0].load(), 1U);
  EXPECT_EQ(word[1].load(), 1U);
  EXPECT_EQ(gpu.query(s), stream_state::busy);
}

// ---- Virtual time.

TEST(VirtualTime, StandsStillUntilStepped) {
  simulation sim(in_virtual_time());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  pinned_words word(gpu);
  auto* p = gpu.allocate(s, 4);
  bool ran = false;
  gpu.write_word(s, word[0], 1);
  gpu.enqueue(s, doing([&] { ran = true; }));
  gpu.deallocate(s, p);
  EXPECT_EQ(word[0].load(), 0U);
  EXPECT_EQ(gpu.query(s), stream_state::busy);
  EXPECT_EQ(sim.now(), 0);
  EXPECT_TRUE(sim.step());
  EXPECT_EQ(word[0].load(), 1U);
  EXPECT_FALSE(ran);
  EXPECT_TRUE(sim.step());
  EXPECT_TRUE(ran);
  EXPECT_EQ(gpu.memory().free_bytes, gpu.memory().total_bytes - 4);
  EXPECT_TRUE(sim.step());
  EXPECT_EQ(gpu.memory().free_bytes, gpu.memory().total_bytes);
  EXPECT_FALSE(sim.step());
  EXPECT_EQ(gpu.query(s), stream_state::idle);
  EXPECT_EQ(sim.now(), 4'000);
}

TEST(VirtualTime, IsNoneOfRealTimesBusiness) {
  simulation sim(instant());
  EXPECT_THAT([&] { sim.step(); }, ThrowsMessage<std::logic_error>(HasSubstr("virtual_")));
}

struct model_case {
  const char* what;
  std::function<void(device&, stream_handle, std::byte* here, std::byte* there, void* pinned)> act;
  std::int64_t takes;
};

TEST(VirtualTime, TakesExactlyWhatTheModelSays) {
  using B = std::byte*;
  const model_case cases[] = {
      {"an empty kernel", [](device& d, auto s, B, B, void*) { d.enqueue(s, doing(nothing)); },
       100},
      {"a kernel bound by memory",
       [](device& d, auto s, B, B, void*) {
         d.enqueue(s, doing(nothing, "k", {.bytes = 5'000, .operations = 100}));
       },
       5'100},
      {"a kernel bound by arithmetic",
       [](device& d, auto s, B, B, void*) {
         d.enqueue(s, doing(nothing, "k", {.bytes = 5, .operations = 90'000}));
       },
       9'100},
      {"a copy to the device",
       [](device& d, auto s, B p, B, void* h) { d.copy(s, p, h, 500, copy_kind::to_device); },
       1'500},
      {"a copy to the host",
       [](device& d, auto s, B p, B, void* h) { d.copy(s, h, p, 500, copy_kind::to_host); }, 1'500},
      {"a copy on the device",
       [](device& d, auto s, B p, B, void*) { d.copy(s, p, p + 500, 400, copy_kind::on_device); },
       1'400},
      {"a copy between devices",
       [](device& d, auto s, B p, B q, void*) { d.copy(s, q, p, 500, copy_kind::between); }, 2'000},
      {"a fill", [](device& d, auto s, B p, B, void*) { d.fill(s, p, 1, 300); }, 400},
      {"a copy to pageable memory",
       [](device& d, auto s, B p, B, void*) {
         std::array<char, 700> host{};
         d.copy(s, host.data(), p, 700, copy_kind::to_host);
       },
       1'700},
      {"what needs no engine",
       [](device& d, auto s, B, B, void* h) {
         d.write_word(s, *new (h) std::atomic<std::uint64_t>, 1);
         d.record(s, d.create_event(true));
         d.call_host(s, [](void*) {}, nullptr);
       },
       0}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    simulation sim({.devices = 2, .time = simulated_time::virtual_(), .model = round_model()});
    const auto s = sim.at(0).create_stream(0);
    auto* here = static_cast<std::byte*>(sim.at(0).allocate(s, 1000));
    auto* there = static_cast<std::byte*>(sim.at(1).allocate(sim.at(1).create_stream(0), 1000));
    auto* pinned = sim.at(0).allocate_pinned(1000);
    std::fill_n(here, 1000, std::byte{0});
    std::fill_n(static_cast<char*>(pinned), 1000, '\0');
    c.act(sim.at(0), s, here, there, pinned);
    finish_all(sim);
    EXPECT_EQ(sim.now(), c.takes);
  }
}

TEST(VirtualTime, RunsKernelsAndCopiesOfBothDirectionsAtOnce) {
  simulation sim({.time = simulated_time::virtual_(), .model = round_model()});
  device& gpu = sim.at(0);
  std::array<stream_handle, 4> s{};
  for (auto& each : s) each = gpu.create_stream(0);
  auto* a = gpu.allocate(s[0], 9'000);
  auto* b = gpu.allocate(s[0], 9'000);
  auto* pinned = gpu.allocate_pinned(9'000);
  std::fill_n(static_cast<char*>(pinned), 9'000, 'x');
  auto* pinned_too = gpu.allocate_pinned(9'000);
  gpu.enqueue(s[0], lasting(10'000ns));
  gpu.copy(s[1], a, pinned, 9'000, copy_kind::to_device);
  gpu.fill(s[2], b, 'y', 900);  // after the kernel
  finish_all(sim);
  EXPECT_EQ(sim.now(), 11'000);
  gpu.copy(s[1], a, pinned, 9'000, copy_kind::to_device);
  gpu.copy(s[2], a, pinned, 9'000, copy_kind::to_device);  // one engine a direction
  gpu.copy(s[3], pinned_too, b, 9'000, copy_kind::to_host);
  finish_all(sim);
  EXPECT_EQ(sim.now(), 11'000 + 20'000);
}

TEST(VirtualTime, LetsPriorityDecideAmongAllThatAnInstantBrings) {
  simulation sim({.time = simulated_time::virtual_(), .model = round_model()});
  device& gpu = sim.at(0);
  const auto low = gpu.create_stream(0);
  const auto high = gpu.create_stream(-1);
  const auto copies = gpu.create_stream(0);
  const auto e = gpu.create_event(true);
  auto* p = gpu.allocate(low, 1'000);
  auto* pinned = gpu.allocate_pinned(1'000);
  std::fill_n(static_cast<char*>(pinned), 1'000, 'x');
  record did;
  // The copy and the first kernel end at the same nanosecond.
  gpu.enqueue(low, lasting(2'000ns, did.noting("low 1")));
  gpu.enqueue(low, lasting(1'000ns, did.noting("low 2")));
  gpu.copy(copies, p, pinned, 1'000, copy_kind::to_device);
  gpu.record(copies, e);
  gpu.wait(high, e);
  gpu.enqueue(high, lasting(1'000ns, did.noting("high")));
  finish_all(sim);
  EXPECT_THAT(did.entries(), ElementsAre("low 1", "high", "low 2"));
  EXPECT_EQ(sim.now(), 4'000);
}

using history = std::vector<std::pair<std::string, std::int64_t>>;

// A program with many streams, events and devices, the same for the same `program` number.
history run_program(unsigned program, std::uint64_t seed, double jitter) {
  simulated c{.devices = 2, .time = simulated_time::virtual_(), .seed = seed};
  c.model.jitter = jitter;
  simulation sim(c);
  history did;
  std::minstd_rand random(program);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  struct lane {
    device* gpu;
    stream_handle s;
    void* memory;
    event_handle e;
  };
  std::vector<lane> lanes;
  for (int i = 0; i < 6; ++i) {
    device& gpu = sim.at(i % 2);
    const auto s = gpu.create_stream(-(i % 3));
    lanes.push_back({&gpu, s, gpu.allocate(s, 100'000), gpu.create_event(true)});
  }
  auto* pinned = sim.at(0).allocate_pinned(100'000);
  std::fill_n(static_cast<char*>(pinned), 100'000, 'x');
  for (int i = 0; i < 300; ++i) {
    lane& at = lanes[below(lanes.size())];
    const auto name = std::to_string(i);
    switch (below(6)) {
      case 0:
        at.gpu->copy(at.s, at.memory, pinned, 1 + below(100'000), copy_kind::to_device);
        break;
      case 1:
        at.gpu->fill(at.s, at.memory, 1, 1 + below(100'000));
        break;
      case 2:
        at.gpu->record(at.s, at.e);
        break;
      case 3:
        at.gpu->wait(at.s, lanes[below(lanes.size())].e);
        break;
      case 4:
        for (std::size_t n = below(5); n > 0; --n) sim.step();
        break;
      default:
        at.gpu->enqueue(at.s, doing([&did, &sim, name] { did.emplace_back(name, sim.now()); }, name,
                                    {.bytes = static_cast<double>(below(1'000'000))}));
    }
  }
  finish_all(sim);
  return did;
}

TEST(VirtualTime, GivesTheSameHistoryForTheSameSeed) {
  for (unsigned program = 1; program <= 5; ++program) {
    SCOPED_TRACE(program);
    const auto once = run_program(program, 7, 0.3);
    EXPECT_FALSE(once.empty());
    EXPECT_EQ(run_program(program, 7, 0.3), once);
    EXPECT_NE(run_program(program, 8, 0.3), once);
    EXPECT_EQ(run_program(program, 7, 0), run_program(program, 8, 0)) << "no jitter, no seed";
  }
}

TEST(VirtualTime, JittersBetweenOneAndOnePlusJitter) {
  simulated c{.time = simulated_time::virtual_(), .model = round_model(), .seed = 3};
  c.model.jitter = 0.5;
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  std::vector<std::int64_t> takes;
  for (int i = 0; i < 100; ++i) {
    const auto before = sim.now();
    gpu.enqueue(s, lasting(10'000ns));
    finish_all(sim);
    takes.push_back(sim.now() - before);
  }
  EXPECT_THAT(takes, Each(AllOf(testing::Ge(10'000), testing::Le(15'000))));
  const auto [least, most] = std::ranges::minmax_element(takes);
  EXPECT_LT(*least, 11'000);
  EXPECT_GT(*most, 14'000);
}

TEST(VirtualTime, StoresALateWordLateToTheNanosecond) {
  auto c = in_virtual_time();
  c.model = round_model();
  c.faults = {.late_word = 2, .late_by = 5us};
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  pinned_words word(gpu);
  gpu.enqueue(s, lasting(1'000ns));
  gpu.write_word(s, word[0], 1);
  gpu.write_word(s, word[0], 2);
  gpu.write_word(s, word[0], 3);
  history seen;
  while (sim.step()) seen.emplace_back(std::to_string(word[0].load()), sim.now());
  EXPECT_THAT(seen, ElementsAre(testing::Pair("0", 1'000), testing::Pair("1", 1'000),
                                testing::Pair("2", 6'000), testing::Pair("3", 6'000)));
}

TEST(VirtualTime, BreaksAtTheEndOfTheKernelThatBreaks) {
  auto c = in_virtual_time();
  c.model = round_model();
  c.faults = {.break_at_kernel = 2};
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  gpu.enqueue(s, lasting(1'000ns));
  gpu.enqueue(s, lasting(500ns, {}, "bad"));
  gpu.enqueue(s, lasting(1'000ns));
  finish_all(sim);
  EXPECT_EQ(sim.now(), 1'500);
  EXPECT_EQ(gpu.fault_code(), 700);
}

TEST(VirtualTime, DoesNotBlockOnWhatCannotHappen) {
  auto c = in_virtual_time();
  c.faults = {.hang_at_kernel = 1};
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto e = gpu.create_event(true);
  auto* p = gpu.allocate(s, 4);
  std::array<char, 4> host{};
  gpu.enqueue(s, doing(nothing));
  EXPECT_THAT([&] { gpu.copy(s, host.data(), p, 4, copy_kind::to_host); },
              ThrowsMessage<launch_error>(HasSubstr("for ever")));
  gpu.record(s, e);
  EXPECT_FALSE(gpu.synchronize(e));
  EXPECT_EQ(gpu.query(e), stream_state::busy);
  EXPECT_EQ(gpu.fault_code(), 0);
  EXPECT_FALSE(sim.step());
}

TEST(VirtualTime, MayBeSteppedByAnyThread) {
  simulation sim(in_virtual_time());
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  int ran = 0;  // plain memory: TSan watches the order
  for (int i = 0; i < 1'000; ++i) gpu.enqueue(s, doing([&ran] { ++ran; }));
  std::array<std::thread, 2> threads;
  for (auto& t : threads) t = std::thread([&] { finish_all(sim); });
  for (auto& t : threads) t.join();
  EXPECT_EQ(ran, 1'000);
  EXPECT_EQ(sim.now(), 4'000'000);
}

// ---- Real and scaled time: never less than the model.

TEST(RealTime, TakesAtLeastWhatTheModelSays) {
  for (const auto time : {simulated_time::real(), simulated_time::scaled(0.25)}) {
    simulation sim({.time = time, .model = round_model()});
    device& gpu = sim.at(0);
    const auto s = gpu.create_stream(0);
    const auto before = sim.now();
    for (int i = 0; i < 20; ++i) gpu.enqueue(s, lasting(200us));
    EXPECT_TRUE(finish(gpu, s));
    EXPECT_GE(sim.now() - before, 20 * 200'000);
  }
}

TEST(RealTime, IsScaled) {
  // A simulated year in the time of 32 ms.
  simulation sim({.time = simulated_time::scaled(1e-9), .model = round_model()});
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto before = sim.now();
  gpu.enqueue(s, lasting(24h * 365));
  EXPECT_TRUE(finish(gpu, s));
  EXPECT_GE(sim.now() - before, std::chrono::nanoseconds(24h * 365).count());
}

// ---- Clocks.

TEST(SimulatedClock, FitsOffsetAndDriftInVirtualTime) {
  auto c = in_virtual_time();
  c.model = round_model();
  c.model.clock_offset = -70ns;
  c.model.clock_drift = 0.25;
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto at_first = gpu.sample_clocks();
  EXPECT_EQ(at_first.host_before, 0);
  EXPECT_EQ(at_first.device, -70);
  EXPECT_EQ(at_first.host_after, 0);
  gpu.enqueue(s, lasting(4'000ns));
  finish_all(sim);
  const auto later = gpu.sample_clocks();
  EXPECT_EQ(later.host_before, 4'000);
  EXPECT_EQ(later.device, -70 + 5'000);
  EXPECT_EQ(later.host_after, 4'000);
}

TEST(SimulatedClock, FitsOffsetAndDriftInRealTime) {
  auto c = simulated{};
  c.model.clock_offset = 1h;
  const auto host_now = [] {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  constexpr std::int64_t hour = 3'600'000'000'000;
  {
    simulation sim(c);
    const auto before = host_now();
    const auto sample = sim.at(0).sample_clocks();
    EXPECT_LE(before, sample.host_before);
    EXPECT_LE(sample.host_before + hour, sample.device);
    EXPECT_LE(sample.device, sample.host_after + hour);
    EXPECT_LE(sample.host_after, host_now());
  }
  c.model.clock_drift = 3;
  const auto earliest_begin = host_now();
  simulation sim(c);
  const auto latest_begin = host_now();
  for (int i = 0; i < 3; ++i) {
    const auto sample = sim.at(0).sample_clocks();
    EXPECT_GE(sample.device - hour, sample.host_before + 3 * (sample.host_before - latest_begin));
    EXPECT_LE(sample.device - hour, sample.host_after + 3 * (sample.host_after - earliest_begin));
  }
}

// ---- Destruction. What was enqueued holds something, so that a leak or a run would be seen.

class Destruction : public testing::Test {
 public:
  std::shared_ptr<std::atomic<int>> held = std::make_shared<std::atomic<int>>(0);
  [[nodiscard]] std::unique_ptr<fronta::gpu::work> holding() const {
    return doing([held = held] { ++*held; });
  }
  ~Destruction() override { EXPECT_EQ(held.use_count(), 1); }
};

TEST_F(Destruction, OfAnUnusedSimulation) {
  const simulation real(instant(3));
  const simulation stepped(in_virtual_time());
}

TEST_F(Destruction, LeavesNothingOfWhatWasNotGivenBack) {
  for (const auto& c : {instant(), in_virtual_time()}) {
    simulation sim(c);
    device& gpu = sim.at(0);
    const auto s = gpu.create_stream(0);
    gpu.record(s, gpu.create_event(true));
    (void)gpu.allocate(s, 100);
    (void)gpu.allocate_pinned(100);
    gpu.enqueue(s, holding());
    EXPECT_TRUE(finish(gpu, s));
  }
}

TEST_F(Destruction, DropsWhatWasNeverStepped) {
  {
    simulation sim(in_virtual_time());
    device& gpu = sim.at(0);
    const auto s = gpu.create_stream(0);
    for (int i = 0; i < 3; ++i) gpu.enqueue(s, holding());
    while (held->load() == 0) ASSERT_TRUE(sim.step());
  }
  EXPECT_EQ(held->load(), 1);
}

TEST_F(Destruction, WaitsForTheWorkThatRunsAndDropsTheRest) {
  auto sim = std::make_unique<simulation>(instant());
  device& gpu = sim->at(0);
  const auto s = gpu.create_stream(0);
  const auto t = gpu.create_stream(0);
  const auto e = gpu.create_event(true);
  gate started;
  gate open;
  bool ended = false;
  gpu.enqueue(s, doing([&] {
                started.open();
                open.wait();
                ended = true;
              }));
  gpu.record(s, e);
  gpu.wait(t, e);
  for (int i = 0; i < 3; ++i) gpu.enqueue(i == 0 ? s : t, holding());
  started.wait();
  std::thread destroys([&] { sim.reset(); });
  open.open();
  destroys.join();
  EXPECT_TRUE(ended);
  // Whether the engines were told to stop before the gate opened is left to chance.
  EXPECT_LE(held->load(), 3);
}

TEST_F(Destruction, DoesNotWaitForModelledTime) {
  gate started;
  simulation sim({.model = round_model()});
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  gpu.enqueue(s, lasting(24h, [&] { started.open(); }));
  gpu.enqueue(s, holding());
  started.wait();
}

TEST_F(Destruction, DoesNotWaitForAHungKernelOrALateWord) {
  auto c = instant();
  c.faults = {.hang_at_kernel = 1, .late_word = 1, .late_by = 24h};
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  const auto t = gpu.create_stream(0);
  auto* word = new (gpu.allocate_pinned(8)) std::atomic<std::uint64_t>(0);
  gpu.enqueue(s, holding());
  gpu.write_word(t, *word, 1);
  gpu.enqueue(t, holding());
}

TEST_F(Destruction, OfALostDevice) {
  auto c = instant(2);
  c.faults = {.break_at_kernel = 1};
  simulation sim(c);
  device& gpu = sim.at(0);
  const auto s = gpu.create_stream(0);
  gpu.enqueue(s, holding());
  while (gpu.query(s) != stream_state::fault) std::this_thread::yield();
  EXPECT_THROW(gpu.enqueue(s, holding()), device_lost_error);
}

TEST_F(Destruction, LetsDroppedWorkGiveBackItsMemory) {
  for (auto c : {in_virtual_time(), instant()}) {
    c.faults = {.hang_at_kernel = 1};
    simulation sim(c);
    device& gpu = sim.at(0);
    const auto s = gpu.create_stream(0);
    const auto give_back = [&gpu, s](void* p) { gpu.deallocate(s, p); };
    std::shared_ptr<void> memory(gpu.allocate(s, 100), give_back);
    gpu.enqueue(s, doing([memory] {}));
    gpu.enqueue(s, doing([memory] {}));
  }
}

// ---- Configuration.

TEST(SimulatedConfiguration, IsCheckedFirst) {
  const auto rejects = [](auto change, const char* what) {
    simulated c{.devices = 2};
    change(c);
    EXPECT_THAT([&] { const simulation sim(c); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(what)));
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  rejects([](simulated& c) { c.devices = 0; }, "devices is 0; give at least 1");
  rejects([](simulated& c) { c.devices = -1; }, "devices");
  rejects([](simulated& c) { c.streams = 0; }, "streams");
  rejects([](simulated& c) { c.time = simulated_time::scaled(0); }, "scale");
  rejects([](simulated& c) { c.time = simulated_time::scaled(-1); }, "scale");
  rejects([&](simulated& c) { c.time = simulated_time::scaled(nan); }, "scale");
  rejects([&](simulated& c) { c.time = simulated_time::scaled(infinity); }, "scale");
  rejects([](simulated& c) { c.model.launch = -1ns; }, "launch");
  rejects([](simulated& c) { c.model.copy = -1ns; }, "copy");
  rejects([](simulated& c) { c.model.memory_bandwidth = -1; }, "memory_bandwidth");
  rejects([](simulated& c) { c.model.throughput = -1; }, "throughput");
  rejects([&](simulated& c) { c.model.host_bandwidth = nan; }, "host_bandwidth");
  rejects([](simulated& c) { c.model.peer_bandwidth = -1; }, "peer_bandwidth");
  rejects([](simulated& c) { c.model.jitter = -0.1; }, "jitter");
  rejects([](simulated& c) { c.model.clock_drift = -1; }, "clock_drift");
  rejects([](simulated& c) { c.faults.late_by = -1ns; }, "late_by");
  rejects([](simulated& c) { c.faults.on = 2; }, "faults.on");
  rejects([](simulated& c) { c.faults.on = -1; }, "faults.on");
  rejects([](simulated& c) { c.faults.break_at_kernel = 0; }, "the first is 1");
  rejects([](simulated& c) { c.faults.late_word = 0; }, "the first is 1");
}

}  // namespace
