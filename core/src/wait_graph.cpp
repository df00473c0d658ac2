// SPDX-License-Identifier: Apache-2.0
#include "wait_graph.hpp"

#include <fronta/detail/deadlock.hpp>
#include <fronta/errors.hpp>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace fronta::detail {
namespace {

// Chains of inputs are followed this far; beyond, a task counts as able to end.
constexpr int max_depth = 1'000;

struct graph {
  std::mutex mutex;
  // Guarded by mutex. The nodes are alive: tasks are running, awaited ones are held by the waiter.
  std::vector<std::unique_ptr<wait_entry>> entries;
  std::unordered_map<const node*, wait_entry*> blocked;
  std::size_t holding = 0;  // entries that hold tasks back

  // With mutex held; ends the entry.
  void remove(wait_entry& entry) noexcept {
    for (const auto* n : entry.tasks) blocked.erase(n);
    if (!entry.untold.empty()) --holding;
    const auto at = std::ranges::find(entries, &entry, &std::unique_ptr<wait_entry>::get);
    std::swap(*at, entries.back());
    entries.pop_back();
  }
};

graph& waits() {
  static auto* process_wide = new graph;  // never destroyed: workers may outlive main
  return *process_wide;
}

// Decides, with the graph locked, which waits can end: a wait can end when its tasks can, assuming
// that every task that can end has given back its amounts. Grows `ending_` to a fixed point.
class checker {
 public:
  checker(graph& g, std::vector<node*>& kept) : graph_(g), kept_(kept) {
    for (const auto& entry : g.entries) {
      stuck_.insert(stuck_.end(), entry->tasks.begin(), entry->tasks.end());
      for (const auto* n : entry->untold) untold_.emplace(n, entry.get());
    }
  }

  bool can_end(const wait_entry& wanted) {
    wanted_ = &wanted;
    return grow_until(&wanted);
  }
  bool can_end(node& n) {
    grow_until(nullptr);
    std::erase_if(known_, [](const auto& k) { return !k.second; });
    return task_can_end(n, 0);
  }
  // After can_end was false: the tag that was missing, if it was one.
  [[nodiscard]] const std::string& missing_tag() const noexcept { return missing_tag_; }
  // Likewise: whether the waiting thread itself holds back what it waits for.
  [[nodiscard]] bool held_by_waiter() const noexcept { return held_by_waiter_; }

 private:
  // Whether every thread that holds it back can end its wait.
  bool let_go(const node& n) {
    const auto [first, last] = untold_.equal_range(&n);
    return std::all_of(first, last, [&](const auto& holder) {
      held_by_waiter_ = held_by_waiter_ || holder.second == wanted_;
      return ending_.contains(holder.second);
    });
  }

  // False when that is not among those that can end.
  bool grow_until(const wait_entry* wanted) {
    for (bool grown = true; grown;) {
      grown = false;
      std::erase_if(known_, [](const auto& k) { return !k.second; });  // may be able to end now
      for (const auto& entry : graph_.entries) {
        if (ending_.contains(entry.get()) || !satisfiable(*entry)) continue;
        ending_.insert(entry.get());
        std::erase_if(stuck_, [&](node* n) {
          return std::ranges::find(entry->tasks, n) != entry->tasks.end();
        });
        if (entry.get() == wanted) return true;
        grown = true;
      }
    }
    return false;
  }

  bool satisfiable(const wait_entry& entry) {
    const auto ends = [&](node* n) { return task_can_end(*n, 0); };
    return entry.mode == wait_mode::all ? std::ranges::all_of(entry.awaited, ends)
                                        : std::ranges::any_of(entry.awaited, ends);
  }

  // Each node once a pass: graphs of tasks share inputs.
  bool task_can_end(node& n, int depth) {
    if (depth > max_depth || n.host == nullptr) return true;  // a promise counts as able to end
    if (const auto at = known_.find(&n); at != known_.end()) return at->second;
    kept_.push_back(&n);
    n.add_keeper();
    const bool result = look_at(n, depth);
    known_.emplace(&n, result);
    return result;
  }

  bool look_at(node& n, int depth) {
    switch (n.current()) {
      case phase::aborted:
        if (code_over(n)) return true;
        [[fallthrough]];
      case phase::running: {
        // A GPU task runs before the end of inputs that were issued, but does not end before it.
        const auto at = graph_.blocked.find(&n);
        return (at == graph_.blocked.end() || ending_.contains(at->second)) && let_go(n);
      }
      case phase::pending: {
        if (!let_go(n)) return false;
        // Collected first: looking at them takes locks that must not be taken under the node's.
        const auto first = kept_.size();
        n.visit_pending_inputs(
            [](void* context, node& input) {
              static_cast<std::vector<node*>*>(context)->push_back(&input);
              input.add_keeper();
            },
            &kept_, false);
        const auto last = kept_.size();  // it grows below
        bool all = true;
        for (auto i = first; i < last && all; ++i) all = task_can_end(*kept_[i], depth + 1);
        if (!all || !n.routed) return all;
        // An executor without a stuck task holds nothing back, and may be gone by now.
        const bool involved =
            std::ranges::any_of(stuck_, [&](const node* s) { return s->host == n.host; });
        return !involved || n.host->could_start(n, stuck_, missing_tag_);
      }
      default:
        return true;
    }
  }

