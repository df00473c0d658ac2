// SPDX-License-Identifier: Apache-2.0
#ifndef FRONTA_HAS_CUDA
#error "FRONTA_HAS_CUDA must be 0 or 1: the build says whether a CUDA toolkit is there"
#endif
#if FRONTA_HAS_CUDA

#include "driver.hpp"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace fronta::gpu::detail {

namespace {

constexpr const char* library_name = "libcuda.so.1";
constexpr const char* library_variable = "FRONTA_CUDA_DRIVER";
constexpr const char* visibility_variable = "CUDA_VISIBLE_DEVICES";

/// The search came to its end: CUDA cannot be used.
struct no_cuda {
  std::string reason;
  std::string remedy;
  int code = 0;
};

std::string version_text(int version) {
  return std::to_string(version / 1000) + '.' + std::to_string(version % 1000 / 10);
}

void* open_library() {
  const char* named = std::getenv(library_variable);
  const std::string path = named != nullptr && *named != '\0' ? named : library_name;
  if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  const char* words = dlerror();
  const std::string why = words != nullptr ? words : "no reason given";
  if (path != library_name)
    throw no_cuda{"the driver library \"" + path + "\" named by " + library_variable +
                      " cannot be opened: " + why,
                  std::string("correct or unset ") + library_variable};
  // The loader's words begin with the name of what is missing, which may be a library that this
  // one needs.
  if (why.starts_with(library_name) && why.find("No such file") != std::string::npos)
    throw no_cuda{std::string("no NVIDIA driver library (") + library_name + ") was found",
                  "install the NVIDIA driver, version 525.60 or newer; in a container, start it "
                  "with the GPUs passed in (such as docker run --gpus all)"};
  throw no_cuda{std::string("the NVIDIA driver library cannot be opened: ") + why,
                "repair the installation of the NVIDIA driver"};
}

/// The driver's version; 0 when the library does not tell.
int ask_version(void* library) {
  const auto get_version =
      reinterpret_cast<PFN_cuDriverGetVersion_v2020>(dlsym(library, "cuDriverGetVersion"));
  int version = 0;
  if (get_version == nullptr) return 0;
  const CUresult code = get_version(&version);
  if (code == CUDA_ERROR_STUB_LIBRARY)
    throw no_cuda{
        std::string(library_name) + " is the toolkit's stub for linking, not the driver's library",
        "take the toolkit's folder \"stubs\" out of LD_LIBRARY_PATH", static_cast<int>(code)};
  return code == CUDA_SUCCESS ? version : 0;
}

class resolver {
 public:
  explicit resolver(PFN_cuGetProcAddress_v12000 get) : get_(get) {}

  template <class Function>
  void operator()(Function& f, const char* name) const {
    void* found = nullptr;
    CUdriverProcAddressQueryResult how{};
    const CUresult code =
        get_(name, &found, needed_driver, CU_GET_PROC_ADDRESS_LEGACY_STREAM, &how);
    if (code != CUDA_SUCCESS || found == nullptr)
      throw no_cuda{std::string("the NVIDIA driver lacks the function ") + name,
                    "update or reinstall the NVIDIA driver", static_cast<int>(code)};
    f = reinterpret_cast<Function>(found);
  }

