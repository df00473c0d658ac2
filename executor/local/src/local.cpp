// SPDX-License-Identifier: Apache-2.0
#include <fronta/fronta.hpp>

#include <exception>
#include <memory>
#include <utility>
#include <vector>

namespace fronta {

executor local_executor(executor_options options) {
  std::vector<std::unique_ptr<backend>> backends;
  backends.push_back(make_backend(cpu::threads{}));
  if (!gpu::cuda_probe().devices.empty()) {
    try {
      backends.push_back(make_backend(gpu::cuda{}));
    } catch (const device_error&) {
      // Busy, or not ours: the CPUs serve all the same.
      detail::report_error(std::current_exception(), "local_executor: no GPU is used");
    }
  }
  return {std::move(options), std::move(backends)};
}

}  // namespace fronta
