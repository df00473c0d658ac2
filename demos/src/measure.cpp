// SPDX-License-Identifier: Apache-2.0
#include "measure.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <stop_token>

namespace fronta::demos {
namespace {

[[noreturn]] void fail(const char* call, int error) {
  throw demo_error(
      fmt::format("the measuring process could not be run ({}: {}); free some processes or files "
                  "and try again.",
                  call, std::strerror(error)));
}

// Reads to the end and closes.
std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto n = ::read(descriptor, buffer.data(), buffer.size());
    if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR)) break;
  }
  ::close(descriptor);
  return text;
}

// Starts this program with `out` as its stdout, in a process group of its own: the terminal's
// Ctrl-C then comes to us alone, and the child gets it once.
pid_t spawn_self(std::vector<std::string> arguments, int out) {
  std::string name = "fronta";
  std::vector<char*> argv{name.data()};
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t child = 0;
  const int error =
      ::posix_spawn(&child, "/proc/self/exe", &files, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  return error == 0 ? child : -error;
}

}  // namespace

child_report run_self(const std::vector<std::string>& arguments, const session& s) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe", errno);
  const auto child = spawn_self(arguments, ends[1]);
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    fail("posix_spawn", -child);
  }
  std::string printed;
  {
    const std::stop_callback<std::function<void()>> pass_on(s.interrupted,
                                                            [child] { ::kill(child, SIGINT); });
    printed = read_all(ends[0]);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) {
    throw demo_error(
        fmt::format("the measuring process was ended by signal {}; try again with fewer "
                    "--files or --rows.",
                    WTERMSIG(status)));
  }
  child_report report{.code = static_cast<exit_code>(WEXITSTATUS(status)), .printed = {}};
  if (!printed.empty()) report.printed = json::parse(printed);
  return report;
}

void end_with_parent() { ::prctl(PR_SET_PDEATHSIG, SIGKILL); }

std::uint64_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

}  // namespace fronta::demos
