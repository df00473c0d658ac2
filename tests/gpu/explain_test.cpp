// SPDX-License-Identifier: Apache-2.0
// Tasks with two bodies that go by measured cost, and why any task is where it is.
#include <fronta/placement.hpp>
#include <fronta/variants.hpp>

#include <fronta/array.hpp>
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/this_task.hpp>
#include <fronta/trace.hpp>
#include <fronta/wait.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/host_kernel.hpp>
#include <support/manual_clock.hpp>
#include <support/test_kernels.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::array;
using fronta::executor;
using fronta::future;
using fronta::placement;
using fronta::select_by;
using fronta::task_options;
using fronta::variants;
using fronta::cpu::threads;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::gpu::view;
using fronta::test::gate;
using fronta::test::manual_clock;
using fronta::test::run_on;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;
using reason = placement::reason;

const task_options by_cost{.select = select_by::cost};

// Bodies that say which they are, and take what they are told to by a clock that nobody else moves.
class ByCost : public testing::Test {
 protected:
  auto bodies(std::chrono::nanoseconds on_cpu, std::chrono::nanoseconds on_gpu) {
    auto& c = *clock;
    return variants(
        [&c, on_cpu] {
          c.advance(on_cpu);
          return std::string("cpu");
        },
        [&c, on_gpu](stream& s) {
          run_on(s, [&c, on_gpu] { c.advance(on_gpu); });
          return std::string("gpu");
        });
  }
  // Runs it until nothing has to be explored.
  template <class F, class... Args>
  void explore(task_options options, const F& f, const Args&... args) {
    options.select = select_by::cost;
    for (int i = 0; i < 6; ++i) {
      const auto run = ex.submit(options, f, args...);
      run.wait();
      EXPECT_EQ(ex.explain(run).why, reason::exploring);
    }
  }

  std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
  executor ex{{.clock = clock},
              threads{.workers = 4},
              simulated{.streams = 8, .model = time_model::instant()}};
};

TEST_F(ByCost, ExploreBothBodiesAndThenGoWhereTheyEndFirst) {
  const auto both = bodies(7ms, 2ms);
  explore({}, both);
  const auto f = ex.submit(by_cost, both);
  EXPECT_EQ(f.get(), "gpu");
  EXPECT_EQ(ex.explain(f).text(),
            "gpu:0 (simulated) by cost: est. 2 ms (3 runs, +-0 %); cpu: est. 7 ms (3 runs, +-0 %)");
  const auto other = bodies(1ms, 2ms);
  explore({.name = "other"}, other);
  EXPECT_EQ(ex.submit({.name = "other", .select = select_by::cost}, other).get(), "cpu");
}

TEST_F(ByCost, KnowTasksByTheirNames) {
  const auto both = bodies(7ms, 2ms);
  explore({.name = "a"}, both);
  const auto f = ex.submit({.name = "b", .select = select_by::cost}, both);
  f.wait();
  EXPECT_EQ(ex.explain(f).why, reason::exploring);
}

TEST_F(ByCost, ReckonWithWorkThatIsInTheWay) {
  gate go;
  auto& c = *clock;
  std::atomic<bool> held = false;
  const auto both = variants([&c] { c.advance(7ms); },
                             [&](stream& s) {
                               run_on(s, [&] {
                                 if (held) go.wait();
                                 c.advance(2ms);
                               });
                             });
  explore({}, both);
  held = true;
  std::vector<future<void>> all;
  for (int i = 0; i < 8; ++i) all.push_back(ex.submit(by_cost, both));
  // Behind three of 2 ms the fourth would end after 8.
  for (int on_cpu = 0; on_cpu < 5;) {
    on_cpu = static_cast<int>(
        std::ranges::count_if(all, [](const future<void>& f) { return f.done(); }));
    std::this_thread::yield();
  }
  go.open();
  int on_gpu = 0;
  std::chrono::nanoseconds ahead{0};
  for (const auto& f : all) {
    f.wait();
    const auto p = ex.explain(f);
    if (p.options.front().place != "gpu:0") continue;
    ++on_gpu;
    ahead = std::max(ahead, p.options.front().ahead);
  }
  EXPECT_EQ(on_gpu, 3);
  EXPECT_EQ(ahead, 4ms);
}

TEST_F(ByCost, ReckonWithCopiesByMeasuredBandwidth) {
  auto& c = *clock;
  const auto both =
      variants([&c](std::span<const std::byte>) { c.advance(60s); },
               [&c](stream& s, view<const std::byte>) { run_on(s, [&c] { c.advance(1ms); }); });
  const auto fresh = [] { return array<std::byte>(4'000'000); };
  for (int i = 0; i < 6; ++i) ex.submit(by_cost, both, fresh()).wait();
  const auto f = ex.submit(by_cost, both, fresh());
  f.wait();
  const auto p = ex.explain(f);
  EXPECT_EQ(p.why, reason::cost);
  const auto& gpu = p.options.front();
  EXPECT_EQ(gpu.place, "gpu:0");
  EXPECT_EQ(gpu.missing, 4'000'000U);
  EXPECT_TRUE(gpu.copy_known);
  EXPECT_GT(gpu.copy, 0ns);
  EXPECT_THAT(p.text(), HasSubstr(" for 4 MB"));
  EXPECT_EQ(p.options.back().missing, 0U);
}

