// SPDX-License-Identifier: Apache-2.0
#include "array_copy.hpp"

#include <fronta/detail/worker.hpp>

#include "context.hpp"

#include <algorithm>
#include <new>

namespace fronta::gpu::detail {

array_copy::array_copy(fronta::detail::data_block& of, std::shared_ptr<block> memory,
                       event_handle arrived)
    : of_(of), memory_(std::move(memory)), arrived_(arrived) {}

array_copy::~array_copy() {
  auto& on = memory_->context();
  on.arrays().remove(*this);
  if (arrived_ != nullptr) on.give_event(arrived_);
}

void array_copy::go_behind(device& of, stream_handle s) {
  if (arrived_ == nullptr) return;
  auto& on = memory_->context();
  if (on.on().query(arrived_) == stream_state::idle) {
    on.give_event(std::exchange(arrived_, nullptr));
    return;
  }
  of.wait(s, arrived_);
}

bool array_copy::lost() const noexcept { return memory_->context().on().fault_code() != 0; }

void array_copy::fetch(void* to, std::size_t bytes) {
  auto& on = memory_->context();
  on.require_alive("its arrays were fetched");
  // A host part may have the array before the task that fills it has ended; its stream goes behind.
  if (const auto* const c = fronta::detail::this_context; c != nullptr && c->stream != nullptr) {
    c->stream->synchronize();
  }
  on.on().make_current();
  go_behind(on.on(), on.fetches());
  on.downloads().download(on.fetches(), to, memory_->data(), bytes);
}

void array_list::add(array_copy& c) {
  const std::lock_guard lock(mutex_);
  c.at_ = by_use_.insert(by_use_.end(), &c);
  c.listed_ = true;
}

void array_list::used(array_copy& c) noexcept {
  const std::lock_guard lock(mutex_);
  if (c.listed_) by_use_.splice(by_use_.end(), by_use_, c.at_);
}

void array_list::remove(array_copy& c) noexcept {
  const std::lock_guard lock(mutex_);
  if (std::exchange(c.listed_, false)) by_use_.erase(c.at_);
}

std::size_t array_list::evict(std::size_t bytes) {
  // They take themselves out of the list when they go: not under the mutex.
  std::vector<std::unique_ptr<fronta::detail::data_copy>> gone;
  auto freed = evict(bytes, false, gone);
  if (freed < bytes) freed += evict(bytes - freed, true, gone);
  return freed;
}

std::size_t array_list::evict(std::size_t bytes, bool even_only_ones,
                              std::vector<std::unique_ptr<fronta::detail::data_copy>>& gone) {
  std::size_t freed = 0;
  const std::lock_guard lock(mutex_);
  gone.reserve(gone.size() + by_use_.size());
  for (auto at = by_use_.begin(); at != by_use_.end() && freed < bytes;) {
    auto& c = **at++;
    auto& b = c.of_;
    // The block cannot go meanwhile: its copies leave this list before. Who holds its mutex uses
    // it, and may be waiting for this list.
    if (!b.mutex.try_lock()) continue;
    const std::lock_guard block_lock(b.mutex, std::adopt_lock);
    // A task uses it until it has ended; new ones come to it under the block's mutex.
    if (c.memory_.use_count() > 1) continue;
    if (!b.is_on_host() && b.copies.size() == 1) {
      if (!even_only_ones) continue;
      try {
        b.fetch_to_host_locked();
      } catch (const std::exception&) {
        continue;  // the host has no room, or the numbers are lost
      }
    }
    const auto mine = std::ranges::find(b.copies, static_cast<fronta::detail::data_copy*>(&c),
                                        &std::unique_ptr<fronta::detail::data_copy>::get);
    freed += c.memory_->bytes();
    by_use_.erase(c.at_);
    c.listed_ = false;
    gone.push_back(std::move(*mine));
    b.copies.erase(mine);
  }
  return freed;
}

}  // namespace fronta::gpu::detail
