// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/trace_file.hpp>
#include <fronta/trace_recording.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// Records a run of so many tasks, for what reads long traces: bench_record FILE TASKS. Prints how
// many events it told.
namespace {

// Half of the tasks have two inputs; one of 16 has a name of its own.
void run(fronta::trace::recording& trace, std::size_t tasks) {
  constexpr std::size_t batch = 1'000;
  fronta::executor ex{fronta::cpu::threads{.workers = 2}};
  std::vector<fronta::future<int>> before;
  for (std::size_t done = 0; done < tasks; done += batch) {
    std::vector<fronta::future<int>> now;
    now.reserve(batch);
    for (std::size_t i = 0; i < std::min(batch, tasks - done); ++i) {
      if (i % 16 == 0) {
        now.push_back(ex.submit({.name = "load"}, [i] { return static_cast<int>(i); }));
      } else if (i % 2 == 1 || before.empty()) {
        now.push_back(ex.submit([i] { return static_cast<int>(i); }));
      } else {
        now.push_back(
            ex.submit([](int a, int b) { return (a + b) % 1'000; }, before[i - 1], before[i]));
      }
    }
    fronta::wait(now);
    trace.flush();  // so that no ring is ever full
    before = std::move(now);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::span arguments(argv, static_cast<std::size_t>(argc));
    if (arguments.size() != 3) throw std::invalid_argument("give a FILE and how many tasks");
    const std::string file = arguments[1];
    fronta::trace::recording trace(file);
    run(trace, std::stoul(arguments[2]));
    trace.stop();
    if (trace.dropped() != 0) throw std::runtime_error("events were dropped");
    std::printf("%zu\n", fronta::trace::read_file(file).events.size());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_record: %s.\n", error.what());
    return 1;
  }
}
