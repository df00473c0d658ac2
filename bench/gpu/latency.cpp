// SPDX-License-Identifier: Apache-2.0
// From the clock of the device, stored by a task's last kernel, until the task's future is done.
#include "rig.hpp"

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

namespace bench::gpu {
namespace {

// Long enough that whoever waits has begun to when it ends.
constexpr std::chrono::microseconds kernel_length{40};

// How the host's clock follows from the device's, between two comparisons.
class clock_map {
 public:
  clock_map(const on_device::clock_pair& a, const on_device::clock_pair& b) : a_(a), b_(b) {}
  [[nodiscard]] double host_at(double device) const {
    const auto span = static_cast<double>(b_.device - a_.device);
    const double part = (device - static_cast<double>(a_.device)) / span;
    return static_cast<double>(a_.host) + part * static_cast<double>(b_.host - a_.host);
  }
  [[nodiscard]] double error() const { return static_cast<double>(std::max(a_.error, b_.error)); }

 private:
  on_device::clock_pair a_;
  on_device::clock_pair b_;
};

on_device::clock_pair compare(const settings& s) {
  if constexpr (has_device_parts) {
    if (!found(s).simulated) return on_device::compare_clocks(1'000);
  }
  return {.host = host_now(), .device = host_now()};  // a simulated kernel reads the host's clock
}

// Half the width of the best of the library's own samples.
double library_error(const fronta::executor& ex) {
  return ex
      .submit([](stream& s) {
        std::int64_t best = INT64_MAX;
        for (int i = 0; i < 100; ++i) {
          const auto c = s.on().sample_clocks();
          best = std::min(best, c.host_after - c.host_before);
        }
        return static_cast<double>(best) / 2;
      })
      .get();
}

}  // namespace

template <fronta::gpu::completion_mechanism By>
void latency(benchmark::State& state, const settings& s) {
  const auto ex = open(s, {.completion = {.mechanism = By}});
  const pinned<std::uint64_t> at(ex, 1);
  const auto once = [&] {
    const auto f = ex.submit([&](stream& on) { stamp(on, &at[0], kernel_length); });
    while (!f.done()) {
    }
    return static_cast<double>(host_now());
  };
  const double of_library = library_error(ex);
  for ([[maybe_unused]] auto _ : state) {
    for (int i = 0; i < 20; ++i) once();
    std::vector<double> seen;
    std::vector<double> stored;
    const auto before = compare(s);
    const auto took = time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) {
        seen.push_back(once());
        stored.push_back(static_cast<double>(at[0]));
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const clock_map map(before, compare(s));
    std::vector<double> late;
    late.reserve(s.n);
    for (std::size_t i = 0; i < s.n; ++i) late.push_back((seen[i] - map.host_at(stored[i])) / 1e3);
    std::ranges::sort(late);
    const auto part = [&](double p) {
      return late[static_cast<std::size_t>(p * static_cast<double>(late.size() - 1))];
    };
    // The least step between two values of the device's clock.
    std::ranges::sort(stored);
    double step = 0;
    for (std::size_t i = 1; i < stored.size(); ++i) {
      const double d = stored[i] - stored[i - 1];
      if (d > 0 && (step == 0 || d < step)) step = d;
    }
    state.SetIterationTime(took.count());
    state.counters["median_us"] = part(0.5);
    state.counters["p10_us"] = part(0.1);
    state.counters["p90_us"] = part(0.9);
    state.counters["p99_us"] = part(0.99);
    state.counters["clock_error_us"] = map.error() / 1e3;
    state.counters["clock_step_ns"] = step;
    state.counters["library_clock_error_us"] = of_library / 1e3;
  }
}

using by = fronta::gpu::completion_mechanism;
template void latency<by::frontier>(benchmark::State&, const settings&);
template void latency<by::event_polling>(benchmark::State&, const settings&);
template void latency<by::blocking_sync>(benchmark::State&, const settings&);
template void latency<by::host_callback>(benchmark::State&, const settings&);

}  // namespace bench::gpu
