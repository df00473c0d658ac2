// SPDX-License-Identifier: Apache-2.0
#include "trace_reading.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace fronta::trace::format {
namespace {

template <class T>
T load(bytes from) noexcept {
  T value{};
  std::memcpy(static_cast<void*>(&value), from.data(), sizeof value);
  return value;
}

bool is_known(std::uint8_t kind) noexcept {
  return !name_of(static_cast<event_kind>(kind)).empty();
}

constexpr const char* cut_off = "is cut off";

// Such as a hole in a file. An event is of something.
bool is_empty(const cell& c) noexcept {
  constexpr cell nothing{};
  return std::memcmp(&c, &nothing, sizeof c) == 0;
}

}  // namespace

void cannot_read(std::string_view caller, const std::string& name) {
  const auto error = errno;
  std::string text(caller);
  text.append(": cannot read \"").append(name).append("\"");
  throw std::system_error(error, std::generic_category(), text);
}

std::size_t read_at(int fd, std::size_t at, std::span<std::byte> to, std::string_view caller,
                    const std::string& name) {
  std::size_t done = 0;
  while (done < to.size()) {
    const auto n = ::pread(fd, to.data() + done, to.size() - done, static_cast<off_t>(at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) cannot_read(caller, name);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

// ---- Rings.

// Memory, or a file.
struct rings_copy::source {
  bytes memory;
  int fd = -1;
  std::string_view caller;
  const std::string* name = nullptr;

  [[nodiscard]] std::size_t read(std::size_t at, std::span<std::byte> to) const {
    if (fd >= 0) return read_at(fd, at, to, caller, *name);
    if (at >= memory.size()) return 0;
    const auto there = memory.subspan(at, std::min(to.size(), memory.size() - at));
    std::ranges::copy(there, to.begin());
    return there.size();
  }
  // Where from `at` on there may be something; at the end, where there is nothing more.
  [[nodiscard]] std::size_t next_data(std::size_t at) const {
    if (fd < 0) return at < memory.size() ? at : npos;
    const auto found = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (found >= 0) return static_cast<std::size_t>(found);
    if (errno == ENXIO) return npos;
    struct stat size{};  // a file system that does not know
    return ::fstat(fd, &size) == 0 && at < static_cast<std::size_t>(size.st_size) ? at : npos;
  }
  static constexpr auto npos = std::numeric_limits<std::size_t>::max();
};

rings_copy::rings_copy(bytes all) { copy({.memory = all, .caller = {}}); }

rings_copy::rings_copy(int fd, std::string_view caller, const std::string& name) {
  copy({.memory = {}, .fd = fd, .caller = caller, .name = &name});
}

void rings_copy::copy(const source& from) {
  rings_header header;
  if (from.read(0, std::as_writable_bytes(std::span(&header, 1))) != sizeof header) return;
  const std::size_t cells = header.cells;
  if (header.magic != rings_magic || header.version_of != version || cells < most_cells ||
      cells > (1U << 24) || !std::has_single_bit(cells)) {
    return;
  }
  header_ = header;
  const auto one = ring_bytes(cells);
  for (auto at = from.next_data(page); at != source::npos;) {
    const auto number = (at - page) / one;
    if (number >= std::numeric_limits<std::uint32_t>::max()) return;
    copy_ring(from, static_cast<std::uint32_t>(number));
    at = from.next_data(ring_at(number + 1, cells));
  }
}

void rings_copy::copy_ring(const source& from, std::uint32_t number) {
  const std::size_t cells = header_.cells;
  const auto at = ring_at(number, cells);
  std::array<std::byte, ring_lost_at + sizeof(std::uint64_t)> front{};
  if (from.read(at, front) != front.size()) return;
  const auto word = [&](std::size_t of) { return load<std::uint64_t>(bytes(front).subspan(of)); };
  ring made{number, word(ring_head_at), word(ring_lost_at), {}};
  if (made.head == 0 && made.lost == 0) return;
  const auto written = std::min<std::uint64_t>(made.head, cells);
  constexpr std::uint64_t most_at_once = 2'048;
  for (std::uint64_t done = 0; done < written;) {
    const auto index = (made.head - written + done) & (cells - 1);
    const auto some = std::min({written - done, cells - index, most_at_once});
    const auto before = made.last.size();
    made.last.resize(before + some);
    const auto to = std::span(made.last).subspan(before);
    if (from.read(at + page + index * sizeof(cell), std::as_writable_bytes(to)) !=
        to.size_bytes()) {
      return;  // the file was cut off
    }
    // No event takes so many, so nothing of it was written.
    if (some > most_cells && std::ranges::all_of(to, is_empty)) {
      made.last.clear();
      break;
    }
    done += some;
  }
  rings_.push_back(std::move(made));
}

// ---- Files.

reading::reading(bytes from, std::string_view caller) {
  const auto refuse = [caller](const std::string& why) {
    std::string text(caller);
    throw std::invalid_argument(text.append(": ").append(why));
  };
  const auto header =
      from.size() < sizeof(file_header) ? file_header{.magic = {}} : load<file_header>(from);
  if (header.magic != file_magic) {
    refuse("this is no trace; give a file that a recording, FRONTA_TRACE or --trace wrote");
  }
  if (header.version_of == 0 || header.version_of > version) {
    refuse("the file is of version " + std::to_string(header.version_of) +
           " of the format; use a Fronta that reads it");
  }
  recording_ = header.recording;
  auto& c = contents_;
  c.host.assign(header.host.begin(), std::ranges::find(header.host, '\0'));
  c.process = header.process;
  c.tsc = header.clock == clock_kind::tsc;
  c.given_clock = header.clock == clock_kind::given;
  c.origin_steady = header.origin_steady;
  c.origin_unix = header.origin_unix;
}

bytes reading::read_chunks(bytes from) {
  fault_ = nullptr;
  while (!from.empty() && fault_ == nullptr) fault_ = read_next_chunk(from);
  return from;
}

bool reading::is_cut_off() const noexcept { return fault_ == cut_off; }

// What is wrong with it, or null.
const char* reading::read_next_chunk(bytes& from) {
  if (from.size() < sizeof(chunk_header)) return cut_off;
  const auto header = load<chunk_header>(from);
  const auto behind = from.subspan(sizeof header);
  if (header.length > longest_chunk) return "makes no sense";
  if (header.length > behind.size()) return cut_off;
  const auto payload = behind.first(header.length);
  if (checksum(header.kind, payload) != header.checksum) return "is damaged";
  if (!read_chunk(header.kind, payload)) return "makes no sense";
  from = behind.subspan(header.length);
  return nullptr;
}

void reading::stop_at(const char* why, std::size_t bytes_left) {
  contents_.damage = "the file " + std::string(why) + "; " + std::to_string(bytes_left) +
                     " bytes at its end were not read";
}

void reading::know(std::int64_t until, std::uint64_t dropped) noexcept {
  contents_.known_until = std::max(contents_.known_until, until);
  contents_.dropped = std::max(contents_.dropped, dropped);
}

file_contents reading::finish() {
  sort_by_time(contents_.events);
  sort_by_time(contents_.spans);
  return std::move(contents_);
}

// What was published and is in no chunk.
void reading::read_rings(const rings_copy& all) {
  const auto& header = all.header();
  if (header.magic != rings_magic || header.recording != recording_) return;
  const auto& moments = header.moments[header.moments_written & 1];
  const timeline times(moments[0], moments[1]);
  for (const auto& r : all.rings()) read_ring(r, times);
}

bool reading::read_chunk(chunk_kind kind, bytes payload) {
  switch (kind) {
    case chunk_kind::texts:
      return read_texts(payload);
    case chunk_kind::events:
      return read_events(payload);
    case chunk_kind::mark:
      return read_mark(payload);
    case chunk_kind::end:
      contents_.ended = true;
      return true;
    case chunk_kind::process:
      return read_process(payload);
  }
  return true;  // of a later version
}

bool reading::read_texts(bytes payload) {
  byte_reader from(payload);
  while (!from.empty()) {
    const auto text = from.take(from.number());
    if (from.failed()) return false;
    contents_.texts.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
  }
  return true;
}

bool reading::read_mark(bytes payload) {
  byte_reader from(payload);
  const auto known = from.number();
  const auto lost = from.number();
  if (from.failed() || known > std::numeric_limits<std::int64_t>::max()) return false;
  contents_.known_until = std::max(contents_.known_until, static_cast<std::int64_t>(known));
  contents_.dropped = lost;
  return true;
}

// What a later version has behind that is skipped.
bool reading::read_process(bytes payload) {
  byte_reader from(payload);
  const auto cores = from.number();
  if (from.failed()) return false;
  contents_.cores = static_cast<std::uint32_t>(std::min<std::uint64_t>(cores, most_index));
  return true;
}

// The events of a chunk whose middle makes no sense count as far as they do.
bool reading::read_events(bytes payload) {
  byte_reader from(payload);
  const auto number = from.number();
  const auto first = from.number();
  const auto cells = from.number();
  auto time = from.number();
  if (from.failed() || number > most_index) return false;
  auto& ring = rings_[static_cast<std::uint32_t>(number)];
  event before{};
  before.slot = -1;
  while (!from.empty()) {
    byte_reader record(from.take(from.number()));
    if (from.failed()) return false;
    if (!read_record(record, ring, before, time)) return false;
  }
  ring.read = first + cells;
  return true;
}

bool reading::read_record(byte_reader& from, ring_state& ring, event& before, std::uint64_t& time) {
  const auto kind = from.byte();
  const auto flags = from.byte();
  const auto passed = from.number();
  event e = before;
  e.kind = static_cast<event_kind>(kind);
  if ((flags & same_slot) == 0) {
    e.slot = static_cast<std::int32_t>(from.signed_number());
  }
  if ((flags & same_executor) == 0) {
    e.executor = static_cast<std::uint16_t>(from.number());
  }
  if ((flags & no_task) != 0) {
    e.task = 0;
  } else if ((flags & same_task) == 0) {
    e.task = from.word();
  }
  e.argument = (flags & no_argument) != 0 ? 0 : from.number();
  const auto text = (flags & has_text) != 0 ? from.number() : 0;
  std::optional<device_span> span;
  if (kind == device_span_kind) {
    span = read_span(from, contents_.origin_steady);
    span->task = e.task;
    span->executor = e.executor;
  }
  constexpr std::uint64_t most_time = std::numeric_limits<std::int64_t>::max();
  if (from.failed() || text >= contents_.texts.size() || time > most_time ||
      passed > most_time - time) {
    return false;
  }
  time += passed;
  before.slot = e.slot;
  before.executor = e.executor;
  if (e.task != 0) before.task = e.task;
  return take(kind, e, static_cast<std::uint32_t>(text), span, static_cast<std::int64_t>(time),
              ring);
}

bool reading::take(std::uint8_t kind, const event& e, std::uint32_t text,
                   const std::optional<device_span>& span, std::int64_t time, ring_state& ring) {
  auto& c = contents_;
  ring.time = time;
  if (e.kind == event_kind::thread) {
    ring.thread = static_cast<std::uint32_t>(c.threads.size());
    c.threads.push_back({e.argument, c.texts[text], e.executor,
                         e.executor != 0 ? static_cast<std::int32_t>(e.task) : -1});
  } else if (ring.thread == most_index) {
    ring.thread = static_cast<std::uint32_t>(c.threads.size());
    c.threads.emplace_back();
  }
  if (span) {
    if (span->what > device_work::between || span->grade > time_grade::profiled) {
      ++c.skipped;
    } else {
      c.spans.push_back({time, ring.thread, *span});
    }
  } else if (!is_known(kind)) {
    ++c.skipped;
  } else {
    c.events.push_back({time, ring.thread, text, e});
  }
  return true;
}

void reading::read_ring(const rings_copy::ring& from, const timeline& times) {
  auto& ring = rings_[from.number];
  lost_ += from.lost;
  contents_.dropped = std::max(contents_.dropped, lost_);
  if (from.head - ring.read > from.last.size()) return;  // what came between is gone
  while (ring.read != from.head) {
    const auto left = std::span(from.last).last(static_cast<std::size_t>(from.head - ring.read));
    if (is_empty(left.front())) return;
    std::size_t used = 0;
    const auto e = read_cells(left.first(std::min(left.size(), most_cells)), used);
    if (!e) return;
    const auto text = e->text.empty() ? 0U : number_of(e->text);
    const auto steady = static_cast<std::uint64_t>(times.steady(left.front().stamp));
    const auto time =
        static_cast<std::int64_t>(steady - static_cast<std::uint64_t>(contents_.origin_steady));
    take(left.front().kind, e->what, text, e->span, std::max(time, ring.time), ring);
    ++contents_.from_rings;
    ring.read += used;
  }
}

// As the recording numbers them: the same text, the same number.
std::uint32_t reading::number_of(std::string_view text) {
  if (numbers_.empty()) {
    for (std::uint32_t i = 0; i < contents_.texts.size(); ++i)
      numbers_.try_emplace(contents_.texts[i], i);
  }
  const auto [at, is_new] =
      numbers_.try_emplace(std::string(text), static_cast<std::uint32_t>(contents_.texts.size()));
  if (is_new) contents_.texts.emplace_back(text);
  return at->second;
}

// ---- Piece by piece.

bool chunk_reader::read(int fd, reading& to, std::string_view caller, const std::string& name) {
  for (;;) {
    const auto before = kept_;
    constexpr std::size_t least = std::size_t{1} << 18;
    buffer_.resize(before + std::max(least, before));  // a long chunk is not looked at often
    const auto more = read_at(fd, at_, std::span(buffer_).subspan(before), caller, name);
    at_ += more;
    kept_ += more;
    const auto left = to.read_chunks(bytes(buffer_).first(kept_));
    std::memmove(buffer_.data(), left.data(), left.size());
    kept_ = left.size();
    if (to.fault() != nullptr && !to.is_cut_off()) return false;
    if (buffer_.size() != before + more) return true;
  }
}

std::size_t chunk_reader::bytes_left(int fd) const noexcept {
  struct stat found{};
  const auto size = ::fstat(fd, &found) == 0 ? static_cast<std::size_t>(found.st_size) : 0;
  return std::max(size, at_) - at_ + kept_;
}

}  // namespace fronta::trace::format
