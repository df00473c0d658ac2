// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <support/fake_backend.hpp>
#include <support/gate.hpp>
#include <support/manual_clock.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::edge_level;
using fronta::executor;
using fronta::executor_options;
using fronta::future;
using fronta::task_options;
using fronta::cpu::threads;
using fronta::test::fake_device;
using fronta::test::gate;
using fronta::test::manual_clock;
using testing::ElementsAre;
using testing::HasSubstr;

int plus_one(int x) { return x + 1; }

std::exception_ptr lost() {
  return std::make_exception_ptr(fronta::cancelled_error("fake: the place was lost"));
}

// A stream "fake:0" beside a pool, stepped by hand.
class Stream : public testing::Test {
 protected:
  explicit Stream(edge_level edges = edge_level::issued,
                  fake_device::issues issued = fake_device::issues::at_launch)
      : device({.places = {{"fake:0", {{"lane", 10}}}}, .edge_within = edges, .issued = issued}),
        ex(threads{.workers = 1, .name = "pool"}, device.config()) {}
  static task_options at_stream(std::string name) {
    return {.name = std::move(name), .place_on = "fake:0"};
  }
  fake_device device;
  executor ex;
};

TEST_F(Stream, RunsWhatIsLaunchedInOrder) {
  std::vector<int> order;
  std::vector<future<void>> all;
  for (int i = 0; i < 5; ++i) {
    all.push_back(ex.submit(at_stream("task"), [&order, i] { order.push_back(i); }));
  }
  EXPECT_EQ(device.queued(), 5U);
  EXPECT_FALSE(all[0].done());
  device.step_all();
  EXPECT_TRUE(all[4].done());
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(ex.submit({.place_on = "pool"}, [] { return fronta::this_task::place(); }).get(),
            "pool");
  const auto there = ex.submit(at_stream("where"), [] { return fronta::this_task::place(); });
  device.step();
  EXPECT_EQ(there.get(), "fake:0");
}

TEST_F(Stream, ADependentWithAnIssuedEdgeIsLaunchedBeforeItsInputIsDone) {
  const auto a = ex.submit(at_stream("a"), [] { return 1; });
  const auto b = ex.submit(at_stream("b"), plus_one, a);
  const auto c = ex.submit(at_stream("c"), [](int x, int y) { return x * 10 + y; }, a, b);
  EXPECT_FALSE(a.done());
  EXPECT_THAT(device.launches(), ElementsAre("a", "b", "c"));
  device.step_all();
  EXPECT_EQ(c.get(), 12);
}

TEST_F(Stream, AnEdgeToAnotherPlaceNeedsDone) {
  const auto a = ex.submit(at_stream("a"), [] { return 1; });
  const auto elsewhere = ex.submit({.place_on = "pool"}, plus_one, a);
  const auto back = ex.submit(at_stream("back"), plus_one, elsewhere);
  EXPECT_THAT(device.launches(), ElementsAre("a"));
  EXPECT_FALSE(elsewhere.done());
  device.step();
  EXPECT_EQ(elsewhere.get(), 2);
  // Made ready by the pool's worker when the value is published.
  while (!device.step()) std::this_thread::yield();
  EXPECT_EQ(back.get(), 3);
}

TEST_F(Stream, AnInputFromElsewhereNeedsDone) {
  fronta::promise<int> p;
  const auto f = ex.submit(at_stream("f"), plus_one, p.get_future());
  EXPECT_TRUE(device.launches().empty());
  p.set_value(1);
  EXPECT_THAT(device.launches(), ElementsAre("f"));
  device.step();
  EXPECT_EQ(f.get(), 2);
}

TEST_F(Stream, AFailureReachesADependentThatWasLaunchedBefore) {
  bool ran = false;
  const auto a = ex.submit(at_stream("a"), []() -> int { throw std::runtime_error("no"); });
  const auto b = ex.submit(at_stream("b"), [&](int) { return ran = true; }, a);
  const auto c = ex.submit(at_stream("c"), [&](bool) { ran = true; }, b);
  EXPECT_EQ(device.queued(), 3U);
  device.step_all();
  EXPECT_EQ(b.exception(), a.exception());
  EXPECT_EQ(c.exception(), a.exception());
  EXPECT_EQ(c.failed_input(), "a");
  EXPECT_FALSE(ran);
}

