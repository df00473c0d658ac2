// SPDX-License-Identifier: Apache-2.0
#include "cost_model.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::placement;
using fronta::detail::cost_model;
using fronta::detail::recent_values;
using body = cost_model::body;
using reason = placement::reason;

TEST(RecentValues, GiveTheMedianWhateverTheOrder) {
  recent_values v;
  for (const double x : {5.0, 1.0, 4.0, 2.0, 3.0}) v.add(x);
  EXPECT_EQ(v.median(), 3);
  EXPECT_EQ(v.count(), 5U);
  v.add(6);
  EXPECT_EQ(v.median(), 3);  // the lower of the two in the middle
}

TEST(RecentValues, OneSpikeDoesNotMoveThem) {
  recent_values v;
  for (int i = 0; i < 10; ++i) v.add(100);
  const auto before = v.spread();
  v.add(1e9);
  EXPECT_EQ(v.median(), 100);
  EXPECT_EQ(v.spread(), before);
}

TEST(RecentValues, ForgetTheOldestFirst) {
  recent_values v;
  for (std::size_t i = 0; i < recent_values::most; ++i) v.add(1);
  for (std::size_t i = 0; i < recent_values::most / 2; ++i) v.add(9);
  EXPECT_EQ(v.median(), 1);
  v.add(9);
  EXPECT_EQ(v.median(), 9);
  EXPECT_EQ(v.count(), recent_values::most);
}

TEST(RecentValues, SpreadIsHalfTheInterquartileRangeAsAShare) {
  recent_values v;
  EXPECT_TRUE(v.empty());
  for (const double x : {90.0, 100.0, 100.0, 110.0, 130.0}) v.add(x);
  EXPECT_DOUBLE_EQ(v.spread(), 0.05);
  recent_values zero;
  zero.add(0);
  EXPECT_EQ(zero.spread(), 0);
}

class CostModel : public testing::Test {
 protected:
  static cost_model::candidate at(std::string place, body b, std::size_t missing = 0) {
    cost_model::candidate c;
    c.runs = b;
    c.about.place = std::move(place);
    c.about.missing = missing;
    return c;
  }
  void ran(body b, std::chrono::nanoseconds took, int times = 3, cost_model::kind k = {}) {
    for (int i = 0; i < times; ++i) {
      model.began(k, b);
      model.ran(k, b, took);
      model.ended(k, b);
    }
  }
  // The place and the reason.
  std::pair<std::string, reason> choose(cost_model::kind k = {}) {
    const auto v = model.choose(k, places);
    return {places[v.chosen].about.place, v.why};
  }
  using result = std::pair<std::string, reason>;

  cost_model model;
  std::vector<cost_model::candidate> places{at("cpu", body::cpu), at("gpu", body::gpu)};
};

TEST_F(CostModel, ABodyThatOnlyFailsIsLeftOutAndTriedNowAndThen) {
  places = {at("cpu", body::cpu), at("gpu:0", body::gpu)};
  ran(body::cpu, 5ms);
  EXPECT_EQ(choose(), result("gpu:0", reason::exploring));
  for (std::size_t i = 0; i < cost_model::enough; ++i) {
    model.began({}, body::gpu);
    model.ended({}, body::gpu);
  }
  EXPECT_EQ(choose(), result("cpu", reason::cost));
  ran(body::cpu, 5ms, static_cast<int>(cost_model::refresh_after));
  EXPECT_EQ(choose(), result("gpu:0", reason::exploring));
  ran(body::gpu, 1ms, 1);
  EXPECT_EQ(choose(), result("gpu:0", reason::exploring));  // it works after all
}

TEST_F(CostModel, WhereEveryBodyFailsOneIsChosenAllTheSame) {
  places = {at("cpu", body::cpu), at("gpu:0", body::gpu)};
  for (const auto b : {body::cpu, body::gpu}) {
    for (std::size_t i = 0; i < cost_model::enough; ++i) {
      model.began({}, b);
      model.ended({}, b);
    }
  }
  EXPECT_EQ(choose(), result("cpu", reason::exploring));
}

