// SPDX-License-Identifier: Apache-2.0
#include <fronta/trace_recording.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/cpus.hpp>
#include <fronta/errors.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>
#include <fronta/trace.hpp>
#include <fronta/trace_file.hpp>
#include <fronta/trace_follower.hpp>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <support/temporary_folder.hpp>
#include <support/trace_recorder.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::cpu::threads;
using fronta::test::temporary_folder;
using fronta::trace::event;
using fronta::trace::event_kind;
using fronta::trace::file_contents;
using fronta::trace::read_file;
using fronta::trace::recorded_event;
using fronta::trace::recording;
using testing::HasSubstr;

using told =
    std::tuple<event_kind, std::uint16_t, std::int32_t, std::uint64_t, std::uint64_t, std::string>;

told told_by(const event& e, std::string_view text) {
  return {e.kind, e.executor, e.slot, e.task, e.argument, std::string(text)};
}

// What each thread told, in its order.
class by_thread final : public fronta::trace::sink {
 public:
  by_thread() : before_(fronta::trace::set_sink(this)) {}
  ~by_thread() override { fronta::trace::set_sink(before_); }
  by_thread(const by_thread&) = delete;
  by_thread& operator=(const by_thread&) = delete;

  void record(const event& e) noexcept override { record_text(e, {}); }
  void record_text(const event& e, std::string_view text) noexcept override {
    const std::lock_guard lock(mutex_);
    all_[static_cast<std::uint64_t>(::syscall(SYS_gettid))].push_back(told_by(e, text));
  }
  void record(const fronta::trace::device_span& s) noexcept override {
    const std::lock_guard lock(mutex_);
    spans_.push_back(s);
  }
  [[nodiscard]] auto all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::vector<told>> all_;  // guarded by mutex_
  std::vector<fronta::trace::device_span> spans_;   // guarded by mutex_
  fronta::trace::sink* before_;
};

auto by_thread_in(const file_contents& trace) {
  std::map<std::uint64_t, std::vector<told>> all;
  for (const auto& e : trace.events) {
    if (e.what.kind == event_kind::thread) continue;
    all[trace.threads[e.thread].system_number].push_back(told_by(e.what, trace.texts[e.text]));
  }
  return all;
}

std::vector<double> values(const file_contents& trace) {
  std::vector<double> result;
  for (const auto& e : trace.events) {
    if (e.what.kind == event_kind::counter)
      result.push_back(std::bit_cast<double>(e.what.argument));
  }
  return result;
}

std::vector<double> numbers(int to) {
  std::vector<double> result;
  for (int i = 0; i < to; ++i) result.push_back(i);
  return result;
}

std::size_t count(const file_contents& trace, event_kind kind) {
  return static_cast<std::size_t>(
      std::ranges::count(trace.events, kind, [](const recorded_event& e) { return e.what.kind; }));
}

std::vector<std::string> texts_of(const file_contents& trace, event_kind kind) {
  std::vector<std::string> result;
  for (const auto& e : trace.events) {
    if (e.what.kind == kind) result.push_back(trace.texts[e.text]);
  }
  return result;
}

void tell(int from, int to) {
  for (int i = from; i < to; ++i) fronta::trace::counter("step", i);
}

