// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_file.hpp>

#include "trace_format.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

// What the chunks of a file and the cells of its rings say, however much of them is there at once.
namespace fronta::trace::format {

// What stands from `from` on by time; what has the same time stays in its order. std::stable_sort
// is deprecated inside, as clang sees libstdc++ 12.
template <class T>
void sort_by_time(std::vector<T>& all, std::size_t from = 0) {
  const auto tail = std::span(all).subspan(from);
  if (std::ranges::is_sorted(tail, {}, &T::time)) return;
  std::vector<std::size_t> order(tail.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(tail[i].time, i); });
  std::vector<T> sorted;
  sorted.reserve(tail.size());
  for (const auto i : order) sorted.push_back(tail[i]);
  std::ranges::copy(sorted, tail.begin());
}

// Both throw std::system_error, whose text begins with `caller`.
[[noreturn]] void cannot_read(std::string_view caller, const std::string& name);
// How many there were.
std::size_t read_at(int fd, std::size_t at, std::span<std::byte> to, std::string_view caller,
                    const std::string& name);

// What FILE.rings had at one moment: the cells that were written, of rings that there are. What a
// file only claims to have, such as a hole, takes no memory.
class rings_copy {
 public:
  rings_copy() = default;
  explicit rings_copy(bytes all);
  rings_copy(int fd, std::string_view caller, const std::string& name);

  struct ring {
    std::uint32_t number;
    std::uint64_t head;
    std::uint64_t lost;
    std::vector<cell> last;  // up to the head
  };
  [[nodiscard]] const rings_header& header() const noexcept { return header_; }
  [[nodiscard]] std::span<const ring> rings() const noexcept { return rings_; }

 private:
  struct source;
  void copy(const source& from);
  void copy_ring(const source& from, std::uint32_t number);
  rings_header header_{.magic = {}};
  std::vector<ring> rings_;
};

// What is read from one file, and how far each of its rings has come.
class reading {
 public:
  // Of the header in front. Throws std::invalid_argument, whose text begins with `caller`, where it
  // is none.
  reading(bytes from, std::string_view caller);

  // Reads as many whole chunks as there are; gives what is left. `fault` says why that is, or null.
  bytes read_chunks(bytes from);
  [[nodiscard]] const char* fault() const noexcept { return fault_; }
  // The file may only not have come yet.
  [[nodiscard]] bool is_cut_off() const noexcept;
  // What is left is not read.
  void stop_at(const char* why, std::size_t bytes_left);
  // What was published and is in no chunk.
  void read_rings(const rings_copy& all);
  void know(std::int64_t until, std::uint64_t dropped) noexcept;

  [[nodiscard]] std::uint64_t recording() const noexcept { return recording_; }
  // In the order of reading.
  [[nodiscard]] file_contents& contents() noexcept { return contents_; }
  [[nodiscard]] const file_contents& contents() const noexcept { return contents_; }
  [[nodiscard]] file_contents finish();

 private:
  static constexpr auto most_index = std::numeric_limits<std::uint32_t>::max();
  struct ring_state {
    std::uint64_t read = 0;  // cells
    std::int64_t time = 0;
    std::uint32_t thread = most_index;
  };

  const char* read_next_chunk(bytes& from);
  bool read_chunk(chunk_kind kind, bytes payload);
  bool read_texts(bytes payload);
  bool read_mark(bytes payload);
  bool read_process(bytes payload);
  bool read_events(bytes payload);
  bool read_record(byte_reader& from, ring_state& ring, event& before, std::uint64_t& time);
  bool take(std::uint8_t kind, const event& e, std::uint32_t text,
            const std::optional<device_span>& span, std::int64_t time, ring_state& ring);
  std::uint32_t number_of(std::string_view text);
  void read_ring(const rings_copy::ring& from, const timeline& times);

  const char* fault_ = nullptr;
  std::uint64_t recording_ = 0;
  std::uint64_t lost_ = 0;
  file_contents contents_;
  std::unordered_map<std::uint32_t, ring_state> rings_;
  std::unordered_map<std::string, std::uint32_t> numbers_;  // of texts; made for those of rings
};

// Reads the chunks of a file piece by piece, however long it says that they are.
class chunk_reader {
 public:
  // Up to the end of the file as it is now. False if it cannot be read on from somewhere: then the
  // fault of `to` says why.
  bool read(int fd, reading& to, std::string_view caller, const std::string& name);
  // That are behind what was read, as the file is now.
  [[nodiscard]] std::size_t bytes_left(int fd) const noexcept;

 private:
  std::size_t at_ = sizeof(file_header);  // how far the file is read
  std::vector<std::byte> buffer_;
  std::size_t kept_ = 0;  // of it: the beginning of a chunk
};

}  // namespace fronta::trace::format
