// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/virtual_devices.hpp>

#include "device_backend.hpp"

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace fronta::gpu {

struct virtual_devices::state {
  simulated config;
  std::shared_ptr<simulation> all;
  bool given = false;
  std::function<bool()> poll;  // while an executor has the places
};

namespace {

simulated in_virtual_time(simulated config) {
  if (!config.options.hang_timeout.infinite()) {
    throw std::invalid_argument(
        "gpu::virtual_devices: hang_timeout goes by the host's clock; leave it out, since what "
        "hangs shows when nothing can happen any more");
  }
  if (config.completion.mechanism == completion_mechanism::blocking_sync) {
    throw std::invalid_argument(
        "gpu::virtual_devices: blocking_sync needs threads; use another mechanism");
  }
  config.time = simulated_time::virtual_();
  config.completion.by_hand = true;
  config.completion.probe = {};  // each look asks for faults, whatever the host's clock says
  return config;
}

// Passes everything on, and says when it goes.
class places_backend final : public backend {
 public:
  places_backend(std::unique_ptr<backend> inner, std::function<void()> gone)
      : inner_(std::move(inner)), gone_(std::move(gone)) {}
  ~places_backend() override { gone_(); }
  places_backend(const places_backend&) = delete;
  places_backend& operator=(const places_backend&) = delete;

  std::vector<place_info> start(backend_host& host) override { return inner_->start(host); }
  void stop() noexcept override { inner_->stop(); }
  [[nodiscard]] bool hosts_plain_tasks() const noexcept override {
    return inner_->hosts_plain_tasks();
  }
  void launch(launched_task task, std::size_t place, launch_as how) noexcept override {
    inner_->launch(std::move(task), place, how);
  }
  [[nodiscard]] fronta::detail::device_host* devices() noexcept override {
    return inner_->devices();
  }
  [[nodiscard]] std::size_t load_at(std::size_t place) const noexcept override {
    return inner_->load_at(place);
  }
  void put(std::size_t place, fronta::detail::data_block& numbers) override {
    inner_->put(place, numbers);
  }

 private:
  std::unique_ptr<backend> inner_;
  std::function<void()> gone_;
};

}  // namespace

virtual_devices::virtual_devices(simulated of) : state_(std::make_shared<state>()) {
  state_->config = in_virtual_time(std::move(of));
  state_->all = std::make_shared<simulation>(state_->config);
}
virtual_devices::~virtual_devices() = default;

virtual_places virtual_devices::places() const { return {state_}; }

bool virtual_devices::step() {
  return (state_->poll != nullptr && state_->poll()) || state_->all->step();
}

device& virtual_devices::at(int index) { return state_->all->at(index); }

std::int64_t virtual_devices::now() const { return state_->all->now(); }

// NOLINTNEXTLINE(performance-unnecessary-value-param): all of these take their options by value
std::unique_ptr<backend> make_backend(virtual_places config) {
  const auto s = std::static_pointer_cast<virtual_devices::state>(config.of);
  if (s == nullptr) {
    throw std::invalid_argument(
        "gpu::virtual_places: they are of no devices; use virtual_devices::places()");
  }
  if (std::exchange(s->given, true)) {
    throw std::logic_error(
        "gpu::virtual_devices: they are places of one executor already; make others for another");
  }
  auto inner = detail::make_device_backend(detail::devices_of(s->all), s->config.streams,
                                           s->config.completion, s->config.options,
                                           "gpu::virtual_devices", &s->poll);
  return std::make_unique<places_backend>(std::move(inner), [s] { s->poll = nullptr; });
}

}  // namespace fronta::gpu