// A copy on a device that takes long to come.
struct slow_copy final : fronta::detail::data_copy {
  slow_copy(std::unique_ptr<data_copy> c, manual_clock& t) : inner(std::move(c)), time(t) {}
  [[nodiscard]] const void* memory() const noexcept override { return inner->memory(); }
  [[nodiscard]] bool lost() const noexcept override { return inner->lost(); }
  void fetch(void* to, std::size_t bytes) override {
    time.advance(5ms);
    inner->fetch(to, bytes);
  }
  std::unique_ptr<data_copy> inner;
  manual_clock& time;
};

TEST_F(ByCost, FetchesAreNoPartOfARunOnTheCpu) {
  auto& c = *clock;
  const auto both =
      variants([&c](std::span<const int>) { c.advance(3ms); }, [](stream&, view<const int>) {});
  const task_options on_cpu{.place_on = "cpu", .select = select_by::cost};
  const auto made = ex.submit([](stream& s) { return s.make_array<int>(1'000'000); });
  made.wait();
  auto& copies = fronta::detail::array_access::block(made.result())->copies;
  copies.front() = std::make_unique<slow_copy>(std::move(copies.front()), c);
  const auto before = c.now();
  ex.submit(on_cpu, both, made).wait();
  EXPECT_EQ(c.now() - before, 8ms);
  const auto f = ex.submit(on_cpu, both, made);
  f.wait();
  EXPECT_EQ(ex.explain(f).options.front().run, 3ms);
}

