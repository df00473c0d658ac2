// SPDX-License-Identifier: Apache-2.0
#include "pipeline_images.hpp"

#include "command_line.hpp"
#include "png.hpp"

#include <fronta/rng.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <iterator>
#include <system_error>

namespace fronta::demos {
namespace {

namespace fs = std::filesystem;

bool is_png(const fs::path& file) {
  auto extension = file.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".png";
}

std::vector<fs::path> png_files(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (is_png(at->path()) && at->is_regular_file(error)) files.push_back(at->path());
  }
  if (error) {
    throw usage_error(
        fmt::format("the folder {} could not be read ({}); give --input a folder "
                    "with PNG files.",
                    folder.string(), error.message()));
  }
  if (files.empty()) {
    throw usage_error(fmt::format("there are no PNG files in {}; give --input a folder with some.",
                                  folder.string()));
  }
  std::ranges::sort(files);
  return files;
}

// A slope of grey, discs and bars on it, and noise: edges for Sobel, and something for the blur.
png::picture draw(std::size_t width, std::size_t height, rng random) {
  png::picture drawn{.width = width, .height = height, .pixels = {}};
  drawn.pixels.resize(width * height);
  const auto w = static_cast<double>(width);
  const auto h = static_cast<double>(height);
  struct shape {
    double x, y, across, down;
    bool disc;
    double grey;
  };
  std::vector<shape> shapes;
  for (int i = 0; i < 24; ++i) {
    const double radius = (0.02 + 0.1 * random.uniform()) * std::min(w, h);
    const bool disc = random.uniform() < 0.5;
    shapes.push_back({random.uniform() * w, random.uniform() * h, radius,
                      disc ? radius : radius * (0.3 + 2 * random.uniform()), disc,
                      255 * random.uniform()});
  }
  auto* pixel = drawn.pixels.data();
  for (std::size_t y = 0; y < height; ++y) {
    const auto row = static_cast<double>(y);
    for (std::size_t x = 0; x < width; ++x) {
      *pixel++ = static_cast<std::uint8_t>(40 + 120 * (static_cast<double>(x) + row) / (w + h));
    }
  }
  for (const auto& s : shapes) {
    const auto clipped = [](double at, double end) {
      return static_cast<std::size_t>(std::clamp(at, 0.0, end));
    };
    for (auto y = clipped(s.y - s.down, h); y < clipped(s.y + s.down, h); ++y) {
      const double from_middle = (static_cast<double>(y) - s.y) / s.down;
      const double half =
          s.disc ? s.across * std::sqrt(std::max(0.0, 1 - from_middle * from_middle)) : s.across;
      for (auto x = clipped(s.x - half, w); x < clipped(s.x + half, w); ++x) {
        drawn.pixels[y * width + x] = static_cast<std::uint8_t>(s.grey);
      }
    }
  }
  // Eight pixels' noise from one number.
  for (std::size_t i = 0; i < drawn.pixels.size(); i += 8) {
    auto bits = static_cast<std::uint64_t>(random());
    const auto end = std::min(i + 8, drawn.pixels.size());
    for (auto k = i; k < end; ++k, bits >>= 8U) {
      drawn.pixels[k] = static_cast<std::uint8_t>(
          std::clamp(drawn.pixels[k] + static_cast<int>(bits & 15U) - 8, 0, 255));
    }
  }
  return drawn;
}

std::vector<std::byte> read_whole(const fs::path& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  std::vector<std::byte> bytes;
  if (in) {
    bytes.resize(static_cast<std::size_t>(in.tellg()));
    in.seekg(0);
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  if (!in) {
    throw demo_error(fmt::format(
        "{} could not be read; see that the file is there and may be read.", file.string()));
  }
  return bytes;
}

}  // namespace

image_source::image_source(const pipeline& settings) : settings_(settings) {
  const auto wanted = settings.images;
  if (settings.input.empty()) {
    count_ = static_cast<std::size_t>(wanted.value_or(24));
    return;
  }
  files_ = png_files(settings.input);
  count_ = files_.size();
  if (wanted) count_ = std::min(count_, static_cast<std::size_t>(*wanted));
}

std::string image_source::file_name(std::size_t i) const {
  return generated() ? fmt::format("image-{:05}.png", i) : files_[i].filename().string();
}

std::string image_source::name(std::size_t i) const {
  return generated() ? fmt::format("generated image {}", i) : files_[i].string();
}

std::vector<std::byte> image_source::load(std::size_t i) const {
  if (!generated()) return read_whole(files_[i]);
  const auto drawn = draw(settings_.width, settings_.height, rng(settings_.seed, i));
  return png::encode(drawn.width, drawn.height, drawn.pixels, name(i));
}

void write_whole(const fs::path& file, std::span<const std::byte> bytes) {
  const fs::path part = file.string() + ".part";
  std::ofstream out(part, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  std::error_code error;
  if (out) fs::rename(part, file, error);
  if (out && !error) return;
  fs::remove(part, error);
  throw demo_error(
      fmt::format("{} could not be written; make room, or give another --output.", file.string()));
}

}  // namespace fronta::demos
