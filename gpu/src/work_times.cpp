// SPDX-License-Identifier: Apache-2.0
#include "work_times.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace fronta::gpu::detail {
namespace {

constexpr auto every = std::chrono::milliseconds(250);
// Of later comparisons; the first has clock_map::batch.
constexpr std::size_t later_batch = 16;
// Records may come a while after the end of what they tell of, so for some comparisons more there
// are samples that they can be placed by, and of so many tasks it is remembered whose they are.
constexpr int most_quiet = 8;
constexpr std::size_t most_closed = std::size_t{1} << 16;

}  // namespace

work_times::work_times(device& d, trace::time_grade grade) : device_(d), grade_(grade) {
  if (grade_ != trace::time_grade::profiled) return;
  if (std::string why; !device_.record_work(this, why)) {
    throw std::invalid_argument("gpu::options: times is profiled, but " +
                                device_.properties().name + " keeps no records (" + why +
                                "); use stamped or observed");
  }
}

work_times::~work_times() {
  if (grade_ != trace::time_grade::profiled) return;
  std::string why;
  static_cast<void>(device_.record_work(nullptr, why));
  const std::lock_guard lock(comparing_);
  tell(which::all);
}

void work_times::add(waiting w) noexcept {
  try {
    waiting_.push_back(w);
  } catch (const std::bad_alloc&) {
    // Then the trace lacks it.
  }
}

void work_times::stamped(std::uint64_t task, std::int32_t stream, std::uint64_t begin,
                         std::uint64_t end) noexcept {
  const std::lock_guard lock(mutex_);
  used_ = true;
  add({task,
       stream,
       trace::time_grade::stamped,
       {0, trace::device_work::task, static_cast<std::int64_t>(begin),
        static_cast<std::int64_t>(end), 0}});
}

std::uint64_t work_times::open(std::uint64_t task, std::int32_t stream) {
  const std::lock_guard lock(mutex_);
  used_ = true;
  owners_.emplace(++marks_, owner{task, stream});
  return marks_;
}

void work_times::close(std::uint64_t mark) noexcept {
  const std::lock_guard lock(mutex_);
  used_ = true;
  try {
    closed_.push_back(mark);
  } catch (const std::bad_alloc&) {
    owners_.erase(mark);
  }
  if (closed_.size() > most_closed) {
    owners_.erase(closed_.front());
    closed_.pop_front();
  }
}

void work_times::recorded(const work_record& r) noexcept {
  if (!trace::on()) return;  // nobody would fetch it
  const std::lock_guard lock(mutex_);
  const auto at = owners_.find(r.mark);
  const bool of_task = at != owners_.end();
  if (!of_task && r.mark != 0) {  // it came too late
    used_ = true;
    ++lost_;
    return;
  }
  // Kernels of no task are not the executor's; copies are: those that a CPU task waits for.
  if (!of_task && r.what == trace::device_work::kernel) return;
  used_ = true;
  add({of_task ? at->second.task : 0, of_task ? at->second.stream : -1, trace::time_grade::profiled,
       r});
}

void work_times::compared(std::span<const clock_sample> batch) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    compared_.emplace_back(batch.begin(), batch.end());
  } catch (const std::bad_alloc&) {
    // Then the next one has to do.
  }
}

void work_times::lost(std::uint64_t records) noexcept {
  const std::lock_guard lock(mutex_);
  used_ = true;
  lost_ += records;
}

void work_times::compare() noexcept {
  const std::lock_guard lock(comparing_);
  {
    const std::lock_guard own(mutex_);
    const bool busy =
        std::exchange(used_, false) || !waiting_.empty() || owners_.size() > closed_.size();
    quiet_ = busy ? 0 : quiet_ + 1;
  }
  const bool profiled = grade_ == trace::time_grade::profiled;
  if (quiet_ > (profiled ? most_quiet : 0) && !map_.empty()) return;
  auto those = which::placed;
  try {
    const auto samples = map_.empty() ? clock_map::batch : later_batch;
    if (profiled) {
      device_.compare_records(samples);
    } else {
      compared(sample_batch(device_, samples));
    }
  } catch (const std::exception&) {
    // Of a lost device; what was compared before still holds, with a growing error.
    those = which::all;
  }
  tell(those);
}

// Of those that began or ended after the last comparison the next one says more.
void work_times::tell(which those) noexcept {
  std::vector<waiting> told;
  std::uint64_t lost = 0;
  {
    const std::lock_guard own(mutex_);
    try {
      for (const auto& batch : compared_) map_.add(batch);
    } catch (const std::bad_alloc&) {
      // As in `compared`.
    }
    compared_.clear();
    if (map_.empty() && those == which::all) {
      lost_ += waiting_.size();
      waiting_.clear();
    }
    lost = std::exchange(lost_, 0);
    if (!map_.empty()) told.swap(waiting_);
    if (those == which::placed) {
      // In order. std::stable_partition is deprecated inside, as clang sees libstdc++ 12.
      std::erase_if(told, [&](const waiting& w) {
        if (map_.batches() > 1 && w.work.end <= map_.last()) return false;
        add(w);
        return true;
      });
    }
  }
  if (lost != 0) {
    trace::detail::tell({trace::event_kind::lost_records, executor_, -1, 0,
                         (std::uint64_t{static_cast<std::uint32_t>(place_)} << 32) |
                             std::min<std::uint64_t>(lost, 0xFFFF'FFFF)},
                        {});
  }
  const bool simulated = device_.properties().simulated;
  for (const auto& w : told) {
    const auto begin = map_.to_host(w.work.begin);
    const auto end = map_.to_host(w.work.end);
    trace::detail::emit(trace::device_span{w.task, place_, w.stream, w.work.what, w.grade,
                                           simulated, begin.host - begin.error,
                                           begin.host + begin.error, end.host - end.error,
                                           end.host + end.error, w.work.bytes, executor_});
  }
}

clock_keeper::clock_keeper(std::vector<work_times*> of)
    : of_(std::move(of)), thread_([this] { run(); }) {}

clock_keeper::~clock_keeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void clock_keeper::run() {
  ::prctl(PR_SET_NAME, "fronta-gpu-time");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    if (trace::on()) {
      for (auto* const t : of_) t->compare();
    }
    lock.lock();
    changed_.wait_for(lock, every, [&] { return stopping_; });
  }
}

}  // namespace fronta::gpu::detail
