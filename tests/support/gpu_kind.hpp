// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/gpu/cuda.hpp>
#include <fronta/gpu/kernels.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <utility>

namespace fronta::test {

enum class gpu_kind { simulated, cuda };
inline std::ostream& operator<<(std::ostream& to, gpu_kind kind) {
  return to << (kind == gpu_kind::cuda ? "cuda" : "simulated");
}

/// What is to hold on both kinds of device. Instantiate it with `FRONTA_ON_EACH_GPU_KIND`; ctest
/// gives the tests whose names begin with "Cuda" the label gpu. They skip where there is no device.
class OnEachGpuKind : public testing::TestWithParam<gpu_kind> {
 protected:
  void SetUp() override {
    if (GetParam() == gpu_kind::simulated) {
      executor_.emplace(cpu::threads{.workers = 2},
                        gpu::simulated{.model = gpu::time_model::instant()});
      return;
    }
    if (const auto& found = gpu::cuda_probe(); found.devices.empty()) GTEST_SKIP() << found.reason;
    if (const auto& first = gpu::cuda_probe().devices.front(); !gpu::kernels_run_on(first)) {
      GTEST_SKIP() << "this build has no kernels for " << first.name;
    }
    executor_.emplace(cpu::threads{.workers = 2}, gpu::cuda{.devices = {0}});
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

// The names come first: ctest's labels are chosen by them.
#define FRONTA_ON_EACH_GPU_KIND(Suite)                                                             \
  INSTANTIATE_TEST_SUITE_P(Simulated, Suite, testing::Values(::fronta::test::gpu_kind::simulated), \
                           [](const auto&) { return std::string("OnTheHost"); });                  \
  INSTANTIATE_TEST_SUITE_P(Cuda, Suite, testing::Values(::fronta::test::gpu_kind::cuda),           \
                           [](const auto&) { return std::string("OnADevice"); })
