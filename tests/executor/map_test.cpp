// SPDX-License-Identifier: Apache-2.0
#include <fronta/fronta.hpp>

#include <support/gate.hpp>
#include <support/manual_clock.hpp>
#include <support/occupied.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iterator>
#include <list>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::map_options;
using fronta::shutdown_error;
using fronta::timeout_error;
using fronta::test::gate;
using fronta::test::occupied_worker;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

fronta::executor pool(int workers = 2) {
  return fronta::executor{fronta::cpu::threads{.workers = workers}};
}

template <class Range>
auto collect(Range&& results) {
  std::vector<typename std::remove_cvref_t<Range>::value_type> values;
  for (auto&& r : results) values.push_back(std::forward<decltype(r)>(r));
  return values;
}

std::vector<int> numbers(int count) {
  std::vector<int> result(static_cast<std::size_t>(count));
  std::iota(result.begin(), result.end(), 0);
  return result;
}

int square(int x) { return x * x; }

struct failed_item : std::runtime_error {
  explicit failed_item(int which) : std::runtime_error("item"), item(which) {}
  int item;
};
int fail_at_three(int x) {
  if (x == 3) throw failed_item(x);
  return x;
}

// M-01
TEST(Map, DeliversInInputOrderWhateverTheOrderOfCompletion) {
  gate last_done;
  auto ex = pool(2);
  const auto results = collect(ex.map(
      [&](int x) {
        if (x == 0) last_done.wait();
        if (x == 9) last_done.open();
        return x * x;
      },
      numbers(10)));
  std::vector<int> serial;
  for (const int x : numbers(10)) serial.push_back(x * x);
  EXPECT_EQ(results, serial);
}

// M-01
TEST(Map, IsAMoveOnlyInputRange) {
  using range = decltype(std::declval<fronta::executor&>().map(square, std::vector<int>()));
  static_assert(std::ranges::input_range<range>);
  static_assert(!std::ranges::forward_range<range>);
  static_assert(std::movable<range>);
  static_assert(!std::is_copy_constructible_v<range>);
  static_assert(std::is_same_v<range::value_type, int>);
  auto ex = pool();
  int sum = 0;
  for (const int y : ex.map(square, std::views::iota(0, 10)) | std::views::take(3)) sum += y;
  EXPECT_EQ(sum, 0 + 1 + 4);
}

// M-01
TEST(Map, TakesMemberFunctionsMoveOnlyValuesAndVoid) {
  auto ex = pool();
  EXPECT_THAT(collect(ex.map(&std::string::size, std::vector<std::string>{"a", "bb"})),
              ElementsAre(1U, 2U));
  std::vector<std::unique_ptr<int>> owned;
  owned.push_back(std::make_unique<int>(1));
  owned.push_back(std::make_unique<int>(2));
  int sum = 0;
  for (auto&& p : ex.map(
           [](std::unique_ptr<int> p) {
             ++*p;
             return p;
           },
           std::ranges::subrange(std::move_iterator(owned.begin()),
                                 std::move_iterator(owned.end())))) {
    std::unique_ptr<int> mine = std::move(p);
    sum += *mine;
  }
  EXPECT_EQ(sum, 5);
  std::atomic<int> ran = 0;
  auto nothing = ex.map([&](int x) { ran += x; }, numbers(5));
  for (auto i = nothing.begin(); i != nothing.end(); ++i) *i;
  EXPECT_EQ(ran.load(), 10);
}

TEST(Map, OfItemsThatCannotBeCopiedIsRefusedWithRetries) {
  auto ex = pool();
  for (const std::ptrdiff_t chunk_size : {1, 2}) {
    std::vector<std::unique_ptr<int>> owned(2);
    try {
      static_cast<void>(ex.map(
          {.chunk_size = chunk_size, .task = {.retries = 1}}, [](const std::unique_ptr<int>&) {},
          std::ranges::subrange(std::move_iterator(owned.begin()),
                                std::move_iterator(owned.end()))));
      ADD_FAILURE() << "was taken";
    } catch (const std::invalid_argument& e) {
      EXPECT_THAT(e.what(), HasSubstr("cannot be copied for a further run"));
    }
  }
}

