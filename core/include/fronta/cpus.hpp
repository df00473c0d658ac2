// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

namespace fronta {

/// The CPUs that this process may use: its affinity mask, limited by the cgroup's CPU quota
/// (rounded up, at least 1). Read anew at each call; thread-safe.
[[nodiscard]] unsigned usable_cpus() noexcept;

/// The cgroup's CPU quota in CPUs, read below `root` (cgroup v2 `cpu.max` of the process's group
/// and its ancestors, or v1 `cpu.cfs_quota_us`); none when unlimited, absent or malformed.
[[nodiscard]] std::optional<double> cgroup_cpu_quota(
    const std::filesystem::path& root = "/sys/fs/cgroup",
    const std::filesystem::path& membership = "/proc/self/cgroup") noexcept;

namespace detail {
/// What a quota leaves of the CPUs in the affinity mask.
[[nodiscard]] unsigned cpus_within(unsigned affinity, std::optional<double> quota) noexcept;
}  // namespace detail

}  // namespace fronta
