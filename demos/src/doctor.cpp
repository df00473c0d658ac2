// SPDX-License-Identifier: Apache-2.0
#include "doctor.hpp"

#include "list.hpp"
#include "output.hpp"
#include "stage.hpp"

#include <fronta/fronta.hpp>

#include <fmt/format.h>

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <fstream>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fronta::demos {
namespace {

// The value of the first line "key : value" of a file below /proc, or "unknown".
std::string proc_value(const char* file, std::string_view key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const auto value = line.find_first_not_of(" \t", line.find(':') + 1);
    if (value != std::string::npos) return line.substr(value);
  }
  return "unknown";
}

std::string machine() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return fmt::format("{} {}, {}", name.sysname, name.release, name.machine);
}

std::string cpus() {
  return fmt::format("{} online; this process may use {} (affinity {})",
                     ::sysconf(_SC_NPROCESSORS_ONLN), usable_cpus(),
                     proc_value("/proc/self/status", "Cpus_allowed_list"));
}

std::string quota() {
  const auto limit = cgroup_cpu_quota();
  return limit ? fmt::format("{:g} CPUs by cgroup", *limit) : "none by cgroup";
}

std::string memory() {
  const auto pages = ::sysconf(_SC_PHYS_PAGES);
  const auto size = ::sysconf(_SC_PAGESIZE);
  return fmt::format("{:.1f} GB", static_cast<double>(pages) * static_cast<double>(size) / 1e9);
}

