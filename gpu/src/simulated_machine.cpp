// SPDX-License-Identifier: Apache-2.0
#include "simulated_machine.hpp"

#include <fronta/errors.hpp>
#include <fronta/rng.hpp>

#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <utility>

namespace fronta::gpu::detail::sim {
namespace {

// An engine that woke late may begin its next operation in the past, so that lateness does not add
// up over many short ones; but not by more than this, or a long one would shrink.
constexpr instant most_catch_up = 1'000'000;
// Three years: enough for any duration, and sums of them do not overflow.
constexpr double longest = 1e17;

template <class... Fs>
struct overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
overloaded(Fs...) -> overloaded<Fs...>;

std::string thrown_by(const char* name) noexcept {
  try {
    return std::string("kernel \"") + name + "\" threw \"" +
           fronta::detail::describe(std::current_exception()) + '"';
  } catch (...) {
    return "a kernel threw";  // short enough to need no memory
  }
}

std::string broken_by(const char* name) noexcept {
  try {
    return std::string("kernel \"") + name +
           "\" broke the device, as simulated_faults::break_at_kernel asks";
  } catch (...) {
    return "a kernel broke";
  }
}

void name_thread(const engine& e) noexcept {
  static constexpr std::array<const char*, engine_kinds> kinds = {"compute", "in", "out", "host",
                                                                  "late"};
  try {
    const std::string name =
        "sim" + std::to_string(e.owner->index) + "-" + kinds[static_cast<std::size_t>(e.kind)];
    ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
  } catch (const std::bad_alloc&) {
    // A thread without a name does as well.
  }
  // The default, 50 us, is longer than most kernels of the model.
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

}  // namespace

void host_block_delete::operator()(std::byte* p) const noexcept {
  ::operator delete(p, std::align_val_t{256});
}

machine::machine(simulated config)
    : config_(std::move(config)), began_(std::chrono::steady_clock::now()) {
  for (int i = 0; i < config_.devices; ++i) {
    auto d = std::make_unique<parts>();
    d->index = i;
    d->name = "gpu:" + std::to_string(i);
    d->memory = config_.memory;
    for (std::size_t k = 0; k < engine_kinds; ++k) {
      d->engines[k].owner = d.get();
      d->engines[k].kind = static_cast<engine_kind>(k);
    }
    parts_.push_back(std::move(d));
  }
}

machine::~machine() { stop(); }

void machine::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& d : parts_) {
      for (auto& e : d->engines) e.changed.notify_all();
    }
  }
  for (auto& d : parts_) {
    for (auto& e : d->engines) {
      if (e.thread.joinable()) e.thread.join();
    }
  }
  // Payloads are destroyed while all that they may refer to is still there.
  aftermath after;
  const std::lock_guard lock(mutex_);
  for (auto& d : parts_) {
    for (auto& e : d->engines) after.dropped.splice(after.dropped.end(), e.current);
    for (auto& s : d->streams) after.dropped.splice(after.dropped.end(), s.queue);
  }
}

instant machine::clock() const noexcept {
  if (is_virtual()) return now_;
  return std::chrono::nanoseconds(std::chrono::steady_clock::now() - began_).count();
}

void parts::mark_thread(std::uint64_t mark) noexcept {
  const auto self = std::this_thread::get_id();
  const auto at = std::ranges::find(marks, self, &std::pair<std::thread::id, std::uint64_t>::first);
  if (mark == 0) {
    if (at != marks.end()) marks.erase(at);
  } else if (at != marks.end()) {
    at->second = mark;
  } else {
    try {
      marks.emplace_back(self, mark);
    } catch (const std::bad_alloc&) {
      // Then its work is recorded as nobody's.
    }
  }
}

std::uint64_t parts::thread_mark() const noexcept {
  const auto at = std::ranges::find(marks, std::this_thread::get_id(),
                                    &std::pair<std::thread::id, std::uint64_t>::first);
  return at != marks.end() ? at->second : 0;
}

std::int64_t machine::device_clock(instant at) const noexcept {
  const auto host =
      is_virtual() ? at : std::chrono::nanoseconds(began_.time_since_epoch()).count() + at;
  return host + config_.model.clock_offset.count() +
         std::llround(static_cast<double>(at) * config_.model.clock_drift);
}

// ---- Queueing.

