// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/trace.hpp>
#include <fronta/trace_follower.hpp>
#include <fronta/trace_recording.hpp>
#include <fronta/viz/live.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/view.hpp>

#include "../trace/common.hpp"
#include "plain_metrics.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <vector>

// What it costs a run to be watched by another process, and what the watching costs.
namespace {

using benchmark::State;
using namespace std::chrono_literals;

// All that `fronta stage --attach` does but for the pixels: those are the GPU's, or as slow as a
// machine without one.
[[noreturn]] void watch(std::uint32_t process, int begin) {
  char c = 0;
  if (::read(begin, &c, 1) != 1) ::_exit(0);
  std::counting_semaphore told(0);
  fronta::viz::live seen(fronta::trace::follower::of_process(process), [&] { told.release(); });
  const fronta::bench::plain_metrics font;
  for (;;) {
    told.acquire();
    const auto news = seen.take();
    if (!news || news->of == nullptr) continue;
    fronta::viz::view v;
    v.what = fronta::viz::preset::stage;
    v.at = news->of->end();
    v.shown = fronta::viz::source::live;
    benchmark::DoNotOptimize(
        draw(*news->of, v, 1920, 1080, font, fronta::viz::light_theme()).primitives.size());
  }
}

class watcher {
 public:
  watcher() {
    if (::pipe(pipe_.data()) != 0) throw std::runtime_error("no pipe");
    const auto parent = static_cast<std::uint32_t>(::getpid());
    process_ = ::fork();  // before there are threads
    if (process_ == 0) {
      ::close(pipe_[1]);
      watch(parent, pipe_[0]);
    }
    ::close(pipe_[0]);
  }
  void begin() const {
    if (::write(pipe_[1], "x", 1) != 1) throw std::runtime_error("the watcher is gone");
  }
  // Seconds of processor time that it took.
  double end() {
    ::close(pipe_[1]);
    ::kill(process_, SIGKILL);
    rusage used{};
    ::wait4(process_, nullptr, 0, &used);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
  }

 private:
  std::array<int, 2> pipe_{};
  pid_t process_ = 0;
};

void busy(std::chrono::nanoseconds how_long) {
  const auto until = std::chrono::steady_clock::now() + how_long;
  while (std::chrono::steady_clock::now() < until) {
  }
}

enum class told { off, recorded, watched };

// Tasks of 10 µs on one worker, so that who records, or watches, has a core of its own.
void tasks_of_10_us(State& state, told how) {
  constexpr int batch = 2'000;
  std::optional<watcher> other;
  if (how == told::watched) other.emplace();
  std::optional<fronta::trace::recording> trace;
  if (how != told::off) trace.emplace(bench::trace_file());
  const auto began = std::chrono::steady_clock::now();
  {
    fronta::executor ex{fronta::cpu::threads{.workers = 1}};
    if (other) other->begin();
    std::vector<fronta::future<int>> all;
    for ([[maybe_unused]] auto _ : state) {
      all.clear();
      for (int i = 0; i < batch; ++i) {
        all.push_back(ex.submit([] {
          busy(10us);
          return 0;
        }));
      }
      fronta::wait(all);
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (other) state.counters["viewer_percent"] = other->end() / took.count() * 100;
  if (trace) {
    trace->stop();
    if (trace->dropped() != 0) state.SkipWithError("events were dropped");
  }
  state.counters["per_second"] = bench::per_second(batch);
}

// What a follower takes to read events, beside the recording.
void follow(State& state) {
  constexpr std::uint64_t batch = 1 << 14;  // half of a ring
  fronta::trace::recording trace(bench::trace_file(), {.flush_every = 0ms});
  fronta::trace::follower reader(bench::trace_file());
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    for (std::uint64_t i = 0; i < batch; ++i) {
      fronta::trace::detail::emit(fronta::trace::event_kind::ready, i, i);
    }
    trace.flush();
    state.ResumeTiming();
    reader.poll();
  }
  if (reader.events() != static_cast<std::size_t>(state.iterations()) * batch + 1) {
    state.SkipWithError("events are missing");
  }
  state.counters["per_second"] = bench::per_second(batch);
}

// Nothing is told: the recording's thread looks 50 times a second all the same.
void idle_recording(State& state) {
  fronta::trace::recording trace(bench::trace_file(), {.flush_every = 0ms});
  fronta::trace::message("one ring");
  for ([[maybe_unused]] auto _ : state) trace.flush();
  state.counters["per_second"] = bench::per_second(1);
}

BENCHMARK_CAPTURE(tasks_of_10_us, off, told::off)->UseRealTime();
BENCHMARK_CAPTURE(tasks_of_10_us, recorded, told::recorded)->UseRealTime();
BENCHMARK_CAPTURE(tasks_of_10_us, watched, told::watched)->UseRealTime();
BENCHMARK(follow)->Iterations(200);
BENCHMARK(idle_recording);

}  // namespace