TEST_F(CostModel, ExploresEachBodyUntilEnoughRunsAreKnown) {
  for (std::size_t i = 0; i < cost_model::enough; ++i) {
    EXPECT_EQ(choose(), result("cpu", reason::exploring));
    ran(body::cpu, 1ms, 1);
    EXPECT_EQ(choose(), result("gpu", reason::exploring));
    ran(body::gpu, 1s, 1);
  }
  EXPECT_EQ(choose(), result("cpu", reason::cost));
}

TEST_F(CostModel, RunsUnderWayAreNotExploredOnceMore) {
  for (std::size_t i = 0; i < cost_model::enough; ++i) {
    model.began({}, body::cpu);
    model.began({}, body::gpu);
  }
  places[0].about.missing = 1;
  EXPECT_EQ(choose(), result("gpu", reason::no_figures));
  model.ran({}, body::cpu, 1ms);
  EXPECT_EQ(choose(), result("gpu", reason::no_figures));
  model.ran({}, body::gpu, 1s);
  EXPECT_EQ(choose(), result("cpu", reason::cost));
}

TEST_F(CostModel, RunsThatFailedAreExploredAgain) {
  ran(body::cpu, 1ms);
  for (std::size_t i = 0; i + 1 < cost_model::enough; ++i) {
    model.began({}, body::gpu);
    model.ended({}, body::gpu);
  }
  EXPECT_EQ(choose(), result("gpu", reason::exploring));
}

TEST_F(CostModel, OneSpikeChangesNoChoice) {
  ran(body::cpu, 7ms, 5);
  ran(body::gpu, 2ms, 5);
  ran(body::gpu, 10s, 1);
  EXPECT_EQ(choose(), result("gpu", reason::cost));
}

TEST_F(CostModel, ALastingChangeDoes) {
  ran(body::cpu, 7ms, 5);
  ran(body::gpu, 2ms, 100);
  ran(body::gpu, 20ms, static_cast<int>(recent_values::most / 2) + 1);
  EXPECT_EQ(choose(), result("cpu", reason::cost));
}

