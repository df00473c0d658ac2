// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/gpu/cuda.hpp>
#include <fronta/gpu/kernels.hpp>

#include <gtest/gtest.h>

#include <support/host_call.hpp>

#include <cstddef>
#include <memory>
#include <numeric>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace fronta::test {

enum class gpu_kind { simulated, cuda };
inline std::ostream& operator<<(std::ostream& to, gpu_kind kind) {
  return to << (kind == gpu_kind::cuda ? "cuda" : "simulated");
}

/// Devices of either kind, as a backend of an executor. Simulated ones take no time.
struct gpus {
  gpu_kind kind = gpu_kind::simulated;
  int devices = 1;
  int streams = 4;
  gpu::completion_options completion = {};
  gpu::options options = {};
};
inline std::unique_ptr<backend> make_backend(const gpus& g) {
  if (g.kind == gpu_kind::simulated) {
    return gpu::make_backend(gpu::simulated{.devices = g.devices,
                                            .streams = g.streams,
                                            .model = gpu::time_model::instant(),
                                            .completion = g.completion,
                                            .options = g.options});
  }
  std::vector<int> first(static_cast<std::size_t>(g.devices));
  std::iota(first.begin(), first.end(), 0);
  return gpu::make_backend(gpu::cuda{
      .devices = first, .streams = g.streams, .completion = g.completion, .options = g.options});
}

/// Why nothing can be tested on this kind here.
inline std::optional<std::string> why_not(gpu_kind kind) {
  if (kind == gpu_kind::simulated) return std::nullopt;
  prepare_cuda();
  const auto& found = gpu::cuda_probe();
  if (found.devices.empty()) return found.reason;
  if (test_kernels_run()) return std::nullopt;
  return "this build has no kernels for " + found.devices.front().name;
}

/// What is to hold on both kinds of device. Instantiate it with `FRONTA_ON_EACH_GPU_KIND`. Skips,
/// with the reason, where there is no device.
class OnGpus : public testing::TestWithParam<gpu_kind> {
 protected:
  void SetUp() override {
    if (const auto lack = why_not(GetParam())) GTEST_SKIP() << *lack;
  }

  /// The first `count` devices. Skips the test where there are less.
  [[nodiscard]] static gpus devices(int count = 1) {
    if (GetParam() == gpu_kind::cuda) require_devices(count);
    return {.kind = GetParam(), .devices = count};
  }
  static void require_devices(int count) {
    const auto there = gpu::cuda_probe().devices.size();
    if (static_cast<std::size_t>(count) <= there) return;
    [&] { GTEST_SKIP() << "needs " << count << " devices, and this machine has " << there; }();
    // Ends the test from a function; gtest says no more of it.
    throw testing::AssertionException({testing::TestPartResult::kSkip, __FILE__, __LINE__, ""});
  }
};

/// The same, with an executor for one device.
class OnEachGpuKind : public OnGpus {
 protected:
  void SetUp() override {
    OnGpus::SetUp();
    if (!IsSkipped()) executor_.emplace(cpu::threads{.workers = 2}, devices());
  }

  /// Runs a GPU task to its end.
  template <class F>
  auto run(F&& f) {
    return executor_->submit(std::forward<F>(f)).get();
  }
  [[nodiscard]] executor& on() { return *executor_; }

 private:
  std::optional<executor> executor_;
};

}  // namespace fronta::test

// The names come first: tools/run_gtests.py chooses by them.
#define FRONTA_ON_EACH_GPU_KIND(Suite) FRONTA_ON_EACH_GPU_KIND_AS(Cuda, Suite)
/// For tests that break their device: on a real one each needs a process of its own.
#define FRONTA_BREAKING_EACH_GPU_KIND(Suite) FRONTA_ON_EACH_GPU_KIND_AS(CudaAlone, Suite)
#define FRONTA_ON_EACH_GPU_KIND_AS(Prefix, Suite)                                                  \
  INSTANTIATE_TEST_SUITE_P(Simulated, Suite, testing::Values(::fronta::test::gpu_kind::simulated), \
                           [](const auto&) { return std::string("OnTheHost"); });                  \
  INSTANTIATE_TEST_SUITE_P(Prefix, Suite, testing::Values(::fronta::test::gpu_kind::cuda),         \
                           [](const auto&) { return std::string("OnADevice"); })
