// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

namespace fronta::demos {

/// A stream of images: decoded on the CPU, blurred and searched for edges on gpus, encoded on the
/// CPU, with a window of them in flight.
struct pipeline {
  std::optional<int> images;  ///< 24; of a folder its first ones, all by default
  std::size_t width = 640;    ///< of generated images
  std::size_t height = 480;
  int gpus = 0;  ///< as `gpu_wish::devices`
  int streams = 4;
  std::optional<int> workers;  ///< usable CPUs
  int window = 8;
  std::uint64_t seed = 1;  ///< of generated images
  /// Where PNG files are. Not given: images are generated.
  std::filesystem::path input;
  std::filesystem::path output = "out/pipeline";
};

/// Runs the demo and prints what came out. Throws `usage_error` for an `input` without images, and
/// one that is `output` too.
exit_code run(const pipeline& settings, const session& s);

}  // namespace fronta::demos
