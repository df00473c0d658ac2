// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Trace files as docs/trace-format.md describes them, and the rings that stand beside one while it
// is being written. Shared by writer and reader. Little-endian machines only.
namespace fronta::trace::format {

static_assert(std::endian::native == std::endian::little);

using bytes = std::span<const std::byte>;

inline constexpr std::uint16_t version = 2;
inline constexpr std::array<char, 8> file_magic{'F', 'R', 'O', 'N', 'T', 'A', 'T', 'R'};
inline constexpr std::array<char, 8> rings_magic{'F', 'R', 'O', 'N', 'T', 'A', 'R', 'G'};
inline constexpr std::string_view rings_suffix = ".rings";

enum class clock_kind : std::uint8_t { steady, tsc, given };

struct file_header {
  std::array<char, 8> magic = file_magic;
  std::uint16_t version_of = version;
  clock_kind clock{};
  std::uint8_t unused = 0;
  std::uint32_t process = 0;
  std::uint64_t recording = 0;     // the same number stands in the rings
  std::int64_t origin_steady = 0;  // time 0 of the file, in ns of the host's steady clock
  std::int64_t origin_unix = 0;    // the same moment in ns since 1970
  std::array<char, 24> host{};     // cut off, padded with zeros
};
static_assert(sizeof(file_header) == 64);

enum class chunk_kind : std::uint32_t { texts = 1, events = 2, mark = 3, end = 4, process = 5 };

struct chunk_header {
  chunk_kind kind;
  std::uint32_t length;    // of what follows
  std::uint32_t checksum;  // CRC-32 of kind, length and what follows
};
static_assert(sizeof(chunk_header) == 12);
// Of payloads. The recording's are of 8 192 cells and the texts in them, so far shorter.
inline constexpr std::uint32_t longest_chunk = 1U << 24;

// Beside the numbers of event_kind.
inline constexpr std::uint8_t device_span_kind = 64;

enum record_flag : std::uint8_t {
  same_task = 1,      // as the record before in the chunk; else a task follows, unless
  no_task = 2,        // it is 0
  same_slot = 4,      // likewise; a chunk begins with slot -1 and executor 0
  same_executor = 8,  // likewise
  no_argument = 16,   // it is 0
  has_text = 32,
};

// ---- Rings.

inline constexpr std::size_t page = 4096;

struct cell {
  std::uint64_t stamp;  // ticks of the clock
  std::uint8_t kind;
  std::uint8_t more;  // cells that follow and belong to it
  std::uint16_t executor;
  std::int32_t slot;
  std::uint64_t task;
  std::uint64_t argument;
};
static_assert(sizeof(cell) == 32);

inline constexpr std::size_t longest_text = 247;
inline constexpr std::size_t most_cells = 9;

// A device_span behind its event, whose task and executor are its own.
struct span_cells {
  std::int32_t place;
  std::int32_t stream;
  std::uint8_t what;
  std::uint8_t grade;
  std::uint8_t simulated;
  std::array<std::uint8_t, 5> unused;
  std::int64_t begin_earliest;
  std::int64_t begin_latest;
  std::int64_t end_earliest;
  std::int64_t end_latest;
  std::uint64_t bytes;
  std::uint64_t also_unused;
};
static_assert(sizeof(span_cells) == 2 * sizeof(cell));

// A text lies in the cells behind its event: one byte of length, then the text.
constexpr std::size_t cells_of_text(std::size_t length) noexcept {
  return length == 0 ? 0 : (1 + length + sizeof(cell) - 1) / sizeof(cell);
}
static_assert(cells_of_text(longest_text) + 1 == most_cells);

// Cuts at the beginning of a UTF-8 sequence.
inline std::string_view cut(std::string_view text) noexcept {
  if (text.size() <= longest_text) return text;
  auto end = longest_text;
  while (end > longest_text - 4 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

// Ticks and nanoseconds of the steady clock, read together.
struct moment {
  std::uint64_t ticks = 0;
  std::int64_t steady = 0;
};

// Between two moments time goes evenly; so it does beyond them.
class timeline {
 public:
  timeline(const moment& from, const moment& to) noexcept
      : from_(from),
        rate_(to.ticks > from.ticks ? static_cast<double>(to.steady - from.steady) /
                                          static_cast<double>(to.ticks - from.ticks)
                                    : 0) {
    // Ticks that are nanoseconds: also while a clock that was given stands still.
    if (rate_ == 0 && from.ticks == static_cast<std::uint64_t>(from.steady)) rate_ = 1;
  }
  [[nodiscard]] std::int64_t steady(std::uint64_t stamp) const noexcept {
    const auto past = static_cast<double>(static_cast<std::int64_t>(stamp - from_.ticks)) * rate_;
    // Damaged rings may hold any numbers.
    if (!(past > -9e18 && past < 9e18)) return from_.steady;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(from_.steady) +
                                     static_cast<std::uint64_t>(static_cast<std::int64_t>(past)));
  }

 private:
  moment from_;
  double rate_;
};

// What a recording says of itself whenever it looks through its rings, be there news or not.
struct pulse {
  std::int64_t known_until = 0;  // no event before that time of the file's comes any more
  std::int64_t looked = 0;       // when that was, by the host's steady clock
  std::uint64_t dropped = 0;     // events, so far
};

struct rings_header {
  std::array<char, 8> magic = rings_magic;
  std::uint32_t version_of = version;
  std::uint32_t cells = 0;  // of each ring, a power of two
  std::uint64_t recording = 0;
  // For stamps that no file has yet. Written in turn, so that one of the two pairs is whole at any
  // time: the one that the lowest bit of `moments_written` names.
  std::array<std::array<moment, 2>, 2> moments{};
  std::uint64_t moments_written = 0;
  // Likewise. 0 where nobody tells them.
  std::array<pulse, 2> pulses{};
  std::uint64_t pulses_written = 0;
};
static_assert(sizeof(rings_header) == 152);

// Of one ring; its cells follow on the next page. Offsets of the three words only: the running
// program sees them as atomics.
inline constexpr std::size_t ring_head_at = 0;    // cells written since the beginning
inline constexpr std::size_t ring_tail_at = 64;   // cells taken out
inline constexpr std::size_t ring_lost_at = 128;  // events dropped

constexpr std::size_t ring_bytes(std::size_t cells) noexcept { return page + cells * sizeof(cell); }
constexpr std::size_t ring_at(std::size_t number, std::size_t cells) noexcept {
  return page + number * ring_bytes(cells);
}

// ---- What a record says, in cells and in files.

struct entry {
  event what{};
  std::string_view text;
  std::optional<device_span> span;
};

// Reads the event at the front of `from` and its further cells. Nothing when they are not whole or
// make no sense; `used` says how many cells it takes.
inline std::optional<entry> read_cells(std::span<const cell> from, std::size_t& used) noexcept {
  if (from.empty()) return std::nullopt;
  const auto& first = from.front();
  used = std::size_t{1} + first.more;
  if (used > from.size()) return std::nullopt;
  entry e;
  e.what = {static_cast<event_kind>(first.kind), first.executor, first.slot, first.task,
            first.argument};
  const auto rest = std::as_bytes(from.subspan(1, first.more));
  if (first.kind == device_span_kind) {
    span_cells s{};
    if (rest.size() != sizeof s) return std::nullopt;
    std::memcpy(&s, rest.data(), sizeof s);
    e.span = device_span{first.task,
                         s.place,
                         s.stream,
                         static_cast<device_work>(s.what),
                         static_cast<time_grade>(s.grade),
                         s.simulated != 0,
                         s.begin_earliest,
                         s.begin_latest,
                         s.end_earliest,
                         s.end_latest,
                         s.bytes,
                         first.executor};
  } else if (first.more != 0) {
    const auto length = std::to_integer<std::size_t>(rest.front());
    if (cells_of_text(length) != first.more) return std::nullopt;
    e.text = {reinterpret_cast<const char*>(rest.data()) + 1, length};
  }
  return e;
}

// ---- Bytes.

constexpr std::array<std::array<std::uint32_t, 256>, 4> make_crc_tables() noexcept {
  std::array<std::array<std::uint32_t, 256>, 4> t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ ((c & 1) != 0 ? 0xEDB8'8320U : 0U);
    t[0][i] = c;
  }
  for (std::size_t i = 0; i < 256; ++i) {
    for (std::size_t k = 1; k < 4; ++k) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xFF];
  }
  return t;
}
inline constexpr auto crc_tables = make_crc_tables();

inline std::uint32_t crc32(bytes of, std::uint32_t before = 0) noexcept {
  auto c = ~before;
  while (of.size() >= 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, of.data(), 4);
    c ^= word;
    c = crc_tables[3][c & 0xFF] ^ crc_tables[2][(c >> 8) & 0xFF] ^ crc_tables[1][(c >> 16) & 0xFF] ^
        crc_tables[0][c >> 24];
    of = of.subspan(4);
  }
  for (const auto b : of) {
    c = crc_tables[0][(c ^ std::to_integer<std::uint32_t>(b)) & 0xFF] ^ (c >> 8);
  }
  return ~c;
}

