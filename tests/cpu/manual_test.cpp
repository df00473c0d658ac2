// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/manual.hpp>

#include <fronta/errors.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>
#include <fronta/wait.hpp>

#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using fronta::executor;
using fronta::cpu::manual;
using fronta::cpu::manual_tasks;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using namespace std::chrono_literals;

class Manual : public testing::Test {
 protected:
  void run_all() const {
    while (tasks->run_one()) {
    }
  }
  const std::shared_ptr<manual_tasks> tasks = std::make_shared<manual_tasks>();
  executor ex{{.tags = {{"licence", 1}}, .seed = 1}, manual{tasks}};
  std::vector<std::string> order;
  auto note(const char* what) {
    return [this, what] { order.emplace_back(what); };
  }
};

TEST_F(Manual, NothingRunsUntilSomebodyAsks) {
  const auto f = ex.submit([] { return std::this_thread::get_id(); });
  EXPECT_FALSE(f.done());
  EXPECT_EQ(tasks->size(), 1U);
  EXPECT_TRUE(tasks->run_one());
  EXPECT_EQ(f.result(0s), std::this_thread::get_id());
  EXPECT_FALSE(tasks->run_one());
}

TEST_F(Manual, RunsByPriorityThenInOrder) {
  ex.post(note("a"));
  ex.post({.priority = 1}, note("urgent"));
  ex.post({.priority = -1}, note("idle"));
  ex.post(note("b"));
  run_all();
  EXPECT_THAT(order, ElementsAre("urgent", "a", "b", "idle"));
}

TEST_F(Manual, DependentsFollowTheirInputs) {
  const auto a = ex.submit([] { return 1; });
  const auto b = ex.submit([](int x) { return x + 1; }, a);
  EXPECT_EQ(tasks->size(), 1U);
  run_all();
  EXPECT_EQ(b.result(0s), 2);
}

TEST_F(Manual, NestedTasksThatAreAwaitedRunInline) {
  const auto f = ex.submit([] {
    const auto here = fronta::this_task::executor();
    const auto a = here.submit([] { return 20; });
    const auto b = here.submit([] { return 22; });
    return a.get() + b.get();
  });
  run_all();
  EXPECT_EQ(f.result(0s), 42);
}

TEST_F(Manual, AWaitForWhatIsNotReadyThrowsInsteadOfHanging) {
  fronta::promise<int> never;
  const auto f = ex.submit([p = never.get_future()] { return p.get(); });
  run_all();
  EXPECT_THAT([&] { f.get(); },
              ThrowsMessage<std::system_error>(HasSubstr("no other thread runs tasks here")));
}

TEST_F(Manual, TagsAreTakenAndGivenBack) {
  ex.post({.needs = {{"licence", 1}}}, note("a"));
  ex.post({.needs = {{"licence", 1}}}, note("b"));
  ex.post(note("c"));
  run_all();
  EXPECT_THAT(order, ElementsAre("a", "b", "c"));
}

TEST_F(Manual, RetriesRunAgain) {
  int runs = 0;
  const auto f = ex.submit({.retries = 2}, [&] {
    if (++runs < 3) throw std::runtime_error("not yet");
    return runs;
  });
  run_all();
  EXPECT_EQ(f.result(0s), 3);
}

TEST_F(Manual, ACancelledTaskDoesNotRun) {
  const auto f = ex.submit(note("never"));
  EXPECT_TRUE(f.cancel());
  run_all();
  EXPECT_THAT(order, ElementsAre());
}

TEST_F(Manual, ACancellingShutdownLeavesNothingToRun) {
  const auto f = ex.submit(note("never"));
  ex.shutdown({.wait = false, .cancel_futures = true});
  EXPECT_TRUE(f.cancelled());
  EXPECT_FALSE(tasks->run_one());
}

TEST_F(Manual, AnEndThatWaitsSeesTheLastTaskOfAnotherThread) {
  ex.post(note("a"));
  std::jthread runner([this] { run_all(); });
  ex.shutdown();
  EXPECT_THAT(order, ElementsAre("a"));
}

TEST_F(Manual, RunsNoTaskInsideATask) {
  const auto f = ex.submit([this] { tasks->run_one(); });
  run_all();
  EXPECT_THAT([&] { f.get(); }, ThrowsMessage<std::logic_error>(HasSubstr("inside a task")));
}

TEST_F(Manual, NeedsMoreCpuThanThereIs) {
  EXPECT_THROW(ex.submit({.needs = {{"cpu", 2}}}, [] {}), fronta::unsatisfiable_error);
}

TEST(ManualConfig, WhatIsLeftOfAnExecutorIsGoneWithIt) {
  const auto tasks = std::make_shared<manual_tasks>();
  {
    executor ex{{.tags = {{"licence", 1}}}, manual{tasks}};
    EXPECT_TRUE(ex.submit([] {}).cancel());
    EXPECT_TRUE(ex.submit({.needs = {{"licence", 1}}}, [] {}).cancel());
    EXPECT_EQ(tasks->size(), 2U);
  }
  EXPECT_EQ(tasks->size(), 0U);
  EXPECT_FALSE(tasks->run_one());
  executor next{manual{tasks}};
  EXPECT_FALSE(tasks->run_one());
}

TEST(ManualConfig, AnExecutorMayEndBesideTheLoopThatRunsItsTasks) {
  for (int round = 0; round < 200; ++round) {
    const auto tasks = std::make_shared<manual_tasks>();
    std::jthread runner;
    {
      executor ex{manual{tasks}};
      ex.post([] {});
      runner = std::jthread([tasks](const std::stop_token& stop) {
        while (!stop.stop_requested()) tasks->run_one();
      });
    }
    EXPECT_EQ(tasks->size(), 0U);
  }
}

TEST(ManualConfig, NeedsTasksOfItsOwn) {
  EXPECT_THAT([] { executor ex{manual{}}; },
              ThrowsMessage<std::invalid_argument>(HasSubstr("give it a manual_tasks")));
  const auto tasks = std::make_shared<manual_tasks>();
  {
    executor first{manual{tasks}};
    first.post([] {});
    EXPECT_TRUE(tasks->run_one());
    EXPECT_THAT([&] { executor second{manual{tasks}}; },
                ThrowsMessage<std::invalid_argument>(HasSubstr("another executor uses")));
  }
  executor again{manual{tasks}};
  const auto f = again.submit([] { return 1; });
  EXPECT_TRUE(tasks->run_one());
  EXPECT_EQ(f.result(0s), 1);
}

}  // namespace
