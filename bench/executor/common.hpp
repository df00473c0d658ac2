// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocations.hpp"

#include <benchmark/benchmark.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

/// What the programs of this folder share. Each holds the rows of one family of pools and runs one
/// of them per process: `bench_executor_tbb --row fan_out --workers 2 --n 200000`. Google Benchmark
/// counts the passes and prints the JSON that `run_suite.py` reads.
namespace bench {

using clock = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

struct settings {
  int workers = 2;
  std::size_t n = 200'000;
  int passes = 3;                    ///< measured ones, after a first that is reported apart
  std::chrono::microseconds gap{0};  ///< between round trips of a parked pool
  int rate = 1000;                   ///< tasks per second
  seconds length{3};                 ///< of rows that measure CPU time
  bool count = false;                ///< allocations instead of time
  std::string device = "auto";       ///< of GPU rows: a CUDA device where there is one; simulated
};

struct row {
  const char* name;
  void (*run)(benchmark::State&, const settings&);
};

/// Ends the process: a wrong result makes its time worthless.
[[noreturn]] void fail(const std::string& what);

/// So that no row can be optimised away.
template <class T>
void expect(const char* what, const T& got, const std::type_identity_t<T>& expected) {
  if (got != expected) {
    fail(std::string(what) + " is " + std::to_string(got) + " and should be " +
         std::to_string(expected));
  }
}

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  const auto half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

template <class Work>
seconds time_of(Work&& work) {
  const auto start = clock::now();
  work();
  return clock::now() - start;
}

/// Calls `pass` (which returns the time it took) once for `first_ns`, where memory is new, and then
/// `passes` times for their median `ns`; all divided by `items`.
template <class Pass>
void measure(benchmark::State& state, const settings& s, std::size_t items, Pass pass) {
  const auto per_item = [&](double x) { return x / static_cast<double>(items); };
  const auto nanoseconds = [&](seconds t) { return per_item(t.count() * 1e9); };
  if (s.count) allocations::start();
  const double first = nanoseconds(pass());
  const auto first_allocations = allocations::count();
  std::vector<double> times;
  std::vector<double> allocated;
  for ([[maybe_unused]] auto _ : state) {
    const auto before = allocations::count();
    const seconds t = pass();
    allocated.push_back(static_cast<double>(allocations::count() - before));
    state.SetIterationTime(t.count());
    times.push_back(nanoseconds(t));
  }
  if (s.count) {
    state.counters["allocations_first"] = per_item(static_cast<double>(first_allocations));
    state.counters["allocations"] = per_item(median(allocated));
  } else {
    state.counters["first_ns"] = first;
    state.counters["ns"] = median(times);
  }
}

/// Counts per thread, so that counting in a task costs no shared cache line.
class tally {
 public:
  void add_one() noexcept {
    auto& mine = slots_[thread_index() % slots_.size()].value;
    // One writer per slot.
    mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  [[nodiscard]] std::size_t sum() const noexcept {
    std::size_t result = 0;
    for (const auto& s : slots_) result += s.value.load(std::memory_order_acquire);
    return result;
  }
  /// Sleeps between looks, so that the looking thread takes no core from a pool.
  void wait_for(std::size_t expected) const {
    const auto give_up = clock::now() + std::chrono::seconds(30);
    while (sum() < expected) {
      if (clock::now() > give_up) expect("the number of tasks that ran in 30 s", sum(), expected);
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
    expect("the number of tasks that ran", sum(), expected);
  }

 private:
  static std::size_t thread_index() noexcept {
    static std::atomic<std::size_t> next{0};
    thread_local const std::size_t mine = next.fetch_add(1);
    return mine;
  }
  struct alignas(64) slot {
    std::atomic<std::size_t> value{0};
  };
  std::array<slot, 64> slots_;
};

/// One round trip after each `gap` in which everything sleeps; their median, in `ns`.
template <class RoundTrip>
void measure_parked(benchmark::State& state, const settings& s, RoundTrip round_trip) {
  for ([[maybe_unused]] auto _ : state) {
    std::vector<double> times;
    seconds total{0};
    for (std::size_t i = 0; i < s.n + 5; ++i) {
      std::this_thread::sleep_for(s.gap);
      const auto t = time_of([&] { round_trip(static_cast<int>(i)); });
      if (i < 5) continue;  // warm-up
      times.push_back(t.count() * 1e9);
      total += t;
    }
    state.SetIterationTime(total.count());
    state.counters["ns"] = median(times);
  }
}

/// CPU time of the whole process.
inline seconds cpu_time() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto in_seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(in_seconds(used.ru_utime) + in_seconds(used.ru_stime));
}

/// `cpu_percent` of one core while `work` runs.
template <class Work>
void measure_cpu(benchmark::State& state, Work&& work) {
  for ([[maybe_unused]] auto _ : state) {
    const auto before = cpu_time();
    const auto wall = time_of(work);
    state.SetIterationTime(wall.count());
    state.counters["cpu_percent"] = 100 * (cpu_time() - before) / wall;
  }
}

/// Calls `submit(tally&)` at `rate` per second for `length`; `submit` must cause one `add_one`.
template <class Submit>
void measure_burn(benchmark::State& state, const settings& s, Submit submit) {
  tally done;
  const auto tasks = static_cast<std::size_t>(s.rate * s.length.count());
  for (int i = 0; i < 10; ++i) submit(done);
  done.wait_for(10);
  measure_cpu(state, [&] {
    const auto start = clock::now();
    for (std::size_t i = 0; i < tasks; ++i) {
      std::this_thread::sleep_until(start + std::chrono::duration_cast<clock::duration>(
                                                seconds(static_cast<double>(i) / s.rate)));
      submit(done);
    }
  });
  done.wait_for(10 + tasks);
}

/// The pool, warm, is left alone for `length`.
inline void measure_idle(benchmark::State& state, const settings& s) {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  measure_cpu(state, [&] { std::this_thread::sleep_for(s.length); });
}

inline double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double whole = 0;
  double resident = 0;
  statm >> whole >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// Keeps the threads of a pool busy without using a CPU.
class gate {
 public:
  void block() noexcept {
    arrived_.fetch_add(1);
    open_.wait(false);
  }
  void await(int threads) const {
    while (arrived_.load() < threads) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  void open() noexcept {
    open_.store(true);
    open_.notify_all();
  }

 private:
  std::atomic<int> arrived_{0};
  std::atomic<bool> open_{false};
};

/// By how much the process grows per item while `submit_all` queues `items` tasks behind a gate
/// that the caller has closed. Resident memory counts every allocator's; `heap_bytes` is what
/// operator new handed out.
template <class SubmitAll>
void measure_pending(benchmark::State& state, std::size_t items, SubmitAll submit_all) {
  allocations::start();
  for ([[maybe_unused]] auto _ : state) {
    const auto resident = resident_bytes();
    const auto heap = allocations::bytes();
    const auto t = time_of(submit_all);
    state.SetIterationTime(t.count());
    const auto count = static_cast<double>(items);
    state.counters["bytes"] = (resident_bytes() - resident) / count;
    state.counters["heap_bytes"] = static_cast<double>(allocations::bytes() - heap) / count;
  }
}

/// The number of calls that fib(n) makes when every one is counted.
inline std::size_t fib_calls(int n) {
  std::size_t a = 1;  // calls of fib(0)
  std::size_t b = 1;
  for (int i = 1; i < n; ++i) a = std::exchange(b, a + b + 1);
  return b;
}
inline constexpr int fib_of = 27;
inline constexpr long fib_result = 196'418;
/// `--n` below the default makes it a small one, for the test of the suite.
inline int fib_argument(const settings& s) { return s.n < 1000 ? 12 : fib_of; }
inline long fib_expected(const settings& s) { return s.n < 1000 ? 144 : fib_result; }

/// The layered graph: `layers` of `width` nodes, each with three inputs in the layer before.
struct layered {
  std::size_t layers = 100;
  std::size_t width = 100;
  [[nodiscard]] std::size_t nodes() const noexcept { return layers * width; }
  [[nodiscard]] std::array<std::size_t, 3> inputs(std::size_t i) const noexcept {
    return {i, (i + 1) % width, (i + 7) % width};
  }
  static int first(std::size_t i) noexcept { return static_cast<int>(i); }
  static int combine(int a, int b, int c) noexcept { return (a + 2 * b + 3 * c + 1) % 1'000'003; }
  /// The sum of the last layer, by a plain loop.
  [[nodiscard]] long expected() const {
    std::vector<int> before(width);
    for (std::size_t i = 0; i < width; ++i) before[i] = first(i);
    for (std::size_t layer = 1; layer < layers; ++layer) {
      std::vector<int> here(width);
      for (std::size_t i = 0; i < width; ++i) {
        const auto in = inputs(i);
        here[i] = combine(before[in[0]], before[in[1]], before[in[2]]);
      }
      before.swap(here);
    }
    long sum = 0;
    for (const int v : before) sum += v;
    return sum;
  }
};

inline long sum_below(std::size_t n) {
  const auto m = static_cast<long>(n);
  return m * (m - 1) / 2;
}

/// `main` of each program. `about` tells the version of the library that the family uses.
int run(int argc, char** argv, const std::string& about, std::span<const row> rows);

}  // namespace bench
