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
  variant_set(Cpu on_cpu, Gpu on_gpu) : cpu_(std::move(on_cpu)), gpu_(std::move(on_gpu)) {}

  /// Two plain bodies: the task's tags choose.
  template <class... Args>
    requires(std::invocable<Cpu&, Args...> && std::invocable<Gpu&, Args...>)
  auto operator()(Args&&... args) -> std::common_type_t<std::invoke_result_t<Cpu&, Args...>,
                                                        std::invoke_result_t<Gpu&, Args...>> {
    if (this_task::holds("gpu")) return std::invoke(gpu_, std::forward<Args>(args)...);
    return std::invoke(cpu_, std::forward<Args>(args)...);
  }

  [[nodiscard]] Cpu& cpu() noexcept { return cpu_; }
  [[nodiscard]] auto& gpu() noexcept {
    if constexpr (detail::is_gpu_function<Gpu>::value) {
      return gpu_.fn;
    } else {
      return gpu_;
    }
  }

 private:
  Cpu cpu_;
  Gpu gpu_;
};

template <class Cpu, class Gpu>
struct detail::bodies_of<variant_set<Cpu, Gpu>> {
  static constexpr bool two = true;
  using cpu = Cpu;
  using gpu = typename unwrapped<Gpu>::type;
};

/// One task with a body for CPUs and a body for GPUs. They take the same arguments, the second
/// behind a `gpu::stream&`, and their results have a common type. Arrays reach the first as
/// `std::span<const T>`, the second as `gpu::view<const T>`.
/// ```
/// const auto blur = fronta::variants(
///     [](std::span<const float> in) { … return fronta::array<float>(…); },
///     [](fronta::gpu::stream& s, fronta::gpu::view<const float> in) { … return out; });
/// ex.submit({.needs = {{"gpu", 1}}}, blur, image);             // the second
/// ex.submit({.select = fronta::select_by::data}, blur, image);  // where the image is
/// ```
/// `task_options::select` says who chooses. By default the tags do: the second body runs when the
/// needs name "gpu", when `place_on` names a device, or when what is needed is on devices alone;
/// else the first. `task_options::fallback` has the first run where a device breaks under the
/// second. A second body that takes no stream runs on a CPU worker like the first; then the tags
/// alone choose. A generic one for a stream needs `gpu::task` around it.
template <class Cpu, class Gpu>
[[nodiscard]] variant_set<std::decay_t<Cpu>, std::decay_t<Gpu>> variants(Cpu&& on_cpu,
                                                                         Gpu&& on_gpu) {
  return {std::forward<Cpu>(on_cpu), std::forward<Gpu>(on_gpu)};
}

}  // namespace fronta
