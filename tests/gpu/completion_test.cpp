// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/completion.hpp>

#include <fronta/gpu/cuda.hpp>
#include <fronta/gpu/simulated.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/gpu_kind.hpp>
#include <support/gpu_work.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::gpu::completion;
using fronta::gpu::completion_mechanism;
using fronta::gpu::completion_outcome;
using fronta::gpu::simulated_time;
using fronta::gpu::simulation;
using fronta::gpu::time_model;
using fronta::test::doing;
using fronta::test::gate;
using fronta::test::gpu_kind;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

// What was called, in order.
class calls {
 public:
  class entry final : public fronta::gpu::completion_entry {
   public:
    entry(calls& c, int n) : calls_(c), number_(n) {}
    void completed(completion_outcome o) noexcept override { calls_.add(number_, o); }

   private:
    calls& calls_;
    int number_;
  };

  entry& make(int number) {
    const std::lock_guard lock(mutex_);
    return *entries_.emplace_back(std::make_unique<entry>(*this, number));
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return numbers_.size() >= count; });
  }
  [[nodiscard]] std::vector<int> numbers() const {
    const std::lock_guard lock(mutex_);
    return numbers_;
  }
  [[nodiscard]] std::vector<completion_outcome> outcomes() const {
    const std::lock_guard lock(mutex_);
    return outcomes_;
  }

 private:
  void add(int number, completion_outcome o) {
    const std::lock_guard lock(mutex_);
    numbers_.push_back(number);
    outcomes_.push_back(o);
    changed_.notify_all();
  }
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<entry>> entries_;
  std::vector<int> numbers_;
  std::vector<completion_outcome> outcomes_;
};

// A stream of a device that is watched.
class watched {
 public:
  watched(completion& c, fronta::gpu::device& d)
      : completion_(c), device_(d), stream_(d.create_stream(0)), watch_(c.add(d, stream_)) {}
  ~watched() {
    completion_.remove(watch_);
    device_.destroy_stream(stream_);
  }
  watched(const watched&) = delete;
  watched& operator=(const watched&) = delete;
  void run(std::function<void()> f) { device_.enqueue(stream_, doing(std::move(f))); }
  void notify(calls::entry& e) { completion_.notify(watch_, e); }
  [[nodiscard]] std::size_t waiting() const { return completion::waiting(watch_); }

 private:
  completion& completion_;
  fronta::gpu::device& device_;
  fronta::gpu::stream_handle stream_;
  completion::watched_stream& watch_;
};

std::string name_of(completion_mechanism m) {
  switch (m) {
    case completion_mechanism::frontier:
      return "Frontier";
    case completion_mechanism::event_polling:
      return "EventPolling";
    case completion_mechanism::blocking_sync:
      return "BlockingSync";
    default:
      return "HostCallback";
  }
}

// Each mechanism on each kind of device.
class Completion : public testing::TestWithParam<std::tuple<gpu_kind, completion_mechanism>> {
 protected:
  void SetUp() override {
    const auto [kind, mechanism] = GetParam();
    if (const auto lack = fronta::test::why_not(kind)) GTEST_SKIP() << *lack;
    done_.emplace(fronta::gpu::completion_options{.mechanism = mechanism, .probe = 100us});
    if (kind == gpu_kind::simulated) {
      simulated_.emplace(fronta::gpu::simulated{.devices = 2, .model = time_model::instant()});
    } else {
      opened_.push_back(fronta::gpu::open_cuda_device(0));
    }
  }
  completion& done() { return *done_; }
  // A second one may be the first again.
  fronta::gpu::device& device(int index = 0) {
    return simulated_ ? simulated_->at(index) : *opened_.front();
  }

  calls called;

 private:
  std::optional<simulation> simulated_;
  std::vector<std::unique_ptr<fronta::gpu::device>> opened_;
  std::optional<completion> done_;
};
class BreakingCompletion : public Completion {};

const auto mechanisms =
    testing::Values(completion_mechanism::frontier, completion_mechanism::event_polling,
                    completion_mechanism::blocking_sync, completion_mechanism::host_callback);
const auto by_name = [](const auto& p) { return name_of(std::get<1>(p.param)); };
INSTANTIATE_TEST_SUITE_P(Simulated, Completion,
                         testing::Combine(testing::Values(gpu_kind::simulated), mechanisms),
                         by_name);