std::string compiler() {
#if defined(__clang__)
  return fmt::format("Clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return fmt::format("GCC {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

#if defined(__has_feature)
#define FRONTA_HAS_FEATURE(x) __has_feature(x)
#else
#define FRONTA_HAS_FEATURE(x) 0
#endif

std::string sanitizer() {
#if defined(__SANITIZE_THREAD__) || FRONTA_HAS_FEATURE(thread_sanitizer)
  return "ThreadSanitizer";
#elif defined(__SANITIZE_ADDRESS__) || FRONTA_HAS_FEATURE(address_sanitizer)
  return "AddressSanitizer";
#else
  return "none";
#endif
}

// Asked of the library itself, since only it knows how it was built.
bool has_hwloc() {
  try {
    static_cast<void>(make_backend(cpu::threads{.workers = 1, .pin = true}));
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

std::string self_test() {
  constexpr int tasks = 1'000;
  const auto begin = std::chrono::steady_clock::now();
  auto ex = local_executor();
  long long sum = 0;
  for (const int one : ex.map([](int x) { return x; }, std::views::iota(0, tasks))) sum += one;
  if (sum != tasks * (tasks - 1LL) / 2)
    throw std::runtime_error("the sum over 1 000 tasks is wrong");
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  return fmt::format("{} on {} in {:.1f} ms, threads started and ended", counted(tasks, "task"),
                     counted(usable_cpus(), "worker"), passed.count() * 1e3);
}

struct remedy {
  std::string lack;
  std::string what_to_do;
};

void print_heading(std::string_view text) { fmt::print("\n{}\n", text); }
void print_fact(std::string_view label, std::string_view text) {
  fmt::print("  {:<11} {}\n", label, text);
}

// CUDA's numbers, such as 13010 for 13.1.
std::string version_text(int number) {
  return number == 0 ? "unknown" : fmt::format("{}.{}", number / 1'000, number % 1'000 / 10);
}

std::string gigabytes(std::size_t bytes) {
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

// Copies there and back, and a kernel: what the driver itself can do, without our kernels.
std::string device_self_test(int index) {
  const auto begin = std::chrono::steady_clock::now();
  const auto device = gpu::open_cuda_device(index);
  auto* const s = device->create_stream(0);
  std::vector<int> numbers(1'000);
  std::iota(numbers.begin(), numbers.end(), 1);
  std::vector<int> back(numbers.size());
  const auto bytes = numbers.size() * sizeof(int);
  void* const there = device->allocate(s, bytes);
  device->copy(s, there, numbers.data(), bytes, gpu::copy_kind::to_device);
  device->copy(s, back.data(), there, bytes, gpu::copy_kind::to_host);
  auto* const end = device->create_event(true);
  device->record(s, end);
  const bool ended = device->synchronize(end);
  static_cast<void>(device->sample_clocks());
  const auto free = device->memory().free_bytes;
  device->destroy_event(end);
  device->deallocate(s, there);
  device->destroy_stream(s);
  if (!ended || back != numbers) throw std::runtime_error("numbers came back wrong");
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  return fmt::format("{} free; copies and a kernel in {:.0f} ms", gigabytes(free),
                     passed.count() * 1e3);
}

// What was found of CUDA. False when a device is there and does not work.
bool print_gpu(std::vector<remedy>& missing) {
  constexpr int runtime = FRONTA_CUDA_RUNTIME;  // of the ready-made kernels; 0: they are not there
  const auto& cuda = gpu::cuda_probe();
  print_fact("CUDA",
             cuda.built ? "built in; the driver is looked for at run time" : "not built in");
  print_fact("driver", !cuda.loaded ? "none" : "for CUDA " + version_text(cuda.driver_version));
  print_fact("runtime", runtime != 0 ? "CUDA " + version_text(runtime) +
                                           ", linked in with the ready-made kernels"
                                     : "none: the ready-made kernels run on simulated devices");
  constexpr std::string_view cccl = FRONTA_CCCL;
  print_fact("CCCL", cccl.empty() ? "not found when this was built"
                                  : fmt::format("{}, for Thrust in GPU tasks", cccl));
  bool all_work = true;
  for (const auto& d : cuda.devices) {
    const auto name = fmt::format("device {}", d.index);
    print_fact(name, fmt::format("{}, {}, {} multiprocessors, {}, compute capability {}.{}", d.name,
                                 gigabytes(d.memory_bytes), d.multiprocessors,
                                 counted(static_cast<std::uint64_t>(d.copy_engines), "copy engine"),
                                 d.compute_major, d.compute_minor));
    try {
      print_fact("", device_self_test(d.index));
    } catch (const std::exception& error) {
      print_fact("", "it does not work, see below");
      missing.push_back({name, error.what()});
      all_work = false;
    }
    if (!gpu::kernels_run_on(d)) {
      missing.push_back({"ready-made kernels for " + name,
                         fmt::format("build with nvcc and CMAKE_CUDA_ARCHITECTURES={}{}",
                                     d.compute_major, d.compute_minor)});
    } else if (cuda.driver_version / 1'000 < runtime / 1'000) {
      missing.push_back({fmt::format("a driver for the ready-made kernels, which have CUDA {}",
                                     version_text(runtime)),
                         fmt::format("update the NVIDIA driver, or build with a toolkit of CUDA {}",
                                     cuda.driver_version / 1'000)});
    }
  }
  if (!cuda.devices.empty()) {
    const auto& cupti = gpu::cupti_probe();
    print_fact("GPU times", cupti.reason.empty()
                                ? fmt::format("{}: times = profiled works unless another profiler "
                                              "has it or the driver forbids it",
                                              cupti.library)
                                : fmt::format("not profiled: {}; {}", cupti.reason, cupti.remedy));
  }
  print_fact("simulated", "always there: gpu::simulated");
  if (cuda.devices.empty()) missing.push_back({cuda.reason, cuda.remedy});
  return all_work;
}

}  // namespace

exit_code doctor() {
  std::vector<remedy> missing;
  exit_code code = exit_code::success;

  fmt::print("fronta {}\n", FRONTA_VERSION);
  print_heading("This machine");
  print_fact("system", machine());
  print_fact("processor", proc_value("/proc/cpuinfo", "model name"));
  print_fact("CPUs", cpus());
  print_fact("CPU limit", quota());
  print_fact("memory", memory());

  print_heading("GPU");
  if (!print_gpu(missing)) code = exit_code::failed;

  print_heading("This build");
  const std::string_view type = FRONTA_BUILD_TYPE;
  print_fact("compiler", compiler());
  print_fact("build type", type.empty() ? "none" : type);
  print_fact("sanitizer", sanitizer());
  print_fact("hwloc", has_hwloc() ? "built in: cpu::threads{.pin = true} works" : "not built in");
  try {
    print_fact("self-test", self_test());
  } catch (const std::exception& error) {
    print_fact("self-test", fmt::format("failed: {}", error.what()));
    missing.push_back(
        {"working threads", "see the self-test above; often a limit on processes (ulimit -u)"});
    code = exit_code::failed;
  }

  const auto no_window = window_lacks();
  print_fact("window", no_window.empty() ? "there: fronta stage works where there is a display"
                                         : "not there");
  if (!no_window.empty()) {
    missing.push_back({fmt::format("the window of fronta stage ({})", no_window),
                       "use ./run fronta stage, which sets it up"});
  }

  if (!has_hwloc()) {
    missing.push_back(
        {"hwloc (for pinned workers)", "install libhwloc-dev, delete build/, build anew"});
  }
  if (type != "Release" && type != "RelWithDebInfo") {
    missing.push_back(
        {"optimisation", "for real speed use the preset release, as ./run fronta does"});
  }
  if (sanitizer() != "none") {
    missing.push_back({"full speed", "this build has a sanitizer; use the preset release"});
  }
  print_heading("Missing");
  if (missing.empty()) fmt::print("  nothing that this version could use\n");
  for (const auto& m : missing) fmt::print("  {}: {}\n", m.lack, m.what_to_do);

  print_heading("Not built yet");
  fmt::print("  {}\n", not_built_yet());
  flush_output();
  return code;
}

}  // namespace fronta::demos
