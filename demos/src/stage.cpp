// SPDX-License-Identifier: Apache-2.0
#include "stage.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iterator>
#include <sstream>
#include <stop_token>
#include <string_view>
#include <system_error>
#include <utility>

namespace fronta::demos {
namespace {

constexpr std::string_view no_window{FRONTA_NO_WINDOW, sizeof(FRONTA_NO_WINDOW) - 1};

std::string program_of_the_window() {
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
  return (own.parent_path() / "fronta-stage").string();
}

// One line, or what came of it until the other side ended.
std::string read_line(int from, int& error) {
  std::string line;
  // A window comes within seconds; a display that is far away or stuck is not waited for.
  constexpr int patience = 20'000;
  for (;;) {
    pollfd ready{from, POLLIN, 0};
    const int n = ::poll(&ready, 1, patience);
    if (n < 0 && errno == EINTR) continue;
    char one = 0;  // no more than the line
    const auto got = n > 0 ? ::read(from, &one, 1) : -1;
    if (got <= 0) {
      error = n == 0 ? ETIMEDOUT : EPIPE;
      return line;
    }
    if (one == '\n') {
      error = 0;
      return line;
    }
    line += one;
  }
}

}  // namespace

std::string window_lacks() {
  if (!no_window.empty())
    return fmt::format("this fronta was built without it because {}", no_window);
  const auto program = program_of_the_window();
  if (::access(program.c_str(), X_OK) == 0) return "";
  return fmt::format("its program {} cannot be started ({})", program, std::strerror(errno));
}

exit_code execute(const stage_command& what, const session& /*s*/) {
  constexpr std::string_view remedy =
      "use ./run fronta stage, which sets it up, or draw without one: fronta render";
  if (!no_window.empty()) {
    throw demo_error(
        fmt::format("this fronta was built without its window because {}; {}.", no_window, remedy));
  }
  auto program = program_of_the_window();
  std::vector<char*> arguments{program.data()};
  auto given = what.arguments;
  for (auto& a : given) arguments.push_back(a.data());
  arguments.push_back(nullptr);
  // This program takes Ctrl-C by a thread; the window as programs do.
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  ::execv(program.c_str(), arguments.data());
  throw demo_error(fmt::format("the window's program {} could not be started ({}); {}.", program,
                               std::strerror(errno), remedy));
}

stage_window::stage_window(const std::string& trace, closes when,
                           const std::vector<std::string>& shown, const session& s)
    : session_(s) {
  if (!no_window.empty()) {
    reason_ = fmt::format("this fronta was built without one because {}", no_window);
    return;
  }
  start(trace, when, shown);
}

stage_window::~stage_window() {
  end();
  if (told_ >= 0) ::close(told_);
}

void stage_window::start(const std::string& trace, closes when,
                         const std::vector<std::string>& shown) {
  std::array<int, 2> told{};
  if (::pipe2(told.data(), O_CLOEXEC) != 0) {
    reason_ = std::strerror(errno);
    return;
  }
  auto program = program_of_the_window();
  std::vector<std::string> words{program, trace, "--tell", "3"};
  words.insert(words.end(), shown.begin(), shown.end());
  if (when == closes::after_the_run) words.emplace_back("--exit-after-run");
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (auto& w : words) arguments.push_back(w.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  // By way of another number: that of the pipe may be the 3 itself, which would be closed.
  ::posix_spawn_file_actions_adddup2(&files, told[1], 9);
  ::posix_spawn_file_actions_adddup2(&files, 9, 3);
  ::posix_spawn_file_actions_addclose(&files, 9);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const int error =
      ::posix_spawn(&process_, program.c_str(), &files, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  ::close(told[1]);
  told_ = told[0];
  if (error != 0) {
    process_ = 0;
    reason_ =
        fmt::format("the program {} could not be started ({})", program, std::strerror(error));
  } else {
    int silent = 0;
    {
      const std::stop_callback interrupted(session_.interrupted,
                                           [process = process_] { ::kill(process, SIGTERM); });
      reason_ = read_line(told_, silent);
    }
    if (silent == ETIMEDOUT) reason_ = "it did not come up in 20 s";
    if (silent == EPIPE) reason_ = "it ended before anything was to be seen";
    if (!reason_.empty()) end();
  }
}

void stage_window::end() noexcept {
  if (process_ == 0) return;
  ::kill(process_, SIGTERM);
  wait();
}

std::optional<std::vector<std::string>> stage_window::wait_until_closed() {
  if (process_ == 0) return std::nullopt;
  wait();
  // It has ended, so all that it said is there.
  int silent = 0;
  std::istringstream words(read_line(told_, silent));
  std::vector<std::string> shown{std::istream_iterator<std::string>(words), {}};
  if (shown.empty() || session_.interrupted.stop_requested()) return std::nullopt;
  return shown;
}

void stage_window::wait() noexcept {
  {
    const std::stop_callback interrupted(session_.interrupted,
                                         [process = process_] { ::kill(process, SIGTERM); });
    siginfo_t ended{};
    // It keeps its number, so that no other process has it that would be ended.
    while (::waitid(P_PID, static_cast<id_t>(process_), &ended, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR) {
    }
  }
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  process_ = 0;
}

}  // namespace fronta::demos
