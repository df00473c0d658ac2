// SPDX-License-Identifier: Apache-2.0
#include <fronta/this_task.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/errors.hpp>
#include <fronta/executor.hpp>

#include <gmock/gmock.h>

#include <support/gate.hpp>
#include <support/manual_backend.hpp>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace this_task = fronta::this_task;
using fronta::executor;
using fronta::executor_ref;
using fronta::invalid_state_error;
using fronta::cpu::threads;
using fronta::test::gate;

TEST(ThisTask, OutsideATaskItsVerbsThrow) {
  EXPECT_FALSE(this_task::active());
  EXPECT_THROW(static_cast<void>(this_task::executor()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(this_task::stop_token()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(this_task::attempt()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(this_task::name()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(this_task::place()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(this_task::path()), invalid_state_error);
  EXPECT_THROW(static_cast<void>(this_task::holds("gpu")), invalid_state_error);
  EXPECT_THROW(static_cast<void>(this_task::rng()), invalid_state_error);
  EXPECT_THROW(this_task::reschedule(), invalid_state_error);
  EXPECT_NO_THROW(this_task::blocking());
}

// C-10
TEST(ThisTask, TheExecutorArrivesInTasksAndInTheirTasks) {
  executor one{threads{.workers = 1}};
  executor other{threads{.workers = 1}};
  const auto mine = [] { return this_task::executor(); };
  EXPECT_EQ(one.submit(mine).get(), one.ref());
  EXPECT_EQ(other.submit(mine).get(), other.ref());
  const auto nested = one.submit([&] { return this_task::executor().submit(mine).get(); });
  EXPECT_EQ(nested.get(), one.ref());
  // From a task of one executor to the other.
  const auto across = one.submit([&] {
    const auto there = other.submit(mine).get();
    return std::pair(there, this_task::executor());
  });
  EXPECT_EQ(across.get(), std::pair(other.ref(), one.ref()));
}

// C-10
TEST(ThisTask, ThePriorityArrivesInNestedTasksUnlessTheyNameOne) {
  const auto launched = std::make_shared<fronta::test::launched_tasks>();
  executor ex{fronta::test::manual{launched}};
  ex.submit({.priority = 5}, [] {
    auto own = this_task::executor();
    own.submit([] {});
    own.submit({.name = "named"}, [] {});
    own.submit({.priority = 0}, [] {});
    own.submit({.priority = -1}, [] {});
  });
  ex.submit([] {});
  std::vector<int> priorities;
  while (auto task = launched->take()) {
    priorities.push_back(task->priority());
    std::move(*task).run();
  }
  EXPECT_THAT(priorities, testing::ElementsAre(5, 0, 5, 5, 0, -1));
}

// C-10
TEST(ThisTask, NameAndPlaceArriveAtTheTask) {
  executor ex{threads{.workers = 1, .name = "here", .offers = {{"lens", 2}}}};
  EXPECT_EQ(ex.submit({.name = "norm"}, [] { return this_task::name(); }).get(), "norm");
  EXPECT_EQ(ex.submit([] { return this_task::place(); }).get(), "here");
  const auto holds = [] { return std::pair(this_task::holds("lens"), this_task::holds("gpu")); };
  EXPECT_EQ(ex.submit({.needs = {{"lens", 1}}}, holds).get(), std::pair(true, false));
}

// C-10
TEST(ThisTask, TheContextIsRestoredAfterATaskThatRanInsideAWait) {
  executor ex{threads{.workers = 1}};
  const auto f = ex.submit({.name = "outer", .priority = 3}, [] {
    std::vector<std::string> names{this_task::name()};
    const auto path = this_task::path();
    auto own = this_task::executor();
    const auto inner = own.submit({.name = "inner"}, [] { return this_task::name(); });
    names.push_back(inner.get());
    const auto fails =
        own.submit({.name = "fails"}, []() -> int { throw std::runtime_error("x"); });
    EXPECT_THROW(static_cast<void>(fails.get()), std::runtime_error);
    names.push_back(this_task::name());
    EXPECT_EQ(this_task::path(), path);
    EXPECT_EQ(this_task::executor(), own);
    return names;
  });
  EXPECT_THAT(f.get(), testing::ElementsAre("outer", "inner", "outer"));
}

// C-10
TEST(ThisTask, TheContextEndsWithTheTask) {
  const auto launched = std::make_shared<fronta::test::launched_tasks>();
  executor ex{fronta::test::manual{launched}};
  ex.submit([] { EXPECT_TRUE(this_task::active()); });
  bool active_in_callback = true;
  ex.submit([] {
      throw std::runtime_error("x");
    }).add_done_callback([&](const fronta::any_future&) {
    active_in_callback = this_task::active();
  });
  launched->run_all();
  EXPECT_FALSE(active_in_callback);
  EXPECT_FALSE(this_task::active());
}

TEST(ThisTask, ATaskThatAskedForAnotherRunCanBeCancelledBeforeIt) {
  const auto launched = std::make_shared<fronta::test::launched_tasks>();
  executor ex{fronta::test::manual{launched}};
  fronta::promise<int> made;
  made.set_value(1);
  const std::vector<fronta::future<int>> inputs{made.get_future()};
  int runs = 0;
  const auto f = ex.submit(
      [&](const std::vector<int>&) {
        ++runs;
        this_task::reschedule();
      },
      inputs);
  launched->run_one();
  EXPECT_FALSE(f.running());
  EXPECT_TRUE(f.cancel());
  launched->run_all();
  EXPECT_TRUE(f.cancelled());
  EXPECT_EQ(runs, 1);
}

TEST(ThisTask, PathAndRandomNumbersDependOnSeedAndSubmissionTreeAlone) {
  using numbers = std::vector<std::uint64_t>;
  const auto run = [](int workers) {
    executor ex{{.seed = 42}, threads{.workers = workers}};
    const auto draw = [] {
      auto r = this_task::rng();
      return numbers{this_task::path(), r(), r()};
    };
    numbers all;
    for (int i = 0; i < 3; ++i) {
      const auto f = ex.submit([&] {
        auto own = this_task::executor();
        auto a = own.submit(draw);
        auto b = own.submit(draw);
        auto both = a.get();
        for (const auto n : b.get()) both.push_back(n);
        return both;
      });
      for (const auto n : f.get()) all.push_back(n);
    }
    return all;
  };
  EXPECT_EQ(run(1), run(2));
}

// What `before` does in between must not change the numbers of the tasks behind it.
template <class Before>
std::vector<std::uint64_t> numbers_behind(fronta::executor_options options, Before before) {
  options.seed = 42;
  executor ex{std::move(options), threads{.workers = 2}};
  const auto draw = [] { return this_task::rng()(); };
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 2; ++i) {
    before(ex);
    all.push_back(ex.submit(draw).get());
    for (const auto n : ex.map([&](int) { return draw(); }, std::vector{1, 2})) all.push_back(n);
    all.push_back(ex.submit([&] {
                      executor_ref own = this_task::executor();
                      before(own);
                      auto inner = own.submit(draw).get();
                      for (const auto n : own.map([&](int) { return draw(); }, std::vector{1})) {
                        inner ^= n;
                      }
                      return inner;
                    }).get());
  }
  return all;
}

TEST(ThisTask, RandomNumbersHangOnNeitherQuestionsNorRefusedSubmissions) {
  struct fragile {
    fragile() = default;
    fragile(const fragile& /*other*/) { throw std::runtime_error("copy"); }
    void operator()() const {}
  };
  const auto refused = [](auto call) {
    try {
      call();
      ADD_FAILURE() << "it was taken";
    } catch (const std::exception&) {
    }
  };
  const auto expected = numbers_behind({}, [](executor_ref&) {});
  const auto same = [&](const char* what, auto before) {
    EXPECT_EQ(numbers_behind({}, before), expected) << what;
    EXPECT_EQ(numbers_behind({.max_pending = 5}, before), expected) << what << ", with a limit";
  };
  same("nothing", [](executor_ref&) {});
  same("places", [](executor_ref& ex) { static_cast<void>(ex.places()); });
  same("scatter", [](executor_ref& ex) {
    EXPECT_EQ(ex.scatter(1).get(), 1);
    EXPECT_EQ(ex.scatter_each(std::vector{1, 2}).size(), 2U);
  });
  same("an unknown tag", [&](executor_ref& ex) {
    refused([&] { ex.submit({.needs = {{"t", 1}}}, [] {}); });
    refused([&] { ex.post({.needs = {{"t", 1}}}, [] {}); });
    refused([&] { ex.try_submit({.needs = {{"t", 1}}}, [] {}); });
    refused([&] { ex.map({.task = {.needs = {{"t", 1}}}}, [](int) {}, std::vector{1}); });
  });
  same("an empty future",
       [&](executor_ref& ex) { refused([&] { ex.submit([](int) {}, fronta::future<int>()); }); });
  same("a copy that throws", [&](executor_ref& ex) {
    const fragile bad;
    refused([&] { ex.submit(bad); });
  });
}

TEST(ThisTask, RandomNumbersHangOnNoSubmissionThatAFullQueueRefuses) {
  const auto run = [](int refusals) {
    executor ex{{.max_pending = 1, .seed = 42}, threads{.workers = 1}};
    gate go;
    const auto busy = ex.submit([&] { go.wait(); });
    for (int i = 0; i < refusals; ++i) {
      EXPECT_FALSE(ex.try_submit([] {}));
      EXPECT_THROW(ex.submit([] {}), fronta::queue_full_error);
    }
    go.open();
    busy.wait();
    return ex.submit([] { return this_task::rng()(); }).get();
  };
  EXPECT_EQ(run(0), run(3));
}

TEST(ThisTask, RandomNumbersHangNotOnWhetherATaskOfTheSameKeyLives) {
  const auto run = [](const char* second_key) {
    executor ex{{.seed = 42}, threads{.workers = 1}};
    const auto first = ex.submit({.key = "k"}, [] {});
    const auto second = ex.submit({.key = second_key}, [] {});
    EXPECT_EQ(first == second, std::string(second_key) == "k");
    return ex.submit([] { return this_task::rng()(); }).get();
  };
  EXPECT_EQ(run("k"), run("another"));
}

TEST(ThisTask, AnExecutorThatIsGoneDoesNotShiftTheNumbersOfAnother) {
  const auto run = [](bool use) {
    executor_ref gone;
    {
      executor ex{threads{.workers = 1}};
      gone = ex.ref();
    }
    executor ex{{.seed = 42}, threads{.workers = 1}};
    if (use) {
      EXPECT_THROW(gone.submit([] {}), fronta::shutdown_error);
    }
    return ex.submit([] { return this_task::rng()(); }).get();
  };
  EXPECT_EQ(run(true), run(false));
}

TEST(ThisTask, TasksOfAnotherExecutorDoNotShiftTheNumbersOfThoseFromOutside) {
  const auto run = [](int visitors) {
    executor other{threads{.workers = 1}};
    executor ex{{.seed = 42}, threads{.workers = 1}};
    for (int i = 0; i < visitors; ++i) {
      other.submit([&] { ex.submit([] {}).wait(); }).wait();
    }
    return ex.submit([] { return this_task::rng()(); }).get();
  };
  EXPECT_EQ(run(0), run(2));
}

TEST(ThisTask, RngStartsTheSameStreamAnewAtEachCall) {
  executor ex{threads{.workers = 1}};
  EXPECT_TRUE(ex.submit([] { return this_task::rng()() == this_task::rng()(); }).get());
}

}  // namespace
