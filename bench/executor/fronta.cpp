// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

#include <fronta/fronta.hpp>

#include <ranges>
#include <span>

// Trace hooks are compiled in and off, as in every build of the library.
namespace {

using bench::settings;
using benchmark::State;

fronta::executor pool(const settings& s) {
  return fronta::executor{fronta::cpu::threads{.workers = s.workers}};
}

// An outside thread submits, keeps the futures, then reads and drops all.
void fan_out(State& state, const settings& s) {
  const auto ex = pool(s);
  std::vector<fronta::future<int>> futures;
  futures.reserve(s.n);
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) {
        futures.push_back(ex.submit([i] { return static_cast<int>(i); }));
      }
      for (const auto& f : futures) sum += f.get();
      futures.clear();
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

void post(State& state, const settings& s) {
  const auto ex = pool(s);
  bench::measure(state, s, s.n, [&] {
    bench::tally done;
    return bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) ex.post([&done] { done.add_one(); });
      done.wait_for(s.n);
    });
  });
}

void ping_pong(State& state, const settings& s) {
  const auto ex = pool(s);
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) {
        sum += ex.submit([i] { return static_cast<int>(i); }).get();
      }
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

void parked(State& state, const settings& s) {
  const auto ex = pool(s);
  bench::measure_parked(
      state, s, [&](int i) { bench::expect("the answer", ex.submit([i] { return i; }).get(), i); });
}

// One future per call that branches; the other branch is called.
long fib(int n) {
  if (n < 2) return n;
  const auto left = fronta::this_task::executor().submit([n] { return fib(n - 1); });
  const long right = fib(n - 2);
  return left.get() + right;
}

// A task and a future for each call.
long fib_every(int n) {
  if (n < 2) return n;
  const auto ex = fronta::this_task::executor();
  const auto left = ex.submit([n] { return fib_every(n - 1); });
  const auto right = ex.submit([n] { return fib_every(n - 2); });
  return left.get() + right.get();
}

// The same, joined newest first, which is the order in which oneTBB's wait() runs them too: the
// newest task lies on top of the worker's queue.
long fib_every_newest(int n) {
  if (n < 2) return n;
  const auto ex = fronta::this_task::executor();
  const auto left = ex.submit([n] { return fib_every_newest(n - 1); });
  const auto right = ex.submit([n] { return fib_every_newest(n - 2); });
  const long newest = right.get();
  return left.get() + newest;
}

template <long (*Fib)(int)>
void fork_join(State& state, const settings& s) {
  const auto ex = pool(s);
  const int n = bench::fib_argument(s);
  bench::measure(state, s, bench::fib_calls(n), [&] {
    long result = 0;
    const auto t = bench::time_of([&] { result = ex.submit([n] { return Fib(n); }).get(); });
    bench::expect("fib", result, bench::fib_expected(s));
    return t;
  });
}

// Each link takes the future before it as its argument.
void chain(State& state, const settings& s) {
  const auto ex = pool(s);
  bench::measure(state, s, s.n, [&] {
    int last = 0;
    const auto t = bench::time_of([&] {
      auto f = ex.submit([] { return 0; });
      for (std::size_t i = 0; i < s.n; ++i) f = ex.submit([](int x) { return x + 1; }, f);
      last = f.get();
    });
    bench::expect("the last link", last, static_cast<int>(s.n));
    return t;
  });
}

// The chain stands complete before its first link may run.
void chain_gated(State& state, const settings& s) {
  const auto ex = pool(s);
  bench::measure(state, s, s.n, [&] {
    int last = 0;
    const auto t = bench::time_of([&] {
      fronta::promise<int> start;
      auto f = start.get_future();
      for (std::size_t i = 0; i < s.n; ++i) {
        f = ex.submit([](int x) { return x + 1; }, std::move(f));
      }
      start.set_value(0);
      last = f.get();
    });
    bench::expect("the last link", last, static_cast<int>(s.n));
    return t;
  });
}

template <int ChunkSize>
void map(State& state, const settings& s) {
  const auto ex = pool(s);
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      for (const int v : ex.map(
               fronta::map_options{.chunk_size = ChunkSize}, [](int x) { return x + 1; },
               std::views::iota(0, static_cast<int>(s.n)))) {
        sum += v;
      }
    });
    bench::expect("the sum", sum, bench::sum_below(s.n + 1));
    return t;
  });
}

void graph(State& state, const settings& s) {
  const auto ex = pool(s);
  const bench::layered shape{.layers = s.n / 100};
  const long expected = shape.expected();
  bench::measure(state, s, shape.nodes(), [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      std::vector<fronta::future<int>> before;
      before.reserve(shape.width);
      for (std::size_t i = 0; i < shape.width; ++i) {
        before.push_back(ex.submit([i] { return bench::layered::first(i); }));
      }
      for (std::size_t layer = 1; layer < shape.layers; ++layer) {
        std::vector<fronta::future<int>> here;
        here.reserve(shape.width);
        for (std::size_t i = 0; i < shape.width; ++i) {
          const auto in = shape.inputs(i);
          here.push_back(
              ex.submit([](int a, int b, int c) { return bench::layered::combine(a, b, c); },
                        before[in[0]], before[in[1]], before[in[2]]));
        }
        before.swap(here);
      }
      for (const auto& f : before) sum += f.get();
    });
    bench::expect("the sum of the last layer", sum, expected);
    return t;
  });
}

