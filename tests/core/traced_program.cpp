// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/trace.hpp>
#include <fronta/trace_recording.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using fronta::executor;
using fronta::cpu::threads;
using namespace std::chrono_literals;

void tell(int from, int to) {
  for (int i = from; i < to; ++i) fronta::trace::counter("step", i);
}

int be_killed(const std::string& file, bool flush) {
  fronta::trace::recording trace(file, {.flush_every = 0ms});
  tell(0, 100);
  if (flush) trace.flush();
  tell(100, 200);
  std::raise(SIGKILL);
  return 1;
}

// Says when it has told something, and goes on until its input ends.
int be_watched(const std::string& file) {
  fronta::trace::recording trace(file, {.flush_every = 1ms});
  tell(0, 100);
  trace.flush();
  tell(100, 200);
  std::puts("told");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

// Its child goes on as it does, and ends in order.
int be_parent(const std::string& file) {
  fronta::trace::recording trace(file, {.flush_every = 1ms});
  tell(0, 100);
  const auto child = ::fork();
  if (child == 0) {
    const bool off = !fronta::trace::on() && trace.dropped() == 0;
    tell(1'000, 1'100);
    {
      // As ever, but for the thread: ThreadSanitizer wants none in a child of several.
      fronta::trace::recording own(file + ".child", {.flush_every = 0ms});
      tell(2'000, 2'100);
      own.stop();
    }
    tell(1'100, 1'200);
    std::exit(off ? 0 : 1);  // NOLINT(concurrency-mt-unsafe): so that handlers run
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  tell(100, 200);
  trace.stop();
  return status == 0 ? 0 : 1;
}

// Killed, while its child lives until its input ends.
int be_outlived(const std::string& file) {
  const fronta::trace::recording trace(file, {.flush_every = 1ms});
  tell(0, 100);
  if (::fork() == 0) {
    while (std::getchar() != EOF) {
    }
    std::_Exit(0);
  }
  std::raise(SIGKILL);
  return 1;
}

int run_tasks() {
  executor ex{threads{.workers = 2}};
  for (int i = 0; i < 10; ++i) ex.submit({.name = "told"}, [] {}).wait();
  return 0;
}

}  // namespace

// traced_program tasks | killed FILE | flushed FILE | watched FILE | parent FILE | outlived FILE
int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "tasks") return run_tasks();
  if (argc > 2 && what == "killed") return be_killed(argv[2], false);
  if (argc > 2 && what == "flushed") return be_killed(argv[2], true);
  if (argc > 2 && what == "watched") return be_watched(argv[2]);
  if (argc > 2 && what == "parent") return be_parent(argv[2]);
  if (argc > 2 && what == "outlived") return be_outlived(argv[2]);
  return 2;
}
