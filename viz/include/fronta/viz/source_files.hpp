// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fronta::viz {

/// The files of a program that its traces name, for pictures, which read none themselves. Nothing
/// here fails: where a file cannot be had, it says why. Not thread-safe.
///
///     viz::source_files sources({.folder = "/home/me/project"});
///     sources.read(of);
///     draw(of, {.what = viz::preset::stage, .layout = viz::stage_layout::read,
///               .sources = &sources}, …);
class source_files {
 public:
  struct options {
    /// What they lie below, by the name that the trace has or the end of it. Empty: where they were
    /// compiled, else below the working directory.
    std::filesystem::path folder = {};
    std::string host = {};  ///< what this machine is called; empty: what it calls itself
  };
  struct file {
    std::string path;                ///< where it was found
    std::vector<std::string> lines;  ///< without their ends, tabs as spaces
    std::string missing;             ///< one sentence why there are no lines, else empty
    std::string doubt;  ///< one sentence why these may not be the lines that ran, else empty
  };

  source_files();
  explicit source_files(options o);

  /// Reads those that the trace names and that were not asked for before.
  void read(const index& of);
  /// So that they are read anew: they may have changed, and another recording has other doubts.
  void forget() noexcept { files_.clear(); }
  /// What `name` stands for from now on, without reading.
  void add(std::string name, std::string_view text);
  /// By the trace's name of it; null for one that was never asked for.
  [[nodiscard]] const file* find(std::string_view name) const noexcept;

 private:
  options options_;
  std::map<std::string, file, std::less<>> files_;
};

/// A name as in a trace, without what leads out of a folder: "../../src/main.cpp" is
/// "src/main.cpp".
[[nodiscard]] std::string inner_path(std::string_view name);

}  // namespace fronta::viz
