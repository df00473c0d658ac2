// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

#include <future>

// std::async with launch::async: a thread per task, whatever the number of workers.
namespace {

using bench::settings;
using benchmark::State;

auto submit(int i) {
  return std::async(std::launch::async, [i] { return i; });
}

void fan_out(State& state, const settings& s) {
  std::vector<std::future<int>> futures;
  futures.reserve(s.n);
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) futures.push_back(submit(static_cast<int>(i)));
      for (auto& f : futures) sum += f.get();
      futures.clear();
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

void ping_pong(State& state, const settings& s) {
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) sum += submit(static_cast<int>(i)).get();
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::row rows[] = {{"fan_out", fan_out}, {"ping_pong", ping_pong}};
  return bench::run(argc, argv, "std::async", rows);
}