// How it ended, as waitpid says.
int run_program(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
  arguments.insert(arguments.begin(), FRONTA_TRACED_PROGRAM);
  for (auto** e = environ; *e != nullptr; ++e) environment.emplace_back(*e);
  std::vector<char*> argv;
  std::vector<char*> env;
  for (auto& a : arguments) argv.push_back(a.data());
  for (auto& e : environment) env.push_back(e.data());
  argv.push_back(nullptr);
  env.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), env.data()) != 0) return -1;
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(TraceRecording, TheFileHasWhatASinkSaw) {
  const temporary_folder folder;
  by_thread seen;
  recording trace(folder.file("t"));
  {
    executor ex{threads{.workers = 2, .offers = {{"lens", 1}}}};
    std::vector<fronta::future<int>> all;
    for (int i = 0; i < 200; ++i) {
      all.push_back(ex.submit({.name = "square \"" + std::to_string(i % 7) + "\""}, [i] {
        return i * fronta::this_task::executor().submit([i] { return i; }).get();
      }));
      all.push_back(ex.submit([](int x) { return x + 1; }, all.back()));
    }
    ex.submit({.needs = {{"lens", 1}}, .retries = 1}, [] {
        if (fronta::this_task::attempt() == 0) throw std::runtime_error("once");
      }).wait();
    ex.submit([] {}).cancel();
    fronta::trace::message("nearly done");
    const fronta::trace::zone waiting("waiting");
    fronta::wait(all);
  }
  fronta::trace::detail::emit(fronta::trace::device_span{
      7, 1, -1, fronta::trace::device_work::to_host, fronta::trace::time_grade::stamped, true, -5,
      2, 1'000'000'000'000, 1'000'000'000'001, 4096});
  trace.stop();
  const auto read = read_file(folder.file("t"));
  EXPECT_TRUE(read.ended);
  EXPECT_EQ(read.damage, "");
  EXPECT_EQ(read.dropped, 0U);
  EXPECT_EQ(read.skipped, 0U);
  EXPECT_EQ(by_thread_in(read), seen.all());
  ASSERT_EQ(read.spans.size(), 1U);
  const auto& s = read.spans[0].what;
  EXPECT_EQ(
      std::tuple(s.task, s.place, s.stream, s.what, s.grade, s.simulated, s.begin_earliest,
                 s.begin_latest, s.end_earliest, s.end_latest, s.bytes),
      std::tuple(7U, 1, -1, fronta::trace::device_work::to_host, fronta::trace::time_grade::stamped,
                 true, -5, 2, 1'000'000'000'000, 1'000'000'000'001, 4096U));
  EXPECT_FALSE(std::filesystem::exists(folder.file("t.rings")));
}

TEST(TraceRecording, TimesAreTheSteadyClocksAndNeverGoBackOnAThread) {
  const temporary_folder folder;
  const auto steady = [] { return std::chrono::steady_clock::now().time_since_epoch() / 1ns; };
  recording trace(folder.file("t"), {.flush_every = 1ms});
  std::vector<std::int64_t> around;
  for (int i = 0; i < 200; ++i) {
    around.push_back(steady());
    tell(i, i + 1);
    if (i % 50 == 0) trace.flush();
  }
  around.push_back(steady());
  trace.stop();
  const auto read = read_file(folder.file("t"));
  std::vector<std::int64_t> times;
  for (const auto& e : read.events) {
    if (e.what.kind == event_kind::counter) times.push_back(e.time + read.origin_steady);
  }
  ASSERT_EQ(times.size(), 200U);
  EXPECT_TRUE(std::ranges::is_sorted(times));
  // The two clocks are read one after the other, and the counter is compared with the other now and
  // then only.
  constexpr std::int64_t apart = 100'000;
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_GT(times[i], around[i] - apart);
    EXPECT_LT(times[i], around[i + 1] + apart);
  }
  EXPECT_GE(read.known_until + read.origin_steady, times.back());
}

TEST(TraceRecording, ManyShortLivedThreadsLoseNothingAndShareRings) {
  const temporary_folder folder;
  recording trace(folder.file("t"));
  constexpr int threads_in_all = 300;
  for (int i = 0; i < threads_in_all / 3; ++i) {
    std::vector<std::jthread> some;
    for (int k = 0; k < 3; ++k) some.emplace_back([] { tell(0, 10); });
  }
  const auto rings = std::filesystem::file_size(folder.file("t.rings"));
  trace.stop();
  const auto read = read_file(folder.file("t"));
  EXPECT_EQ(read.dropped, 0U);
  EXPECT_EQ(read.threads.size(), std::size_t{threads_in_all});
  std::map<std::uint32_t, std::vector<double>> of;
  for (const auto& e : read.events) {
    if (e.what.kind == event_kind::counter) {
      of[e.thread].push_back(std::bit_cast<double>(e.what.argument));
    }
  }
  EXPECT_EQ(of.size(), std::size_t{threads_in_all});
  for (const auto& [thread, its] : of) EXPECT_EQ(its, numbers(10));
  constexpr std::size_t one = 4096 + 32'768 * 32;
  EXPECT_LE(rings, 4096 + 3 * one) << "three at a time";
}

TEST(TraceRecording, AFullRingDropsWhatComesAndSaysWhereAndHowMuch) {
  const temporary_folder folder;
  recording trace(folder.file("t"), {.ring_events = 64, .flush_every = 0ms});
  for (int i = 0; i < 100; ++i) fronta::trace::detail::emit(event_kind::ready, 1, 1);
  EXPECT_GT(trace.dropped(), 0U);
  trace.flush();
  fronta::trace::detail::emit(event_kind::ready, 1, 2);
  trace.stop();
  const auto read = read_file(folder.file("t"));
  const auto kept = count(read, event_kind::ready);
  EXPECT_EQ(kept - 1 + read.dropped, 100U);
  EXPECT_EQ(trace.dropped(), read.dropped);
  ASSERT_GE(read.events.size(), 2U);
  const auto& last = read.events.back().what;
  EXPECT_EQ(last.argument, 2U);
  const auto& gap = read.events[read.events.size() - 2].what;
  EXPECT_EQ(gap.kind, event_kind::lost);
  EXPECT_EQ(gap.argument, read.dropped);
}

