// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstdint>
#include <string>

/// What the pictures say in words and figures.
namespace fronta::viz {

/// With three significant digits and a unit, such as "12.3 µs"; "0 s" for 0.
[[nodiscard]] std::string duration(std::int64_t nanoseconds);

/// A moment on an axis whose ticks are `step` apart: as many digits as tell them apart, in a unit
/// that suits times up to `most`.
[[nodiscard]] std::string moment(std::int64_t nanoseconds, std::int64_t step, std::int64_t most);
[[nodiscard]] std::string moment(std::int64_t nanoseconds, std::int64_t step);

/// With spaces between thousands.
[[nodiscard]] std::string grouped(std::uint64_t number);

/// Year, month and day (UTC) of nanoseconds since 1970.
[[nodiscard]] std::string date(std::int64_t unix_nanoseconds);

/// As people call it: "task 7".
[[nodiscard]] std::string called(task_number t);

/// Such as "4 workers on 2 cores", so that nobody takes a bar for a core; empty where the trace
/// does not tell of both.
[[nodiscard]] std::string workers_on_cores(const index& of);

/// One sentence on an event; empty for those that only serve the program, such as a worker's name.
[[nodiscard]] std::string narrate(const index& of, std::uint32_t event);

/// All that happened, a line for each event that has a sentence.
[[nodiscard]] std::string narrate(const index& of);

}  // namespace fronta::viz
