// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/device.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <source_location>
#include <string>

namespace fronta::gpu {

/// A large copy between a device and pageable memory, which goes through pinned memory of Fronta's.
struct pageable_copy {
  std::source_location at;  ///< of `stream::to_device` or `stream::to_host`
  std::string place = {};   ///< such as gpu:0
  bool simulated = false;   ///< then nothing here says anything about a GPU
  copy_kind kind = copy_kind::to_device;
  std::size_t bytes = 0;
  /// What it took: measured to the device; to the host, `pinned` and the measured copy from there.
  std::chrono::nanoseconds took{0};
  /// What the device takes for as many bytes of pinned memory, from the rate of some chunks that
  /// was measured once. Empty where that failed.
  std::optional<std::chrono::nanoseconds> pinned = {};

  /// One sentence: where, how much was lost, and what to do. Without numbers where `pinned` is
  /// empty.
  [[nodiscard]] std::string text() const;
};

/// For `options::on_pageable_copy`: writes the text to stderr, where a tenth or more was lost or
/// nothing could be measured.
void print_pageable_copy(const pageable_copy& c);

}  // namespace fronta::gpu