TEST_F(ByCost, TheCpuBodyMayBeWorthACopy) {
  auto& c = *clock;
  const auto both =
      variants([&c](std::span<const int>) { c.advance(3ms); },
               [&c](stream& s, view<const int>) { run_on(s, [&c] { c.advance(50ms); }); });
  future<array<int>> made;
  const auto make = [&] {
    made = ex.submit([](stream& s) { return s.make_array<int>(1'000); });
    made.wait();
  };
  for (int i = 0; i < 3; ++i) {
    make();
    ex.submit(by_cost, both, made).wait();
    ex.submit(by_cost, both, made).wait();
  }
  make();
  const auto f = ex.submit(by_cost, both, made);
  f.wait();
  const auto p = ex.explain(f);
  EXPECT_EQ(p.options.front().place, "cpu");
  EXPECT_EQ(p.options.front().run, 3ms);
  EXPECT_EQ(p.options.front().missing, 4'000U);
}

TEST_F(ByCost, RunsThatTagsSendThereAreFiguresToo) {
  const auto both = bodies(7ms, 2ms);
  for (int i = 0; i < 3; ++i) {
    const auto f = ex.submit({.needs = {{"gpu", 1}}, .select = select_by::cost}, both);
    EXPECT_EQ(f.get(), "gpu");
    EXPECT_EQ(ex.explain(f).why, reason::tags);
  }
  for (int i = 0; i < 3; ++i) {
    const auto f = ex.submit(by_cost, both);
    EXPECT_EQ(f.get(), "cpu");
    EXPECT_EQ(ex.explain(f).why, reason::exploring);
  }
  EXPECT_EQ(ex.submit(by_cost, both).get(), "gpu");
}

TEST_F(ByCost, FailedRunsAreNoFigures) {
  auto& c = *clock;
  bool fails = true;
  const auto both = variants([&c] { c.advance(7ms); },
                             [&](stream& s) {
                               if (fails) throw std::runtime_error("no");
                               run_on(s, [&c] { c.advance(2ms); });
                             });
  int failures = 0;
  for (int i = 0; i < 8; ++i) {
    if (ex.submit(by_cost, both).exception()) ++failures;
  }
  EXPECT_EQ(failures, 3);  // then it is left alone for a while
  fails = false;
  const auto f = ex.submit(by_cost, both);
  f.wait();
  const auto receipt = ex.explain(f);
  EXPECT_EQ(receipt.why, reason::cost);
  for (const auto& o : receipt.options) {
    if (o.place == "gpu:0") {
      EXPECT_EQ(o.samples, 0U);
    }
  }
}

TEST_F(ByCost, IsOffUnlessAskedFor) {
  const auto both = bodies(1h, 1ns);
  for (int i = 0; i < 20; ++i) {
    const auto f = ex.submit({.select = select_by::data}, both);
    EXPECT_EQ(f.get(), "cpu");
    EXPECT_EQ(ex.explain(f).options.front().samples, 0U);
  }
}

TEST_F(ByCost, APreferenceGoesFirst) {
  const auto both = bodies(7ms, 2ms);
  explore({}, both);
  EXPECT_EQ(ex.submit({.prefer = "cpu", .select = select_by::cost}, both).get(), "cpu");
}

TEST_F(ByCost, ManyAtOnceAllEnd) {
  const auto both = variants([](int i) { return i; },
                             [](stream& s, int i) {
                               run_on(s, [] {});
                               return i;
                             });
  std::vector<future<int>> all;
  for (int i = 0; i < 500; ++i) {
    all.push_back(ex.submit({.retries = i % 2, .select = select_by::cost}, both, i));
    if (i % 7 == 0) all.back().cancel();
  }
  for (int i = 0; i < 500; ++i) {
    const auto& f = all[static_cast<std::size_t>(i)];
    f.wait();
    if (!f.cancelled()) {
      EXPECT_EQ(f.get(), i);
    }
    EXPECT_FALSE(ex.explain(f).text().empty());
  }
}

class Explain : public testing::Test {
 protected:
  executor ex{threads{.workers = 4}, simulated{.model = time_model::instant()}};
};

TEST_F(Explain, TasksThatAskForNothingAndThoseThatGoByTags) {
  const auto plain = ex.submit([] {});
  plain.wait();
  EXPECT_EQ(ex.explain(plain).text(), "cpu any worker");
  const auto gpu = ex.submit([](stream&) {});
  gpu.wait();
  EXPECT_EQ(ex.explain(gpu).text(), "gpu:0 (simulated) by tags");
  const auto holder = ex.submit({.needs = {{"gpu", 1}}}, [] {});
  holder.wait();
  EXPECT_EQ(ex.explain(holder).text(), "cpu by tags");
}

TEST_F(Explain, TasksThatGoByData) {
  const auto both = variants([](std::span<const float>) {}, [](stream&, view<const float>) {});
  const auto made = ex.submit([](stream& s) { return s.make_array<float>(1'000); });
  made.wait();
  const auto f = ex.submit({.select = select_by::data}, both, made);
  f.wait();
  EXPECT_EQ(ex.explain(f).text(), "gpu:0 (simulated) by data: nothing to copy; cpu: 4 kB to copy");
}

TEST_F(Explain, TasksThatWait) {
  gate go;
  const auto holder = ex.submit({.needs = {{"gpu", 1}}}, [&] { go.wait(); });
  const auto waits = ex.submit({.needs = {{"gpu", 1}}}, [] {}, holder);
  EXPECT_EQ(ex.explain(waits).text(), "not placed yet");
  go.open();
  waits.wait();
}

TEST_F(Explain, TasksThatFellBackWithWhatTheDeviceSaid) {
  executor broken{threads{.workers = 2},
                  simulated{.model = time_model::instant(), .faults = {.break_at_kernel = 1}}};
  const auto both = variants([] { return 1; },
                             [](stream& s) {
                               run_on(s, [] {});
                               return 2;
                             });
  const task_options asked{.place_on = "gpu:0", .fallback = fronta::fallback::cpu};
  const auto f = broken.submit(asked, both);
  EXPECT_EQ(f.get(), 1);
  EXPECT_THAT(broken.explain(f).text(),
              AllOf(StartsWith("cpu fell back to the CPU body: gpu:0: the device is at fault")));
  const auto later = broken.submit(asked, both);
  EXPECT_EQ(later.get(), 1);
  EXPECT_EQ(broken.explain(later).text(),
            "cpu fell back to the CPU body: its device was lost before");
}

TEST_F(Explain, OnlyOwnTasks) {
  const executor other{threads{.workers = 1}};
  const auto f = other.submit([] {});
  f.wait();
  EXPECT_THAT([&] { static_cast<void>(ex.explain(f)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("ask the one that has it")));
  fronta::promise<int> p;
  EXPECT_THROW(static_cast<void>(ex.explain(p.get_future())), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(ex.explain(fronta::any_future())), fronta::invalid_state_error);
}

TEST_F(Explain, TheTraceHasTheReason) {
  struct : fronta::trace::sink {
    void record(const fronta::trace::event& e) noexcept override {
      if (e.kind == fronta::trace::event_kind::choose) why = e.argument;
    }
    std::atomic<std::uint64_t> why = 0;
  } sink;
  auto* const before = fronta::trace::set_sink(&sink);
  ex.submit({.select = select_by::cost}, variants([] {}, [](stream&) {})).wait();
  ex.shutdown();
  fronta::trace::set_sink(before);
  EXPECT_EQ(sink.why, static_cast<std::uint64_t>(reason::exploring));
}

}  // namespace