instant machine::duration(const parts& d, const operation& op) const noexcept {
  double takes = op.duration;
  if (takes <= 0) return 0;
  if (config_.model.jitter > 0 && op.engine != engine_kind::late_word) {
    const auto low = [](auto v) { return static_cast<std::uint32_t>(v); };
    const auto random = rng::philox({low(d.operations), low(d.operations >> 32), low(d.index), 0},
                                    {low(config_.seed), low(config_.seed >> 32)});
    const auto bits = (static_cast<std::uint64_t>(random[1]) << 32) | random[0];
    takes *= 1 + config_.model.jitter * (static_cast<double>(bits >> 11) * 0x1.0p-53);
  }
  if (config_.time.mode == simulated_time::kind::scaled) takes *= config_.time.scale;
  return std::llround(std::min(takes, longest));
}

void machine::push(stream& s, std::list<operation>& one, aftermath& after) {
  assert(!s.doomed && "gpu: a destroyed stream was given work");
  operation& op = one.front();
  parts& d = *s.owner;
  if (op.engine != engine_kind::none) {
    engine& e = d.engine_for(op.engine);
    if (!is_virtual() && !e.thread.joinable()) e.thread = std::thread([this, &e] { serve(e); });
    ++d.operations;
    op.takes = duration(d, op);
  }
  op.order = ++queued_;
  op.queued_at = clock();
  if (d.recorder != nullptr) op.mark = d.thread_mark();
  s.queue.splice(s.queue.end(), one);
  if (s.stands != standing::free) return;
  list(s);
  if (!is_virtual()) settle(after);
}

stream& machine::add_stream(parts& d, int priority) {
  listed_.reserve(streams_ + 1);
  for (auto& e : d.engines) e.eligible.reserve(d.streams.size() + 1);
  stream& s = d.streams.emplace_back();
  s.self = std::prev(d.streams.end());
  s.owner = &d;
  s.priority = priority;
  ++streams_;
  return s;
}

void machine::remove_stream(stream& s, aftermath& after) noexcept {
  assert(!s.doomed && "gpu: a stream was destroyed twice");
  s.doomed = true;
  if (s.owner->lost()) {
    erase(s);
    return;
  }
  if (s.stands == standing::eligible) unhook(s);
  if (s.stands == standing::free) list(s);
  if (!is_virtual()) settle(after);
}

void machine::erase(stream& s) noexcept {
  std::erase(listed_, &s);
  --streams_;
  s.owner->streams.erase(s.self);
}

void machine::list(stream& s) noexcept {
  if (s.listed) return;
  s.listed = true;
  listed_.push_back(&s);
}

// A worklist instead of recursion: a chain of records and waits across streams has any length.
void machine::settle(aftermath& after) noexcept {
  while (!listed_.empty()) {
    stream& s = *listed_.front();
    listed_.erase(listed_.begin());
    advance(s, after);
  }
}

/// Does what needs no engine at the head of a stream and says how much that was. Of a doomed stream
/// it drops what would be work, but keeps to the order of the rest: others may wait for its marks,
/// and may still use the memory that it gives back.
int machine::advance(stream& s, aftermath& after) noexcept {
  s.listed = false;
  if (s.owner->broken) return 0;
  int done = 0;
  while (s.stands == standing::free && !s.queue.empty()) {
    operation& op = s.queue.front();
    if (s.doomed &&
        (op.engine != engine_kind::none || std::holds_alternative<store_word>(op.what) ||
         std::holds_alternative<store_clock>(op.what))) {
      give_up(op);
      after.dropped.splice(after.dropped.end(), s.queue, s.queue.begin());
      continue;
    }
    s.time = std::max(s.time, op.queued_at);
    if (op.engine != engine_kind::none) {
      engine& e = s.owner->engine_for(op.engine);
      s.stands = standing::eligible;
      e.eligible.push_back(&s);
      if (e.parked) {
        e.parked = false;
        if (after.woken == nullptr) {
          after.woken = &e;
        } else {
          e.changed.notify_one();
        }
      }
      return done;
    }
    if (const auto* wait = std::get_if<await_mark>(&op.what)) {
      mark& m = *wait->which;
      if (!m.passed) {
        s.stands = standing::waiting;
        s.next_waiter = std::exchange(m.first_waiter, &s);
        return done;
      }
      s.time = std::max(s.time, m.at);
    } else if (const auto* record = std::get_if<pass_mark>(&op.what)) {
      pass(*record->which, s.time);
    } else if (const auto* word = std::get_if<store_word>(&op.what)) {
      word->word->store(word->value);
    } else if (const auto* stamp = std::get_if<store_clock>(&op.what)) {
      stamp->word->store(static_cast<std::uint64_t>(device_clock(s.time)));
    } else if (const auto* freed = std::get_if<return_block>(&op.what)) {
      release(freed->which, after);
    }
    s.queue.pop_front();
    ++done;
  }
  if (s.doomed && s.stands == standing::free) erase(s);
  return done;
}

