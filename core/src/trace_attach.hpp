// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

// How a viewer gets at a recording that goes on: by a socket of the recording's, that hands over
// both its files; docs/trace-format.md says how. And how it sees that the recording goes on.
namespace fronta::trace {

class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor();
  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// The recording's mark on its rings, which goes with its process however that ends. Whoever looks
// takes nothing and so hinders nobody.
void hold(int rings) noexcept;
[[nodiscard]] bool is_held(int rings) noexcept;

// The socket of a process that is recorded. It does without where none can be made: the file can
// still be read. Each of its functions belongs to one thread at a time.
class attach_point {
 public:
  attach_point(const std::string& file, int file_descriptor, int rings) noexcept;
  ~attach_point();
  attach_point(const attach_point&) = delete;
  attach_point& operator=(const attach_point&) = delete;

  // Answers whoever has come meanwhile. Never blocks.
  void serve() noexcept;
  // In a forked child: the socket stays where it is.
  void leave_to_parent() noexcept { path_.clear(); }

 private:
  void answer(int to) noexcept;
  std::string path_;
  std::string name_;
  descriptor listens_;
  // For readers: nobody writes through them.
  descriptor file_;
  descriptor rings_;
};

struct attached {
  descriptor file;
  descriptor rings;
  std::string name;  // of the file
};

// Both throw invalid_state_error, by a sentence.
[[nodiscard]] attached attach_to_process(std::uint32_t number);
[[nodiscard]] attached attach_to_socket(const std::string& path);

}  // namespace fronta::trace