INSTANTIATE_TEST_SUITE_P(Cuda, Completion,
                         testing::Combine(testing::Values(gpu_kind::cuda), mechanisms), by_name);
INSTANTIATE_TEST_SUITE_P(Simulated, BreakingCompletion,
                         testing::Combine(testing::Values(gpu_kind::simulated), mechanisms),
                         by_name);
INSTANTIATE_TEST_SUITE_P(CudaAlone, BreakingCompletion,
                         testing::Combine(testing::Values(gpu_kind::cuda), mechanisms), by_name);

TEST_P(Completion, CallsEachEntryOnceInStreamOrder) {
  constexpr int count = 1'000;
  watched s(done(), device());
  std::vector<int> ran;
  for (int i = 0; i < count; ++i) {
    s.run([&ran, i] { ran.push_back(i); });
    s.notify(called.make(i));
  }
  called.wait_for(count);
  std::vector<int> expected(count);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(called.numbers(), expected);
  EXPECT_THAT(called.outcomes(), Each(completion_outcome::ended));
  EXPECT_EQ(ran, expected);
  EXPECT_EQ(s.waiting(), 0U);
}

TEST_P(Completion, SeesWhatTheWorkWrote) {
  watched s(done(), device());
  for (int i = 0; i < 100; ++i) {
    int plain = 0;
    s.run([&] { plain = i + 1; });
    s.notify(called.make(i));
    called.wait_for(static_cast<std::size_t>(i) + 1);
    EXPECT_EQ(plain, i + 1);
  }
}

TEST_P(Completion, WaitsForTheWorkAndNotForOtherStreams) {
  watched held(done(), device());
  watched other(done(), device(1));
  gate go;
  held.run([&] { go.wait(); });
  held.notify(called.make(1));
  EXPECT_EQ(held.waiting(), 1U);
  for (int i = 0; i < 20; ++i) {
    other.run([] {});
    other.notify(called.make(2));
  }
  called.wait_for(20);
  EXPECT_THAT(called.numbers(), Each(2));
  go.open();
  called.wait_for(21);
  EXPECT_EQ(called.numbers().back(), 1);
}

TEST_P(Completion, OfAnEmptyStreamComesToo) {
  watched s(done(), device());
  s.notify(called.make(7));
  called.wait_for(1);
  EXPECT_THAT(called.numbers(), ElementsAre(7));
}

TEST_P(BreakingCompletion, AFaultCallsEverybodyWhoWaits) {
  watched guilty(done(), device());
  watched beside(done(), device());
  std::optional<watched> elsewhere;  // on a healthy device, where there is another
  if (&device(1) != &device(0)) elsewhere.emplace(done(), device(1));
  gate go;
  guilty.run([&] {
    go.wait();
    throw std::runtime_error("illegal address");
  });
  // Not over when the other breaks the device; it never ends, so what it waits for stays.
  static gate& never = *new gate;
  beside.run([] { never.wait(); });
  for (int i = 0; i < 3; ++i) {
    guilty.notify(called.make(i));
    beside.notify(called.make(10 + i));
  }
  go.open();
  called.wait_for(6);
  EXPECT_THAT(called.outcomes(), Each(completion_outcome::fault));
  if (!elsewhere) return;
  elsewhere->notify(called.make(20));
  called.wait_for(7);
  EXPECT_EQ(called.outcomes().back(), completion_outcome::ended);
}

TEST_P(BreakingCompletion, BehindAFaultComesAtOnce) {
  watched s(done(), device());
  s.run([] { throw 1; });
  s.notify(called.make(0));
  called.wait_for(1);
  s.notify(called.make(1));
  called.wait_for(2);
  EXPECT_THAT(called.outcomes(), Each(completion_outcome::fault));
}

TEST_P(Completion, StreamsComeAndGo) {
  for (int round = 0; round < 50; ++round) {
    watched s(done(), device(round % 2));
    s.run([] {});
    s.notify(called.make(round));
    called.wait_for(static_cast<std::size_t>(round) + 1);
  }
}

