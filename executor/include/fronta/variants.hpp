// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

namespace fronta {

/// Two bodies of one task: see `variants`.
template <class Cpu, class Gpu>
class variant_set {
 public:
  variant_set(Cpu cpu, Gpu gpu) : cpu_(std::move(cpu)), gpu_(std::move(gpu)) {}

  template <class... Args>
    requires(std::invocable<Cpu&, Args...> && std::invocable<Gpu&, Args...>)
  auto operator()(Args&&... args) -> std::common_type_t<std::invoke_result_t<Cpu&, Args...>,
                                                        std::invoke_result_t<Gpu&, Args...>> {
    if (this_task::holds("gpu")) return std::invoke(gpu_, std::forward<Args>(args)...);
    return std::invoke(cpu_, std::forward<Args>(args)...);
  }

 private:
  Cpu cpu_;
  Gpu gpu_;
};

/// One task with a body for each kind of place, taking the same arguments: the task's tags choose.
/// With the tag "gpu" among its needs the second runs, else the first.
/// ```
/// ex.submit({.needs = {{"gpu", 1}}}, fronta::variants(blur_on_cpu, blur_on_gpu), image);
/// ```
template <class Cpu, class Gpu>
[[nodiscard]] variant_set<std::decay_t<Cpu>, std::decay_t<Gpu>> variants(Cpu&& cpu, Gpu&& gpu) {
  return {std::forward<Cpu>(cpu), std::forward<Gpu>(gpu)};
}

}  // namespace fronta