TEST_F(Stream, AFailureReachesADependentThatWouldHaveTakenTheValue) {
  bool ran = false;
  const auto b = ex.submit(
      at_stream("b"), [&](std::unique_ptr<int>) { ran = true; },
      ex.submit(at_stream("a"), []() -> std::unique_ptr<int> { throw std::runtime_error("no"); }));
  device.step_all();
  EXPECT_THROW(b.get(), std::runtime_error);
  EXPECT_FALSE(ran);
}

TEST_F(Stream, CancellingALaunchedTaskCancelsItsLaunchedDependents) {
  bool ran = false;
  const auto a = ex.submit(at_stream("a"), [&] {
    ran = true;
    return 1;
  });
  const auto b = ex.submit(at_stream("b"), [&](int) { return ran = true; }, a);
  const auto c = ex.submit({.place_on = "pool"}, [&](bool) { ran = true; }, b);
  const auto alone = ex.submit(at_stream("alone"), [] { return 5; });
  EXPECT_TRUE(a.cancel());
  EXPECT_TRUE(a.cancelled());
  device.step_all();
  EXPECT_TRUE(b.cancelled());
  EXPECT_TRUE(c.cancelled());
  EXPECT_EQ(c.failed_input(), "a");
  EXPECT_EQ(alone.get(), 5);
  EXPECT_FALSE(ran);
}

TEST_F(Stream, ACancelledTaskCanBeRevokedFromTheQueue) {
  const auto a = ex.submit(at_stream("a"), [] {});
  const auto b = ex.submit(at_stream("b"), [] { return 1; });
  EXPECT_TRUE(a.cancel());
  EXPECT_TRUE(device.revoke(0));
  EXPECT_EQ(device.queued(), 1U);
  device.step_all();
  EXPECT_EQ(b.get(), 1);
}

TEST_F(Stream, RetriesAreLaunchedAnewAndReleaseTheirTags) {
  int runs = 0;
  auto options = at_stream("a");
  options.retries = 2;
  options.needs = {{"lane", 10}};
  const auto f = ex.submit(options, [&] {
    if (++runs < 3) throw std::runtime_error("again");
    return runs;
  });
  auto other_options = at_stream("b");
  other_options.needs = {{"lane", 10}};
  const auto other = ex.submit(other_options, [] { return 1; });
  device.step();
  EXPECT_THAT(device.launches(), ElementsAre("a", "b"));  // a gave its lane up and waits for it
  device.step_all();
  EXPECT_EQ(f.get(), 3);
  EXPECT_EQ(other.get(), 1);
}

TEST_F(Stream, NestedTasksCanBeSubmittedFromItsThread) {
  const auto f = ex.submit(at_stream("outer"), [] {
    return fronta::this_task::executor().submit({.place_on = "pool"}, [] { return 4; }).get();
  });
  device.step();
  EXPECT_EQ(f.get(), 4);
}

TEST_F(Stream, ACancellingShutdownCancelsWhatIsQueuedThere) {
  const auto a = ex.submit(at_stream("a"), [] { return 1; });
  const auto b = ex.submit(at_stream("b"), plus_one, a);
  ex.shutdown({.cancel_futures = true});
  EXPECT_TRUE(a.cancelled());
  EXPECT_TRUE(b.cancelled());
}

class DoneStream : public Stream {
 protected:
  DoneStream() : Stream(edge_level::done) {}
};

TEST_F(DoneStream, WithoutDeviceSideOrderingADependentWaitsForDone) {
  const auto a = ex.submit(at_stream("a"), [] { return 1; });
  const auto b = ex.submit(at_stream("b"), plus_one, a);
  EXPECT_THAT(device.launches(), ElementsAre("a"));
  device.step();
  EXPECT_THAT(device.launches(), ElementsAre("a", "b"));
  device.step();
  EXPECT_EQ(b.get(), 2);
}

class IssuedByHand : public Stream {
 protected:
  IssuedByHand() : Stream(edge_level::issued, fake_device::issues::by_hand) {}
};

TEST_F(IssuedByHand, AnIssuedEdgeWaitsForTheReport) {
  const auto a = ex.submit(at_stream("a"), [] { return 1; });
  const auto b = ex.submit(at_stream("b"), plus_one, a);
  const auto c = ex.submit(at_stream("c"), plus_one, b);
  EXPECT_THAT(device.launches(), ElementsAre("a"));
  EXPECT_TRUE(device.issue());
  EXPECT_THAT(device.launches(), ElementsAre("a", "b"));
  EXPECT_FALSE(a.done());
  device.step_all();
  EXPECT_EQ(c.get(), 3);
}