 private:
  PFN_cuGetProcAddress_v12000 get_;
};

driver resolve(void* library, int version) {
  const auto get =
      reinterpret_cast<PFN_cuGetProcAddress_v12000>(dlsym(library, "cuGetProcAddress_v2"));
  // The entry point came with 12.0 itself.
  if (get == nullptr || version < needed_driver)
    throw no_cuda{
        (version != 0 ? "the NVIDIA driver is for CUDA " + version_text(version)
                      : std::string("the driver library is no CUDA driver, or a very old one")) +
            ", and Fronta needs one for CUDA " + version_text(needed_driver),
        "update the NVIDIA driver to version 525.60 or newer"};
  const resolver entry(get);
  driver api;
  entry(api.get_error_name, "cuGetErrorName");
  entry(api.get_error_string, "cuGetErrorString");
  entry(api.init, "cuInit");
  entry(api.device_get_count, "cuDeviceGetCount");
  entry(api.device_get, "cuDeviceGet");
  entry(api.device_get_name, "cuDeviceGetName");
  entry(api.device_total_mem, "cuDeviceTotalMem");
  entry(api.device_get_attribute, "cuDeviceGetAttribute");
  entry(api.device_can_access_peer, "cuDeviceCanAccessPeer");
  entry(api.primary_ctx_retain, "cuDevicePrimaryCtxRetain");
  entry(api.primary_ctx_release, "cuDevicePrimaryCtxRelease");
  entry(api.ctx_get_current, "cuCtxGetCurrent");
  entry(api.ctx_set_current, "cuCtxSetCurrent");
  entry(api.ctx_get_stream_priority_range, "cuCtxGetStreamPriorityRange");
  entry(api.stream_create_with_priority, "cuStreamCreateWithPriority");
  entry(api.stream_destroy, "cuStreamDestroy");
  entry(api.stream_query, "cuStreamQuery");
  entry(api.stream_synchronize, "cuStreamSynchronize");
  entry(api.stream_is_capturing, "cuStreamIsCapturing");
  entry(api.stream_wait_event, "cuStreamWaitEvent");
  entry(api.stream_write_value_64, "cuStreamWriteValue64");
  entry(api.launch_host_func, "cuLaunchHostFunc");
  entry(api.launch_kernel, "cuLaunchKernel");
  entry(api.event_create, "cuEventCreate");
  entry(api.event_destroy, "cuEventDestroy");
  entry(api.event_record, "cuEventRecord");
  entry(api.event_query, "cuEventQuery");
  entry(api.event_synchronize, "cuEventSynchronize");
  entry(api.memcpy_htod_async, "cuMemcpyHtoDAsync");
  entry(api.memcpy_dtoh_async, "cuMemcpyDtoHAsync");
  entry(api.memcpy_dtod_async, "cuMemcpyDtoDAsync");
  entry(api.memcpy_async, "cuMemcpyAsync");
  entry(api.memset_d8_async, "cuMemsetD8Async");
  entry(api.mem_pool_create, "cuMemPoolCreate");
  entry(api.mem_pool_destroy, "cuMemPoolDestroy");
  entry(api.mem_pool_set_attribute, "cuMemPoolSetAttribute");
  entry(api.mem_pool_get_attribute, "cuMemPoolGetAttribute");
  entry(api.mem_pool_set_access, "cuMemPoolSetAccess");
  entry(api.mem_alloc_from_pool_async, "cuMemAllocFromPoolAsync");
  entry(api.mem_free_async, "cuMemFreeAsync");
  entry(api.mem_get_info, "cuMemGetInfo");
  entry(api.mem_host_alloc, "cuMemHostAlloc");
  entry(api.mem_free_host, "cuMemFreeHost");
  entry(api.mem_host_get_device_pointer, "cuMemHostGetDevicePointer");
  entry(api.pointer_get_attributes, "cuPointerGetAttributes");
  entry(api.module_load_data, "cuModuleLoadData");
  entry(api.module_unload, "cuModuleUnload");
  entry(api.module_get_function, "cuModuleGetFunction");
  return api;
}

const char* remedy_for(CUresult code) {
  switch (code) {
    case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
      return "make the driver's library and its kernel module the same version again; after an "
             "update, reboot";
    case CUDA_ERROR_SYSTEM_NOT_READY:
      return "start the NVIDIA services of this machine (nvidia-fabricmanager, "
             "nvidia-persistenced)";
    case CUDA_ERROR_DEVICE_UNAVAILABLE:
      return "end the process that holds the device, or change its compute mode with nvidia-smi";
    default:
      return "run nvidia-smi, which tells more about the driver and its devices";
  }
}

[[noreturn]] void refused(const driver& api, const char* call, CUresult code) {
  throw no_cuda{std::string(call) + " failed with " + describe(api, static_cast<int>(code)),
                remedy_for(code), static_cast<int>(code)};
}

[[noreturn]] void no_device() {
  if (const char* visible = std::getenv(visibility_variable))
    throw no_cuda{
        std::string("no CUDA device is visible: ") + visibility_variable + " is \"" + visible + '"',
        std::string("unset ") + visibility_variable +
            ", or name devices in it that nvidia-smi -L lists",
        static_cast<int>(CUDA_ERROR_NO_DEVICE)};
  throw no_cuda{"the NVIDIA driver found no CUDA device",
                "check with nvidia-smi -L that there is one; in a container, pass it in",
                static_cast<int>(CUDA_ERROR_NO_DEVICE)};
}

device_properties describe_device(const driver& api, int index) {
  const auto check = [&](CUresult code, const char* call) {
    if (code != CUDA_SUCCESS) refused(api, call, code);
  };
  CUdevice device = 0;
  check(api.device_get(&device, index), "cuDeviceGet");
  const auto attribute = [&](CUdevice_attribute which) {
    int value = 0;
    check(api.device_get_attribute(&value, which, device), "cuDeviceGetAttribute");
    return value;
  };
  device_properties p;
  std::array<char, 256> name{};
  check(api.device_get_name(name.data(), static_cast<int>(name.size()) - 1, device),
        "cuDeviceGetName");
  p.name = name.data();
  p.index = index;
  check(api.device_total_mem(&p.memory_bytes, device), "cuDeviceTotalMem");
  p.multiprocessors = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  p.copy_engines = attribute(CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT);
  p.compute_major = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  p.compute_minor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  return p;
}

void look(search& found) {
  cuda_status& status = found.status;
  void* library = open_library();
  status.loaded = true;
  status.driver_version = ask_version(library);
  const driver& api = found.api = resolve(library, status.driver_version);
  if (const CUresult code = api.init(0); code == CUDA_ERROR_NO_DEVICE)
    no_device();
  else if (code != CUDA_SUCCESS)
    refused(api, "cuInit", code);
  int count = 0;
  if (const CUresult code = api.device_get_count(&count); code != CUDA_SUCCESS)
    refused(api, "cuDeviceGetCount", code);
  if (count == 0) no_device();
  std::vector<device_properties> devices;
  devices.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) devices.push_back(describe_device(api, i));
  status.devices = std::move(devices);
}

