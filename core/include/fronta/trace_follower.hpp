// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_file.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace fronta::trace {

/// Reads a recording while it goes on, of this process or of another on this machine. It reads what
/// the recording's own thread has written, so the recorded process neither waits for it nor knows
/// of it.
/// ```
/// fronta::trace::follower f("run.fronta");
/// while (f.state() == fronta::trace::follower::phase::goes_on) {
///   if (f.poll()) show(f.contents());
/// }
/// ```
/// Belongs to one thread at a time.
class follower {
 public:
  enum class phase : std::uint8_t {
    goes_on,
    ended,       ///< in order
    broken_off,  ///< the process was killed; or the file is damaged
    anew,        ///< the file is another recording's now: a new follower reads that
  };

  /// A file that is being recorded, or was. Throws as `read_file` does.
  explicit follower(const std::string& file);
  /// Of a process of the same user's. Waits some 20 ms for it to answer, at most 2 s. Both throw
  /// `invalid_state_error` that says why it cannot be watched.
  [[nodiscard]] static follower of_process(std::uint32_t number);
  [[nodiscard]] static follower of_socket(const std::string& path);
  follower(follower&&) noexcept;
  follower& operator=(follower&&) noexcept;
  ~follower();

  /// Takes what has come since the last call; takes time by that. False if nothing is known of a
  /// later moment than before. Throws `std::system_error` when the file cannot be read any more.
  bool poll();

  [[nodiscard]] phase state() const noexcept;
  /// All that is known until `known_until()`, and of GPU times what was told until then. While it
  /// goes on no later call will have anything else up to there, but for GPU times. A copy.
  [[nodiscard]] file_contents contents() const&;
  /// The same for one that is not needed any more: no copy.
  [[nodiscard]] file_contents contents() &&;
  /// In nanoseconds since the beginning of the recording. Goes on while nothing is told, too.
  [[nodiscard]] std::int64_t known_until() const noexcept;
  [[nodiscard]] std::size_t events() const noexcept;     ///< of `contents`
  [[nodiscard]] std::uint64_t dropped() const noexcept;  ///< events that found no room, so far
  /// When the recording looked for events last, by the host's steady clock; 0 if it does not say.
  /// A process that is stopped does not.
  [[nodiscard]] std::int64_t heard_at() const noexcept;
  /// `known_until()` by the host's steady clock; 0 where the recording does not say when it looked,
  /// or its clock is not the host's. That it stands still while the recording is heard of has one
  /// reason: a thread has been in the middle of an event since then, as it lost its core or waits
  /// for a page of its ring.
  [[nodiscard]] std::int64_t known_at() const noexcept;
  [[nodiscard]] const std::string& file() const noexcept;
  [[nodiscard]] const std::string& host() const noexcept;

 private:
  class body;
  explicit follower(std::unique_ptr<body> of) noexcept;
  std::unique_ptr<body> body_;
};

}  // namespace fronta::trace