void machine::pass(mark& m, instant at) noexcept {
  m.passed = true;
  m.at = at;
  for (stream* s = std::exchange(m.first_waiter, nullptr); s != nullptr;) {
    s->stands = standing::free;
    list(*s);
    s = std::exchange(s->next_waiter, nullptr);
  }
  if (m.watchers > 0) settled_.notify_all();
}

/// Takes a stream that does not run out of whatever list it stands in.
void machine::unhook(stream& s) noexcept {
  assert(s.stands != standing::running);
  if (s.stands == standing::waiting) {
    mark& m = *std::get<await_mark>(s.queue.front().what).which;
    stream** link = &m.first_waiter;
    while (*link != &s) link = &(*link)->next_waiter;
    *link = std::exchange(s.next_waiter, nullptr);
  } else if (s.stands == standing::eligible) {
    std::erase(s.owner->engine_for(s.queue.front().engine).eligible, &s);
  }
  s.stands = standing::free;
}

/// Tells who waits for a copy that it will not be done.
void machine::give_up(operation& op) noexcept {
  if (const auto* copy = std::get_if<move_bytes>(&op.what);
      copy && copy->caller && *copy->caller == outcome::pending) {
    *copy->caller = outcome::dropped;
    settled_.notify_all();
  }
}

void machine::give_up(parts& d, std::string why, int code, aftermath& after) noexcept {
  if (d.broken) return;
  d.fault_text = std::move(why);
  d.fault_to_show = code;
  lose(d, nullptr, after);
  if (std::ranges::all_of(d.engines, [](const engine& e) { return e.current.empty(); }) &&
      !d.lost()) {
    show_fault(d, after);
  }
}

/// The device is broken, perhaps by what `by` has at hand: nothing more starts.
void machine::lose(parts& d, const engine* by, aftermath& after) noexcept {
  d.broken = true;
  for (auto& s : d.streams) {
    if (s.stands != standing::running) unhook(s);
  }
  // Whatever else runs is given up: by its thread, which may sleep over it, or else right here.
  for (auto& e : d.engines) {
    e.changed.notify_all();
    if (is_virtual() && &e != by && !e.current.empty()) vacate(e, after);
  }
}

/// The fault of a broken device shows only when no engine of it is at work any more. So whoever
/// sees it may take away what that work used. All that is queued is dropped; but memory is given
/// back, and marks are passed because healthy devices may wait for them.
void machine::show_fault(parts& d, aftermath& after) noexcept {
  for (auto it = d.streams.begin(); it != d.streams.end();) {
    stream& s = *it++;
    for (auto& op : s.queue) {
      if (const auto* record = std::get_if<pass_mark>(&op.what)) {
        pass(*record->which, s.time);
      } else if (const auto* freed = std::get_if<return_block>(&op.what)) {
        release(freed->which, after);
      } else {
        give_up(op);
      }
    }
    after.dropped.splice(after.dropped.end(), s.queue);
    if (s.doomed) erase(s);
  }
  d.fault_code.store(d.fault_to_show, std::memory_order_release);
  settled_.notify_all();
}

// ---- Memory.

block* machine::find(blocks& of, const void* p, std::size_t bytes) noexcept {
  const auto* first = static_cast<const std::byte*>(p);
  auto it = of.upper_bound(first);
  if (it == of.begin()) return nullptr;
  --it;
  const auto before = static_cast<std::size_t>(first - it->first);
  if (before > it->second.bytes || bytes > it->second.bytes - before) return nullptr;
  return &it->second;
}

void machine::release(blocks::iterator which, aftermath& after) noexcept {
  which->second.owner->used -= which->second.bytes;
  after.freed.insert(device_blocks_.extract(which));
}

// ---- Engines.