search look_once() noexcept {
  search found;
  found.status.built = true;
  found.status.needed_version = needed_driver;
  try {
    look(found);
  } catch (no_cuda& end) {
    found.status.reason = std::move(end.reason);
    found.status.remedy = std::move(end.remedy);
    found.code = end.code;
  } catch (const std::exception& ex) {
    found.status.reason = ex.what();  // out of memory: short enough to need none
    found.status.remedy = "free memory";
  }
  return found;
}

/// Name and words of a code; both empty when nobody knows it.
std::pair<std::string_view, std::string_view> look_up(const driver& api, int code) {
  // The runtime's numbers are the driver's but for a few.
  switch (code) {
    case 9:
      return {"cudaErrorInvalidConfiguration", "invalid configuration argument"};
    case 35:
      return {"cudaErrorInsufficientDriver", "the driver is older than the CUDA runtime"};
    case 98:
      return {"cudaErrorInvalidDeviceFunction", "invalid device function"};
    default:
      break;
  }
  const char* name = nullptr;
  const char* words = nullptr;
  // What lies outside is no value of the enumeration.
  if (code < 0 || code > static_cast<int>(CUDA_ERROR_UNKNOWN) || api.get_error_name == nullptr)
    return {};
  const auto result = static_cast<CUresult>(code);
  if (api.get_error_name(result, &name) != CUDA_SUCCESS || name == nullptr) return {};
  if (api.get_error_string(result, &words) != CUDA_SUCCESS || words == nullptr) words = "";
  return {name, words};
}

}  // namespace

const search& find_driver() noexcept {
  static const search found = look_once();
  return found;
}

std::string describe(const driver& api, int code) {
  const auto [name, words] = look_up(api, code);
  if (name.empty()) return "the unknown code " + std::to_string(code);
  return std::string(name) + " (" + std::to_string(code) + "), \"" + std::string(words) + '"';
}

std::string short_description(const driver& api, int code) {
  const auto [name, words] = look_up(api, code);
  if (name.empty()) return "unknown code " + std::to_string(code);
  return std::string(name) + ": " + std::string(words);
}

}  // namespace fronta::gpu::detail

#endif
