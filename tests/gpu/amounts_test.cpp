// SPDX-License-Identifier: Apache-2.0
// Amounts of a device in stream order: a task that goes behind an input there takes its turn with
// what the input has. And tasks that read buffers go where those lie.
#include <fronta/gpu/backend.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/errors.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>
#include <fronta/trace.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/gpu_kind.hpp>
#include <support/manual_clock.hpp>
#include <support/occupied.hpp>
#include <support/test_kernels.hpp>
#include <support/trace_recorder.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {
// Device data that is of use on every device.
struct movable_data {};
}  // namespace

template <>
struct fronta::gpu::device_data<movable_data> : std::true_type {};
template <>
struct fronta::gpu::device_bound<movable_data> : std::false_type {};

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::executor_options;
using fronta::future;
using fronta::task_options;
using fronta::cpu::threads;
using fronta::gpu::buffer;
using fronta::gpu::device_bound;
using fronta::gpu::device_data;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::test::affine;
using fronta::test::gate;
using fronta::test::manual_clock;
using fronta::test::occupied_worker;
using fronta::test::run_on;
using testing::AllOf;
using testing::HasSubstr;

static_assert(device_bound<buffer<int>>::value);
static_assert(device_bound<std::pair<buffer<int>, int>>::value);
static_assert(!device_data<std::pair<buffer<int>, int>>::value);
static_assert(device_bound<std::tuple<int, std::vector<buffer<int>>>>::value);
static_assert(device_bound<std::map<int, std::optional<buffer<int>>>>::value);
static_assert(!device_bound<std::pair<movable_data, int>>::value);
static_assert(!device_bound<std::vector<int>>::value);
static_assert(!device_bound<std::tuple<>>::value);

class Amounts : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(Amounts);
class DeviceBound : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(DeviceBound);

const task_options whole{.needs = {{"gpu", 1}}};
const task_options half{.needs = {{"gpu", 0.5}}};

task_options on(std::string place, task_options o) {
  o.place_on = std::move(place);
  return o;
}
task_options above(task_options o) {
  o.priority = 1;
  return o;
}

buffer<int> number(stream& s, int value) { return s.to_device(std::span<const int>(&value, 1)); }

buffer<int> plus_one(stream& s, const buffer<int>& in) {
  auto out = s.allocate<int>(1);
  affine(s, s.read(in), 1, 1, s.write(out));
  return out;
}

int fetched(executor& ex, const future<buffer<int>>& f) {
  int result = 0;
  ex.submit([&](stream& s, const buffer<int>& b) { s.to_host(std::span(&result, 1), b); }, f).get();
  return result;
}

// Work that stays on its device until it is let go. Outlives the executor.
struct held_work {
  gate go;
  std::atomic<bool> over = false;
  void put_on(stream& s) {
    run_on(s, [this] {
      go.wait();
      over = true;
    });
  }
};

// A task with such work: when this returns, the next may go behind it.
future<buffer<int>> issued(executor& ex, held_work& held, const task_options& o) {
  auto f = ex.submit(o, [&held](stream& s) {
    auto b = number(s, 0);
    held.put_on(s);
    return b;
  });
  const auto told = std::make_shared<gate>();
  const auto behind = ex.submit([told](stream&, const buffer<int>&) { told->open(); }, f);
  told->wait();
  return f;
}

// With one worker: every host part that may begin has.
void let_workers_pass(executor& ex) {
  ex.submit([] {}).get();
}

// Tells that it began, and whether the held work was over then.
auto looking_at(held_work& held, gate& begun) {
  return [&](stream&, const auto&...) {
    const bool over = held.over;  // before the opener goes on
    begun.open();
    return over;
  };
}

// ---- Passing on.

TEST_P(Amounts, PassAlongAChainWithoutTheHost) {
  constexpr int links = 60;
  held_work held;
  gate all_enqueued;
  executor ex{threads{.workers = 2}, devices()};
  const auto first = issued(ex, held, whole);
  auto last = first;
  for (int i = 0; i < links; ++i) last = ex.submit(whole, plus_one, std::move(last));
  const auto told =
      ex.submit(whole, [&](stream&, const buffer<int>&) { all_enqueued.open(); }, last);
  all_enqueued.wait();
  EXPECT_FALSE(first.done());
  held.go.open();
  EXPECT_EQ(fetched(ex, last), links);
  told.get();
}

