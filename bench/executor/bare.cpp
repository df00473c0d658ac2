// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>

// What the machine itself takes: nothing that passes work to another thread can be faster.
namespace {

using bench::settings;
using benchmark::State;

struct alignas(64) word {
  std::atomic<std::uint32_t> value{0};
};

void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Two spinning threads hand a cache line to and fro.
void cache_line(State& state, const settings& s) {
  word there;
  word back;
  std::jthread echo([&](const std::stop_token& stop) {
    for (std::uint32_t seen = 0; !stop.stop_requested();) {
      const auto now = there.value.load(std::memory_order_acquire);
      if (now == seen) {
        relax();
        continue;
      }
      seen = now;
      back.value.store(now, std::memory_order_release);
    }
  });
  std::uint32_t ball = 0;
  bench::measure(state, s, s.n, [&] {
    return bench::time_of([&] {
      for (std::size_t i = 0; i < s.n; ++i) {
        there.value.store(++ball, std::memory_order_release);
        while (back.value.load(std::memory_order_acquire) != ball) relax();
      }
    });
  });
}

void futex_wait(word& w, std::uint32_t old) {
  syscall(SYS_futex, &w.value, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
}
void futex_wake(word& w) {
  syscall(SYS_futex, &w.value, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

// A thread asleep in a futex is woken and wakes the sleeping caller.
void parked(State& state, const settings& s) {
  word there;
  word back;
  std::jthread echo([&](const std::stop_token& stop) {
    for (std::uint32_t seen = 0; !stop.stop_requested();) {
      const auto now = there.value.load();
      if (now == seen) {
        futex_wait(there, seen);
        continue;
      }
      seen = now;
      back.value.store(now);
      futex_wake(back);
    }
  });
  std::uint32_t ball = 0;
  bench::measure_parked(state, s, [&](int) {
    const auto old = ball++;
    there.value.store(ball);
    futex_wake(there);
    while (back.value.load() == old) futex_wait(back, old);
  });
  echo.request_stop();
  there.value.store(ball + 1);
  futex_wake(there);
}

// The generator of the row `burn`, without a pool behind it.
void burn(State& state, const settings& s) {
  bench::measure_burn(state, s, [](bench::tally& done) { done.add_one(); });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::row rows[] = {{"cache_line", cache_line}, {"parked", parked}, {"burn", burn}};
  return bench::run(argc, argv, "the machine itself", rows);
}
