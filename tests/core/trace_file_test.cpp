// SPDX-License-Identifier: Apache-2.0
#include <fronta/trace_file.hpp>

#include <fronta/rng.hpp>
#include <fronta/trace.hpp>
#include <fronta/trace_recording.hpp>

#include <gmock/gmock.h>

#include <unistd.h>

#include <trace_format.hpp>

#include <support/temporary_folder.hpp>

#include "sample_trace.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::test::sample_trace;
using fronta::test::temporary_folder;
using fronta::trace::event_kind;
using fronta::trace::read_file;
using fronta::trace::recording;
using testing::HasSubstr;
using testing::IsEmpty;
namespace format = fronta::trace::format;

using buffer = std::vector<std::byte>;

void append(buffer& to, format::bytes b) { to.insert(to.end(), b.begin(), b.end()); }

void append_chunk(buffer& to, format::chunk_kind kind, format::bytes payload) {
  const format::chunk_header header{kind, static_cast<std::uint32_t>(payload.size()),
                                    format::checksum(kind, payload)};
  append(to, std::as_bytes(std::span(&header, 1)));
  append(to, payload);
}

buffer empty_file() {
  format::file_header header;
  header.process = 42;
  header.recording = 99;
  header.origin_steady = 1'000;
  header.origin_unix = 2'000;
  std::strcpy(header.host.data(), "here");
  buffer all;
  append(all, std::as_bytes(std::span(&header, 1)));
  return all;
}

TEST(TraceFile, IsReadFromAPipe) {
  const sample_trace whole;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], whole.file.data(), whole.file.size()),
            static_cast<ssize_t>(whole.file.size()));
  ::close(ends[1]);
  const auto read = read_file("/proc/self/fd/" + std::to_string(ends[0]));
  ::close(ends[0]);
  EXPECT_EQ(read.events.size(), read_file(whole.file, {}).events.size());
  EXPECT_FALSE(read.events.empty());
}

TEST(TraceFile, OneThatIsCutOffAnywhereIsReadUpToThere) {
  const sample_trace whole;
  const auto all = read_file(whole.file, {});
  std::size_t before = 0;
  for (std::size_t size = sizeof(format::file_header); size <= whole.file.size(); ++size) {
    const auto read = read_file(std::span(whole.file).first(size), {});
    EXPECT_GE(read.events.size(), before);
    before = read.events.size();
    for (std::size_t i = 0; i < read.events.size(); ++i) {
      ASSERT_EQ(read.events[i].what.kind, all.events[i].what.kind);
      ASSERT_EQ(read.texts[read.events[i].text], all.texts[all.events[i].text]);
    }
  }
  EXPECT_EQ(before, all.events.size());
  for (std::size_t size = 0; size < sizeof(format::file_header); ++size) {
    EXPECT_THROW(static_cast<void>(read_file(std::span(whole.file).first(size), {})),
                 std::invalid_argument);
  }
}

TEST(TraceFile, WhatIsOnlyInTheRingsIsReadToo) {
  const sample_trace whole;
  EXPECT_LT(read_file(whole.file, {}).events.size(), whole.events);
  const auto read = read_file(whole.file, whole.rings);
  EXPECT_EQ(read.events.size(), whole.events);
  EXPECT_GT(read.from_rings, 0U);
}

TEST(TraceFile, RingsOfAnotherRecordingAreNotRead) {
  const sample_trace one;
  const sample_trace other;
  EXPECT_EQ(read_file(one.file, other.rings).from_rings, 0U);
}

TEST(TraceFile, ADamagedOneIsReadUpToTheDamage) {
  sample_trace whole;
  whole.file[whole.file.size() - 20] ^= std::byte{0x10};  // among the last events and the mark
  const auto read = read_file(whole.file, {});
  EXPECT_THAT(read.damage, HasSubstr("is damaged"));
  EXPECT_FALSE(read.events.empty());
}

