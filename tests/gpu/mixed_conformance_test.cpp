// SPDX-License-Identifier: Apache-2.0
// What holds for futures, graphs, retries, tags and cancellation with CPU tasks holds with GPU
// tasks among them.
#include <fronta/gpu/backend.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/map.hpp>
#include <fronta/this_task.hpp>
#include <fronta/wait.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/captured_errors.hpp>
#include <support/gate.hpp>
#include <support/gpu_kind.hpp>
#include <support/manual_clock.hpp>
#include <support/occupied.hpp>
#include <support/test_kernels.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::executor_options;
using fronta::future;
using fronta::promise;
using fronta::task_options;
using fronta::cpu::threads;
using fronta::gpu::buffer;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::test::add;
using fronta::test::affine;
using fronta::test::captured_errors;
using fronta::test::concurrency_meter;
using fronta::test::gate;
using fronta::test::host_call;
using fronta::test::manual_clock;
using fronta::test::occupied_worker;
using fronta::test::run_on;
using fronta::test::set;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

simulated simulated_devices() { return {.model = time_model::instant()}; }

class MixedCancel : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(MixedCancel);
class MixedFuture : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(MixedFuture);
class MixedGraph : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(MixedGraph);
class MixedLimits : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(MixedLimits);
class MixedMap : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(MixedMap);
class MixedPlaces : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(MixedPlaces);
class MixedRetry : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(MixedRetry);
class MixedShutdown : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(MixedShutdown);
class MixedTags : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(MixedTags);
class MixedWait : public fronta::test::OnGpus {};
FRONTA_ON_EACH_GPU_KIND(MixedWait);

std::string here() { return fronta::this_task::place(); }
std::string here_on_gpu(stream&) { return fronta::this_task::place(); }

int host_plus_one(int x) { return x + 1; }

// Adds one on the device and gives the number to the host.
struct answer {
  int number = 0;
};
std::shared_ptr<answer> through_device(stream& s, int x) {
  auto result = std::make_shared<answer>();
  auto b = s.to_device(std::span<const int>({x}));
  affine(s, s.write(b), 1, 1, s.write(b));
  s.to_host(std::span(&result->number, 1), b);
  return result;
}
int number_of(const std::shared_ptr<answer>& a) { return a->number; }

buffer<int> made(stream& s, int value) {
  auto b = s.allocate<int>(1);
  set(s, s.write(b), value);
  return b;
}
buffer<int> plus_one(stream& s, const buffer<int>& in) {
  auto out = s.allocate<int>(1);
  affine(s, s.read(in), 1, 1, s.write(out));
  return out;
}
// The sum of some buffers, for the host.
template <class Buffers>
std::shared_ptr<answer> sum_of(stream& s, const Buffers& all) {
  auto result = std::make_shared<answer>();
  auto sum = s.to_device(std::span<const int>({0}));
  for (const auto& b : all) add(s, s.read(sum), s.read(b), s.write(sum));
  s.to_host(std::span(&result->number, 1), sum);
  return result;
}
int fetched(executor& ex, const future<buffer<int>>& f) {
  return ex.submit([](stream& s, const buffer<int>& b) { return sum_of(s, std::vector{b}); }, f)
      .get()
      ->number;
}

// Work that stays on a device until it is let go.
struct held_work {
  gate started;
  gate go;
  void put_on(stream& s) {
    run_on(s, [this] {
      started.open();
      go.wait();
    });
  }
};

std::string what_of(const fronta::any_future& f) {
  try {
    std::rethrow_exception(f.exception());
  } catch (const std::exception& e) {
    return e.what();
  }
}

// ---- Graphs.

// D-01
TEST_P(MixedGraph, AChainGoesBetweenHostAndDevice) {
  executor ex{threads{.workers = 1}, devices()};
  auto last = ex.submit([] { return 0; });
  for (int i = 0; i < 20; ++i) {
    const auto on_device = ex.submit(through_device, last);
    last = ex.submit([](const std::shared_ptr<answer>& a) { return a->number * 2; }, on_device);
  }
  EXPECT_EQ(last.get(), (1 << 21) - 2);
}

// D-01
TEST_P(MixedGraph, AHostTaskSeesTheWorkOfItsInputDone) {
  held_work held;
  std::atomic<bool> over = false;
  executor ex{threads{.workers = 2}, devices()};
  const auto on_device = ex.submit([&](stream& s) {
    held.put_on(s);
    run_on(s, [&] { over = true; });
    return s.allocate<int>(1);
  });
  const auto after = ex.submit([&](const buffer<int>&) { return over.load(); }, on_device);
  held.started.wait();
  EXPECT_FALSE(after.done());
  held.go.open();
  EXPECT_TRUE(after.get());
}

// D-02
TEST_P(MixedGraph, ContainersOfBuffersAreResolvedInPlace) {
  executor ex{threads{.workers = 2}, devices()};
  std::vector<future<buffer<int>>> some;
  for (int i = 1; i <= 3; ++i) {
    some.push_back(ex.submit([i](stream& s) { return made(s, i); }));
  }
  const auto copied = ex.submit(
      [](stream& s, const std::vector<buffer<int>>& all) { return sum_of(s, all); }, some);
  EXPECT_EQ(copied.get()->number, 6);
  const auto viewed =
      ex.submit([](stream& s, fronta::values<buffer<int>> all) { return sum_of(s, all); }, some);
  EXPECT_EQ(viewed.get()->number, 6);
  const auto paired = ex.submit(
      [](stream& s, std::tuple<buffer<int>, int, buffer<int>> t) {
        return std::pair(sum_of(s, std::vector{std::get<0>(t), std::get<2>(t)}), std::get<1>(t));
      },
      std::tuple(some[0], ex.submit([] { return 10; }), some[2]));
  EXPECT_EQ(paired.get().first->number, 4);
  EXPECT_EQ(paired.get().second, 10);
  const auto size_or = [](stream&, std::optional<buffer<int>> b) { return b ? b->size() : 7; };
  EXPECT_EQ(ex.submit(size_or, std::optional(some[1])).get(), 1U);
  EXPECT_EQ(ex.submit(size_or, std::optional<future<buffer<int>>>()).get(), 7U);
  // And on the host.
  EXPECT_EQ(ex.submit([](const std::vector<buffer<int>>& all) { return all.size(); }, some).get(),
            3U);
}

// D-01
TEST_P(MixedGraph, VoidTasksOrderEachOther) {
  executor ex{threads{.workers = 2}, devices()};
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> on_device = 0;
    std::vector<future<void>> first;
    for (int i = 0; i < 4; ++i) {
      first.push_back(ex.submit([&](stream& s) { run_on(s, [&] { ++on_device; }); }));
    }
    const auto host = ex.submit([&] { return on_device.load(); }, first);
    const auto again =
        ex.submit([&](stream& s, int seen) { run_on(s, [&, seen] { on_device = seen * 10; }); },
                  host, first[0], first);
    EXPECT_EQ(ex.submit([&] { return on_device.load(); }, again).get(), 40);
    EXPECT_EQ(host.get(), 4);
  }
}

// D-09
TEST_P(MixedGraph, ADiamondOverTwoDevicesRunsItsTopOnce) {
  executor ex{threads{.workers = 2}, devices(2)};
  std::atomic<int> tops = 0;
  const auto top = ex.submit([&] { return ++tops; });
  const auto left = ex.submit({.place_on = "gpu:0"}, through_device, top);
  const auto right = ex.submit({.place_on = "gpu:1"}, through_device, top);
  const auto join = ex.submit([](const std::shared_ptr<answer>& a, const std::shared_ptr<answer>& b,
                                 int c) { return a->number + b->number + c; },
                              left, right, top);
  EXPECT_EQ(join.get(), 5);
  EXPECT_EQ(tops, 1);
}

// D-09
TEST_P(MixedGraph, ABufferMayBeAnInputTwice) {
  executor ex{threads{.workers = 2}, devices()};
  held_work held;
  const auto top = ex.submit([&](stream& s) {
    held.put_on(s);
    return made(s, 3);
  });
  const auto twice = ex.submit([](stream& s, const buffer<int>& a,
                                  const buffer<int>& b) { return sum_of(s, std::vector{a, b}); },
                               top, top);
  const auto four = ex.submit(
      [](stream& s, const std::vector<buffer<int>>& all, const buffer<int>& a) {
        auto more = all;
        more.push_back(a);
        return sum_of(s, more);
      },
      std::vector{top, top, top}, top);
  held.go.open();
  EXPECT_EQ(twice.get()->number, 6);
  EXPECT_EQ(four.get()->number, 12);
}

