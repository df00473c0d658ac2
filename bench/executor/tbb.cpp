// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

#include <tbb/blocked_range.h>
#include <tbb/flow_graph.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#include <tbb/version.h>

#include <future>
#include <memory>

// oneTBB has no futures: the rows that need results from tasks pair it with std::promise, in
// several forms, the cheapest of which is also the least general. `max_allowed_parallelism` is the
// number of workers, and the calling thread is one of them: that is how the documentation of
// global_control counts.
namespace {

using bench::settings;
using benchmark::State;

class limit {
 public:
  explicit limit(const settings& s)
      : control_(tbb::global_control::max_allowed_parallelism,
                 static_cast<std::size_t>(s.workers)) {}

 private:
  tbb::global_control control_;
};

enum class collect { help, get };

// A promise of its own for each task, as it must be when tasks come and go; task_group copies its
// callables, hence the shared pointer. wait() lets the caller help, as the documentation of
// task_group asks for; `get` alone is what a user who knows only std::future would write.
template <collect Collect>
void fan_out(State& state, const settings& s) {
  const limit at_most(s);
  tbb::task_group group;
  std::vector<std::future<int>> futures;
  futures.reserve(s.n);
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) {
        const auto result = std::make_shared<std::promise<int>>();
        futures.push_back(result->get_future());
        group.run([result, i] { result->set_value(static_cast<int>(i)); });
      }
      if constexpr (Collect == collect::help) group.wait();
      for (auto& f : futures) sum += f.get();
      futures.clear();
    });
    group.wait();
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

// All promises in one vector, which only works when their number is known beforehand.
void fan_out_vector(State& state, const settings& s) {
  const limit at_most(s);
  tbb::task_group group;
  std::vector<std::future<int>> futures;
  futures.reserve(s.n);
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      std::vector<std::promise<int>> results(s.n);
      for (std::size_t i = 0; i < s.n; ++i) {
        futures.push_back(results[i].get_future());
        group.run([&results, i] { results[i].set_value(static_cast<int>(i)); });
      }
      group.wait();
      for (auto& f : futures) sum += f.get();
      futures.clear();
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

// The documented way to run without waiting.
void post(State& state, const settings& s) {
  const limit at_most(s);
  tbb::task_arena arena;
  bench::measure(state, s, s.n, [&] {
    bench::tally done;
    return bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) arena.enqueue([&done] { done.add_one(); });
      done.wait_for(s.n);
    });
  });
}

// Cheaper, but somebody must wait().
void post_group(State& state, const settings& s) {
  const limit at_most(s);
  tbb::task_group group;
  bench::measure(state, s, s.n, [&] {
    bench::tally done;
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) group.run([&done] { done.add_one(); });
      group.wait();
    });
    bench::expect("the number of tasks that ran", done.sum(), s.n);
    return t;
  });
}

// A promise on the caller's stack, which outlives the task because the caller waits for it.
template <collect Collect>
int round_trip(tbb::task_group& group, int i) {
  std::promise<int> result;
  auto f = result.get_future();
  group.run([&result, i] { result.set_value(i); });
  if constexpr (Collect == collect::help) group.wait();
  const int got = f.get();
  // The promise may go only when set_value has returned.
  if constexpr (Collect == collect::get) group.wait();
  return got;
}

template <collect Collect>
void ping_pong(State& state, const settings& s) {
  const limit at_most(s);
  tbb::task_group group;
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) sum += round_trip<Collect>(group, static_cast<int>(i));
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

// With wait() the caller would run the task itself, and nothing would be woken.
void parked(State& state, const settings& s) {
  const limit at_most(s);
  tbb::task_group group;
  bench::measure_parked(
      state, s, [&](int i) { bench::expect("the answer", round_trip<collect::get>(group, i), i); });
}

// Fork and join as the documentation of task_group shows it.
long fib(int n) {
  if (n < 2) return n;
  long left = 0;
  tbb::task_group group;
  group.run([&left, n] { left = fib(n - 1); });
  const long right = fib(n - 2);
  group.wait();
  return left + right;
}

