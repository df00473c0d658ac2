// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>
#include <fronta/viz/view.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
/// "1st", "22nd".
[[nodiscard]] std::string ordinal(std::uint64_t n);

/// Year, month and day (UTC) of nanoseconds since 1970.
[[nodiscard]] std::string date(std::int64_t unix_nanoseconds);

/// As people call it: "task 7".
[[nodiscard]] std::string called(task_number t);

/// Such as "4 workers on 2 cores", so that nobody takes a bar for a core; empty where the trace
/// does not tell of both.
[[nodiscard]] std::string workers_on_cores(const index& of);

/// One sentence on an event; empty for those that only serve the program, such as a worker's name.
[[nodiscard]] std::string narrate(const index& of, std::uint32_t event);

/// Where a picture comes from, such as "RECORDED 2026-11-28" and "GPUs SIMULATED": part of every
/// picture and of every export. Each part may stand alone.
[[nodiscard]] std::vector<std::string> badge_of(const index& of, source shown);

/// The same in one line, with the machine: "RECORDED 2026-11-28 on host · GPUs SIMULATED".
[[nodiscard]] std::string badge(const index& of, source shown = source::recorded);
[[nodiscard]] std::string joined(const std::vector<std::string>& parts);

/// What a reader must know before any other word is believed: what is missing.
[[nodiscard]] std::vector<std::string> warnings_of(const index& of,
                                                   source shown = source::recorded);

/// In words, a line for each event that has a sentence: what happened on the time axis of `what`,
/// up to its moment. Before it the title, the badge, the warnings, the note, and of a part of the
/// trace, which one. Nothing else of `what` is looked at.
[[nodiscard]] std::string narrate(const index& of, const view& what = {});

/// What an exception of this library says, without the function in front, for a reader who called
/// none: "trace::read_file: this is no trace" becomes "this is no trace".
[[nodiscard]] std::string_view without_caller(std::string_view said) noexcept;

}  // namespace fronta::viz