// M-02
TEST(Map, ZipsToTheShortestInput) {
  auto ex = pool();
  const std::vector<int> a{1, 2, 3, 4};
  const std::list<int> b{10, 20, 30};
  EXPECT_THAT(
      collect(ex.map([](int x, int y, int z) { return x * y + z; }, a, b, std::views::iota(5))),
      ElementsAre(15, 46, 97));
}

// M-02
TEST(Map, OfAnEmptyInputIsExhausted) {
  auto ex = pool();
  EXPECT_THAT(collect(ex.map(square, std::vector<int>())), IsEmpty());
  EXPECT_THAT(collect(ex.map([](int x, int) { return x; }, numbers(3), std::vector<int>())),
              IsEmpty());
  EXPECT_THAT(collect(ex.map(map_options{.chunk_size = 4}, square, std::vector<int>())), IsEmpty());
  EXPECT_THAT(collect(ex.map(map_options{.window = 4}, square, std::vector<int>())), IsEmpty());
}

// M-02, S-01
TEST(Map, OnAClosedExecutorIsRefusedAlsoWhenEmpty) {
  auto ex = pool();
  ex.shutdown();
  EXPECT_THROW(ex.map(square, numbers(3)), shutdown_error);
  EXPECT_THROW(ex.map(square, std::vector<int>()), shutdown_error);
  EXPECT_THROW(ex.map(map_options{.chunk_size = 2}, square, numbers(3)), shutdown_error);
  EXPECT_THROW(ex.map(map_options{.window = 2}, square, numbers(3)), shutdown_error);
}

// M-03
TEST(Map, SubmitsEverythingAtTheCall) {
  std::atomic<int> ran = 0;
  auto ex = pool();
  ex.map([&](int) { ++ran; }, numbers(10));
  ex.shutdown();
  EXPECT_EQ(ran.load(), 10);
}

// M-04
TEST(Map, DeliversItemsBeforeAFailingOneAndGoesOnBehindIt) {
  auto ex = pool();
  auto results = ex.map(fail_at_three, numbers(6));
  std::vector<int> seen;
  int failures = 0;
  auto at = results.begin();
  for (; at != results.end(); ++at) {
    try {
      seen.push_back(*at);
    } catch (const failed_item& e) {
      EXPECT_EQ(e.item, 3);
      EXPECT_THAT(seen, ElementsAre(0, 1, 2));
      EXPECT_THROW(*at, failed_item);  // as often as it is read
      ++failures;
    }
  }
  EXPECT_EQ(failures, 1);
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 4, 5));
  EXPECT_TRUE(at == results.end());
  EXPECT_TRUE(results.begin() == results.end());
}

// M-04
TEST(Map, ARangeForEndsAtTheFirstFailingItem) {
  auto ex = pool();
  std::vector<int> seen;
  EXPECT_THROW(
      {
        for (const int y : ex.map(fail_at_three, numbers(6))) seen.push_back(y);
      },
      failed_item);
  EXPECT_THAT(seen, ElementsAre(0, 1, 2));
}

// M-04
TEST(Map, OutcomesGoOnPastFailures) {
  auto ex = pool();
  for (const std::ptrdiff_t chunk : {1, 4}) {
    std::vector<int> seen;
    for (auto&& o :
         ex.map(map_options{.chunk_size = chunk}, fail_at_three, numbers(6)).outcomes()) {
      seen.push_back(o ? o.value() : -1);
    }
    EXPECT_THAT(seen, ElementsAre(0, 1, 2, -1, 4, 5));
  }
}

// M-04
TEST(Map, OutcomesMayBeReadTwiceByViews) {
  auto ex = pool();
  const auto named = [](int x) { return std::string(40, static_cast<char>('a' + x)); };
  auto outcomes = ex.map(named, numbers(3)).outcomes();
  std::vector<std::string> seen;
  const auto is_there = [](const auto& o) { return o.has_value(); };
  for (auto o : outcomes | std::views::filter(is_there)) seen.push_back(std::move(o).value());
  EXPECT_THAT(seen, ElementsAre(named(0), named(1), named(2)));
}

