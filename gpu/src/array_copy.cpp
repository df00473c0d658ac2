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
  on.tell(trace::event_kind::freed, memory_->bytes());
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
  // Only a host part may have an array that is being filled still: its own, or one that it has been
  // put behind.
  const auto* const c = fronta::detail::this_context;
  if (of_.being_filled() && c != nullptr && c->stream != nullptr) c->stream->wait_for_filling(of_);
  const current_device here(on.on());
  go_behind(on.on(), on.fetches());
  on.downloads().download(on.fetches(), to, memory_->data(), bytes);
  on.tell(trace::event_kind::moved, bytes);
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
  const auto freed = evict(bytes, false);
  return freed < bytes ? freed + evict(bytes - freed, true) : freed;
}

std::size_t array_list::evict(std::size_t bytes, bool even_only_ones) {
  // A handle of each, since what follows may wait: for a copy, and for who has the block's mutex.
  struct handle {
    explicit handle(fronta::detail::data_block* b) noexcept : of(b) {}
    handle(handle&& other) noexcept : of(std::exchange(other.of, nullptr)) {}
    handle& operator=(handle&&) = delete;
    ~handle() {
      if (of != nullptr) of->drop_handle();
    }
    fronta::detail::data_block* of;
  };
  std::vector<handle> idle;
  const void* memory = nullptr;
  {
    const std::lock_guard lock(mutex_);
    idle.reserve(by_use_.size());
    for (auto* const c : by_use_) {
      memory = c->memory();
      // In use by nobody but the block; whether it stays so is seen later.
      if (c->memory_.use_count() == 1 && c->of_.try_add_handle()) idle.emplace_back(&c->of_);
    }
  }
  std::size_t freed = 0;
  for (const auto& one : idle) {
    if (freed >= bytes) break;
    std::unique_ptr<fronta::detail::data_copy> gone;  // goes after the mutex
    auto& b = *one.of;
    const std::lock_guard lock(b.mutex);
    const auto mine = std::ranges::find(b.copies, memory, &fronta::detail::data_copy::memory);
    if (mine == b.copies.end() || b.being_filled()) continue;
    auto& c = static_cast<array_copy&>(**mine);
    // A task uses it until it has ended; new ones come to it under the block's mutex.
    if (c.memory_.use_count() > 1) continue;
    const bool elsewhere = b.is_on_host() || std::ranges::any_of(b.copies, [&](const auto& other) {
                             return other.get() != &c && !other->lost();
                           });
    if (!elsewhere) {
      if (!even_only_ones) continue;
      try {
        static_cast<void>(b.fetch_to_host_locked());
      } catch (const std::exception&) {
        continue;  // the host has no room, or the numbers are lost
      }
    }
    freed += c.memory_->bytes();
    gone = std::move(*mine);
    b.copies.erase(mine);
  }
  return freed;
}

}  // namespace fronta::gpu::detail
