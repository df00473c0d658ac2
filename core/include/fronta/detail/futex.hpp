// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/time.hpp>

#include <atomic>
#include <cstdint>

namespace fronta::detail {

// std::atomic::wait cannot time out, and libstdc++ spins and counts waiters in a shared table
// before it sleeps; the system call under it does neither. Both return on a wake, a change, a
// signal or without reason: call in a loop. `word` must stay mapped until the call returns.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                deadline until = {}) noexcept;
void futex_wake_one(const std::atomic<std::uint32_t>& word) noexcept;
void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept;

}  // namespace fronta::detail
