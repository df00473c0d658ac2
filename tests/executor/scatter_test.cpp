// SPDX-License-Identifier: Apache-2.0
#include <fronta/array.hpp>
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <support/gate.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using fronta::bare_place;
using fronta::executor;
using fronta::future;
using fronta::cpu::threads;
using fronta::test::gate;
using testing::ElementsAre;
using testing::HasSubstr;

struct pinned {
  explicit pinned(int v) : number(v) {}
  pinned(const pinned& other) : number(other.number) { ++copies; }
  pinned(pinned&&) = default;
  pinned& operator=(const pinned&) = delete;
  static inline std::atomic<int> copies{0};
  int number;
};

class Scatter : public testing::Test {
 protected:
  void settle() {
    for (const auto& p : ex.places()) {
      if (p.hosts_tasks) ex.submit({.place_on = p.name}, [] {}).wait();
    }
  }
  // Where a task goes that reads it.
  template <class T>
  std::string reader_of(const future<T>& f) {
    settle();
    return ex.submit([](const T&) { return fronta::this_task::place(); }, f).get();
  }
  executor ex{threads{.workers = 1, .name = "a"}, threads{.workers = 1, .name = "b"}};
};

// L-01
TEST_F(Scatter, MakesOneFutureOfOneValueWhateverItsType) {
  const auto list = ex.scatter(std::vector{1, 2, 3});
  static_assert(std::is_same_v<decltype(list), const future<std::vector<int>>>);
  EXPECT_TRUE(list.done());
  EXPECT_THAT(list.get(), ElementsAre(1, 2, 3));
  EXPECT_EQ(ex.scatter(std::string("x")).get(), "x");
  EXPECT_EQ((ex.scatter(std::map<int, int>{{1, 2}}).get().at(1)), 2);
}

// L-01
TEST_F(Scatter, EachMakesAFutureOfEveryElement) {
  const auto each = ex.scatter_each(std::vector{1, 2, 3});
  static_assert(std::is_same_v<decltype(each), const std::vector<future<int>>>);
  EXPECT_THAT(fronta::gather(each), ElementsAre(1, 2, 3));
  EXPECT_TRUE(ex.scatter_each(std::vector<int>{}).empty());
  const auto pairs = ex.scatter_each(std::map<int, std::string>{{1, "x"}});
  EXPECT_EQ(pairs.at(0).result().second, "x");
}

