// SPDX-License-Identifier: Apache-2.0
#include <fronta/detail/node.hpp>

#include <fronta/cpus.hpp>
#include <fronta/detail/futex.hpp>
#include <fronta/detail/pause.hpp>
#include <fronta/detail/yield_point.hpp>
#include <fronta/errors.hpp>

#include "wait_graph.hpp"

#include <cassert>
#include <thread>

namespace fronta::detail {
namespace {

constexpr auto spin_time = std::chrono::microseconds(20);

bool worth_spinning() noexcept {
  static const bool several = usable_cpus() > 1;
  return several;
}

// Freeing a node may free the nodes that its value or inputs hold, to any depth: the outermost
// call works them off one by one.
constinit thread_local node* to_destroy = nullptr;
constinit thread_local bool destroying = false;

}  // namespace

node::~node() { delete extra_.load(std::memory_order_relaxed); }

void node::destroy_later() noexcept {
  next = std::exchange(to_destroy, this);
  if (destroying) return;
  destroying = true;
  while (to_destroy != nullptr) {
    node* n = std::exchange(to_destroy, to_destroy->next);
    n->destroy();
  }
  destroying = false;
}

bool node::try_add_reader() noexcept {
  auto refs = refs_.load(std::memory_order_relaxed);
  while (refs != 0) {
    if (refs_.compare_exchange_weak(refs, refs + one_reader, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

std::uint32_t node::lock() noexcept {
  for (unsigned tries = 0;; ++tries) {
    auto state = state_.load(std::memory_order_relaxed);
    if ((state & lock_bit) == 0 &&
        state_.compare_exchange_weak(state, state | lock_bit, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      return state;
    }
    // Held for a few instructions; its holder may have lost its core.
    tries < 64 ? cpu_pause() : std::this_thread::yield();
  }
}

bool node::try_claim(phase to) noexcept {
  yield_point();
  auto state = state_.load(std::memory_order_relaxed);
  for (unsigned tries = 0;;) {
    if ((state & phase_mask) != static_cast<std::uint32_t>(phase::pending)) return false;
    if ((state & lock_bit) != 0) {
      ++tries < 64 ? cpu_pause() : std::this_thread::yield();
      state = state_.load(std::memory_order_relaxed);
    } else if (state_.compare_exchange_weak(state, state | static_cast<std::uint32_t>(to),
                                            std::memory_order_acquire, std::memory_order_relaxed)) {
      return true;
    }
  }
}

bool node::unclaim() noexcept {
  const auto state = lock();
  const bool running = static_cast<phase>(state & phase_mask) == phase::running;
  unlock(running ? state & ~phase_mask : state);
  return running;
}

bool node::publish(phase end) noexcept {
  yield_point();
  const auto state = lock();
  const auto now = static_cast<phase>(state & phase_mask);
  if (is_done(now) || (end == phase::aborted && now != phase::running)) {
    unlock(state);
    return false;
  }
  edge* const list = take_edges(edge_level::done);
  // The waiter bit goes: nobody sleeps on a state that is done. Release: the outcome was written.
  unlock(static_cast<std::uint32_t>(end) | (state & stop_bit) | level_mask);
  yield_point();
  if ((state & waiter_bit) != 0) futex_wake_all(state_);
  fire(list);
  return true;
}

void node::raise(edge_level level) noexcept {
  const auto state = lock();
  const auto now = (state & level_mask) >> level_shift;
  if (now >= static_cast<std::uint32_t>(level)) {
    unlock(state);
    return;
  }
  edge* const list = take_edges(level);
  unlock((state & ~level_mask) | static_cast<std::uint32_t>(level) << level_shift);
  yield_point();
  fire(list);
}

edge* node::take_edges(edge_level up_to) noexcept {
  edge* taken = nullptr;
  for (edge* e = edges_; e != nullptr;) {
    edge* const following = e->next;
    if (e->level <= up_to) {
      (e->prev != nullptr ? e->prev->next : edges_) = e->next;
      if (e->next != nullptr) e->next->prev = e->prev;
      e->linked = false;
      e->next = taken;  // the list is newest first, so this reverses it
      taken = e;
    }
    e = following;
  }
  return taken;
}

void node::fire(edge* list) noexcept {
  if (list == nullptr) return;
  if (list->next == nullptr) {
    list->fire(*list, *this);
    return;
  }
  const firing told{&list, this_firing};
  this_firing = &told;
  for (const auto kind : {edge_kind::waiter, edge_kind::callback, edge_kind::dependent}) {
    edge** link = &list;
    while (*link != nullptr) {
      edge* const e = *link;
      if (e->kind != kind) {
        link = &e->next;
        continue;
      }
      *link = e->next;
      e->fire(*e, *this);  // may free the edge
    }
  }
  this_firing = told.outer;
}

bool node::add_edge(edge& e) noexcept {
  if (e.level == edge_level::done && done()) return false;
  const auto state = lock();
  const bool reached = is_done(static_cast<phase>(state & phase_mask)) ||
                       (e.level != edge_level::done &&
                        (state & level_mask) >> level_shift >= static_cast<std::uint32_t>(e.level));
  if (!reached) {
    e.prev = nullptr;
    e.next = edges_;
    if (edges_ != nullptr) edges_->prev = &e;
    edges_ = &e;
    e.linked = true;
  }
  unlock(state);
  return !reached;
}

bool node::remove_edge(edge& e) noexcept {
  const auto state = lock();
  yield_point();
  const bool was_linked = e.linked;
  if (was_linked) {
    (e.prev != nullptr ? e.prev->next : edges_) = e.next;
    if (e.next != nullptr) e.next->prev = e.prev;
    e.linked = false;
  }
  unlock(state);
  return was_linked;
}

bool node::spin_until_done() const noexcept {
  if (done()) return true;
  if (!worth_spinning()) return false;
  const auto until = std::chrono::steady_clock::now() + spin_time;
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      cpu_pause();
    }
  } while (std::chrono::steady_clock::now() < until);
  return false;
}

bool node::block_until_done(deadline until) noexcept {
  for (;;) {
    auto state = state_.load(std::memory_order_acquire);
    if (is_done(static_cast<phase>(state & phase_mask))) return true;
    if (until.passed()) return false;
    if ((state & lock_bit) != 0) {
      std::this_thread::yield();
      continue;
    }
    if ((state & waiter_bit) == 0 &&
        !state_.compare_exchange_weak(state, state | waiter_bit, std::memory_order_relaxed)) {
      continue;
    }
    futex_wait(state_, state | waiter_bit, until);
  }
}

task_extra& node::require_extra() {
  if (auto* existing = extra()) return *existing;
  auto fresh = std::make_unique<task_extra>();
  task_extra* expected = nullptr;
  if (extra_.compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel,
                                     std::memory_order_acquire)) {
    return *fresh.release();
  }
  return *expected;
}

std::string node::name() const {
  const auto* x = extra();
  if (x != nullptr && !x->options.name.empty()) return x->options.name;
  return "unnamed";
}

bool node::request_stop() noexcept {
  const auto state = lock();
  if (is_done(static_cast<phase>(state & phase_mask))) {
    unlock(state);
    return false;
  }
  auto* x = extra();
  auto source = x != nullptr ? x->stop : std::stop_source(std::nostopstate);
  unlock(state | stop_bit);
  if (source.stop_possible()) source.request_stop();  // runs user callbacks: not under the lock
  return (state & stop_bit) == 0;
}

std::stop_token node::stop_token() {
  auto& x = require_extra();
  std::stop_source made;
  const auto state = lock();
  if (!x.stop.stop_possible()) x.stop = made;
  auto source = x.stop;
  unlock(state);
  if ((state & stop_bit) != 0) source.request_stop();
  return source.get_token();
}

void node::visit_inputs(void (*)(void*, node&), void*) {}

bool node::visit_pending_inputs(void (*visit)(void*, node&), void* context, bool even_if_ready) {
  const auto state = lock();
  const bool wanted =
      static_cast<phase>(state & phase_mask) == phase::pending && (even_if_ready || !inputs_done());
  try {
    if (wanted) visit_inputs(visit, context);
  } catch (...) {
    unlock(state);
    throw;
  }
  unlock(state);
  return wanted;
}

bool node::visit_pending_data(data_visitor& to) {
  const auto state = lock();
  const bool wanted = static_cast<phase>(state & phase_mask) == phase::pending;
  try {
    if (wanted) visit_data(to);
  } catch (...) {
    unlock(state);
    throw;
  }
  unlock(state);
  return wanted;
}

std::exception_ptr node::error() const {
  switch (current()) {
    case phase::value:
      return nullptr;
    case phase::error:
      return stored_error();
    case phase::aborted:
      return extra()->abort_error;
    default: {
      const auto* x = extra();
      return std::make_exception_ptr(
          cancelled_error(x != nullptr && !x->cancel_reason.empty()
                              ? x->cancel_reason
                              : "future: task \"" + name() +
                                    "\" was cancelled before it ran; ask cancelled() first"));
    }
  }
}

}  // namespace fronta::detail
