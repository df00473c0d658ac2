// SPDX-License-Identifier: Apache-2.0
#include <fronta/trace_follower.hpp>

#include <fronta/errors.hpp>
#include <fronta/trace.hpp>
#include <fronta/trace_recording.hpp>

#include <gmock/gmock.h>

#include <trace_attach.hpp>
#include <trace_format.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <support/temporary_folder.hpp>

#include "sample_trace.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <latch>
#include <random>
#include <semaphore>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::invalid_state_error;
using fronta::test::sample_trace;
using fronta::test::temporary_folder;
using fronta::trace::event_kind;
using fronta::trace::file_contents;
using fronta::trace::follower;
using fronta::trace::read_file;
using fronta::trace::recorded_event;
using fronta::trace::recording;
using testing::HasSubstr;
using phase = follower::phase;
namespace format = fronta::trace::format;

using buffer = std::vector<std::byte>;

void write(const std::string& file, format::bytes b, std::ios::openmode how = {}) {
  std::ofstream out(file, std::ios::binary | std::ios::out | how);
  out.write(reinterpret_cast<const char*>(b.data()), static_cast<std::streamsize>(b.size()));
}

auto words(const recorded_event& e) {
  return std::tuple(e.time, e.thread, e.text, e.what.kind, e.what.executor, e.what.slot,
                    e.what.task, e.what.argument);
}

// What was known early is the beginning of what is known late.
void check_prefix(const file_contents& early, const file_contents& late) {
  ASSERT_LE(early.events.size(), late.events.size());
  for (std::size_t i = 0; i < early.events.size(); ++i) {
    ASSERT_EQ(words(early.events[i]), words(late.events[i])) << "event " << i;
    ASSERT_LE(early.events[i].time, early.known_until);
    ASSERT_EQ(early.texts[early.events[i].text], late.texts[late.events[i].text]);
  }
  for (auto i = early.events.size(); i < late.events.size(); ++i) {
    ASSERT_GT(late.events[i].time, early.known_until) << "was to be known";
  }
}

void check_same(const file_contents& a, const file_contents& b) {
  ASSERT_EQ(a.events.size(), b.events.size());
  for (std::size_t i = 0; i < a.events.size(); ++i) {
    ASSERT_EQ(words(a.events[i]), words(b.events[i]));
  }
  EXPECT_EQ(a.texts, b.texts);
  EXPECT_EQ(a.threads.size(), b.threads.size());
  EXPECT_EQ(a.spans.size(), b.spans.size());
  EXPECT_EQ(a.known_until, b.known_until);
  EXPECT_EQ(a.dropped, b.dropped);
  EXPECT_EQ(a.skipped, b.skipped);
  EXPECT_EQ(a.ended, b.ended);
  EXPECT_EQ(a.from_rings, b.from_rings);
  EXPECT_EQ(a.damage, b.damage);
}

void tell(int from, int to) {
  for (int i = from; i < to; ++i) fronta::trace::counter("step", i);
}

std::size_t steps(const file_contents& in) {
  return static_cast<std::size_t>(std::ranges::count(
      in.events, event_kind::counter, [](const recorded_event& e) { return e.what.kind; }));
}