// Whatever comes in ends in an error or in contents whose indices hold.
void survive(const buffer& file, const buffer& rings) {
  try {
    const auto read = read_file(file, rings);
    for (const auto& e : read.events) {
      ASSERT_LT(e.thread, read.threads.size());
      ASSERT_LT(e.text, read.texts.size());
      ASSERT_FALSE(name_of(e.what.kind).empty());
    }
    for (const auto& s : read.spans) ASSERT_LT(s.thread, read.threads.size());
    std::ostringstream lines;
    write_json_lines(read, lines);
  } catch (const std::invalid_argument&) {
    // No trace any more.
  }
}

// Makes every checksum right, so that what was changed is believed.
void mend_checksums(buffer& file) {
  std::size_t at = sizeof(format::file_header);
  while (at + sizeof(format::chunk_header) <= file.size()) {
    format::chunk_header header{};
    std::memcpy(&header, file.data() + at, sizeof header);
    const auto left = file.size() - at - sizeof header;
    if (header.length > left) return;
    header.checksum = format::checksum(
        header.kind, format::bytes(file).subspan(at + sizeof header, header.length));
    std::memcpy(file.data() + at, &header, sizeof header);
    at += sizeof header + header.length;
  }
}

TEST(TraceFile, ChangedBytesAnywhereNeverCrashTheReader) {
  const sample_trace whole;
  std::mt19937_64 random(2'026);
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  for (int round = 0; round < 4'000; ++round) {
    auto file = whole.file;
    auto rings = whole.rings;
    auto& changed = round % 3 == 0 ? rings : file;
    for (std::size_t k = 0; k <= below(6); ++k) {
      // Most of the rings' file is unused.
      const auto part =
          below(2) == 0 ? changed.size() : std::min<std::size_t>(changed.size(), 9'000);
      auto& at = changed[below(part)];
      switch (below(4)) {
        case 0:
          at ^= static_cast<std::byte>(1U << below(8));
          break;
        case 1:
          at = std::byte{0xFF};
          break;
        case 2:
          at = std::byte{0};
          break;
        default:
          at = static_cast<std::byte>(random());
      }
    }
    if (below(5) == 0) changed.resize(below(changed.size()));
    if (below(4) != 0) mend_checksums(file);
    survive(file, rings);
  }
}

TEST(TraceFile, UnknownKindsAndChunksAreSkipped) {
  auto file = empty_file();
  append_chunk(file, static_cast<format::chunk_kind>(77), std::as_bytes(std::span("later")));
  format::byte_writer events;
  for (const auto n : {0, 0, 2, 0})
    events.number(static_cast<std::uint64_t>(n));                 // ring, cells, time
  for (const auto kind : {std::uint8_t{200}, std::uint8_t{2}}) {  // of a later version; ready
    format::byte_writer record;
    record.byte(kind);
    record.byte(format::no_task | format::same_slot | format::same_executor | format::no_argument);
    record.number(5);
    if (kind == 200) record.text("and more behind");
    events.number(record.all().size());
    events.raw(record.all());
  }
  append_chunk(file, format::chunk_kind::events, events.all());
  const auto read = read_file(file, {});
  EXPECT_EQ(read.damage, "");
  EXPECT_EQ(read.skipped, 1U);
  ASSERT_EQ(read.events.size(), 1U);
  EXPECT_EQ(read.events[0].what.kind, event_kind::ready);
  EXPECT_EQ(read.events[0].time, 10);
}

TEST(TraceFile, TheVersionBeforeIsRead) {
  auto before = empty_file();
  before[8] = std::byte{1};
  EXPECT_EQ(read_file(before, {}).damage, "");
}

TEST(TraceFile, WhatIsNoTraceIsRefusedByASentence) {
  const temporary_folder folder;
  std::ofstream(folder.file("t")) << std::string(1'000, 'x');
  EXPECT_THROW(static_cast<void>(read_file(folder.file("t"))), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(read_file(folder.file("none"))), std::system_error);
  auto later = empty_file();
  later[8] = std::byte{3};
  try {
    static_cast<void>(read_file(later, {}));
    FAIL() << "was read";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("version 3"));
  }
}

TEST(TraceFile, AnEmptyOneHasNothing) {
  const auto read = read_file(empty_file(), {});
  EXPECT_THAT(read.events, IsEmpty());
  EXPECT_FALSE(read.ended);
  EXPECT_EQ(read.damage, "");
  EXPECT_EQ(read.host, "here");
  EXPECT_EQ(read.process, 42U);
  EXPECT_EQ(read.cores, 0U) << "files from before it was told";
}

TEST(TraceFile, WhatALaterVersionSaysOfTheProcessIsSkipped) {
  auto file = empty_file();
  format::byte_writer process;
  process.number(12);
  process.text("and more behind");
  append_chunk(file, format::chunk_kind::process, process.all());
  const auto read = read_file(file, {});
  EXPECT_EQ(read.cores, 12U);
  EXPECT_EQ(read.damage, "");
}

TEST(TraceFile, ADeviceSpanKeepsItsExecutorInTheFileAndInTheRings) {
  const temporary_folder folder;
  recording trace(folder.file("t"), {.flush_every = 0ms});
  const auto tell = [](std::uint16_t executor) {
    fronta::trace::detail::emit(fronta::trace::device_span{
        5, 1, 2, fronta::trace::device_work::kernel, fronta::trace::time_grade::profiled, true, 10,
        11, 12, 13, 14, executor});
  };
  tell(3);
  trace.flush();
  tell(65'535);
  const auto read = read_file(folder.file("t"));
  ASSERT_EQ(read.spans.size(), 2U);
  EXPECT_EQ(read.spans[0].what.executor, 3U);
  EXPECT_EQ(read.spans[1].what.executor, 65'535U);
  EXPECT_EQ(read.from_rings, 1U);
}

// One line for each event, without its beginning.
std::vector<std::string> json_of(const std::vector<fronta::trace::event>& events) {
  fronta::trace::file_contents trace;
  for (const auto& e : events) trace.events.push_back({10, 0, 0, e});
  std::ostringstream out;
  write_json_lines(trace, out);
  std::istringstream in(out.str());
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (const auto at = line.find(R"("event":)"); at != std::string::npos) {
      lines.push_back(line.substr(at + 8));
    }
  }
  return lines;
}

TEST(TraceFile, JsonLinesTakeArgumentsOfSeveralNumbersApart) {
  using fronta::trace::place_bytes;
  using fronta::trace::route_choice;
  using fronta::trace::route_reason;
  using fronta::trace::tag_amount;
  EXPECT_THAT(
      json_of({{event_kind::acquire, 1, -1, 1, tag_amount{2, 15'000}.argument()},
               {event_kind::release, 1, -1, 1, tag_amount{-1, 0xFFFF'FFFF}.argument()},
               {event_kind::follow, 1, -1, 1, 0xAB},
               {event_kind::route, 1, -1, 1, route_choice{0, 2, route_reason::load}.argument()},
               {event_kind::route, 1, -1, 1, route_choice{1, -1, route_reason::named}.argument()},
               {event_kind::route, 1, -1, 1, std::uint64_t{200} << 32},
               {event_kind::wait, 1, -1, 1, 4},
               {event_kind::wait, 1, -1, 1, 99},
               {event_kind::consume, 1, -1, 1, 0xCD},
               {event_kind::location, 1, -1, 1, 42},
               {event_kind::placed, 1, -1, 1, place_bytes{3, 1'000}.argument()},
               {event_kind::elsewhere, 1, -1, 1, 2},
               {event_kind::callback, 1, -1, 1, 0},
               {event_kind::callback, 1, -1, 1, 1},
               {event_kind::workers, 1, -1, 0, std::uint64_t{3} << 32 | 4U},
               {event_kind::paced, 0, -1, 0, 0},
               {event_kind::enqueue, 1, -1, 1, 5}}),
      testing::ElementsAre(
          R"("acquire","executor":1,"task":"0000000000000001","place":2,"units":15000})",
          R"("release","executor":1,"task":"0000000000000001","place":-1,"units":4294967295})",
          R"("follow","executor":1,"task":"0000000000000001","behind":"00000000000000ab"})",
          R"("route","executor":1,"task":"0000000000000001","place":0,"device":2,"why":"load"})",
          R"("route","executor":1,"task":"0000000000000001","place":1,"why":"named"})",
          R"("route","executor":1,"task":"0000000000000001","place":0,"why":200})",
          R"("wait","executor":1,"task":"0000000000000001","why":"blocking"})",
          R"("wait","executor":1,"task":"0000000000000001","why":99})",
          R"("consume","executor":1,"task":"0000000000000001","by":"00000000000000cd"})",
          R"("location","executor":1,"task":"0000000000000001","line":42})",
          R"("placed","executor":1,"task":"0000000000000001","place":3,"bytes":1000})",
          R"("elsewhere","executor":1,"task":"0000000000000001","of":2})",
          R"("callback","executor":1,"task":"0000000000000001","at":"begin"})",
          R"("callback","executor":1,"task":"0000000000000001","at":"end"})",
          R"("workers","executor":1,"place":3,"workers":4})", R"("paced"})",
          R"("enqueue","executor":1,"task":"0000000000000001","queue":"stream"})"));
}

TEST(TraceFile, JsonLinesSayItInWords) {
  fronta::trace::file_contents trace;
  trace.host = "here";
  trace.process = 42;
  trace.origin_steady = 1'000;
  trace.origin_unix = 2'000;
  trace.known_until = 30;
  trace.ended = true;
  trace.texts.emplace_back("a \"name\"\n\xFF\xC3\xB4");
  trace.threads.push_back({});
  trace.events = {{10, 0, 0, {event_kind::enqueue, 1, 3, 0xAB, 1}},
                  {10, 0, 1, {event_kind::submit, 1, -1, 0xAB, 0}},
                  {20, 0, 1, {event_kind::counter, 0, -1, 0, std::bit_cast<std::uint64_t>(1.5)}}};
  trace.spans = {{15,
                  0,
                  {0xAB, 1, -1, fronta::trace::device_work::to_host,
                   fronta::trace::time_grade::stamped, true, 1, 2, 3, 4, 5, 7}}};
  std::ostringstream lines;
  write_json_lines(trace, lines);
  EXPECT_EQ(
      lines.str(),
      R"({"fronta_trace":2,"host":"here","process":42,"clock":"steady","origin_steady":1000,"origin_unix":2000,"known_until":30,"dropped":0,"skipped":0,"ended":true})"
      "\n"
      R"({"t":10,"thread":0,"event":"enqueue","executor":1,"slot":3,"task":"00000000000000ab","queue":"inbox"})"
      "\n"
      R"({"t":10,"thread":0,"event":"submit","executor":1,"task":"00000000000000ab","text":"a \"name\"\u000a)"
      "\xEF\xBF\xBD\xC3\xB4"
      R"("})"
      "\n"
      R"({"t":15,"thread":0,"event":"device_span","executor":7,"task":"00000000000000ab","place":1,"stream":-1,"what":"to_host","grade":"stamped","simulated":true,"begin_earliest":1,"begin_latest":2,"end_earliest":3,"end_latest":4,"bytes":5})"
      "\n"
      R"({"t":20,"thread":0,"event":"counter","value":1.5,"text":"a \"name\"\u000a)"
      "\xEF\xBF\xBD\xC3\xB4"
      R"("})"
      "\n");
}

}  // namespace