void wait_until_passed(std::chrono::steady_clock::time_point at) {
  while (std::chrono::steady_clock::now() < at) std::this_thread::yield();
}

// M-05
TEST(Map, DeliversReadyItemsAfterTheDeadlineAndThenTimesOut) {
  gate third_started;
  gate go;
  auto ex = pool(1);
  auto results = ex.map(
      map_options{.timeout = 1ms},
      [&](int x) {
        if (x == 2) {
          third_started.open();
          go.wait();
        }
        return x;
      },
      numbers(5));
  third_started.wait();
  wait_until_passed(std::chrono::steady_clock::now() + 1ms);
  auto at = results.begin();
  std::vector<int> seen;
  try {
    for (; at != results.end(); ++at) seen.push_back(*at);
    ADD_FAILURE() << "there was no timeout";
  } catch (const timeout_error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("item 2"));
  }
  EXPECT_THAT(seen, ElementsAre(0, 1));
  EXPECT_TRUE(at == results.end());
  go.open();
}

// M-05
TEST(Map, ATimeoutCountsFromTheCall) {
  constexpr auto limit = 500ms;
  gate go;
  auto ex = pool(1);
  auto results = ex.map(map_options{.timeout = limit}, [&](int) { go.wait(); }, numbers(2));
  wait_until_passed(std::chrono::steady_clock::now() + limit);
  const auto first_look = std::chrono::steady_clock::now();
  auto at = results.begin();
  EXPECT_THROW(*at, timeout_error);
  EXPECT_LT(std::chrono::steady_clock::now() - first_look, limit);
  EXPECT_TRUE(at == results.end());
  go.open();
}

// M-06
TEST(Map, OnTimeoutTheAwaitedItemAndThoseBehindItNeverRun) {
  for (const std::ptrdiff_t chunk : {1, 2}) {
    std::atomic<int> ran = 0;
    auto ex = pool(1);
    occupied_worker busy(ex);
    auto results =
        ex.map(map_options{.chunk_size = chunk, .timeout = 1ms}, [&](int) { ++ran; }, numbers(4));
    auto at = results.begin();
    EXPECT_THROW(*at, timeout_error);
    EXPECT_TRUE(at == results.end());
    busy.release();
    ex.shutdown();
    EXPECT_EQ(ran.load(), 0);
  }
}

// M-06
TEST(Map, OnTimeoutTheRestOfARunningChunkIsCancelled) {
  std::atomic<int> ran = 0;
  gate started;
  gate go;
  auto ex = pool(1);
  auto results = ex.map(
      map_options{.chunk_size = 4, .timeout = 1ms},
      [&](int) {
        ++ran;
        started.open();
        go.wait();
      },
      numbers(4));
  started.wait();
  EXPECT_THROW(*results.begin(), timeout_error);
  go.open();
  ex.shutdown();
  EXPECT_EQ(ran.load(), 1);
}

// M-07
TEST(Map, DroppingARangeThatWasBegunCancelsTheRest) {
  for (const std::ptrdiff_t chunk : {1, 2}) {
    std::atomic<int> ran = 0;
    gate third_started;
    gate go;
    auto ex = pool(1);
    {
      auto results = ex.map(
          map_options{.chunk_size = chunk},
          [&](int x) {
            ++ran;
            if (x == 2) {
              third_started.open();
              go.wait();
            }
            return x;
          },
          numbers(8));
      EXPECT_EQ(*results.begin(), 0);
      third_started.wait();
    }
    go.open();
    ex.shutdown();
    EXPECT_EQ(ran.load(), 3);
  }
}

// M-07
TEST(Map, DroppingARangeThatWasNotBegunLetsAllItemsRun) {
  for (const std::ptrdiff_t chunk : {1, 3}) {
    std::atomic<int> ran = 0;
    auto ex = pool(1);
    {
      occupied_worker busy(ex);
      auto results = ex.map(map_options{.chunk_size = chunk}, [&](int) { ++ran; }, numbers(8));
      auto moved = std::move(results);
      static_cast<void>(moved);
    }
    ex.shutdown();
    EXPECT_EQ(ran.load(), 8);
  }
}

