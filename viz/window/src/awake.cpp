// SPDX-License-Identifier: Apache-2.0
#include "awake.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

namespace fronta::viz {

awake::awake() noexcept {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, ends[0], STDIN_FILENO);
  // What it says is not the user's: a desktop without logind is no error.
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::array<std::string, 6> words{"systemd-inhibit",      "--what=idle",  "--who=Fronta",
                                   "--why=A run is shown", "--mode=block", "cat"};
  std::array<char*, words.size() + 1> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  if (::posix_spawnp(&child_, words[0].c_str(), &files, nullptr, arguments.data(), environ) != 0) {
    child_ = 0;
  }
  ::posix_spawn_file_actions_destroy(&files);
  ::close(ends[0]);
  lives_ = ends[1];
}

awake::~awake() {
  if (lives_ >= 0) ::close(lives_);
  if (child_ <= 0) return;
  ::kill(child_, SIGTERM);  // it may still be waiting for a bus
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace fronta::viz
