// SPDX-License-Identifier: Apache-2.0
#include <fronta/trace_file.hpp>

#include "trace_format.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <ostream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace fronta::trace {
namespace {

using format::byte_reader;
using format::bytes;
using format::cell;

constexpr auto most_index = std::numeric_limits<std::uint32_t>::max();

template <class T>
T load(bytes from) noexcept {
  T value{};
  std::memcpy(static_cast<void*>(&value), from.data(), sizeof value);
  return value;
}

bool is_known(std::uint8_t kind) noexcept {
  return !name_of(static_cast<event_kind>(kind)).empty();
}

// Stable. std::stable_sort is deprecated inside, as clang sees libstdc++ 12.
template <class T>
void sort_by_time(std::vector<T>& all) {
  if (std::ranges::is_sorted(all, {}, &T::time)) return;
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(all[i].time, i); });
  std::vector<T> sorted;
  sorted.reserve(all.size());
  for (const auto i : order) sorted.push_back(all[i]);
  all = std::move(sorted);
}

// What is read from one file, and how far each of its rings has come.
class reading {
 public:
  explicit reading(bytes file) : left_(file) {
    if (file.size() < sizeof(format::file_header)) throw_no_trace();
    const auto header = load<format::file_header>(file);
    if (header.magic != format::file_magic) throw_no_trace();
    if (header.version_of != format::version) {
      throw std::invalid_argument("trace::read_file: the file is of version " +
                                  std::to_string(header.version_of) +
                                  " of the format; use a Fronta that reads it");
    }
    recording_ = header.recording;
    auto& c = contents_;
    c.host.assign(header.host.begin(), std::ranges::find(header.host, '\0'));
    c.process = header.process;
    c.tsc = header.clock == format::clock_kind::tsc;
    c.given_clock = header.clock == format::clock_kind::given;
    c.origin_steady = header.origin_steady;
    c.origin_unix = header.origin_unix;
    left_ = left_.subspan(sizeof header);
  }

  void read_chunks() {
    while (!left_.empty()) {
      if (const auto* const why = read_next_chunk()) {
        damaged(why);
        return;
      }
    }
  }

  // What is wrong with it, or null.
  const char* read_next_chunk() {
    if (left_.size() < sizeof(format::chunk_header)) return "is cut off";
    const auto header = load<format::chunk_header>(left_);
    const auto behind = left_.subspan(sizeof header);
    if (header.length > behind.size()) return "is cut off";
    const auto payload = behind.first(header.length);
    if (format::checksum(header.kind, payload) != header.checksum) return "is damaged";
    if (!read_chunk(header.kind, payload)) return "makes no sense";
    left_ = behind.subspan(header.length);
    return nullptr;
  }

  // What was published and is in no chunk.
  void read_rings(bytes all) {
    if (all.size() < format::page) return;
    const auto header = load<format::rings_header>(all);
    const std::size_t cells = header.cells;
    if (header.magic != format::rings_magic || header.version_of != format::version ||
        header.recording != recording_ || cells < format::most_cells || cells > (1U << 24) ||
        !std::has_single_bit(cells)) {
      return;
    }
    const auto& moments = header.moments[header.moments_written & 1];
    const format::timeline times(moments[0], moments[1]);
    for (std::uint32_t n = 0; format::ring_at(n + std::size_t{1}, cells) <= all.size(); ++n) {
      const auto at = all.subspan(format::ring_at(n, cells), format::ring_bytes(cells));
      read_ring(n, at, cells, times);
    }
  }

  file_contents finish() {
    auto& c = contents_;
    sort_by_time(c.events);
    sort_by_time(c.spans);
    return std::move(c);
  }

 private:
  struct ring_state {
    std::uint64_t read = 0;  // cells
    std::int64_t time = 0;
    std::uint32_t thread = most_index;
  };

  [[noreturn]] static void throw_no_trace() {
    throw std::invalid_argument(
        "trace::read_file: this is no trace; give a file that a recording, "
        "FRONTA_TRACE or --trace wrote");
  }

  void damaged(const char* how) {
    contents_.damage = "the file " + std::string(how) + "; " + std::to_string(left_.size()) +
                       " bytes at its end were not read";
  }

  bool read_chunk(format::chunk_kind kind, bytes payload) {
    switch (kind) {
      case format::chunk_kind::texts:
        return read_texts(payload);
      case format::chunk_kind::events:
        return read_events(payload);
      case format::chunk_kind::mark:
        return read_mark(payload);
      case format::chunk_kind::end:
        contents_.ended = true;
        return true;
      case format::chunk_kind::process:
        return read_process(payload);
    }
    return true;  // of a later version
  }

  bool read_texts(bytes payload) {
    byte_reader from(payload);
    while (!from.empty()) {
      const auto text = from.take(from.number());
      if (from.failed()) return false;
      contents_.texts.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
    }
    return true;
  }

