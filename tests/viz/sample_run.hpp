// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_file.hpp>

#include <cstdint>

namespace fronta::test {

/// What a recording of `tasks` tasks on three workers could be; the same for the same seed. Some
/// wait, fail and are tried again, are stolen or cancelled; their names are as bad as names can be.
[[nodiscard]] trace::file_contents sample_run(std::uint64_t seed, std::uint64_t tasks);

}  // namespace fronta::test
