// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include "router.hpp"

#include <support/fake_backend.hpp>
#include <support/gate.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using fronta::amount;
using fronta::bare_place;
using fronta::executor;
using fronta::executor_options;
using fronta::future;
using fronta::resources;
using fronta::cpu::threads;
using fronta::test::concurrency_meter;
using fronta::test::gate;
using testing::HasSubstr;

std::string here() { return fronta::this_task::place(); }

fronta::unsatisfiable_error refusal(const executor& ex, const fronta::task_options& options) {
  try {
    ex.submit(options, [] {});
  } catch (const fronta::unsatisfiable_error& e) {
    return e;
  }
  throw std::runtime_error("it was accepted");
}

//
TEST(Routing, ATaskRunsOnlyWhereItsTagsAreOffered) {
  executor ex{threads{.workers = 2, .name = "plain"},
              threads{.workers = 1, .name = "big", .offers = {{"memory", 8}, {"disk", 1}}}};
  std::vector<future<std::string>> tagged;
  for (int i = 0; i < 50; ++i) {
    tagged.push_back(ex.submit({.needs = {{"memory", i % 8 + 1}}}, here));
    tagged.push_back(ex.submit({.needs = {{"disk", 1}, {"memory", 1}}}, here));
  }
  for (const auto& f : tagged) EXPECT_EQ(f.get(), "big");
}

//
TEST(Routing, AnAmountThatOnlyOnePlaceOffersDecides) {
  executor ex{threads{.workers = 1, .name = "small", .offers = {{"memory", 1}}},
              threads{.workers = 1, .name = "big", .offers = {{"memory", 8}}}};
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ex.submit({.needs = {{"memory", 2}}}, here).get(), "big");
  }
}

//
TEST(Routing, UntaggedTasksUseAllPools) {
  executor ex{threads{.workers = 1, .name = "a"}, threads{.workers = 1, .name = "b"}};
  std::latch both{2};
  const auto meet = [&] {
    both.arrive_and_wait();
    return here();
  };
  const auto first = ex.submit(meet);
  const auto second = ex.submit(meet);
  EXPECT_EQ((std::set{first.get(), second.get()}), (std::set<std::string>{"a", "b"}));
}

TEST(Routing, PlacesAreListedWithTheirOffers) {
  executor ex{executor_options{.tags = {{"licence", 1}}},
              threads{.workers = 3, .name = "pool", .offers = {{"disk", 0.5}}},
              bare_place{"gpu:0", {{"gpu", 1}}}};
  const auto places = ex.places();
  ASSERT_EQ(places.size(), 2U);
  EXPECT_EQ(places[0].name, "pool");
  EXPECT_EQ(places[0].offers, (resources{{"cpu", 3}, {"disk", 0.5}}));
  EXPECT_TRUE(places[0].hosts_tasks);
  EXPECT_EQ(places[1].name, "gpu:0");
  EXPECT_FALSE(places[1].hosts_tasks);
}

//
TEST(Routing, AmountsBoundHowManyRunAtOnceBelowTheThreads) {
  executor ex{threads{.workers = 4, .offers = {{"A", 2}}}};
  concurrency_meter meter;
  std::vector<future<void>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(ex.submit({.needs = {{"A", 1}}}, [&] {
      const concurrency_meter::scope inside(meter);
      std::this_thread::yield();
    }));
  }
  fronta::wait(all);
  EXPECT_LE(meter.most(), 2);
  std::latch two{2};
  const auto meet = [&] { two.arrive_and_wait(); };
  fronta::wait(ex.submit({.needs = {{"A", 1}}}, meet), ex.submit({.needs = {{"A", 1}}}, meet));
}