// M-07
TEST(Map, ABegunRangeCancelsAlsoWhenItIsAssignedOver) {
  std::atomic<int> ran = 0;
  auto ex = pool(1);
  occupied_worker busy(ex);
  const auto count = [&](int x) {
    ++ran;
    return x;
  };
  auto results = ex.map(count, numbers(8));
  static_cast<void>(results.begin());
  results = ex.map(count, numbers(2));
  busy.release();
  ex.shutdown();
  EXPECT_EQ(ran.load(), 2);
}

// Throws where it is told to.
auto numbers_that_throw_at(int position) {
  return std::views::iota(0, 8) | std::views::transform([position](int x) {
           if (x == position) throw std::out_of_range("input");
           return x;
         });
}

// M-08
TEST(Map, AnInputThatThrowsLeavesTheCallAndCancelsWhatWasSubmitted) {
  for (const std::ptrdiff_t chunk : {1, 2, 4}) {
    std::atomic<int> ran = 0;
    auto ex = pool(1);
    {
      occupied_worker busy(ex);
      EXPECT_THROW(
          ex.map(
              map_options{.chunk_size = chunk}, [&](int) { ++ran; }, numbers_that_throw_at(6)),
          std::out_of_range);
    }
    ex.shutdown();
    EXPECT_EQ(ran.load(), 0);
  }
}

// M-09
TEST(Map, AChunkSizeBelowOneIsRefused) {
  auto ex = pool();
  EXPECT_THROW(ex.map(map_options{.chunk_size = 0}, square, numbers(3)), std::invalid_argument);
  EXPECT_THROW(ex.map(map_options{.chunk_size = -1}, square, numbers(3)), std::invalid_argument);
}

// M-09
TEST(Map, AnyChunkSizeGivesTheSameResults) {
  auto ex = pool();
  const auto expected = collect(ex.map(square, numbers(10)));
  for (const std::ptrdiff_t chunk : {1, 2, 3, 7, 10, 11, 1'000}) {
    EXPECT_EQ(collect(ex.map(map_options{.chunk_size = chunk}, square, numbers(10))), expected);
    EXPECT_EQ(collect(ex.map(map_options{.chunk_size = chunk, .window = 4}, square, numbers(10))),
              expected);
  }
}

// M-09
TEST(Map, AFailingItemDoesNotLoseItsChunkMates) {
  auto ex = pool();
  auto results = ex.map(map_options{.chunk_size = 4}, fail_at_three, numbers(8));
  std::vector<int> seen;
  for (auto at = results.begin(); at != results.end(); ++at) {
    try {
      seen.push_back(*at);
    } catch (const failed_item&) {
      seen.push_back(-1);
    }
  }
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, -1, 4, 5, 6, 7));
}

// One "value" or error an item.
template <class Range>
std::vector<std::string> ends_of(Range results) {
  std::vector<std::string> ends;
  for (auto&& o : std::move(results).outcomes()) {
    try {
      static_cast<void>(o.value());
      ends.emplace_back("value");
    } catch (const timeout_error&) {
      ends.emplace_back("timeout");
    } catch (const fronta::cancelled_error&) {
      ends.emplace_back("cancelled");
    }
  }
  return ends;
}

// M-09
TEST(Map, ALateItemDoesNotLoseItsChunkMates) {
  const auto clock = std::make_shared<fronta::test::manual_clock>();
  fronta::executor ex{fronta::executor_options{.clock = clock}, fronta::cpu::threads{.workers = 1}};
  gate started;
  gate go;
  auto results = ex.map(
      map_options{.chunk_size = 5, .task = {.timeout = 1h}},
      [&](int x) {
        if (x == 3) {
          started.open();
          go.wait();
        }
        return x;
      },
      numbers(5));
  started.wait();
  clock->wait_for_waiter(1h);
  clock->advance(1h);
  EXPECT_THAT(ends_of(std::move(results)),
              ElementsAre("value", "value", "value", "timeout", "timeout"));
  go.open();
}