  graph& graph_;
  std::unordered_set<const wait_entry*> ending_;
  std::vector<node*> stuck_;  // running tasks whose wait is not known to end
  std::unordered_map<const node*, bool> known_;
  std::vector<node*>& kept_;  // a keeper each; dropped when the graph is unlocked
  std::unordered_multimap<const node*, const wait_entry*> untold_;  // by whom held back
  const wait_entry* wanted_ = nullptr;
  std::string missing_tag_;
  bool held_by_waiter_ = false;
};

// Ready and untagged, or running on a thread that is not blocked: it will end, if nobody holds it
// back.
bool obviously_ends(const graph& g, const node& n) {
  switch (n.current()) {
    case phase::pending:
      return n.host == nullptr || (!n.routed && n.inputs_done());
    case phase::aborted:
      return code_over(n) || !g.blocked.contains(&n);
    case phase::running:
      return !g.blocked.contains(&n);
    default:
      return true;
  }
}

// What was looked at may be gone by now: then its end, user code, runs outside the lock, so declare
// it before that.
struct kept_nodes {
  std::vector<node*> nodes;
  kept_nodes() = default;
  kept_nodes(const kept_nodes&) = delete;
  kept_nodes& operator=(const kept_nodes&) = delete;
  ~kept_nodes() {
    for (auto* n : nodes) n->drop_keeper();
  }
};

[[noreturn]] void throw_deadlock(const wait_entry& entry, const checker& found) {
  const auto& tag = found.missing_tag();
  std::vector<std::string> names;
  for (const auto* list : {&entry.tasks, &entry.awaited}) {
    for (const auto* n : *list) names.push_back(n->name());
  }
  std::string what;
  if (found.held_by_waiter()) {
    what = "wait in a callback for task \"" + names.back() +
           "\": it could never end, since the task goes on only when the callback has returned; "
           "post what waits to an executor";
    throw deadlock_error(what, tag, std::move(names));
  }
  const auto& waiter = entry.tasks.empty() ? names.back() : names.front();
  what = "wait in task \"" + waiter + "\" for task \"" + names.back() +
         "\": it could never end, since ";
  what += tag.empty() ? "the tasks wait for each other in a ring; break the ring"
                      : "tag \"" + tag +
                            "\" is held by tasks that wait for it; return from the task that holds "
                            "it before waiting, or ask for less";
  throw deadlock_error(what, tag, std::move(names));
}

}  // namespace

wait_entry* enter_wait(std::span<node* const> awaited, wait_mode mode) {
  end_all_in_turn();
  auto& g = waits();
  auto entry = std::make_unique<wait_entry>();
  entry->awaited.assign(awaited.begin(), awaited.end());
  entry->mode = mode;
  for (auto* c = this_context; c != nullptr; c = c->outer) {
    if (c->task != nullptr) entry->tasks.push_back(c->task);
  }
  for (const auto* f = this_firing; f != nullptr; f = f->outer) {
    for (auto* e = *f->rest; e != nullptr; e = e->next) {
      if (e->kind != edge_kind::dependent) continue;
      entry->untold.push_back(static_cast<dependency*>(e)->dependent);
    }
  }
  auto* const raw = entry.get();
  kept_nodes kept;
  const std::lock_guard lock(g.mutex);
  g.entries.push_back(std::move(entry));
  if (!raw->untold.empty()) ++g.holding;
  // A deadlock, or no memory to look for one: the wait does not begin.
  struct entered {
    graph& g;
    wait_entry* entry;
    ~entered() {
      if (entry != nullptr) g.remove(*entry);
    }
  } undo{g, raw};
  for (const auto* n : raw->tasks) g.blocked.emplace(n, raw);
  const auto ends = [&](const node* n) { return obviously_ends(g, *n); };
  const bool fine = mode == wait_mode::all ? std::ranges::all_of(raw->awaited, ends)
                                           : std::ranges::any_of(raw->awaited, ends);
  if (!fine || g.holding != 0) {
    checker check(g, kept.nodes);
    if (!check.can_end(*raw)) throw_deadlock(*raw, check);
  }
  undo.entry = nullptr;
  return raw;
}

std::exception_ptr deadlock_of(node& n) {
  auto& g = waits();
  kept_nodes kept;
  const std::lock_guard lock(g.mutex);
  if (g.entries.empty()) return nullptr;
  checker check(g, kept.nodes);
  if (check.can_end(n)) return nullptr;
  const auto& tag = check.missing_tag();
  return std::make_exception_ptr(
      deadlock_error("task \"" + n.name() + "\": it could never start, since tag \"" + tag +
                         "\" of the only place that will do is held by tasks that wait for it; "
                         "return from the task that holds it before waiting, or ask for less",
                     tag, {n.name()}));
}

void leave_wait(wait_entry* entry) noexcept {
  auto& g = waits();
  const std::lock_guard lock(g.mutex);
  g.remove(*entry);
}

}  // namespace fronta::detail