TEST(TraceRecording, AKilledProcessLeavesAllThatItTold) {
  const temporary_folder folder;
  const int status = run_program({"killed", folder.file("t")});
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  const auto read = read_file(folder.file("t"));
  EXPECT_FALSE(read.ended);
  EXPECT_EQ(values(read), numbers(200));
  EXPECT_GE(read.from_rings, 200U);
  EXPECT_EQ(std::ranges::count(read.texts, "step"), 1) << "one text, one number";
}

TEST(TraceRecording, WhatAKilledProcessHadWrittenIsNotReadTwice) {
  const temporary_folder folder;
  const int status = run_program({"flushed", folder.file("t")});
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  const auto read = read_file(folder.file("t"));
  EXPECT_EQ(values(read), numbers(200));
  EXPECT_EQ(read.from_rings, 100U);
  EXPECT_EQ(std::ranges::count(read.texts, "step"), 1) << "also where the file has it already";
}

TEST(TraceRecording, AnEnvironmentVariableRecordsAProgramFromItsFirstExecutorToItsEnd) {
  const temporary_folder folder;
  EXPECT_EQ(run_program({"tasks"}, {"FRONTA_TRACE=" + folder.file("t-%p")}), 0);
  std::vector<std::string> files;
  for (const auto& f : std::filesystem::directory_iterator(folder.file(""))) {
    files.push_back(f.path());
  }
  ASSERT_EQ(files.size(), 1U);
  const auto read = read_file(files[0]);
  EXPECT_EQ(files[0], folder.file("t-" + std::to_string(read.process)));
  EXPECT_TRUE(read.ended);
  EXPECT_EQ(texts_of(read, event_kind::submit), std::vector<std::string>(10, "told"));
  EXPECT_EQ(count(read, event_kind::executor_open), 1U);
  EXPECT_EQ(count(read, event_kind::executor_close), 1U);
  EXPECT_EQ(count(read, event_kind::worker_start), 2U);
  EXPECT_EQ(texts_of(read, event_kind::place), std::vector<std::string>{"cpu"});
}

TEST(TraceRecording, TheFileSaysHowManyCoresTheProcessMayUse) {
  const temporary_folder folder;
  recording(folder.file("t")).stop();
  EXPECT_EQ(read_file(folder.file("t")).cores, fronta::usable_cpus());
}

TEST(TraceRecording, AProgramWhoseTraceCannotBeWrittenRunsAllTheSame) {
  EXPECT_EQ(run_program({"tasks"}, {"FRONTA_TRACE=/there/is/no/such/folder"}), 0);
}

TEST(TraceRecording, WorkersSayWhichExecutorAndPlaceTheyAreOf) {
  const temporary_folder folder;
  recording trace(folder.file("t"));
  {
    executor ex{threads{.workers = 1, .name = "left"}, threads{.workers = 1, .name = "right"}};
    ex.submit({.place_on = "right"}, [] {}).wait();
  }
  trace.stop();
  const auto read = read_file(folder.file("t"));
  std::map<std::string, std::int32_t> place;
  std::map<std::int32_t, std::string> name;
  for (const auto& e : read.events) {
    if (e.what.kind == event_kind::place) {
      name[static_cast<std::int32_t>(e.what.argument)] = read.texts[e.text];
    }
    if (e.what.kind == event_kind::worker_start) {
      const auto& t = read.threads[e.thread];
      EXPECT_NE(t.executor, 0);
      EXPECT_EQ(t.executor, e.what.executor);
      place[t.name] = t.place;
    }
  }
  ASSERT_EQ(place.size(), 2U);
  EXPECT_EQ(name[place["left_0"]], "left");
  EXPECT_EQ(name[place["right_0"]], "right");
}

