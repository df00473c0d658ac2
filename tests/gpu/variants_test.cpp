// SPDX-License-Identifier: Apache-2.0
// Tasks with a body for the CPU and one for a stream: which runs, and where.
#include <fronta/variants.hpp>

#include <fronta/annotate.hpp>
#include <fronta/array.hpp>
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/this_task.hpp>
#include <fronta/wait.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/host_kernel.hpp>
#include <support/test_kernels.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using fronta::array;
using fronta::bare_place;
using fronta::executor;
using fronta::future;
using fronta::select_by;
using fronta::task_options;
using fronta::variants;
using fronta::cpu::threads;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using fronta::gpu::view;
using fronta::test::gate;
using fronta::test::run_on;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

simulated devices(int count = 1) { return {.devices = count, .model = time_model::instant()}; }

std::string on_cpu() { return "cpu body at " + fronta::this_task::place(); }
std::string on_gpu(stream&) { return "gpu body at " + fronta::this_task::place(); }

const auto where = variants(on_cpu, on_gpu);
// The same with an array, which is on the device afterwards.
const auto where_with_data = variants([](std::span<const float>) { return on_cpu(); },
                                      [](stream& s, view<const float>) { return on_gpu(s); });

// Doubles each number.
const auto twice = variants(
    [](std::span<const int> in) {
      std::vector<int> out(in.begin(), in.end());
      for (int& x : out) x *= 2;
      return array<int>(std::move(out));
    },
    [](stream& s, view<const int> in) {
      auto out = s.make_array<int>(in.size());
      run_on(s, [in, to = s.write(out)] {
        for (std::size_t i = 0; i < in.size(); ++i) to[i] = in[i] * 2;
      });
      return out;
    });

const task_options needs_gpu{.needs = {{"gpu", 1}}};
const task_options by_data{.select = select_by::data};

class GpuVariants : public testing::Test {
 protected:
  // More workers than tasks: a queue would weigh more than these few bytes.
  executor ex{threads{.workers = 4, .name = "pool"}, devices()};
};

TEST_F(GpuVariants, RunTheGpuBodyWhereTheTagsNameOneAndTheCpuBodyElse) {
  EXPECT_EQ(ex.submit(where).get(), "cpu body at pool");
  EXPECT_EQ(ex.submit(needs_gpu, where).get(), "gpu body at pool gpu:0");
  EXPECT_EQ(ex.submit({.needs = fronta::no_needs}, where).get(), "cpu body at pool");
}

TEST_F(GpuVariants, GoWhereAPlaceIsNamed) {
  EXPECT_EQ(ex.submit({.place_on = "gpu:0"}, where).get(), "gpu body at pool gpu:0");
  EXPECT_EQ(ex.submit({.place_on = "pool"}, where).get(), "cpu body at pool");
  EXPECT_EQ(ex.submit({.place_on = "pool", .select = select_by::data}, where).get(),
            "cpu body at pool");
}

TEST_F(GpuVariants, TakeOneArgumentInTwoWays) {
  const array<int> numbers{1, 2, 3};
  const auto on_host = ex.submit(twice, numbers);
  const auto on_device = ex.submit(needs_gpu, twice, numbers);
  static_assert(std::is_same_v<decltype(ex.submit(twice, numbers)), future<array<int>>>);
  EXPECT_TRUE(on_host.get().on_host());
  EXPECT_FALSE(on_device.get().on_host());
  EXPECT_THAT(on_host.get(), ElementsAre(2, 4, 6));
  EXPECT_THAT(on_device.get(), ElementsAre(2, 4, 6));
}

TEST_F(GpuVariants, ChainThroughBothKindsOfPlaces) {
  auto f = ex.submit(twice, array<int>{1});
  for (int i = 0; i < 9; ++i) f = ex.submit(i % 3 == 0 ? task_options{} : needs_gpu, twice, f);
  EXPECT_THAT(f.get(), ElementsAre(1 << 10));
}

TEST_F(GpuVariants, TagsOfDevicesAloneNameTheGpuBody) {
  // The pool lends the one, the device has no other tag: nothing but "gpu" is its own.
  const executor tagged{threads{.workers = 1, .name = "pool", .offers = {{"scratch", 1}}},
                        bare_place{"lab", {{"microscope", 1}}}, devices()};
  EXPECT_EQ(tagged.submit({.needs = {{"scratch", 1}}}, where).get(), "cpu body at pool");
  EXPECT_EQ(tagged.submit({.needs = {{"microscope", 1}}}, where).get(), "cpu body at pool lab");
}

TEST_F(GpuVariants, WithoutADeviceTheGpuBodyCannotBeHad) {
  const executor cpu_only{threads{.workers = 1, .name = "pool"}};
  EXPECT_EQ(cpu_only.submit(where).get(), "cpu body at pool");
  EXPECT_EQ(cpu_only.submit(by_data, where).get(), "cpu body at pool");
  EXPECT_THROW(cpu_only.submit(needs_gpu, where), fronta::unsatisfiable_error);
}