TEST_F(CostModel, KnowsTasksAndSizesApart) {
  const cost_model::kind small{1, cost_model::size_of(1'000)};
  const cost_model::kind large{1, cost_model::size_of(10'000)};
  ran(body::cpu, 1ms, 3, small);
  ran(body::gpu, 2ms, 3, small);
  ran(body::cpu, 10ms, 3, large);
  ran(body::gpu, 2ms, 3, large);
  EXPECT_EQ(choose(small), result("cpu", reason::cost));
  EXPECT_EQ(choose(large), result("gpu", reason::cost));
  EXPECT_EQ(choose({2, small.size}).second, reason::exploring);
}

TEST_F(CostModel, SizesArePowersOfTwo) {
  EXPECT_EQ(cost_model::size_of(0), 0);
  EXPECT_EQ(cost_model::size_of(1'024), cost_model::size_of(2'047));
  EXPECT_EQ(cost_model::size_of(1'024), cost_model::size_of(1'023) + 1);
}

TEST_F(CostModel, SimulatedRunsSayNothingOfRealOnes) {
  ran(body::cpu, 1ms);
  ran(body::simulated_gpu, 1ns);
  EXPECT_EQ(choose(), result("gpu", reason::exploring));
}

TEST_F(CostModel, CopiesCountByMeasuredBandwidth) {
  ran(body::cpu, 7ms);
  ran(body::gpu, 2ms);
  EXPECT_EQ(model.copy_time(1, false, 1'000), std::nullopt);
  model.moved(1, false, 10'000'000, 1ms);
  model.moved(1, true, 10'000'000, 2ms);
  model.moved(1, true, 10'000'000, 0ms);  // the clock saw nothing
  EXPECT_EQ(model.copy_time(1, false, 40'000'000), 4ms);
  EXPECT_EQ(model.copy_time(1, true, 40'000'000), 8ms);
  places[1].about.copy = 4ms;
  EXPECT_EQ(choose(), result("gpu", reason::cost));
  places[1].about.copy = 6ms;
  EXPECT_EQ(choose(), result("cpu", reason::cost));
}

TEST_F(CostModel, OneSlowCopyDoesNotMoveABandwidth) {
  for (int i = 0; i < 5; ++i) model.moved(1, false, 1'000'000, 100us);
  model.moved(1, false, 1'000'000, 1s);
  EXPECT_EQ(model.copy_time(1, false, 1'000'000), 100us);
}

TEST_F(CostModel, WorkInTheWayCounts) {
  ran(body::cpu, 7ms);
  ran(body::gpu, 2ms);
  places[1].about.ahead = 4ms;
  EXPECT_EQ(choose(), result("gpu", reason::cost));
  places[1].about.ahead = 6ms;
  EXPECT_EQ(choose(), result("cpu", reason::cost));
}

TEST_F(CostModel, TasksOfWhichNothingIsKnownCountLikeThisOne) {
  ran(body::cpu, 7ms);
  ran(body::gpu, 2ms);
  places[1].tasks_ahead = 2;
  EXPECT_EQ(choose(), result("gpu", reason::cost));
  places[1].about.ahead = 0ms;
  places[1].tasks_ahead = 3;
  EXPECT_EQ(choose(), result("cpu", reason::cost));
  EXPECT_EQ(places[1].about.ahead, 6ms);
  EXPECT_EQ(places[1].about.total(), 8ms);
}

TEST_F(CostModel, ATaskLeavesItsDataForAClearGainOnly) {
  ran(body::cpu, 100ms);
  ran(body::gpu, 90ms);
  places[1].about.missing = 1;  // the data is with the CPU
  EXPECT_EQ(choose(), result("cpu", reason::stays));
  ran(body::gpu, 70ms, recent_values::most);
  EXPECT_EQ(choose(), result("gpu", reason::cost));
}

TEST_F(CostModel, DataThatIsInBothPlacesHoldsNoTask) {
  ran(body::cpu, 100ms);
  ran(body::gpu, 99ms);
  EXPECT_EQ(choose(), result("gpu", reason::cost));
}

TEST_F(CostModel, ABodyThatHasNotRunForLongIsTriedOnceMore) {
  ran(body::cpu, 7ms);
  ran(body::gpu, 2ms);
  ran(body::gpu, 2ms, static_cast<int>(cost_model::refresh_after) - 4);
  EXPECT_EQ(choose(), result("gpu", reason::cost));
  ran(body::gpu, 2ms, 2);
  EXPECT_EQ(choose(), result("cpu", reason::refreshing));
  ran(body::cpu, 1ms, 1);
  EXPECT_EQ(choose(), result("gpu", reason::cost));
}

TEST_F(CostModel, UnlessThatWouldCostTooMuch) {
  ran(body::cpu, 17ms);
  ran(body::gpu, 2ms);
  ran(body::gpu, 2ms, static_cast<int>(cost_model::refresh_after));
  EXPECT_EQ(choose(), result("gpu", reason::cost));
}

TEST_F(CostModel, OfSeveralDevicesTheOneThatEndsFirst) {
  ran(body::cpu, 7ms);
  ran(body::gpu, 2ms);
  places.push_back(at("gpu:1", body::gpu));
  places[1].about.ahead = 1ms;
  EXPECT_EQ(choose(), result("gpu:1", reason::cost));
}

TEST_F(CostModel, ForgetsWhenThereAreTooManyKinds) {
  const cost_model::kind busy{1, 0};
  ran(body::cpu, 1ms, 3, busy);
  ran(body::gpu, 2ms, 3, busy);
  model.began(busy, body::cpu);
  const cost_model::kind idle{2, 0};
  ran(body::cpu, 1ms, 3, idle);
  ran(body::gpu, 2ms, 3, idle);
  for (std::size_t i = 0; i < cost_model::most_kinds; ++i) ran(body::cpu, 1ms, 1, {100 + i, 0});
  EXPECT_EQ(choose(busy), result("cpu", reason::cost));
  EXPECT_EQ(choose(idle).second, reason::exploring);
  model.ended(busy, body::cpu);
}

TEST_F(CostModel, FillsInWhatItKnows) {
  for (const auto took : {2ms, 2ms, 2ms, 1ms, 3ms}) ran(body::gpu, took, 1);
  ran(body::cpu, 7ms);
  static_cast<void>(choose());
  EXPECT_EQ(places[1].about.run, 2ms);
  EXPECT_EQ(places[1].about.samples, 5U);
  EXPECT_EQ(places[0].about.run, 7ms);
  EXPECT_EQ(places[0].about.spread, 0);
}

}  // namespace