void machine::start(engine& e) noexcept {
  const auto first = std::ranges::min_element(e.eligible, [](const stream* a, const stream* b) {
    if (a->priority != b->priority) return a->priority < b->priority;
    return a->queue.front().order < b->queue.front().order;
  });
  stream& s = **first;
  e.eligible.erase(first);
  e.serving = &s;
  s.stands = standing::running;
  e.current.splice(e.current.end(), s.queue, s.queue.begin());
  const operation& op = e.current.front();
  const instant now = clock();
  e.begin = std::max({e.end, s.time, now - most_catch_up});
  if (is_virtual()) e.begin = now;
  e.end = e.begin + op.takes;
  if (const auto* kernel = std::get_if<run_work>(&op.what);
      kernel && kernel->fate == kernel_fate::hangs) {
    e.end = never;
  }
  if (!reachable(op)) e.error = "a copy or fill met device memory that had been returned";
}

/// Its memory was there when the operation was enqueued; another stream may have freed it since.
bool machine::reachable(const operation& op) noexcept {
  if (const auto* copy = std::get_if<move_bytes>(&op.what)) {
    return (copy->kind == copy_kind::to_host || find(device_blocks_, copy->to, copy->bytes)) &&
           (copy->kind == copy_kind::to_device || find(device_blocks_, copy->from, copy->bytes));
  }
  if (const auto* fill = std::get_if<set_bytes>(&op.what)) {
    return find(device_blocks_, fill->at, fill->bytes) != nullptr;
  }
  return true;
}

/// Without the mutex: what an engine has at hand is touched by nobody else. A payload is destroyed
/// here, so that all it held is gone before its end can be seen.
void machine::run(engine& e) noexcept {
  if (!e.error.empty()) return;
  std::visit(overloaded{[&](run_work& kernel) {
                          if (kernel.fate == kernel_fate::hangs) return;
                          if (kernel.fate == kernel_fate::breaks) {
                            e.error = broken_by(kernel.body->name());
                          } else {
                            try {
                              kernel.body->run_on_host();
                            } catch (...) {
                              e.error = thrown_by(kernel.body->name());
                            }
                          }
                          kernel.body.reset();
                        },
                        [](move_bytes& copy) {
                          std::memmove(copy.to, copy.staged ? copy.staged.get() : copy.from,
                                       copy.bytes);
                          copy.staged.reset();
                        },
                        [](set_bytes& fill) { std::memset(fill.at, fill.value, fill.bytes); },
                        [](call_function& call) { call.function(call.context); },
                        [](auto&) {}},  // a late word is stored when it completes
             e.current.front().what);
}

void machine::complete(engine& e, aftermath& after) noexcept {
  auto& what = e.current.front().what;
  if (!e.owner->broken) {
    if (e.owner->recorder != nullptr && e.error.empty()) tell_recorder(e);
    if (!e.error.empty()) {
      e.owner->fault_text = std::exchange(e.error, {});
      lose(*e.owner, &e, after);
    } else if (const auto* word = std::get_if<store_word>(&what)) {
      word->word->store(word->value);
    } else if (const auto* copy = std::get_if<move_bytes>(&what); copy && copy->caller) {
      *copy->caller = outcome::done;
      settled_.notify_all();
    }
  }
  vacate(e, after);
}

void machine::tell_recorder(const engine& e) const noexcept {
  const auto& op = e.current.front();
  work_record r{op.mark, trace::device_work::kernel, device_clock(e.begin), device_clock(e.end), 0};
  if (const auto* copy = std::get_if<move_bytes>(&op.what)) {
    using enum trace::device_work;
    static constexpr std::array ways = {to_device, to_host, on_device, between};
    r.what = ways[static_cast<std::size_t>(copy->kind)];
    r.bytes = copy->bytes;
  } else if (const auto* fill = std::get_if<set_bytes>(&op.what)) {
    r.what = trace::device_work::fill;
    r.bytes = fill->bytes;
  } else if (!std::holds_alternative<run_work>(op.what)) {
    return;
  }
  e.owner->recorder->recorded(r);
}

/// The engine lets go of what it has at hand, done or not.
void machine::vacate(engine& e, aftermath& after) noexcept {
  parts& d = *e.owner;
  stream& s = *std::exchange(e.serving, nullptr);
  operation& op = e.current.front();
  give_up(op);
  e.error.clear();
  if (e.end == never) e.end = clock();
  s.time = e.end;
  s.stands = standing::free;
  if (const auto* kernel = std::get_if<run_work>(&op.what); kernel && kernel->body) {
    after.dropped.splice(after.dropped.end(), e.current);  // it never ran
  } else {
    e.current.clear();
  }
  if (!d.broken) {
    list(s);
  } else if (std::ranges::all_of(d.engines,
                                 [](const engine& each) { return each.current.empty(); })) {
    show_fault(d, after);
  }
}

