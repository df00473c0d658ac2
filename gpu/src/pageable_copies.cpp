// SPDX-License-Identifier: Apache-2.0
#include "pageable_copies.hpp"

#include <fronta/errors.hpp>

#include <array>
#include <cstdio>
#include <exception>
#include <string>

namespace fronta::gpu {
namespace {

template <class... Args>
std::string formatted(const char* format, Args... args) {
  std::array<char, 64> text{};
  static_cast<void>(std::snprintf(text.data(), text.size(), format, args...));
  return text.data();
}

std::string milliseconds(std::chrono::nanoseconds t) {
  return formatted("%.2f ms", std::chrono::duration<double, std::milli>(t).count());
}

}  // namespace

std::string pageable_copy::text() const {
  std::string s = place + ": " + (kind == copy_kind::to_device ? "to_device" : "to_host") + " at " +
                  at.file_name() + ':' + std::to_string(at.line()) + " copied " +
                  formatted("%.1f MiB", static_cast<double>(bytes) / (1 << 20)) +
                  " of pageable memory through pinned memory";
  if (pinned) {
    s += ", which took " + milliseconds(took) + " where " + milliseconds(*pinned) +
         " would do (measured" +
         (simulated ? " on a simulated device, which says nothing about a GPU)" : ")");
  }
  return s + "; use memory of device::allocate_pinned and keep it";
}

void print_pageable_copy(const pageable_copy& c) {
  if (c.pinned && c.took < *c.pinned + *c.pinned / 10) return;
  std::fprintf(stderr, "fronta: %s\n", c.text().c_str());
}

namespace detail {

bool pageable_copies::first(const std::source_location& at, std::size_t bytes) {
  if (bytes < least_bytes) return false;
  const std::lock_guard lock(mutex_);
  return told_.emplace(at.file_name(), at.line(), at.column()).second;
}

void pageable_copies::tell(const pageable_copy& c) const noexcept {
  try {
    hook_(c);
  } catch (...) {
    fronta::detail::report_error(std::current_exception(),
                                 "gpu::options: on_pageable_copy threw; it must not");
  }
}

}  // namespace detail
}  // namespace fronta::gpu
