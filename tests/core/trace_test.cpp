// SPDX-License-Identifier: Apache-2.0
#include <fronta/trace.hpp>

#include <fronta/annotate.hpp>
#include <fronta/array.hpp>
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
#include <memory>
#include <mutex>
#include <ranges>
#include <set>
#include <source_location>
#include <stdexcept>
#include <string>
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
using fronta::trace::queue;
using fronta::trace::route_choice;
using fronta::trace::route_reason;
using fronta::trace::tag_amount;
using fronta::trace::wait_reason;
using testing::AnyOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
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
      EXPECT_FALSE(fronta::trace::outcome_told::from(e.argument).error);
    }
  }
}

// What is not told of while the value may be moved, and cannot stop the task from ending.
struct of_no_size {
  using value_type = int;
  [[nodiscard]] std::size_t size() const { throw std::runtime_error("nobody knows"); }
};

TEST(Trace, AFinishTellsTheBytesOfTheValue) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  using fronta::trace::outcome_told;
  const auto ended = [&](const auto& f) {
    f.wait();
    const auto all = trace.events();
    const auto last = std::ranges::find(std::views::reverse(all), event_kind::finish, &event::kind);
    return outcome_told::from(last->argument);
  };
  EXPECT_EQ(ended(ex.submit([] { return 1.0; })).bytes, sizeof(double));
  EXPECT_EQ(ended(ex.submit([] { return std::vector<int>(10); })).bytes,
            sizeof(std::vector<int>) + 10 * sizeof(int));
  EXPECT_EQ(ended(ex.submit([] { return fronta::array<int>(1'000); })).bytes, 4'000U);
  EXPECT_EQ(ended(ex.submit([] { return of_no_size(); })).bytes, sizeof(of_no_size));
  EXPECT_EQ(ended(ex.submit([] {})).bytes, 0U);
  const auto failed = ended(ex.submit([]() -> int { throw std::runtime_error("x"); }));
  EXPECT_TRUE(failed.error);
  EXPECT_EQ(failed.bytes, 0U);
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

std::uint64_t units_of(std::int32_t place, double amount) {
  return fronta::trace::tag_amount{place,
                                   static_cast<std::uint32_t>(fronta::amount(amount).units())}
      .argument();
}

TEST(Trace, EachTagIsToldWithItsPlaceAndAmount) {
  recorder trace;
  executor ex{{.tags = {{"licence", 3}}}, threads{.workers = 1, .offers = {{"lens", 2}}}};
  const auto task = ex.submit({.needs = {{"lens", 1.5}, {"licence", 2}}}, id).get();
  ex.shutdown();
  const auto both =
      UnorderedElementsAre(Pair(units_of(0, 1.5), "lens"), Pair(units_of(-1, 2), "licence"));
  EXPECT_THAT(trace.told(task, event_kind::acquire), both);
  EXPECT_THAT(trace.told(task, event_kind::release), both);
}

TEST(Trace, AnAmountBeyondItsFieldCountsAsTheMost) {
  recorder trace;
  executor ex{threads{.workers = 1, .offers = {{"bytes", 1'000'000'000}}}};
  const auto task = ex.submit({.needs = {{"bytes", 999'999'999}}}, id).get();
  const auto told = trace.told(task, event_kind::acquire);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(tag_amount::from(told[0].first).units, 0xFFFF'FFFFU);
}

TEST(Trace, ATaskThatWaitsForTagsNamesTheOneThatIsMissing) {
  recorder trace;
  executor ex{{.tags = {{"licence", 1}}}, threads{.workers = 2, .offers = {{"lens", 2}}}};
  gate go;
  std::latch holds{1};
  const auto holder = ex.submit({.needs = {{"licence", 1}}}, [&] {
    holds.count_down();
    go.wait();
  });
  holds.wait();
  const auto waiter = ex.submit({.needs = {{"lens", 1}, {"licence", 1}}}, id);
  go.open();
  EXPECT_THAT(trace.told(waiter.get(), event_kind::enqueue),
              Contains(Pair(static_cast<std::uint64_t>(queue::tags), "licence")));
}

TEST(Trace, ATaskOfSeveralCpuSharesWaitsForCpu) {
  recorder trace;
  executor ex{threads{.workers = 2}};
  const auto task = ex.submit({.needs = {{"cpu", 2}}}, id).get();
  EXPECT_THAT(trace.told(task, event_kind::enqueue),
              Contains(Pair(static_cast<std::uint64_t>(queue::tags), "cpu")));
}

TEST(Trace, ARetryWithAPauseWaitsItOut) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  const auto task = ex.submit({.retries = 1, .backoff = std::chrono::nanoseconds(1)}, [] {
                        if (fronta::this_task::attempt() == 0) throw std::runtime_error("x");
                        return id();
                      }).get();
  EXPECT_THAT(trace.told(task, event_kind::enqueue),
              Contains(Pair(static_cast<std::uint64_t>(queue::backoff), "")));
  EXPECT_THAT(kinds(trace.of(task), {event_kind::retry, event_kind::enqueue, event_kind::start}),
              ElementsAre(event_kind::enqueue, event_kind::start, event_kind::retry,
                          event_kind::enqueue, event_kind::enqueue, event_kind::start));
}

// Why a task got its place: the one event, taken apart.
route_choice route_of(const recorder& trace, std::uint64_t task) {
  const auto told = trace.told(task, event_kind::route);
  EXPECT_EQ(told.size(), 1U);
  return told.empty() ? route_choice{} : route_choice::from(told[0].first);
}

TEST(Trace, ARouteSaysThatThereWasNoOtherPlace) {
  recorder trace;
  executor ex{threads{.workers = 1, .offers = {{"lens", 1}}}, threads{.name = "other"}};
  const auto route = route_of(trace, ex.submit({.needs = {{"lens", 1}}}, id).get());
  EXPECT_EQ(route.place, 0);
  EXPECT_EQ(route.device, -1);
  EXPECT_EQ(route.why, route_reason::only);
}

TEST(Trace, ARouteSaysThatItsPlaceWasNamedOrPreferred) {
  recorder trace;
  executor ex{threads{.workers = 1}, threads{.workers = 1, .name = "other"}};
  const auto named = route_of(trace, ex.submit({.place_on = "other"}, id).get());
  EXPECT_EQ(named.place, 1);
  EXPECT_EQ(named.why, route_reason::named);
  const auto preferred = route_of(trace, ex.submit({.prefer = "other"}, id).get());
  EXPECT_EQ(preferred.place, 1);
  EXPECT_EQ(preferred.why, route_reason::preferred);
}

TEST(Trace, ARouteSaysThatItsInputsAreThere) {
  recorder trace;
  executor ex{threads{.workers = 1}, threads{.workers = 1, .name = "other"}};
  const auto there = ex.scatter(std::vector<int>(1'000'000), "other");
  const auto task = ex.submit([](const std::vector<int>&) { return id(); }, there).get();
  const auto route = route_of(trace, task);
  EXPECT_EQ(route.place, 1);
  EXPECT_EQ(route.why, route_reason::inputs);
}

TEST(Trace, ARouteSaysThatLessIsInTheWayOrThatPlacesAreEqual) {
  recorder trace;
  executor ex{threads{.workers = 1}, threads{.workers = 1, .name = "other"}};
  EXPECT_EQ(route_of(trace, ex.submit(id).get()).why, route_reason::first);
  gate go;
  std::latch busy{1};
  const auto holder = ex.submit({.place_on = "cpu"}, [&] {
    busy.count_down();
    go.wait();
  });
  busy.wait();
  const auto behind = ex.submit({.place_on = "cpu"}, [] {});
  const auto route = route_of(trace, ex.submit(id).get());
  go.open();
  EXPECT_EQ(route.place, 1);
  EXPECT_EQ(route.why, route_reason::load);
}

TEST(Trace, ARouteSaysThatTagsWereTakenElsewhere) {
  recorder trace;
  executor ex{threads{.workers = 2, .offers = {{"lens", 1}}},
              threads{.workers = 1, .name = "other", .offers = {{"lens", 1}}}};
  gate go;
  std::latch holds{1};
  const auto holder = ex.submit({.needs = {{"lens", 1}}, .place_on = "cpu"}, [&] {
    holds.count_down();
    go.wait();
  });
  holds.wait();
  const auto route = route_of(trace, ex.submit({.needs = {{"lens", 1}}}, id).get());
  go.open();
  EXPECT_EQ(route.place, 1);
  EXPECT_EQ(route.why, route_reason::tags);
}

TEST(Trace, ARouteSaysThatWhoWaitsForATaskRunsIt) {
  recorder trace;
  executor ex{threads{.workers = 1}, threads{.workers = 1, .name = "other"}};
  gate go;
  std::latch busy{1};
  const auto holder = ex.submit({.place_on = "other"}, [&] {
    busy.count_down();
    go.wait();
  });
  busy.wait();
  const auto waiter = ex.submit({.place_on = "cpu"}, [] {
    return fronta::this_task::executor().submit({.prefer = "other"}, id).get();
  });
  const auto route = route_of(trace, waiter.get());
  go.open();
  EXPECT_EQ(route.place, 0);
  EXPECT_EQ(route.why, route_reason::waiter);
}

TEST(Trace, AWaitSaysWhatFor) {
  using namespace std::chrono_literals;
  recorder trace;
  fronta::promise<int> made;
  const std::vector one{made.get_future()};
  executor ex{threads{.workers = 1}};
  gate go;
  const auto waiter = ex.submit([&] {
                          EXPECT_EQ(one[0].wait_for(1ms), fronta::future_status::timeout);
                          fronta::wait(one, 1ms);
                          fronta::wait(one, fronta::first_completed, 1ms);
                          auto completed = fronta::as_completed(one, 1ms);
                          EXPECT_THROW(static_cast<void>(completed.begin()), fronta::timeout_error);
                          {
                            const fronta::this_task::blocking section;
                          }
                          {
                            executor inner{threads{.workers = 1}};
                            inner.post([&] { go.wait(); });
                            ex.post([&] { go.open(); });  // when the shutdown has lent the share
                          }
                          return id();
                        }).get();
  std::vector<wait_reason> reasons;
  for (const auto& [argument, text] : trace.told(waiter, event_kind::wait)) {
    reasons.push_back(static_cast<wait_reason>(argument));
  }
  EXPECT_THAT(reasons,
              ElementsAre(wait_reason::task, wait_reason::all, wait_reason::any,
                          wait_reason::completion, wait_reason::blocking, wait_reason::executor));
  EXPECT_EQ(trace.told(waiter, event_kind::block).size(), reasons.size());
}

TEST(Trace, AWaitForATaskNamesItAlsoWithALimit) {
  using namespace std::chrono_literals;
  recorder trace;
  executor ex{threads{.workers = 1}};
  executor other{threads{.workers = 1}};
  gate go;
  const auto awaited = other.submit([&] {
    go.wait();
    return id();
  });
  const auto waiter = ex.submit([&] {
    EXPECT_EQ(awaited.wait_for(1ms), fronta::future_status::timeout);
    ex.post([&] { go.open(); });
    awaited.wait();
    return id();
  });
  const auto blocks = trace.told(waiter.get(), event_kind::block);
  EXPECT_THAT(blocks, ElementsAre(Pair(awaited.get(), ""), Pair(awaited.get(), "")));
  const auto whose = trace.of(awaited.get()).front().executor;
  EXPECT_THAT(trace.told(waiter.get(), event_kind::elsewhere),
              ElementsAre(Pair(whose, ""), Pair(whose, "")))
      << "ids are unique within an executor only";
}

TEST(Trace, AWaitForATaskOfTheSameExecutorNamesNoExecutor) {
  recorder trace;
  executor ex{threads{.workers = 2}};
  gate go;
  const auto awaited = ex.submit([&] { go.wait(); });
  const auto waiter = ex.submit([&] {
    awaited.wait();
    return id();
  });
  trace.wait_for(event_kind::block, 1);
  go.open();
  EXPECT_THAT(trace.told(waiter.get(), event_kind::block), testing::SizeIs(1));
  EXPECT_THAT(trace.of(event_kind::elsewhere), testing::IsEmpty());
}

TEST(Trace, WhoTakesAValueIsTold) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  const auto made = ex.submit(id);
  const auto task = made.get();
  EXPECT_THAT(trace.told(task, event_kind::consume), ElementsAre(Pair(0U, "")));
  const auto taker = ex.submit([&] {
                         made.wait();  // that takes nothing
                         EXPECT_EQ(made.result(), task);
                         EXPECT_EQ(made.exception(), nullptr);
                         return id();
                       }).get();
  EXPECT_THAT(trace.told(task, event_kind::consume),
              ElementsAre(Pair(0U, ""), Pair(taker, ""), Pair(taker, "")));
  const auto consumed = trace.of(event_kind::consume);
  EXPECT_EQ(consumed[0].executor, trace.of(task).front().executor) << "also outside tasks";
  EXPECT_EQ(consumed[1].executor, trace.of(task).front().executor);
}

TEST(Trace, CallbacksAreToldWithTheirEnds) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  const auto made = ex.submit(id);
  const auto task = made.get();
  std::size_t within = 0;
  made.add_done_callback([&](const auto&) { within = trace.of(event_kind::callback).size(); });
  EXPECT_EQ(within, 1U);
  EXPECT_THAT(trace.told(task, event_kind::callback), ElementsAre(Pair(0U, ""), Pair(1U, "")));
  fronta::promise<int> promised;
  promised.get_future().add_done_callback([](const auto&) {});
  promised.set_value(1);
  EXPECT_THAT(trace.of(event_kind::callback), testing::SizeIs(2)) << "promises are no tasks";
}

TEST(Trace, ACallbackMayDropTheLastHandle) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  auto made = ex.submit(id);
  made.wait();
  made.add_done_callback([&](auto f) {
    f = {};
    made = {};
  });
  EXPECT_THAT(trace.of(event_kind::callback), testing::SizeIs(2));
}

TEST(Trace, AValueThatIsGoneIsNotTakenAgain) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  auto made = ex.submit([] { return std::make_unique<int>(1); });
  EXPECT_EQ(*std::move(made).get(), 1);
  EXPECT_THAT(trace.of(event_kind::consume), testing::SizeIs(1));
  // NOLINTNEXTLINE(bugprone-use-after-move): the handle stays, its value is gone
  EXPECT_THROW(static_cast<void>(made.result()), fronta::invalid_state_error);
  EXPECT_THROW(static_cast<void>(fronta::gather(std::vector{std::move(made)})),
               fronta::invalid_state_error);
  EXPECT_THAT(trace.of(event_kind::consume), testing::SizeIs(1));
}

// The new executor may lie where the old one lay.
TEST(Trace, WhoseValueItWasIsKnownWhenItsExecutorIsGone) {
  recorder trace;
  std::vector<fronta::future<std::uint64_t>> kept;
  std::set<std::uint16_t> executors;
  for (int i = 0; i < 5; ++i) {
    executor ex{threads{.workers = 1}};
    for (const auto& f : kept) ex.submit([&f] { return f.get(); }).wait();
    kept.push_back(ex.submit(id));
    kept.back().wait();
  }
  std::map<std::uint16_t, int> consumed;
  for (const auto& e : trace.of(event_kind::consume)) ++consumed[e.executor];
  EXPECT_THAT(consumed, testing::SizeIs(4));
  const auto elsewhere = trace.of(event_kind::elsewhere);
  EXPECT_THAT(elsewhere, testing::SizeIs(4 + 3 + 2 + 1)) << "each was taken in another one";
  for (const auto& e : elsewhere) EXPECT_NE(e.argument, e.executor);
}

TEST(Trace, ParentsAndInputsOfOtherExecutorsAreToldApart) {
  recorder trace;
  executor a{{.seed = 7}, threads{.workers = 1}};
  executor b{{.seed = 7}, threads{.workers = 1}};
  const auto first = a.submit(id);
  b.submit([](std::uint64_t) {}, first).wait();
  fronta::future<std::uint64_t> child;
  a.submit([&] { child = b.submit(id); }).wait();
  child.wait();
  a.submit([](std::uint64_t) {}, first).wait();
  const auto elsewhere = trace.of(event_kind::elsewhere);
  ASSERT_THAT(elsewhere, testing::SizeIs(2));
  const auto here = trace.of(first.get()).front().executor;
  for (const auto& e : elsewhere) {
    EXPECT_EQ(e.argument, here);
    EXPECT_NE(e.executor, here);
  }
}

TEST(Trace, APlaceSaysHowManyWorkersItHas) {
  recorder trace;
  const executor ex{threads{.workers = 3}, threads{.workers = 1, .name = "other"}};
  const auto told = trace.of(event_kind::workers);
  ASSERT_THAT(told, testing::SizeIs(2));
  EXPECT_EQ(told[0].argument, 3U);
  EXPECT_EQ(told[1].argument, std::uint64_t{1} << 32U | 1U);
}

TEST(Trace, AnErrorThatIsThrownIsTakenAndATimeoutTakesNothing) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  std::uint64_t task = 0;
  gate go;
  const auto failing = ex.submit([&] {
    go.wait();
    task = id();
    throw std::runtime_error("x");
  });
  EXPECT_THROW(failing.get(std::chrono::nanoseconds(0)), fronta::timeout_error);
  go.open();
  EXPECT_THROW(failing.get(), std::runtime_error);
  EXPECT_THAT(trace.told(task, event_kind::consume), ElementsAre(Pair(0U, "")));
}

TEST(Trace, InputsOfTasksAreNotTakenByHand) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  const auto input = ex.submit(id);
  ex.submit([](std::uint64_t) {}, input).wait();
  ex.submit([](std::vector<std::uint64_t>) {}, std::vector{input}).wait();
  EXPECT_THAT(trace.of(event_kind::consume), IsEmpty());
  EXPECT_THAT(fronta::gather(std::vector{input, ex.submit(id)}), testing::SizeIs(2));
  EXPECT_THAT(trace.of(event_kind::consume), testing::SizeIs(2));
}

TEST(Trace, EachItemOfAMapIsTakenOnce) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  for (const int twice : ex.map({.window = 2}, [](int i) { return 2 * i; }, std::vector{1, 2, 3})) {
    static_cast<void>(twice);
  }
  EXPECT_THAT(trace.of(event_kind::consume), testing::SizeIs(3));
}

TEST(Trace, ATaskWithOptionsSaysWhereItWasSubmitted) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  const auto line = std::source_location::current().line() + 1;
  const auto task = ex.submit({.name = "here"}, id).get();
  EXPECT_THAT(trace.told(task, event_kind::location),
              ElementsAre(Pair(line, EndsWith("trace_test.cpp:" + std::to_string(line)))));
  EXPECT_THAT(kinds(trace.of(task), {event_kind::submit, event_kind::location, event_kind::start}),
              ElementsAre(event_kind::submit, event_kind::location, event_kind::start));
}

TEST(Trace, ATaskWithoutOptionsOrWithOnesMadeElsewhereHasNoLocation) {
  recorder trace;
  executor ex{threads{.workers = 1}};
  EXPECT_THAT(trace.told(ex.submit(id).get(), event_kind::location), IsEmpty());
  fronta::task_options without_braces;
  without_braces.name = "there";
  EXPECT_THAT(trace.told(ex.submit(without_braces, id).get(), event_kind::location), IsEmpty());
  const fronta::annotate named({.name = "around"});
  EXPECT_THAT(trace.told(ex.submit(id).get(), event_kind::location), IsEmpty());
  for (const auto task : ex.map({.chunk_size = 2}, [](int) { return id(); }, std::vector{1, 2})) {
    static_cast<void>(task);
  }
  EXPECT_THAT(trace.of(event_kind::location), IsEmpty());
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