TEST(TraceRecording, AnExecutorThatRunsAlreadyTellsOfItsPlaces) {
  const temporary_folder folder;
  executor ex{threads{.workers = 1, .name = "early"}};
  auto trace = ex.trace(folder.file("t"));
  ex.submit({.name = "later"}, [] {}).wait();
  trace.stop();
  const auto read = read_file(folder.file("t"));
  EXPECT_EQ(texts_of(read, event_kind::place), std::vector<std::string>{"early"});
  EXPECT_EQ(texts_of(read, event_kind::submit), std::vector<std::string>{"later"});
  EXPECT_EQ(count(read, event_kind::executor_open), 1U);
}

TEST(TraceRecording, TasksOfTwoExecutorsAreToldApart) {
  const temporary_folder folder;
  recording trace(folder.file("t"));
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  {
    executor a{threads{.workers = 1}};
    executor b{threads{.workers = 1}};
    first = a.submit([] { return fronta::this_task::path(); }).get();
    second = b.submit([] { return fronta::this_task::path(); }).get();
  }
  trace.stop();
  ASSERT_EQ(first, second);
  std::map<std::uint16_t, int> starts;
  for (const auto& e : read_file(folder.file("t")).events) {
    if (e.what.kind == event_kind::start && e.what.task == first) ++starts[e.what.executor];
  }
  EXPECT_EQ(starts.size(), 2U);
  EXPECT_FALSE(starts.contains(0));
}

TEST(TraceRecording, ZonesAreOfTheTaskInWhichTheyBegin) {
  const temporary_folder folder;
  recording trace(folder.file("t"));
  executor ex{threads{.workers = 1}};
  const auto task = ex.submit([] {
                        const fronta::trace::zone outer("outer");
                        const fronta::trace::zone inner("inner");
                        return fronta::this_task::path();
                      }).get();
  trace.stop();
  std::vector<std::pair<event_kind, std::string>> zones;
  const auto read = read_file(folder.file("t"));
  for (const auto& e : read.events) {
    if (e.what.kind == event_kind::zone_begin || e.what.kind == event_kind::zone_end) {
      EXPECT_EQ(e.what.task, task);
      zones.emplace_back(e.what.kind, read.texts[e.text]);
    }
  }
  EXPECT_THAT(zones, testing::ElementsAre(std::pair(event_kind::zone_begin, "outer"),
                                          std::pair(event_kind::zone_begin, "inner"),
                                          std::pair(event_kind::zone_end, ""),
                                          std::pair(event_kind::zone_end, "")));
}

