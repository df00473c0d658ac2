// SPDX-License-Identifier: Apache-2.0
#include <fronta/detail/data_block.hpp>
#include <fronta/detail/worker.hpp>
#include <fronta/errors.hpp>

#include <algorithm>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

namespace fronta::detail {
namespace {

constexpr std::align_val_t alignment{64};  // for vector instructions, whatever the type
// From here on others may have the core of a worker that waits for a copy: about 50 us.
constexpr std::size_t worth_lending = std::size_t{1} << 20;

}  // namespace

data_block::~data_block() {
  {
    // Who makes room on a device may be looking at them.
    const std::lock_guard lock(mutex);
    copies.clear();
  }
  ::operator delete(fetched_, alignment);
}

data_copy* data_block::any_copy() const noexcept {
  const auto at = std::ranges::find_if(copies, [](const auto& c) { return !c->lost(); });
  if (at != copies.end()) return at->get();
  return copies.empty() ? nullptr : copies.front().get();
}

void data_block::forget_host() noexcept {
  host_.store(nullptr, std::memory_order_relaxed);
  arriving.reset();
  if (fetched_ != nullptr) {
    ::operator delete(std::exchange(fetched_, nullptr), alignment);
  } else {
    release_host();
  }
}

const void* data_block::fetch_to_host_locked() {
  if (bytes_ == 0 || is_on_host()) return host_.load(std::memory_order_relaxed);
  if (const auto* const here = arrived()) {
    set_host(here);
    return here;
  }
  // Before the fetch: a fill that ends meanwhile may come too late for what is fetched.
  const bool changing = being_filled();
  if (fetched_ == nullptr) fetched_ = ::operator new(bytes_, alignment);
  any_copy()->fetch(fetched_, bytes_);
  if (!changing) set_host(fetched_);
  return fetched_;
}

const void* data_block::fetch_to_host() {
  {
    const std::unique_lock lock(mutex, std::try_to_lock);
    if (lock.owns_lock() && arrived() != nullptr) return fetch_to_host_locked();
  }
  auto* const context = this_context;
  const bool in_host_part = context != nullptr && context->stream != nullptr;
  auto* const host = context != nullptr && context->task != nullptr ? context->task->host : nullptr;
  const auto began = host != nullptr ? host->now() : std::chrono::steady_clock::time_point();
  // Until after the mutex: a worker that holds a cpu share may be waiting for that.
  std::optional<blocking_section> lent;
  const auto lend = [&] {
    try {
      if (!lent) lent.emplace(trace::wait_reason::data);
    } catch (const std::system_error&) {
      // No substitute: then the share stays.
    }
  };
  if (bytes_ >= worth_lending && !in_host_part) lend();
  std::unique_lock lock(mutex);
  // A host part has a stream that goes behind the work; for it to wait here might be for ever,
  // since a worker has to end the task that fills the block.
  while (being_filled() && !in_host_part) {
    const auto by = filling;
    lock.unlock();
    if (!lent) lent.emplace(trace::wait_reason::data);  // throws where nobody else could end it
    by->wait();
    lock.lock();
  }
  const bool here = is_on_host();
  const auto* const from = any_copy();
  const auto* const memory = from != nullptr ? from->memory() : nullptr;
  const auto copies_from = host != nullptr ? host->now() : began;
  const auto* const numbers = fetch_to_host_locked();
  lock.unlock();
  if (host != nullptr) {
    const auto now = host->now();
    context->fetching += now - began;
    if (!here && !in_host_part) host->fetched(memory, bytes_, now - copies_from);
  }
  return numbers;
}

}  // namespace fronta::detail
