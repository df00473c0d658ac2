// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_file.hpp>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

/// Traces that a command was given.
namespace fronta::demos {

/// Throws `demo_error`, which says that the file cannot be `used` ("drawn") and why.
[[nodiscard]] trace::file_contents read_trace(const std::string& file, std::string_view used);

/// Why the end of what happened is not in it; empty where it is.
[[nodiscard]] std::string lack_of(const trace::file_contents& trace);

/// Whether two names, of files that need not exist, are of one file: links are followed.
[[nodiscard]] bool same_file(const std::filesystem::path& a, const std::filesystem::path& b);

/// Throws `demo_error` where writing `output` would destroy one of `inputs`, under whatever name.
void keep_inputs(const std::string& output, std::span<const std::string> inputs);

}  // namespace fronta::demos
