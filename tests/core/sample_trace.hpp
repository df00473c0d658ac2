// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace.hpp>
#include <fronta/trace_file.hpp>
#include <fronta/trace_recording.hpp>

#include <support/temporary_folder.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace fronta::test {

inline std::vector<std::byte> content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<std::byte> all(std::filesystem::file_size(file));
  in.read(reinterpret_cast<char*>(all.data()), static_cast<std::streamsize>(all.size()));
  return all;
}

/// A real recording that goes on: several chunks of several threads, and the rings with what is not
/// in them.
struct sample_trace {
  std::vector<std::byte> file;
  std::vector<std::byte> rings;
  std::size_t events = 0;

  sample_trace() {
    const temporary_folder folder;
    trace::recording recorded(folder.file("t"),
                              {.ring_events = 64, .flush_every = std::chrono::milliseconds(0)});
    for (int round = 0; round < 4; ++round) {
      tell();
      std::jthread(tell).join();
      if (round != 3) recorded.flush();
    }
    file = content(folder.file("t"));
    rings = content(folder.file("t.rings"));
    events = trace::read_file(file, rings).events.size();
    recorded.stop();
    EXPECT_EQ(trace::read_file(content(folder.file("t")), {}).events.size(), events);
  }

 private:
  static void tell() {
    trace::detail::emit(trace::event_kind::submit, 0x1234'5678'9ABC'DEF0, 7);
    trace::detail::emit(trace::event_kind::start, 0x1234'5678'9ABC'DEF0, 1);
    const trace::zone z("a zone");
    trace::message("more than thirty-two bytes of text, so three cells");
    trace::detail::emit(trace::device_span{5, 1, 2, trace::device_work::kernel,
                                           trace::time_grade::profiled, true, 10, 11, 12, 13, 14});
  }
};

}  // namespace fronta::test