TEST_F(IssuedByHand, AFailureBeforeTheReportLaunchesNothing) {
  const auto a = ex.submit(at_stream("a"), []() -> int { throw std::runtime_error("no"); });
  const auto b = ex.submit(at_stream("b"), plus_one, a);
  EXPECT_TRUE(a.cancel());
  EXPECT_TRUE(b.cancelled());
  device.step_all();
  EXPECT_THAT(device.launches(), ElementsAre("a"));
}

class KeyStream : public Stream {
 protected:
  KeyStream() : Stream(edge_level::key, fake_device::issues::by_hand) {}
};

TEST_F(KeyStream, AKeyEdgeNeedsTheLaunchAlone) {
  const auto a = ex.submit(at_stream("a"), [] { return 1; });
  const auto b = ex.submit(at_stream("b"), plus_one, a);
  const auto c = ex.submit(at_stream("c"), plus_one, b);
  EXPECT_THAT(device.launches(), ElementsAre("a", "b", "c"));
  device.step_all();
  EXPECT_EQ(c.get(), 3);
}

// ---- Values that lie elsewhere.

class Remote : public testing::Test {
 protected:
  fake_device device{{.places = {{"fake:0", {}}}, .edge_within = edge_level::key, .remote = true}};
  executor ex{threads{.workers = 1, .name = "pool"}, device.config()};
  const task_options there{.name = "there", .place_on = "fake:0"};
};

TEST_F(Remote, AValueIsFetchedOnceBeforeItIsFirstRead) {
  const auto f = ex.submit(there, [] { return std::string("far"); });
  device.step();
  f.wait();
  EXPECT_TRUE(f.done());
  EXPECT_EQ(device.fetches(), 0U);
  EXPECT_EQ(f.result(), "far");
  EXPECT_EQ(f.get(), "far");
  EXPECT_EQ(device.fetches(), 1U);
}

TEST_F(Remote, ADependentElsewhereFetchesIt) {
  auto f = ex.submit(there, [] { return std::make_unique<int>(3); });
  const auto here =
      ex.submit({.place_on = "pool"}, [](std::unique_ptr<int> p) { return *p; }, std::move(f));
  device.step();
  EXPECT_EQ(here.get(), 3);
  EXPECT_EQ(device.fetches(), 1U);
}

TEST_F(Remote, AFailureNeedsNoFetch) {
  const auto f = ex.submit(there, []() -> int { throw std::runtime_error("no"); });
  device.step();
  EXPECT_THROW(f.get(), std::runtime_error);
  EXPECT_EQ(device.fetches(), 0U);
}

TEST_F(Remote, ALostValueIsAnErrorForEveryReader) {
  const auto f = ex.submit(there, [] { return 1; });
  device.step();
  device.lose_values(lost());
  EXPECT_THROW(f.get(), fronta::cancelled_error);
  EXPECT_THROW(f.get(), fronta::cancelled_error);
  EXPECT_THROW(ex.submit({.place_on = "pool"}, plus_one, f).get(), fronta::cancelled_error);
}

TEST_F(Remote, AValueIsLostWithItsPlace) {
  const auto f = ex.submit(there, [] { return 1; });
  device.step();
  device.remove_place(0, lost());
  try {
    f.get();
    ADD_FAILURE() << "it was read";
  } catch (const fronta::cancelled_error& e) {
    EXPECT_THAT(e.reason(), HasSubstr("\"there\""));
    EXPECT_THAT(e.reason(), HasSubstr("lost"));
  }
}

// ---- Places that come and go.

class Elastic : public testing::Test {
 protected:
  std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
  fake_device device{{.elastic = true, .own_thread = true}};
  executor ex{executor_options{.no_worker_timeout = 10ms, .clock = clock}, device.config()};
};

//
TEST_F(Elastic, ATaskWaitsForAPlaceThatCanRunIt) {
  const auto untagged = ex.submit([] { return 1; });
  const auto gpu = ex.submit({.needs = {{"gpu", 2}}}, [] { return fronta::this_task::place(); });
  const auto named = ex.submit({.place_on = "node:3"}, [] { return 3; });
  EXPECT_THROW(untagged.result(0s), fronta::timeout_error);
  device.add_place("node:0", {{"gpu", 1}});
  EXPECT_EQ(untagged.get(), 1);
  device.add_place("node:1", {{"gpu", 1}});
  EXPECT_FALSE(gpu.done());
  device.add_place("node:2", {{"gpu", 2}});
  EXPECT_EQ(gpu.get(), "node:2");
  EXPECT_FALSE(named.done());
  device.add_place("node:3");
  EXPECT_EQ(named.get(), 3);
}