TEST_P(Amounts, OfAChainAreOthersOnceAllOfItHasEnded) {
  held_work first_held;
  held_work last_held;
  gate last_begun;
  gate begun;
  executor ex{threads{.workers = 1}, devices()};
  auto last = issued(ex, first_held, whole);
  const auto stranger = ex.submit(whole, looking_at(last_held, begun));
  for (int i = 0; i < 5; ++i) last = ex.submit(whole, plus_one, std::move(last));
  const auto end = ex.submit(
      whole,
      [&](stream& s, const buffer<int>&) {
        last_held.put_on(s);
        last_begun.open();
      },
      last);
  last_begun.wait();
  first_held.go.open();
  last.wait();  // all but the last have given back what they had
  let_workers_pass(ex);
  EXPECT_FALSE(begun.is_open());
  last_held.go.open();
  EXPECT_TRUE(stranger.get());
  end.get();
}

TEST_P(Amounts, OfOneInputGoToOneOfItsReadersAtATime) {
  held_work held;
  gate first_begun;
  gate second_begun;
  held_work of_reader;
  executor ex{threads{.workers = 1}, devices()};
  const auto input = issued(ex, held, whole);
  const auto first = ex.submit(
      whole,
      [&](stream& s, const buffer<int>&) {
        of_reader.put_on(s);
        first_begun.open();
      },
      input);
  const auto second = ex.submit(whole, looking_at(of_reader, second_begun), input);
  first_begun.wait();
  held.go.open();
  input.wait();
  let_workers_pass(ex);
  EXPECT_FALSE(second_begun.is_open());
  of_reader.go.open();
  EXPECT_TRUE(second.get());
  first.get();
}

TEST_P(Amounts, AreSharedInFractionsAndAddUp) {
  held_work held;
  gate whole_begun;
  gate stranger_begun;
  executor ex{threads{.workers = 1}, devices()};
  const auto a = issued(ex, held, half);
  const auto b = issued(ex, held, half);
  // All of it, half from each.
  const auto both = ex.submit(
      whole,
      [&](stream& s, const buffer<int>& x, const buffer<int>&) {
        whole_begun.open();
        return plus_one(s, x);
      },
      a, b);
  whole_begun.wait();
  const auto stranger = ex.submit(half, looking_at(held, stranger_begun));
  // A part of what is passed on is enough, and the rest does not come free before its time.
  gate part_begun;
  const auto part = ex.submit(half, looking_at(held, part_begun), both);
  part_begun.wait();
  let_workers_pass(ex);
  EXPECT_FALSE(stranger_begun.is_open());
  held.go.open();
  EXPECT_TRUE(stranger.get());
  EXPECT_FALSE(part.get());
  EXPECT_EQ(fetched(ex, both), 1);
}

TEST_P(Amounts, ThatAreFreeAreAddedToAnInputs) {
  held_work held;
  gate begun;
  executor ex{threads{.workers = 1}, devices()};
  const auto input = issued(ex, held, half);
  const auto more = ex.submit(whole, looking_at(held, begun), input);
  begun.wait();
  held.go.open();
  EXPECT_FALSE(more.get());
}

TEST_P(Amounts, OfAnInputThatWasGivenTwiceCountOnce) {
  held_work held;
  gate begun;
  executor ex{threads{.workers = 1}, devices()};
  const auto input = issued(ex, held, half);
  const auto other = issued(ex, held, half);
  const auto twice = ex.submit(whole, looking_at(held, begun), input, input);
  let_workers_pass(ex);
  EXPECT_FALSE(begun.is_open());
  held.go.open();
  EXPECT_TRUE(twice.get());
  other.wait();
}