inline std::uint32_t checksum(chunk_kind kind, bytes payload) noexcept {
  const std::array<std::uint32_t, 2> front{static_cast<std::uint32_t>(kind),
                                           static_cast<std::uint32_t>(payload.size())};
  return crc32(payload, crc32(std::as_bytes(std::span(front))));
}

constexpr std::uint64_t zigzag(std::int64_t v) noexcept {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t v) noexcept {
  return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
}

class byte_writer {
 public:
  void byte(std::uint8_t b) { *room(1) = static_cast<std::byte>(b), ++size_; }
  void number(std::uint64_t v) {
    auto* to = room(10);
    for (; v >= 0x80; v >>= 7, ++size_) *to++ = static_cast<std::byte>(v | 0x80);
    *to = static_cast<std::byte>(v);
    ++size_;
  }
  void signed_number(std::int64_t v) { number(zigzag(v)); }
  void word(std::uint64_t v) { raw(std::as_bytes(std::span(&v, 1))); }
  void raw(bytes b) {
    if (b.empty()) return;
    std::memcpy(room(b.size()), b.data(), b.size());
    size_ += b.size();
  }
  void text(std::string_view t) {
    number(t.size());
    raw(std::as_bytes(std::span(t)));
  }
  [[nodiscard]] bytes all() const noexcept { return bytes(out_).first(size_); }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  void clear() noexcept { size_ = 0; }

