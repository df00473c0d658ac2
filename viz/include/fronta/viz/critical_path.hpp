// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// The chain of runs and waits that decided when the last task ended.
///
/// It is found by going back from that end, each time to what last had to happen before the task
/// could be where it is; that is the longest path through the activities of the program as they
/// happened (C.-Q. Yang and B. P. Miller, "Critical path analysis for the execution of parallel and
/// distributed programs", ICDCS 1988), with workers, streams and tags as further reasons to wait.
/// Back from
/// - a run: through the run to its begin; through a wait in it to the end of the task that it
///   waited for. Where it waited for several (`wait`: all, any, completion) that is the one of
///   those which it took (`consume`) after the wait and before its next one that ended last, with
///   `completion` the first that it took; it must have ended during the wait;
/// - the start of a queued task: to the end, or the wait, of the run before it in the same lane, if
///   that was later than the task came into its queue and the worker did not sleep in between; else
///   through the queue;
/// - the start on a stream: likewise to the end of the device's work before it;
/// - the end of a wait for tags: to the last `release`, during it, of the tag it waited for (where
///   that was not told: of one that it got then); for a stream: to the end of the task that had it
///   before;
/// - readiness: to the end of the input that ended last, if that was after the submission;
/// - a retry: through its delay to the run that failed;
/// - a submission: to what the submitting task did then; outside tasks to the end of the task whose
///   value the same thread had taken before, of several the one that ended last.
/// What the trace does not tell is a step of its own, and not guessed: a wait for what is not told
/// stays with its task, and before a submission by nobody the path is outside tasks.
namespace fronta::viz {

/// What the time of a step went by with.
enum class path_time : std::uint8_t {
  running,       ///< in a slot or on a thread
  on_device,     ///< on a stream
  copying,       ///< a device moved its data
  suspended,     ///< it waited within its run, and no task is told to have ended that
  tags,          ///< it waited for tags; whose release ended that is not told
  queued,        ///< it was in a queue, and nothing was in its way that the trace tells
  retrying,      ///< its delay before another attempt
  submitting,    ///< it was submitted and its inputs were there, and it was not ready yet
  handing_over,  ///< what had to end had ended, and what was to go on had not yet
  outside,       ///< no task: the program's own doing
  unknown,       ///< the trace does not tell
};
inline constexpr std::size_t path_times = static_cast<std::size_t>(path_time::unknown) + 1;
[[nodiscard]] std::string_view name_of(path_time t) noexcept;

/// How a step came to begin when the one before it ended.
enum class path_link : std::uint8_t {
  first,      ///< nothing is before it
  same_task,  ///< the same task did something else before
  input,      ///< the last input's end
  submitter,  ///< submitted by a task
  taken,      ///< submitted by a thread that had taken the value of the task before
  awaited,    ///< the end of a task that it waited for within its run
  tag,        ///< a tag that the other one gave back
  worker,     ///< a worker that the other one left
  stream,     ///< a stream that the other one left
};

struct path_step {
  std::int64_t begin = 0;
  std::int64_t end = 0;        ///< later than `begin`
  task_number task = no_task;  ///< of `outside` and, at the begin, `unknown` it may be none
  path_time what = path_time::unknown;
  path_link by = path_link::first;
  std::uint32_t lane = none;  ///< of runs and waits within them, of device's work and copies
  std::uint32_t text = 0;     ///< the tag's name, with `tags` and `path_link::tag`
};

struct critical_path {
  /// Time in which the next task on the path was there, and only stood behind others.
  struct queue {
    path_link behind = path_link::worker;  ///< or `tag`, `stream`
    std::uint32_t text = 0;                ///< the tag's name
    std::int64_t time = 0;
  };

  task_number last = no_task;      ///< the task that ended last; none if none has ended
  std::int64_t begin = 0;          ///< of the trace
  std::int64_t end = 0;            ///< of the last task
  std::vector<path_step> steps;    ///< by time; together they are all of `begin` to `end`
  std::vector<task_number> tasks;  ///< on it, by number
  std::array<std::int64_t, path_times> spent{};  ///< of each kind of step in all
  std::vector<queue> stood;                      ///< the longest first
};

/// Of what had ended by `until`. Tasks that were cancelled count only where no other has ended.
/// Reads the whole trace.
[[nodiscard]] critical_path find_critical_path(const index& of, std::int64_t until = forever);

/// That of the whole trace, found when it is first asked for; lives as long as `of`. Thread-safe.
[[nodiscard]] const critical_path& critical_path_of(const index& of);

/// In a line, such as "critical path: 12 tasks in 2.30 s: 61 % running, 30 % on a GPU, 9 % handing
/// over; 24 % behind a gpu tag".
[[nodiscard]] std::string in_words(const index& of, const critical_path& path);

}  // namespace fronta::viz