/// An engine's thread, in real and scaled time.
void machine::serve(engine& e) noexcept {
  name_thread(e);
  std::unique_lock lock(mutex_);
  aftermath after;
  for (;;) {
    while (!stopping_ && e.eligible.empty()) {
      e.parked = true;
      e.changed.wait(lock);
    }
    e.parked = false;
    if (stopping_) return;
    start(e);
    lock.unlock();
    const instant before = clock();
    run(e);
    const instant ran = clock() - before;
    lock.lock();
    if (e.end != never) e.end = std::max(e.end, e.begin + ran);
    while (!stopping_ && !e.owner->broken && clock() < e.end) {
      if (e.end == never) {
        e.changed.wait(lock);
      } else {
        e.changed.wait_until(lock, began_ + std::chrono::nanoseconds(e.end));
      }
    }
    if (stopping_) return;
    complete(e, after);
    settle(after);
    if (!after.empty()) {
      lock.unlock();
      after.clear();
      lock.lock();
    }
  }
}

// ---- Virtual time.

engine* machine::next_to_end() noexcept {
  engine* next = nullptr;
  const auto order = [](const engine& e) { return e.current.front().order; };
  for (auto& d : parts_) {
    for (auto& e : d->engines) {
      if (e.current.empty() || e.end == never) continue;
      if (!next || e.end < next->end || (e.end == next->end && order(e) < order(*next))) next = &e;
    }
  }
  return next;
}

engine* machine::next_to_start() noexcept {
  for (auto& d : parts_) {
    for (auto& e : d->engines) {
      if (startable(e)) return &e;
    }
  }
  return nullptr;
}

bool machine::step() {
  if (!is_virtual()) {
    throw std::logic_error(
        "gpu::simulation::step: time passes by itself here; use simulated_time::virtual_()");
  }
  const std::lock_guard turn(stepping_);
  aftermath after;
  std::unique_lock lock(mutex_);
  for (;;) {
    // An engine chooses only when all that this instant brings is known, or a stream of high
    // priority would lose to one that happened to be looked at first.
    while (!listed_.empty()) {
      stream& s = *listed_.front();
      listed_.erase(listed_.begin());
      if (advance(s, after) > 0) return true;
    }
    engine* e = next_to_end();
    if (e == nullptr || e->end > now_) {
      if (engine* idle = next_to_start()) {
        start(*idle);
        continue;
      }
      if (e == nullptr) return false;
      now_ = e->end;
    }
    lock.unlock();
    run(*e);
    lock.lock();
    complete(*e, after);
    return true;
  }
}

// ---- Blocking.

// In virtual time nobody else moves it.
template <class Decided>
void machine::wait_for(std::unique_lock<std::mutex>& lock, const Decided& decided) {
  if (!is_virtual()) {
    settled_.wait(lock, decided);
    return;
  }
  while (!decided()) {
    lock.unlock();
    const bool stepped = step();
    lock.lock();
    if (!stepped) return;
  }
}

bool machine::await(parts& d, const std::shared_ptr<mark>& m) {
  std::unique_lock lock(mutex_);
  const auto decided = [&] { return m->passed || d.lost(); };
  ++m->watchers;
  wait_for(lock, decided);
  --m->watchers;
  return m->passed && !d.lost();
}

outcome machine::await(parts& d, const outcome& o) {
  std::unique_lock lock(mutex_);
  // One that was dropped because the device broke tells so when that shows.
  const auto decided = [&] { return o != outcome::pending && d.broken == d.lost(); };
  wait_for(lock, decided);
  return o;
}

bool machine::withdraw(stream& s, const outcome& o, aftermath& after) noexcept {
  const auto mine = std::ranges::find_if(s.queue, [&](const operation& op) {
    const auto* copy = std::get_if<move_bytes>(&op.what);
    return copy && copy->caller == &o;
  });
  // At the head it may stand in an engine's list; but then there is something left to do.
  if (mine == s.queue.end() || (mine == s.queue.begin() && s.stands != standing::running)) {
    return false;
  }
  after.dropped.splice(after.dropped.end(), s.queue, mine);
  return true;
}

}  // namespace fronta::gpu::detail::sim
