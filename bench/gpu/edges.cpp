// SPDX-License-Identifier: Apache-2.0
// What an edge between streams costs. In each step two kernels, one per stream, wait for both of
// the step before; a kernel in front holds them until all are enqueued.
#include "rig.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

namespace bench::gpu {
namespace {

using fronta::gpu::buffer;
using fronta::gpu::event_handle;
using fronta::gpu::stream_handle;

struct steps_taken {
  double enqueued_ns = 0;  // from the first submit until the last host part was over
  double device_ns = 0;    // from the first kernel to the last
};

steps_taken through_executor(const settings& s, int streams, std::size_t steps) {
  const auto ex = open(s, {.streams = streams});
  const pinned<std::uint64_t> stamps(ex, 2);
  const pinned<std::uint32_t> go(ex, 1);
  const auto a = make_counter(ex);
  const auto b = make_counter(ex);
  using counted = buffer<std::uint64_t>;
  const auto step = [](stream& on, const counted& mine, const counted& other) {
    static_cast<void>(on.read(other));
    // The stream orders the steps, which is what is measured; a buffer has no writable view.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    count(on, const_cast<std::uint64_t*>(on.read(mine).data()));
    return mine;
  };
  std::atomic<bool> issued = false;
  const auto begin = host_now();
  const auto first = ex.submit([&](stream& on) {
    hold(on, &go[0]);
    stamp(on, &stamps[0], {});
    return a.memory;
  });
  const auto beside = ex.submit([&](stream&, const counted&) { return b.memory; }, first);
  auto left = first;
  auto right = beside;
  for (std::size_t i = 0; i < steps; ++i) {
    auto next = ex.submit(step, left, right);
    right = ex.submit(step, right, left);
    left = std::move(next);
  }
  const auto last = ex.submit(
      [&](stream& on, const counted&, const counted&) {
        stamp(on, &stamps[1], {});
        issued = true;
      },
      left, right);
  while (!issued) {
  }
  const auto end = host_now();
  std::atomic_ref(go[0]).store(1, std::memory_order_release);
  last.get();
  expect("the number of kernels that ran", value_of(ex, a) + value_of(ex, b), 2 * steps);
  return {static_cast<double>(end - begin), static_cast<double>(stamps[1] - stamps[0])};
}

// A kernel is loaded when it is launched first, which may wait for one that is being held.
void load_kernels(const settings& s) {
  const auto ex = open(s);
  const pinned<std::uint64_t> stamps(ex, 1);
  const pinned<std::uint32_t> go(ex, 1);
  const auto c = make_counter(ex);
  go[0] = 1;
  ex.submit([&](stream& on) {
      hold(on, &go[0]);
      stamp(on, &stamps[0], {});
      count(on, c.at);
    }).get();
}

double by_hand(const settings& s, std::size_t steps) {
  if constexpr (has_device_parts) {
    if (!found(s).simulated) return on_device::bare_steps(steps);
  }
  return 0;  // a simulated device takes no time
}

// A record and the wait for it, as an edge calls them.
double record_and_wait(const settings& s, std::size_t n) {
  const bare_device d(s);
  auto* const second = d->create_stream(0);
  auto* const e = d->create_event(false);
  const auto took = time_of([&] {
    for (std::size_t i = 0; i < n; ++i) {
      d->record(d.stream(), e);
      d->wait(second, e);
    }
  });
  d->record(second, e);
  d->synchronize(e);
  d->destroy_event(e);
  d->destroy_stream(second);
  return took.count() * 1e9 / static_cast<double>(n);
}

}  // namespace

void edges(benchmark::State& state, const settings& s) {
  // Two tasks each, and all of them are ahead of the device: an executor stops at 128.
  const std::size_t steps = std::min<std::size_t>(s.n, 50);
  for ([[maybe_unused]] auto _ : state) {
    const auto took = time_of([&] {
      load_kernels(s);
      through_executor(s, 2, steps);
      std::vector<double> device;
      std::vector<double> bare;
      std::vector<double> host;
      std::vector<double> two;
      for (int i = 0; i < 21; ++i) {
        const auto on_two = through_executor(s, 2, steps);
        const auto on_one = through_executor(s, 1, steps);
        device.push_back(on_two.device_ns);
        two.push_back(on_two.enqueued_ns);
        host.push_back((on_two.enqueued_ns - on_one.enqueued_ns) / static_cast<double>(2 * steps));
        bare.push_back(by_hand(s, steps));
      }
      const auto each = static_cast<double>(steps);
      state.counters["device_ns_per_step"] = median(device) / each;
      state.counters["by_hand_ns_per_step"] = median(bare) / each;
      state.counters["host_ns_per_task"] = median(two) / (2 * each);
      state.counters["host_ns_per_edge"] = median(host);
      state.counters["record_and_wait_ns"] = record_and_wait(s, s.n);
    });
    state.SetIterationTime(took.count());
  }
}

// The words of the frontier against the events of the others.
void marks(benchmark::State& state, const settings& s) {
  const bare_device d(s);
  auto* const word = new (d->allocate_pinned(64)) std::atomic<std::uint64_t>(0);
  auto* const e = d->create_event(false);
  const auto each = [&](auto call) {
    const auto all = [&] {
      return time_of([&] {
               for (std::size_t i = 0; i < s.n; ++i) call(i + 1);
             }).count() *
             1e9 / static_cast<double>(s.n);
    };
    all();
    d.finish();
    const double host = all();
    d.finish();
    return host;
  };
  for ([[maybe_unused]] auto _ : state) {
    const auto took = time_of([&] {
      state.counters["write_word_ns"] =
          each([&](std::uint64_t i) { d->write_word(d.stream(), *word, i); });
      expect("the word", word->load(), s.n);
      state.counters["record_event_ns"] = each([&](std::uint64_t) { d->record(d.stream(), e); });
      state.counters["query_event_ns"] =
          each([&](std::uint64_t) { static_cast<void>(d->query(e)); });
      state.counters["query_stream_ns"] =
          each([&](std::uint64_t) { static_cast<void>(d->query(d.stream())); });
      state.counters["memory_ns"] = each([&](std::uint64_t) { static_cast<void>(d->memory()); });
      state.counters["is_pinned_ns"] =
          each([&](std::uint64_t) { static_cast<void>(d->is_pinned(word)); });
    });
    state.SetIterationTime(took.count());
  }
  d->destroy_event(e);
  d->deallocate_pinned(word);
}

}  // namespace bench::gpu
