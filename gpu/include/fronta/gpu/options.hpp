// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/pageable_copy.hpp>
#include <fronta/time.hpp>
#include <fronta/trace.hpp>

#include <functional>

namespace fronta::gpu {

/// How a backend watches over what its devices do.
struct options {
  /// Each task is bracketed by two words that its stream writes. After a fault they tell which
  /// tasks had begun and not ended, so only those are suspects (`device_fault`, certain when it is
  /// one); the others are told that they are not (`device_lost_error`). Costs two writes a task.
  bool breadcrumbs = false;
  /// A task whose work has run for so long is taken to hang: its device is given up for the life of
  /// the process, and all tasks on it fail with `device_lost_error`. What the device may still
  /// write is leaked on purpose. Turns the words of `breadcrumbs` on. Not below 1 ms.
  time_limit hang_timeout = {};
  /// How well traces know when a device was at work for a task; nothing is done while nobody
  /// traces. `observed` costs nothing. `stamped` costs two kernels of one thread a task, and a
  /// comparison of clocks four times a second. `profiled` tells of each kernel and copy, on CUDA
  /// devices by CUPTI, which records the whole process and serves one profiler at a time; where a
  /// device keeps no records (see `fronta doctor`), the backend's making throws
  /// std::invalid_argument. Records for which there was no room are counted in the trace
  /// (`trace::event_kind::lost_records`).
  trace::time_grade times = trace::time_grade::observed;
  /// Told of copies between a device and pageable memory that are 4 MiB or more, once per call of
  /// `stream::to_device` or `to_host` in the source, with what it cost; `print_pageable_copy`
  /// writes it to stderr. Such a copy is waited for and measured, and once for each device and
  /// direction so are 20 MiB from or to pinned memory: by the host part or, to the host, the end of
  /// its task. From any worker, also several at once; must not throw. Empty: nothing is measured.
  std::function<void(const pageable_copy&)> on_pageable_copy = {};
};

}  // namespace fronta::gpu