TEST_P(Amounts, AreTakenTogetherOrNotAtAllFromInputsToo) {
  held_work held;
  gate licence_back;
  gate both_begun;
  gate reader_begun;
  executor ex{executor_options{.tags = {{"licence", 1}}}, threads{.workers = 2}, devices()};
  gate licence_taken;
  const auto holder = ex.submit({.needs = {{"licence", 1}}}, [&] {
    licence_taken.open();
    licence_back.wait();
  });
  licence_taken.wait();
  const auto input = issued(ex, held, whole);
  const auto both =
      ex.submit({.needs = {{"gpu", 1}, {"licence", 1}}}, looking_at(held, both_begun), input);
  const auto reader = ex.submit(whole, looking_at(held, reader_begun), input);
  reader_begun.wait();
  EXPECT_FALSE(both_begun.is_open());
  licence_back.open();
  held.go.open();
  EXPECT_TRUE(both.get());
  EXPECT_FALSE(reader.get());
  holder.get();
}

TEST_P(Amounts, ThatPassAlongAreToldAsATurnBehindTheInput) {
  using fronta::trace::event_kind;
  fronta::test::trace_recorder trace;
  const auto id = [] { return fronta::this_task::path(); };
  held_work held;
  gate begun;
  executor ex{threads{.workers = 1}, devices()};
  std::uint64_t first = 0;
  const auto input = ex.submit(half, [&](stream& s) {
    first = id();
    auto b = number(s, 0);
    held.put_on(s);
    return b;
  });
  std::uint64_t second = 0;
  const auto behind = ex.submit(
      whole,
      [&](stream&, const buffer<int>&) {
        second = id();
        begun.open();
      },
      input);
  begun.wait();
  held.go.open();
  behind.get();
  ex.shutdown();
  const auto amount_of = [](double part) {
    return fronta::trace::tag_amount{1, static_cast<std::uint32_t>(fronta::amount(part).units())}
        .argument();
  };
  using testing::ElementsAre;
  using testing::Pair;
  EXPECT_THAT(trace.told(first, event_kind::acquire), ElementsAre(Pair(amount_of(0.5), "gpu")));
  // Half of it is the input's still, the other half was free.
  const auto both = ElementsAre(Pair(amount_of(0.5), "gpu"), Pair(amount_of(0.5), "gpu"));
  EXPECT_THAT(trace.told(second, event_kind::acquire), both);
  EXPECT_THAT(trace.told(second, event_kind::follow), ElementsAre(Pair(first, "gpu")));
  EXPECT_THAT(trace.told(first, event_kind::follow), testing::IsEmpty());
  EXPECT_THAT(trace.told(second, event_kind::release), both);
  EXPECT_THAT(trace.told(first, event_kind::release), ElementsAre(Pair(amount_of(0.5), "gpu")));
  const auto routes = trace.told(second, event_kind::route);
  ASSERT_EQ(routes.size(), 1U);
  const auto route = fronta::trace::route_choice::from(routes[0].first);
  EXPECT_EQ(route.place, 0);
  EXPECT_EQ(route.device, 1);
  EXPECT_EQ(route.why, fronta::trace::route_reason::bound);
}

// It may stand for something that host parts use.
TEST_P(Amounts, OfTheExecutorAreWaitedForOnTheHost) {
  held_work held;
  gate begun;
  executor ex{executor_options{.tags = {{"licence", 1}}}, threads{.workers = 1}, devices()};
  const auto input = issued(ex, held, {.needs = {{"licence", 1}}});
  const auto next = ex.submit({.needs = {{"licence", 1}}}, looking_at(held, begun), input);
  let_workers_pass(ex);
  EXPECT_FALSE(begun.is_open());
  held.go.open();
  EXPECT_TRUE(next.get());
}

TEST_P(Amounts, PassAlongChainsOnSeveralDevicesAtOnce) {
  std::array<held_work, 2> held;
  std::array<gate, 2> enqueued;
  executor ex{threads{.workers = 2}, devices(2)};
  std::vector<future<buffer<int>>> last;
  for (auto& h : held) last.push_back(issued(ex, h, whole));
  std::vector<future<void>> told;
  for (std::size_t i = 0; i < 2; ++i) {
    for (int link = 0; link < 20; ++link) last[i] = ex.submit(whole, plus_one, last[i]);
    told.push_back(
        ex.submit(whole, [&, i](stream&, const buffer<int>&) { enqueued[i].open(); }, last[i]));
  }
  for (const auto& g : enqueued) g.wait();
  for (auto& h : held) h.go.open();
  for (const auto& f : last) EXPECT_EQ(fetched(ex, f), 20);
  for (const auto& f : told) f.get();
}