// M-09
TEST(Map, AnItemThatGivesUpWhenItIsLateLeavesItsMatesBehindItLateToo) {
  for (int round = 0; round < 20; ++round) {
    const auto clock = std::make_shared<fronta::test::manual_clock>();
    fronta::executor ex{fronta::executor_options{.clock = clock},
                        fronta::cpu::threads{.workers = 1}};
    gate started;
    auto results = ex.map(
        map_options{.chunk_size = 3, .task = {.timeout = 1h}},
        [&](int x) {
          if (x != 1) return;
          started.open();
          const auto stop = fronta::this_task::stop_token();
          while (!stop.stop_requested()) std::this_thread::yield();
        },
        numbers(3));
    started.wait();
    clock->wait_for_waiter(1h);
    clock->advance(1h);
    ASSERT_THAT(ends_of(std::move(results)), ElementsAre("value", "timeout", "timeout"));
  }
}

// M-05
TEST(Map, ItemsOfAChunkThatHaveEndedAreDeliveredWhileItRuns) {
  gate last_started;
  gate go;
  auto ex = pool(1);
  auto results = ex.map(
      map_options{.chunk_size = 4, .timeout = 1ms},
      [&](int x) {
        if (x == 3) {
          last_started.open();
          go.wait();
        }
        return x;
      },
      numbers(4));
  last_started.wait();
  wait_until_passed(std::chrono::steady_clock::now() + 1ms);
  auto at = results.begin();
  EXPECT_EQ(*at, 0);
  ++at;
  ++at;  // an item that nobody looks at is not waited for
  EXPECT_EQ(*at, 2);
  ++at;
  try {
    *at;
    ADD_FAILURE() << "there was no timeout";
  } catch (const timeout_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("item 3"));
  }
  EXPECT_TRUE(at == results.end());
  go.open();
}

// M-09
TEST(Map, AChunkIsOneTask) {
  auto ex = pool(1);
  int tasks = 0;
  std::uint64_t children = 0;
  {
    occupied_worker busy(ex);
    ex.map(
        map_options{.chunk_size = 5},
        [&, last = std::uint64_t{0}](int) mutable {
          ++children;
          if (last == 0) ++tasks;  // each task has its own copy of a mutable callable
          last = 1;
        },
        numbers(10));
  }
  ex.shutdown();
  EXPECT_EQ(children, 10U);
  EXPECT_EQ(tasks, 2);
}

// M-10
TEST(Map, AWindowReadsItsInputOnlyAsResultsAreRead) {
  for (const std::ptrdiff_t window : {1, 3}) {
    auto ex = pool();
    int consumed = 0;
    auto results = ex.map(map_options{.window = window}, square,
                          std::views::iota(0, 10) | std::views::transform([&](int x) {
                            ++consumed;
                            return x;
                          }));
    EXPECT_EQ(consumed, window);
    auto at = results.begin();
    EXPECT_EQ(consumed, window);
    for (int i = 0; i < 10; ++i, ++at) {
      EXPECT_EQ(*at, i * i);
      EXPECT_EQ(consumed, std::min<std::ptrdiff_t>(window + i, 10));
    }
    EXPECT_TRUE(at == results.end());
  }
}

// M-10
TEST(Map, AWindowBoundsWhatIsSubmittedAndUnread) {
  std::atomic<int> ran = 0;
  auto ex = pool(4);
  auto results = ex.map(
      map_options{.window = 2},
      [&](int x) {
        ++ran;
        return x;
      },
      numbers(50));
  int read = 0;
  for (const int y : results) {
    EXPECT_EQ(y, read++);
    EXPECT_LE(ran.load(), read + 1);
  }
  EXPECT_EQ(read, 50);
}

