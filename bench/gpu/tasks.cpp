// SPDX-License-Identifier: Apache-2.0
// Small tasks against a bare launch loop of their kernel, and a reactor with nothing to do.
#include "rig.hpp"

#include <fronta/wait.hpp>

#include <utility>
#include <vector>

namespace bench::gpu {
namespace {

// What a simulated device is handed by the loop.
class host_count final : public fronta::gpu::work {
 public:
  explicit host_count(std::uint64_t& word) : word_(word) {}
  int enqueue(void* /*native_stream*/) override { return 801; }  // not supported
  void run_on_host() override { ++word_; }

 private:
  std::uint64_t& word_;
};

double simulated_launches(const settings& s) {
  std::uint64_t counted = 0;
  const bare_device d(s);
  const auto took = time_of([&] {
    for (std::size_t i = 0; i < s.n; ++i) {
      d->enqueue(d.stream(), std::make_unique<host_count>(counted));
    }
    d.finish();
  });
  expect("the number of kernels that ran", counted, s.n);
  return took.count();
}

// Independent ones, from one thread.
void measure_tasks(benchmark::State& state, const settings& s, const fronta::gpu::options& o) {
  const auto ex = open(s, {.options = o});
  const auto c = make_counter(ex);
  std::size_t submitted = 0;
  measure(state, s, s.n, [&] {
    std::vector<fronta::future<void>> all;
    all.reserve(s.n);
    submitted += s.n;
    return time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) {
        all.push_back(ex.submit([at = c.at](stream& on) { count(on, at); }));
      }
      for (const auto& f : all) f.get();
      all.clear();
    });
  });
  expect("the number of kernels that ran", value_of(ex, c), submitted);
}

// Each reads the buffer of the one before.
void measure_chain(benchmark::State& state, const settings& s, const fronta::gpu::options& o) {
  const auto ex = open(s, {.options = o});
  const auto c = make_counter(ex);
  using counted = fronta::gpu::buffer<std::uint64_t>;
  std::size_t submitted = 0;
  measure(state, s, s.n, [&] {
    submitted += s.n;
    return time_of([&] {
      auto last = ex.submit([&](stream&) { return c.memory; });
      for (std::size_t i = 0; i < s.n; ++i) {
        last = ex.submit(
            [](stream& on, counted&& b) {
              count(on, on.write(b).data());
              return std::move(b);
            },
            std::move(last));
      }
      last.wait();
    });
  });
  expect("the number of kernels that ran", value_of(ex, c), submitted);
}

}  // namespace

void bare_launches(benchmark::State& state, const settings& s) {
  measure(state, s, s.n, [&] {
    if constexpr (has_device_parts) {
      if (!found(s).simulated) return seconds(on_device::bare_launches(s.n));
    }
    return seconds(simulated_launches(s));
  });
}

void tasks(benchmark::State& state, const settings& s) { measure_tasks(state, s, {}); }
void tasks_with_breadcrumbs(benchmark::State& state, const settings& s) {
  measure_tasks(state, s, {.breadcrumbs = true});
}
void chain(benchmark::State& state, const settings& s) { measure_chain(state, s, {}); }
void chain_with_breadcrumbs(benchmark::State& state, const settings& s) {
  measure_chain(state, s, {.breadcrumbs = true});
}

void idle(benchmark::State& state, const settings& s) {
  const auto ex = open(s);
  const auto c = make_counter(ex);
  for (int i = 0; i < 100; ++i) ex.submit([at = c.at](stream& on) { count(on, at); }).get();
  measure_idle(state, s);
}

}  // namespace bench::gpu