TEST_P(Amounts, OfOneDeviceAreNoneOfAnother) {
  std::array<held_work, 2> held;
  gate begun;
  executor ex{threads{.workers = 1}, devices(2)};
  const auto there = issued(ex, held[1], on("gpu:1", whole));
  gate enqueued;
  const auto here = ex.submit(on("gpu:0", whole), [&](stream& s) {
    held[0].put_on(s);
    return movable_data();
  });
  ex.post([&](stream&, const movable_data&) { enqueued.open(); }, here);
  enqueued.wait();
  const auto next = ex.submit(on("gpu:1", whole), looking_at(held[1], begun), here);
  let_workers_pass(ex);
  EXPECT_FALSE(begun.is_open());
  held[1].go.open();
  begun.wait();
  held[0].go.open();
  EXPECT_TRUE(next.get());
  there.wait();
}

// ---- Whom they are for.

TEST_P(Amounts, GoToAWaitingTaskOfHigherPriorityFirst) {
  held_work held;
  gate successor_begun;
  gate important_begun;
  bool important_was_first = false;
  executor ex{threads{.workers = 1}, devices()};
  const auto input = issued(ex, held, whole);
  const auto important = ex.submit(above(whole), looking_at(held, important_begun));
  const auto successor = ex.submit(
      whole,
      [&](stream&, const buffer<int>&) {
        important_was_first = important_begun.is_open();
        successor_begun.open();
      },
      input);
  let_workers_pass(ex);
  EXPECT_FALSE(successor_begun.is_open());
  held.go.open();
  EXPECT_TRUE(important.get());
  successor.get();
  EXPECT_TRUE(important_was_first);
}

TEST_P(Amounts, PassOnWhereTheTaskOfHigherPriorityCannotGo) {
  std::array<held_work, 2> held;
  gate begun;
  gate important_begun;
  executor ex{threads{.workers = 1}, devices(2)};
  const auto elsewhere = issued(ex, held[1], on("gpu:1", whole));
  const auto important = ex.submit(above(on("gpu:1", whole)), looking_at(held[1], important_begun));
  const auto input = issued(ex, held[0], on("gpu:0", whole));
  const auto successor = ex.submit(whole, looking_at(held[0], begun), input);
  begun.wait();
  for (auto& h : held) h.go.open();
  EXPECT_TRUE(important.get());
  EXPECT_FALSE(successor.get());
  elsewhere.wait();
}

//
TEST_P(Amounts, DoNotPassByAWaitingTaskForEver) {
  constexpr int links = 60;
  held_work held;
  std::atomic<int> begun = 0;
  executor ex{threads{.workers = 1}, devices()};
  auto last = issued(ex, held, whole);
  const auto stranger = ex.submit(whole, [&](stream&) { return begun.load(); });
  for (int i = 0; i < links; ++i) {
    last = ex.submit(
        whole,
        [&](stream& s, const buffer<int>& b) {
          ++begun;
          return plus_one(s, b);
        },
        std::move(last));
  }
  let_workers_pass(ex);
  EXPECT_LT(begun, links);
  held.go.open();
  EXPECT_LT(stranger.get(), links);
  EXPECT_EQ(fetched(ex, last), links);
}

TEST_P(Amounts, AreLentToAWaitingTaskOnceNobodyAboveItWaits) {
  held_work held;
  gate begun;
  gate unused;
  executor ex{threads{.workers = 1}, devices()};
  const auto input = issued(ex, held, whole);
  auto important = ex.submit(above(whole), looking_at(held, unused));
  const auto successor = ex.submit(whole, looking_at(held, begun), input);
  let_workers_pass(ex);
  EXPECT_FALSE(begun.is_open());
  EXPECT_TRUE(important.cancel());
  begun.wait();
  held.go.open();
  EXPECT_FALSE(successor.get());
}

// ---- Coming back early.

enum class ends_by { cancellation, timeout, failure_of_another_input, timeout_of_the_lender };

class AmountsLent : public testing::TestWithParam<ends_by> {
 protected:
  static simulated devices() { return {.model = time_model::instant()}; }
};

