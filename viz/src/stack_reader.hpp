// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "change_writer.hpp"
#include "lane_register.hpp"

#include <fronta/viz/index.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace fronta::viz {

/// Which tasks are on which thread's stack, and in which slot: the bars of slots and threads, their
/// workers' sleep, and what a program says in between. Threads' clocks differ by some 100 ns, so
/// one may be seen in a slot before the other was seen to leave; and events may be missing.
class stack_reader {
 public:
  // As deep as anybody would look, and as a bar's depth goes; made-up traces may go on for ever.
  static constexpr std::size_t most_nested = 255;
  static constexpr std::uint8_t plain_bar = 0;
  static constexpr std::uint8_t failed_bar = index::stored_bar::failed;
  static constexpr std::uint8_t cut_bar = index::stored_bar::goes_on;
  static constexpr std::uint8_t lost_bar = index::stored_bar::lost;

  stack_reader(index& made, lane_register& lanes, change_writer& changes, std::size_t threads);

  /// Each event that a thread told comes here first.
  void see(std::uint32_t event);

  void start(std::uint32_t event);
  void block(std::uint32_t event);
  void unblock(std::uint32_t event);
  /// The run of a task has ended, wherever that was told.
  void end_run(task_number t, std::uint32_t event, std::uint8_t flags);
  [[nodiscard]] bool runs(task_number t) const noexcept { return thread_of(t) != none; }
  /// The innermost task on the stack of the event's thread.
  [[nodiscard]] task_number running_at(const event& e) const noexcept;

  void worker_started(const event& e);
  void worker_ended(const event& e);
  void executor_closed(const event& e);
  void park(const event& e);
  void unpark(const event& e);
  /// Events of a thread are missing: what it was running may have ended.
  void lose(std::uint32_t event);
  void read_note(std::uint32_t event);
  void read_cpu_time(const event& e);

  // Bars of any lane.
  std::uint32_t open_bar(std::uint32_t lane, std::uint32_t event, task_number t, bar::kind what,
                         std::size_t depth, std::uint8_t flags = plain_bar);
  void close_bar(std::uint32_t lane, std::uint32_t bar, std::uint32_t event,
                 std::uint8_t flags = plain_bar);

  void finish();

  [[nodiscard]] static std::uint16_t short_of(std::uint32_t lane) noexcept {
    return lane < nowhere ? static_cast<std::uint16_t>(lane) : nowhere;
  }

 private:
  // A run on a thread's stack.
  struct open_run {
    task_number task = no_task;
    std::uint32_t lane = none;       // of its bars
    std::uint32_t bar = none;        // `none` where it has none at present
    std::uint32_t suspended = none;  // the bar of its wait
    bool waits = false;
    std::uint32_t blocked = none;  // the event, while it waits
    bool cut = false;  // another thread was seen in the lane before this one was seen to leave
    std::int64_t cpu_from = -1;  // the thread's at the begin of the bar
  };
  struct timed_bar {
    std::uint32_t lane;
    std::uint32_t bar;
    std::int64_t cpu_from;
  };
  struct thread_state {
    std::vector<open_run> stack;
    std::uint32_t lane = none;       // that it holds; then it is the lane's holder
    std::uint32_t last_lane = none;  // of a slot, that it was in
    std::map<std::pair<std::uint16_t, std::int16_t>, std::uint32_t> lanes;  // by executor and slot
    std::vector<std::uint32_t> zones;
    std::uint32_t last_event = none;
    std::int64_t lost_from = forever;  // until it is seen in a slot again
    std::int64_t lost_until = 0;
    std::int64_t cpu = -1;  // as last told
    std::int64_t cpu_told = 0;
    std::vector<timed_bar> closed;  // by its last event
  };
  struct lane_state {
    std::uint32_t holder = none;  // the thread whose bars may be open in it
    std::uint32_t user = none;    // the thread that was there last
    bool parked = false;
    bool lent = false;
  };

  std::uint32_t lane_of(const event& e, std::int16_t slot);
  lane_state& state_of(std::uint32_t lane);
  [[nodiscard]] std::uint32_t thread_of(task_number t) const noexcept {
    return t < threads_of_.size() ? threads_of_[t] : none;
  }
  void put_on_thread(task_number t, std::uint32_t thread);
  void show_worker(const event& e, std::uint32_t lane);
  void to_unparked(std::uint32_t lane, std::int64_t t);
  void leave_lane(thread_state& of, std::uint32_t event);
  void enter_lane(thread_state& of, std::uint32_t thread, std::uint32_t lane, std::uint32_t event);
  void lose_top(std::vector<open_run>& stack, std::uint32_t event);
  void close_top(std::vector<open_run>& stack, std::uint32_t event, std::uint8_t flags);
  void time_waiting(const thread_state& of);
  void time_bar(const timed_bar& of, std::int64_t cpu);

  index& to_;
  lane_register& lane_numbers_;
  change_writer& changes_;
  std::vector<thread_state> threads_;
  std::vector<lane_state> lanes_;
  std::vector<std::uint32_t> threads_of_;  // by task: on whose stack it is
  std::size_t reopened_ = 0;
};

}  // namespace fronta::viz
