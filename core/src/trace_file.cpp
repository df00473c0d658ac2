// SPDX-License-Identifier: Apache-2.0
#include <fronta/trace_file.hpp>

#include "trace_attach.hpp"
#include "trace_reading.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ostream>
#include <string_view>
#include <system_error>
#include <utility>

namespace fronta::trace {
namespace {

constexpr std::string_view caller = "trace::read_file";

// Nobody at the other end of a pipe is waited for.
descriptor opened(const std::string& file) {
  return descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

std::vector<std::byte> all_of_pipe(int from, const std::string& name) {
  ::fcntl(from, F_SETFL, ::fcntl(from, F_GETFL) & ~O_NONBLOCK);
  std::vector<std::byte> all;
  constexpr std::size_t at_once = std::size_t{1} << 16;
  for (std::size_t size = 0;;) {
    all.resize(size + at_once);
    const auto got = ::read(from, all.data() + size, at_once);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) format::cannot_read(caller, name);
    size += static_cast<std::size_t>(got);
    all.resize(size);
    if (got == 0) return all;
  }
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
    text_.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
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
    case finish: {
      const auto outcome = outcome_told::from(e.argument);
      line.add("outcome", outcome.error ? "error" : "value");
      if (outcome.bytes != 0) line.add("bytes", outcome.bytes);
      break;
    }
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
    case callback:
      line.add("at", e.argument == 0 ? "begin" : "end");
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
    case paced:
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
  format::reading r(file, caller);
  const auto left = r.read_chunks(file.subspan(sizeof(format::file_header)));
  if (!left.empty()) r.stop_at(r.fault(), left.size());
  r.read_rings(format::rings_copy(rings));
  return r.finish();
}

// The rings first: what a recording that goes on moves from them meanwhile is in the file then.
file_contents read_file(const std::string& file) {
  const auto beside_name = file + std::string(format::rings_suffix);
  format::rings_copy rings;
  if (const auto beside = opened(beside_name)) {
    try {
      rings = format::rings_copy(beside.get(), caller, beside_name);
    } catch (const std::system_error&) {
      // No file: what it has is read without.
    }
  }
  const auto of = opened(file);
  if (!of) format::cannot_read(caller, file);
  if (::lseek(of.get(), 0, SEEK_CUR) < 0 && errno == ESPIPE) {
    return read_file(all_of_pipe(of.get(), file), {});
  }
  std::vector<std::byte> header(sizeof(format::file_header));
  header.resize(format::read_at(of.get(), 0, header, caller, file));
  format::reading r(header, caller);
  format::chunk_reader chunks;
  chunks.read(of.get(), r, caller, file);
  if (r.fault() != nullptr) r.stop_at(r.fault(), chunks.bytes_left(of.get()));
  r.read_rings(rings);
  return r.finish();
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