//
// The successor has them and has not begun; the lender is still on the device.
TEST_P(AmountsLent, AreNotGivenOutTwiceWhenTheSuccessorEndsFirst) {
  const auto limit = [](ends_by who, task_options o) {
    if (GetParam() == who) o.timeout = 1s;
    return o;
  };
  const auto clock = std::make_shared<manual_clock>();
  held_work held;
  gate unused;
  gate successor_begun;
  gate stranger_begun;
  gate again_begun;
  executor ex{executor_options{.clock = clock}, threads{.workers = 1}, devices()};
  const auto input = issued(ex, held, limit(ends_by::timeout_of_the_lender, whole));
  const auto other = issued(ex, held, limit(ends_by::failure_of_another_input, {}));
  auto important = ex.submit(above(whole), looking_at(held, unused));
  auto successor =
      ex.submit(limit(ends_by::timeout, whole), looking_at(held, successor_begun), input, other);
  occupied_worker busy(ex);
  important.cancel();  // now it has been lent what it needs, and is in the queue

  if (GetParam() == ends_by::cancellation) {
    EXPECT_TRUE(successor.cancel());
  } else {
    clock->wait_for_waiter(1s);
    clock->advance(1s);
  }
  successor.wait();
  const auto stranger = ex.submit(whole, looking_at(held, stranger_begun));
  const auto again = ex.submit(whole, looking_at(held, again_begun), input);
  busy.release();
  let_workers_pass(ex);
  EXPECT_FALSE(successor_begun.is_open());
  EXPECT_FALSE(stranger_begun.is_open());
  if (GetParam() == ends_by::timeout_of_the_lender) {
    EXPECT_THROW(again.get(), fronta::timeout_error);
  } else {
    again_begun.wait();  // the input lends them again
  }
  held.go.open();
  EXPECT_TRUE(stranger.get());
  again.wait();
}

std::string name_of(const testing::TestParamInfo<ends_by>& how) {
  constexpr std::array names{"Cancelled", "TimedOut", "OtherInputFailed", "LenderTimedOut"};
  return names.at(static_cast<std::size_t>(how.param));
}
INSTANTIATE_TEST_SUITE_P(All, AmountsLent,
                         testing::Values(ends_by::cancellation, ends_by::timeout,
                                         ends_by::failure_of_another_input,
                                         ends_by::timeout_of_the_lender),
                         &name_of);

TEST_P(Amounts, OfAHostPartThatThrowsComeBackBehindItsInput) {
  held_work held;
  gate thrown;
  gate begun;
  executor ex{threads{.workers = 1}, devices()};
  const auto input = issued(ex, held, whole);
  const auto fails = ex.submit(
      whole,
      [&](stream&, const buffer<int>&) {
        thrown.open();
        throw std::runtime_error("no");
      },
      input);
  const auto stranger = ex.submit(whole, looking_at(held, begun));
  thrown.wait();
  let_workers_pass(ex);
  EXPECT_FALSE(begun.is_open());
  held.go.open();
  EXPECT_TRUE(stranger.get());
  EXPECT_THROW(fails.get(), std::runtime_error);
}

TEST_P(Amounts, ARunningSuccessorThatTimesOutKeepsItsPart) {
  const auto clock = std::make_shared<manual_clock>();
  held_work held;
  held_work of_successor;
  gate begun;
  gate stranger_begun;
  executor ex{executor_options{.clock = clock}, threads{.workers = 1}, devices()};
  const auto input = issued(ex, held, whole);
  const auto successor = ex.submit(
      {.needs = {{"gpu", 1}}, .timeout = 1s},
      [&](stream& s, const buffer<int>&) {
        of_successor.put_on(s);
        begun.open();
      },
      input);
  const auto stranger = ex.submit(whole, looking_at(of_successor, stranger_begun));
  begun.wait();
  clock->wait_for_waiter(1s);
  clock->advance(1s);
  EXPECT_THROW(successor.get(), fronta::timeout_error);
  held.go.open();
  input.wait();
  let_workers_pass(ex);
  EXPECT_FALSE(stranger_begun.is_open());
  of_successor.go.open();
  EXPECT_TRUE(stranger.get());
}