//
TEST(ElasticBesideAPool, TagsOfAbsentPlacesAreNotRefused) {
  fake_device device{{.elastic = true, .own_thread = true}};
  executor ex{threads{.workers = 1}, device.config()};
  const auto f = ex.submit({.needs = {{"gpu", 1}}}, [] { return fronta::this_task::place(); });
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  EXPECT_FALSE(f.done());
  device.add_place("node:0", {{"gpu", 1}});
  EXPECT_EQ(f.get(), "node:0");
}

//
TEST_F(Elastic, WithoutAnyPlaceTheNoWorkerTimeoutEndsATask) {
  const auto f = ex.submit({.name = "early"}, [] { return 1; });
  const auto dependent = ex.submit(plus_one, f);
  clock->wait_for_waiter();
  clock->advance(9ms);
  EXPECT_FALSE(f.done());
  clock->advance(1ms);
  try {
    f.get();
    ADD_FAILURE() << "it ran";
  } catch (const fronta::no_worker_error& e) {
    EXPECT_EQ(e.restrictions(), "");
    EXPECT_THAT(e.what(), HasSubstr("\"early\""));
  }
  EXPECT_EQ(dependent.exception(), f.exception());
}

//
TEST_F(Elastic, ARestrictedTaskFailsWithItsRestrictionsAndOthersAreUnaffected) {
  device.add_place("node:0", {{"gpu", 1}});
  const auto f = ex.submit({.needs = {{"gpu", 2}}}, [] { return 1; });
  const auto on = ex.submit({.place_on = "node:7"}, [] { return 1; });
  EXPECT_EQ(ex.submit({.needs = {{"gpu", 1}}}, [] { return 2; }).get(), 2);
  clock->wait_for_waiter();
  clock->advance(10ms);
  try {
    f.get();
    ADD_FAILURE() << "it ran";
  } catch (const fronta::no_worker_error& e) {
    EXPECT_THAT(e.restrictions(), HasSubstr("\"gpu\": 2"));
  }
  try {
    on.get();
    ADD_FAILURE() << "it ran";
  } catch (const fronta::no_worker_error& e) {
    EXPECT_THAT(e.restrictions(), HasSubstr("node:7"));
  }
  EXPECT_EQ(ex.submit([] { return 3; }).get(), 3);
}

