// SPDX-License-Identifier: Apache-2.0
#include "rig.hpp"

#include <fronta/gpu/kernels.hpp>

#include <thread>

namespace bench::gpu {

const found_device& found(const settings& s) {
  static const found_device chosen = [&] {
    found_device d{.simulated = true, .name = "simulated", .driver = "none"};
    const auto& cuda = fronta::gpu::cuda_probe();
    if (cuda.driver_version != 0) {
      d.driver = "CUDA " + std::to_string(cuda.driver_version / 1000) + "." +
                 std::to_string(cuda.driver_version % 1000 / 10);
    }
    if (s.device == "simulated") return d;
    if (s.device != "auto") fail("--device is auto or simulated, and got '" + s.device + "'");
    if (cuda.devices.empty() || !has_device_parts) return d;
    const auto& first = cuda.devices.front();
    if (!fronta::gpu::kernels_run_on(first)) fail("this build has no kernels for " + first.name);
    d.simulated = false;
    d.name = first.name;
    return d;
  }();
  return chosen;
}

namespace {

fronta::gpu::simulated simulated(const wish& w) {
  return {.streams = w.streams,
          .memory = std::size_t{8} << 30,
          .model = fronta::gpu::time_model::instant(),
          .completion = w.completion,
          .options = w.options};
}

}  // namespace

fronta::executor open(const settings& s, const wish& w) {
  const fronta::cpu::threads workers{.workers = s.workers};
  if (found(s).simulated) return fronta::executor(workers, simulated(w));
  const fronta::gpu::cuda first{
      .devices = {0}, .streams = w.streams, .completion = w.completion, .options = w.options};
  return fronta::executor(workers, first);
}

bare_device::bare_device(const settings& s) {
  if (found(s).simulated) {
    simulated_.emplace(simulated({}));
    device_ = &simulated_->at(0);
  } else {
    opened_ = fronta::gpu::open_cuda_device(0);
    device_ = opened_.get();
  }
  stream_ = device_->create_stream(0);
}

bare_device::~bare_device() {
  finish();
  device_->destroy_stream(stream_);
}

void bare_device::finish() const {
  auto* const e = device_->create_event(false);
  device_->record(stream_, e);
  device_->synchronize(e);
  device_->destroy_event(e);
}

std::int64_t host_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now().time_since_epoch())
      .count();
}

counter make_counter(const fronta::executor& ex) {
  counter c;
  c.memory = ex.submit([&](stream& s) {
                 auto b = s.to_device(std::span<const std::uint64_t>({0}));
                 c.at = s.write(b).data();
                 return b;
               }).get();
  return c;
}

std::uint64_t value_of(const fronta::executor& ex, const counter& c) {
  std::uint64_t value = 0;
  ex.submit([&](stream& s) { s.to_host(std::span(&value, 1), c.memory); }).get();
  return value;
}

}  // namespace bench::gpu
