// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpus.hpp>

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace fronta {
namespace {

namespace fs = std::filesystem;

unsigned affinity_count() noexcept {
  // The kernel refuses a set that is smaller than its own; grow until it fits.
  for (int bits = 1024; bits <= 1 << 20; bits *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(bits));
    if (set == nullptr) break;
    const auto bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(bits));
    const int failed = ::sched_getaffinity(0, bytes, set);
    const int count = failed == 0 ? CPU_COUNT_S(bytes, set) : 0;
    const bool too_small = failed != 0 && errno == EINVAL;
    CPU_FREE(set);
    if (count > 0) return static_cast<unsigned>(count);
    if (!too_small) break;
  }
  return std::max(1U, std::thread::hardware_concurrency());
}

std::optional<double> quota_in(const fs::path& folder) {
  double quota = 0;
  double period = 0;
  if (std::ifstream v2(folder / "cpu.max"); v2 >> quota >> period) {
    // "max 100000" fails to read as a number: unlimited
  } else {
    std::ifstream v1_quota(folder / "cpu.cfs_quota_us");
    std::ifstream v1_period(folder / "cpu.cfs_period_us");
    if (!(v1_quota >> quota) || !(v1_period >> period)) return std::nullopt;
  }
  if (!(quota > 0) || !(period > 0)) return std::nullopt;
  return quota / period;
}

}  // namespace

std::optional<double> cgroup_cpu_quota(const fs::path& root, const fs::path& membership) noexcept {
  try {
    std::vector<fs::path> groups{root, root / "cpu", root / "cpu,cpuacct"};
    std::ifstream file(membership);
    for (std::string line; std::getline(file, line);) {
      // "0::/a/b" (v2) or "4:cpu,cpuacct:/a/b" (v1): every ancestor may limit.
      const auto first = line.find(':');
      const auto second = line.find(':', first + 1);
      if (first == std::string::npos || second == std::string::npos) continue;
      const auto controllers = line.substr(first + 1, second - first - 1);
      if (!controllers.empty() && controllers.find("cpu") == std::string::npos) continue;
      fs::path at = controllers.empty() ? root : root / controllers;
      for (const auto& part : fs::path(line.substr(second + 1)).relative_path()) {
        groups.push_back(at /= part);
      }
    }
    std::optional<double> least;
    for (const auto& group : groups) {
      if (const auto quota = quota_in(group)) least = std::min(least.value_or(*quota), *quota);
    }
    return least;
  } catch (...) {
    return std::nullopt;  // unreadable files limit nothing
  }
}

unsigned detail::cpus_within(unsigned affinity, std::optional<double> quota) noexcept {
  if (!quota) return affinity;
  return std::clamp(static_cast<unsigned>(std::ceil(std::min(*quota, 1e6))), 1U, affinity);
}

unsigned usable_cpus() noexcept {
  return detail::cpus_within(affinity_count(), cgroup_cpu_quota());
}

}  // namespace fronta
