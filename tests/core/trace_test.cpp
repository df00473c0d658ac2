// SPDX-License-Identifier: Apache-2.0
#include <fronta/trace.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <gmock/gmock.h>

#include <support/gate.hpp>
#include <support/running_task.hpp>
#include <support/trace_recorder.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <map>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using fronta::executor;
using fronta::cpu::threads;
using fronta::test::gate;
using recorder = fronta::test::trace_recorder;
using fronta::trace::event;
using fronta::trace::event_kind;
using testing::AnyOf;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Pair;
using testing::UnorderedElementsAre;

std::vector<event_kind> kinds(const std::vector<event>& events, std::vector<event_kind> wanted) {
  std::vector<event_kind> result;
  for (const auto& e : events) {
    if (std::ranges::find(wanted, e.kind) != wanted.end()) result.push_back(e.kind);
  }
  return result;
}

std::vector<std::int32_t> slots(const std::vector<event>& events) {
  std::vector<std::int32_t> result;
  for (const auto& e : events) result.push_back(e.slot);
  return result;
}

std::uint64_t id() { return fronta::this_task::path(); }

TEST(Trace, TellsTheLifeOfATaskInOrder) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  const auto task = ex.submit(id).get();
  ex.shutdown();
  const auto events = trace.of(task);
  EXPECT_THAT(
      kinds(events,
            {event_kind::submit, event_kind::enqueue, event_kind::start, event_kind::finish}),
      ElementsAre(event_kind::submit, event_kind::enqueue, event_kind::start, event_kind::finish));
  for (const auto& e : events) {
    if (e.kind == event_kind::submit) {
      EXPECT_EQ(e.slot, -1);
      EXPECT_EQ(e.argument, 0U) << "submitted outside tasks";
    }
    if (e.kind == event_kind::start) {
      EXPECT_EQ(e.slot, 0);
      EXPECT_EQ(e.argument, 0U) << "the first attempt";
    }
    if (e.kind == event_kind::finish) {
      EXPECT_EQ(e.argument, 0U) << "a value";
    }
  }
}

TEST(Trace, SaysNothingWhenOff) {
  recorder trace;
  ASSERT_EQ(fronta::trace::set_sink(nullptr), &trace);
  executor ex{threads{.workers = 1}};
  ex.submit([] {}).wait();
  ex.submit([] {}).cancel();
  ex.shutdown();
  EXPECT_THAT(trace.events(), IsEmpty());
}

TEST(Trace, SetSinkReturnsTheOneBefore) {
  recorder outer;
  {
    recorder inner;
    EXPECT_EQ(fronta::trace::set_sink(&inner), &inner);
  }
  EXPECT_EQ(fronta::trace::set_sink(&outer), &outer);
}

TEST(Trace, AFailureIsAFinishWithAnError) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  std::uint64_t task = 0;
  ex.submit([&] {
      task = id();
      throw std::runtime_error("x");
    }).wait();
  const auto events = trace.of(task);
  const auto finish = std::ranges::find(events, event_kind::finish, &event::kind);
  ASSERT_NE(finish, events.end());
  EXPECT_EQ(finish->argument, 1U);
}

// C-10
TEST(Trace, ANestedTaskNamesTheTaskThatSubmittedIt) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  const auto [outer, inner] =
      ex.submit([] {
          return std::pair(id(), fronta::this_task::executor().submit(id).get());
        }).get();
  const auto events = trace.of(inner);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.front().kind, event_kind::submit);
  EXPECT_EQ(events.front().argument, outer);
}

TEST(Trace, ADependentNamesItsInputsAndWhenTheyAreThere) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  gate go;
  const auto input = ex.submit([&] {
    go.wait();
    return id();
  });
  const auto dependent = ex.submit([](std::uint64_t) { return id(); }, input);
  go.open();
  const auto task = dependent.get();
  const auto events = trace.of(task);
  EXPECT_THAT(kinds(events, {event_kind::submit, event_kind::dependency, event_kind::ready,
                             event_kind::start, event_kind::finish}),
              ElementsAre(event_kind::submit, event_kind::dependency, event_kind::ready,
                          event_kind::start, event_kind::finish));
  const auto edge = std::ranges::find(events, event_kind::dependency, &event::kind);
  EXPECT_EQ(edge->argument, input.get());
}

TEST(Trace, ACancelledTaskIsCancelledAndNeverStarts) {
  recorder trace;
  fronta::test::running_task busy;
  const auto f = busy.executor().submit([] {});
  f.cancel();
  busy.release();
  busy.executor().shutdown();
  const auto cancels = trace.of(event_kind::cancel);
  ASSERT_EQ(cancels.size(), 1U);
  EXPECT_THAT(kinds(trace.of(cancels[0].task), {event_kind::start, event_kind::finish}), IsEmpty());
}