// D-09
TEST_P(MixedGraph, EqualKeysShareOneTaskOnADevice) {
  executor ex{threads{.workers = 1}, devices()};
  held_work held;
  std::atomic<int> runs = 0;
  const auto job = [&](stream& s) {
    held.put_on(s);
    return ++runs;
  };
  const auto a = ex.submit({.key = "k"}, job);
  const auto b = ex.submit({.key = "k"}, job);
  EXPECT_TRUE(a == b);
  held.go.open();
  EXPECT_EQ(a.get() + b.get(), 2);
  EXPECT_EQ(runs, 1);
}

// D-03
TEST_P(MixedGraph, AHandlePassesThroughUnresolvedAndMakesNoEdge) {
  held_work held;
  executor ex{threads{.workers = 1}, devices()};
  const auto on_device = ex.submit([&](stream& s) {
    held.put_on(s);
    return made(s, 4);
  });
  const auto to_host = ex.submit([](const future<buffer<int>>& f) { return f.done(); },
                                 fronta::as_handle(on_device));
  EXPECT_FALSE(to_host.get());
  const auto to_device = ex.submit([](stream&, future<buffer<int>> f) { return f.done(); },
                                   fronta::as_handle(on_device));
  held.go.open();
  EXPECT_NO_THROW(to_device.get());
  EXPECT_EQ(fetched(ex, on_device), 4);
}

// D-04
TEST_P(MixedGraph, AWaitingChainLeavesTheOnlyWorkerFree) {
  executor ex{threads{.workers = 1}, devices()};
  promise<int> root;
  auto last = ex.submit(host_plus_one, root.get_future());
  for (int i = 0; i < 200; ++i) {
    last = i % 2 == 0 ? ex.submit([](stream&, int x) { return x + 1; }, last)
                      : ex.submit(host_plus_one, last);
  }
  EXPECT_EQ(ex.submit([] { return 7; }).get(), 7);
  EXPECT_EQ(ex.submit([](stream&) { return 8; }).get(), 8);
  EXPECT_FALSE(last.done());
  root.set_value(0);
  EXPECT_EQ(last.get(), 201);
}

// D-05
TEST_P(MixedGraph, AFailureReachesHostAndDeviceAsTheSameException) {
  executor ex{threads{.workers = 2}, devices()};
  std::atomic<int> runs = 0;
  for (const bool from_device : {false, true}) {
    promise<int> p;
    const auto source =
        from_device
            ? ex.submit(
                  {.name = "source"}, [](stream&, int) -> int { throw std::runtime_error("no"); },
                  p.get_future())
            : ex.submit(
                  {.name = "source"}, [](int) -> int { throw std::runtime_error("no"); },
                  p.get_future());
    const auto gpu = ex.submit({.name = "gpu"}, [&](stream&, int) { return ++runs; }, source);
    const auto cpu = ex.submit({.name = "cpu"}, [&](int) { return ++runs; }, gpu);
    const auto both = ex.submit([&](stream&, int, const std::vector<int>&) { return ++runs; }, cpu,
                                std::vector{gpu});
    EXPECT_FALSE(both.done());
    p.set_value(1);
    both.wait();
    EXPECT_EQ(what_of(both), "no");
    for (const auto& f : {gpu, cpu, both}) {
      EXPECT_EQ(f.exception(), source.exception());
      EXPECT_EQ(f.failed_input(), "source");
    }
    EXPECT_EQ(source.failed_input(), "");
  }
  EXPECT_EQ(runs, 0);
}

// D-05
TEST_P(MixedGraph, ADependentOfAFailedTaskFailsAtSubmit) {
  executor ex{threads{.workers = 1}, devices()};
  const auto bad = ex.submit([](stream&) -> buffer<int> { throw 42; });
  bad.wait();
  const auto cpu = ex.submit([](const buffer<int>&) {}, bad);
  const auto gpu = ex.submit(plus_one, bad);
  EXPECT_TRUE(cpu.done());
  EXPECT_TRUE(gpu.done());
  EXPECT_EQ(cpu.exception(), bad.exception());
  EXPECT_EQ(gpu.exception(), bad.exception());
  EXPECT_THROW(gpu.get(), int);
}

// D-05
TEST(MixedGraph, ARefusedKernelFailsWhatComesBehind) {
  auto config = simulated_devices();
  config.faults.refuse_kernel = 2;
  executor ex{threads{.workers = 1}, config};
  const auto good = ex.submit([](stream& s) { return made(s, 1); });
  const auto bad = ex.submit({.name = "refused"}, plus_one, good);
  const auto behind = ex.submit(plus_one, bad);
  const auto host = ex.submit([](const buffer<int>& b) { return b.size(); }, behind);
  EXPECT_THROW(host.get(), fronta::device_error);
  EXPECT_EQ(host.exception(), bad.exception());
  EXPECT_EQ(host.failed_input(), "refused");
  EXPECT_EQ(fetched(ex, good), 1);
}

// D-05
TEST(MixedGraph, AFaultReachesHostTasksBehindAChainOnTheDevice) {
  auto config = simulated_devices();
  config.faults.break_at_kernel = 1;
  executor ex{threads{.workers = 2}, config};
  std::atomic<int> ran = 0;
  const auto first = ex.submit({.name = "first"}, [](stream& s) { return made(s, 1); });
  const auto second = ex.submit({.name = "second"}, plus_one, first);
  const auto host = ex.submit([&](const buffer<int>&) { return ++ran; }, second);
  EXPECT_THROW(host.get(), fronta::device_error);
  EXPECT_THROW(first.result(), fronta::device_fault);
  EXPECT_EQ(host.exception(), second.exception());
  EXPECT_NE(host.failed_input(), "");
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
}

// D-06
TEST_P(MixedGraph, CancellingCancelsWhatDependsOnItAndSparesItsInputs) {
  held_work held;
  executor ex{threads{.workers = 2}, devices()};
  const auto x = ex.submit([&](stream& s) {
    held.put_on(s);
    return 2;
  });
  const auto y = ex.submit({.name = "y"}, [](stream&, int n) { return n; }, x);
  const auto z = ex.submit({.name = "z"}, host_plus_one, y);
  const auto last = ex.submit([](stream&, int n) { return n; }, z);
  held.started.wait();
  EXPECT_TRUE(y.cancel());
  EXPECT_TRUE(z.cancelled());
  EXPECT_TRUE(last.cancelled());
  EXPECT_EQ(last.failed_input(), "y");
  EXPECT_FALSE(x.done());
  held.go.open();
  EXPECT_EQ(x.get(), 2);
}

// D-06
TEST_P(MixedGraph, ADependentBehindAnIssuedInputCanBeCancelledWhileItWaitsForATag) {
  held_work held;
  gate licence;
  executor ex{executor_options{.tags = {{"licence", 1}}}, threads{.workers = 2}, devices()};
  gate has_it;
  const auto holder = ex.submit({.needs = {{"licence", 1}}}, [&] {
    has_it.open();
    licence.wait();
  });
  has_it.wait();
  const auto x = ex.submit([&](stream& s) {
    held.put_on(s);
    return made(s, 5);
  });
  held.started.wait();
  const auto y = ex.submit({.needs = {{"licence", 1}}}, plus_one, x);
  const auto z = ex.submit(plus_one, y);
  EXPECT_TRUE(y.cancel());
  EXPECT_TRUE(z.cancelled());
  held.go.open();
  licence.open();
  EXPECT_EQ(fetched(ex, x), 5);
  EXPECT_EQ(ex.submit({.needs = {{"licence", 1}}}, [](stream&) { return 1; }).get(), 1);
}

// D-07
TEST_P(MixedGraph, SubmittingOntoACancelledFutureGivesACancelledOne) {
  executor ex{threads{.workers = 1}, devices()};
  promise<int> p;
  const auto f = p.get_future();
  ASSERT_TRUE(f.cancel());
  const auto positional = ex.submit([](stream&, int) {}, f);
  const auto listed = ex.submit([](stream&, const std::vector<int>&) {}, std::vector{f});
  const auto behind = ex.submit([](stream&) { return 1; }, positional);
  EXPECT_TRUE(positional.cancelled());
  EXPECT_TRUE(listed.cancelled());
  EXPECT_TRUE(behind.cancelled());
  EXPECT_THROW(behind.get(), fronta::cancelled_error);
}

