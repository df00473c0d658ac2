// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace fronta::demos {

/// Where the images of a run come from.
class image_source {
 public:
  /// Throws `usage_error` for a folder that is not there or holds no PNG files.
  explicit image_source(const pipeline& settings);

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] bool generated() const noexcept { return files_.empty(); }
  /// What the image's output is called.
  [[nodiscard]] std::string file_name(std::size_t i) const;
  /// For messages: its path, or what it is.
  [[nodiscard]] std::string name(std::size_t i) const;
  /// The i-th PNG file, drawn or read. Thread-safe.
  [[nodiscard]] std::vector<std::byte> load(std::size_t i) const;

 private:
  const pipeline& settings_;
  std::vector<std::filesystem::path> files_;
  std::size_t count_;
};

/// Under another name first, so that nobody finds half a file.
void write_whole(const std::filesystem::path& file, std::span<const std::byte> bytes);

}  // namespace fronta::demos