TEST(Trace, ARetryStartsAgainWithTheNextAttempt) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  const auto task = ex.submit({.retries = 1}, [] {
                        if (fronta::this_task::attempt() == 0) throw std::runtime_error("x");
                        return id();
                      }).get();
  const auto events = trace.of(task);
  EXPECT_THAT(
      kinds(events, {event_kind::start, event_kind::retry, event_kind::finish}),
      ElementsAre(event_kind::start, event_kind::retry, event_kind::start, event_kind::finish));
  std::vector<std::uint64_t> attempts;
  for (const auto& e : events) {
    if (e.kind == event_kind::start || e.kind == event_kind::retry) attempts.push_back(e.argument);
  }
  EXPECT_THAT(attempts, ElementsAre(0U, 1U, 1U));
}

TEST(Trace, AWaitBlocksAndUnblocksTheTask) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  fronta::promise<int> made;
  const auto f = made.get_future();
  const auto waiter = ex.submit([&] {
    f.wait();
    return id();
  });
  ex.submit([&] { made.set_value(1); });  // when the one before it blocks
  EXPECT_THAT(
      kinds(trace.of(waiter.get()),
            {event_kind::start, event_kind::block, event_kind::unblock, event_kind::finish}),
      ElementsAre(event_kind::start, event_kind::block, event_kind::unblock, event_kind::finish));
}

TEST(Trace, EveryBlockOfATaskHasAnUnblock) {
  using namespace std::chrono_literals;
  recorder trace;
  fronta::promise<int> made;
  const std::vector never{made.get_future()};
  {
    executor ex{threads{.workers = 2}};
    ex.submit([&] {
        EXPECT_EQ(never[0].wait_for(1ms), fronta::future_status::timeout);
        fronta::wait(never, 1ms);
        fronta::wait(never, fronta::first_completed, 1ms);
        auto completed = fronta::as_completed(never, 1ms);
        EXPECT_THROW(static_cast<void>(completed.begin()), fronta::timeout_error);
        const fronta::this_task::blocking outer;
        const fronta::this_task::blocking inner;
      }).get();
    executor no_substitutes{threads{.workers = 1, .max_substitutes = 0}};
    no_substitutes
        .submit([&] {
          EXPECT_THROW(never[0].wait(), std::system_error);
          EXPECT_THROW(never[0].wait_for(1h), std::system_error);
        })
        .get();
  }
  std::map<std::uint64_t, int> depth;
  for (const auto& e : trace.events()) {
    if (e.kind == event_kind::block) ++depth[e.task];
    if (e.kind == event_kind::unblock) --depth[e.task];
    EXPECT_GE(depth[e.task], 0);
  }
  EXPECT_THAT(depth, Each(Pair(testing::_, 0)));
  // A wait whose millisecond is over before it could block has none.
  EXPECT_GE(trace.of(event_kind::block).size(), 2U);
}

TEST(Trace, TagsAreAcquiredAndReleased) {
  recorder trace;
  executor ex{threads{.workers = 1, .offers = {{"lens", 1}}}};
  const auto task = ex.submit({.needs = {{"lens", 1}}}, id).get();
  ex.shutdown();
  EXPECT_THAT(
      kinds(trace.of(task),
            {event_kind::acquire, event_kind::start, event_kind::release, event_kind::finish}),
      ElementsAre(event_kind::acquire, event_kind::start, event_kind::release, event_kind::finish));
}

TEST(Trace, WorkersStartAndExit) {
  recorder trace;
  {
    executor ex{threads{.workers = 2}};
  }
  EXPECT_EQ(trace.of(event_kind::worker_start).size(), 2U);
  EXPECT_EQ(trace.of(event_kind::worker_exit).size(), 2U);
}

TEST(Trace, AParkingWorkerNamesTheSlotThatItLeavesAndAWokenOneThatItGets) {
  recorder trace;
  executor ex{threads{.workers = 2}};
  trace.wait_for(event_kind::worker_park, 2);  // with nothing to do, each once
  EXPECT_THAT(slots(trace.of(event_kind::worker_park)), UnorderedElementsAre(0, 1));
  std::latch both{2};
  const auto meet = [&] { both.arrive_and_wait(); };
  fronta::wait(ex.submit(meet), ex.submit(meet));
  const auto got = slots(trace.of(event_kind::worker_unpark));
  EXPECT_THAT(got, IsSupersetOf({0, 1}));
  EXPECT_THAT(got, Each(AnyOf(0, 1)));
}

}  // namespace
