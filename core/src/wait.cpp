// SPDX-License-Identifier: Apache-2.0
#include <fronta/wait.hpp>

#include <fronta/detail/futex.hpp>

#include "wait_graph.hpp"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <ranges>
#include <unordered_map>
#include <unordered_set>

namespace fronta::detail {
namespace {

bool ends_wait(phase p, early_end early) noexcept {
  switch (early) {
    case early_end::none:
      return false;
    case early_end::any:
      return true;
    case early_end::exception_or_cancellation:
      if (p == phase::cancelled) return true;
      [[fallthrough]];
    case early_end::exception:
      return p == phase::error || p == phase::aborted;
  }
  return true;
}

// Shared by a wait and the edges that it could not take back in time; the last one frees it.
struct group {
  struct member : edge {
    group* owner = nullptr;
  };
  group(std::size_t n, early_end e) : members(n), users(1), left(n), early(e) {}
  void drop(std::size_t n) noexcept {
    if (n != 0 && users.fetch_sub(n, std::memory_order_acq_rel) == n) delete this;
  }
  void finished(const node& n) noexcept {
    const bool last = left.fetch_sub(1, std::memory_order_acq_rel) == 1;
    if (last || ends_wait(n.current(), early)) {
      signal.store(1, std::memory_order_release);
      futex_wake_all(signal);
    }
  }

  std::vector<member> members;
  std::atomic<std::size_t> users;
  std::atomic<std::size_t> left;
  std::atomic<std::uint32_t> signal{0};
  const early_end early;
};

bool holds(std::span<node* const> nodes, early_end early) {
  const auto done = [](const node* n) { return n->done(); };
  const auto ends = [&](const node* n) { return n->done() && ends_wait(n->current(), early); };
  return std::ranges::all_of(nodes, done) || std::ranges::any_of(nodes, ends);
}

}  // namespace

std::vector<node*> distinct_nodes(std::span<const any_future* const> futures, const char* verb) {
  std::vector<node*> nodes;
  nodes.reserve(futures.size());
  std::unordered_set<const node*> seen;
  seen.reserve(futures.size());
  for (const auto* f : futures) {
    auto* const n = future_access::get(*f);
    if (n == nullptr) throw_empty(verb);
    if (seen.insert(n).second) nodes.push_back(n);
  }
  return nodes;
}

bool code_over(const node& n) noexcept {
  // Acquire: what the code did is over for whoever reads it.
  return n.current() != phase::aborted || n.extra()->code_over.load(std::memory_order_acquire) != 0;
}

void end_code(node& n) noexcept {
  if (n.current() != phase::aborted) return;
  n.extra()->code_over.store(1, std::memory_order_release);
  futex_wake_all(n.extra()->code_over);
}

void wait_for_code(node& n) {
  if (code_over(n)) return;
  node* const awaited = &n;
  const blocking_section lent({&awaited, 1}, wait_mode::all, trace::wait_reason::code);
  while (!code_over(n)) futex_wait(n.extra()->code_over, 0);
}

void sit_out(node& n) noexcept {
  n.block_until_done({});
  while (!code_over(n)) futex_wait(n.extra()->code_over, 0);
}

void wait_many(std::span<node* const> nodes, early_end early, deadline until) {
  if (nodes.empty() || holds(nodes, early)) return;
  if (auto* w = this_worker; w != nullptr && until.never() && early == early_end::none) {
    // Newest first: that is the order in which they lie on top of the worker's own queue.
    for (auto* n : std::views::reverse(nodes)) {
      if (!n->done()) try_run_inline(*w, *n);
    }
  }
  if (holds(nodes, early) || until.passed()) return;

  auto* const g = new group(nodes.size(), early);
  g->users.store(nodes.size() + 1, std::memory_order_relaxed);
  std::size_t returned = 1;  // users that end with this call
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    auto& m = g->members[i];
    m.owner = g;
    m.kind = edge_kind::waiter;
    m.fire = [](edge& self, node& source) noexcept {
      auto* const owner = static_cast<group::member&>(self).owner;
      owner->finished(source);
      owner->drop(1);
    };
    if (!nodes[i]->add_edge(m)) {
      g->finished(*nodes[i]);
      ++returned;
    }
  }
  const auto take_back = [&] {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i]->remove_edge(g->members[i])) ++returned;
    }
    g->drop(returned);
  };
  // One that can never end is a deadlock even where another may fail: nobody builds on that.
  const bool for_any = early == early_end::any;
  const auto why = for_any ? trace::wait_reason::any : trace::wait_reason::all;
  const auto block = [&] {
    while (g->signal.load(std::memory_order_acquire) == 0 && !until.passed()) {
      futex_wait(g->signal, 0, until);
    }
  };
  try {
    if (until.never()) {
      const blocking_section section(nodes, for_any ? wait_mode::any : wait_mode::all, why);
      block();
    } else {
      const blocking_section section(why, nodes.size() == 1 ? nodes.front() : nullptr);
      block();
    }
  } catch (...) {
    take_back();
    throw;
  }
  take_back();
}

