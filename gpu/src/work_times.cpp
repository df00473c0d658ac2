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
// Records of a task may come a while after its end.
constexpr int most_comparisons = 8;

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
  if (const auto at = owners_.find(mark); at != owners_.end()) at->second.closed = true;
}

void work_times::recorded(const work_record& r) noexcept {
  if (!trace::on()) return;  // nobody would fetch it
  const std::lock_guard lock(mutex_);
  const auto at = owners_.find(r.mark);
  const bool of_task = at != owners_.end();
  // Kernels of no task are not the executor's; copies are: those that a CPU task waits for.
  if (!of_task && r.what == trace::device_work::kernel) return;
  used_ = true;
  add({of_task ? at->second.task : 0, of_task ? at->second.stream : -1, trace::time_grade::profiled,
       r});
}

void work_times::compare() noexcept {
  const std::lock_guard lock(comparing_);
  std::vector<waiting> told;
  {
    const std::lock_guard own(mutex_);
    if (!std::exchange(used_, false) && waiting_.empty() && owners_.empty() && !map_.empty())
      return;
    if (!map_.empty()) told.swap(waiting_);
    for (auto at = owners_.begin(); at != owners_.end();) {
      auto& o = at->second;
      const bool over = o.closed && ++o.comparisons_since > most_comparisons;
      at = over ? owners_.erase(at) : std::next(at);
    }
  }
  try {
    map_.add(sample_batch(device_, map_.empty() ? clock_map::batch : later_batch));
  } catch (const std::exception&) {
    // Of a lost device; what was compared before still holds, with a growing error.
  }
  const bool simulated = device_.properties().simulated;
  for (const auto& w : told) {
    const auto begin = map_.to_host(w.work.begin);
    const auto end = map_.to_host(w.work.end);
    trace::detail::emit(trace::device_span{
        w.task, place_, w.stream, w.work.what, w.grade, simulated, begin.host - begin.error,
        begin.host + begin.error, end.host - end.error, end.host + end.error, w.work.bytes});
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