//
TEST_F(Elastic, ATaskBehindABusyPlaceDoesNotTripTheTimeout) {
  device.add_place("node:0", {{"gpu", 1}});
  gate running;
  gate go;
  const task_options gpu{.needs = {{"gpu", 1}}};
  const auto busy = ex.submit(gpu, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  const auto queued = ex.submit(gpu, [] { return 1; });
  clock->advance(1h);
  EXPECT_FALSE(queued.done());
  go.open();
  EXPECT_EQ(queued.get(), 1);
}

//
TEST_F(Elastic, TheClockStopsWhileAPlaceExistsAndStartsAnew) {
  device.add_place("node:0", {{"gpu", 1}});
  gate running;
  gate go;
  const task_options gpu{.needs = {{"gpu", 1}}};
  const auto busy = ex.submit(gpu, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  const auto queued = ex.submit(gpu, [] { return 1; });
  device.change_place(0, {{"disk", 1}});
  clock->wait_for_waiter();
  clock->advance(9ms);
  device.change_place(0, {{"gpu", 1}});  // in use: it cannot run yet, but it could
  clock->advance(9ms);
  EXPECT_FALSE(queued.done());
  device.change_place(0, {{"disk", 1}});
  clock->advance(9ms);
  EXPECT_FALSE(queued.done());
  clock->wait_for_waiter();
  clock->advance(1ms);
  EXPECT_THROW(queued.get(), fronta::no_worker_error);
  go.open();
  busy.get();
}

//
TEST(Capacity, GrowsWhileAmountsAreInUse) {
  fake_device device{{.places = {{"fake:0", {{"t", 2}}}}}};
  executor ex{device.config()};
  const task_options one{.needs = {{"t", 1}}};
  std::vector<future<int>> all;
  for (int i = 0; i < 5; ++i) all.push_back(ex.submit(one, [i] { return i; }));
  EXPECT_EQ(device.queued(), 2U);
  device.change_place(0, {{"t", 3}});
  EXPECT_EQ(device.queued(), 3U);
  EXPECT_EQ(ex.places().at(0).offers, (fronta::resources{{"t", 3}}));
  device.step_all();
  EXPECT_EQ(all[4].get(), 4);
}

//
TEST(Capacity, ShrinksBelowItsUseAndTakesNothingAway) {
  fake_device device{{.places = {{"fake:0", {{"t", 3}}}}, .elastic = true}};
  executor ex{device.config()};
  const task_options one{.needs = {{"t", 1}}};
  std::vector<future<int>> all;
  for (int i = 0; i < 5; ++i) all.push_back(ex.submit(one, [i] { return i; }));
  EXPECT_EQ(device.queued(), 3U);
  device.change_place(0, {{"t", 1}});
  EXPECT_EQ(device.queued(), 3U);
  device.step();
  device.step();
  EXPECT_EQ(device.launches().size(), 3U);  // two came back, one is still above the capacity
  device.step();
  EXPECT_EQ(device.launches().size(), 4U);
  device.step_all();
  EXPECT_EQ(all[4].get(), 4);
  device.change_place(0, {});
  const auto later = ex.submit(one, [] { return 9; });
  EXPECT_EQ(device.queued(), 0U);
  device.change_place(0, {{"t", 1}});
  device.step_all();
  EXPECT_EQ(later.get(), 9);
}

//
TEST(Capacity, OfALentDeviceMayChangeToo) {
  fake_device device{{.places = {{"gpu:0", {{"gpu", 1}}}}, .hosts_plain_tasks = false}};
  executor ex{threads{.workers = 4}, device.config()};
  gate go;
  gate first_runs;
  gate second_runs;
  const task_options gpu{.needs = {{"gpu", 1}}};
  const auto first = ex.submit(gpu, [&] {
    first_runs.open();
    go.wait();
  });
  first_runs.wait();
  const auto second = ex.submit(gpu, [&] {
    second_runs.open();
    go.wait();
  });
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  EXPECT_FALSE(second_runs.is_open());
  device.change_place(0, {{"gpu", 2}});
  second_runs.wait();
  go.open();
  fronta::wait(first, second);
}

TEST(LostPlace, FailsItsQueueAndTakesNothingMore) {
  fake_device device{{.places = {{"fake:0", {{"t", 1}}}, {"fake:1", {{"t", 1}}}}}};
  executor ex{device.config()};
  const auto first = ex.submit({.place_on = "fake:0"}, [] { return 1; });
  const auto other = ex.submit({.place_on = "fake:1"}, [] { return 2; });
  device.remove_place(0, lost());
  EXPECT_THROW(first.get(), fronta::cancelled_error);
  EXPECT_THROW(ex.submit({.place_on = "fake:0"}, [] {}), fronta::unsatisfiable_error);
  EXPECT_EQ(ex.places().size(), 1U);
  device.step_all();
  EXPECT_EQ(other.get(), 2);
  // The name is free again.
  device.add_place("fake:0", {{"t", 5}});
  const auto anew = ex.submit({.needs = {{"t", 4}}}, [] { return fronta::this_task::place(); });
  device.step_all();
  EXPECT_EQ(anew.get(), "fake:0");
}

//
TEST(LostPlace, GivesExecutorWideTagsBack) {
  fake_device device{{.places = {{"fake:0", {}}}}};
  executor ex{executor_options{.tags = {{"licence", 1}}}, threads{.workers = 1, .name = "pool"},
              device.config()};
  const auto first = ex.submit({.needs = {{"licence", 1}}, .place_on = "fake:0"}, [] {});
  const auto next = ex.submit({.needs = {{"licence", 1}}, .place_on = "pool"}, [] { return 1; });
  EXPECT_FALSE(next.done());
  device.remove_place(0, lost());
  EXPECT_EQ(next.get(), 1);
  EXPECT_THROW(first.get(), fronta::cancelled_error);
}

TEST(LostPlace, LetsWhatRunsThereEnd) {
  fake_device device{{.places = {{"fake:0", {{"t", 1}}}}, .elastic = true, .own_thread = true}};
  executor ex{device.config()};
  gate running;
  gate go;
  const auto busy = ex.submit([&] {
    running.open();
    go.wait();
    return 1;
  });
  running.wait();
  const auto queued = ex.submit([] { return 2; });
  device.remove_place(0, lost());
  EXPECT_THROW(queued.get(), fronta::cancelled_error);
  EXPECT_FALSE(busy.done());  // what runs ends by itself
  const auto later = ex.submit([] { return 3; });
  go.open();
  EXPECT_EQ(busy.get(), 1);
  EXPECT_FALSE(later.done());
  device.add_place("fake:1");
  EXPECT_EQ(later.get(), 3);
}

}  // namespace
