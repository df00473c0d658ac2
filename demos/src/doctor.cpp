// SPDX-License-Identifier: Apache-2.0
#include "doctor.hpp"

#include "output.hpp"

#include <fronta/fronta.hpp>

#include <fmt/format.h>

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <fstream>
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

void print_heading(std::string_view text) { fmt::print("\n{}\n", text); }
void print_fact(std::string_view label, std::string_view text) {
  fmt::print("  {:<11} {}\n", label, text);
}

}  // namespace

exit_code doctor() {
  struct remedy {
    std::string lack;
    std::string what_to_do;
  };
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
  const auto& cuda = gpu::cuda_probe();
  print_fact("CUDA",
             cuda.built ? "built in; the driver is looked for at run time" : "not built in");
  std::string driver = "none";
  if (cuda.loaded) {
    driver = cuda.driver_version == 0 ? "of unknown version"
                                      : fmt::format("for CUDA {}.{}", cuda.driver_version / 1'000,
                                                    cuda.driver_version % 1'000 / 10);
  }
  print_fact("driver", driver);
  for (const auto& d : cuda.devices) {
    print_fact(fmt::format("device {}", d.index),
               fmt::format("{}, {:.1f} GB, {} multiprocessors, {}, compute capability {}.{}",
                           d.name, static_cast<double>(d.memory_bytes) / 1e9, d.multiprocessors,
                           counted(static_cast<std::uint64_t>(d.copy_engines), "copy engine"),
                           d.compute_major, d.compute_minor));
  }
  for (const auto& d : cuda.devices) {
    if (!gpu::kernels_run_on(d)) {
      missing.push_back({fmt::format("ready-made kernels for device {}", d.index),
                         fmt::format("build with nvcc and CMAKE_CUDA_ARCHITECTURES={}{}",
                                     d.compute_major, d.compute_minor)});
    }
  }
  print_fact("simulated", "always there: gpu::simulated");
  if (cuda.devices.empty()) missing.push_back({cuda.reason, cuda.remedy});

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
  fmt::print("  kernels for CUDA devices, worker processes, Dask and Ray, the visualizer\n");
  flush_output();
  return code;
}

}  // namespace fronta::demos