// L-02
TEST_F(Scatter, PutsDataAtANamedPlaceAndTasksFollow) {
  for (const std::string name : {"b", "a", "b"}) {
    EXPECT_EQ(reader_of(ex.scatter(std::vector<char>(1'000), name)), name);
  }
}

// L-02
TEST_F(Scatter, ToAllPlacesMeansAFutureAtEach) {
  std::vector<std::string> seen;
  for (const auto& p : ex.places()) {
    seen.push_back(reader_of(ex.scatter(std::vector<char>(1'000), p.name)));
  }
  EXPECT_THAT(seen, ElementsAre("a", "b"));
}

// L-02
TEST_F(Scatter, ToAnUnknownPlaceIsRefused) {
  try {
    ex.scatter(1, "nowhere");
    ADD_FAILURE() << "it was accepted";
  } catch (const fronta::unsatisfiable_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("\"nowhere\""));
    EXPECT_EQ(e.tag(), "nowhere");
  }
}

// L-03
TEST_F(Scatter, SpreadsElementsEvenlyOverThePlacesThatRunTasks) {
  const auto each = ex.scatter_each(std::vector<std::vector<char>>(6, std::vector<char>(1'000)));
  std::map<std::string, int> readers;
  for (const auto& f : each) ++readers[reader_of(f)];
  EXPECT_EQ(readers, (std::map<std::string, int>{{"a", 3}, {"b", 3}}));
}

// L-03
TEST(ScatterSpread, IsByCpuShares) {
  executor ex{threads{.workers = 3, .name = "wide"}, threads{.workers = 1, .name = "narrow"},
              bare_place{"gpu:0", {{"gpu", 1}}}};
  const auto each = ex.scatter_each(std::vector<std::vector<char>>(8, std::vector<char>(1'000)));
  std::map<std::string, int> readers;
  for (const auto& f : each) {
    ++readers[ex.submit([](const auto&) { return fronta::this_task::place(); }, f).get()];
    ex.submit({.place_on = "narrow"}, [] {}).wait();
  }
  EXPECT_EQ(readers, (std::map<std::string, int>{{"wide", 6}, {"narrow", 2}}));
}

// L-03
TEST(ScatterSpread, WithoutAPlaceThatRunsTasksIsAnError) {
  executor ex{bare_place{"gpu:0", {{"gpu", 1}}}};
  EXPECT_THROW(ex.scatter_each(std::vector{1, 2}), fronta::unsatisfiable_error);
}

// L-04
TEST_F(Scatter, ATaskGoesWhereMostOfItsBytesLie) {
  const auto small = ex.scatter('x', "a");
  const auto large = ex.scatter(std::vector<char>(1'000'000), "b");
  const auto array = ex.scatter(fronta::array<double>(1'000'000), "a");
  const auto where = [](const auto&...) { return fronta::this_task::place(); };
  for (int i = 0; i < 5; ++i) {
    settle();
    EXPECT_EQ(ex.submit(where, small, large).get(), "b");
    settle();
    EXPECT_EQ(ex.submit(where, large, small).get(), "b");
    settle();
    EXPECT_EQ(ex.submit(where, array, large).get(), "a");
    settle();
    EXPECT_EQ(ex.submit(where, std::vector{large, large}).get(), "b");
  }
}

// L-04
TEST_F(Scatter, ATaskFollowsTheResultsOfOtherTasksToo) {
  for (const std::string name : {"a", "b", "b", "a"}) {
    const auto made = ex.submit({.place_on = name}, [] { return std::vector<char>(1'000'000); });
    made.wait();
    EXPECT_EQ(reader_of(made), name);
  }
}

// L-04
TEST_F(Scatter, AnOverloadedHolderDoesNotGetEverything) {
  const auto data = ex.scatter(std::vector<char>(1'000), "a");
  gate go;
  gate running;
  const auto busy = ex.submit({.place_on = "a"}, [&] {
    running.open();
    go.wait();
  });
  running.wait();
  std::vector<future<std::string>> readers;
  for (int i = 0; i < 50; ++i) {
    readers.push_back(
        ex.submit([](const std::vector<char>&) { return fronta::this_task::place(); }, data));
  }
  // At least one gets by while the holder is busy.
  fronta::wait(readers, fronta::first_completed);
  go.open();
  int on_b = 0;
  for (const auto& f : readers) on_b += f.get() == "b" ? 1 : 0;
  EXPECT_GE(on_b, 1);
}

// L-04
TEST(ScatterToDevices, ATaskTakesTheDeviceThatHoldsItsBytes) {
  executor ex{threads{.workers = 2, .name = "pool"}, bare_place{"gpu:0", {{"gpu", 1}}},
              bare_place{"gpu:1", {{"gpu", 1}}}};
  for (const std::string name : {"gpu:1", "gpu:0", "gpu:1", "gpu:1"}) {
    const auto data = ex.scatter(std::vector<char>(1'000), name);
    EXPECT_THAT(
        ex.submit(
              {.needs = {{"gpu", 1}}}, [](const auto&) { return fronta::this_task::place(); }, data)
            .get(),
        HasSubstr(name));
    // The device is free again when the next one is chosen.
    fronta::wait(ex.submit({.needs = {{"gpu", 1}}, .place_on = "gpu:0"}, [] {}),
                 ex.submit({.needs = {{"gpu", 1}}, .place_on = "gpu:1"}, [] {}));
    ex.submit({.needs = {{"cpu", 2}}}, [] {}).wait();
  }
}

// L-05
TEST_F(Scatter, PlaceOnBeatsTheBytes) {
  const auto large = ex.scatter(std::vector<char>(10'000'000), "b");
  EXPECT_EQ(ex.submit(
                  {.place_on = "a"}, [](const auto&) { return fronta::this_task::place(); }, large)
                .get(),
            "a");
}

// L-07
TEST_F(Scatter, DataGoesWhenItsLastHandleGoes) {
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> held = token;
  auto f = ex.scatter(std::move(token), "a");
  auto g = f;
  const auto& same = g;
  g = same;
  auto h = std::move(f);
  f = h;
  f = {};
  f = {};
  h = {};
  EXPECT_FALSE(held.expired());
  EXPECT_EQ(*g.result(), 1);
  g = {};
  EXPECT_TRUE(held.expired());
}

// L-07
TEST_F(Scatter, PendingReadersKeepTheDataAndNobodyElse) {
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> held = token;
  fronta::promise<void> p;
  auto f = ex.scatter(std::move(token));
  const auto reader =
      ex.submit([](const std::shared_ptr<int>& v) { return *v; }, f, p.get_future());
  f = {};
  EXPECT_FALSE(held.expired());
  p.set_value();
  EXPECT_EQ(reader.get(), 1);
  settle();
  EXPECT_TRUE(held.expired());
}

// L-07
TEST(ScatterLifetime, DataOutlivesItsExecutor) {
  auto token = std::make_shared<int>(4);
  const std::weak_ptr<int> held = token;
  future<std::shared_ptr<int>> f;
  {
    executor ex{threads{.workers = 1}};
    f = ex.scatter(std::move(token));
  }
  EXPECT_EQ(*f.get(), 4);
  f = {};
  EXPECT_TRUE(held.expired());
}

// L-09
TEST_F(Scatter, IsByIdentityAndNeverCopies) {
  pinned::copies = 0;
  auto made = std::make_unique<int>(5);
  const auto* const address = made.get();
  const auto owner = ex.scatter(std::move(made), "a");
  EXPECT_EQ(owner.result().get(), address);
  const auto f = ex.scatter(pinned(7), "b");
  const auto where = [](const pinned& p) { return &p; };
  for (const std::string name : {"a", "b"}) {
    EXPECT_EQ(ex.submit({.place_on = name}, where, f).get(), &f.result());
  }
  EXPECT_EQ(pinned::copies, 0);
  // On request only.
  EXPECT_EQ(f.get().number, 7);
  EXPECT_EQ(pinned::copies, 1);
}

// L-09
TEST_F(Scatter, FromInsideATaskKeepsTheValueWithoutACopy) {
  pinned::copies = 0;
  const auto f = ex.submit([] {
    auto ref = fronta::this_task::executor();
    const auto inside = ref.scatter(pinned(3));
    return ref.submit([](const pinned& p) { return p.number; }, inside).get();
  });
  EXPECT_EQ(f.get(), 3);
  EXPECT_EQ(pinned::copies, 0);
}

TEST_F(Scatter, AfterShutdownIsAShutdownError) {
  ex.shutdown();
  EXPECT_THROW(ex.scatter(1), fronta::shutdown_error);
  EXPECT_THROW(ex.scatter_each(std::vector{1}), fronta::shutdown_error);
}

}  // namespace