TEST_F(GpuVariants, ByDataGoWhereTheirArraysAre) {
  const array<float> numbers(1'000);
  EXPECT_EQ(ex.submit(by_data, where_with_data, numbers).get(), "cpu body at pool");
  const auto made = ex.submit([](stream& s) { return s.make_array<float>(1'000); });
  EXPECT_EQ(ex.submit(by_data, where_with_data, made).get(), "gpu body at pool gpu:0");
  EXPECT_EQ(ex.submit(by_data, where_with_data, made.get()).get(), "gpu body at pool gpu:0");
  static_cast<void>(made.get().data());  // now it is on the host as well, and nothing draws it
  EXPECT_EQ(ex.submit(by_data, where_with_data, made).get(), "cpu body at pool");
}

TEST_F(GpuVariants, ByDataWeighWhatIsMissing) {
  const auto both =
      variants([](std::span<const float>, std::span<const float>) { return on_cpu(); },
               [](stream& s, view<const float>, view<const float>) { return on_gpu(s); });
  const auto small = ex.submit([](stream& s) { return s.make_array<float>(10); });
  const auto large = ex.submit([](stream& s) { return s.make_array<float>(1'000); });
  EXPECT_EQ(ex.submit(by_data, both, small, array<float>(1'000)).get(), "cpu body at pool");
  EXPECT_EQ(ex.submit(by_data, both, array<float>(10), large).get(), "gpu body at pool gpu:0");
}

TEST_F(GpuVariants, ByDataGoToTheDeviceThatHasThem) {
  executor two{threads{.workers = 4, .name = "pool"}, devices(2)};
  for (const char* place : {"gpu:1", "gpu:0"}) {
    const auto made = two.submit({.place_on = place}, [](stream& s) {
      return std::vector{s.make_array<float>(100), s.make_array<float>(100)};
    });
    const auto both =
        variants([](const std::vector<array<float>>&) { return on_cpu(); },
                 [](stream& s, const std::vector<array<float>>&) { return on_gpu(s); });
    EXPECT_EQ(two.submit(by_data, both, made).get(), std::string("gpu body at pool ") + place);
  }
}

TEST_F(GpuVariants, ByDataCountTheHostsOwnBytes) {
  const auto both =
      variants([](std::span<const float>, const std::vector<int>&) { return on_cpu(); },
               [](stream& s, view<const float>, const std::vector<int>&) { return on_gpu(s); });
  const auto made = ex.submit([](stream& s) { return s.make_array<float>(100); });
  EXPECT_EQ(ex.submit(by_data, both, made, std::vector<int>(10)).get(), "gpu body at pool gpu:0");
  EXPECT_EQ(ex.submit(by_data, both, made, std::vector<int>(1'000)).get(), "cpu body at pool");
}

TEST_F(GpuVariants, ByDataLeaveACpuWhereTasksQueueUp) {
  executor one{threads{.workers = 1, .name = "pool"}, devices()};
  gate go;
  gate runs;
  const auto holds = one.submit([&] {
    runs.open();
    go.wait();
  });
  runs.wait();
  std::vector<future<std::string>> all;
  for (int i = 0; i < 8; ++i) all.push_back(one.submit(by_data, where));
  go.open();
  holds.get();
  int on_device = 0;
  for (const auto& f : all) on_device += f.get().starts_with("gpu") ? 1 : 0;
  EXPECT_GT(on_device, 0);
}

TEST_F(GpuVariants, ByDataWithABufferGoToItsDevice) {
  const auto both = variants([](const fronta::gpu::buffer<int>&) { return on_cpu(); },
                             [](stream& s, const fronta::gpu::buffer<int>&) { return on_gpu(s); });
  const auto made = ex.submit([](stream& s) { return s.allocate<int>(10); });
  EXPECT_EQ(ex.submit(by_data, both, made).get(), "gpu body at pool gpu:0");
}

TEST_F(GpuVariants, AScopeMayHaveThemChooseAndLeavesOtherTasksAlone) {
  const auto made = ex.submit([](stream& s) { return s.make_array<float>(1'000); });
  const fronta::annotate scope{{.select = select_by::data}};
  EXPECT_EQ(ex.submit(where_with_data, made).get(), "gpu body at pool gpu:0");
  EXPECT_EQ(ex.submit([] { return 1; }).get(), 1);
}

TEST_F(GpuVariants, OnlyTheyCanBeAskedToChoose) {
  const auto expected = ThrowsMessage<std::invalid_argument>(
      AllOf(HasSubstr("\"one\""), HasSubstr(".select"), HasSubstr("variants(")));
  EXPECT_THAT([&] { ex.submit({.name = "one", .select = select_by::data}, [] {}); }, expected);
  EXPECT_THAT([&] { ex.submit({.name = "one", .select = select_by::data}, [](stream&) {}); },
              expected);
  EXPECT_THAT(
      [&] {
        ex.submit({.name = "one", .fallback = fronta::fallback::cpu}, variants([] {}, [] {}));
      },
      expected);
}

TEST_F(GpuVariants, MayBeMoveOnlyAndTakeWhatOnlyMoves) {
  auto both = variants([p = std::make_unique<int>(3)](std::unique_ptr<int> q) { return *p + *q; },
                       [](stream&, std::unique_ptr<int> q) { return 2 * *q; });
  EXPECT_EQ(ex.submit(needs_gpu, std::move(both), std::make_unique<int>(4)).get(), 8);
  const auto made = [] { return std::make_unique<int>(5); };
  EXPECT_EQ(ex.submit(needs_gpu,
                      variants([](std::unique_ptr<int>&& q) { return *q; },
                               [](stream&, std::unique_ptr<int>&& q) { return 2 * *q; }),
                      ex.submit(made))
                .get(),
            10);
}

TEST_F(GpuVariants, GiveTheCommonTypeOfTheirResults) {
  const auto both = variants([] { return 1; }, [](stream&) { return 2.5; });
  EXPECT_EQ(ex.submit(needs_gpu, both).get(), 2.5);
  static_assert(std::is_same_v<decltype(ex.submit(both)), future<double>>);
  EXPECT_EQ(ex.submit(both).get(), 1.0);
  const auto nothing = variants([] {}, [](stream&) {});
  ex.submit(needs_gpu, nothing).get();
}

TEST_F(GpuVariants, OfGenericBodiesTheSecondIsWrapped) {
  const auto both = variants([](auto&&...) { return 1; },
                             fronta::gpu::task([](auto& s, auto&&...) { return s.simulated(); }));
  EXPECT_EQ(ex.submit(needs_gpu, both, 1, 2).get(), 1);
  EXPECT_EQ(ex.submit({.place_on = "gpu:0"}, both, 1).get(), 1);
}

TEST_F(GpuVariants, GetFuturesInContainersLikeAnyTask) {
  const auto sum = variants(
      [](fronta::values<int> v) {
        int all = 0;
        for (const int x : v) all += x;
        return all;
      },
      [](stream&, fronta::values<int> v) { return static_cast<int>(v.size()); });
  const std::vector<future<int>> inputs{ex.submit([] { return 3; }), ex.submit([] { return 4; })};
  EXPECT_EQ(ex.submit(sum, inputs).get(), 7);
  EXPECT_EQ(ex.submit(needs_gpu, sum, inputs).get(), 2);
}

TEST_F(GpuVariants, FailAndRetryLikeAnyTask) {
  const auto failing = variants([]() -> int { throw std::runtime_error("on the cpu"); },
                                [](stream&) -> int {
                                  if (fronta::this_task::attempt() < 2)
                                    throw std::runtime_error("on the gpu");
                                  return fronta::this_task::attempt();
                                });
  EXPECT_THROW(ex.submit(failing).get(), std::runtime_error);
  EXPECT_EQ(ex.submit({.needs = {{"gpu", 1}}, .retries = 3}, failing).get(), 2);
  EXPECT_THAT([&] { ex.submit(needs_gpu, failing).get(); },
              ThrowsMessage<std::runtime_error>("on the gpu"));
}

TEST_F(GpuVariants, OnADeviceStandBehindTheirInputsThere) {
  gate go;
  const auto input = ex.submit([&](stream& s) {
    auto a = s.make_array<int>(1);
    run_on(s, [&go, to = s.write(a)] {
      go.wait();
      to[0] = 21;
    });
    return a;
  });
  gate issued;
  const auto f = ex.submit(needs_gpu,
                           variants([](std::span<const int> v) { return array<int>{v[0]}; },
                                    [&](stream& s, view<const int> in) {
                                      auto a = s.make_array<int>(1);
                                      run_on(s, [in, to = s.write(a)] { to[0] = 2 * in[0]; });
                                      issued.open();
                                      return a;
                                    }),
                           input);
  issued.wait();  // its host part ran ahead of its input's work
  EXPECT_FALSE(input.done());
  go.open();
  EXPECT_THAT(f.get(), ElementsAre(42));
}

TEST_F(GpuVariants, WaitersInsideTasksGetThem) {
  executor one{threads{.workers = 1}, devices()};
  const auto outer = one.submit([&one] {
    return one.submit(by_data, where).get() + ", " + one.submit(needs_gpu, where).get();
  });
  EXPECT_THAT(outer.get(), AllOf(HasSubstr("body at cpu"), HasSubstr("gpu body at cpu gpu:0")));
}

}  // namespace