 private:
  std::byte* room(std::size_t more) {
    if (out_.size() - size_ < more) out_.resize(2 * out_.size() + more);
    return out_.data() + size_;
  }
  std::vector<std::byte> out_;  // of which `size_` are written
  std::size_t size_ = 0;
};

// Never reads beyond the end: then, and after a number that is none, it fails for good and gives
// zeros.
class byte_reader {
 public:
  explicit byte_reader(bytes from) noexcept : left_(from) {}

  std::uint8_t byte() noexcept {
    if (left_.empty()) return fail();
    const auto b = std::to_integer<std::uint8_t>(left_.front());
    left_ = left_.subspan(1);
    return b;
  }
  std::uint64_t number() noexcept {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t b = byte();
      v |= (b & 0x7F) << shift;
      if ((b & 0x80) == 0) return shift == 63 && b > 1 ? fail() : v;
    }
    return fail();
  }
  std::int64_t signed_number() noexcept { return unzigzag(number()); }
  std::uint64_t word() noexcept {
    std::uint64_t v = 0;
    if (const auto from = take(sizeof v); !from.empty()) std::memcpy(&v, from.data(), sizeof v);
    return v;
  }
  bytes take(std::uint64_t count) noexcept {
    if (count > left_.size()) {
      fail();
      return {};
    }
    const auto taken = left_.first(static_cast<std::size_t>(count));
    left_ = left_.subspan(static_cast<std::size_t>(count));
    return taken;
  }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] bool empty() const noexcept { return left_.empty(); }

 private:
  std::uint8_t fail() noexcept {
    failed_ = true;
    left_ = {};
    return 0;
  }
  bytes left_;
  bool failed_ = false;
};

inline void write_span(byte_writer& to, const device_span& s, std::int64_t origin) {
  to.signed_number(s.place);
  to.signed_number(s.stream);
  to.byte(static_cast<std::uint8_t>(s.what));
  to.byte(static_cast<std::uint8_t>(s.grade));
  to.byte(s.simulated ? 1 : 0);
  // In order, so each as the way from the one before. Simulations may have their own origin.
  std::int64_t before = origin;
  for (const auto t : {s.begin_earliest, s.begin_latest, s.end_earliest, s.end_latest}) {
    to.number(zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(t) -
                                               static_cast<std::uint64_t>(before))));
    before = t;
  }
  to.number(s.bytes);
}

inline device_span read_span(byte_reader& from, std::int64_t origin) noexcept {
  device_span s{};
  s.place = static_cast<std::int32_t>(from.signed_number());
  s.stream = static_cast<std::int32_t>(from.signed_number());
  s.what = static_cast<device_work>(from.byte());
  s.grade = static_cast<time_grade>(from.byte());
  s.simulated = from.byte() != 0;
  auto t = static_cast<std::uint64_t>(origin);
  for (auto* const to : {&s.begin_earliest, &s.begin_latest, &s.end_earliest, &s.end_latest}) {
    t += static_cast<std::uint64_t>(from.signed_number());
    *to = static_cast<std::int64_t>(t);
  }
  s.bytes = from.number();
  return s;
}

}  // namespace fronta::trace::format
