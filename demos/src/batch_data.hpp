// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "batch.hpp"

#include <filesystem>
#include <string_view>
#include <vector>

/// The files of the demo `batch`: sensor readings, one file an hour, and a list of stations.
namespace fronta::demos {

inline constexpr int station_count = 5;
inline constexpr int sensor_count = 20;

/// The first lines of the two kinds of files.
inline constexpr std::string_view stations_header = "sensor,station,offset";
inline constexpr std::string_view hour_header = "second,sensor,temperature,humidity";

struct batch_files {
  std::filesystem::path stations;
  std::vector<std::filesystem::path> hours;
};

/// Where they lie, or will.
std::filesystem::path data_folder(const batch& settings);

/// The files, generated now if they are not there. A generation that is interrupted or fails leaves
/// nothing behind. Throws `demo_error`.
batch_files prepare_data(const batch& settings, const session& s);

}  // namespace fronta::demos
