// SPDX-License-Identifier: Apache-2.0
#include "trace_attach.hpp"

#include <fronta/errors.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fronta::trace {
namespace {

// The message with the two descriptors, one packet: this, then the file's name.
struct greeting {
  std::array<char, 8> magic{'F', 'R', 'O', 'N', 'T', 'A', 'A', 'T'};
  std::uint32_t version = 1;
  std::uint32_t process = 0;
};
static_assert(sizeof(greeting) == 16);
constexpr std::size_t longest_name = 4'096;

struct flock whole_file(short type) noexcept {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

// Such a folder of somebody else's is not used.
bool is_private_to(const std::string& path, uid_t user) noexcept {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == user &&
         (found.st_mode & 077) == 0;
}

// Where the sockets of the user's processes may be; the first that can be used is.
std::vector<std::string> folders() {
  std::vector<std::string> all;
  if (const auto* const runtime = std::getenv("XDG_RUNTIME_DIR");
      runtime != nullptr && *runtime == '/') {
    all.push_back(std::string(runtime) + "/fronta");
  }
  all.push_back(std::string("/tmp/fronta-").append(std::to_string(::geteuid())));
  return all;
}

std::optional<std::string> made_folder() {
  for (auto& path : folders()) {
    ::mkdir(path.c_str(), 0700);
    if (is_private_to(path, ::geteuid())) return std::move(path);
  }
  return std::nullopt;
}

std::string socket_of(const std::string& in, std::uint32_t process) {
  return in + "/" + std::to_string(process) + ".sock";
}

std::optional<sockaddr_un> address_of(const std::string& path) noexcept {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.size() >= sizeof to.sun_path) return std::nullopt;
  std::memcpy(static_cast<char*>(to.sun_path), path.c_str(), path.size() + 1);
  return to;
}

descriptor new_socket(int flags) noexcept {
  return descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
}

// A stopped process keeps nobody waiting for ever, nor do signals that come all the time.
constexpr std::chrono::seconds patience{2};

// `call` again where a signal came in between.
template <class Call>
auto uninterrupted(Call call) noexcept {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
    if (std::chrono::steady_clock::now() < until) continue;
    errno = EAGAIN;
    return result;
  }
}

