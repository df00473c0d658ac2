// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/video.hpp>

#include "raster.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

class descriptor {
 public:
  explicit descriptor(int number, const char* what) : number_(number) {
    if (number < 0) throw std::system_error(errno, std::generic_category(), what);
  }
  ~descriptor() { close(); }
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&&) = delete;

  [[nodiscard]] int number() const noexcept { return number_; }
  void close() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

std::pair<descriptor, descriptor> connected() {
  // A socket and not a pipe: writing to one whose reader is gone need not send SIGPIPE.
  std::array<int, 2> ends{-1, -1};
  const int made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data());
  return {descriptor(made < 0 ? -1 : ends[0], "video: no socket to ffmpeg"),
          descriptor(made < 0 ? -1 : ends[1], "video: no socket to ffmpeg")};
}

int even(int pixels) { return pixels + pixels % 2; }

constexpr const char* a_palette_each =
    "split[a][b];[a]palettegen=stats_mode=single:reserve_transparent=0[p];"
    "[b][p]paletteuse=new=1:dither=none";

std::vector<std::string> arguments_of(const std::filesystem::path& file, const image& frame,
                                      int frames_per_second) {
  constexpr bool little = std::endian::native == std::endian::little;
  const auto size = std::to_string(frame.width) + 'x' + std::to_string(frame.height);
  std::vector<std::string> arguments{"ffmpeg",
                                     "-nostdin",
                                     "-loglevel",
                                     "error",
                                     "-y",
                                     "-f",
                                     "rawvideo",
                                     "-pixel_format",
                                     little ? "bgr0" : "0rgb",
                                     "-video_size",
                                     size,
                                     "-framerate",
                                     std::to_string(frames_per_second),
                                     "-i",
                                     "pipe:0"};
  const auto add = [&](std::initializer_list<const char*> more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
  };
  if (file.extension() == ".gif") {
    // A palette for each frame: one for all would have to see, and so keep, all of them.
    add({"-filter_complex", a_palette_each});
  } else {
    // A colour means a state: say which matrix it was made with, or players guess.
    add({"-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int",
         "-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "18", "-colorspace", "bt709",
         "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv", "-movflags",
         "+faststart"});
  }
  // The same scenes, the same bytes.
  add({"-fflags", "+bitexact", "-flags:v", "+bitexact"});
  // With its folder: a name may begin with a dash, or look like an address.
  arguments.push_back(std::filesystem::absolute(file).string());
  return arguments;
}

void check_format(const std::filesystem::path& file, int frames_per_second) {
  if (file.extension() != ".mp4" && file.extension() != ".gif") {
    throw std::runtime_error("video: " + file.string() +
                             " is neither .mp4 nor .gif; name it as one of them.");
  }
  const bool gif = file.extension() == ".gif";
  // Faster than 50 a second is shown at 10 by many viewers.
  if (frames_per_second < 1 || (gif && (100 % frames_per_second != 0 || frames_per_second > 50))) {
    throw std::runtime_error("video: " + file.string() + " cannot have " +
                             std::to_string(frames_per_second) + " frames a second; take " +
                             (gif ? "10, 20, 25 or 50 for a GIF." : "1 or more."));
  }
}

}  // namespace

class video::encoder {
 public:
  encoder(std::filesystem::path file, const options& o)
      : file_(std::move(file)),
        options_(o),
        said_(::memfd_create("ffmpeg", MFD_CLOEXEC), "video: no place for what ffmpeg says"),
        to_(start()) {}

  ~encoder() {
    if (process_ < 0) return;
    ::kill(process_, SIGKILL);
    static_cast<void>(wait());
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
  }
  encoder(const encoder&) = delete;
  encoder& operator=(const encoder&) = delete;

  void add(const scene& s) {
    if (process_ < 0) {
      throw std::runtime_error("video: " + file_.string() + " has ended; make another video.");
    }
    if (s.width != options_.width || s.height != options_.height) {
      throw std::runtime_error(
          "video: a scene has another size than the first option says; lay "
          "out all scenes of a video in one size.");
    }
    detail::render(painter_, s, options_.scale, frame_);
    auto rest = std::as_bytes(std::span(frame_.pixels));
    while (!rest.empty()) {
      const auto sent = ::send(to_.number(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        rest = rest.subspan(static_cast<std::size_t>(sent));
      } else if (errno != EINTR) {
        finish_or_fail("stopped reading");
      }
    }
  }

  void finish() {
    if (process_ >= 0) finish_or_fail(nullptr);
  }

 private:
  descriptor start() {
    check_format(file_, options_.frames_per_second);
    frame_.width = even(detail::pixels_for(options_.width, options_.scale, "video"));
    frame_.height = even(detail::pixels_for(options_.height, options_.scale, "video"));
    auto texts = arguments_of(file_, frame_, options_.frames_per_second);
    std::vector<char*> arguments;
    arguments.reserve(texts.size() + 1);
    for (auto& a : texts) arguments.push_back(a.data());
    arguments.push_back(nullptr);

    auto [ours, theirs] = connected();
    ::posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.number(), STDIN_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, said_.number(), STDERR_FILENO);
    const int error =
        ::posix_spawnp(&process_, "ffmpeg", &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      process_ = -1;
      throw std::runtime_error(std::string("video: ffmpeg could not be started (") +
                               std::strerror(error) +
                               "); install it (Debian's package ffmpeg) or write PNG pictures.");
    }
    return std::move(ours);
  }

  // Waits for ffmpeg's end; throws when it failed, or when it ended although `trouble` was met.
  void finish_or_fail(const char* trouble) {
    to_.close();
    const int status = wait();
    if (status == 0 && trouble == nullptr) return;
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
    auto reason = last_words();
    if (reason.empty()) {
      reason = trouble != nullptr ? trouble : "ended with status " + std::to_string(status);
    }
    throw std::runtime_error("video: ffmpeg could not write " + file_.string() + " (" + reason +
                             "); mend that or write PNG pictures.");
  }

  int wait() noexcept {
    int status = -1;
    while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
    return status;
  }

  // The last line of its stderr.
  [[nodiscard]] std::string last_words() const {
    std::string text;
    std::array<char, 4096> piece{};
    for (::off_t at = 0;;) {
      const auto got = ::pread(said_.number(), piece.data(), piece.size(), at);
      if (got <= 0) break;
      text.append(piece.data(), static_cast<std::size_t>(got));
      at += got;
    }
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text.substr(text.find_last_of("\n\r") + 1);
  }

  std::filesystem::path file_;
  options options_;
  detail::painter painter_;
  image frame_;
  ::pid_t process_ = -1;
  descriptor said_;
  descriptor to_;
};

video::video(const std::filesystem::path& file, const options& o)
    : encoder_(std::make_unique<encoder>(file, o)) {}
video::~video() = default;

void video::add(const scene& s) { encoder_->add(s); }
void video::finish() { encoder_->finish(); }

}  // namespace fronta::viz