// The same with a future for each task.
long fib_promise(int n) {
  if (n < 2) return n;
  std::promise<long> left;
  auto f = left.get_future();
  tbb::task_group group;
  group.run([&left, n] { left.set_value(fib_promise(n - 1)); });
  const long right = fib_promise(n - 2);
  group.wait();
  return f.get() + right;
}

// A task for each call.
long fib_every(int n) {
  if (n < 2) return n;
  long left = 0;
  long right = 0;
  tbb::task_group group;
  group.run([&left, n] { left = fib_every(n - 1); });
  group.run([&right, n] { right = fib_every(n - 2); });
  group.wait();
  return left + right;
}

// A task and a future for each call.
long fib_every_promise(int n) {
  if (n < 2) return n;
  std::promise<long> left;
  std::promise<long> right;
  auto f = left.get_future();
  auto g = right.get_future();
  tbb::task_group group;
  group.run([&left, n] { left.set_value(fib_every_promise(n - 1)); });
  group.run([&right, n] { right.set_value(fib_every_promise(n - 2)); });
  group.wait();
  return f.get() + g.get();
}

template <long (*Fib)(int)>
void fork_join(State& state, const settings& s) {
  const limit at_most(s);
  const int n = bench::fib_argument(s);
  bench::measure(state, s, bench::fib_calls(n), [&] {
    long result = 0;
    const auto t = bench::time_of([&] { result = Fib(n); });
    bench::expect("fib", result, bench::fib_expected(s));
    return t;
  });
}

// Values go through an array and messages are empty: the documented form of a dependence graph.
using step = tbb::flow::continue_node<tbb::flow::continue_msg>;

void chain(State& state, const settings& s) {
  const limit at_most(s);
  bench::measure(state, s, s.n, [&] {
    int last = 0;
    const auto t = bench::time_of([&] {
      tbb::flow::graph g;
      std::vector<std::unique_ptr<step>> links;
      links.reserve(s.n);
      for (std::size_t i = 0; i < s.n; ++i) {
        links.push_back(
            std::make_unique<step>(g, [&last](const tbb::flow::continue_msg&) { ++last; }));
        if (i > 0) tbb::flow::make_edge(*links[i - 1], *links[i]);
      }
      links.front()->try_put(tbb::flow::continue_msg());
      g.wait_for_all();
    });
    bench::expect("the last link", last, static_cast<int>(s.n));
    return t;
  });
}

// No future per item: results go to a vector. A grain of 1 without the automatic partitioner makes
// each item a task, as chunk_size 1 does.
template <std::size_t Grain>
void map(State& state, const settings& s) {
  const limit at_most(s);
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      std::vector<int> results(s.n);
      tbb::parallel_for(
          tbb::blocked_range<std::size_t>(0, s.n, Grain),
          [&](const tbb::blocked_range<std::size_t>& r) {
            for (auto i = r.begin(); i != r.end(); ++i) results[i] = static_cast<int>(i) + 1;
          },
          tbb::simple_partitioner());
      for (const int v : results) sum += v;
    });
    bench::expect("the sum", sum, bench::sum_below(s.n + 1));
    return t;
  });
}

// The graph is built once and run many times where its shape allows (`Reuse`).
template <bool Reuse>
void graph(State& state, const settings& s) {
  const limit at_most(s);
  const bench::layered shape{.layers = s.n / 100};
  const long expected = shape.expected();
  const auto w = shape.width;
  std::vector<int> values(shape.nodes());
  struct built {
    tbb::flow::graph g;
    tbb::flow::broadcast_node<tbb::flow::continue_msg> start{g};
    std::vector<std::unique_ptr<step>> nodes;
  };
  const auto build = [&] {
    auto b = std::make_unique<built>();
    b->nodes.reserve(shape.nodes());
    for (std::size_t k = 0; k < shape.nodes(); ++k) {
      b->nodes.push_back(
          std::make_unique<step>(b->g, [&values, &shape, w, k](const tbb::flow::continue_msg&) {
            if (k < w) {
              values[k] = bench::layered::first(k);
              return;
            }
            const auto in = shape.inputs(k % w);
            const auto above = k / w * w - w;
            values[k] = bench::layered::combine(values[above + in[0]], values[above + in[1]],
                                                values[above + in[2]]);
          }));
      if (k < w) {
        tbb::flow::make_edge(b->start, *b->nodes[k]);
      } else {
        for (const auto i : shape.inputs(k % w)) {
          tbb::flow::make_edge(*b->nodes[k / w * w - w + i], *b->nodes[k]);
        }
      }
    }
    return b;
  };
  std::unique_ptr<built> kept;
  if (Reuse) kept = build();
  bench::measure(state, s, shape.nodes(), [&] {
    values.assign(values.size(), 0);
    const auto t = bench::time_of([&] {
      std::unique_ptr<built> own;
      if (!Reuse) own = build();
      auto& b = Reuse ? *kept : *own;
      b.start.try_put(tbb::flow::continue_msg());
      b.g.wait_for_all();
    });
    long sum = 0;
    for (std::size_t k = shape.nodes() - w; k < shape.nodes(); ++k) sum += values[k];
    bench::expect("the sum of the last layer", sum, expected);
    return t;
  });
}

