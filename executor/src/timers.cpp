// SPDX-License-Identifier: Apache-2.0
#include "timers.hpp"

#include <utility>

namespace fronta::detail {

std::uint64_t timers::add(clock::time_point at, node& n, action what) {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
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

void timers::run() {
  ::pthread_setname_np(::pthread_self(), "fronta-timers");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (entries_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = entries_.begin();
    if (clock_->now() < first->first) {
      clock_->wait_until(lock, changed_, first->first);
      continue;
    }
    const auto due = first->second;
    by_id_.erase(due.id);
    entries_.erase(first);
    lock.unlock();
    due.what(*due.n);
    due.n->drop_keeper();
    lock.lock();
  }
}

void timers::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  for (auto& [at, e] : entries_) e.n->drop_keeper();
  entries_.clear();
  by_id_.clear();
}

}  // namespace fronta::detail
