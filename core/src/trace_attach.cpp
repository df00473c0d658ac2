// SPDX-License-Identifier: Apache-2.0
#include "trace_attach.hpp"

#include <fronta/errors.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

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

// Where the sockets of the user's processes are. Such a folder of somebody else's is not used.
std::optional<std::string> folder() {
  const auto* const runtime = std::getenv("XDG_RUNTIME_DIR");
  std::string path = runtime != nullptr && *runtime == '/'
                         ? std::string(runtime) + "/fronta"
                         : "/tmp/fronta-" + std::to_string(::geteuid());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return std::nullopt;
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode) ||
      found.st_uid != ::geteuid() || (found.st_mode & 077) != 0) {
    return std::nullopt;
  }
  return path;
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

bool connects(const descriptor& by, const sockaddr_un& to) noexcept {
  return ::connect(by.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}

// Another open file, so that nobody shares our place in it, nor what is locked by it.
descriptor reopened(int fd) {
  const auto path = "/proc/self/fd/" + std::to_string(fd);
  return descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

std::optional<uid_t> user_behind(int socket) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

// ---- The viewer's side.

[[noreturn]] void refuse(const std::string& why) {
  std::string text = "trace::follower: ";
  throw invalid_state_error(text.append(why));
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
  const auto size = ::recvmsg(from.get(), &message, MSG_CMSG_CLOEXEC);
  attached got;
  for (auto* c = CMSG_FIRSTHDR(&message); size > 0 && c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    std::array<int, 2> all{-1, -1};
    std::memcpy(all.data(), CMSG_DATA(c),
                std::min<std::size_t>(c->cmsg_len - CMSG_LEN(0), sizeof all));
    got.file = descriptor(all[0]);
    got.rings = descriptor(all[1]);
  }
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
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

attached attach(const std::string& path, const std::string& whose, const std::string& absent) {
  const auto to = address_of(path);
  const auto by = new_socket(0);
  // A stopped process keeps nobody waiting for ever.
  const timeval patience{2, 0};
  if (by) {
    ::setsockopt(by.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(by.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  if (!to || !by || !connects(by, *to)) refuse(absent);
  if (const auto user = user_behind(by.get()); !user || (*user != ::geteuid() && *user != 0)) {
    refuse(whose + " is another user's; only its owner may watch it");
  }
  return receive(by, whose);
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
    const auto in = folder();
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
    const descriptor who(::accept4(listens_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!who) return;
    const auto user = user_behind(who.get());
    if (user && (*user == ::geteuid() || *user == 0)) answer(who.get());
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
  static_cast<void>(::sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

attached attach_to_process(std::uint32_t number) {
  const auto whose = "process " + std::to_string(number);
  const auto pid = static_cast<pid_t>(number);
  if (pid <= 0 || (::kill(pid, 0) != 0 && errno == ESRCH)) {
    refuse("there is no " + whose + "; give the number of one that is recorded");
  }
  struct stat of{};
  const auto directory = "/proc/" + std::to_string(number);
  if ((::kill(pid, 0) != 0 && errno == EPERM) ||
      (::stat(directory.c_str(), &of) == 0 && of.st_uid != ::geteuid() && ::geteuid() != 0)) {
    refuse(whose + " is another user's; only its owner may watch it");
  }
  const auto absent = whose +
                      " is not being recorded; start it with FRONTA_TRACE=FILE or --trace "
                      "FILE";
  const auto in = folder();
  if (!in) {
    refuse("the folder for sockets is not this user's alone; attach to the trace file of " + whose);
  }
  return attach(socket_of(*in, number), whose, absent);
}

attached attach_to_socket(const std::string& path) {
  const auto whose = "what listens at \"" + path + "\"";
  return attach(path, whose, "nobody listens at \"" + path + "\"; the recording has ended");
}

}  // namespace fronta::trace
