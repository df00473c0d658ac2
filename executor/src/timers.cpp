// SPDX-License-Identifier: Apache-2.0
#include "timers.hpp"

#include <chrono>
#include <new>
#include <utility>

namespace fronta::detail {
namespace {

// How long something due waits for a busy helper before there is one more: longer than most
// callbacks take, so that a burst of timeouts does not start a thread for each.
constexpr auto patience = std::chrono::milliseconds(1);

}  // namespace

std::uint64_t timers::add(clock::time_point at, node& n, action what) {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { keep_time(); });
  const auto id = next_id_++;
  const auto place = entries_.emplace(at, entry{id, &n, what});
  try {
    by_id_.emplace(id, place);
  } catch (...) {
    entries_.erase(place);
    throw;
  }
  n.add_keeper();
  if (place == entries_.begin()) changed_.notify_all();
  return id;
}

bool timers::cancel(std::uint64_t id) noexcept {
  node* n = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto at = by_id_.find(id);
    if (at == by_id_.end()) return false;
    n = at->second->second.n;
    entries_.erase(at->second);
    by_id_.erase(at);
  }
  n->drop_keeper();
  return true;
}

void timers::keep_time() {
  ::pthread_setname_np(::pthread_self(), "fronta-timers");
  std::unique_lock lock(mutex_);
  // By real time: whatever clock the executor has, a helper may be blocked for good.
  using real = std::chrono::steady_clock;
  std::uint64_t taken_before = 0;
  real::time_point more_at;
  while (!stopping_) {
    move_due();
    if (!due_.empty() && helpers_.empty()) {
      start_helper();
      // Better here, and others late, than never.
      if (helpers_.empty()) run_first(lock);
    } else if (!due_.empty() && idle_ == 0) {
      if (taken_before != taken_) {
        taken_before = taken_;
        more_at = real::now() + patience;
      }
      const bool blocked = changed_.wait_until(lock, more_at) == std::cv_status::timeout &&
                           taken_ == taken_before && idle_ == 0;
      if (blocked && !stopping_) {
        start_helper();
        more_at = real::now() + patience;
      }
    } else if (entries_.empty()) {
      changed_.wait(lock);
    } else if (clock_->now() < entries_.begin()->first) {
      clock_->wait_until(lock, changed_, entries_.begin()->first);
    }
  }
}

// With the lock held. Needs no memory: nobody could be told.
void timers::move_due() {
  const auto now = clock_->now();
  while (!entries_.empty() && entries_.begin()->first <= now) {
    auto first = entries_.extract(entries_.begin());
    by_id_.erase(first.mapped().id);
    due_.insert(due_.end(), std::move(first));
    due_came_.notify_one();
  }
}

// With the lock held, which the new thread waits for. Without memory or threads there is none; the
// others may come back, and if not, the next attempt is due soon.
void timers::start_helper() noexcept {
  try {
    const auto self = helpers_.emplace(helpers_.end());
    try {
      *self = std::thread([this, self] { help(self); });
      ++idle_;
    } catch (...) {
      helpers_.erase(self);
    }
  } catch (const std::bad_alloc&) {
    // Likewise.
  }
}

void timers::help(helper_list::iterator self) {
  ::pthread_setname_np(::pthread_self(), "fronta-callback");
  std::thread before;
  {
    std::unique_lock lock(mutex_);
    for (;;) {
      due_came_.wait(lock, [&] { return stopping_ || !due_.empty(); });
      if (stopping_) return;
      --idle_;
      run_first(lock);
      if (stopping_) return;
      if (idle_ != 0 && due_.empty()) break;
      ++idle_;
    }
    // Whoever is idle takes what is due. The handle of this thread is left to the next that ends.
    before = std::exchange(ended_helper_, std::move(*self));
    helpers_.erase(self);
  }
  if (before.joinable()) before.join();
}

// With the lock held before and after.
void timers::run_first(std::unique_lock<std::mutex>& lock) noexcept {
  const auto first = due_.extract(due_.begin()).mapped();
  ++taken_;
  // Nobody else looks after the rest, if this blocks.
  if (!due_.empty() && idle_ == 0) changed_.notify_all();
  lock.unlock();
  first.what(*first.n);
  first.n->drop_keeper();
  lock.lock();
}

void timers::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    due_came_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  // From here on nobody changes the list.
  for (auto& helper : helpers_) helper.join();
  helpers_.clear();
  if (ended_helper_.joinable()) ended_helper_.join();
  for (auto* list : {&entries_, &due_}) {
    for (auto& [at, e] : *list) e.n->drop_keeper();
    list->clear();
  }
  by_id_.clear();
}

}  // namespace fronta::detail
