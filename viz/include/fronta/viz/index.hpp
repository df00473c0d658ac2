// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace.hpp>
#include <fronta/viz/detail/bar_levels.hpp>
#include <fronta/viz/detail/change_list.hpp>
#include <fronta/viz/detail/compact_numbers.hpp>
#include <fronta/viz/detail/made_range.hpp>
#include <fronta/viz/detail/task_list.hpp>
#include <fronta/viz/detail/untold_work.hpp>
#include <fronta/viz/model.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fronta::trace {
struct file_contents;
}

/// The model: what a trace says of any moment. Times are in nanoseconds since the beginning of the
/// recording.
namespace fronta::viz {

class summaries;

/// Immutable once made; any number of threads may read it.
class index {
 public:
  /// Takes time and memory linear in the number of events. Never fails on odd traces: what makes
  /// no sense becomes `unknown`.
  explicit index(trace::file_contents from);

  // What the file says as a whole.
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  [[nodiscard]] std::int64_t origin_unix() const noexcept { return origin_unix_; }
  /// Events that threads told and that are missing.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
  /// Records of devices that are missing, so that bars are.
  [[nodiscard]] std::uint64_t dropped_records() const noexcept { return dropped_records_; }
  /// How many cores the recorded process could use; 0 where the trace does not tell.
  [[nodiscard]] std::uint32_t cores() const noexcept { return cores_; }
  /// How many workers its executors had, as far as the trace tells: slots of CPU places.
  [[nodiscard]] std::uint32_t workers() const noexcept { return workers_; }
  /// Whether any task is ever in that state, or any bar says so.
  [[nodiscard]] bool has(task_state s) const noexcept {
    return present_[static_cast<std::size_t>(s)];
  }
  /// Whether a stream of a device ever works.
  [[nodiscard]] bool has_device_work() const noexcept { return device_work_; }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// Whether any device in it was a simulated one.
  [[nodiscard]] bool simulated() const noexcept { return simulated_; }
  /// Whether the program waited so that people could follow it: `trace::paced`.
  [[nodiscard]] bool paced() const noexcept { return paced_; }
  /// Whether its times are those of a clock that was given to the recording: not the host's.
  [[nodiscard]] bool given_clock() const noexcept { return given_clock_; }
  [[nodiscard]] std::int64_t begin() const noexcept { return begin_; }  ///< the first event
  [[nodiscard]] std::int64_t end() const noexcept { return end_; }  ///< the last that is known of

  [[nodiscard]] std::span<const event> events() const noexcept { return events_; }
  /// By time, all tasks together. Changes and tasks are packed: each is made when it is asked for,
  /// and nothing may point to it.
  [[nodiscard]] detail::made_range<detail::change_list> changes() const noexcept {
    return detail::made_range(changes_);
  }
  [[nodiscard]] detail::made_range<detail::task_list> tasks() const noexcept {
    return detail::made_range(tasks_);
  }
  [[nodiscard]] std::span<const lane> lanes() const noexcept { return lanes_; }
  [[nodiscard]] std::span<const queue> queues() const noexcept { return queues_; }
  [[nodiscard]] std::size_t notes() const noexcept { return notes_.size(); }
  [[nodiscard]] note note_at(std::size_t nth) const noexcept;  ///< by their begin
  [[nodiscard]] std::span<const counter_series> counters() const noexcept { return counters_; }
  [[nodiscard]] std::span<const trace::device_span> spans() const noexcept { return spans_; }
  [[nodiscard]] std::string_view text(std::uint32_t number) const noexcept {
    return texts_[number];
  }
  /// Its own name, else "task".
  [[nodiscard]] std::string_view name_of(task_number t) const noexcept;
  /// Name of a place of an executor; empty if the trace does not tell.
  [[nodiscard]] std::string_view place_name(std::uint16_t executor, std::int32_t place) const;
  /// The place whose worker a thread is; -1 for none.
  [[nodiscard]] std::int32_t place_of_thread(std::uint32_t thread) const noexcept {
    return thread < places_of_threads_.size() ? places_of_threads_[thread] : -1;
  }
  /// Reads all tasks.
  [[nodiscard]] std::optional<task_number> find(std::uint16_t executor, std::uint64_t id) const;