TEST_P(Amounts, ASuccessorThatIsTriedAgainTakesThemAnew) {
  held_work held;
  gate begun;
  std::atomic<int> tries = 0;
  executor ex{threads{.workers = 2}, devices()};
  const auto input = issued(ex, held, whole);
  const auto tried = ex.submit(
      {.needs = {{"gpu", 1}}, .retries = 2},
      [&](stream& s, const buffer<int>& b) {
        begun.open();
        if (++tries < 3) throw std::runtime_error("again");
        return plus_one(s, b);
      },
      input);
  begun.wait();  // the first time behind its input
  held.go.open();
  EXPECT_EQ(fetched(ex, ex.submit(whole, plus_one, tried)), 2);
  EXPECT_EQ(tries, 3);
}

TEST(Amounts, ComeBackFromADeviceAtFault) {
  gate go;
  executor ex{threads{.workers = 2}, simulated{.devices = 2, .model = time_model::instant()}};
  auto last = ex.submit(on("gpu:0", whole), [&](stream& s) {
    auto b = number(s, 0);
    run_on(s, [&] {
      go.wait();
      throw 1;
    });
    return b;
  });
  std::vector<future<buffer<int>>> all{last};
  for (int i = 0; i < 10; ++i) all.push_back(ex.submit(whole, plus_one, all.back()));
  go.open();
  for (const auto& f : all) EXPECT_THROW(f.result(), fronta::device_error);
  EXPECT_EQ(ex.submit(on("gpu:0", whole), [] { return 1; }).get(), 1);
  EXPECT_EQ(fetched(ex, ex.submit(on("gpu:1", whole), number, 2)), 2);
}

TEST_P(Amounts, OfAChainDoNotHoldUpACancellingShutdown) {
  held_work held;
  std::vector<future<buffer<int>>> all;
  {
    executor ex{threads{.workers = 2}, devices()};
    all.push_back(issued(ex, held, whole));
    for (int i = 0; i < 30; ++i) all.push_back(ex.submit(whole, plus_one, all.back()));
    all.push_back(ex.submit(above(whole), number, 1));
    ex.shutdown({.wait = false, .cancel_futures = true});
    held.go.open();
  }
  for (const auto& f : all) EXPECT_TRUE(f.done());
  EXPECT_EQ(all.front().result().size(), 1U);
}