std::string told_by(const auto& attach) {
  try {
    static_cast<void>(attach());
  } catch (const invalid_state_error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

// The test's own time, which any thread may be made to wait for.
class held_clock {
 public:
  [[nodiscard]] std::function<std::int64_t()> clock() {
    return [this] {
      if (std::this_thread::get_id() == held_.load()) {
        arrived_.count_down();
        go_on_.wait();
      }
      return now_.load();
    };
  }
  void set(std::int64_t t) { now_ = t; }
  // The next event of this thread's is stamped only once it is released.
  void hold_this_thread() { held_ = std::this_thread::get_id(); }
  void wait_until_held() const { arrived_.wait(); }
  void release() {
    held_ = std::thread::id();
    go_on_.count_down();
  }

 private:
  std::atomic<std::int64_t> now_{1'000};
  std::atomic<std::thread::id> held_;
  std::latch arrived_{1};
  std::latch go_on_{1};
};

TEST(TraceFollower, HasWhatIsInTheFileSoFarAndInTheEndAllOfIt) {
  const temporary_folder folder;
  recording trace(folder.file("t"), {.flush_every = 0ms});
  follower f(folder.file("t"));
  std::vector<file_contents> seen;
  for (int round = 0; round < 5; ++round) {
    tell(0, 100);
    std::jthread([] { tell(0, 10); }).join();
    trace.flush();
    EXPECT_TRUE(f.poll());
    EXPECT_EQ(f.state(), phase::goes_on);
    seen.push_back(f.contents());
    EXPECT_EQ(steps(seen.back()), 110U * static_cast<std::size_t>(round + 1));
    EXPECT_EQ(seen.back().events.size(), f.events());
    EXPECT_FALSE(f.poll()) << "there is no news";
  }
  trace.stop();
  EXPECT_TRUE(f.poll());
  EXPECT_EQ(f.state(), phase::ended);
  const auto all = read_file(folder.file("t"));
  check_same(f.contents(), all);
  for (const auto& early : seen) check_prefix(early, all);
  EXPECT_FALSE(f.poll());
}

TEST(TraceFollower, ALateOneStartsWithAllThatWas) {
  const temporary_folder folder;
  recording trace(folder.file("t"), {.flush_every = 0ms});
  tell(0, 10'000);
  trace.flush();
  follower f(folder.file("t"));
  EXPECT_EQ(f.events(), 0U);
  EXPECT_TRUE(f.poll());
  EXPECT_EQ(steps(f.contents()), 10'000U);
  EXPECT_EQ(f.contents().threads.size(), 1U);
}

TEST(TraceFollower, KnowsOfTheTimeInWhichNothingHappensThoughTheFileDoesNotGrow) {
  const temporary_folder folder;
  held_clock time;
  recording trace(folder.file("t"), {.flush_every = 0ms, .clock = time.clock()});
  tell(0, 1);
  trace.flush();
  follower f(folder.file("t"));
  f.poll();
  const auto size = std::filesystem::file_size(folder.file("t"));
  auto heard = f.heard_at();
  for (std::int64_t t = 2'000; t < 1'000'000; t *= 2) {
    time.set(t);
    trace.flush();
    EXPECT_TRUE(f.poll());
    EXPECT_EQ(f.known_until(), t - 1'000 - 1);
    EXPECT_GE(f.heard_at(), heard);
    heard = f.heard_at();
  }
  EXPECT_EQ(std::filesystem::file_size(folder.file("t")), size);
}

TEST(TraceFollower, AWriterInTheMiddleOfAnEventHoldsTheMark) {
  const temporary_folder folder;
  held_clock time;
  recording trace(folder.file("t"), {.flush_every = 0ms, .clock = time.clock()});
  follower f(folder.file("t"));
  std::jthread late([&] {
    tell(0, 1);
    time.hold_this_thread();
    tell(1, 2);  // stamped in the middle of it
  });
  time.wait_until_held();
  time.set(2'000);
  trace.flush();
  f.poll();
  const auto before = f.known_until();
  EXPECT_LT(before, 1'000);
  time.set(5'000);
  trace.flush();
  f.poll();
  EXPECT_EQ(f.known_until(), before) << "its event may be stamped with any time from there on";
  time.release();
  late.join();
  time.set(6'000);
  trace.flush();
  f.poll();
  EXPECT_EQ(f.known_until(), 4'999);
  const auto all = f.contents();
  ASSERT_EQ(steps(all), 2U);
  EXPECT_EQ(all.events.back().time, 4'000);
}

// Its own thread is in the middle of an event at each look, but of another one each time.
TEST(TraceFollower, AWriterThatIsAlwaysAtSomeEventHoldsTheMarkBackByOneLookOnly) {
  const temporary_folder folder;
  std::atomic<std::int64_t> now{1'000};
  std::atomic<std::thread::id> held;
  std::counting_semaphore<> arrived(0);
  std::counting_semaphore<> go_on(0);
  const auto clock = [&] {
    if (std::this_thread::get_id() == held.load()) {
      arrived.release();
      go_on.acquire();
    }
    return now.load();
  };
  recording trace(folder.file("t"), {.flush_every = 0ms, .clock = clock});
  follower f(folder.file("t"));
  constexpr int looks = 5;
  {
    std::jthread busy([&] {
      tell(0, 1);
      held = std::this_thread::get_id();
      tell(1, looks + 1);
      held = std::thread::id();
    });
    for (int i = 1; i <= looks; ++i) {
      arrived.acquire();
      now = 1'000 * (i + 1);
      trace.flush();
      f.poll();
      EXPECT_EQ(f.known_until(), std::max(0, 1'000 * (i - 1) - 1)) << "as the look before began";
      go_on.release();
    }
  }
  now = 1'000'000;
  trace.flush();
  f.poll();
  EXPECT_EQ(f.known_until(), 1'000'000 - 1'000 - 1);
  EXPECT_EQ(steps(f.contents()), looks + 1U);
}

TEST(TraceFollower, ADeviceThatTellsOfItsWorkLateHoldsNothing) {
  const temporary_folder folder;
  held_clock time;
  recording trace(folder.file("t"), {.flush_every = 0ms, .clock = time.clock()});
  fronta::trace::detail::emit(event_kind::issue, 7, std::uint64_t{1} << 32);
  follower f(folder.file("t"));
  time.set(3'000'000'000);
  trace.flush();
  f.poll();
  EXPECT_EQ(f.known_until(), 3'000'000'000 - 1'000 - 1);
  // Of the time that was known already.
  fronta::trace::detail::emit(fronta::trace::device_span{
      7, 1, 0, fronta::trace::device_work::task, fronta::trace::time_grade::stamped, true, 2'000,
      2'000, 900'000'000, 900'000'000, 0});
  time.set(4'000'000'000);
  trace.flush();
  f.poll();
  EXPECT_EQ(f.known_until(), 4'000'000'000 - 1'000 - 1);
  EXPECT_EQ(f.contents().spans.size(), 1U);
}

TEST(TraceFollower, SaysWhenTheMarkIsByTheHostsClock) {
  const temporary_folder folder;
  {
    recording trace(folder.file("t"), {.flush_every = 0ms});
    tell(0, 1);
    follower f(folder.file("t"));
    EXPECT_EQ(f.known_at(), 0) << "nothing was read yet";
    trace.flush();
    f.poll();
    EXPECT_GT(f.known_at(), 0);
    EXPECT_LE(f.known_at(), f.heard_at());
  }
  held_clock time;
  recording trace(folder.file("t"), {.flush_every = 0ms, .clock = time.clock()});
  trace.flush();
  follower f(folder.file("t"));
  f.poll();
  EXPECT_GT(f.heard_at(), 0);
  EXPECT_EQ(f.known_at(), 0) << "its time is not the host's";
}

// In the preset `tsan` writers give their cores up at each step of an event.
TEST(TraceFollower, WhatIsKnownStaysWhileThreadsTell) {
  const temporary_folder folder;
  recording trace(folder.file("t"), {.ring_events = 1 << 16, .flush_every = 1ms});
  follower f(folder.file("t"));
  std::atomic<int> done{0};
  std::vector<file_contents> seen;
  {
    std::vector<std::jthread> writers;
    for (int w = 0; w < 3; ++w) {
      writers.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          tell(i, i + 20);
          std::jthread([] { tell(0, 2); }).join();
        }
        ++done;
      });
    }
    while (done != 3) {
      if (f.poll() && (seen.empty() || f.events() > seen.back().events.size() + 500)) {
        seen.push_back(f.contents());
      }
    }
  }
  trace.stop();
  f.poll();
  const auto all = read_file(folder.file("t"));
  EXPECT_EQ(all.dropped, 0U);
  check_same(f.contents(), all);
  EXPECT_FALSE(seen.empty());
  for (const auto& early : seen) check_prefix(early, all);
}

TEST(TraceFollower, CountsWhatIsDropped) {
  const temporary_folder folder;
  recording trace(folder.file("t"), {.ring_events = 64, .flush_every = 0ms});
  follower f(folder.file("t"));
  for (int i = 0; i < 100; ++i) fronta::trace::detail::emit(event_kind::ready, 1, 1);
  trace.flush();
  f.poll();
  EXPECT_GT(f.dropped(), 0U);
  EXPECT_EQ(f.dropped(), trace.dropped());
}

TEST(TraceFollower, SaysThatTheRecordingBeganAnew) {
  const temporary_folder folder;
  follower f = [&] {
    recording trace(folder.file("t"));
    tell(0, 3);
    return follower(folder.file("t"));
  }();
  EXPECT_TRUE(f.poll());
  EXPECT_EQ(f.state(), phase::ended);
  const recording again(folder.file("t"));
  EXPECT_TRUE(f.poll());
  EXPECT_EQ(f.state(), phase::anew);
  EXPECT_EQ(steps(f.contents()), 3U) << "what was known is still";
  EXPECT_FALSE(f.poll());
  EXPECT_EQ(follower(folder.file("t")).state(), phase::goes_on);
}

TEST(TraceFollower, AFileWithoutItsRingsHasBrokenOff) {
  const temporary_folder folder;
  recording trace(folder.file("t"), {.flush_every = 0ms});
  tell(0, 3);
  trace.flush();
  std::filesystem::copy_file(folder.file("t"), folder.file("copy"));
  follower f(folder.file("copy"));
  EXPECT_TRUE(f.poll());
  EXPECT_EQ(f.state(), phase::broken_off);
  EXPECT_EQ(steps(f.contents()), 3U);
  EXPECT_EQ(f.heard_at(), 0);
}

// ---- Files that nobody would write.

TEST(TraceFollower, AFileThatComesByteByByteIsReadAsItComes) {
  const sample_trace whole;
  const temporary_folder folder;
  write(folder.file("t"), format::bytes(whole.file).first(sizeof(format::file_header)));
  write(folder.file("t.rings"), whole.rings);
  const fronta::trace::descriptor rings(::open(folder.file("t.rings").c_str(), O_RDWR));
  fronta::trace::hold(rings.get());
  follower f(folder.file("t"));
  const auto all = read_file(whole.file, {});
  std::size_t before = 0;
  for (auto size = sizeof(format::file_header); size <= whole.file.size(); ++size) {
    std::filesystem::resize_file(folder.file("t"), size - 1);
    write(folder.file("t"), format::bytes(whole.file).subspan(size - 1, 1), std::ios::app);
    f.poll();
    ASSERT_EQ(f.state(), phase::goes_on) << size << f.contents().damage;
    // What the mark in the rings promises is not there in a file that was cut off.
    ASSERT_GE(f.events(), before);
    before = f.events();
  }
  auto read = f.contents();
  EXPECT_LE(read.events.size(), all.events.size());
  for (const auto& e : read.events) EXPECT_LE(e.time, read.known_until);
  EXPECT_GT(read.events.size(), all.events.size() / 2);
}

TEST(TraceFollower, OneThatIsCutOffAnywhereIsReadAsReadFileDoes) {
  const sample_trace whole;
  const temporary_folder folder;
  write(folder.file("t.rings"), whole.rings);
  for (std::size_t size = 0; size <= whole.file.size(); ++size) {
    write(folder.file("t"), format::bytes(whole.file).first(size));
    if (size < sizeof(format::file_header)) {
      EXPECT_THROW(follower{folder.file("t")}, std::invalid_argument);
      continue;
    }
    follower f(folder.file("t"));
    f.poll();
    ASSERT_EQ(f.state(), phase::broken_off);
    auto expected = read_file(folder.file("t"));
    // The rings' first page says so more exactly than the last mark in the file.
    ASSERT_GE(f.known_until(), expected.known_until);
    expected.known_until = f.known_until();
    expected.dropped = f.dropped();
    check_same(f.contents(), expected);
  }
}

TEST(TraceFollower, ChangedBytesAnywhereNeverCrashIt) {
  const sample_trace whole;
  const temporary_folder folder;
  std::mt19937_64 random(2'026);
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  for (int round = 0; round < 600; ++round) {
    auto file = whole.file;
    auto rings = whole.rings;
    auto& changed = round % 2 == 0 ? rings : file;
    for (std::size_t k = 0; k <= below(6); ++k) {
      const auto part = below(2) == 0 ? changed.size() : std::min<std::size_t>(changed.size(), 160);
      changed[below(part)] = static_cast<std::byte>(random());
    }
    if (below(5) == 0) changed.resize(below(changed.size()));
    const auto half = below(file.size() + 1);  // nothing may be left of it
    write(folder.file("t"), format::bytes(file).first(half));
    write(folder.file("t.rings"), rings);
    const fronta::trace::descriptor held(::open(folder.file("t.rings").c_str(), O_RDWR));
    if (below(2) == 0) fronta::trace::hold(held.get());
    try {
      follower f(folder.file("t"));
      f.poll();
      write(folder.file("t"), format::bytes(file).subspan(half), std::ios::app);
      for (int i = 0; i < 3; ++i) f.poll();
      const auto read = f.contents();
      ASSERT_TRUE(std::ranges::is_sorted(read.events, {}, &recorded_event::time));
      for (const auto& e : read.events) {
        ASSERT_LT(e.thread, read.threads.size());
        ASSERT_LT(e.text, read.texts.size());
      }
    } catch (const std::invalid_argument&) {
      // No trace any more.
    }
  }
}

// Far more than this machine has of memory.
constexpr std::uintmax_t huge = std::uintmax_t{1} << 40;

TEST(TraceFollower, HolesInTheRingsTakeNoMemory) {
  const sample_trace whole;
  const temporary_folder folder;
  write(folder.file("t"), whole.file);
  auto rings = whole.rings;
  const auto expected = read_file(whole.file, whole.rings);
  const auto check = [&](std::size_t from_rings) {
    EXPECT_EQ(read_file(folder.file("t")).from_rings, from_rings);
    follower f(folder.file("t"));
    f.poll();
    EXPECT_EQ(f.state(), phase::broken_off);
    EXPECT_EQ(f.contents().from_rings, from_rings);
  };
  write(folder.file("t.rings"), rings);
  check(expected.from_rings);
  ASSERT_GT(expected.from_rings, 0U);
  std::filesystem::resize_file(folder.file("t.rings"), huge);
  check(expected.from_rings);
  // A ring as long as any may be, of which everything was written, it says.
  auto header = format::rings_header{};
  std::memcpy(static_cast<void*>(&header), rings.data(), sizeof header);
  header.cells = 1U << 24;
  const std::uint64_t head = header.cells;
  std::filesystem::resize_file(folder.file("t.rings"), format::page);
  std::filesystem::resize_file(folder.file("t.rings"), huge);
  write(folder.file("t.rings"), std::as_bytes(std::span(&header, 1)));
  {
    std::ofstream out(folder.file("t.rings"), std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(format::page + format::ring_head_at);
    out.write(reinterpret_cast<const char*>(&head), sizeof head);
  }
  check(0);
}

TEST(TraceFollower, ChunksThatClaimMoreThanOneMayHaveTakeNoMemory) {
  const sample_trace whole;
  const temporary_folder folder;
  constexpr auto front = sizeof(format::file_header);
  for (const std::uint32_t length : {format::longest_chunk + 1, 0xFFFF'FFFFU}) {
    buffer file(whole.file.begin(), whole.file.begin() + front);
    const format::chunk_header header{format::chunk_kind::events, length, 0};
    const auto more = std::as_bytes(std::span(&header, 1));
    file.insert(file.end(), more.begin(), more.end());
    std::filesystem::remove(folder.file("t"));
    std::ofstream(folder.file("t")).close();
    write(folder.file("t"), file);
    std::filesystem::resize_file(folder.file("t"), huge);
    const auto left = std::to_string(huge - front) + " bytes";
    EXPECT_THAT(read_file(folder.file("t")).damage,
                testing::AllOf(HasSubstr("makes no sense"), HasSubstr(left)));
    follower f(folder.file("t"));
    f.poll();
    EXPECT_EQ(f.state(), phase::broken_off);
    EXPECT_THAT(f.contents().damage, HasSubstr("makes no sense"));
  }
}

// ---- Other processes.

class watched_program {
 public:
  explicit watched_program(const std::string& file, const std::string& runtime = {}) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error("no pipes");
    }
    input_ = fronta::trace::descriptor(in[1]);
    const fronta::trace::descriptor its_input(in[0]);
    const fronta::trace::descriptor its_output(out[1]);
    const fronta::trace::descriptor output(out[0]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::string program = FRONTA_TRACED_PROGRAM;
    std::string what = "watched";
    std::string name = file;
    std::array<char*, 4> arguments{program.data(), what.data(), name.data(), nullptr};
    std::vector<std::string> variables;
    for (auto** e = environ; *e != nullptr; ++e) {
      constexpr std::string_view changed = "XDG_RUNTIME_DIR=";
      if (runtime.empty() || !std::string_view(*e).starts_with(changed)) variables.emplace_back(*e);
    }
    if (!runtime.empty()) variables.push_back(std::string("XDG_RUNTIME_DIR=").append(runtime));
    std::vector<char*> environment;
    for (auto& v : variables) environment.push_back(v.data());
    environment.push_back(nullptr);
    if (::posix_spawn(&number_, program.c_str(), &actions, nullptr, arguments.data(),
                      environment.data()) != 0) {
      throw std::runtime_error("it does not start");
    }
    ::posix_spawn_file_actions_destroy(&actions);
    char c = 0;
    if (::read(output.get(), &c, 1) != 1) throw std::runtime_error("it told nothing");
  }
  ~watched_program() {
    if (number_ > 0) end(SIGKILL);
  }
  watched_program(const watched_program&) = delete;
  watched_program& operator=(const watched_program&) = delete;

  [[nodiscard]] std::uint32_t number() const { return static_cast<std::uint32_t>(number_); }
  void stop() const {
    ::kill(number_, SIGSTOP);
    int status = 0;
    ::waitpid(number_, &status, WUNTRACED);
  }
  void go_on() const { ::kill(number_, SIGCONT); }
  void finish() {
    input_ = {};
    int status = 0;
    ::waitpid(number_, &status, 0);
    number_ = 0;
  }
  void end(int signal) {
    ::kill(number_, signal);
    int status = 0;
    ::waitpid(number_, &status, 0);
    number_ = 0;
  }

 private:
  pid_t number_ = 0;
  fronta::trace::descriptor input_;
};

// Where sockets are, for the time of a test.
class runtime_folder {
 public:
  runtime_folder() {
    if (const auto* const was = ::getenv("XDG_RUNTIME_DIR"); was != nullptr) before_ = was;
    ::setenv("XDG_RUNTIME_DIR", folder_.file("").c_str(), 1);
  }
  ~runtime_folder() {
    if (before_.empty()) {
      ::unsetenv("XDG_RUNTIME_DIR");
    } else {
      ::setenv("XDG_RUNTIME_DIR", before_.c_str(), 1);
    }
  }
  runtime_folder(const runtime_folder&) = delete;
  runtime_folder& operator=(const runtime_folder&) = delete;
  [[nodiscard]] std::string sockets() const { return folder_.file("fronta"); }
  [[nodiscard]] std::string socket_of(std::uint32_t process) const {
    return sockets() + "/" + std::to_string(process) + ".sock";
  }

 private:
  temporary_folder folder_;
  std::string before_;
};

std::uint32_t own_number() { return static_cast<std::uint32_t>(::getpid()); }

TEST(TraceFollower, AKilledProcessLeavesAllThatItTold) {
  const temporary_folder folder;
  const runtime_folder sockets;
  watched_program program(folder.file("t"));
  follower f(folder.file("t"));
  f.poll();
  EXPECT_EQ(f.state(), phase::goes_on);
  EXPECT_GE(steps(f.contents()), 100U);
  program.end(SIGKILL);
  EXPECT_TRUE(f.poll());
  EXPECT_EQ(f.state(), phase::broken_off);
  EXPECT_EQ(steps(f.contents()), 200U);
  EXPECT_FALSE(f.contents().ended);
}

TEST(TraceFollower, AStoppedProcessIsNotHeardOf) {
  const temporary_folder folder;
  const runtime_folder sockets;
  const watched_program program(folder.file("t"));
  follower f(folder.file("t"));
  program.stop();
  f.poll();
  const auto known = f.known_until();
  const auto heard = f.heard_at();
  EXPECT_GT(heard, 0);
  EXPECT_FALSE(f.poll());
  EXPECT_EQ(f.known_until(), known);
  EXPECT_EQ(f.heard_at(), heard);
  EXPECT_EQ(f.state(), phase::goes_on);
  EXPECT_THAT(told_by([&] { return follower::of_process(program.number()); }),
              HasSubstr("does not answer"));
  program.go_on();
  // It was perhaps stopped in the middle of a look: its events come before its mark.
  while (f.heard_at() <= heard) {
    f.poll();
    std::this_thread::yield();
  }
  EXPECT_EQ(f.state(), phase::goes_on);
}

TEST(TraceFollower, AttachesToAProcessByItsNumberAloneFromAnyFolder) {
  const temporary_folder folder;
  const runtime_folder sockets;
  watched_program program(folder.file("t"));
  auto f = follower::of_process(program.number());
  EXPECT_EQ(f.file(), folder.file("t"));
  std::filesystem::rename(folder.file("t"), folder.file("elsewhere"));
  f.poll();
  EXPECT_GE(steps(f.contents()), 100U);
  EXPECT_EQ(f.contents().process, program.number());
  program.finish();
  f.poll();
  EXPECT_EQ(f.state(), phase::ended);
  EXPECT_EQ(steps(f.contents()), 200U);
}

TEST(TraceFollower, FindsAProcessWhoseEnvironmentIsAnother) {
  const temporary_folder folder;
  const runtime_folder sockets;
  std::filesystem::create_directory(folder.file("theirs"));
  watched_program program(folder.file("t"), folder.file("theirs"));
  ASSERT_FALSE(std::filesystem::exists(sockets.sockets()));
  auto f = follower::of_process(program.number());
  f.poll();
  EXPECT_EQ(f.contents().process, program.number());
}

TEST(TraceFollower, AttachesThoughSignalsComeAllTheTime) {
  const temporary_folder folder;
  const runtime_folder sockets;
  const recording trace(folder.file("t"), {.flush_every = 50ms});
  struct sigaction taken{};
  struct sigaction before{};
  taken.sa_handler = [](int) {};  // not SA_RESTART
  ::sigaction(SIGUSR1, &taken, &before);
  {
    const auto reader = ::pthread_self();
    const std::jthread disturber([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        ::pthread_kill(reader, SIGUSR1);
        std::this_thread::yield();
      }
    });
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(follower::of_process(own_number()).state(), phase::goes_on);
    }
  }
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST(TraceFollower, AttachesWithinAProcess) {
  const temporary_folder folder;
  const runtime_folder sockets;
  recording trace(folder.file("t"), {.flush_every = 1ms});
  tell(0, 10);
  trace.flush();
  auto f = follower::of_process(own_number());
  f.poll();
  EXPECT_EQ(steps(f.contents()), 10U);
  auto same = follower::of_socket(sockets.socket_of(own_number()));
  same.poll();
  EXPECT_EQ(steps(same.contents()), 10U);
  trace.stop();
  f.poll();
  EXPECT_EQ(f.state(), phase::ended);
}

TEST(TraceFollower, TheSocketIsItsOwnersAndThereOnlyWhileARecordingGoesOn) {
  const temporary_folder folder;
  const runtime_folder sockets;
  const auto at = sockets.socket_of(own_number());
  recording trace(folder.file("t"));
  struct stat found{};
  ASSERT_EQ(::stat(sockets.sockets().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700U);
  ASSERT_EQ(::lstat(at.c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  trace.stop();
  EXPECT_FALSE(std::filesystem::exists(at));
  {
    const recording by_itself(folder.file("t"), {.flush_every = 0ms});
    EXPECT_FALSE(std::filesystem::exists(at)) << "nobody would answer";
  }
  const recording again(folder.file("t"));
  EXPECT_TRUE(std::filesystem::exists(at));
}

TEST(TraceFollower, AnOldSocketOfAKilledProcessOfTheSameNumberIsReplaced) {
  const temporary_folder folder;
  const runtime_folder sockets;
  const auto at = sockets.socket_of(own_number());
  std::filesystem::create_directory(sockets.sockets());
  ::chmod(sockets.sockets().c_str(), 0700);
  std::ofstream(at) << "left behind";
  const recording trace(folder.file("t"), {.flush_every = 1ms});
  EXPECT_EQ(follower::of_process(own_number()).state(), phase::goes_on);
}

TEST(TraceFollower, AFolderThatOthersMayEnterIsNotUsedButTheNextIs) {
  const temporary_folder folder;
  const runtime_folder sockets;
  std::filesystem::create_directory(sockets.sockets());
  ::chmod(sockets.sockets().c_str(), 0755);
  const recording trace(folder.file("t"), {.flush_every = 1ms});
  EXPECT_TRUE(std::filesystem::is_empty(sockets.sockets()));
  EXPECT_EQ(follower::of_process(own_number()).state(), phase::goes_on);
  // What lies there could be anybody's.
  const auto at =
      "/tmp/fronta-" + std::to_string(::geteuid()) + "/" + std::to_string(own_number()) + ".sock";
  ASSERT_TRUE(std::filesystem::exists(at));
  const auto hidden = at + ".hidden";
  std::filesystem::rename(at, hidden);
  std::filesystem::create_symlink(hidden, sockets.socket_of(own_number()));
  EXPECT_THAT(told_by([] { return follower::of_process(own_number()); }),
              HasSubstr("is not being recorded"));
  std::filesystem::rename(hidden, at);
}

TEST(TraceFollower, DescriptorsThatAreHandedOverCannotBeWrittenThrough) {
  const temporary_folder folder;
  const runtime_folder sockets;
  const recording trace(folder.file("t"), {.flush_every = 1ms});
  const auto got = fronta::trace::attach_to_process(own_number());
  for (const auto fd : {got.file.get(), got.rings.get()}) {
    EXPECT_EQ(::fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_LT(::write(fd, "x", 1), 0);
  }
}

TEST(TraceFollower, SaysWhyAProcessCannotBeWatched) {
  const temporary_folder folder;
  const runtime_folder sockets;
  EXPECT_THAT(told_by([] { return follower::of_process(own_number()); }),
              HasSubstr("is not being recorded"));
  std::uint32_t gone = 0;
  {
    watched_program program(folder.file("t"));
    gone = program.number();
    program.finish();
  }
  EXPECT_THAT(told_by([&] { return follower::of_process(gone); }),
              HasSubstr("there is no process"));
  EXPECT_THAT(told_by([] { return follower::of_process(0); }), HasSubstr("there is no process"));
  EXPECT_THAT(told_by([&] { return follower::of_socket(folder.file("none")); }),
              HasSubstr("nobody listens"));
  EXPECT_THROW(follower{folder.file("none")}, std::system_error);
}

TEST(TraceFollower, AnotherUsersProcessIsNotWatched) {
  const runtime_folder sockets;
  if (::geteuid() != 0) {
    EXPECT_THAT(told_by([] { return follower::of_process(1); }), HasSubstr("another user's"));
    return;
  }
  const auto child = ::fork();
  if (child == 0) {
    const bool became = ::setuid(65'534) == 0;
    const auto text = told_by([] { return follower::of_process(1); });
    ::_exit(became && text.find("another user's") != std::string::npos ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
