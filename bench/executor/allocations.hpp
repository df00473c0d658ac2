// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// Counts calls of operator new in the whole process, the libraries included; what a library takes
/// from an allocator of its own (oneTBB does) is not seen.
namespace bench::allocations {

/// From here on; before, an allocation pays one relaxed load.
void start() noexcept;
/// Since `start`, frees not deducted.
[[nodiscard]] std::size_t count() noexcept;
/// Live ones since `start`, as malloc rounds them.
[[nodiscard]] std::ptrdiff_t bytes() noexcept;

}  // namespace bench::allocations