// M-10
TEST(Map, AWindowAllowsAnInfiniteInput) {
  auto ex = pool();
  for (const std::ptrdiff_t chunk : {1, 3}) {
    int sum = 0;
    for (const int y :
         ex.map(map_options{.chunk_size = chunk, .window = 4}, square, std::views::iota(0))) {
      if (y > 100) break;
      sum += y;
    }
    EXPECT_EQ(sum, 385);
  }
}

// M-10
TEST(Map, AWindowReadsAOneShotInput) {
  auto ex = pool();
  std::istringstream text("1 2 3 4 5");
  EXPECT_THAT(collect(ex.map(map_options{.window = 2}, square, std::views::istream<int>(text))),
              ElementsAre(1, 4, 9, 16, 25));
}

// M-10
TEST(Map, AWindowBelowOneIsRefused) {
  auto ex = pool();
  EXPECT_THROW(ex.map(map_options{.window = 0}, square, numbers(3)), std::invalid_argument);
  EXPECT_THROW(ex.map(map_options{.window = -1}, square, numbers(3)), std::invalid_argument);
}

// M-10
TEST(Map, AnInputThatThrowsBehindTheWindowThrowsAtTheStepThatReadsIt) {
  auto ex = pool();
  auto results = ex.map(map_options{.window = 2}, square, numbers_that_throw_at(3));
  auto at = results.begin();
  EXPECT_EQ(*at, 0);
  ++at;
  EXPECT_EQ(*at, 1);
  EXPECT_THROW(++at, std::out_of_range);
  EXPECT_EQ(*at, 4);
}

// M-11
TEST(Map, AWindowedMapOverAClosedExecutorDeliversWhatItHasThenThrows) {
  for (const std::ptrdiff_t window : {1, 3}) {
    for (const bool destroyed : {false, true}) {
      std::optional<fronta::executor> ex(pool());
      auto results = ex->map(map_options{.window = window}, square, numbers(10));
      auto at = results.begin();
      ex->shutdown();
      if (destroyed) ex.reset();
      for (int i = 0; i < window; ++i, ++at) {
        ASSERT_TRUE(at != results.end());
        EXPECT_EQ(*at, i * i);
      }
      ASSERT_TRUE(at != results.end()) << "ended as if that were all";
      EXPECT_THROW(*at, shutdown_error);
      EXPECT_TRUE(at == results.end());
    }
  }
}

// M-11
TEST(Map, ARangeForOverAClosedExecutorThrowsInsteadOfEndingEarly) {
  auto ex = pool();
  std::vector<int> seen;
  EXPECT_THROW(
      {
        for (const int y : ex.map(map_options{.window = 2}, square, numbers(10))) {
          seen.push_back(y);
          if (seen.size() == 3) ex.shutdown({.wait = false});
        }
      },
      shutdown_error);
  EXPECT_THAT(seen, ElementsAre(0, 1, 4, 9));
}

// M-11: one item of a window finds the executor full; none is passed over.
TEST(Map, AWindowedMapOverAFullExecutorDeliversWhatItHasThenThrows) {
  for (const std::ptrdiff_t chunk_size : {1, 2}) {
    fronta::executor ex{{.max_pending = 3}, fronta::cpu::threads{.workers = 2}};
    auto results = ex.map({.chunk_size = chunk_size, .window = 2}, square, numbers(10));
    auto at = results.begin();
    EXPECT_EQ(*at, 0);
    // What fills it is unfinished until the promise is set.
    fronta::promise<void> go;
    std::vector<fronta::future<void>> others;
    const auto held = go.get_future();
    while (auto f = ex.try_submit([held] { held.wait(); })) {
      others.push_back(*f);
      if (others.size() == 100) break;
    }
    std::vector<int> seen;
    std::string refused;
    try {
      for (; at != results.end(); ++at) seen.push_back(*at);
    } catch (const fronta::queue_full_error& e) {
      refused = e.what();
    }
    go.set_value();
    EXPECT_THAT(refused, HasSubstr("map: max_pending (3)"));
    EXPECT_THAT(refused, HasSubstr(".window"));
    std::vector<int> first;
    for (int i = 0; i < static_cast<int>(seen.size()); ++i) first.push_back(i * i);
    EXPECT_EQ(seen, first);
    EXPECT_TRUE(at == results.end());
  }
}