  /// How many bars a lane has. They are in the order of their begin. On slots and threads a bar
  /// lies wholly within each of less depth that it meets, and a wait within its run, at the same
  /// depth. On other lanes the depth is a row. A stream does one thing after the other, so bars
  /// need two rows only where it is sure that they overlap: in a row each begins, at the latest,
  /// when the one before has ended at the earliest, and the times in which they may have been at
  /// work share it. So many that more than 255 rows were needed share the last.
  [[nodiscard]] std::size_t bars_of(std::uint32_t lane) const noexcept;
  [[nodiscard]] bar bar_at(std::uint32_t lane, std::size_t nth) const noexcept;
  /// The first one that ends after `t`; `bars_of` if none does.
  [[nodiscard]] std::size_t first_bar_after(std::uint32_t lane, std::int64_t t) const noexcept;
  /// The first one that begins at or after `t`; `bars_of` if none does.
  [[nodiscard]] std::size_t first_bar_from(std::uint32_t lane, std::int64_t t) const noexcept;
  /// In how many rows its bars lie at most: one more than their greatest depth; 0 without bars.
  [[nodiscard]] std::size_t rows_of(std::uint32_t lane) const noexcept;
  /// Bars too short to be seen one by one: from `first` on, all that begin before `until`, up to
  /// the first that lasts `least` or longer; for `forever` and an `at`, all. Seen from `at`: what a
  /// bar does later is not in it. On slots and threads, where bars nest, `rows` has one entry.
  /// Those behind `until` come too where sums are kept of them and of others before it together,
  /// and all these lie within a time of `together`: then few single bars have to be looked at.
  struct cluster {
    struct row {
      std::uint8_t depth = 0;
      std::uint32_t bars = 0;
      std::int64_t begin = 0;  ///< of the first
      std::int64_t end = 0;    ///< of the last, at most `at`
      /// How long one of them was at work for sure. The time of a bar that waits, or has another
      /// in it, is not its own. Of bars that have some in them and go on at `at`: at most.
      std::int64_t busy = 0;
      std::int64_t first_failure = forever;  ///< when the first that failed ended; of none
    };
    std::size_t next = 0;   ///< the first bar that is not in it
    std::vector<row> rows;  ///< by depth
    std::int64_t busy = 0;  ///< of all rows together
    std::int64_t end = 0;
  };
  [[nodiscard]] cluster cluster_from(std::uint32_t lane, std::size_t first, std::int64_t until,
                                     std::int64_t least, std::int64_t at = forever,
                                     std::int64_t together = 0) const;
  /// When a lane's worker slept for want of work: begin and end, by time.
  [[nodiscard]] std::span<const std::pair<std::int64_t, std::int64_t>> parked(
      std::uint32_t lane) const noexcept;
  /// Tasks in the order in which they ended, whichever way.
  [[nodiscard]] detail::made_range<detail::rising_numbers> completions() const noexcept {
    return detail::made_range(completions_);  // changes
  }
  /// The events in which a slot took a task from another's deque, by time.
  [[nodiscard]] detail::made_range<detail::rising_numbers> steals() const noexcept {
    return detail::made_range(steals_);
  }
  /// The event that is the last at or before `t`; `none` before the first.
  [[nodiscard]] std::uint32_t last_event(std::int64_t t) const noexcept;
  [[nodiscard]] std::int64_t time_of(const change& c) const noexcept {
    return events_[c.event].time;
  }
  /// Whose the change of that number is. Another task's event may have made it: what is lost is
  /// lost to many.
  [[nodiscard]] task_number task_of(std::uint32_t change) const noexcept;
  /// How long the bar's thread was on a core between its begin and end, whatever it ran within;
  /// nullopt where it was not measured.
  [[nodiscard]] static std::optional<std::int64_t> cpu_time_of(const bar& b) noexcept {
    return b.cpu_time < 0 ? std::nullopt : std::optional(b.cpu_time);
  }
  /// Half the interval in which a device's bar is known to have begun, and to have ended; 0 for
  /// what the host did.
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> uncertainty(const bar& b) const noexcept;

