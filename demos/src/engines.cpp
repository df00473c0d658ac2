// SPDX-License-Identifier: Apache-2.0
#include "engines.hpp"

#include <algorithm>
#include <chrono>
#include <latch>

namespace fronta::demos {
namespace {

using clock = std::chrono::steady_clock;
using enqueue = std::function<void(gpu::stream&, int items)>;

double since(clock::time_point begin) {
  return std::chrono::duration<double>(clock::now() - begin).count();
}

// Seconds for `items`, all on one stream.
double run_alone(executor_ref ex, const std::string& place, const enqueue& work, int items) {
  clock::time_point begin;
  ex.submit({.name = "measure", .place_on = place}, [&](gpu::stream& s) {
      begin = clock::now();
      work(s, items);
    }).get();
  return since(begin);
}

// Likewise while another stream is busy with `beside`, which goes on for longer.
double run_beside(executor_ref ex, const std::string& place, const enqueue& work,
                  const enqueue& beside, int items) {
  std::latch busy(1);
  const auto other = ex.submit({.name = "measure, beside", .place_on = place}, [&](gpu::stream& s) {
    const struct opened {
      std::latch& of;
      ~opened() { of.count_down(); }
    } at_end{busy};
    beside(s, 3 * items);
  });
  // What it refers to must live until it has ended, whatever happens here.
  const struct waiting {
    const future<void>& of;
    ~waiting() { of.wait(); }
  } at_end{other};
  // Cancelled before it began, it opens nothing.
  while (!busy.try_wait() && !other.done()) std::this_thread::yield();
  const double seconds = run_alone(ex, place, work, items);
  other.get();
  return seconds;
}

}  // namespace

pinned_memory::pinned_memory(executor_ref ex, const std::string& place, std::size_t bytes)
    : bytes_(bytes) {
  ex.submit({.name = "pinned memory", .place_on = place}, [this](gpu::stream& s) {
      device_ = &s.on();
      data_ = device_->allocate_pinned(bytes_);
    }).get();
}

pinned_memory::~pinned_memory() {
  if (device_ != nullptr) device_->deallocate_pinned(data_);
}

engine_records::engine_records() : before_(trace::set_sink(this)) {}
engine_records::~engine_records() { trace::set_sink(before_); }

void engine_records::record(const trace::event& /*e*/) noexcept {}

void engine_records::record(const trace::device_span& s) noexcept {
  if (s.grade != trace::time_grade::profiled) return;
  // The two ends have the same error, which goes out.
  const auto busy = s.end_latest - s.begin_latest;
  using enum trace::device_work;
  auto& other = s.what == to_host ? to_host_ : kernel_;
  auto& of = s.what == to_device ? to_device_ : other;
  of.fetch_add(busy, std::memory_order_relaxed);
}

engine_times engine_records::busy() const noexcept {
  const auto seconds = [](const std::atomic<std::int64_t>& of) {
    return static_cast<double>(of.load(std::memory_order_relaxed)) * 1e-9;
  };
  return {seconds(to_device_), seconds(kernel_), seconds(to_host_)};
}

double engine_times::longest() const noexcept { return std::max({to_device, kernel, to_host}); }

engine_times measure_engines(executor_ref ex, const std::string& place, const engine_item& item,
                             int items) {
  const pinned_memory from(ex, place, item.bytes_to_device);
  const pinned_memory to(ex, place, item.bytes_to_host);
  const enqueue to_device = [&](gpu::stream& s, int n) {
    for (int i = 0; i < n; ++i) static_cast<void>(s.to_device(from.as<std::byte>()));
  };
  const enqueue to_host = [&](gpu::stream& s, int n) {
    const auto source = s.allocate<std::byte>(item.bytes_to_host);
    for (int i = 0; i < n; ++i) s.to_host(to.as<std::byte>(), source);
  };
  const enqueue kernels = [&](gpu::stream& s, int n) {
    for (int i = 0; i < n; ++i) item.kernel(s);
  };
  // The first time a device also loads code and takes memory.
  for (const auto* work : {&to_device, &to_host, &kernels}) run_alone(ex, place, *work, 1);

  engine_times each;
  each.to_device = run_beside(ex, place, to_device, to_host, items) / items;
  each.to_host = run_beside(ex, place, to_host, to_device, items) / items;
  each.kernel = run_alone(ex, place, kernels, items) / items;
  return each;
}

}  // namespace fronta::demos
