// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/cuda.hpp>

#include <cudaTypedefs.h>

#include <string>

/// The driver library, found at run time: nothing of CUDA is linked, so that one binary starts with
/// and without it.
namespace fronta::gpu::detail {

/// CUDA 12.0: the first driver with every entry point below.
constexpr int needed_driver = 12000;

/// The driver's functions, all of the legacy default stream. Each type names the version at which
/// its signature was fixed.
struct driver {
  PFN_cuGetErrorName_v6000 get_error_name = nullptr;
  PFN_cuGetErrorString_v6000 get_error_string = nullptr;
  PFN_cuInit_v2000 init = nullptr;

  PFN_cuDeviceGetCount_v2000 device_get_count = nullptr;
  PFN_cuDeviceGet_v2000 device_get = nullptr;
  PFN_cuDeviceGetName_v2000 device_get_name = nullptr;
  PFN_cuDeviceTotalMem_v3020 device_total_mem = nullptr;
  PFN_cuDeviceGetAttribute_v2000 device_get_attribute = nullptr;
  PFN_cuDeviceCanAccessPeer_v4000 device_can_access_peer = nullptr;

  PFN_cuDevicePrimaryCtxRetain_v7000 primary_ctx_retain = nullptr;
  PFN_cuDevicePrimaryCtxRelease_v11000 primary_ctx_release = nullptr;
  PFN_cuCtxGetCurrent_v4000 ctx_get_current = nullptr;
  PFN_cuCtxSetCurrent_v4000 ctx_set_current = nullptr;
  PFN_cuCtxGetStreamPriorityRange_v5050 ctx_get_stream_priority_range = nullptr;

  PFN_cuStreamCreateWithPriority_v5050 stream_create_with_priority = nullptr;
  PFN_cuStreamDestroy_v4000 stream_destroy = nullptr;
  PFN_cuStreamQuery_v2000 stream_query = nullptr;
  PFN_cuStreamSynchronize_v2000 stream_synchronize = nullptr;
  PFN_cuStreamIsCapturing_v10000 stream_is_capturing = nullptr;
  PFN_cuStreamWaitEvent_v3020 stream_wait_event = nullptr;
  PFN_cuStreamWriteValue64_v11070 stream_write_value_64 = nullptr;
  PFN_cuLaunchHostFunc_v10000 launch_host_func = nullptr;
  PFN_cuLaunchKernel_v4000 launch_kernel = nullptr;

  PFN_cuEventCreate_v2000 event_create = nullptr;
  PFN_cuEventDestroy_v4000 event_destroy = nullptr;
  PFN_cuEventRecord_v2000 event_record = nullptr;
  PFN_cuEventQuery_v2000 event_query = nullptr;
  PFN_cuEventSynchronize_v2000 event_synchronize = nullptr;

  PFN_cuMemcpyHtoDAsync_v3020 memcpy_htod_async = nullptr;
  PFN_cuMemcpyDtoHAsync_v3020 memcpy_dtoh_async = nullptr;
  PFN_cuMemcpyDtoDAsync_v3020 memcpy_dtod_async = nullptr;
  PFN_cuMemcpyAsync_v4000 memcpy_async = nullptr;
  PFN_cuMemsetD8Async_v3020 memset_d8_async = nullptr;

  PFN_cuMemPoolCreate_v11020 mem_pool_create = nullptr;
  PFN_cuMemPoolDestroy_v11020 mem_pool_destroy = nullptr;
  PFN_cuMemPoolSetAttribute_v11020 mem_pool_set_attribute = nullptr;
  PFN_cuMemPoolGetAttribute_v11020 mem_pool_get_attribute = nullptr;
  PFN_cuMemPoolSetAccess_v11020 mem_pool_set_access = nullptr;
  PFN_cuMemAllocFromPoolAsync_v11020 mem_alloc_from_pool_async = nullptr;
  PFN_cuMemFreeAsync_v11020 mem_free_async = nullptr;
  PFN_cuMemGetInfo_v3020 mem_get_info = nullptr;
  PFN_cuMemHostAlloc_v2020 mem_host_alloc = nullptr;
  PFN_cuMemFreeHost_v2000 mem_free_host = nullptr;
  PFN_cuMemHostGetDevicePointer_v3020 mem_host_get_device_pointer = nullptr;
  PFN_cuPointerGetAttributes_v7000 pointer_get_attributes = nullptr;

  PFN_cuModuleLoadData_v2000 module_load_data = nullptr;
  PFN_cuModuleUnload_v2000 module_unload = nullptr;
  PFN_cuModuleGetFunction_v2000 module_get_function = nullptr;
};

/// What became of looking for CUDA. `api` is whole when `status.loaded` and the version serves.
struct search {
  cuda_status status;
  driver api;
  int code = 0;  ///< the driver's, when it was the driver that refused
};

/// Looks once per process; the library then stays loaded, as it cannot be unloaded safely.
const search& find_driver() noexcept;

/// Such as `CUDA_ERROR_ILLEGAL_ADDRESS (700), "an illegal memory access was encountered"`. Also
/// knows the codes that only the runtime library gives.
std::string describe(const driver& api, int code);
/// The same as name and sentence: `CUDA_ERROR_ILLEGAL_ADDRESS: an illegal …`.
std::string short_description(const driver& api, int code);

}  // namespace fronta::gpu::detail