void wait_for_values(std::span<const any_future* const> futures) {
  const auto nodes = distinct_nodes(futures, "gather");
  wait_many(nodes, early_end::exception_or_cancellation, deadline());
  for (auto* n : nodes) {
    if (!n->done()) continue;
    if (!n->value_taken) trace::detail::emit_consume(*n);
    require_value(*n);
  }
}

void throw_unfinished(std::size_t pending, std::size_t total) {
  throw timeout_error("as_completed: " + std::to_string(pending) + " (of " + std::to_string(total) +
                          ") futures unfinished when the time limit passed; wait longer or cancel "
                          "them",
                      pending, total);
}

struct completion_list::shared {
  struct entry : edge {
    std::shared_ptr<shared> list;
    std::list<any_future> future;  // one; its cell moves on to `ready` without an allocation
    std::uint64_t generation = 0;
  };

  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by mutex.
  std::list<any_future> ready;
  std::unordered_map<entry*, node*> waiting;
  std::uint64_t generation = 0;  // of clear(): entries from before it deliver nothing

  void arrived(std::unique_ptr<entry> e) {
    const std::lock_guard lock(mutex);
    waiting.erase(e.get());
    if (e->generation == generation) ready.splice(ready.end(), e->future);
    changed.notify_all();
  }
};

completion_list::completion_list() : shared_(std::make_shared<shared>()) {}
completion_list::~completion_list() { clear(); }

void completion_list::add(any_future f) {
  auto* const n = future_access::get(f);
  if (n == nullptr) throw_empty("completion_queue::add");
  auto e = std::make_unique<shared::entry>();
  e->list = shared_;
  e->future.push_back(std::move(f));
  e->kind = edge_kind::waiter;
  e->fire = [](edge& self, node&) noexcept {
    auto* const raw = static_cast<shared::entry*>(&self);
    const auto list = std::move(raw->list);
    list->arrived(std::unique_ptr<shared::entry>(raw));
  };
  {
    const std::lock_guard lock(shared_->mutex);
    e->generation = shared_->generation;
    shared_->waiting.emplace(e.get(), n);
  }
  auto* const raw = e.release();
  if (!n->add_edge(*raw)) raw->fire(*raw, *n);
}

std::size_t completion_list::unfinished() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->waiting.size();
}

std::size_t completion_list::size() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->waiting.size() + shared_->ready.size();
}

bool completion_list::has_ready() const {
  const std::lock_guard lock(shared_->mutex);
  return !shared_->ready.empty();
}