// D-08
TEST(MixedGraph, ADeadDependentFreesTheBuffersAmongItsInputs) {
  auto config = simulated_devices();
  config.memory = 1'024;
  for (const bool cancel : {false, true}) {
    executor ex{threads{.workers = 1}, config};
    promise<int> other;
    auto big = ex.submit([](stream& s) { return s.allocate<char>(1'000); });
    const auto dependent =
        ex.submit([](stream&, const buffer<char>&, int) {}, big, other.get_future());
    big.wait();
    big = {};
    EXPECT_THROW(ex.submit([](stream& s) { return s.allocate<char>(1'000); }).get(),
                 fronta::device_bad_alloc);
    if (cancel) {
      EXPECT_TRUE(dependent.cancel());
    } else {
      other.set_exception(std::make_exception_ptr(1));
    }
    EXPECT_TRUE(dependent.done());
    // The last handle has gone with that; nothing on the device used it.
    EXPECT_EQ(ex.submit([](stream& s) { return s.allocate<char>(1'000).size(); }).get(), 1'000U);
  }
}

// D-10
TEST_P(MixedGraph, GatherKeepsTheShapeAndThrowsWithoutWaitingForADevice) {
  held_work held;
  executor ex{threads{.workers = 2}, devices()};
  const auto cpu = ex.submit([] { return 1; });
  const auto gpu = ex.submit([](stream&) { return 2; });
  EXPECT_EQ(fronta::gather(std::pair(cpu, std::vector{gpu, cpu})),
            std::pair(1, (std::vector{2, 1})));
  const auto slow = ex.submit([&](stream& s) {
    held.put_on(s);
    return 3;
  });
  const auto bad = ex.submit([](stream&) -> int { throw std::runtime_error("no"); });
  EXPECT_THROW(fronta::gather(std::vector{slow, cpu, bad}), std::runtime_error);
  EXPECT_FALSE(slow.done());
  held.go.open();
  EXPECT_THAT(fronta::gather<fronta::on_error::skip>(std::vector{slow, bad, gpu}),
              ElementsAre(3, 2));
}

// K-08
TEST_P(MixedGraph, AFutureOfAnotherExecutorsDeviceIsAnInput) {
  held_work held;
  executor other{threads{.workers = 1}, devices()};
  executor ex{threads{.workers = 1}, devices()};
  const auto theirs = other.submit([&](stream& s) {
    held.put_on(s);
    return made(s, 1);
  });
  const auto size = ex.submit([](const buffer<int>& b) { return b.size(); }, theirs);
  const auto wrong = ex.submit(plus_one, theirs);
  EXPECT_FALSE(size.done());
  held.go.open();
  EXPECT_EQ(size.get(), 1U);
  EXPECT_THROW(wrong.get(), fronta::launch_error);
  EXPECT_EQ(other.submit(through_device, ex.submit([](stream&) { return 4; })).get()->number, 5);
}

// ---- Futures.

// F-01, F-02, F-03, F-04
TEST_P(MixedFuture, ATaskOnADeviceIsRunningAndLeftAloneByCancel) {
  held_work held;
  executor ex{threads{.workers = 1}, devices()};
  const auto f = ex.submit([&](stream& s) {
    held.put_on(s);
    return 3;
  });
  held.started.wait();
  EXPECT_TRUE(f.running());
  EXPECT_FALSE(f.done());
  EXPECT_THROW(f.result(0s), fronta::timeout_error);
  EXPECT_THROW(f.result(-1s), fronta::timeout_error);
  EXPECT_THROW(static_cast<void>(f.exception(0s)), fronta::timeout_error);
  EXPECT_FALSE(f.cancel());
  EXPECT_TRUE(f.running());
  held.go.open();
  EXPECT_EQ(f.get(), 3);
  EXPECT_FALSE(f.running());
  EXPECT_FALSE(f.cancel());
  EXPECT_FALSE(f.cancelled());
  EXPECT_EQ(f.exception(), nullptr);
}

// F-08, F-09, F-10
TEST_P(MixedFuture, CallbacksRunInOrderAndMayThrow) {
  const captured_errors errors;
  held_work held;
  gate last;
  std::vector<int> order;
  executor ex{threads{.workers = 1}, devices()};
  const auto f = ex.submit([&](stream& s) {
    held.put_on(s);
    return 1;
  });
  for (int i = 0; i < 3; ++i) {
    f.add_done_callback([&, i](const future<int>& done) {
      order.push_back(done.result(0s) + i);
      if (i == 1) throw std::runtime_error("callback");
    });
  }
  f.add_done_callback([&](const future<int>&) { last.open(); });
  held.go.open();
  last.wait();
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
  EXPECT_EQ(errors.count(), 1U);
  std::thread::id where;
  f.add_done_callback([&](const future<int>&) { where = std::this_thread::get_id(); });
  EXPECT_EQ(where, std::this_thread::get_id());
}

// F-08, F-11
TEST_P(MixedFuture, CallbacksMaySubmitToTheDevice) {
  promise<future<std::shared_ptr<answer>>> inner;
  executor ex{threads{.workers = 1}, devices()};
  auto ref = ex.ref();
  ex.submit([](stream&) { return 5; }).add_done_callback([&](const future<int>& f) {
    inner.set_value(ref.submit(through_device, f));
  });
  EXPECT_EQ(inner.get_future().get().get()->number, 6);
}

// F-12
TEST_P(MixedFuture, ShutdownWaitsForCallbacksOfDeviceTasks) {
  held_work held;
  gate in_callback;
  gate let_go;
  std::atomic<bool> over = false;
  executor ex{threads{.workers = 2}, devices()};
  ex.submit([&](stream& s) { held.put_on(s); }).add_done_callback([&](const auto&) {
    in_callback.open();
    let_go.wait();
    over = true;
  });
  held.go.open();
  in_callback.wait();
  EXPECT_FALSE(ex.shutdown_for(0s));
  let_go.open();
  ex.shutdown();
  EXPECT_TRUE(over);
}

// F-13
TEST_P(MixedFuture, OutcomesOfAnyKindRoundTrip) {
  struct not_an_exception {
    int code;
  };
  executor ex{threads{.workers = 1}, devices()};
  EXPECT_FALSE(ex.submit([](stream&) { return false; }).get());
  EXPECT_FALSE(ex.submit([](stream&) { return std::optional<int>(); }).get().has_value());
  EXPECT_EQ(ex.submit([](stream&) { return std::exception_ptr(); }).get(), nullptr);
  EXPECT_EQ(ex.submit([](stream&) { return std::unique_ptr<int>(); }).result(), nullptr);
  EXPECT_TRUE(ex.submit([](stream&) { return buffer<int>(); }).get().empty());
  EXPECT_THROW(ex.submit([](stream&) { throw 42; }).get(), int);
  EXPECT_THROW(ex.submit([](stream&) { throw "text"; }).get(), const char*);
  const auto own = ex.submit([](stream& s) -> buffer<int> {
    run_on(s, [] {});
    throw not_an_exception{7};
  });
  const auto dependent = ex.submit([](const buffer<int>&) {}, own);
  try {
    dependent.get();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const not_an_exception& e) {
    EXPECT_EQ(e.code, 7);
  }
}

// F-14
TEST_P(MixedFuture, EveryReaderGetsTheSameExceptionObject) {
  executor ex{threads{.workers = 2}, devices()};
  const auto f = ex.submit([](stream&) { throw std::runtime_error("no"); });
  const std::exception* seen[4] = {};
  {
    std::vector<std::jthread> readers;
    for (auto& mine : seen) {
      readers.emplace_back([&mine, f] {
        try {
          f.get();
        } catch (const std::exception& e) {
          mine = &e;
        }
      });
    }
  }
  EXPECT_NE(seen[0], nullptr);
  EXPECT_THAT(seen, Each(seen[0]));
}

// F-15
TEST_P(MixedFuture, CapturesAndArgumentsAreGoneBeforeItIsDone) {
  executor ex{threads{.workers = 2}, devices()};
  for (int round = 0; round < 50; ++round) {
    auto in_host_part = std::make_shared<int>(1);
    auto in_kernel = std::make_shared<int>(2);
    auto argument = std::make_shared<int>(3);
    const std::weak_ptr<int> a = in_host_part;
    const std::weak_ptr<int> b = in_kernel;
    const std::weak_ptr<int> c = argument;
    const auto f = ex.submit(
        [held = std::move(in_host_part), inner = std::move(in_kernel)](
            stream& s, const std::shared_ptr<int>& p) mutable {
          run_on(s, [inner = std::move(inner), q = p.get()] { *q += *inner; });
          return *held;
        },
        std::move(argument));
    EXPECT_EQ(f.get(), 1);
    EXPECT_TRUE(a.expired());
    EXPECT_TRUE(c.expired());
    ASSERT_TRUE(b.expired());
  }
}

// F-15
TEST(MixedFuture, ADroppedOneRunsAndLetsGoOfItsInputsMemory) {
  auto config = simulated_devices();
  config.memory = 1'024;
  std::atomic<int> ran = 0;
  executor ex{threads{.workers = 1}, config};
  for (int i = 0; i < 50; ++i) {
    promise<void> end;
    auto f = ex.submit([](stream& s) { return s.allocate<char>(1'000); });
    auto g = ex.submit(
        [&](stream& s, const buffer<char>& b) { run_on(s, [&, v = s.read(b)] { ++ran; }); },
        std::move(f));
    g.add_done_callback([&](const auto&) { end.set_value(); });
    g = {};
    end.get_future().get();
    ASSERT_EQ(ex.submit([](stream& s) { return s.allocate<char>(1'000).size(); }).get(), 1'000U);
  }
  EXPECT_EQ(ran, 50);
}

// T-08
TEST_P(MixedFuture, MoveOnlyValuesAndReferencesPassBetweenHostAndDevice) {
  executor ex{threads{.workers = 1}, devices()};
  auto made_here = ex.submit([] { return std::make_unique<int>(1); });
  auto there = ex.submit(
      [](stream&, std::unique_ptr<int> p) {
        ++*p;
        return p;
      },
      std::move(made_here));
  EXPECT_EQ(ex.submit([](std::unique_ptr<int>&& p) { return *p; }, std::move(there)).get(), 2);
  EXPECT_EQ(
      ex.submit([](stream&, std::unique_ptr<int> p) { return *p; }, std::make_unique<int>(5)).get(),
      5);
  int object = 1;
  const auto reference = ex.submit([&](stream& s) -> int& {
    run_on(s, [&] { object = 8; });
    return object;
  });
  EXPECT_EQ(&reference.get(), &object);
  EXPECT_EQ(object, 8);
  EXPECT_EQ(ex.submit([&](int& r) { return &r == &object; }, reference).get(), true);
  ex.submit([](stream& s, int& r) { run_on(s, [&r] { r = 9; }); }, std::ref(object)).get();
  EXPECT_EQ(object, 9);
}

// ---- Several futures.

// W-01, W-02, W-08, W-09
TEST_P(MixedWait, SplitsHostAndDeviceTasksAlike) {
  held_work held;
  executor ex{threads{.workers = 2}, devices()};
  const auto on_device = ex.submit([&](stream& s) {
    held.put_on(s);
    return 1;
  });
  held.started.wait();
  const auto cpu = ex.submit([] { return std::string("x"); });
  const auto bad = ex.submit([](stream&) -> buffer<int> { throw 1; });
  const auto cancelled = ex.submit([](stream&, int) {}, on_device);
  EXPECT_TRUE(cancelled.cancel());
  fronta::wait(cpu, bad);
  const std::vector<fronta::any_future> all{on_device, cpu, bad, cancelled, on_device};
  const auto split = fronta::wait(all, fronta::first_completed);
  EXPECT_EQ(split.done.size(), 3U);
  ASSERT_EQ(split.not_done.size(), 1U);
  EXPECT_TRUE(split.not_done[0] == on_device);
  EXPECT_EQ(fronta::wait(all, 0s).not_done.size(), 1U);
  held.go.open();
  EXPECT_EQ(fronta::wait(all).done.size(), 4U);
}

// W-03
TEST_P(MixedWait, AFailureOnADeviceEndsAWaitForTheFirstOne) {
  held_work held;
  held_work other;
  executor ex{threads{.workers = 2}, devices(2)};
  const auto slow = ex.submit({.place_on = "gpu:0"}, [&](stream& s) { held.put_on(s); });
  const auto fails = ex.submit({.place_on = "gpu:1"}, [&](stream& s) {
    other.put_on(s);
    throw std::runtime_error("no");
  });
  other.go.open();
  const auto split = fronta::wait(std::vector{slow, fails}, fronta::first_exception);
  EXPECT_EQ(split.done.size(), 1U);
  EXPECT_EQ(split.not_done.size(), 1U);
  held.go.open();
  slow.get();
}

//
TEST_P(MixedWait, AsCompletedDeliversInOrderOfCompletion) {
  held_work held;
  executor ex{threads{.workers = 2}, devices()};
  const auto slow = ex.submit([&](stream& s) {
    held.put_on(s);
    return 1;
  });
  const auto cpu = ex.submit([] { return 2; });
  const auto cancelled = ex.submit([](stream&, int x) { return x; }, slow);
  EXPECT_TRUE(cancelled.cancel());
  cpu.wait();
  const std::vector all{slow, cpu, cancelled, cpu};
  int delivered = 0;
  EXPECT_THROW(
      {
        for (const auto& f : fronta::as_completed(all, 0s)) {
          EXPECT_FALSE(f == slow);
          ++delivered;
        }
      },
      fronta::timeout_error);
  EXPECT_EQ(delivered, 2);
  std::vector<future<int>> order;
  for (const auto& f : fronta::as_completed(all)) {
    order.push_back(f);
    if (order.size() == 2) held.go.open();
  }
  ASSERT_EQ(order.size(), 3U);
  EXPECT_TRUE(order[2] == slow);
}

TEST_P(MixedWait, WhenAllAndWhenAnyJoinBoth) {
  held_work held;
  executor ex{threads{.workers = 2}, devices()};
  const auto slow = ex.submit([&](stream& s) {
    held.put_on(s);
    return 1;
  });
  const auto cpu = ex.submit([] { return std::string("x"); });
  const auto both = fronta::when_all(slow, cpu);
  const auto joined = ex.submit(
      [](stream&, const std::tuple<int, std::string>& t) { return std::get<0>(t); }, both);
  EXPECT_EQ(fronta::when_any(std::vector<fronta::any_future>{slow, cpu}).get(), 1U);
  EXPECT_FALSE(both.done());
  held.go.open();
  EXPECT_EQ(both.get(), std::tuple(1, std::string("x")));
  EXPECT_EQ(joined.get(), 1);
}

// M-01, M-04, N-01
TEST_P(MixedMap, ItemsMaySubmitToTheDeviceAndWait) {
  executor ex{threads{.workers = 1}, devices()};
  const auto item = [](int x) {
    auto own = fronta::this_task::executor();
    if (x == 2) own.submit([](stream&) { throw std::runtime_error("two"); }).get();
    return own.submit(number_of, own.submit(through_device, x)).get();
  };
  std::vector<int> got;
  std::string told;
  for (const auto& o : ex.map(item, std::vector{0, 1, 2, 3}).outcomes()) {
    if (o) {
      got.push_back(o.value());
    } else {
      told = fronta::detail::describe(o.error());
    }
  }
  EXPECT_THAT(got, ElementsAre(1, 2, 4));
  EXPECT_THAT(told, HasSubstr("two"));
}

// ---- Retries.

//
TEST_P(MixedRetry, AHostPartThatThrowsIsRunAgainWithItsArgumentsIntact) {
  executor ex{threads{.workers = 1}, devices()};
  std::vector<std::size_t> sizes;
  std::vector<int> attempts;
  const auto input = ex.submit([](stream& s) { return made(s, 3); });
  const auto f = ex.submit(
      {.retries = 3},
      [&](stream& s, std::vector<int> v, const buffer<int>& b) {
        sizes.push_back(v.size());
        v.clear();
        attempts.push_back(fronta::this_task::attempt());
        if (attempts.size() < 3) throw std::runtime_error("again");
        return sum_of(s, std::vector{b});
      },
      std::vector{1, 2}, input);
  EXPECT_EQ(f.get()->number, 3);
  EXPECT_EQ(f.exception(), nullptr);
  EXPECT_THAT(sizes, ElementsAre(2U, 2U, 2U));
  EXPECT_THAT(attempts, ElementsAre(0, 1, 2));
}

//
TEST(MixedRetry, ARefusedKernelIsTriedAgain) {
  auto config = simulated_devices();
  config.faults.refuse_kernel = 2;
  executor ex{threads{.workers = 1}, config};
  std::atomic<int> runs = 0;
  const auto f = ex.submit({.retries = 1}, [&](stream& s) {
    ++runs;
    auto b = made(s, 1);
    return sum_of(s, std::vector{b});
  });
  EXPECT_EQ(f.get()->number, 1);
  EXPECT_EQ(runs, 2);
}

//
TEST(MixedRetry, MissingMemoryIsTriedAgainAndTheLastExceptionStays) {
  auto config = simulated_devices();
  config.faults.out_of_memory_at = 2;
  config.faults.out_of_memory_for = 2;
  executor ex{threads{.workers = 1}, config};
  ex.submit([](stream& s) { return made(s, 1); }).get();
  std::vector<std::exception_ptr> asked;
  const auto f = ex.submit({.retries = 1,
                            .retry_if =
                                [&](const std::exception_ptr& e) {
                                  asked.push_back(e);
                                  return true;
                                }},
                           [](stream& s) { return made(s, 2); });
  EXPECT_THROW(f.get(), fronta::device_bad_alloc);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_NE(asked[0], f.exception());
  const auto g = ex.submit({.retries = 1}, [](stream& s) { return made(s, 2); });
  EXPECT_EQ(fetched(ex, g), 2);
}

//
TEST_P(MixedRetry, RetryIfDecidesByTheException) {
  executor ex{threads{.workers = 1}, devices()};
  std::atomic<int> runs = 0;
  const auto only_launches = [](const std::exception_ptr& e) {
    try {
      std::rethrow_exception(e);
    } catch (const fronta::launch_error&) {
      return true;
    } catch (...) {
      return false;
    }
  };
  const auto f = ex.submit({.retries = 5, .retry_if = only_launches}, [&](stream& s) {
    if (++runs == 3) throw std::logic_error("given up");
    s.launch(host_call([] {}), {0}, {1});
  });
  EXPECT_EQ(what_of(f), "given up");
  EXPECT_EQ(runs, 3);
}

//
TEST_P(MixedRetry, APauseHoldsNeitherWorkerNorDevice) {
  const auto clock = std::make_shared<manual_clock>();
  executor ex{executor_options{.clock = clock}, threads{.workers = 1}, devices()};
  std::atomic<int> runs = 0;
  const auto f = ex.submit({.needs = {{"gpu", 1}}, .retries = 1, .backoff = 100ms}, [&](stream& s) {
    run_on(s, [] {});
    if (++runs == 1) throw std::runtime_error("once");
    return 3;
  });
  const auto behind = ex.submit(host_plus_one, f);
  clock->wait_for_waiter(100ms);
  EXPECT_EQ(ex.submit({.needs = {{"gpu", 1}}}, [](stream&) { return 1; }).get(), 1);
  EXPECT_EQ(ex.submit({.needs = {{"gpu", 1}}}, [] { return 2; }).get(), 2);
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(f.running());
  clock->advance(100ms);
  EXPECT_EQ(behind.get(), 4);
  EXPECT_EQ(runs, 2);
}

//
TEST_P(MixedRetry, ATaskBetweenItsRunsCanBeCancelledWithWhatDependsOnIt) {
  const auto clock = std::make_shared<manual_clock>();
  executor ex{executor_options{.clock = clock}, threads{.workers = 1}, devices()};
  std::atomic<int> runs = 0;
  const auto f = ex.submit({.retries = 1, .backoff = 1s}, [&](stream& s) -> buffer<int> {
    ++runs;
    run_on(s, [] {});
    throw std::runtime_error("no");
  });
  const auto gpu = ex.submit(plus_one, f);
  const auto cpu = ex.submit([](const buffer<int>&) {}, f);
  clock->wait_for_waiter(1s);
  EXPECT_TRUE(f.cancel());
  EXPECT_TRUE(gpu.cancelled());
  EXPECT_TRUE(cpu.cancelled());
  clock->advance(1s);
  EXPECT_EQ(ex.submit([](stream&) { return 1; }).get(), 1);
  EXPECT_EQ(runs, 1);
}

// R-01, D-05
TEST_P(MixedRetry, DependentsSeeOnlyTheLastOutcome) {
  executor ex{threads{.workers = 2}, devices()};
  std::atomic<int> runs = 0;
  const auto good = ex.submit({.retries = 2}, [&](stream& s) {
    auto b = made(s, ++runs);
    if (runs < 3) throw std::runtime_error("again");
    return b;
  });
  const auto gpu = ex.submit(plus_one, good);
  const auto cpu = ex.submit([](const buffer<int>& b) { return b.size(); }, good);
  EXPECT_EQ(fetched(ex, gpu), 4);
  EXPECT_EQ(cpu.get(), 1U);
  std::atomic<int> failures = 0;
  const auto bad = ex.submit({.name = "bad", .retries = 2}, [&](stream&) -> int {
    throw std::runtime_error("run " + std::to_string(++failures));
  });
  const auto behind = ex.submit([](stream&, int x) { return x; }, bad);
  EXPECT_EQ(what_of(behind), "run 3");
  EXPECT_EQ(behind.failed_input(), "bad");
}

// R-01, D-05
// The failure of an input that was only issued is the task's end, not a run to be tried again.
TEST_P(MixedRetry, AnInputThatFailsBehindIsNoFailureOfTheRun) {
  const auto clock = std::make_shared<manual_clock>();
  held_work held;
  gate enqueued;
  std::atomic<int> runs = 0;
  std::atomic<int> asked = 0;
  executor ex{executor_options{.clock = clock}, threads{.workers = 2}, devices()};
  const auto slow = ex.submit({.name = "slow", .timeout = 1s}, [&](stream& s) {
    held.put_on(s);
    return made(s, 1);
  });
  const auto behind = ex.submit(
      {.retries = 3,
       .retry_if =
           [&](const std::exception_ptr&) {
             ++asked;
             return true;
           }},
      [&](stream& s, const buffer<int>& b) {
        ++runs;
        auto result = sum_of(s, std::vector{b});
        enqueued.open();
        return result;
      },
      slow);
  enqueued.wait();
  clock->wait_for_waiter(1s);
  clock->advance(1s);
  EXPECT_THROW(slow.result(), fronta::timeout_error);
  held.go.open();
  EXPECT_THROW(behind.get(), fronta::timeout_error);
  EXPECT_EQ(behind.failed_input(), "slow");
  EXPECT_EQ(behind.exception(), slow.exception());
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(asked, 0);
}

//
TEST(MixedRetry, ARecipeRunsFailedInputsOnTheDeviceAnew) {
  auto config = simulated_devices();
  config.faults.out_of_memory_at = 1;
  executor ex{threads{.workers = 1}, config};
  const task_options kept{.keep = fronta::keep::recipe};
  const auto a = ex.submit(kept, [](stream& s) { return made(s, 1); });
  const auto b = ex.submit(kept, plus_one, a);
  const auto c =
      ex.submit(kept, [](stream& s, const buffer<int>& x) { return sum_of(s, std::vector{x}); }, b);
  const auto d = ex.submit(kept, number_of, c);
  EXPECT_THROW(d.get(), fronta::device_bad_alloc);
  EXPECT_EQ(d.retry().get(), 2);
  EXPECT_THROW(d.get(), fronta::device_bad_alloc);
}

//
TEST_P(MixedRetry, ARescheduledHostPartIsNeitherAFailureNorARetry) {
  executor ex{threads{.workers = 1}, devices()};
  std::atomic<int> runs = 0;
  std::atomic<int> on_device = 0;
  const auto f = ex.submit({.needs = {{"gpu", 1}}}, [&](stream& s) {
    const int before = on_device;
    run_on(s, [&] { ++on_device; });
    if (++runs < 3) fronta::this_task::reschedule();
    EXPECT_EQ(fronta::this_task::attempt(), 0);
    return made(s, before);
  });
  EXPECT_EQ(fetched(ex, ex.submit(plus_one, f)), 3);
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(on_device, 3);
}

//
TEST(MixedRetry, ATaskMayComeBackWhenThereIsMemoryAgain) {
  auto config = simulated_devices();
  config.memory = 1'024;
  executor ex{threads{.workers = 1}, config};
  auto big = ex.submit([](stream& s) { return s.allocate<char>(1'000); });
  big.wait();
  gate came_back;
  const auto f = ex.submit([&](stream& s) {
    try {
      return s.allocate<char>(1'000);
    } catch (const fronta::device_bad_alloc&) {
      came_back.open();
    }
    fronta::this_task::reschedule();
  });
  came_back.wait();
  big = {};
  EXPECT_EQ(f.get().size(), 1'000U);
}

// ---- Tags.

//
TEST_P(MixedTags, HostAndDeviceTasksCompeteForTheDevices) {
  executor ex{threads{.workers = 4}, devices(2)};
  concurrency_meter meter;
  std::vector<future<void>> all;
  for (int i = 0; i < 100; ++i) {
    const task_options one{.needs = {{"gpu", 1}}};
    all.push_back(i % 2 == 0 ? ex.submit(one,
                                         [&](stream& s) {
                                           run_on(s, [&] {
                                             const concurrency_meter::scope inside(meter);
                                             std::this_thread::yield();
                                           });
                                         })
                             : ex.submit(one, [&] {
                                 const concurrency_meter::scope inside(meter);
                                 EXPECT_THAT(here(), HasSubstr("gpu:"));
                                 std::this_thread::yield();
                               }));
  }
  for (const auto& f : all) f.get();
  EXPECT_LE(meter.most(), 2);
  // And two at once there are.
  std::latch both{2};
  const task_options one{.needs = {{"gpu", 1}}};
  const auto device =
      ex.submit(one, [&](stream& s) { run_on(s, [&] { both.arrive_and_wait(); }); });
  const auto host = ex.submit(one, [&] { both.arrive_and_wait(); });
  fronta::wait(device, host);
}

//
TEST_P(MixedTags, ExecutorWideTagsAreTakenWithADeviceOrNotAtAll) {
  held_work held;
  executor ex{executor_options{.tags = {{"licence", 1}}}, threads{.workers = 3}, devices()};
  const auto holder = ex.submit({.needs = {{"gpu", 1}}}, [&](stream& s) { held.put_on(s); });
  held.started.wait();
  const auto both = ex.submit({.needs = {{"gpu", 1}, {"licence", 1}}}, [](stream&) { return 1; });
  const auto other = ex.submit({.needs = {{"licence", 1}, {"gpu", 1}}}, [] { return 2; });
  EXPECT_EQ(ex.submit({.needs = {{"licence", 1}}}, [] { return 3; }).get(), 3);
  EXPECT_EQ(ex.submit({.needs = {{"licence", 1}}}, [](stream&) { return 4; }).get(), 4);
  EXPECT_FALSE(both.done());
  EXPECT_FALSE(other.done());
  held.go.open();
  EXPECT_EQ(both.get() + other.get(), 3);
  holder.get();
}

// All of it is free again, for host and device tasks.
class MixedTagsReturn : public fronta::test::OnGpus {
 protected:
  void SetUp() override {
    OnGpus::SetUp();
    if (IsSkipped()) return;
    ex.emplace(executor_options{.tags = {{"wide", 1}}, .clock = clock}, threads{.workers = 2},
               devices());
  }
  void all_is_back() {
    EXPECT_EQ(ex->submit(all, [](stream&) { return 1; }).get(), 1);
    EXPECT_EQ(ex->submit(all, [] { return 2; }).get(), 2);
  }
  const task_options all{.needs = {{"gpu", 1}, {"wide", 1}}};
  const std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
  std::optional<executor> ex;
};
FRONTA_ON_EACH_GPU_KIND(MixedTagsReturn);

//
TEST_P(MixedTagsReturn, AfterASuccessAndAnException) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ex->submit(all, [i](stream&) { return i; }).get(), i);
    EXPECT_THROW(ex->submit(all, [](stream&) { throw 42; }).get(), int);
    EXPECT_THROW(ex->submit(all, [](stream& s) { s.launch(host_call([] {}), {0}, {1}); }).get(),
                 fronta::launch_error);
  }
  all_is_back();
}

//
TEST_P(MixedTagsReturn, BetweenRetries) {
  auto options = all;
  options.retries = 3;
  std::atomic<int> runs = 0;
  const auto f = ex->submit(options, [&](stream&) {
    ++runs;
    throw std::runtime_error("no");
  });
  EXPECT_THROW(f.get(), std::runtime_error);
  EXPECT_EQ(runs, 4);
  all_is_back();
}

//
TEST_P(MixedTagsReturn, AfterACancelInTheQueue) {
  held_work held;
  const auto busy = ex->submit(all, [&](stream& s) { held.put_on(s); });
  held.started.wait();
  std::vector<future<void>> waiting;
  for (int i = 0; i < 10; ++i) {
    waiting.push_back(i % 2 == 0 ? ex->submit(all, [](stream&) {}) : ex->submit(all, [] {}));
  }
  for (const auto& f : waiting) EXPECT_TRUE(f.cancel());
  held.go.open();
  all_is_back();
}

//
TEST_P(MixedTagsReturn, AfterTheWorkOfATaskThatTimedOutHasEnded) {
  held_work held;
  std::atomic<bool> over = false;
  auto options = all;
  options.timeout = 1s;
  const auto f = ex->submit(options, [&](stream& s) {
    held.put_on(s);
    run_on(s, [&] { over = true; });
  });
  held.started.wait();
  clock->wait_for_waiter(1s);
  clock->advance(1s);
  EXPECT_THROW(f.get(), fronta::timeout_error);
  const auto host = ex->submit(all, [&] { return over.load(); });
  const auto gpu = ex->submit(all, [&](stream&) { return over.load(); });
  EXPECT_EQ(ex->submit([](stream&) { return 1; }).get(), 1);
  EXPECT_FALSE(host.done());
  EXPECT_FALSE(gpu.done());
  held.go.open();
  EXPECT_TRUE(host.get());
  EXPECT_TRUE(gpu.get());
  all_is_back();
}

//
TEST_P(MixedTagsReturn, OnlyAfterCapturesOfADeviceTaskAreGone) {
  struct slow_to_die {
    std::atomic<bool>* dead;
    bool armed = true;
    explicit slow_to_die(std::atomic<bool>* d) : dead(d) {}
    slow_to_die(slow_to_die&& other) noexcept
        : dead(other.dead), armed(std::exchange(other.armed, false)) {}
    ~slow_to_die() {
      if (!armed) return;
      std::this_thread::yield();
      dead->store(true);
    }
  };
  for (int i = 0; i < 20; ++i) {
    held_work held;
    std::atomic<bool> dead = false;
    const auto first =
        ex->submit(all, [&, mine = slow_to_die(&dead)](stream& s) { held.put_on(s); });
    held.started.wait();
    const auto second = ex->submit(all, [&](stream&) { return dead.load(); });
    held.go.open();
    EXPECT_TRUE(second.get());
    first.get();
  }
}

//
TEST_P(MixedTags, WhatNoDeviceCanEverServeIsRefused) {
  executor ex{executor_options{.tags = {{"licence", 1}}}, threads{.workers = 1}, devices(2)};
  const auto refused = [&](const task_options& options) {
    try {
      ex.submit(options, [](stream&) {});
    } catch (const fronta::unsatisfiable_error& e) {
      EXPECT_THAT(e.what(), HasSubstr("\"job\""));
      return e.tag();
    }
    return std::string("accepted");
  };
  EXPECT_EQ(refused({.name = "job", .needs = {{"gpu", 2}}}), "gpu");
  EXPECT_EQ(refused({.name = "job", .needs = {{"gpu", 1}, {"licence", 2}}}), "licence");
  EXPECT_EQ(refused({.name = "job", .needs = {{"gpu", 1}, {"disk", 1}}}), "disk");
  EXPECT_EQ(refused({.name = "job", .place_on = "gpu:7"}), "gpu:7");
  EXPECT_THROW(ex.post({.needs = {{"gpu", 2}}}, [](stream&) {}), fronta::unsatisfiable_error);
  const auto nested = ex.submit(
      [] { fronta::this_task::executor().submit({.needs = {{"gpu", 2}}}, [](stream&) {}); });
  EXPECT_THROW(nested.get(), fronta::unsatisfiable_error);
}

//
TEST_P(MixedTags, FractionsOfADeviceAddUpToOne) {
  auto config = devices();
  config.streams = 8;
  executor ex{threads{.workers = 6}, config};
  const task_options part{.needs = {{"gpu", 0.25}}};
  held_work held;
  std::latch three{4};
  std::vector<future<void>> all;
  all.push_back(ex.submit(part, [&](stream& s) { held.put_on(s); }));
  held.started.wait();
  for (int i = 0; i < 3; ++i) {
    all.push_back(ex.submit(part, [&] {
      three.count_down();
      held.go.wait();
    }));
  }
  three.arrive_and_wait();
  const auto fifth = ex.submit(part, [](stream&) { return 5; });
  EXPECT_EQ(ex.submit([](stream&) { return 1; }).get(), 1);
  EXPECT_FALSE(fifth.done());
  held.go.open();
  EXPECT_EQ(fifth.get(), 5);
  for (const auto& f : all) f.get();
  EXPECT_EQ(ex.submit({.needs = {{"gpu", 1}}}, [](stream&) { return 6; }).get(), 6);
}

//
TEST_P(MixedTags, PriorityOrdersHostPartsAndHostTasks) {
  executor ex{threads{.workers = 1}, devices()};
  occupied_worker busy(ex);
  std::vector<int> order;
  const auto low = ex.submit({.priority = -5}, [&](stream&) { order.push_back(-5); });
  const auto plain = ex.submit([&] { order.push_back(0); });
  const auto high = ex.submit({.priority = 5}, [&](stream&) { order.push_back(5); });
  const auto higher = ex.submit({.priority = 7}, [&] { order.push_back(7); });
  busy.release();
  fronta::wait(low, plain, high, higher);
  EXPECT_THAT(order, ElementsAre(7, 5, 0, -5));
}

//
TEST_P(MixedTags, TasksWithFreeTagsPassThoseThatWaitForADevice) {
  held_work held;
  executor ex{threads{.workers = 2}, devices()};
  const auto holder = ex.submit({.needs = {{"gpu", 1}}}, [&](stream& s) { held.put_on(s); });
  held.started.wait();
  std::vector<future<void>> waiting;
  for (int i = 0; i < 50; ++i) {
    const task_options one{.needs = {{"gpu", 1}}, .priority = 5};
    waiting.push_back(i % 2 == 0 ? ex.submit(one, [](stream&) {}) : ex.submit(one, [] {}));
  }
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
  EXPECT_EQ(ex.submit([](stream&) { return 2; }).get(), 2);
  for (const auto& f : waiting) EXPECT_FALSE(f.done());
  held.go.open();
  for (const auto& f : waiting) EXPECT_NO_THROW(f.get());
}

//
TEST_P(MixedTags, ADeviceTaskThatNeedsMuchIsNotStarvedByAStreamOfSmallOnes) {
  for (const bool from_device : {false, true}) {
    std::atomic<bool> served = false;
    gate first_runs;
    std::function<void()> step;
    std::function<void(stream&)> step_on_device;
    executor ex{threads{.workers = 3}, devices()};
    const task_options half{.needs = {{"gpu", 0.5}}};
    step = [&] {
      first_runs.open();
      if (!served) ex.post(half, step);
    };
    step_on_device = [&](stream& s) {
      run_on(s, [&] { first_runs.open(); });
      if (!served) ex.post(half, step_on_device);
    };
    for (int i = 0; i < 3; ++i) {
      if (from_device) {
        ex.post(half, step_on_device);
      } else {
        ex.post(half, step);
      }
    }
    first_runs.wait();
    const auto all = ex.submit({.needs = {{"gpu", 1}}}, [&](stream&) { served = true; });
    all.get();
    EXPECT_TRUE(served);
    ex.shutdown();
  }
}

//
// The amount passes along a chain, but not for ever.
TEST_P(MixedTags, AnEndlessChainDoesNotStarveWhoWaitsForItsDevice) {
  constexpr int links = 20'000;
  held_work held;
  std::atomic<bool> served = false;
  executor ex{threads{.workers = 3}, devices()};
  const task_options one{.needs = {{"gpu", 1}}};
  auto last = ex.submit(one, [&](stream& s) {
    held.put_on(s);
    return made(s, 0);
  });
  held.started.wait();
  const auto stranger = ex.submit(one, [&](stream&) { served = true; });
  int length = 0;
  for (; length < links && !served; ++length) {
    auto next = ex.submit(one, plus_one, last);
    if (length == 50) held.go.open();
    if (length > 50 && length % 100 == 0) last.wait();
    last = std::move(next);
  }
  EXPECT_LT(length, links);
  stranger.get();
}

//
TEST_P(MixedTags, ScopedOptionsHoldForDeviceTasks) {
  executor ex{threads{.workers = 1}, devices(2)};
  const fronta::annotate outer{{.name = "outer", .retries = 2, .place_on = "gpu:1"}};
  std::atomic<int> runs = 0;
  const auto fails = [&](stream&) {
    ++runs;
    throw std::runtime_error(here() + " " + fronta::this_task::name());
  };
  EXPECT_THAT(what_of(ex.submit(fails)), HasSubstr("gpu:1 outer"));
  EXPECT_EQ(runs, 3);
  EXPECT_THAT(what_of(ex.submit({.retries = 0, .place_on = "gpu:0"}, fails)),
              HasSubstr("gpu:0 outer"));
  EXPECT_EQ(runs, 4);
}

// N-01, Q-05
TEST_P(MixedTags, AHolderOfTheDeviceThatWaitsForAnotherIsTold) {
  executor ex{threads{.workers = 2}, devices()};
  const task_options one{.needs = {{"gpu", 1}}};
  const auto f = ex.submit(one, [&] {
    auto own = fronta::this_task::executor();
    EXPECT_EQ(own.submit([](stream&) { return 1; }).get(), 1);  // needs no amount
    const auto stuck = own.submit(one, [](stream&) { return 2; });
    EXPECT_THROW(stuck.get(), fronta::deadlock_error);
    return stuck;
  });
  EXPECT_EQ(f.get().get(), 2);
}

// ---- Places and data.

// L-05
TEST_P(MixedPlaces, ANamedDeviceBindsAndAPreferredOneDoesWhileItIsFree) {
  held_work held;
  executor ex{threads{.workers = 2}, devices(2)};
  EXPECT_THAT(ex.submit({.prefer = "gpu:1"}, here_on_gpu).get(), HasSubstr("gpu:1"));
  EXPECT_THAT(ex.submit({.prefer = "gpu:0"}, here_on_gpu).get(), HasSubstr("gpu:0"));
  const auto holder =
      ex.submit({.needs = {{"gpu", 1}}, .place_on = "gpu:1"}, [&](stream& s) { held.put_on(s); });
  held.started.wait();
  EXPECT_THAT(ex.submit({.needs = {{"gpu", 1}}, .prefer = "gpu:1"}, here_on_gpu).get(),
              HasSubstr("gpu:0"));
  EXPECT_THAT(ex.submit({.needs = {{"gpu", 1}}, .prefer = "gpu:1"}, here).get(),
              HasSubstr("gpu:0"));
  const auto bound = ex.submit({.needs = {{"gpu", 1}}, .place_on = "gpu:1"}, here_on_gpu);
  EXPECT_EQ(ex.submit([](stream&) { return 1; }).get(), 1);
  EXPECT_FALSE(bound.done());
  held.go.open();
  EXPECT_THAT(bound.get(), HasSubstr("gpu:1"));
  holder.get();
}

// L-09
TEST_P(MixedPlaces, ScatteredValuesReachHostPartsWithoutACopy) {
  struct counted {
    std::atomic<int>* copies;
    explicit counted(std::atomic<int>* c) : copies(c) {}
    counted(const counted& other) : copies(other.copies) { ++*copies; }
    counted(counted&&) = default;
  };
  std::atomic<int> copies = 0;
  executor ex{threads{.workers = 1}, devices()};
  const auto data = ex.scatter(counted(&copies));
  const auto where = ex.submit([](stream&, const counted& c) { return &c; }, data);
  const auto listed =
      ex.submit([](stream&, fronta::values<counted> all) { return &all[0] == &all[1]; },
                std::vector{data, data});
  EXPECT_EQ(where.get(), &data.result());
  EXPECT_TRUE(listed.get());
  EXPECT_EQ(copies, 0);
}

// L-07
TEST_P(MixedPlaces, PendingReadersOnTheDeviceKeepScatteredDataAndNobodyElse) {
  held_work held;
  auto token = std::make_shared<int>(4);
  const std::weak_ptr<int> watch = token;
  executor ex{threads{.workers = 1}, devices()};
  auto data = ex.scatter(std::move(token));
  const auto reader = ex.submit(
      [&](stream& s, const std::shared_ptr<int>& p) {
        held.put_on(s);
        run_on(s, [q = p.get()] { ++*q; });
      },
      std::move(data));
  held.started.wait();
  EXPECT_FALSE(watch.expired());
  held.go.open();
  reader.get();
  ex.submit([] {}).get();
  EXPECT_TRUE(watch.expired());
}

// ---- Cancellation, timeouts, the end.

TEST_P(MixedCancel, APendingTaskGoesWithItsCapturesAndDependents) {
  executor ex{threads{.workers = 1}, devices()};
  occupied_worker busy(ex);
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = token;
  const auto f = ex.submit({.name = "f"}, [token = std::move(token)](stream&) { return *token; });
  const auto cpu = ex.submit(host_plus_one, f);
  const auto gpu = ex.submit([](stream&, int x) { return x; }, cpu);
  EXPECT_TRUE(f.cancel());
  EXPECT_TRUE(f.cancel());
  EXPECT_TRUE(watch.expired());
  EXPECT_TRUE(cpu.cancelled());
  EXPECT_TRUE(gpu.cancelled());
  EXPECT_EQ(gpu.failed_input(), "f");
  busy.release();
  EXPECT_EQ(ex.submit([](stream&) { return 1; }).get(), 1);
}

TEST_P(MixedCancel, ATimeoutDropsAPendingDeviceTaskWithItsCaptures) {
  const auto clock = std::make_shared<manual_clock>();
  executor ex{executor_options{.clock = clock}, threads{.workers = 1}, devices()};
  occupied_worker busy(ex);
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = token;
  const auto f = ex.submit({.name = "late", .timeout = 1s},
                           [token = std::move(token)](stream& s) { return made(s, *token); });
  const auto gpu = ex.submit(plus_one, f);
  const auto cpu = ex.submit([](const buffer<int>&) {}, f);
  clock->wait_for_waiter(1s);
  clock->advance(1s);
  EXPECT_THROW(f.result(), fronta::timeout_error);
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(gpu.exception(), f.exception());
  cpu.wait();
  EXPECT_EQ(cpu.failed_input(), "late");
}

// The input has been issued and times out before the host part of its dependent begins.
TEST_P(MixedCancel, ATimeoutOfAnIssuedInputStopsADependentThatHasNotBegun) {
  const auto clock = std::make_shared<manual_clock>();
  held_work held;
  std::atomic<int> runs = 0;
  executor ex{executor_options{.clock = clock}, threads{.workers = 1}, devices()};
  const auto slow =
      ex.submit({.name = "slow", .needs = {{"gpu", 1}}, .timeout = 1s}, [&](stream& s) {
        held.put_on(s);
        return made(s, 1);
      });
  held.started.wait();
  occupied_worker busy(ex);  // so the host part is over
  const auto behind = ex.submit(
      [&](stream& s, const buffer<int>& b) {
        ++runs;
        return plus_one(s, b);
      },
      slow);
  const auto host = ex.submit([&](const buffer<int>&) { ++runs; }, behind);
  clock->wait_for_waiter(1s);
  clock->advance(1s);
  EXPECT_THROW(slow.result(), fronta::timeout_error);
  busy.release();
  EXPECT_THROW(host.get(), fronta::timeout_error);
  EXPECT_EQ(host.failed_input(), "slow");
  EXPECT_EQ(runs, 0);
  const auto next = ex.submit({.needs = {{"gpu", 1}}}, [](stream&) { return 1; });
  EXPECT_EQ(ex.submit([] { return 2; }).get(), 2);
  EXPECT_FALSE(next.done());
  held.go.open();
  EXPECT_EQ(next.get(), 1);
}

// D-05, D-08
// It waits for a tag that has nothing to do with its input, whose failure is its own at once.
TEST_P(MixedCancel, AFailedIssuedInputEndsADependentThatWaitsForATag) {
  for (const char* tag : {"licence", "gpu"}) {
    const auto clock = std::make_shared<manual_clock>();
    held_work held;
    gate holds;
    gate go;
    executor ex{executor_options{.tags = {{"licence", 1}}, .clock = clock}, threads{.workers = 3},
                devices(2)};
    const auto slow =
        ex.submit({.name = "slow", .timeout = 1s, .place_on = "gpu:0"}, [&](stream& s) {
          held.put_on(s);
          return made(s, 1);
        });
    held.started.wait();
    const auto holder =
        ex.submit({.needs = {{"licence", 1}, {"gpu", 1}}, .place_on = "gpu:0"}, [&](stream& s) {
          run_on(s, [&] { go.wait(); });
          holds.open();
        });
    holds.wait();  // of two in a queue either may claim first
    clock->wait_for_waiter(1s);
    const auto behind = ex.submit({.needs = {{tag, 1}}, .place_on = "gpu:0"}, plus_one, slow);
    const auto host = ex.submit([](const buffer<int>&) {}, behind);
    ex.submit({.needs = {{"cpu", 3}}}, [] {}).get();  // all host parts are over
    EXPECT_FALSE(behind.done());
    clock->advance(1s);
    EXPECT_THROW(slow.result(), fronta::timeout_error);
    EXPECT_TRUE(host.wait_for(3s) == fronta::future_status::ready) << tag;
    held.go.open();
    go.open();
    EXPECT_THROW(host.get(), fronta::timeout_error);
    EXPECT_EQ(host.failed_input(), "slow");
    holder.get();
  }
}

TEST_P(MixedCancel, AHostPartSeesThatItWasAskedToStop) {
  gate started;
  gate go;
  executor ex{threads{.workers = 1}, devices()};
  const auto f = ex.submit({.retries = 3}, [&](stream& s) -> int {
    run_on(s, [] {});
    started.open();
    go.wait();
    if (fronta::this_task::stop_token().stop_requested()) throw std::runtime_error("asked");
    return 1;
  });
  started.wait();
  EXPECT_TRUE(f.request_stop());
  EXPECT_FALSE(f.request_stop());
  go.open();
  EXPECT_EQ(what_of(f), "asked");
}

TEST_P(MixedCancel, AStopTokenCancelsPendingDeviceTasksAndTheirDependents) {
  std::stop_source stop;
  held_work held;
  executor ex{threads{.workers = 1}, devices()};
  const auto running = ex.submit({.stop = stop.get_token()}, [&](stream& s) {
    held.put_on(s);
    return 1;
  });
  held.started.wait();
  occupied_worker busy(ex);
  const auto pending = ex.submit({.stop = stop.get_token()}, [](stream&) { return 1; });
  const auto cpu = ex.submit(host_plus_one, pending);
  stop.request_stop();
  EXPECT_TRUE(pending.cancelled());
  EXPECT_TRUE(cpu.cancelled());
  EXPECT_FALSE(running.done());
  busy.release();
  held.go.open();
  EXPECT_EQ(running.get(), 1);
  EXPECT_TRUE(ex.submit({.stop = stop.get_token()}, [](stream&) {}).cancelled());
}

// S-04
TEST_P(MixedShutdown, ACancellingOneEndsHostAndDeviceTasks) {
  for (int round = 0; round < 20; ++round) {
    held_work held;
    executor ex{threads{.workers = 2}, devices(2)};
    const auto on_device = ex.submit([&](stream& s) {
      held.put_on(s);
      return made(s, 1);
    });
    held.started.wait();
    std::vector<fronta::any_future> all;
    auto last = on_device;
    for (int i = 0; i < 10; ++i) {
      all.emplace_back(ex.submit([](const buffer<int>&) {}, last));
      all.emplace_back(ex.submit({.needs = {{"gpu", 1}}}, [](stream&) {}));
      last = ex.submit(plus_one, last);
      all.emplace_back(last);
    }
    ex.shutdown({.wait = false, .cancel_futures = true});
    held.go.open();
    ex.shutdown();
    EXPECT_TRUE(all[0].cancelled());
    EXPECT_NO_THROW(on_device.result());
    for (const auto& f : all) {
      EXPECT_TRUE(f.done());
      EXPECT_TRUE(f.cancelled() || f.exception() == nullptr);
    }
  }
}

// S-02, S-11
TEST_P(MixedShutdown, DrainingTasksMaySubmitToTheDevice) {
  gate go;
  std::atomic<int> ran = 0;
  executor ex{threads{.workers = 1}, devices()};
  ex.post([&] {
    go.wait();
    auto own = fronta::this_task::executor();
    own.post([&, own](stream& s) mutable {
      run_on(s, [&] { ++ran; });
      own.post([&] { ++ran; });
      own.post([&](stream& t) { run_on(t, [&] { ++ran; }); });
    });
  });
  ex.shutdown({.wait = false});
  EXPECT_THROW(ex.submit([](stream&) {}), fronta::shutdown_error);
  go.open();
  ex.shutdown();
  EXPECT_EQ(ran, 3);
}

// S-07
TEST(MixedShutdown, FuturesAndExceptionsOfDeviceTasksOutliveTheirExecutor) {
  auto config = simulated_devices();
  config.faults.break_at_kernel = 2;
  future<buffer<int>> good;
  future<buffer<int>> bad;
  {
    executor ex{threads{.workers = 1}, config};
    good = ex.submit([](stream& s) { return made(s, 1); });
    good.wait();
    bad = ex.submit([](stream& s) { return made(s, 2); });
  }
  EXPECT_EQ(good.get().size(), 1U);
  EXPECT_THROW(bad.get(), fronta::device_fault);
  int told = 0;
  bad.add_done_callback([&](const auto&) { ++told; });
  EXPECT_EQ(told, 1);
}

// S-12
TEST_P(MixedShutdown, WithABoundNamesTheTaskOnTheDevice) {
  held_work held;
  executor ex{threads{.workers = 1}, devices()};
  ex.post({.name = "kernel"}, [&](stream& s) { held.put_on(s); });
  held.started.wait();
  const auto report = ex.shutdown_for(1ms);
  EXPECT_FALSE(report);
  EXPECT_EQ(report.unfinished, 1U);
  EXPECT_THAT(report.running, ElementsAre("kernel"));
  held.go.open();
  EXPECT_TRUE(ex.shutdown_for(1h));
}

TEST_P(MixedShutdown, WhatPostedHostPartsThrowGoesToTheErrorHook) {
  const captured_errors errors;
  {
    executor ex{threads{.workers = 1}, devices()};
    ex.post({.retries = 1}, [](stream& s) {
      run_on(s, [] {});
      throw std::runtime_error("posted");
    });
  }
  ASSERT_EQ(errors.count(), 1U);
  EXPECT_THAT(errors.texts()[0], HasSubstr("posted"));
}

TEST_P(MixedLimits, ADeviceTaskThatSomebodySawEndNoLongerCounts) {
  executor ex{executor_options{.max_pending = 2}, threads{.workers = 1}, devices()};
  for (int i = 0; i < 200; ++i) {
    const auto a = ex.submit([](stream& s) { run_on(s, [] {}); });
    const auto b = ex.submit([](stream& s) { return made(s, 1); });
    a.wait();
    b.wait();
  }
  held_work held;
  const auto a = ex.submit([&](stream& s) { held.put_on(s); });
  const auto b = ex.submit([&](stream& s) { held.put_on(s); });
  EXPECT_THROW(ex.submit([] {}), fronta::queue_full_error);
  held.go.open();
  a.wait();
  b.wait();
  EXPECT_NO_THROW(ex.submit([] {}));
}

}  // namespace