TEST_P(Completion, ManyThreadsOnManyStreams) {
  constexpr int threads = 4;
  constexpr int each = 200;
  std::vector<std::unique_ptr<watched>> streams;
  std::vector<std::unique_ptr<calls>> logs;
  for (int i = 0; i < 3; ++i) {
    streams.push_back(std::make_unique<watched>(done(), device(i % 2)));
    logs.push_back(std::make_unique<calls>());
  }
  std::vector<std::thread> notifiers;
  for (int t = 0; t < threads; ++t) {
    notifiers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        const auto s = static_cast<std::size_t>((t + i) % 3);
        streams[s]->run([] {});
        streams[s]->notify(logs[s]->make(t * each + i));
        if (i % 16 == 0) std::this_thread::yield();
      }
    });
  }
  for (auto& t : notifiers) t.join();
  std::size_t total = 0;
  for (std::size_t s = 0; s < 3; ++s) {
    std::size_t mine = 0;
    for (int t = 0; t < threads; ++t) {
      for (int i = 0; i < each; ++i) mine += static_cast<std::size_t>((t + i) % 3) == s ? 1 : 0;
    }
    logs[s]->wait_for(mine);
    auto numbers = logs[s]->numbers();
    EXPECT_EQ(numbers.size(), mine);
    // One thread's entries of one stream keep their order.
    for (int t = 0; t < threads; ++t) {
      std::vector<int> own;
      for (const int n : numbers) {
        if (n / each == t) own.push_back(n);
      }
      EXPECT_TRUE(std::ranges::is_sorted(own));
    }
    total += numbers.size();
  }
  EXPECT_EQ(total, static_cast<std::size_t>(threads * each));
}

class ByHand : public testing::Test {
 protected:
  calls called;
};

TEST_F(ByHand, NothingIsCalledUntilItIsDue) {
  simulation devices{{.time = simulated_time::virtual_()}};
  completion done{{.probe = 0ns, .by_hand = true}};
  watched s(done, devices.at(0));
  s.run([] {});
  s.notify(called.make(1));
  s.run([] {});
  s.notify(called.make(2));
  EXPECT_FALSE(done.poll());
  EXPECT_THAT(called.numbers(), IsEmpty());
  while (!done.poll()) ASSERT_TRUE(devices.step());
  EXPECT_EQ(devices.now(), time_model().launch.count());
  EXPECT_THAT(called.numbers(), ElementsAre(1));
  EXPECT_FALSE(done.poll());
  while (devices.step()) {
  }
  EXPECT_TRUE(done.poll());
  EXPECT_THAT(called.numbers(), ElementsAre(1, 2));
  EXPECT_FALSE(done.poll());
}

TEST_F(ByHand, ALateWordIsWaitedFor) {
  simulation devices{{.time = simulated_time::virtual_(),
                      .model = time_model::instant(),
                      .faults = {.late_word = 1, .late_by = 1s}}};
  completion done{{.probe = 0ns, .by_hand = true}};
  watched s(done, devices.at(0));
  s.run([] {});
  s.notify(called.make(1));
  while (devices.now() < 1'000'000'000) {
    EXPECT_FALSE(done.poll());
    ASSERT_TRUE(devices.step());
  }
  EXPECT_TRUE(done.poll());
  EXPECT_THAT(called.outcomes(), ElementsAre(completion_outcome::ended));
}

TEST_F(ByHand, AHungKernelKeepsItsEntryWaiting) {
  simulation devices{{.time = simulated_time::virtual_(), .faults = {.hang_at_kernel = 1}}};
  completion done{{.probe = 0ns, .by_hand = true}};
  {
    auto& d = devices.at(0);
    auto* const stream = d.create_stream(0);
    auto& watch = done.add(d, stream);
    d.enqueue(stream, doing([] {}));
    done.notify(watch, called.make(1));
    for (int i = 0; i < 10; ++i) {
      devices.step();
      EXPECT_FALSE(done.poll());
    }
    EXPECT_EQ(completion::waiting(watch), 1U);
  }
}

TEST(CompletionOptions, ThatCannotBeAreRefused) {
  EXPECT_THROW(completion({.spin = -1ns}), std::invalid_argument);
  EXPECT_THROW(completion({.longest_nap = -1ns}), std::invalid_argument);
  EXPECT_THROW(completion({.probe = -1ns}), std::invalid_argument);
  EXPECT_THROW(completion({.mechanism = completion_mechanism::blocking_sync, .by_hand = true}),
               std::invalid_argument);
}

}  // namespace
