// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/readback.hpp>

#include <fronta/errors.hpp>
#include <fronta/gpu/stream.hpp>

#include "context.hpp"

#include <stdexcept>
#include <string>

namespace fronta::gpu {

namespace detail {

void throw_not_there(bool empty) {
  if (empty) {
    throw invalid_state_error(
        "gpu::readback::value: the handle is empty; take one from stream::readback");
  }
  throw invalid_state_error(
      "gpu::readback::value: the device has not handed the value over; return the handle from its "
      "task, and read it from the task's future");
}

}  // namespace detail

void stream::hand_back(std::shared_ptr<detail::arrival> cell, void* to, const void* from,
                       std::size_t elements, std::size_t bytes) {
  if (elements != 1) {
    throw std::invalid_argument("gpu::stream::readback: the view has " + std::to_string(elements) +
                                " elements; give one element, or copy them with to_host");
  }
  memory_->keep(std::move(cell));
  copy_back(to, from, bytes, std::source_location::current());
  memory_->announce();
}

}  // namespace fronta::gpu