TEST(TraceRecording, ALongTextIsCutBetweenCharacters) {
  const temporary_folder folder;
  recording trace(folder.file("t"));
  std::string text;
  while (text.size() < 1'000) text += "fr\xC3\xB4nta ";
  fronta::trace::message(text);
  fronta::trace::message("");
  trace.stop();
  const auto found = texts_of(read_file(folder.file("t")), event_kind::message);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_GT(found[0].size(), 240U);
  EXPECT_TRUE(text.starts_with(found[0]));
  EXPECT_NE(static_cast<unsigned char>(text[found[0].size()]) & 0xC0U, 0x80U);
  EXPECT_EQ(found[1], "");
}

TEST(TraceRecording, CpuTimeIsToldWhereATaskStartsBlocksGoesOnAndEnds) {
  const temporary_folder folder;
  recording trace(folder.file("t"), {.cpu_time = true});
  std::uint64_t task = 0;
  {
    executor ex{threads{.workers = 1}};
    task = ex.submit([] {
               const auto from = std::chrono::steady_clock::now();
               while (std::chrono::steady_clock::now() - from < 2ms) {
               }
               const fronta::this_task::blocking elsewhere;
               return fronta::this_task::path();
             }).get();
  }
  trace.stop();
  std::vector<event_kind> kinds;
  std::vector<std::uint64_t> used;
  for (const auto& e : read_file(folder.file("t")).events) {
    if (e.what.task != task) continue;
    if (e.what.kind == event_kind::cpu_time) {
      used.push_back(e.what.argument);
    } else {
      kinds.push_back(e.what.kind);
    }
  }
  EXPECT_THAT(kinds, testing::IsSupersetOf({event_kind::start, event_kind::block,
                                            event_kind::unblock, event_kind::finish}));
  ASSERT_EQ(used.size(), 4U);
  EXPECT_TRUE(std::ranges::is_sorted(used));
  EXPECT_GT(used.back() - used.front(), 0U);
}

TEST(TraceRecording, CpuTimeIsToldOfAttemptsThatEndInARetryToo) {
  const temporary_folder folder;
  recording trace(folder.file("t"), {.cpu_time = true});
  {
    executor ex{threads{.workers = 1}};
    ex.submit({.retries = 1}, [] {
        if (fronta::this_task::attempt() == 0) throw std::runtime_error("once");
      }).wait();
  }
  for (const auto kind : {event_kind::issue, event_kind::fall_back}) {
    fronta::trace::detail::emit(kind, 7);
  }
  trace.stop();
  std::vector<event_kind> before;
  auto last = event_kind::submit;
  for (const auto& e : read_file(folder.file("t")).events) {
    if (e.what.task == 0) continue;
    if (e.what.kind == event_kind::cpu_time) before.push_back(last);
    last = e.what.kind;
  }
  EXPECT_THAT(before,
              testing::ElementsAre(event_kind::start, event_kind::retry, event_kind::start,
                                   event_kind::finish, event_kind::issue, event_kind::fall_back));
}

TEST(TraceRecording, ThereIsOneAtATime) {
  const temporary_folder folder;
  const recording first(folder.file("a"));
  try {
    const recording second(folder.file("b"));
    FAIL() << "two at a time";
  } catch (const fronta::invalid_state_error& error) {
    EXPECT_THAT(error.what(), HasSubstr(folder.file("a")));
  }
}

TEST(TraceRecording, AFileThatCannotBeMadeIsNamed) {
  try {
    const recording trace("/there/is/no/such/folder/t");
    FAIL() << "made it";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/there/is/no/such/folder/t"));
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
  }
}

// Nobody waits for the other end of the pipe.
TEST(TraceRecording, WhatIsNoFileIsRefusedAtOnce) {
  const temporary_folder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  for (const auto& name : {std::string("/dev/null"), folder.file("pipe"), folder.file("")}) {
    EXPECT_THROW(const recording trace(name), std::system_error) << name;
    EXPECT_FALSE(fronta::trace::on());
  }
}

unsigned mode_of(const std::string& file) {
  struct stat found{};
  return ::lstat(file.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
}

TEST(TraceRecording, BothFilesAreTheirUsersAloneUnlessTheFileWasThere) {
  const temporary_folder folder;
  {
    const recording trace(folder.file("t"));
    EXPECT_EQ(mode_of(folder.file("t")), 0600U);
    EXPECT_EQ(mode_of(folder.file("t.rings")), 0600U);
  }
  ::chmod(folder.file("t").c_str(), 0664);
  const recording trace(folder.file("t"));
  EXPECT_EQ(mode_of(folder.file("t")), 0664U);
  EXPECT_EQ(mode_of(folder.file("t.rings")), 0644U) << "who may read the one may read the other";
}

TEST(TraceRecording, TheRingsAreReadByTheFilesGroupAndByNoOther) {
  constexpr gid_t group = 12'345;
  const temporary_folder folder;
  const auto file = folder.file("t");
  std::ofstream(file).close();
  if (::chown(file.c_str(), static_cast<uid_t>(-1), group) != 0) {
    GTEST_SKIP() << "only root may give files to any group";
  }
  ::chmod(file.c_str(), 0640);
  const recording trace(file);
  struct stat rings{};
  ASSERT_EQ(::stat(folder.file("t.rings").c_str(), &rings), 0);
  EXPECT_EQ(rings.st_gid, group);
  EXPECT_EQ(mode_of(folder.file("t.rings")), 0640U);
}

TEST(TraceRecording, ALinkInPlaceOfTheRingsIsReplacedAndWhatItNamesIsLeftAlone) {
  const temporary_folder folder;
  std::ofstream(folder.file("important")) << "thesis";
  std::filesystem::create_symlink(folder.file("important"), folder.file("t.rings"));
  const recording trace(folder.file("t"));
  EXPECT_EQ(std::filesystem::file_size(folder.file("important")), 6U);
  EXPECT_TRUE(
      std::filesystem::is_regular_file(std::filesystem::symlink_status(folder.file("t.rings"))));
}

TEST(TraceRecording, OnesOwnLinkIsFollowedAndNoOther) {
  const temporary_folder folder;
  std::filesystem::create_symlink(folder.file("target"), folder.file("t"));
  {
    recording trace(folder.file("t"));
    tell(0, 3);
  }
  EXPECT_EQ(values(read_file(folder.file("target"))), numbers(3));
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make another user's link";
  ASSERT_EQ(::lchown(folder.file("t").c_str(), 65'534, 65'534), 0);
  try {
    const recording trace(folder.file("t"));
    FAIL() << "it was followed";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("another user's link"));
  }
  EXPECT_EQ(values(read_file(folder.file("target"))), numbers(3));
}

// ---- Forks.

TEST(TraceRecording, AForkedChildLeavesTheRecordingToItsParentAndMayHaveItsOwn) {
  const temporary_folder folder;
  ASSERT_EQ(run_program({"parent", folder.file("t")}), 0);
  const auto read = read_file(folder.file("t"));
  EXPECT_TRUE(read.ended);
  EXPECT_EQ(read.damage, "");
  EXPECT_EQ(values(read), numbers(200));
  EXPECT_FALSE(std::filesystem::exists(folder.file("t.rings")));
  const auto of_child = read_file(folder.file("t.child"));
  EXPECT_TRUE(of_child.ended);
  EXPECT_NE(of_child.process, read.process);
  const auto its_own = values(of_child);
  ASSERT_EQ(its_own.size(), 100U);
  EXPECT_EQ(its_own.front(), 2'000);
}

TEST(TraceRecording, AForkedChildThatOutlivesItsParentHoldsNoneOfItsLocks) {
  const temporary_folder folder;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
  std::string program = FRONTA_TRACED_PROGRAM;
  std::string what = "outlived";
  auto file = folder.file("t");
  std::array<char*, 4> arguments{program.data(), what.data(), file.data(), nullptr};
  pid_t parent = 0;
  ASSERT_EQ(::posix_spawn(&parent, program.c_str(), &actions, nullptr, arguments.data(), environ),
            0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(parent, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  fronta::trace::follower f(file);
  // The child may only just have begun.
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (f.state() == fronta::trace::follower::phase::goes_on &&
         std::chrono::steady_clock::now() < until) {
    f.poll();
    std::this_thread::yield();
  }
  EXPECT_EQ(f.state(), fronta::trace::follower::phase::broken_off);
  EXPECT_NO_THROW(const recording again(file)) << "nobody writes there any more";
  ::close(ends[1]);
}

TEST(TraceRecording, AfterAStopNothingIsRecordedUntilTheNext) {
  const temporary_folder folder;
  recording trace(folder.file("a"));
  tell(0, 1);
  trace.stop();
  tell(1, 2);
  trace = recording(folder.file("b"));
  tell(2, 3);
  trace.stop();
  EXPECT_EQ(values(read_file(folder.file("a"))), std::vector<double>{0});
  EXPECT_EQ(values(read_file(folder.file("b"))), std::vector<double>{2});
}

TEST(TraceRecording, WhatWasToldBeforeAFlushIsInTheFile) {
  const temporary_folder folder;
  recording trace(folder.file("t"), {.flush_every = 0ms});
  tell(0, 5);
  trace.flush();
  std::filesystem::copy_file(folder.file("t"), folder.file("copy"));  // without the rings
  const auto read = read_file(folder.file("copy"));
  EXPECT_EQ(values(read), numbers(5));
  EXPECT_FALSE(read.ended);
  EXPECT_EQ(read.damage, "");
}

TEST(TraceRecording, ItBeginsAndEndsWhileThreadsTell) {
  const temporary_folder folder;
  std::atomic<bool> over{false};
  std::vector<std::jthread> tellers;
  for (int t = 0; t < 3; ++t) {
    tellers.emplace_back([&] {
      for (int i = 0; !over.load(); ++i) {
        tell(i, i + 1);
        if (i % 1'000 == 0) std::jthread([] { fronta::trace::message("short"); });
      }
    });
  }
  for (int round = 0; round < 10; ++round) {
    std::uint64_t dropped = 0;
    {
      recording trace(folder.file("t"), {.ring_events = 256, .flush_every = 1ms});
      for (int i = 0; i < 5; ++i) trace.flush();
      trace.stop();
      dropped = trace.dropped();
    }
    const auto read = read_file(folder.file("t"));
    EXPECT_TRUE(read.ended);
    EXPECT_EQ(read.damage, "");
    EXPECT_EQ(read.dropped, dropped);
    std::map<std::uint32_t, double> last;
    std::map<std::uint32_t, double> gap;
    for (const auto& e : read.events) {
      if (e.what.kind == event_kind::lost) gap[e.thread] += static_cast<double>(e.what.argument);
      if (e.what.kind != event_kind::counter) continue;
      const auto value = std::bit_cast<double>(e.what.argument);
      if (const auto at = last.find(e.thread); at != last.end()) {
        EXPECT_GT(value, at->second);
        EXPECT_LE(value, at->second + 1 + gap[e.thread]) << "what is missing was counted";
      }
      last[e.thread] = value;
      gap[e.thread] = 0;
    }
  }
  over = true;
}

}  // namespace
