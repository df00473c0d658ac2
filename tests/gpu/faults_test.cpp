// SPDX-License-Identifier: Apache-2.0
// Who is told what when a device breaks or hangs; and which stream urgent work takes.
#include <fronta/gpu/backend.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/wait.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/gpu_kind.hpp>
#include <support/test_kernels.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::device_fault;
using fronta::device_lost_error;
using fronta::executor;
using fronta::future;
using fronta::cpu::threads;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::test::gate;
using fronta::test::gpus;
using fronta::test::run_on;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using testing::UnorderedElementsAre;

class OnFewStreams : public fronta::test::OnGpus {
 protected:
  static gpus on(int streams, const fronta::gpu::options& o = {}) {
    auto g = devices();
    g.streams = streams;
    g.options = o;
    return g;
  }
  static gpus crumbed(int streams) { return on(streams, {.breadcrumbs = true}); }
};
class Breadcrumbs : public OnFewStreams {};
FRONTA_BREAKING_EACH_GPU_KIND(Breadcrumbs);
class HarmlessBreadcrumbs : public OnFewStreams {};
FRONTA_ON_EACH_GPU_KIND(HarmlessBreadcrumbs);
// A simulated device that is given up shows it only when what it runs has ended.
class HungKernel : public OnFewStreams {};
INSTANTIATE_TEST_SUITE_P(CudaAlone, HungKernel, testing::Values(fronta::test::gpu_kind::cuda),
                         [](const auto&) { return std::string("OnADevice"); });

// A task whose kernel breaks the device once the gate is open; returns when it is enqueued.
future<void> breaks(executor& ex, gate& go) {
  gate enqueued;
  auto f = ex.submit({.name = "culprit"}, [&](stream& s) {
    run_on(s, [&go] {
      go.wait();
      throw std::runtime_error("a bad address");
    });
    enqueued.open();
  });
  enqueued.wait();
  return f;
}

future<void> enqueue(executor& ex, const char* name) {
  gate enqueued;
  auto f = ex.submit({.name = name}, [&](stream& s) {
    run_on(s, [] {});
    enqueued.open();
  });
  enqueued.wait();
  return f;
}

TEST_P(Breadcrumbs, NameTheOneThatBrokeTheDevice) {
  executor ex{threads{.workers = 2}, crumbed(1)};
  const auto before = enqueue(ex, "before");
  before.get();
  gate go;
  const auto culprit = breaks(ex, go);
  const auto bystander = enqueue(ex, "bystander");
  go.open();
  try {
    culprit.get();
    ADD_FAILURE() << "no fault";
  } catch (const device_fault& e) {
    EXPECT_THAT(e.suspects(), ElementsAre("culprit"));
    EXPECT_TRUE(e.certain());
    EXPECT_THAT(e.what(), AllOf(HasSubstr("gpu:0"), HasSubstr("this task caused it: \"culprit\""),
                                HasSubstr(GetParam() == fronta::test::gpu_kind::simulated
                                              ? "a bad address"
                                              : "CUDA_ERROR_ILLEGAL_ADDRESS")));
  }
  EXPECT_THAT([&] { bystander.get(); },
              ThrowsMessage<device_lost_error>(
                  AllOf(HasSubstr("not this task's doing"), HasSubstr("\"culprit\""))));
}

TEST_P(Breadcrumbs, LeaveOneSuspectForEachBusyStream) {
  executor ex{threads{.workers = 2}, crumbed(2)};
  gate go;
  const auto culprit = breaks(ex, go);
  static gate& never = *new gate;
  static gate& begun = *new gate;
  gate enqueued;
  const auto beside = ex.submit({.name = "beside"}, [&](stream& s) {
    run_on(s, [] {
      begun.open();
      never.wait();
    });
    enqueued.open();
  });
  enqueued.wait();
  // A simulated device has one compute engine, so there it stands behind the culprit's; its begin
  // has been told all the same.
  if (GetParam() == fronta::test::gpu_kind::cuda) begun.wait();
  const auto behind_one = enqueue(ex, "behind");
  const auto behind_the_other = enqueue(ex, "behind");
  go.open();
  for (const auto& f : {culprit, beside}) {
    try {
      f.get();
      ADD_FAILURE() << "no fault";
    } catch (const device_fault& e) {
      EXPECT_THAT(e.suspects(), UnorderedElementsAre("culprit", "beside"));
      EXPECT_FALSE(e.certain());
    }
  }
  EXPECT_THROW(behind_one.get(), device_lost_error);
  EXPECT_THROW(behind_the_other.get(), device_lost_error);
}

TEST_P(Breadcrumbs, WithoutThemAllThatWereThereAreSuspects) {
  executor ex{threads{.workers = 2}, on(1)};
  gate go;
  const auto culprit = breaks(ex, go);
  const auto behind = enqueue(ex, "behind");
  go.open();
  for (const auto& f : {culprit, behind}) {
    try {
      f.get();
      ADD_FAILURE() << "no fault";
    } catch (const device_fault& e) {
      EXPECT_THAT(e.suspects(), UnorderedElementsAre("culprit", "behind"));
      EXPECT_FALSE(e.certain());
    }
  }
}