  // ---- At a moment. What happens at t itself has happened.

  /// The last change of the task up to `t`; none before its submission. Takes as many steps as the
  /// task has changes.
  [[nodiscard]] std::optional<change> state_of(task_number task, std::int64_t t) const noexcept;
  /// Its number; `none` before its submission.
  [[nodiscard]] std::uint32_t change_of(task_number task, std::int64_t t) const noexcept;
  /// How many tasks are in each state.
  [[nodiscard]] std::vector<std::uint32_t> counts_at(std::int64_t t) const;
  /// Those of one executor.
  [[nodiscard]] std::vector<std::uint32_t> counts_at(std::int64_t t, std::uint16_t executor) const;
  [[nodiscard]] std::uint32_t length_at(std::uint32_t queue, std::int64_t t) const;
  /// Up to `most` of the tasks in a queue, the longest waiting first, or the newest first.
  enum class first : std::uint8_t { oldest, newest };
  [[nodiscard]] std::vector<task_number> queued_at(std::uint32_t queue, std::int64_t t,
                                                   std::size_t most, first order) const;
  /// The bars of a lane that are open at `t`, the outermost first.
  [[nodiscard]] std::vector<bar> open_at(std::uint32_t lane, std::int64_t t) const;
  /// How many tasks had ended by `t`.
  [[nodiscard]] std::size_t completed_at(std::int64_t t) const noexcept;

  /// Work that a stream had been given by `t` and that its device has told of nowhere in the trace.
  /// It may have been at it from `since` on. Of a recording that goes on or broke off; one that has
  /// ended knows.
  struct untold {
    task_number first = no_task;
    std::size_t tasks = 0;
    std::int64_t since = 0;
  };
  [[nodiscard]] std::optional<untold> untold_at(std::uint32_t number, std::int64_t t) const;

  /// Why nothing is drawn on a lane at `t`, in a few words.
  [[nodiscard]] std::string why_blank(std::uint32_t lane, std::int64_t t) const;
  /// The same for a stretch without bars, piece by piece; together they are the stretch. Pieces
  /// shorter than `least` (1 at the fewest) belong to the one before them, or to the next. Takes
  /// time by the number of pieces that there may be, not of events: where very much changes in one,
  /// it says what is so most of the time.
  struct blank {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    std::string why;
    std::string brief;  ///< in a word, where a sentence has no room
  };
  [[nodiscard]] std::vector<blank> blanks(std::uint32_t lane, std::int64_t from, std::int64_t to,
                                          std::int64_t least) const;
  /// At a moment.
  [[nodiscard]] blank blank_at(std::uint32_t lane, std::int64_t t) const;
  /// Whether the executor of the lane has been opened by then, and not closed, as far as the trace
  /// tells.
  [[nodiscard]] bool was_opened(std::uint32_t lane, std::int64_t t) const noexcept {
    return t >= lane_rows_[lane].opened;
  }
  [[nodiscard]] bool is_open(std::uint32_t lane, std::int64_t t) const noexcept {
    return was_opened(lane, t) && t < lane_rows_[lane].closed;
  }

  /// What some pictures need of the whole trace; each part is made when it is first asked for.
  [[nodiscard]] summaries& whole() const noexcept { return *summaries_; }

 private:
  friend class index_builder;
  friend class change_writer;
  friend class event_columns;
  friend class lane_register;
  friend class lane_sums;
  friend class stack_reader;
  friend class blank_finder;