//
TEST(Routing, ExecutorWideTagsBoundTasksOfAllPools) {
  executor ex{executor_options{.tags = {{"licence", 1}}}, threads{.workers = 2, .name = "a"},
              threads{.workers = 2, .name = "b"}};
  concurrency_meter meter;
  std::vector<future<void>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(ex.submit({.needs = {{"licence", 1}}}, [&] {
      const concurrency_meter::scope inside(meter);
      std::this_thread::yield();
    }));
  }
  fronta::wait(all);
  EXPECT_EQ(meter.most(), 1);
}

//
TEST(Routing, SeveralTagsAreTakenTogetherOrNotAtAll) {
  executor ex{executor_options{.tags = {{"B", 1}}}, threads{.workers = 4, .offers = {{"A", 2}}}};
  concurrency_meter meter;
  std::vector<future<void>> all;
  for (int i = 0; i < 100; ++i) {
    const auto needs = i % 2 == 0 ? resources{{"A", 1}, {"B", 1}} : resources{{"B", 1}, {"A", 1}};
    all.push_back(ex.submit({.needs = needs}, [&] {
      const concurrency_meter::scope inside(meter);
      std::this_thread::yield();
    }));
  }
  fronta::wait(all);
  EXPECT_EQ(meter.most(), 1);
}

//
TEST(Routing, ATaskThatWaitsForOneTagKeepsNoOther) {
  executor ex{executor_options{.tags = {{"A", 1}, {"B", 1}}}, threads{.workers = 3}};
  gate go;
  gate has_a;
  const auto holds_a = ex.submit({.needs = {{"A", 1}}}, [&] {
    has_a.open();
    go.wait();
  });
  has_a.wait();
  const auto both = ex.submit({.needs = {{"A", 1}, {"B", 1}}}, [] {});
  EXPECT_EQ(ex.submit({.needs = {{"B", 1}}}, [] { return 1; }).get(), 1);
  EXPECT_FALSE(both.done());
  go.open();
  both.get();
}

// The whole amount is free again: a task that needs all of it runs.
class TagsReturn : public testing::Test {
 protected:
  void all_is_back() {
    EXPECT_EQ(ex.submit({.needs = {{"A", 2}, {"gpu", 1}, {"wide", 1}}}, [] { return 1; }).get(), 1);
  }
  const fronta::task_options all{.needs = {{"A", 2}, {"gpu", 1}, {"wide", 1}}};
  executor ex{executor_options{.tags = {{"wide", 1}}}, threads{.workers = 2, .offers = {{"A", 2}}},
              bare_place{"gpu:0", {{"gpu", 1}}}};
};

//
TEST_F(TagsReturn, AfterASuccess) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ex.submit(all, [i] { return i; }).get(), i);
  all_is_back();
}

//
TEST_F(TagsReturn, AfterAnException) {
  EXPECT_THROW(ex.submit(all, [] { throw std::runtime_error("no"); }).get(), std::runtime_error);
  EXPECT_THROW(ex.submit(all, [] { throw 42; }).get(), int);
  all_is_back();
}

//
TEST_F(TagsReturn, BetweenRetries) {
  auto options = all;
  options.retries = 3;
  std::atomic<int> runs = 0;
  EXPECT_THROW(ex.submit(options,
                         [&] {
                           ++runs;
                           throw std::runtime_error("no");
                         })
                   .get(),
               std::runtime_error);
  EXPECT_EQ(runs, 4);
  all_is_back();
}

