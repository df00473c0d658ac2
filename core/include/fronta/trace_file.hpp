// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace.hpp>

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

/// Reading of what a `recording` wrote: docs/trace-format.md describes it.
namespace fronta::trace {

/// A thread that told of itself. Of one system thread there are several when it was recorded again
/// after it had ended.
struct recorded_thread {
  std::uint64_t system_number = 0;
  std::string name;
  std::uint16_t executor = 0;  ///< whose worker it is, 0 for none
  std::int32_t place = -1;     ///< of that executor
};

/// Times of a file are in nanoseconds since `file_contents::origin_steady`.
struct recorded_event {
  std::int64_t time = 0;
  std::uint32_t thread = 0;  ///< index in `file_contents::threads`
  std::uint32_t text = 0;    ///< index in `file_contents::texts`
  event what{};
};

/// Its own times are those of the host's steady clock, as everywhere; of a simulation's in virtual
/// time.
struct recorded_span {
  std::int64_t time = 0;  ///< when it was told
  std::uint32_t thread = 0;
  device_span what{};
};

struct file_contents {
  std::string host;  ///< name of the machine, cut off after 23 bytes
  std::uint32_t process = 0;
  std::uint32_t cores = 0;         ///< that it could use when the recording began; 0: not told
  bool tsc = false;                ///< the processor's counter was the clock
  bool given_clock = false;        ///< `recording_options::clock` was; its times are not the host's
  std::int64_t origin_steady = 0;  ///< time 0, by the host's steady clock
  std::int64_t origin_unix = 0;    ///< time 0, in nanoseconds since 1970

  std::vector<std::string> texts{std::string()};
  std::vector<recorded_thread> threads;
  /// By time; what one thread told at the same time in its order. Kinds that this version does not
  /// know are not among them.
  std::vector<recorded_event> events;
  std::vector<recorded_span> spans;

  /// Up to here nothing comes any more, but for GPU times.
  std::int64_t known_until = 0;
  std::uint64_t dropped = 0;  ///< events that found no room
  std::uint64_t skipped = 0;  ///< records of unknown kinds
  bool ended = false;  ///< the recording was stopped; else the process was killed, or goes on
  std::size_t from_rings = 0;  ///< events that a killed process left in its rings
  std::string damage;          ///< why reading ended before the end of the file; else empty
};

/// Reads a file and, where it stands beside it, what a killed process left in FILE.rings. A file
/// that was cut off or damaged is read as far as it is whole; `damage` says so. Blocks. Throws
/// `std::system_error` when it cannot be read, and `std::invalid_argument` when it is no trace of
/// a version that this one reads.
[[nodiscard]] file_contents read_file(const std::string& file);

/// The same for what is in memory. `rings` may be empty.
[[nodiscard]] file_contents read_file(std::span<const std::byte> file,
                                      std::span<const std::byte> rings);

/// One JSON object per line: first the file as a whole, then events and GPU times by time. Texts
/// that are not UTF-8 come with U+FFFD in place of each byte that is not.
void write_json_lines(const file_contents& trace, std::ostream& to);

}  // namespace fronta::trace