TEST(Map, AnInputThatThrowsIsOverAndLosesNothingThatWasRead) {
  for (const std::ptrdiff_t window : {1, 2, 3, 4}) {
    for (const std::ptrdiff_t chunk : {1, 2}) {
      for (const int position : {4, 5, 6}) {
        SCOPED_TRACE(testing::Message() << window << ' ' << chunk << ' ' << position);
        auto ex = pool();
        auto results = ex.map({.chunk_size = chunk, .window = window}, square,
                              numbers_that_throw_at(position));
        std::vector<int> seen;
        int thrown = 0;
        for (auto at = results.begin(); at != results.end();) {
          try {
            seen.push_back(*at);
          } catch (const std::out_of_range&) {
            ++thrown;  // it came behind items of its chunk
            continue;
          }
          try {
            ++at;
          } catch (const std::out_of_range&) {
            ++thrown;
          }
        }
        EXPECT_EQ(thrown, 1);
        std::vector<int> expected;
        for (int i = 0; i < position; ++i) expected.push_back(i * i);
        EXPECT_EQ(seen, expected);
      }
    }
  }
}

TEST(Map, AWindowKeepsItsChunksWhole) {
  auto ex = pool();
  std::atomic<int> tasks = 0;
  auto results = ex.map(
      {.chunk_size = 4, .window = 8},
      [&, last = 0](int i) mutable {
        if (last++ == 0) ++tasks;  // each task has its own copy of a mutable callable
        return i;
      },
      numbers(40));
  int sum = 0;
  for (const int i : results) sum += i;
  EXPECT_EQ(sum, 780);
  EXPECT_EQ(tasks, 10);
}

