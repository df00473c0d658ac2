// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/scene.hpp>

#include <filesystem>
#include <memory>

namespace fronta::viz {

/// A film of scenes, .mp4 or .gif by the file's name, made by the program ffmpeg, which is looked
/// for in PATH. Each scene is on screen for exactly 1 / `frames_per_second`, however long it takes
/// to make. Throws std::runtime_error, with what ffmpeg says. One thread at a time.
///
///     viz::video film("run.mp4", {.width = 1280, .height = 720});
///     for (const auto& s : scenes) film.add(s);
///     film.finish();
class video {
 public:
  struct options {
    float width = 0;  ///< of every scene
    float height = 0;
    float scale = 1;             ///< pixels for each of the scene's
    int frames_per_second = 50;  ///< GIF: 10, 20, 25 or 50, for it counts in 1/100 s
  };

  video(const std::filesystem::path& file, const options& o);
  /// Without `finish` it ends ffmpeg and removes the file.
  ~video();
  video(const video&) = delete;
  video& operator=(const video&) = delete;

  /// Blocks while ffmpeg has too much to do.
  void add(const scene& s);
  /// Blocks until the file is complete. Nothing can be added after it.
  void finish();

 private:
  class encoder;
  std::unique_ptr<encoder> encoder_;
};

}  // namespace fronta::viz