// One at a time: a function_node with concurrency `serial`, the graph's means to that end.
void tagged(State& state, const settings& s) {
  const limit at_most(s);
  bench::measure(state, s, s.n, [&] {
    long sum = 0;
    const auto t = bench::time_of([&] {
      tbb::flow::graph g;
      tbb::flow::function_node<int> one_at_a_time(g, tbb::flow::serial,
                                                  [&sum](int i) { sum += i; });
      for (std::size_t i = 0; i < s.n; ++i) one_at_a_time.try_put(static_cast<int>(i));
      g.wait_for_all();
    });
    bench::expect("the sum", sum, bench::sum_below(s.n));
    return t;
  });
}

void pending(State& state, const settings& s) {
  const limit at_most(s);
  tbb::task_group group;
  bench::gate gate;
  // The caller is one of the workers and does not run tasks while it submits.
  for (int i = 1; i < s.workers; ++i) group.run([&] { gate.block(); });
  gate.await(s.workers - 1);
  std::vector<std::future<int>> futures(s.n);
  bench::measure_pending(state, s.n, [&] {
    for (std::size_t i = 0; i < s.n; ++i) {
      const auto result = std::make_shared<std::promise<int>>();
      futures[i] = result->get_future();
      group.run([result, i] { result->set_value(static_cast<int>(i)); });
    }
  });
  gate.open();
  group.wait();
  long sum = 0;
  for (auto& f : futures) sum += f.get();
  bench::expect("the sum", sum, bench::sum_below(s.n));
}

void burn(State& state, const settings& s) {
  const limit at_most(s);
  tbb::task_arena arena;
  bench::measure_burn(state, s,
                      [&](bench::tally& done) { arena.enqueue([&done] { done.add_one(); }); });
}

void burn_group(State& state, const settings& s) {
  const limit at_most(s);
  tbb::task_group group;
  bench::measure_burn(state, s,
                      [&](bench::tally& done) { group.run([&done] { done.add_one(); }); });
  group.wait();
}

void idle(State& state, const settings& s) {
  const limit at_most(s);
  tbb::task_group group;
  for (int i = 0; i < 1000; ++i) group.run_and_wait([] {});
  bench::measure_idle(state, s);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::row rows[] = {
      {"fan_out", fan_out<collect::help>},
      {"fan_out_get", fan_out<collect::get>},
      {"fan_out_vector", fan_out_vector},
      {"post", post},
      {"post_group", post_group},
      {"ping_pong", ping_pong<collect::get>},
      {"ping_pong_help", ping_pong<collect::help>},
      {"parked", parked},
      {"fib", fork_join<fib>},
      {"fib_promise", fork_join<fib_promise>},
      {"fib_every", fork_join<fib_every>},
      {"fib_every_promise", fork_join<fib_every_promise>},
      {"chain", chain},
      {"map", map<1>},
      {"map_100", map<100>},
      {"graph", graph<false>},
      {"graph_reused", graph<true>},
      {"tagged", tagged},
      {"pending", pending},
      {"burn", burn},
      {"burn_group", burn_group},
      {"idle", idle},
  };
  const std::string about = std::string("oneTBB ") + TBB_runtime_version();
  return bench::run(argc, argv, about, rows);
}
