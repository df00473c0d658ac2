// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/device.hpp>

#include <memory>
#include <string>
#include <vector>

/// The driver is found at run time: nothing links to it. The environment variable
/// FRONTA_CUDA_DRIVER names its library where it is not libcuda.so.1, such as a test's fake one.
namespace fronta::gpu {

/// What became of looking for CUDA on this machine. `devices` is empty unless `reason` is.
struct cuda_status {
  bool built = false;      ///< whether this library was built with a CUDA toolkit
  bool loaded = false;     ///< whether a driver library was found and opened
  int driver_version = 0;  ///< such as 13000 for 13.0; 0 when unknown
  int needed_version = 0;  ///< the oldest driver version that serves
  /// Without stream priorities, which are known of an open device only.
  std::vector<device_properties> devices;
  std::string reason;  ///< why no device can be used, in one sentence; empty when one can
  std::string remedy;  ///< what to do about it, in one sentence
};

/// Looks for the driver and its devices; the first call loads the driver, further ones give the
/// same answer. Creates nothing on any device. Neither throws nor links to the driver. Thread-safe.
const cuda_status& cuda_probe() noexcept;

/// What became of looking for CUPTI, which `options::times` needs for `profiled`. It can still
/// refuse when it is used: another profiler may hold it, or the driver allow it to administrators
/// alone. The environment variable FRONTA_CUPTI names its library where it is neither known to the
/// loader nor below CUDA_HOME, CUDA_PATH or /usr/local/cuda.
struct cupti_status {
  std::string library;  ///< as it was found; empty when none was opened
  int version = 0;      ///< as CUPTI counts: 130000 for CUDA 13.0, 19 for 12.0; 0 when unknown
  std::string reason;   ///< why it cannot be used, in one sentence; empty when it can
  std::string remedy;   ///< what to do about it, in one sentence
};

/// As `cuda_probe`, for CUPTI.
const cupti_status& cupti_probe() noexcept;

/// Opens a device by its index in `cuda_status::devices`, and holds its primary context, the one of
/// the CUDA runtime library, until it is destroyed; streams, events and pinned memory must have
/// been given back by then. A thread that calls a function of the device has it current afterwards.
/// Throws `device_error` with the reason and remedy when CUDA or the device cannot be used,
/// std::invalid_argument for an index that does not exist.
std::unique_ptr<device> open_cuda_device(int index);

}  // namespace fronta::gpu
