// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

#include <asio/io_context.hpp>
#include <asio/packaged_task.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/version.hpp>

#include <future>

// Standalone Asio: a thread_pool, and std::packaged_task as completion token, which its
// documentation gives as the way from post() to a future. The pool does not run tasks in the
// waiting thread, so that fork-join with blocking waits would deadlock: no such rows.
namespace {

using bench::settings;
using benchmark::State;

auto submit(asio::thread_pool& pool, int i) {
  return asio::post(pool, std::packaged_task<int()>([i] { return i; }));
}

void fan_out(State& state, const settings& s) {
  asio::thread_pool pool(static_cast<std::size_t>(s.workers));
  std::vector<std::future<int>> futures;
  futures.reserve(s.n);
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) futures.push_back(submit(pool, static_cast<int>(i)));
      for (auto& f : futures) sum += f.get();
      futures.clear();
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

void post(State& state, const settings& s) {
  asio::thread_pool pool(static_cast<std::size_t>(s.workers));
  bench::measure(state, s, s.n, [&] {
    bench::tally done;
    return bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) asio::post(pool, [&done] { done.add_one(); });
      done.wait_for(s.n);
    });
  });
}

void ping_pong(State& state, const settings& s) {
  asio::thread_pool pool(static_cast<std::size_t>(s.workers));
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) sum += submit(pool, static_cast<int>(i)).get();
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

void parked(State& state, const settings& s) {
  asio::thread_pool pool(static_cast<std::size_t>(s.workers));
  bench::measure_parked(state, s,
                        [&](int i) { bench::expect("the answer", submit(pool, i).get(), i); });
}

// One at a time: a strand.
void tagged(State& state, const settings& s) {
  asio::thread_pool pool(static_cast<std::size_t>(s.workers));
  auto one_at_a_time = asio::make_strand(pool);
  std::vector<std::future<int>> futures;
  futures.reserve(s.n);
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) {
        futures.push_back(asio::post(
            one_at_a_time, std::packaged_task<int()>([i] { return static_cast<int>(i); })));
      }
      for (auto& f : futures) sum += f.get();
      futures.clear();
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

void pending(State& state, const settings& s) {
  asio::thread_pool pool(static_cast<std::size_t>(s.workers));
  bench::gate gate;
  for (int i = 0; i < s.workers; ++i) asio::post(pool, [&] { gate.block(); });
  gate.await(s.workers);
  std::vector<std::future<int>> futures(s.n);
  bench::measure_pending(state, s.n, [&] {
    for (std::size_t i = 0; i < s.n; ++i) futures[i] = submit(pool, static_cast<int>(i));
  });
  gate.open();
  long sum = 0;
  for (auto& f : futures) sum += f.get();
  bench::expect("the sum", sum, bench::sum_below(s.n));
}

void burn(State& state, const settings& s) {
  asio::thread_pool pool(static_cast<std::size_t>(s.workers));
  bench::measure_burn(state, s,
                      [&](bench::tally& done) { asio::post(pool, [&done] { done.add_one(); }); });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::row rows[] = {
      {"fan_out", fan_out}, {"post", post},       {"ping_pong", ping_pong}, {"parked", parked},
      {"tagged", tagged},   {"pending", pending}, {"burn", burn},
  };
  const std::string about = "standalone Asio " + std::to_string(ASIO_VERSION / 100'000) + "." +
                            std::to_string(ASIO_VERSION / 100 % 1000) + "." +
                            std::to_string(ASIO_VERSION % 100);
  return bench::run(argc, argv, about, rows);
}