TEST(Map, AKeyIsRefused) {
  auto ex = pool();
  const auto text = [&](auto call) -> std::string {
    try {
      call();
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "nothing thrown";
  };
  EXPECT_THAT(text([&] { ex.map({.task = {.key = "k"}}, square, numbers(3)); }),
              HasSubstr("map: .task.key is \"k\""));
  const fronta::annotate scope({.key = "k"});
  EXPECT_THAT(text([&] { ex.map(square, numbers(3)); }), HasSubstr("map: .task.key is \"k\""));
}

TEST(Map, AChoiceBetweenBodiesThatAreNotThereIsRefused) {
  auto ex = pool();
  EXPECT_THROW(ex.map({.task = {.select = fronta::select_by::data}}, square, numbers(3)),
               std::invalid_argument);
  EXPECT_THROW(ex.map({.task = {.fallback = fronta::fallback::cpu}}, square, numbers(3)),
               std::invalid_argument);
}

// M-11
TEST(Map, CancelledItemsThrowAtTheirTurn) {
  auto ex = pool(1);
  occupied_worker busy(ex);
  auto results = ex.map(square, numbers(3));
  ex.shutdown({.wait = false, .cancel_futures = true});
  int cancelled = 0;
  for (auto at = results.begin(); at != results.end(); ++at) {
    EXPECT_THROW(*at, fronta::cancelled_error);
    ++cancelled;
  }
  EXPECT_EQ(cancelled, 3);
}

// N-01
TEST(Map, WorksInsideATaskOnOneWorker) {
  auto ex = pool(1);
  for (const std::ptrdiff_t chunk : {1, 3}) {
    EXPECT_THAT(ex.submit([&, chunk] {
                    return collect(fronta::this_task::executor().map(
                        map_options{.chunk_size = chunk, .window = 4}, square, numbers(6)));
                  }).get(),
                ElementsAre(0, 1, 4, 9, 16, 25));
  }
}

TEST(Map, ItemsTakeTheOptionsOfTasks) {
  auto ex = pool(1);
  std::vector<int> ran;
  {
    occupied_worker busy(ex);
    ex.map([&](int x) { ran.push_back(x); }, numbers(2));
    ex.map(map_options{.task = {.priority = 1}}, [&](int x) { ran.push_back(10 + x); }, numbers(2));
    ex.map(
        map_options{.chunk_size = 2, .task = {.priority = 2}},
        [&](int x) { ran.push_back(20 + x); }, numbers(2));
  }
  ex.shutdown();
  EXPECT_THAT(ran, ElementsAre(20, 21, 10, 11, 0, 1));
}

TEST(Map, RetriesArePerItem) {
  auto ex = pool(2);
  for (const std::ptrdiff_t chunk : {1, 3}) {
    std::atomic<int> runs = 0;
    const auto results = collect(ex.map(
        map_options{.chunk_size = chunk, .task = {.retries = 2}},
        [&](int x) {
          ++runs;
          if (x % 2 == 1 && fronta::this_task::attempt() < 2) throw failed_item(x);
          return x;
        },
        numbers(6)));
    EXPECT_EQ(results, numbers(6));
    EXPECT_EQ(runs.load(), 3 + 3 * 3);
  }
}

TEST(Map, ACancellingShutdownEndsAChunkBetweenItsItems) {
  auto ex = pool(1);
  gate started;
  gate go;
  std::atomic<int> ran = 0;
  auto results = ex.map(
      map_options{.chunk_size = 4},
      [&](int x) {
        ++ran;
        started.open();
        go.wait();
        return x;
      },
      numbers(4));
  started.wait();
  ex.shutdown({.wait = false, .cancel_futures = true});
  go.open();
  std::vector<bool> cancelled;
  for (auto&& o : std::move(results).outcomes()) {
    cancelled.push_back(!o);
    if (!o) {
      EXPECT_THROW(o.value(), fronta::cancelled_error);
    }
  }
  EXPECT_THAT(cancelled, ElementsAre(false, true, true, true));
  EXPECT_EQ(ran.load(), 1);
}

TEST(Map, AChunkPausesBeforeARetryByTheExecutorsClock) {
  const auto clock = std::make_shared<fronta::test::manual_clock>();
  fronta::executor ex{fronta::executor_options{.clock = clock}, fronta::cpu::threads{.workers = 1}};
  const map_options hourly{.chunk_size = 2, .task = {.retries = 1, .backoff = 1h}};
  auto results = ex.map(
      hourly,
      [](int x) {
        if (fronta::this_task::attempt() == 0) throw failed_item(x);
        return x;
      },
      numbers(2));
  for (int i = 0; i < 2; ++i) {
    clock->wait_for_waiter(1h);
    clock->advance(1h);
  }
  EXPECT_THAT(collect(results), ElementsAre(0, 1));
}

TEST(Map, ACancellingShutdownEndsThePauseOfAChunk) {
  const auto clock = std::make_shared<fronta::test::manual_clock>();
  fronta::executor ex{fronta::executor_options{.clock = clock}, fronta::cpu::threads{.workers = 1}};
  auto results = ex.map(
      map_options{.chunk_size = 2, .task = {.retries = 1, .backoff = 1h}},
      [](int x) -> int { throw failed_item(x); }, numbers(2));
  clock->wait_for_waiter(1h);
  ex.shutdown({.cancel_futures = true});
  auto outcomes = std::move(results).outcomes();
  auto at = outcomes.begin();
  EXPECT_THROW((*at).value(), failed_item);
  ++at;
  EXPECT_THROW((*at).value(), fronta::cancelled_error);
}

TEST(Map, AnAnnotationHoldsForTheItemsOfChunksToo) {
  auto ex = pool(1);
  for (const std::ptrdiff_t chunk : {1, 2}) {
    const auto first_try_fails = [](int x) {
      if (fronta::this_task::attempt() == 0) throw failed_item(x);
      return x;
    };
    std::vector<int> values;
    {
      std::optional<fronta::annotate> scope;
      scope.emplace(fronta::task_options{.retries = 1});
      auto results =
          ex.map(map_options{.chunk_size = chunk, .window = 2}, first_try_fails, numbers(6));
      scope.reset();  // later items are submitted outside it
      values = collect(results);
    }
    EXPECT_EQ(values, numbers(6));
  }
}

}  // namespace
