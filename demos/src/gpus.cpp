// SPDX-License-Identifier: Apache-2.0
#include "gpus.hpp"

#include "output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace fronta::demos {
namespace {

gpu_places made(std::unique_ptr<backend> opened, int count, bool simulated) {
  gpu_places gpus{.opened = std::move(opened), .places = {}, .simulated = simulated};
  for (int i = 0; i < count; ++i) gpus.places.push_back(fmt::format("gpu:{}", i));
  return gpus;
}

}  // namespace

gpu_places open_gpus(const gpu_wish& wish) {
  const gpu::options observed{};
  const gpu::options profiled{.times = trace::time_grade::profiled};
  const auto& found = gpu::cuda_probe().devices;
  const auto wanted = wish.devices == 0 ? found.size() : static_cast<std::size_t>(wish.devices);
  if (wanted != 0 && wanted <= found.size() && std::ranges::all_of(found, gpu::kernels_run_on)) {
    std::vector<int> devices(wanted);
    std::iota(devices.begin(), devices.end(), 0);
    const auto open = [&](const gpu::options& o) {
      return made(
          make_backend(gpu::cuda{.devices = devices, .streams = wish.streams, .options = o}),
          static_cast<int>(wanted), false);
    };
    try {
      if (wish.profiled) {
        try {
          auto gpus = open(profiled);
          gpus.profiled = true;
          return gpus;
        } catch (const std::invalid_argument&) {
          // They keep no records.
        }
      }
      return open(observed);
    } catch (const device_error&) {
      // It is there and cannot be used; `fronta doctor` looks closer.
    }
  }
  const int count = wish.devices == 0 ? wish.or_simulated : wish.devices;
  auto gpus = made(make_backend(gpu::simulated{.devices = count,
                                               .streams = wish.streams,
                                               .model = wish.model,
                                               .options = wish.profiled ? profiled : observed}),
                   count, true);
  gpus.profiled = wish.profiled;
  return gpus;
}

void print_gpus(const gpu_places& gpus) {
  if (gpus.simulated) {
    print_row("", fmt::format("the {} simulated: on the CPU, at a pace of no real device",
                              gpus.count() == 1 ? "gpu is" : "gpus are"));
    return;
  }
  for (std::size_t i = 0; i < gpus.places.size(); ++i) {
    print_row("", fmt::format("{} is {}", gpus.places[i], gpu::cuda_probe().devices[i].name));
  }
}

}  // namespace fronta::demos