TEST_P(HarmlessBreadcrumbs, ChangeNothingWhereNothingBreaks) {
  executor ex{threads{.workers = 2}, crumbed(3)};
  std::vector<future<int>> made;
  for (int i = 0; i < 300; ++i) {
    made.push_back(ex.submit([i](stream& s) {
      run_on(s, [] {});
      if (i % 7 == 0) throw std::runtime_error("a host part that fails");
      return i;
    }));
  }
  for (int i = 0; i < 300; ++i) {
    const auto& f = made[static_cast<std::size_t>(i)];
    if (i % 7 == 0) {
      EXPECT_THROW(f.get(), std::runtime_error);
    } else {
      EXPECT_EQ(f.get(), i);
    }
  }
}

simulated hanging(int at_kernel, int devices = 1) {
  return {.devices = devices,
          .streams = 1,
          .model = time_model::instant(),
          .faults = {.hang_at_kernel = static_cast<std::uint64_t>(at_kernel)},
          .options = {.hang_timeout = 50ms}};
}

// A kernel that ends long after it was given up: nobody waits for its end, so it shares the gate.
TEST_P(HungKernel, IsSaidByItsTasksName) {
  const auto go = std::make_shared<gate>();
  {
    executor ex{threads{.workers = 2}, on(1, {.hang_timeout = 50ms})};
    enqueue(ex, "fine").get();
    gate enqueued;
    const auto stuck = ex.submit({.name = "stuck"}, [&](stream& s) {
      run_on(s, [go] { go->wait(); });
      enqueued.open();
    });
    enqueued.wait();
    const auto behind = enqueue(ex, "behind");
    for (const auto& f : {stuck, behind}) {
      EXPECT_THAT([&] { f.get(); },
                  ThrowsMessage<device_lost_error>(
                      AllOf(HasSubstr("gpu:0"), HasSubstr("\"stuck\" has not ended within"))));
    }
    EXPECT_THROW(ex.submit([](stream&) {}).get(), device_lost_error);
    EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
    go->open();
  }
}

// tools/run_gtests.py waits for the end of the process.
TEST_P(HungKernel, DoesNotKeepTheProcessFromEnding) {
  static gate& never = *new gate;
  executor ex{threads{.workers = 2}, on(1, {.hang_timeout = 50ms})};
  const auto stuck = ex.submit([](stream& s) { run_on(s, [] { never.wait(); }); });
  EXPECT_THROW(stuck.get(), device_lost_error);
}

TEST(HangTimeout, GivesTheDeviceUpAndSaysWhoseFaultItWas) {
  executor ex{threads{.workers = 2}, hanging(2)};
  enqueue(ex, "fine").get();
  const auto stuck = enqueue(ex, "stuck");
  const auto behind = enqueue(ex, "behind");
  for (const auto& f : {stuck, behind}) {
    EXPECT_THAT([&] { f.get(); },
                ThrowsMessage<device_lost_error>(AllOf(HasSubstr("gpu:0"),
                                                       HasSubstr("\"stuck\" has not ended within"),
                                                       HasSubstr("elsewhere"))));
  }
  EXPECT_THROW(ex.submit([](stream&) {}).get(), device_lost_error);
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  ex.shutdown();
}

TEST(HangTimeout, OtherDevicesGoOn) {
  executor ex{threads{.workers = 2}, hanging(1, 2)};
  const auto stuck =
      ex.submit({.name = "stuck", .place_on = "gpu:0"}, [](stream& s) { run_on(s, [] {}); });
  EXPECT_THROW(stuck.get(), device_lost_error);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ex.submit([](stream& s) { return s.on().properties().index; }).get(), 1);
  }
}

TEST(HangTimeout, AnExecutorMayGoWithAHungDevice) {
  future<void> stuck;
  {
    executor ex{threads{.workers = 1}, hanging(1)};
    stuck = ex.submit([](stream& s) {
      auto b = s.allocate<int>(100);
      run_on(s, [] {});
    });
  }
  EXPECT_THROW(stuck.get(), device_lost_error);
}

TEST(HangTimeout, HasALeastValue) {
  const auto open = [] {
    const executor ex(threads{.workers = 1}, simulated{.options = {.hang_timeout = 10us}});
  };
  EXPECT_THAT(open, ThrowsMessage<std::invalid_argument>(
                        AllOf(HasSubstr("gpu::simulated"), HasSubstr("hang_timeout"))));
}

//
// A simulated device has one compute engine; a real one runs kernels of all streams at once.
TEST(StreamPriority, UrgentTasksDoNotStandBehindOthersOnTheDevice) {
  executor ex{threads{.workers = 2}, simulated{.streams = 2, .model = time_model::instant()}};
  gate first_runs;
  gate go;
  std::mutex mutex;
  std::vector<std::string> order;
  std::vector<future<void>> all;
  const auto add = [&](const char* name, int priority) {
    gate enqueued;
    all.push_back(ex.submit({.name = name, .priority = priority}, [&, name](stream& s) {
      run_on(s, [&, name] {
        {
          const std::lock_guard lock(mutex);
          order.emplace_back(name);
          if (order.size() > 1) return;
        }
        first_runs.open();
        go.wait();
      });
      enqueued.open();
    }));
    enqueued.wait();
  };
  add("first", 0);
  first_runs.wait();
  add("second", 0);
  add("third", 0);
  add("least", -1);
  add("urgent", 1);
  go.open();
  for (const auto& f : all) f.get();
  ASSERT_EQ(order.size(), 5U);
  EXPECT_EQ(order[0], "first");
  EXPECT_EQ(order[1], "urgent");
  EXPECT_EQ(order[4], "least");
}

}  // namespace