  bool read_mark(bytes payload) {
    byte_reader from(payload);
    const auto known = from.number();
    const auto lost = from.number();
    if (from.failed() || known > std::numeric_limits<std::int64_t>::max()) return false;
    contents_.known_until = std::max(contents_.known_until, static_cast<std::int64_t>(known));
    contents_.dropped = lost;
    return true;
  }

  // What a later version has behind that is skipped.
  bool read_process(bytes payload) {
    byte_reader from(payload);
    const auto cores = from.number();
    if (from.failed()) return false;
    contents_.cores = static_cast<std::uint32_t>(std::min<std::uint64_t>(cores, most_index));
    return true;
  }

  // The events of a chunk whose middle makes no sense count as far as they do.
  bool read_events(bytes payload) {
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

  bool read_record(byte_reader& from, ring_state& ring, event& before, std::uint64_t& time) {
    const auto kind = from.byte();
    const auto flags = from.byte();
    const auto passed = from.number();
    event e = before;
    e.kind = static_cast<event_kind>(kind);
    if ((flags & format::same_slot) == 0) {
      e.slot = static_cast<std::int32_t>(from.signed_number());
    }
    if ((flags & format::same_executor) == 0) {
      e.executor = static_cast<std::uint16_t>(from.number());
    }
    if ((flags & format::no_task) != 0) {
      e.task = 0;
    } else if ((flags & format::same_task) == 0) {
      e.task = from.word();
    }
    e.argument = (flags & format::no_argument) != 0 ? 0 : from.number();
    const auto text = (flags & format::has_text) != 0 ? from.number() : 0;
    std::optional<device_span> span;
    if (kind == format::device_span_kind) {
      span = format::read_span(from, contents_.origin_steady);
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

  bool take(std::uint8_t kind, const event& e, std::uint32_t text,
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

  void read_ring(std::uint32_t number, bytes all, std::size_t cells,
                 const format::timeline& times) {
    const auto head = load<std::uint64_t>(all.subspan(format::ring_head_at));
    auto& ring = rings_[number];
    lost_ += load<std::uint64_t>(all.subspan(format::ring_lost_at));
    contents_.dropped = std::max(contents_.dropped, lost_);
    if (head - ring.read > cells) return;  // the file was cut off: what came between is gone
    const auto* const first = all.data() + format::page;
    while (ring.read != head) {
      std::array<cell, format::most_cells> whole{};
      const auto there = std::min<std::uint64_t>(head - ring.read, whole.size());
      for (std::uint64_t i = 0; i < there; ++i) {
        const auto at = static_cast<std::size_t>((ring.read + i) & (cells - 1));
        std::memcpy(static_cast<void*>(&whole[i]), first + at * sizeof(cell), sizeof(cell));
      }
      std::size_t used = 0;
      const auto e =
          format::read_cells(std::span(whole).first(static_cast<std::size_t>(there)), used);
      if (!e) return;
      const auto text = e->text.empty() ? 0U : number_of(e->text);
      const auto steady = static_cast<std::uint64_t>(times.steady(whole[0].stamp));
      const auto time =
          static_cast<std::int64_t>(steady - static_cast<std::uint64_t>(contents_.origin_steady));
      take(whole[0].kind, e->what, text, e->span, std::max(time, ring.time), ring);
      ++contents_.from_rings;
      ring.read += used;
    }
  }

  // As the recording numbers them: the same text, the same number.
  std::uint32_t number_of(std::string_view text) {
    if (numbers_.empty()) {
      for (std::uint32_t i = 0; i < contents_.texts.size(); ++i)
        numbers_.try_emplace(contents_.texts[i], i);
    }
    const auto [at, is_new] =
        numbers_.try_emplace(std::string(text), static_cast<std::uint32_t>(contents_.texts.size()));
    if (is_new) contents_.texts.emplace_back(text);
    return at->second;
  }

  bytes left_;
  std::uint64_t recording_ = 0;
  std::uint64_t lost_ = 0;
  file_contents contents_;
  std::unordered_map<std::uint32_t, ring_state> rings_;
  std::unordered_map<std::string, std::uint32_t> numbers_;  // of texts; made for those of rings
};

std::vector<std::byte> read_all(const std::string& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> open(std::fopen(file.c_str(), "rb"),
                                                             &std::fclose);
  const auto fail = [&](int error) {
    throw std::system_error(error, std::generic_category(),
                            "trace::read_file: cannot read \"" + file + "\"");
  };
  if (open == nullptr) fail(errno);
  std::vector<std::byte> all;
  std::size_t size = 0;
  while (std::feof(open.get()) == 0) {
    all.resize(size + (std::size_t{1} << 20));
    errno = 0;
    size += std::fread(all.data() + size, 1, all.size() - size, open.get());
    if (std::ferror(open.get()) != 0) fail(errno);
  }
  all.resize(size);
  return all;
}

// ---- JSON.

// The length of the UTF-8 sequence at the front, 0 when there is none.
std::size_t sequence(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = at(0);
  if (first < 0x80) return 1;
  const std::size_t several = first >= 0xE0 ? 3 : 2;
  const std::size_t length = first >= 0xF0 ? 4 : several;
  if (first < 0xC2 || first > 0xF4 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0U) != 0x80U) return 0;
  }
  const auto second = at(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool outside = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return overlong || outside ? 0 : length;
}

class json_line {
 public:
  json_line& add(std::string_view key, std::string_view value) {
    begin(key);
    quoted(value);
    return *this;
  }
  json_line& add(std::string_view key, const char* value) {
    return add(key, std::string_view(value));
  }
  json_line& add(std::string_view key, bool value) {
    begin(key);
    text_ += value ? "true" : "false";
    return *this;
  }
  template <class Number>
    requires std::is_arithmetic_v<Number>
  json_line& add(std::string_view key, Number value) {
    begin(key);
    if constexpr (std::is_floating_point_v<Number>) {
      if (!std::isfinite(value)) {
        text_ += "null";
        return *this;
      }
    }
    std::array<char, 40> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text_.append(digits.data(), end);
    return *this;
  }
  // More than 53 bits, which not every reader of JSON keeps.
  json_line& add_id(std::string_view key, std::uint64_t value) {
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(value));
    return add(key, std::string_view(digits.data(), 16));
  }
  void end(std::ostream& to) {
    text_ += "}\n";
    to.write(text_.data(), static_cast<std::streamsize>(text_.size()));
    text_.clear();
  }

 private:
  void begin(std::string_view key) {
    text_ += text_.empty() ? '{' : ',';
    quoted(key);
    text_ += ':';
  }
  void quoted(std::string_view value) {
    text_ += '"';
    while (!value.empty()) {
      const auto length = sequence(value);
      const auto c = value.front();
      if (length == 0) {
        text_ += "\xEF\xBF\xBD";
      } else if (c == '"' || c == '\\') {
        text_ += {'\\', c};
      } else if (static_cast<unsigned char>(c) < 0x20) {
        std::array<char, 8> escaped{};
        std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(c));
        text_ += escaped.data();
      } else {
        text_ += value.substr(0, length);
      }
      value.remove_prefix(std::max<std::size_t>(length, 1));
    }
    text_ += '"';
  }
  std::string text_;
};

constexpr std::array<std::string_view, 6> queues{"deque", "inbox",   "priority",
                                                 "tags",  "backoff", "stream"};
constexpr std::array<std::string_view, 9> waits{"task", "all",    "any",  "completion", "blocking",
                                                "data", "memory", "code", "executor"};
constexpr std::array<std::string_view, 12> routes{"untold", "only",      "named",  "bound",
                                                  "tags",   "preferred", "inputs", "load",
                                                  "body",   "fell_back", "waiter", "first"};
constexpr std::array<std::string_view, 7> works{"task",    "kernel",    "fill",   "to_device",
                                                "to_host", "on_device", "between"};
constexpr std::array<std::string_view, 3> grades{"observed", "stamped", "profiled"};

// The number, where a later version has more.
template <std::size_t Count>
void add_word(json_line& line, std::string_view key, std::uint64_t value,
              const std::array<std::string_view, Count>& words) {
  if (value < words.size()) {
    line.add(key, words[value]);
  } else {
    line.add(key, value);
  }
}

void write_argument(json_line& line, const event& e) {
  using enum event_kind;
  switch (e.kind) {
    case submit:
      if (e.argument != 0) line.add_id("by", e.argument);
      break;
    case dependency:
      line.add_id("input", e.argument);
      break;
    case enqueue:
      add_word(line, "queue", e.argument, queues);
      break;
    case steal:
      line.add("from", e.argument);
      break;
    case start:
    case retry:
      line.add("attempt", e.argument);
      break;
    case block:
      if (e.argument != 0) line.add_id("awaits", e.argument);
      break;
    case unblock:
      line.add("in", static_cast<std::int64_t>(e.argument));
      break;
    case finish:
      line.add("outcome", e.argument == 0 ? "value" : "error");
      break;
    case wait:
      add_word(line, "why", e.argument, waits);
      break;
    case acquire:
    case release: {
      const auto amount = tag_amount::from(e.argument);
      line.add("place", amount.place).add("units", amount.units);
      break;
    }
    case follow:
      line.add_id("behind", e.argument);
      break;
    case route: {
      const auto choice = route_choice::from(e.argument);
      line.add("place", choice.place);
      if (choice.device >= 0) line.add("device", choice.device);
      add_word(line, "why", static_cast<std::uint64_t>(choice.why), routes);
      break;
    }
    case consume:
      if (e.argument != 0) line.add_id("by", e.argument);
      break;
    case location:
      line.add("line", e.argument);
      break;
    case placed:
    case moved:
    case freed: {
      const auto of = place_bytes::from(e.argument);
      line.add("place", of.place).add("bytes", of.bytes);
      break;
    }
    case issue:
      line.add("place", e.argument >> 32).add("stream", e.argument & 0xFFFF'FFFF);
      break;
    case worker_start:
      line.add("number", e.argument);
      break;
    case executor_open:
      line.add_id("seed", e.argument);
      break;
    case place:
      line.add("place", e.argument);
      break;
    case thread:
      line.add("system", e.argument);
      if (e.executor != 0) line.add("place", e.task);
      break;
    case lost:
      line.add("events", e.argument);
      break;
    case cpu_time:
      line.add("ns", e.argument);
      break;
    case counter:
      line.add("value", std::bit_cast<double>(e.argument));
      break;
    case fall_back:
      line.add("place", e.argument);
      break;
    case choose:
      line.add("why", e.argument);
      break;
    case elsewhere:
      line.add("of", e.argument);
      break;
    case workers:
      line.add("place", e.argument >> 32).add("workers", e.argument & 0xFFFF'FFFF);
      break;
    case lost_records:
      line.add("place", e.argument >> 32).add("records", e.argument & 0xFFFF'FFFF);
      break;
    case ready:
    case cancel:
    case worker_park:
    case worker_unpark:
    case worker_exit:
    case executor_close:
    case zone_begin:
    case zone_end:
    case message:
      break;
  }
}

void write(const file_contents& trace, const recorded_event& r, std::ostream& to) {
  const auto& e = r.what;
  json_line line;
  line.add("t", r.time).add("thread", r.thread).add("event", name_of(e.kind));
  if (e.executor != 0) line.add("executor", e.executor);
  if (e.slot >= 0) line.add("slot", e.slot);
  if (e.task != 0 && e.kind != event_kind::thread) line.add_id("task", e.task);
  write_argument(line, e);
  if (r.text != 0) line.add("text", std::string_view(trace.texts[r.text]));
  line.end(to);
}

void write(const recorded_span& r, std::ostream& to) {
  const auto& s = r.what;
  json_line line;
  line.add("t", r.time).add("thread", r.thread).add("event", "device_span");
  if (s.executor != 0) line.add("executor", s.executor);
  if (s.task != 0) line.add_id("task", s.task);
  line.add("place", s.place)
      .add("stream", s.stream)
      .add("what", works[static_cast<std::size_t>(s.what)])
      .add("grade", grades[static_cast<std::size_t>(s.grade)])
      .add("simulated", s.simulated)
      .add("begin_earliest", s.begin_earliest)
      .add("begin_latest", s.begin_latest)
      .add("end_earliest", s.end_earliest)
      .add("end_latest", s.end_latest)
      .add("bytes", s.bytes)
      .end(to);
}

}  // namespace

file_contents read_file(std::span<const std::byte> file, std::span<const std::byte> rings) {
  reading r(file);
  r.read_chunks();
  r.read_rings(rings);
  return r.finish();
}

// The rings first: what a recording that goes on moves from them meanwhile is in the file then.
file_contents read_file(const std::string& file) {
  std::vector<std::byte> rings;
  try {
    rings = read_all(file + std::string(format::rings_suffix));
  } catch (const std::system_error&) {
    // The recording has ended.
  }
  return read_file(read_all(file), rings);
}

void write_json_lines(const file_contents& trace, std::ostream& to) {
  std::string_view clock = trace.tsc ? "tsc" : "steady";
  if (trace.given_clock) clock = "given";
  json_line first;
  first.add("fronta_trace", format::version)
      .add("host", std::string_view(trace.host))
      .add("process", trace.process)
      .add("clock", clock)
      .add("origin_steady", trace.origin_steady)
      .add("origin_unix", trace.origin_unix)
      .add("known_until", trace.known_until)
      .add("dropped", trace.dropped)
      .add("skipped", trace.skipped)
      .add("ended", trace.ended);
  if (trace.cores != 0) first.add("cores", trace.cores);
  if (!trace.damage.empty()) first.add("damage", std::string_view(trace.damage));
  first.end(to);
  auto span = trace.spans.begin();
  for (const auto& e : trace.events) {
    for (; span != trace.spans.end() && span->time < e.time; ++span) write(*span, to);
    write(trace, e, to);
  }
  for (; span != trace.spans.end(); ++span) write(*span, to);
}

}  // namespace fronta::trace