TEST(Amounts, PassingOnKeepsNoMemory) {
  executor ex{threads{.workers = 2}, simulated{.memory = 64 << 10, .model = time_model::instant()}};
  auto last = ex.submit(whole, [](stream& s) { return s.allocate<char>(4'096); });
  for (int i = 0; i < 200; ++i) {
    last = ex.submit(
        whole,
        [](stream& s, const buffer<char>& before) {
          auto after = s.allocate<char>(4'096);
          static_cast<void>(s.read(before));
          run_on(s, [] {});
          return after;
        },
        std::move(last));
  }
  EXPECT_EQ(last.result().size(), 4'096U);
}

// ---- Buffers and their device.

std::string here(stream&, const buffer<int>&) { return fronta::this_task::place(); }

TEST_P(DeviceBound, AReaderWaitsForItsDeviceAlthoughAnotherIsFree) {
  held_work held;
  executor ex{threads{.workers = 1}, devices(2)};
  const auto made = ex.submit({.place_on = "gpu:0"}, number, 1);
  made.wait();
  const auto busy = issued(ex, held, on("gpu:0", whole));
  const auto reader = ex.submit(whole, here, made);
  const auto through_vector = ex.submit(
      whole, [](stream& s, const std::vector<buffer<int>>& v) { return s.read(v.at(0)).size(); },
      std::vector{made});
  let_workers_pass(ex);
  EXPECT_FALSE(reader.done());
  EXPECT_FALSE(through_vector.done());
  held.go.open();
  EXPECT_THAT(reader.get(), HasSubstr("gpu:0"));
  EXPECT_EQ(through_vector.get(), 1U);
  busy.wait();
}

TEST_P(DeviceBound, AValueWithABufferInItIsBoundToo) {
  held_work held;
  executor ex{threads{.workers = 1}, devices(2)};
  const auto made = ex.submit({.place_on = "gpu:1"},
                              [](stream& s) { return std::pair(number(s, 1), std::string("x")); });
  made.wait();
  const auto busy = issued(ex, held, on("gpu:1", whole));
  const auto reader = ex.submit(
      whole,
      [](stream&, const std::pair<buffer<int>, std::string>&) {
        return fronta::this_task::place();
      },
      made);
  let_workers_pass(ex);
  EXPECT_FALSE(reader.done());
  held.go.open();
  EXPECT_THAT(reader.get(), HasSubstr("gpu:1"));
  busy.wait();
}

TEST_P(DeviceBound, DataThatMovesGoesWhereThereIsRoom) {
  held_work held;
  executor ex{threads{.workers = 1}, devices(2)};
  const auto made = ex.submit({.place_on = "gpu:0"}, [](stream&) { return movable_data(); });
  made.wait();
  const auto busy = issued(ex, held, on("gpu:0", whole));
  const auto reader = ex.submit(
      whole, [](stream&, const movable_data&) { return fronta::this_task::place(); }, made);
  EXPECT_THAT(reader.get(), HasSubstr("gpu:1"));
  held.go.open();
  busy.wait();
}

//
TEST_P(DeviceBound, ReadersOnOneDeviceDoNotHoldUpThoseOnAnother) {
  held_work held;
  executor ex{threads{.workers = 1}, devices(2)};
  const auto there = ex.submit({.place_on = "gpu:0"}, number, 1);
  const auto elsewhere = ex.submit({.place_on = "gpu:1"}, number, 1);
  there.wait();
  elsewhere.wait();
  const auto busy = issued(ex, held, on("gpu:0", whole));
  gate both;
  const auto holder = ex.submit(on("gpu:1", whole), [&] { both.wait(); });
  const auto first = ex.submit(whole, here, there);
  const auto second = ex.submit(whole, here, elsewhere);
  both.open();
  EXPECT_THAT(second.get(), HasSubstr("gpu:1"));
  EXPECT_FALSE(first.done());
  held.go.open();
  EXPECT_THAT(first.get(), HasSubstr("gpu:0"));
  holder.get();
  busy.wait();
}

// When it began to wait, the other device would still have done.
TEST_P(DeviceBound, AWaitForAReaderThatCannotGoElsewhereIsADeadlock) {
  executor ex{threads{.workers = 1}, devices(2)};
  const auto outer = ex.submit(on("gpu:0", whole), [] {
    const auto inner = fronta::this_task::executor();
    const auto made = inner.submit({.place_on = "gpu:0"}, number, 1);
    inner.submit({.name = "reader", .needs = {{"gpu", 1}}}, plus_one, made).result();
  });
  EXPECT_THAT([&] { outer.get(); }, testing::ThrowsMessage<fronta::deadlock_error>(
                                        AllOf(HasSubstr("\"reader\""), HasSubstr("tag \"gpu\""))));
  EXPECT_EQ(ex.submit(on("gpu:0", whole), [] { return 1; }).get(), 1);
}

TEST_P(DeviceBound, InputsOnTwoDevicesAreRefusedByName) {
  executor ex{threads{.workers = 2}, devices(2)};
  const auto a = ex.submit({.place_on = "gpu:0"}, number, 1);
  const auto b = ex.submit({.place_on = "gpu:1"}, number, 1);
  std::atomic<int> ran = 0;
  const auto sum = ex.submit(
      {.name = "sum"}, [&](stream&, const buffer<int>&, const buffer<int>&) { ++ran; }, a, b);
  EXPECT_THAT([&] { sum.get(); }, testing::ThrowsMessage<fronta::unsatisfiable_error>(AllOf(
                                      HasSubstr("\"sum\""), HasSubstr("\"gpu:0\" and \"gpu:1\""),
                                      HasSubstr("copy one through the host"))));
  const auto of_vector =
      ex.submit([&](stream&, const std::vector<buffer<int>>&) { ++ran; }, std::vector{a, b});
  EXPECT_THROW(of_vector.get(), fronta::unsatisfiable_error);
  EXPECT_EQ(ran, 0);
}

TEST_P(DeviceBound, ADeviceThatIsNamedIsTheUsersChoice) {
  executor ex{threads{.workers = 2}, devices(2)};
  const auto made = ex.submit({.place_on = "gpu:0"}, number, 1);
  EXPECT_THAT(ex.submit({.place_on = "gpu:1"}, here, made).get(), HasSubstr("gpu:1"));
  EXPECT_THAT(ex.submit({.place_on = "cpu"}, here, made).get(), HasSubstr("gpu:0"));
}

}  // namespace