//
TEST_F(TagsReturn, AfterACancelInTheQueue) {
  gate go;
  gate running;
  const auto busy = ex.submit(all, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  std::vector<future<void>> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(ex.submit(all, [] {}));
  for (const auto& f : waiting) EXPECT_TRUE(f.cancel());
  go.open();
  all_is_back();
}

//
TEST_F(TagsReturn, AfterTheCodeOfATaskThatWasAskedToStopHasEnded) {
  gate go;
  gate running;
  const auto f = ex.submit(all, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  EXPECT_FALSE(f.cancel());
  EXPECT_TRUE(f.request_stop());
  const auto next = ex.submit({.needs = {{"A", 1}}}, [] { return 1; });
  EXPECT_EQ(ex.submit([] { return 2; }).get(), 2);
  EXPECT_FALSE(next.done());
  go.open();
  EXPECT_EQ(next.get(), 1);
  all_is_back();
}

//
TEST_F(TagsReturn, OnlyAfterCallableAndCapturesAreGone) {
  struct slow_to_die {
    gate* running;
    std::atomic<bool>* dead;
    bool armed = true;
    slow_to_die(gate* r, std::atomic<bool>* d) : running(r), dead(d) {}
    slow_to_die(slow_to_die&& other) noexcept
        : running(other.running), dead(other.dead), armed(std::exchange(other.armed, false)) {}
    ~slow_to_die() {
      if (!armed) return;
      std::this_thread::yield();
      dead->store(true);
    }
    void operator()() const { running->open(); }
  };
  for (int i = 0; i < 20; ++i) {
    gate running;
    std::atomic<bool> dead = false;
    const auto first = ex.submit(all, slow_to_die(&running, &dead));
    running.wait();
    const auto second = ex.submit(all, [&] { return dead.load(); });
    EXPECT_TRUE(second.get());
  }
}

//
TEST(Routing, CancellingARunningTaskFailsAndKeepsItsTags) {
  executor ex{threads{.workers = 2, .offers = {{"A", 1}}}};
  gate go;
  gate running;
  const auto f = ex.submit({.needs = {{"A", 1}}}, [&] {
    running.open();
    go.wait();
    return 1;
  });
  running.wait();
  EXPECT_FALSE(f.cancel());
  const auto next = ex.submit({.needs = {{"A", 1}}}, [] { return 2; });
  EXPECT_EQ(ex.submit([] { return 3; }).get(), 3);
  EXPECT_FALSE(next.done());
  go.open();
  EXPECT_EQ(f.get(), 1);
  EXPECT_EQ(next.get(), 2);
}

//
TEST(Unsatisfiable, NamesTheTagTheAmountAndTheLargestOffer) {
  executor ex{executor_options{.tags = {{"licence", 2}}},
              threads{.workers = 2, .name = "a", .offers = {{"memory", 4}}},
              threads{.workers = 3, .name = "b", .offers = {{"memory", 2.5}}}};
  const auto memory = refusal(ex, {.name = "sort", .needs = {{"memory", 5}}});
  EXPECT_EQ(memory.tag(), "memory");
  EXPECT_EQ(memory.asked(), amount(5));
  EXPECT_EQ(memory.largest_offer(), amount(4));
  EXPECT_THAT(memory.what(), HasSubstr("submit: task \"sort\""));
  EXPECT_THAT(memory.what(), HasSubstr("{\"memory\", 5}"));
  EXPECT_THAT(memory.what(), HasSubstr("is 4"));
  EXPECT_THAT(memory.what(), HasSubstr("ask for less"));

  const auto unknown = refusal(ex, {.needs = {{"gpu", 1}}});
  EXPECT_EQ(unknown.tag(), "gpu");
  EXPECT_EQ(unknown.largest_offer(), amount(0));

  const auto cpu = refusal(ex, {.needs = {{"cpu", 4}}});
  EXPECT_EQ(cpu.tag(), "cpu");
  EXPECT_EQ(cpu.asked(), amount(4));
  EXPECT_EQ(cpu.largest_offer(), amount(3));

  const auto wide = refusal(ex, {.needs = {{"licence", 3}}});
  EXPECT_EQ(wide.tag(), "licence");
  EXPECT_EQ(wide.largest_offer(), amount(2));

  const std::invalid_argument& base = wide;
  EXPECT_THAT(base.what(), HasSubstr("licence"));
}

//
TEST(Unsatisfiable, AmountsAreNeverSummedOverPlaces) {
  executor ex{threads{.workers = 1}, bare_place{"gpu:0", {{"gpu", 1}}},
              bare_place{"gpu:1", {{"gpu", 1}}}};
  const auto two = refusal(ex, {.needs = {{"gpu", 2}}});
  EXPECT_EQ(two.tag(), "gpu");
  EXPECT_EQ(two.asked(), amount(2));
  EXPECT_EQ(two.largest_offer(), amount(1));
  EXPECT_EQ(refusal(ex, {.needs = {{"cpu", 2}}}).largest_offer(), amount(1));
}

//
TEST(Unsatisfiable, TagsThatNoPlaceOffersTogetherAreRefused) {
  executor ex{threads{.workers = 1, .name = "a", .offers = {{"disk", 1}}},
              threads{.workers = 1, .name = "b", .offers = {{"net", 1}}}};
  const auto e = refusal(ex, {.needs = {{"disk", 1}, {"net", 1}}});
  EXPECT_THAT(e.what(), HasSubstr("together"));
  EXPECT_EQ(refusal(ex, {.needs = {{"disk", 1}}, .place_on = "b"}).tag(), "disk");
}

//
TEST(Unsatisfiable, WithoutAPlaceThatRunsTasksEveryTaskIs) {
  executor ex{bare_place{"gpu:0", {{"gpu", 1}}}};
  const auto e = refusal(ex, {});
  EXPECT_EQ(e.tag(), "cpu");
  EXPECT_THAT(e.what(), HasSubstr("cpu::threads"));
}

//
TEST(Unsatisfiable, NestedSubmitsPostsAndMapsAreRefusedToo) {
  executor ex{threads{.workers = 1}};
  const fronta::task_options bad{.needs = {{"gpu", 1}}};
  const auto text = [](auto call) -> std::string {
    try {
      call();
    } catch (const fronta::unsatisfiable_error& e) {
      return e.what();
    }
    return "nothing thrown";
  };
  EXPECT_THAT(text([&] { ex.post(bad, [] {}); }), HasSubstr("post: task"));
  EXPECT_THAT(text([&] { ex.try_submit(bad, [] {}); }), HasSubstr("try_submit: task"));
  for (const std::ptrdiff_t chunk_size : {1, 2}) {
    EXPECT_THAT(
        text([&] {
          ex.map({.chunk_size = chunk_size, .task = bad}, [](int i) { return i; }, std::vector{1});
        }),
        HasSubstr("map: task"));
  }
  const auto f = ex.submit([&] { fronta::this_task::executor().submit(bad, [] {}); });
  EXPECT_THROW(f.get(), fronta::unsatisfiable_error);
}

//
TEST(Fractions, TenTenthsFillOneExactlyAndComeBackExactly) {
  executor ex{threads{.workers = 12, .offers = {{"t", 1}}}};
  const fronta::task_options tenth{.needs = {{"t", 0.1}}};
  for (int round = 0; round < 3; ++round) {
    gate go;
    std::latch ten{11};
    std::vector<future<void>> all;
    for (int i = 0; i < 10; ++i) {
      all.push_back(ex.submit(tenth, [&] {
        ten.count_down();
        go.wait();
      }));
    }
    ten.arrive_and_wait();
    const auto eleventh = ex.submit(tenth, [] { return 1; });
    EXPECT_EQ(ex.submit([] { return 2; }).get(), 2);
    EXPECT_FALSE(eleventh.done());
    go.open();
    EXPECT_EQ(eleventh.get(), 1);
    fronta::wait(all);
    EXPECT_EQ(ex.submit({.needs = {{"t", 1}}}, [] { return 3; }).get(), 3);
  }
}

//
TEST(Fractions, TenTasksShareOneCpuShare) {
  executor ex{threads{.workers = 1}};
  std::latch ten{10};
  std::vector<future<void>> all;
  for (int i = 0; i < 10; ++i) {
    all.push_back(ex.submit({.needs = {{"cpu", 0.1}}}, [&] { ten.arrive_and_wait(); }));
  }
  fronta::wait(all);
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
}

//
TEST(NoHeadOfLineBlocking, ATaskWithFreeTagsPassesThoseWhoseTagsAreBusy) {
  executor ex{executor_options{.tags = {{"busy", 1}, {"free", 1}}}, threads{.workers = 2}};
  gate go;
  gate running;
  const auto holder = ex.submit({.needs = {{"busy", 1}}}, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  std::vector<future<void>> waiting;
  for (int i = 0; i < 50; ++i) {
    waiting.push_back(ex.submit({.needs = {{"busy", 1}}, .priority = 5}, [] {}));
  }
  EXPECT_EQ(ex.submit({.needs = {{"free", 1}}}, [] { return 1; }).get(), 1);
  EXPECT_EQ(ex.submit([] { return 2; }).get(), 2);
  for (const auto& f : waiting) EXPECT_FALSE(f.done());
  go.open();
  fronta::wait(waiting);
}

//
TEST(NoHeadOfLineBlocking, ASmallRequestMayPassALargeOneForAWhile) {
  executor ex{threads{.workers = 3, .offers = {{"t", 2}}}};
  gate go;
  gate running;
  const auto holder = ex.submit({.needs = {{"t", 1}}}, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  const auto large = ex.submit({.needs = {{"t", 2}}}, [] {});
  EXPECT_EQ(ex.submit({.needs = {{"t", 1}}}, [] { return 1; }).get(), 1);
  EXPECT_FALSE(large.done());
  go.open();
  large.get();
}

constexpr int patience = fronta::detail::router::patience;

// A large request waits, and endless streams of small ones, each making the next, pass it over.
void outlive_streams(executor& ex, const resources& small, const resources& large, int streams) {
  gate go;
  gate running;
  std::atomic<bool> served = false;
  std::atomic<int> passed = 0;
  ex.post({.needs = small}, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  const auto waiting = ex.submit({.needs = large}, [&] { served = true; });
  const std::function<void()> step = [&] {
    if (served) return;
    // From now on nothing but the streams is in its way.
    if (++passed == patience / 2) go.open();
    ex.post({.needs = small}, step);
  };
  for (int i = 0; i < streams; ++i) ex.post({.needs = small}, step);
  waiting.wait();
  ex.shutdown();
  EXPECT_LE(passed, 2 * patience);
}

//
TEST(Ageing, ALargeRequestIsNotStarvedByAStreamOfSmallOnes) {
  executor ex{threads{.workers = 4}, bare_place{"gpu:0", {{"gpu", 2}}}};
  outlive_streams(ex, {{"gpu", 1}}, {{"gpu", 2}}, 4);
}

//
TEST(Ageing, HoldsForTagsOfAPoolAndOfTheExecutor) {
  executor pool{threads{.workers = 3, .offers = {{"t", 3}}}};
  outlive_streams(pool, {{"t", 1}}, {{"t", 3}}, 3);
  executor wide{executor_options{.tags = {{"w", 3}}}, threads{.workers = 3}};
  outlive_streams(wide, {{"w", 1}}, {{"w", 3}}, 3);
}

//
TEST(Ageing, HoldsForARequestOfTwoTags) {
  executor ex{executor_options{.tags = {{"w", 1}}}, threads{.workers = 4},
              bare_place{"gpu:0", {{"gpu", 2}}}};
  outlive_streams(ex, {{"gpu", 1}}, {{"gpu", 2}, {"w", 1}}, 4);
}

//
TEST(Ageing, TwoAgedRequestsThatShareATagDoNotWaitForEachOther) {
  executor ex{executor_options{.tags = {{"w", 2}}}, threads{.workers = 2, .offers = {{"t", 2}}},
              bare_place{"gpu:0", {{"gpu", 2}}}};
  gate running;
  gate go;
  const auto holder = ex.submit({.needs = {{"w", 2}}}, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  const auto first = ex.submit({.needs = {{"t", 2}, {"w", 1}}}, [] { return 1; });
  const auto second = ex.submit({.needs = {{"gpu", 2}, {"w", 1}}}, [] { return 2; });
  for (int i = 0; i < patience; ++i) {
    ex.submit({.needs = {{"t", 1}}}, [] {}).wait();
    ex.submit({.needs = {{"gpu", 1}}}, [] {}).wait();
  }
  // Both have claims: what comes now goes behind them.
  const auto behind_first = ex.submit({.needs = {{"t", 1}}}, [] { return 3; });
  const auto behind_second = ex.submit({.needs = {{"gpu", 1}}}, [] { return 4; });
  EXPECT_EQ(ex.submit([] { return 5; }).get(), 5);
  EXPECT_FALSE(behind_first.done());
  EXPECT_FALSE(behind_second.done());
  go.open();
  EXPECT_EQ(first.get(), 1);
  EXPECT_EQ(second.get(), 2);
  EXPECT_EQ(behind_first.get(), 3);
  EXPECT_EQ(behind_second.get(), 4);
}

//
TEST(BarePlaces, LendTheirTagsToTasksThatRunOnAPool) {
  executor ex{threads{.workers = 4, .name = "pool"}, bare_place{"gpu:0", {{"gpu", 1}}},
              bare_place{"gpu:1", {{"gpu", 1}}}};
  gate go;
  std::latch both{3};
  const auto hold = [&] {
    both.count_down();
    go.wait();
    return here();
  };
  const auto first = ex.submit({.needs = {{"gpu", 1}}}, hold);
  const auto second = ex.submit({.needs = {{"gpu", 1}}}, hold);
  both.arrive_and_wait();
  const auto third = ex.submit({.needs = {{"gpu", 1}}}, here);
  EXPECT_EQ(ex.submit(here).get(), "pool");
  EXPECT_FALSE(third.done());
  go.open();
  EXPECT_EQ((std::set{first.get(), second.get()}),
            (std::set<std::string>{"pool gpu:0", "pool gpu:1"}));
  EXPECT_THAT(third.get(), HasSubstr("pool gpu:"));
}

TEST(BarePlaces, NeedANameAndTags) {
  EXPECT_THROW(executor{bare_place({"", {{"gpu", 1}}})}, std::invalid_argument);
  EXPECT_THROW(executor{bare_place({"gpu:0", {}})}, std::invalid_argument);
  try {
    const executor ex{threads{.workers = 1}, bare_place{"x", {{"cpu", 3}}}};
    ADD_FAILURE() << "it was taken";
  } catch (const std::invalid_argument& e) {
    EXPECT_THAT(e.what(), HasSubstr("\"x\" offers \"cpu\", which belongs to workers"));
  }
}

// L-05
TEST(PlaceOn, IsHard) {
  executor ex{threads{.workers = 1, .name = "a"}, threads{.workers = 1, .name = "b"},
              bare_place{"gpu:0", {{"gpu", 1}}}, bare_place{"gpu:1", {{"gpu", 1}}}};
  gate go;
  gate running;
  const auto busy = ex.submit({.place_on = "a"}, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  const auto f = ex.submit({.place_on = "a"}, here);
  EXPECT_EQ(ex.submit({.place_on = "b"}, here).get(), "b");
  EXPECT_FALSE(f.done());
  go.open();
  EXPECT_EQ(f.get(), "a");
  for (const std::string device : {"gpu:1", "gpu:0", "gpu:1"}) {
    EXPECT_THAT(ex.submit({.needs = {{"gpu", 1}}, .place_on = device}, here).get(),
                HasSubstr(device));
  }
}

// L-05
TEST(PlaceOn, AnUnknownPlaceIsUnsatisfiableAtSubmit) {
  executor ex{threads{.workers = 1, .name = "a"}};
  const auto e = refusal(ex, {.name = "lost", .place_on = "c"});
  EXPECT_EQ(e.tag(), "c");
  EXPECT_THAT(e.what(), HasSubstr("\"lost\""));
  EXPECT_THAT(e.what(), HasSubstr("places()"));
}

// L-05
TEST(Prefer, IsSoft) {
  executor ex{threads{.workers = 1, .name = "a"}, threads{.workers = 1, .name = "b"}};
  for (const std::string name : {"b", "a", "b", "b"}) {
    EXPECT_EQ(ex.submit({.prefer = name}, here).get(), name);
  }
}

// L-05
TEST(Prefer, AnUnknownNameIsRefusedWithThoseThatThereAre) {
  executor ex{threads{.workers = 1, .name = "a"}, bare_place{"gpu:0", {{"gpu", 1}}}};
  try {
    ex.submit({.name = "probe", .prefer = "mars"}, [] {});
    ADD_FAILURE() << "it was taken";
  } catch (const std::invalid_argument& e) {
    EXPECT_THAT(e.what(), HasSubstr("submit: task \"probe\" prefers \"mars\""));
    EXPECT_THAT(e.what(), HasSubstr("(a, gpu:0)"));
  }
  const fronta::annotate scope{{.prefer = "mars"}};
  EXPECT_THROW(ex.post([] {}), std::invalid_argument);
  EXPECT_THROW(ex.map([](int) {}, std::vector{1}), std::invalid_argument);
}

// L-05
TEST(Prefer, AnUnknownNameIsTakenWherePlacesMayAppear) {
  fronta::test::fake_device device{{.elastic = true}};
  executor ex{threads{.workers = 1}, device.config()};
  EXPECT_EQ(ex.submit({.prefer = "later"}, [] { return 1; }).get(), 1);
}

// L-05
TEST(Prefer, GivesWayWhenTasksQueueUpThere) {
  executor ex{threads{.workers = 1, .name = "a"}, threads{.workers = 1, .name = "b"}};
  gate go;
  gate running;
  const auto busy = ex.submit({.place_on = "b"}, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  std::vector<future<std::string>> all;
  for (int i = 0; i < 10; ++i) all.push_back(ex.submit({.prefer = "b"}, here));
  EXPECT_EQ(fronta::wait(all, fronta::first_completed).done.at(0).get(), "a");
  go.open();
  fronta::wait(all);
}

// L-05
TEST(Prefer, OfABusyDeviceTakesAnother) {
  executor ex{threads{.workers = 2}, bare_place{"gpu:0", {{"gpu", 1}}},
              bare_place{"gpu:1", {{"gpu", 1}}}};
  gate go;
  gate running;
  const auto busy = ex.submit({.needs = {{"gpu", 1}}, .place_on = "gpu:1"}, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  EXPECT_THAT(ex.submit({.needs = {{"gpu", 1}}, .prefer = "gpu:1"}, here).get(),
              HasSubstr("gpu:0"));
  go.open();
  busy.wait();
}

//
TEST(Routing, ATaskOfSeveralCpuSharesRunsAloneOnThem) {
  executor ex{threads{.workers = 2}};
  concurrency_meter meter;
  std::vector<future<void>> all;
  std::atomic<bool> shared = false;
  for (int i = 0; i < 40; ++i) {
    const int cpus = i % 4 == 0 ? 2 : 1;
    all.push_back(ex.submit({.needs = {{"cpu", cpus}}}, [&, cpus] {
      const concurrency_meter::scope inside(meter);
      for (int look = 0; look < 10; ++look) {
        if (cpus == 2 && meter.inside() != 1) shared = true;
        std::this_thread::yield();
      }
    }));
  }
  fronta::wait(all);
  EXPECT_FALSE(shared);
  EXPECT_LE(meter.most(), 2);
}

}  // namespace
