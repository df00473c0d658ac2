// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

// OpenMP tasks inside `parallel` + `single`, the form of its specification's examples: the
// submitting thread is one of the team and helps in taskwait. There are no futures; results go to
// variables.
namespace {

using bench::settings;
using benchmark::State;

void fan_out(State& state, const settings& s) {
  std::vector<int> results(s.n);
  const auto n = s.n;
  auto* const to = results.data();
  bench::measure(state, s, n, [&] {
    std::ranges::fill(results, 0);
    long sum = 0;
    const auto t = bench::time_of([&] {
#pragma omp parallel num_threads(s.workers) default(none) firstprivate(n, to)
#pragma omp single
      {
        for (std::size_t i = 0; i < n; ++i) {
#pragma omp task default(none) firstprivate(i, to)
          to[i] = static_cast<int>(i);
        }
#pragma omp taskwait
      }
      for (const int v : results) sum += v;
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

long fib(int n) {
  if (n < 2) return n;
  long left = 0;
#pragma omp task default(none) shared(left) firstprivate(n)
  left = fib(n - 1);
  const long right = fib(n - 2);
#pragma omp taskwait
  return left + right;
}

void fork_join(State& state, const settings& s) {
  const int n = bench::fib_argument(s);
  bench::measure(state, s, bench::fib_calls(n), [&] {
    long result = 0;
    const auto t = bench::time_of([&] {
#pragma omp parallel num_threads(s.workers) default(none) firstprivate(n) shared(result)
#pragma omp single
      result = fib(n);
    });
    bench::expect("fib", result, bench::fib_expected(s));
    return t;
  });
}

#ifdef __clang__
// clang warns about the conversions that it makes itself for `taskloop`.
#pragma clang diagnostic ignored "-Wsign-conversion"
#endif
void map(State& state, const settings& s) {
  const auto n = s.n;
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      std::vector<int> results(s.n);
      auto* const to = results.data();
#pragma omp parallel num_threads(s.workers) default(none) firstprivate(n, to)
#pragma omp single
#pragma omp taskloop grainsize(1) default(none) firstprivate(n, to)
      for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<int>(i) + 1;
      for (const int v : results) sum += v;
    });
    bench::expect("the sum", sum, bench::sum_below(s.n + 1));
    return t;
  });
}

void graph(State& state, const settings& s) {
  const bench::layered shape{.layers = s.n / 100};
  const long expected = shape.expected();
  std::vector<int> values(shape.nodes());
  bench::measure(state, s, shape.nodes(), [&] {
    std::ranges::fill(values, 0);
    auto* const v = values.data();
    const auto t = bench::time_of([&] {
#pragma omp parallel num_threads(s.workers) default(none) firstprivate(shape, v)
#pragma omp single
      for (std::size_t k = 0; k < shape.nodes(); ++k) {
        if (k < shape.width) {
#pragma omp task default(none) firstprivate(k, v) depend(out : v[k])
          v[k] = bench::layered::first(k);
        } else {
          const auto in = shape.inputs(k % shape.width);
          const auto above = k / shape.width * shape.width - shape.width;
          const auto a = above + in[0];
          const auto b = above + in[1];
          const auto c = above + in[2];
#pragma omp task default(none) firstprivate(k, v, a, b, c) depend(in : v[a], v[b], v[c]) \
    depend(out : v[k])
          v[k] = bench::layered::combine(v[a], v[b], v[c]);
        }
      }
    });
    long sum = 0;
    for (std::size_t k = shape.nodes() - shape.width; k < shape.nodes(); ++k) sum += values[k];
    bench::expect("the sum of the last layer", sum, expected);
    return t;
  });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::row rows[] = {
      {"fan_out", fan_out}, {"fib", fork_join}, {"map", map}, {"graph", graph}};
  const std::string about = "OpenMP " + std::to_string(_OPENMP);
  return bench::run(argc, argv, about, rows);
}
