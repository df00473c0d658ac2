// SPDX-License-Identifier: Apache-2.0
#include <fronta/fronta.hpp>

#include <utility>

namespace fronta {

executor local_executor(executor_options options) {
  return executor(std::move(options), cpu::threads{});
}

}  // namespace fronta