// Tasks that need a tag of which the place offers one: they run one at a time.
void tagged(State& state, const settings& s) {
  const fronta::executor ex{fronta::cpu::threads{.workers = s.workers, .offers = {{"gpu", 1}}}};
  const fronta::task_options on_gpu{.needs = {{"gpu", 1}}};
  std::vector<fronta::future<int>> futures;
  futures.reserve(s.n);
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) {
        futures.push_back(ex.submit(on_gpu, [i] { return static_cast<int>(i); }));
      }
      for (const auto& f : futures) sum += f.get();
      futures.clear();
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

// ---- GPU tasks on a simulated device on which nothing takes any time: what is left is scheduling.

fronta::executor simulated_gpu(const settings& s) {
  return fronta::executor{fronta::cpu::threads{.workers = s.workers},
                          fronta::gpu::simulated{.model = fronta::gpu::time_model::instant()}};
}
constexpr fronta::gpu::kernel add_one{nullptr, [](fronta::gpu::view<int> v) { ++v[0]; }, "add one"};

// One kernel each, and memory of its own.
void gpu_tasks(State& state, const settings& s) {
  const auto ex = simulated_gpu(s);
  std::vector<fronta::future<fronta::gpu::buffer<int>>> futures;
  futures.reserve(s.n);
  bench::measure(state, s, s.n, [&] {
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) {
        futures.push_back(ex.submit([](fronta::gpu::stream& on) {
          auto b = on.allocate<int>(1);
          on.launch(add_one, {}, {}, on.write(b));
          return b;
        }));
      }
      for (const auto& f : futures) f.wait();
      futures.clear();
    });
    return t;
  });
}

// Each updates the buffer of the one before; with `Needs` also {"gpu", 1} passes along.
template <bool Needs>
void gpu_chain(State& state, const settings& s) {
  const auto ex = simulated_gpu(s);
  const auto o = Needs ? fronta::task_options{.needs = {{"gpu", 1}}} : fronta::task_options{};
  bench::measure(state, s, s.n, [&] {
    int last = -1;
    const auto t = bench::time_of([&] {
      const std::vector first{0};
      auto f = ex.submit(
          o,
          [](fronta::gpu::stream& on, const std::vector<int>& v) {
            return on.to_device(std::span(v));
          },
          first);
      for (std::size_t i = 0; i < s.n; ++i) {
        f = ex.submit(
            o,
            [](fronta::gpu::stream& on, fronta::gpu::buffer<int>&& b) {
              on.launch(add_one, {}, {}, on.write(b));
              return std::move(b);
            },
            std::move(f));
      }
      ex.submit([&](fronta::gpu::stream& on,
                    const fronta::gpu::buffer<int>& b) { on.to_host(std::span(&last, 1), b); },
                f)
          .get();
    });
    bench::expect("the number at the end", last, static_cast<int>(s.n));
    return t;
  });
}

void pending(State& state, const settings& s) {
  const auto ex = pool(s);
  bench::gate gate;
  for (int i = 0; i < s.workers; ++i) ex.post([&] { gate.block(); });
  gate.await(s.workers);
  std::vector<fronta::future<int>> futures(s.n);
  bench::measure_pending(state, s.n, [&] {
    for (std::size_t i = 0; i < s.n; ++i) {
      futures[i] = ex.submit([i] { return static_cast<int>(i); });
    }
  });
  gate.open();
  long sum = 0;
  for (const auto& f : futures) sum += f.get();
  bench::expect("the sum", sum, bench::sum_below(s.n));
}

void burn(State& state, const settings& s) {
  const auto ex = pool(s);
  bench::measure_burn(state, s, [&](bench::tally& done) { ex.post([&done] { done.add_one(); }); });
}

void idle(State& state, const settings& s) {
  const auto ex = pool(s);
  for (int i = 0; i < 1000; ++i) ex.submit([] {}).wait();
  bench::measure_idle(state, s);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::row rows[] = {
      {"fan_out", fan_out},
      {"post", post},
      {"ping_pong", ping_pong},
      {"parked", parked},
      {"fib", fork_join<fib>},
      {"fib_every", fork_join<fib_every>},
      {"fib_every_newest", fork_join<fib_every_newest>},
      {"chain", chain},
      {"chain_gated", chain_gated},
      {"map", map<1>},
      {"map_100", map<100>},
      {"graph", graph},
      {"tagged", tagged},
      {"gpu_tasks", gpu_tasks},
      {"gpu_chain", gpu_chain<false>},
      {"gpu_chain_needs", gpu_chain<true>},
      {"pending", pending},
      {"burn", burn},
      {"idle", idle},
  };
  return bench::run(argc, argv, "Fronta", rows);
}
