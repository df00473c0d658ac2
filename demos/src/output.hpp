// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

/// How the program writes to stdout: aligned columns for people, one JSON object for programs.
namespace fronta::demos {

/// Members keep the order in which they were added.
using json = nlohmann::ordered_json;

/// The version of everything that `--json` prints. It rises when a member is removed or changes its
/// meaning; new members may come at any time.
inline constexpr int json_version = 1;

/// The first members of every object.
[[nodiscard]] json begin_json(std::string_view kind, std::string_view name);
void print_json(const json& object);

/// "label      text", with a label column of fixed width.
void print_row(std::string_view label, std::string_view text);
/// Everything printed so far is on its way; throws `demo_error` when it could not be written.
void flush_output();

/// 12345678 → "12 345 678".
[[nodiscard]] std::string grouped(std::uint64_t number);
/// 1 → "1 task", 2 → "2 tasks".
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view one,
                                  std::string_view many = {});
/// "12.3 s", "45 ms".
[[nodiscard]] std::string seconds_text(double seconds);
/// "31.4 MB" (10^6 bytes).
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
/// "3, 5 and 7"; a long list is cut and says how many follow.
[[nodiscard]] std::string listed(std::span<const std::string> words, std::size_t at_most = 12);
[[nodiscard]] std::string listed(std::span<const int> numbers, std::size_t at_most = 12);
/// Three decimals are enough for JSON.
[[nodiscard]] double rounded(double value, int decimals = 3);

}  // namespace fronta::demos