bool connects(const descriptor& by, const sockaddr_un& to) noexcept {
  return uninterrupted([&] {
           return ::connect(by.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
         }) == 0;
}

// Another open file, so that nobody shares our place in it, nor what is locked by it.
descriptor reopened(int fd) {
  const auto path = "/proc/self/fd/" + std::to_string(fd);
  return descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

std::optional<ucred> who_is_behind(int socket) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer;
}

// Both on that side's word and on ours: root may do as it likes.
bool may_meet(uid_t user) noexcept { return user == ::geteuid() || user == 0 || ::geteuid() == 0; }

// ---- The viewer's side.

[[noreturn]] void refuse(const std::string& why) {
  std::string text = "trace::follower: ";
  throw invalid_state_error(text.append(why));
}

ssize_t receive_within(const descriptor& from, msghdr& message) noexcept {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    pollfd ready{from.get(), POLLIN, 0};
    const int n = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (n == 0) {
      errno = EAGAIN;
      return -1;
    }
    if (n > 0) {
      const auto size = ::recvmsg(from.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
      if (size >= 0 || (errno != EINTR && errno != EAGAIN)) return size;
    } else if (errno != EINTR) {
      return -1;
    }
  }
}

attached receive(const descriptor& from, const std::string& whose) {
  greeting g;
  std::array<char, longest_name> name{};
  std::array<iovec, 2> parts{iovec{&g, sizeof g}, iovec{name.data(), name.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> room{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  const auto size = receive_within(from, message);
  attached got;
  for (auto* c = CMSG_FIRSTHDR(&message); size > 0 && c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    std::array<int, 2> all{-1, -1};
    std::memcpy(all.data(), CMSG_DATA(c),
                std::min<std::size_t>(c->cmsg_len - CMSG_LEN(0), sizeof all));
    got.file = descriptor(all[0]);
    got.rings = descriptor(all[1]);
  }
  if (size < 0 && errno == EAGAIN) {
    refuse(whose +
           " does not answer; it is stopped, or moves its events by itself: attach to its "
           "trace file");
  }
  if (size <= 0) refuse(whose + " has just ended its recording; show its trace file");
  if (static_cast<std::size_t>(size) < sizeof g || g.magic != greeting{}.magic || !got.file ||
      !got.rings) {
    refuse(whose + " is no recording's; give the number of a process that is recorded");
  }
  if (g.version != greeting{}.version) {
    refuse(whose + " is recorded by another version of Fronta; use the same for both");
  }
  got.name.assign(name.data(), static_cast<std::size_t>(size) - sizeof g);
  return got;
}

// Not connected where nobody listens.
descriptor connected_to(const std::string& path) {
  const auto to = address_of(path);
  auto by = new_socket(0);
  // One whose queue is full is stopped.
  const timeval at_most{patience.count(), 0};
  if (by) ::setsockopt(by.get(), SOL_SOCKET, SO_SNDTIMEO, &at_most, sizeof at_most);
  if (!to || !by) return {};
  if (connects(by, *to)) return by;
  if (errno == EAGAIN) {
    refuse("what listens at \"" + path +
           "\" does not answer; it is stopped or overloaded: let it go on, or open its trace file");
  }
  return {};
}

attached attach(const descriptor& by, const std::string& whose) {
  if (const auto peer = who_is_behind(by.get()); !peer || !may_meet(peer->uid)) {
    refuse(whose + " is another user's; only its owner may watch it");
  }
  return receive(by, whose);
}

// ---- Where a process listens, as the system says. Its environment may be another than ours (sudo,
// units of systemd), and so may its view of files and of processes (containers).

std::set<std::string> sockets_of(const std::string& process) {
  std::set<std::string> inodes;
  std::error_code error;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator fd(process + "/fd", error); !error && fd != end;
       fd.increment(error)) {
    std::error_code gone;
    const auto link = std::filesystem::read_symlink(fd->path(), gone).string();
    constexpr std::string_view front = "socket:[";
    if (!gone && link.starts_with(front) && link.ends_with(']')) {
      inodes.insert(link.substr(front.size(), link.size() - front.size() - 1));
    }
  }
  return inodes;
}

// As it named them.
std::vector<std::string> named_sockets_of(const std::string& process) {
  const auto own = sockets_of(process);
  std::vector<std::string> paths;
  if (own.empty()) return paths;
  std::ifstream table(process + "/net/unix");
  std::string line;
  std::getline(table, line);  // the heading
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string skipped;
    std::string inode;
    std::string path;
    for (int i = 0; i < 6; ++i) words >> skipped;
    if (!(words >> inode) || !own.contains(inode)) continue;
    words >> std::ws;
    if (std::getline(words, path) && path.starts_with('/') && path.ends_with(".sock") &&
        path.find("/fronta") != std::string::npos) {
      paths.push_back(path);
    }
  }
  return paths;
}

descriptor connected_to_process(std::uint32_t number, uid_t owner) {
  const auto process = std::string("/proc/").append(std::to_string(number));
  // Nobody else may have put a socket there, nor does another process answer.
  const auto answers = [&](const std::string& path) -> descriptor {
    const auto in = std::filesystem::path(path).parent_path();
    if (!is_private_to(in, owner) && !is_private_to(in, ::geteuid())) return {};
    auto by = connected_to(path);
    if (!by) return {};
    const auto peer = who_is_behind(by.get());
    if (!peer || (peer->pid != 0 && peer->pid != static_cast<pid_t>(number))) return {};
    return by;
  };
  for (const auto& path : named_sockets_of(process)) {
    // Where it sees other files than we do, ours by that name are others.
    for (const auto& root : {process + "/root", std::string()}) {
      if (auto by = answers(root + path)) return by;
    }
  }
  for (const auto& in : folders()) {
    if (auto by = answers(socket_of(in, number))) return by;
  }
  return {};
}

}  // namespace

descriptor::~descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

void hold(int rings) noexcept {
  auto lock = whole_file(F_WRLCK);
  static_cast<void>(::fcntl(rings, F_OFD_SETLK, &lock));
}

bool is_held(int rings) noexcept {
  auto lock = whole_file(F_RDLCK);
  return ::fcntl(rings, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

attach_point::attach_point(const std::string& file, int file_descriptor, int rings) noexcept {
  try {
    file_ = reopened(file_descriptor);
    rings_ = reopened(rings);
    name_ = std::filesystem::absolute(file);
    const auto in = made_folder();
    if (!file_ || !rings_ || !in || name_.size() > longest_name) return;
    const auto path = socket_of(*in, static_cast<std::uint32_t>(::getpid()));
    const auto at = address_of(path);
    auto listens = new_socket(SOCK_NONBLOCK);
    if (!at || !listens) return;
    // One that lies there is of a killed process that had our number, unless somebody answers: the
    // folder may be shared with another world of processes.
    if (connects(new_socket(SOCK_NONBLOCK), *at)) return;
    ::unlink(path.c_str());
    if (::bind(listens.get(), reinterpret_cast<const sockaddr*>(&*at), sizeof *at) != 0) return;
    path_ = path;
    if (::chmod(path.c_str(), 0600) != 0 || ::listen(listens.get(), 8) != 0) return;
    listens_ = std::move(listens);
  } catch (...) {
    // No memory, no folder to be in.
  }
}

attach_point::~attach_point() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void attach_point::serve() noexcept {
  constexpr int most_at_once = 8;
  for (int i = 0; listens_ && i < most_at_once; ++i) {
    const descriptor who(uninterrupted(
        [&] { return ::accept4(listens_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); }));
    if (!who) return;
    const auto peer = who_is_behind(who.get());
    if (peer && (peer->uid == ::geteuid() || peer->uid == 0)) answer(who.get());
  }
}

void attach_point::answer(int to) noexcept {
  greeting g;
  g.process = static_cast<std::uint32_t>(::getpid());
  std::array<iovec, 2> parts{iovec{&g, sizeof g}, iovec{name_.data(), name_.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> room{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  auto* const c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const std::array<int, 2> both{file_.get(), rings_.get()};
  std::memcpy(CMSG_DATA(c), both.data(), sizeof both);
  static_cast<void>(
      uninterrupted([&] { return ::sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT); }));
}

attached attach_to_process(std::uint32_t number) {
  const auto whose = "process " + std::to_string(number);
  const auto pid = static_cast<pid_t>(number);
  if (pid <= 0 || (::kill(pid, 0) != 0 && errno == ESRCH)) {
    refuse("there is no " + whose + "; give the number of one that is recorded");
  }
  struct stat of{};
  const auto directory = "/proc/" + std::to_string(number);
  const bool is_known = ::stat(directory.c_str(), &of) == 0;
  if ((::kill(pid, 0) != 0 && errno == EPERM) || (is_known && !may_meet(of.st_uid))) {
    refuse(whose + " is another user's; only its owner may watch it");
  }
  const auto by = connected_to_process(number, is_known ? of.st_uid : ::geteuid());
  if (!by) {
    refuse(whose +
           " is not being recorded where it can be attached to; start it with FRONTA_TRACE=FILE or "
           "--trace FILE, or attach to its trace file");
  }
  return attach(by, whose);
}

attached attach_to_socket(const std::string& path) {
  const auto whose = "what listens at \"" + path + "\"";
  const auto by = connected_to(path);
  if (!by) refuse("nobody listens at \"" + path + "\"; the recording has ended");
  return attach(by, whose);
}

}  // namespace fronta::trace