  struct stored_bar {
    enum : std::uint8_t {
      came_over = 1,
      goes_on = 2,
      failed = 4,
      lost = 8,
      hosts = 16,
      timed = 32,
      of_other = 64  // than the event of its begin
    };
    std::uint32_t begin;  // an event
    std::uint32_t end;
    bar::kind what;
    std::uint8_t depth;
    std::uint8_t attempt;
    std::uint8_t flags;
  };
  struct stored_note {
    std::uint32_t begin;  // an event
    std::uint32_t end;    // `none` if the trace does not know it
    std::uint32_t lane : 24;
    std::uint32_t depth : 8;
  };
  struct queue_row {
    detail::rising_numbers entries;  // changes that put a task there
    std::vector<std::uint32_t>
        latest_end;  // of each 64: the change that took the last away, or none
  };
  using stretches = std::vector<std::pair<std::int64_t, std::int64_t>>;
  struct lane_row {
    std::vector<stored_bar> bars;
    detail::bar_levels levels;
    // By the number of a bar, for the few that have any.
    std::vector<std::pair<std::uint32_t, std::int64_t>> own;  // with others in it: its own time
    std::vector<std::pair<std::uint32_t, std::int64_t>> cpu;
    std::vector<std::pair<std::uint32_t, task_number>> tasks;  // of other ones than their event's
    std::size_t rows = 0;
    std::int64_t opened = std::numeric_limits<std::int64_t>::min();  // its executor
    std::int64_t closed = forever;                                   // likewise
    // Of slots.
    std::int64_t first_sign = forever;  // of a worker
    stretches parked;
    stretches lent;     // by a task that waits, and taken by nobody
    stretches missing;  // events of its worker
    stretches ended;    // its thread has, and no other came
  };

  std::string host_;
  std::int64_t origin_unix_ = 0;
  std::int64_t begin_ = 0;
  std::int64_t end_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t dropped_records_ = 0;
  std::uint32_t cores_ = 0;
  std::uint32_t workers_ = 0;
  std::array<bool, task_states> present_{};
  bool device_work_ = false;
  bool ended_ = false;
  bool simulated_ = false;
  bool given_clock_ = false;
  bool paced_ = false;
  std::vector<std::string> texts_;
  std::vector<event> events_;
  detail::change_list changes_;
  detail::task_list tasks_;
  std::vector<lane> lanes_;
  std::vector<queue> queues_;
  std::vector<stored_note> notes_;
  std::vector<counter_series> counters_;
  std::vector<trace::device_span> spans_;
  detail::rising_numbers completions_;
  detail::rising_numbers steals_;
  std::vector<lane_row> lane_rows_;
  std::vector<queue_row> queue_rows_;
  struct named_place {
    std::uint16_t executor;
    std::int32_t number;
    std::string name;
  };
  std::vector<named_place> places_;
  std::vector<std::int32_t> places_of_threads_;
  detail::untold_work untold_;
  // Changes that events of others made, and whose they are; by change.
  std::vector<std::pair<std::uint32_t, task_number>> by_others_;
  // After so many changes: tasks in each state, then in each queue known by then. Where there are
  // several executors, the states of each as well.
  struct checkpoint {
    std::size_t changes;
    std::vector<std::uint32_t> counts;
    std::vector<std::uint32_t> by_executor;
  };
  std::vector<checkpoint> checkpoints_;
  std::vector<std::uint16_t> executors_;  // those that tasks are of, sorted
  std::shared_ptr<summaries> summaries_;

  static bool is_in_queue(const change& c) noexcept {
    return c.where != nowhere &&
           (c.state == task_state::queued || c.state == task_state::waiting_tags ||
            c.state == task_state::retry_wait);
  }
  // When a stream is given the next of what its device does not tell of.
  [[nodiscard]] std::int64_t next_untold(std::uint32_t number, std::int64_t t) const noexcept;
  [[nodiscard]] std::size_t changes_until(std::int64_t t) const noexcept;  // t's included
  [[nodiscard]] const checkpoint* checkpoint_before(std::size_t changes) const noexcept;
  [[nodiscard]] std::uint16_t executor_of(const change& c) const noexcept;
  [[nodiscard]] detail::bar_levels::part part_of(const lane_row& row, std::size_t nth,
                                                 std::int64_t at) const noexcept;
  // The first one from `from` on that ends after `t`.
  [[nodiscard]] std::size_t next_after(const lane_row& row, std::size_t from,
                                       std::int64_t t) const noexcept;
};

}  // namespace fronta::viz