std::optional<any_future> completion_list::take(deadline until) {
  std::unique_lock lock(shared_->mutex);
  if (shared_->ready.empty()) {
    if (shared_->waiting.empty() || until.passed()) return std::nullopt;
    // Only such waits are looked at for deadlock. The handles keep the nodes meanwhile.
    std::vector<any_future> held;
    std::vector<node*> awaited;
    if ((this_worker != nullptr || holds_tasks()) && until.never()) {
      for (const auto& [e, n] : shared_->waiting) {
        held.push_back(e->future.front());
        awaited.push_back(n);
      }
    }
    lock.unlock();  // handing the cpu share on takes locks of its own
    std::optional<blocking_section> section;
    constexpr auto why = trace::wait_reason::completion;
    until.never() ? section.emplace(awaited, wait_mode::any, why) : section.emplace(why);
    lock.lock();
    while (shared_->ready.empty() && !shared_->waiting.empty()) {
      if (until.never()) {
        shared_->changed.wait(lock);
      } else if (shared_->changed.wait_until(lock, until.when()) == std::cv_status::timeout) {
        break;
      }
    }
    lock.unlock();
    section.reset();
    lock.lock();
  }
  if (shared_->ready.empty()) return std::nullopt;
  any_future first = std::move(shared_->ready.front());
  shared_->ready.pop_front();
  return first;
}

void completion_list::clear() {
  std::vector<std::unique_ptr<shared::entry>> removed;
  std::list<any_future> dropped;
  {
    const std::lock_guard lock(shared_->mutex);
    ++shared_->generation;
    dropped.swap(shared_->ready);
    for (auto at = shared_->waiting.begin(); at != shared_->waiting.end();) {
      // An entry that cannot be taken back is on its way to `arrived` and frees itself.
      if (at->second->remove_edge(*at->first)) {
        removed.emplace_back(at->first);
        at = shared_->waiting.erase(at);
      } else {
        ++at;
      }
    }
    shared_->changed.notify_all();
  }
}

node* member_node(const any_future& f, const char* verb) {
  auto* const n = future_access::get(f);
  if (n == nullptr) throw_empty(verb);
  return n;
}

void joint::watch(std::span<node* const> members) noexcept {
  if (members.empty()) {
    settle_in_its_turn();
    return;
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    auto& m = members_[i];
    m.owner = this;
    m.kind = edge_kind::callback;
    m.fire = [](edge& self, node& source) noexcept {
      const callback_told told(source);
      const auto& mine = static_cast<member_edge&>(self);
      mine.owner->ended(mine, source);
    };
    if (!members[i]->add_edge(m)) m.fire(m, *members[i]);
  }
  drop();
}

void joint::ended(const member_edge& m, node& source) noexcept {
  const auto index = static_cast<std::size_t>(&m - members_.data());
  decides(source, index) ? settle_in_its_turn() : drop();
}

// Drops a user.
void joint::settle_in_its_turn() noexcept {
  auto& turn = this_turn;
  (turn.last_joint != nullptr ? turn.last_joint->next_ : turn.first_joint) = this;
  turn.last_joint = this;
  if (turn.settling) return;
  turn.settling = true;
  settle_in_turn(turn);
  turn.settling = false;
}

void settle_in_turn(turn_list& of) noexcept {
  while (of.first_joint != nullptr) {
    joint& one = *of.first_joint;
    of.first_joint = one.next_;
    if (of.first_joint == nullptr) of.last_joint = nullptr;
    one.settle();
    one.drop();
  }
}

void joint::drop() noexcept {
  if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

future<std::size_t> join_any(std::span<node* const> members) {
  class joint_of_any final : public joint {
   public:
    explicit joint_of_any(std::size_t count) : joint(count) {}
    [[nodiscard]] future<std::size_t> get_future() { return first_.get_future(); }

   private:
    bool decides(node&, std::size_t index) noexcept override {
      // Relaxed: the index is for this thread alone.
      if (won_.exchange(true, std::memory_order_relaxed)) return false;
      index_ = index;
      return true;
    }
    void settle() noexcept override {
      try {
        first_.set_value(index_);
      } catch (...) {
        // It was cancelled.
      }
    }
    std::atomic<bool> won_{false};
    std::size_t index_ = 0;
    promise<std::size_t> first_;
  };
  auto any = std::make_unique<joint_of_any>(members.size());
  auto result = any->get_future();
  any.release()->watch(members);
  return result;
}

}  // namespace fronta::detail
