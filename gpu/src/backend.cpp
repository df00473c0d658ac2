// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/backend.hpp>

#include <fronta/detail/worker.hpp>
#include <fronta/detail/yield_point.hpp>
#include <fronta/gpu/cuda.hpp>
#include <fronta/trace.hpp>

#include "context.hpp"
#include "device_backend.hpp"
#include "work_times.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fronta::gpu {
namespace {

using fronta::detail::node;

class lane;

constexpr int given_up_code = 702;  // see device::give_up

// An input that is on a device: the n-th task of that lane.
struct issued_input {
  lane* on;
  std::uint64_t ticket;
  node* task;
};

// Numbers that go to the host before anybody has asked for them, into pinned memory.
class sent_ahead final : public fronta::detail::data_arrival {
 public:
  sent_ahead(std::shared_ptr<detail::device_context> from, void* memory, std::size_t bytes) noexcept
      : from_(std::move(from)), memory_(memory), bytes_(bytes) {}
  ~sent_ahead() override { from_->give_ahead(memory_, bytes_); }
  sent_ahead(const sent_ahead&) = delete;
  sent_ahead& operator=(const sent_ahead&) = delete;
  [[nodiscard]] const void* numbers() const noexcept override {
    return here_.load(std::memory_order_acquire) ? memory_ : nullptr;
  }
  // Release: the device has written them.
  void arrived() noexcept { here_.store(true, std::memory_order_release); }

 private:
  std::shared_ptr<detail::device_context> from_;
  void* memory_;
  std::size_t bytes_;
  std::atomic<bool> here_{false};
};

// A GPU task from the begin of its host part to its end, with what its work uses.
class run final : public completion_entry, public detail::task_memory {
 public:
  run(lane& on, node& task, std::uint64_t ticket);
  ~run() override {
    release();
    end_use();
  }
  run(const run&) = delete;
  run& operator=(const run&) = delete;
  void completed(completion_outcome outcome) noexcept override;
  [[nodiscard]] const lane& on() const noexcept { return lane_; }
  [[nodiscard]] std::uint64_t ticket() const noexcept { return ticket_; }
  // Its work has not ended, as far as the host has seen.
  [[nodiscard]] bool is_on_device() const noexcept {
    return on_device_.load(std::memory_order_relaxed);
  }
  // Before its lane is closed: has CPU tasks that take the array find it on the host. Where that
  // fails the first look copies it, as ever.
  void send_to_host(fronta::detail::data_block& b) noexcept;

  // For traces: what is enqueued between the two is the task's.
  void trace_begin() noexcept;
  void trace_end() noexcept;

 private:
  void trace_ended() noexcept;

  // Keeps the task from ending before.
  struct arrival final : completion_entry {
    void completed(completion_outcome outcome) noexcept override {
      if (outcome == completion_outcome::ended) what->arrived();
      fronta::detail::end_late_input(*of);
    }
    node* of = nullptr;
    sent_ahead* what = nullptr;  // lives as long as its block, of which the task has a handle
  };
  arrival arrival_;
  lane& lane_;
  std::uint64_t ticket_;
  std::atomic<bool> on_device_{true};
  // While somebody traces.
  static constexpr std::uint64_t not_stamped = ~std::uint64_t{0};
  bool traced_ = false;
  std::int64_t opened_at_ = 0;                    // by the device's host_now
  std::uint64_t mark_ = 0;                        // in the device's records
  std::atomic<std::uint64_t>* stamps_ = nullptr;  // the device's clock before and after
  std::optional<std::chrono::steady_clock::time_point> began_;  // of a timed task
};

// Words that a lane writes around each task: the ticket of the last one to begin, and to end.
class crumbs {
 public:
  explicit crumbs(device& d)
      : device_(d), words_(static_cast<line*>(d.allocate_pinned(2 * sizeof(line)))) {
    for (int i = 0; i < 2; ++i) new (words_ + i) line();
  }
  ~crumbs() { device_.deallocate_pinned(words_); }
  crumbs(const crumbs&) = delete;
  crumbs& operator=(const crumbs&) = delete;

  void begin(stream_handle s, std::uint64_t ticket) { write(s, words_[0], ticket); }
  void end(stream_handle s, std::uint64_t ticket) { write(s, words_[1], ticket); }
  [[nodiscard]] std::uint64_t begun() const noexcept { return read(words_[0]); }
  [[nodiscard]] std::uint64_t ended() const noexcept { return read(words_[1]); }

 private:
  struct alignas(64) line {
    std::atomic<std::uint64_t> word{0};
  };
  void write(stream_handle s, line& to, std::uint64_t ticket) const {
    device_.write_word(s, to.word, ticket);
  }
  static std::uint64_t read(const line& from) noexcept {
    return from.word.load(std::memory_order_acquire);
  }
  device& device_;
  line* words_;
};

// A lane's stream for copies to the host that CPU tasks will want: no kernel waits for them, and
// they wait for none of other lanes.
class departures {
 public:
  departures(device& d, completion& c) : device_(d), completion_(c), handle_(d.create_stream(0)) {
    try {
      watched_ = &c.add(d, handle_);
    } catch (...) {
      d.destroy_stream(handle_);
      throw;
    }
  }
  ~departures() {
    completion_.remove(*watched_);
    device_.destroy_stream(handle_);
  }
  departures(const departures&) = delete;
  departures& operator=(const departures&) = delete;
  [[nodiscard]] stream_handle handle() const noexcept { return handle_; }
  void notify(completion_entry& e) noexcept { completion_.notify(*watched_, e); }

 private:
  device& device_;
  completion& completion_;
  stream_handle handle_;
  completion::watched_stream* watched_ = nullptr;
};

// A device as a place.
class place {
 public:
  place(std::shared_ptr<detail::device_context> on, completion& c, int streams, bool crumbs,
        trace::time_grade times);
  ~place();
  place(const place&) = delete;
  place& operator=(const place&) = delete;

  [[nodiscard]] detail::device_context& context() const noexcept { return *context_; }
  [[nodiscard]] const std::shared_ptr<detail::device_context>& shared_context() const noexcept {
    return context_;
  }
  [[nodiscard]] completion& done() const noexcept { return completion_; }
  // Null where the host's times do.
  [[nodiscard]] detail::work_times* times() const noexcept { return times_.get(); }
  void set_number(std::uint16_t executor, std::int32_t of_executor) noexcept {
    number_ = of_executor;
    context_->set_traced(executor, of_executor);
    if (times_ != nullptr) times_->set_place(executor, of_executor);
  }
  [[nodiscard]] std::int32_t number() const noexcept { return number_; }
  // A lane for a host part, held by it, of the priority's class: one that ends with an input, so
  // that nothing has to be waited for; else of those that nobody holds the one with the least
  // unfinished tasks. Null: all are held, and the task was put among those that wait.
  lane* take(node& n, const std::vector<issued_input>& inputs);
  // The next that waits gets it.
  void let_go(lane& l) noexcept;
  [[nodiscard]] std::size_t unfinished() const noexcept;

  // The exception of a task that was on the device when it went.
  [[nodiscard]] std::exception_ptr fault(const run& of) noexcept;
  // Gives the device up when a task of it has run for so long.
  void look_for_hang(std::chrono::nanoseconds limit);

 private:
  void add_lane(bool crumbs, int priority);
  void tell_suspects();
  // With the list of the device's tasks locked.
  template <class Visit>
  void visit_runs(Visit&& visit) const;

  std::shared_ptr<detail::device_context> context_;
  completion& completion_;
  std::int32_t number_ = -1;  // the executor's; constant from the backend's start on
  std::unique_ptr<detail::work_times> times_;
  std::vector<std::unique_ptr<lane>> lanes_;

  std::mutex lanes_mutex_;
  // Guarded by lanes_mutex_. Tasks without a lane by class, each with its entry's keeper: none
  // waits while a lane of its class is free.
  std::array<std::deque<node*>, 3> waiting_;

  std::mutex mutex_;
  // Guarded by mutex_. Once there is a fault: who may have caused it, what those are told, and the
  // others.
  bool fault_told_ = false;
  std::vector<const run*> suspects_;
  std::exception_ptr for_suspects_;
  std::exception_ptr for_others_;
  // The watching thread's alone.
  struct head {
    std::uint64_t ticket = 0;
    std::chrono::steady_clock::time_point since;
  };
  std::vector<head> heads_;  // of each lane
};

// Streams of devices have few priorities: tasks have three classes.
int class_of(std::int32_t priority) noexcept { return (priority > 0) - (priority < 0); }
std::size_t index_of(int priority_class) noexcept {
  const int index = priority_class + 1;
  return static_cast<std::size_t>(index);
}

// What a host part sees of a lane.
struct lane_stream final : stream {
  lane_stream(std::shared_ptr<detail::device_context> on, stream_handle s, lane& l)
      : stream(std::move(on), s), of(l) {}
  void begin(run& r) noexcept;
  void end() noexcept { memory_->all_enqueued(); }
  [[nodiscard]] bool gives_to_host() const noexcept { return memory_->gives_to_host(); }
  lane& of;
};

// A device's stream for copies that somebody waits for, outside of any task.
struct lone_stream final : stream {
  explicit lone_stream(const std::shared_ptr<detail::device_context>& on)
      : stream(on, on->fetches()), memory(on) {
    memory_ = &memory;
  }
  void put(fronta::detail::data_block& b) {
    const detail::current_device here(on());
    for (;;) {
      std::shared_ptr<const fronta::detail::data_fill> by;
      {
        const std::lock_guard lock(b.mutex);
        if (b.being_filled()) by = b.filling;
      }
      if (by == nullptr) break;
      const fronta::detail::blocking_section section(trace::wait_reason::data);
      by->wait();
    }
    try {
      static_cast<void>(bring(b));
    } catch (...) {
      synchronize();  // what was enqueued uses what is about to be freed
      throw;
    }
    synchronize();
  }
  detail::task_memory memory;
};

// A stream with what a host part needs of it.
class lane final : public detail::stream_order {
 public:
  lane(place& of, std::int32_t index, stream_handle s, int priority,
       completion::watched_stream& watched, bool with_crumbs)
      : place_(of),
        index_(index),
        handle_(s),
        priority_(priority),
        watched_(watched),
        shown_(of.shared_context(), s, *this) {
    if (with_crumbs) crumbs_.emplace(of.context().on());
  }
  ~lane() {
    place_.done().remove(watched_);
    auto& d = place_.context().on();
    for (const auto& m : marks_) {
      if (m.event != nullptr) d.destroy_event(m.event);
    }
    d.destroy_stream(handle_);
  }
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  [[nodiscard]] place& of() const noexcept { return place_; }
  [[nodiscard]] std::int32_t index() const noexcept { return index_; }
  [[nodiscard]] stream_handle handle() const noexcept { return handle_; }
  [[nodiscard]] int priority() const noexcept { return priority_; }
  [[nodiscard]] const std::optional<crumbs>& words() const noexcept { return crumbs_; }
  [[nodiscard]] lane_stream& shown() noexcept { return shown_; }

  // From before a host part begins until its ticket is enqueued. Guarded by the place's
  // lanes_mutex_.
  bool held = false;
  std::atomic<std::size_t> unfinished{0};
  // The holder's.
  run* current = nullptr;
  std::uint64_t opened = 0;  // host parts so far
  // For traces, of the thread that tells ends: what comes after began no earlier.
  std::int64_t last_not_ended_at = 0;
  // Nanoseconds: when work of it was last seen to end. Kept once a timed task has come.
  std::atomic<std::int64_t> last_end{0};
  std::atomic<bool> timed{false};

  bool go_behind(const fronta::detail::data_fill& f) override {
    if (f.by != &place_.done() || !f.enqueued()) return false;
    go_behind(*static_cast<lane*>(f.on), f.ticket);
    return true;
  }
  // For the holder: what is enqueued from now on starts behind the first `ticket` tasks of the
  // other lane. Without a call to the device where it does so anyway.
  void go_behind(lane& other, std::uint64_t ticket) {
    if (&other == this) return;
    auto at = std::ranges::find(behind_, &other, &behind::of);
    if (at == behind_.end()) at = behind_.insert(at, {&other, 0});
    if (at->ticket >= ticket) return;
    const std::lock_guard lock(other.marks_mutex_);
    const auto* m = other.find_mark(ticket);
    // A task is issued after its lane was closed, so this one covers it.
    if (m == nullptr) m = &other.make_mark(other.closed_.load(std::memory_order_acquire));
    place_.context().on().make_current();
    place_.context().on().wait(handle_, m->event);
    at->ticket = m->ticket;
  }
  // For the holder, before anything of the next task is enqueued: marks the end of the one before
  // where somebody else will ask for it, who would wait for the next task too otherwise.
  void leave_mark(const node& next, const std::vector<issued_input>& inputs) {
    // What has ended, as an input that `next` need not take early any more, nobody has to wait for.
    if (awaited_ == 0 || unfinished.load(std::memory_order_relaxed) == 0) return;
    const auto before = std::ranges::find_if(
        inputs, [&](const auto& i) { return i.on == this && i.ticket == opened; });
    // Some may be between their two edges, so those that were there when it was closed count too.
    if (before != inputs.end() && awaited_ < 2 &&
        fronta::detail::early_readers(*before->task, &next) == 0) {
      return;
    }
    const std::lock_guard lock(marks_mutex_);
    if (find_mark(opened) == nullptr) static_cast<void>(make_mark(opened));
  }

  // For the holder: has the other stream go behind all that the lane has been given so far.
  void go_before(stream_handle other) {
    const std::lock_guard lock(marks_mutex_);
    const auto* m = find_mark(opened);
    if (m == nullptr) m = &make_mark(opened);
    place_.context().on().wait(other, m->event);
  }
  // For the holder. Made when it is first wanted.
  [[nodiscard]] departures& to_host() {
    if (!departures_) departures_.emplace(place_.context().on(), place_.done());
    return *departures_;
  }
  // What is enqueued from now on is the task's.
  void begin(std::uint64_t ticket) {
    if (crumbs_) crumbs_->begin(handle_, ticket);
  }
  void close(node& n) noexcept {
    current->trace_end();
    awaited_ = n.early_value ? fronta::detail::early_readers(n) : 0;
    try {
      if (crumbs_) crumbs_->end(handle_, current->ticket());
    } catch (const std::exception&) {
      // Only of a lost device; then the task has not ended.
    }
    place_.done().notify(watched_, *std::exchange(current, nullptr));
    fronta::detail::yield_point();
    closed_.fetch_add(1, std::memory_order_release);
    place_.let_go(*this);
  }

 private:
  // An event behind the lane's first `ticket` tasks.
  struct mark {
    event_handle event = nullptr;
    std::uint64_t ticket = 0;
  };
  // With marks_mutex_ held: the first that covers so many tasks, null when none does.
  [[nodiscard]] const mark* find_mark(std::uint64_t ticket) const noexcept {
    const mark* best = nullptr;
    for (const auto& m : marks_) {
      if (m.ticket >= ticket && (best == nullptr || m.ticket < best->ticket)) best = &m;
    }
    return best;
  }
  // With marks_mutex_ held and as many tasks enqueued, in place of the mark before all others.
  const mark& make_mark(std::uint64_t ticket) {
    auto& d = place_.context().on();
    d.make_current();
    auto& m = *std::ranges::min_element(marks_, {}, &mark::ticket);
    if (m.event == nullptr) m.event = d.create_event(false);
    d.record(handle_, m.event);
    m.ticket = ticket;
    return m;
  }

  place& place_;
  std::int32_t index_;
  stream_handle handle_;
  int priority_;
  completion::watched_stream& watched_;
  std::optional<crumbs> crumbs_;
  std::optional<departures> departures_;
  lane_stream shown_;
  std::atomic<std::uint64_t> closed_{0};  // host parts that have enqueued all of their work
  // The holder's: what this lane has waited for, and how many early readers (at most 2) its last
  // task had when it was closed.
  struct behind {
    lane* of;
    std::uint64_t ticket;
  };
  std::vector<behind> behind_;
  int awaited_ = 0;
  std::mutex marks_mutex_;
  std::array<mark, 4> marks_;  // guarded by marks_mutex_
};

void lane_stream::begin(run& r) noexcept {
  memory_ = &r;
  order_ = &of;
}

run::run(lane& on, node& task, std::uint64_t ticket)
    : task_memory(on.of().shared_context(), &task, &on.of().done(), &on, ticket),
      lane_(on),
      ticket_(ticket) {
  if (task.extra()->timed) began_ = task.host->now();
  begin_use();
}

void run::trace_begin() noexcept {
  auto& of = lane_.of();
  auto& d = of.context().on();
  traced_ = true;
  opened_at_ = d.host_now();
  if (of.times() == nullptr) return;
  try {
    if (of.times()->grade() == trace::time_grade::profiled) {
      mark_ = of.times()->open(task().path, lane_.index());
      d.mark_work(mark_);
      return;
    }
    auto* const words = static_cast<std::atomic<std::uint64_t>*>(
        of.context().take_pinned(2 * sizeof(std::atomic<std::uint64_t>)));
    for (int i = 0; i < 2; ++i) new (words + i) std::atomic<std::uint64_t>(not_stamped);
    try {
      d.stamp(lane_.handle(), words[0]);
      stamps_ = words;
    } catch (...) {
      of.context().give_pinned(words, 2 * sizeof *words);
      throw;
    }
  } catch (const std::exception&) {
    // Then the trace lacks it; the task is none the worse.
  }
}

void run::trace_end() noexcept {
  if (!traced_) return;
  auto& d = lane_.of().context().on();
  const auto place = static_cast<std::uint32_t>(lane_.of().number());
  trace::detail::emit(trace::event_kind::issue, task(),
                      (std::uint64_t{place} << 32) | static_cast<std::uint32_t>(lane_.index()));
  if (mark_ != 0) d.mark_work(0);
  if (stamps_ == nullptr) return;
  try {
    d.stamp(lane_.handle(), stamps_[1]);
  } catch (const std::exception&) {
    // Only of a lost device; the word stays as it was.
  }
}

// Of a device at fault nobody knows when the work ended.
void run::trace_ended() noexcept {
  const auto& of = lane_.of();
  const auto not_before = std::max(opened_at_, lane_.last_not_ended_at);
  const auto not_ended_at = std::max(not_before, completion_entry::not_ended_at());
  if (ended_at() != 0) {
    trace::detail::emit(trace::device_span{
        task().path, of.number(), lane_.index(), trace::device_work::task,
        trace::time_grade::observed, of.context().on().properties().simulated, not_before,
        ended_at(), not_ended_at, ended_at(), 0, task().host->traced_as});
  }
  lane_.last_not_ended_at = not_ended_at;
  if (mark_ != 0) of.times()->close(mark_);
  if (stamps_ == nullptr) return;
  const auto begin = stamps_[0].load(std::memory_order_relaxed);
  const auto end = stamps_[1].load(std::memory_order_relaxed);
  if (begin != not_stamped && end != not_stamped)
    of.times()->stamped(task().path, lane_.index(), begin, end);
  of.context().give_pinned(stamps_, 2 * sizeof *stamps_);
}

void run::completed(completion_outcome outcome) noexcept {
  if (traced_ && outcome == completion_outcome::ended) trace_ended();
  auto error = outcome == completion_outcome::fault ? lane_.of().fault(*this) : nullptr;
  if (lane_.timed.load(std::memory_order_relaxed)) {
    const auto now = task().host->now();
    // What was ahead of it on the lane is not its own time.
    const std::chrono::steady_clock::time_point before(std::chrono::nanoseconds(
        lane_.last_end.exchange(now.time_since_epoch().count(), std::memory_order_relaxed)));
    if (began_) task().extra()->device_time = now - std::max(*began_, before);
  }
  on_device_.store(false, std::memory_order_relaxed);
  lane_.unfinished.fetch_sub(1, std::memory_order_relaxed);
  fronta::detail::end_device_run(task(), std::move(error));  // this goes with the task
}

place::place(std::shared_ptr<detail::device_context> on, completion& c, int streams, bool crumbs,
             trace::time_grade times)
    : context_(std::move(on)), completion_(c) {
  if (times != trace::time_grade::observed) {
    times_ = std::make_unique<detail::work_times>(context_->on(), times);
  }
  const auto& p = context_->on().properties();
  for (int i = 0; i < streams; ++i) add_lane(crumbs, 0);
  // Half as many for what is urgent, so that it does not stand behind other work.
  for (int i = 0; i < (streams + 1) / 2 && p.greatest_priority < 0; ++i) add_lane(crumbs, 1);
  if (p.least_priority > 0) add_lane(crumbs, -1);
  heads_.resize(lanes_.size());
}

void place::add_lane(bool crumbs, int priority) {
  lanes_.reserve(lanes_.size() + 1);
  auto& d = context_->on();
  const auto& p = d.properties();
  const std::array of_class{p.least_priority, 0, p.greatest_priority};
  auto* const made = d.create_stream(of_class[index_of(priority)]);
  try {
    auto& watched = completion_.add(d, made);
    try {
      const auto index = static_cast<std::int32_t>(lanes_.size());
      lanes_.push_back(std::make_unique<lane>(*this, index, made, priority, watched, crumbs));
    } catch (...) {
      completion_.remove(watched);
      throw;
    }
  } catch (...) {
    d.destroy_stream(made);
    throw;
  }
}

place::~place() = default;

lane* place::take(node& n, const std::vector<issued_input>& inputs) {
  int wanted = class_of(n.priority);
  if (std::ranges::none_of(lanes_, [&](const auto& l) { return l->priority() == wanted; })) {
    wanted = 0;
  }
  const std::lock_guard lock(lanes_mutex_);
  lane* best = nullptr;
  for (const auto& input : inputs) {
    auto& l = *input.on;
    if (&l.of() == this && l.priority() == wanted && !l.held && l.opened == input.ticket) {
      best = &l;
      break;
    }
  }
  if (best == nullptr) {
    for (const auto& l : lanes_) {
      if (l->priority() != wanted || l->held) continue;
      if (best == nullptr || l->unfinished.load(std::memory_order_relaxed) <
                                 best->unfinished.load(std::memory_order_relaxed)) {
        best = l.get();
      }
    }
  }
  if (best != nullptr) {
    best->held = true;
    return best;
  }
  trace::detail::emit(trace::event_kind::enqueue, n,
                      static_cast<std::uint64_t>(trace::queue::stream));
  waiting_[index_of(wanted)].push_back(&n);
  // Before somebody lets go of a lane: then another worker has the task.
  n.extra()->waits_for_stream = n.device_ended = true;
  return nullptr;
}

void place::let_go(lane& l) noexcept {
  node* next = nullptr;
  {
    const std::lock_guard lock(lanes_mutex_);
    auto& queue = waiting_[index_of(l.priority())];
    if (queue.empty()) {
      l.held = false;
      return;
    }
    next = queue.front();
    queue.pop_front();
    next->extra()->lane_given = &l;
  }
  fronta::detail::host_part_may_begin(*next);
}

std::size_t place::unfinished() const noexcept {
  std::size_t sum = 0;
  for (const auto& l : lanes_) sum += l->unfinished.load(std::memory_order_seq_cst);
  return sum;
}

void run::send_to_host(fronta::detail::data_block& b) noexcept {
  auto& context = lane_.of().context();
  auto& d = context.on();
  // Who has the mutex may be copying it to the host.
  const std::unique_lock lock(b.mutex, std::try_to_lock);
  if (!lock.owns_lock() || b.bytes() == 0 || b.is_on_host() || b.arriving != nullptr) return;
  if (b.being_filled() && !fills(b)) return;  // by one that this task need not be behind
  const auto at = std::ranges::find(b.copies, static_cast<const void*>(&context),
                                    &fronta::detail::data_copy::memory);
  if (at == b.copies.end()) return;
  auto& here = static_cast<detail::array_copy&>(**at);
  try {
    reserve_sent();
    auto* const memory = context.take_ahead(b.bytes());
    if (memory == nullptr) return;
    std::unique_ptr<sent_ahead> sending;
    try {
      sending = std::make_unique<sent_ahead>(lane_.of().shared_context(), memory, b.bytes());
    } catch (...) {
      context.give_ahead(memory, b.bytes());
      throw;
    }
    d.make_current();
    auto& to_host = lane_.to_host();
    lane_.go_before(to_host.handle());
    here.go_behind(d, to_host.handle());
    d.copy(to_host.handle(), memory, here.numbers()->data(), b.bytes(), copy_kind::to_host);
    sent(b, here.numbers());
    context.tell(trace::event_kind::moved, b.bytes(), &task());
    arrival_.of = &task();
    arrival_.what = sending.get();
    b.arriving = std::move(sending);
  } catch (const std::exception&) {
    return;
  }
  fronta::detail::begin_late_input(task());
  lane_.to_host().notify(arrival_);
}

template <class Visit>
void place::visit_runs(Visit&& visit) const {
  context_->visit_tasks([&](const detail::task_memory& m) {
    // All tasks are runs; some are on other devices, and use memory of this one.
    const auto& r = static_cast<const run&>(m);
    if (&r.on().of() == this && r.is_on_device()) visit(r);
  });
}

std::exception_ptr place::fault(const run& of) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    if (!fault_told_) tell_suspects();
  } catch (...) {
    return std::current_exception();
  }
  return std::ranges::find(suspects_, &of) != suspects_.end() ? for_suspects_ : for_others_;
}

// With the mutex held and all still there that were on the device.
void place::tell_suspects() {
  const auto& d = context_->on();
  const bool given_up = d.fault_code() == given_up_code;
  struct known {
    std::vector<const run*> runs;
    std::vector<std::string> names;
    void add(const run& r) {
      runs.push_back(&r);
      names.push_back(r.name());
    }
  };
  known all;
  known begun;
  visit_runs([&](const run& r) {
    all.add(r);
    const auto& words = r.on().words();
    if (words && words->begun() >= r.ticket() && words->ended() < r.ticket()) begun.add(r);
  });
  const bool told_apart =
      !begun.runs.empty();  // else what has ended broke it, or there are no words
  auto& [found, suspects] = told_apart ? begun : all;
  std::string names;
  for (const auto& name : suspects) names += (names.empty() ? "\"" : ", \"") + name + '"';
  const auto& where = context_->place();
  if (given_up) {
    for_others_ = std::make_exception_ptr(device_lost_error(
        where + ": " + d.fault_text() + "; run the task elsewhere, or start the program anew",
        d.fault_code(), where));
    for_suspects_ = for_others_;
  } else {
    for_others_ = std::make_exception_ptr(
        device_lost_error(where + ": the device is at fault (" + d.fault_text() +
                              "), which was not this task's doing but that of " + names +
                              "; run it elsewhere, or start the program anew",
                          d.fault_code(), where));
    const bool certain = told_apart && found.size() == 1;
    for_suspects_ = std::make_exception_ptr(device_fault(
        where + ": the device is at fault (" + d.fault_text() + ") and " +
            (certain ? "this task caused it: " : "one of these tasks caused it: ") + names +
            "; it cannot be used again in this process, so mend the task and start anew",
        d.fault_code(), where, std::move(suspects), certain));
  }
  suspects_ = std::move(found);
  fault_told_ = true;
}

// For the life of the process.
void keep_for_good(std::shared_ptr<detail::device_context> c) {
  static std::mutex mutex;
  static auto* const kept = new std::vector<std::shared_ptr<detail::device_context>>;
  const std::lock_guard lock(mutex);
  kept->push_back(std::move(c));
}

void place::look_for_hang(std::chrono::nanoseconds limit) {
  auto& d = context_->on();
  if (d.fault_code() != 0) return;
  const auto now = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const auto& words = *lanes_[i]->words();
    // Ended first: what began after it was read cannot have ended before.
    const auto ended = words.ended();
    const auto begun = words.begun();
    auto& h = heads_[i];
    if (begun <= ended || begun != h.ticket) {
      h = {begun > ended ? begun : 0, now};
    } else if (now - h.since >= limit) {
      std::string name = "a task";
      visit_runs([&](const run& r) {
        if (&r.on() == lanes_[i].get() && r.ticket() == begun) name = "task \"" + r.name() + '"';
      });
      keep_for_good(context_);  // with what the device may still write
      d.give_up(name + " has not ended within hang_timeout, so the device was given up");
      return;
    }
  }
}

// Looks for tasks that hang, while there are any; a thread for all places.
class hang_watch {
 public:
  hang_watch(const std::vector<std::unique_ptr<place>>& places, std::chrono::nanoseconds limit)
      : places_(places), limit_(limit), thread_([this] { run(); }) {}
  ~hang_watch() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  hang_watch(const hang_watch&) = delete;
  hang_watch& operator=(const hang_watch&) = delete;

  // A task is on its way to a device.
  void wake() {
    if (!asleep_.load(std::memory_order_seq_cst)) return;
    {
      const std::lock_guard lock(mutex_);
    }
    changed_.notify_all();
  }

 private:
  [[nodiscard]] bool any() const noexcept {
    return std::ranges::any_of(places_, [](const auto& p) { return p->unfinished() != 0; });
  }
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      // Sequentially consistent with `unfinished`: either it is seen, or the sleeper is.
      asleep_.store(true, std::memory_order_seq_cst);
      changed_.wait(lock, [&] { return stopping_ || any(); });
      asleep_.store(false, std::memory_order_relaxed);
      changed_.wait_for(lock, limit_ / 8, [&] { return stopping_; });
      lock.unlock();
      for (const auto& p : places_) p->look_for_hang(limit_);
      lock.lock();
    }
  }

  const std::vector<std::unique_ptr<place>>& places_;
  std::chrono::nanoseconds limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_
  std::atomic<bool> asleep_{false};
  std::thread thread_;
};

class device_backend final : public backend, public fronta::detail::device_host {
 public:
  device_backend(std::vector<std::shared_ptr<device>> devices, int streams, completion_options how,
                 const options& watched)
      : completion_(how), by_hand_(how.by_hand) {
    const bool crumbs = watched.breadcrumbs || !watched.hang_timeout.infinite();
    const auto told = watched.on_pageable_copy
                          ? std::make_shared<detail::pageable_copies>(watched.on_pageable_copy)
                          : nullptr;
    for (std::size_t i = 0; i < devices.size(); ++i) {
      auto context = std::make_shared<detail::device_context>(std::move(devices[i]),
                                                              "gpu:" + std::to_string(i), told);
      places_.push_back(
          std::make_unique<place>(std::move(context), completion_, streams, crumbs, watched.times));
    }
    if (!watched.hang_timeout.infinite()) hangs_.emplace(places_, watched.hang_timeout.value());
  }

  std::vector<place_info> start(backend_host& host) override {
    host_ = &host;
    std::vector<place_info> infos;
    infos.reserve(places_.size());
    std::vector<detail::work_times*> compared;
    for (std::size_t i = 0; i < places_.size(); ++i) {
      auto& p = *places_[i];
      p.set_number(host.tasks().traced_as, host.place_number(i));
      if (p.times() != nullptr) compared.push_back(p.times());
      infos.push_back({p.context().place(), {{"gpu", 1}}});
    }
    if (!compared.empty() && !by_hand_) keeper_.emplace(std::move(compared));
    return infos;
  }
  // The lanes go with this object: a worker may be about to let go of one.
  void stop() noexcept override {
    keeper_.reset();
    compare_clocks();
    compare_clocks();  // the first may have been the first of all
  }

  [[nodiscard]] bool hosts_plain_tasks() const noexcept override { return false; }
  // Tasks go to pools, which come here for streams.
  void launch(launched_task, std::size_t, launch_as) noexcept override {}
  [[nodiscard]] fronta::detail::device_host* devices() noexcept override { return this; }
  [[nodiscard]] std::size_t load_at(std::size_t at) const noexcept override {
    const auto& p = *places_[at];
    return lost(at) ? unwanted : p.unfinished();
  }

  [[nodiscard]] bool lost(std::size_t at) const noexcept override {
    return places_[at]->context().on().fault_code() != 0;
  }
  [[nodiscard]] const void* memory(std::size_t at) const noexcept override {
    return &places_[at]->context();
  }
  [[nodiscard]] bool simulated(std::size_t at) const noexcept override {
    return places_[at]->context().on().properties().simulated;
  }
  [[nodiscard]] std::vector<timed_copy> time_copies(std::size_t at) override;
  [[nodiscard]] bool failed_for_device(const std::exception_ptr& error) const noexcept override {
    try {
      std::rethrow_exception(error);
    } catch (const device_fault&) {
      return true;
    } catch (const device_lost_error&) {
      return true;
    } catch (const device_bad_alloc&) {
      return true;
    } catch (...) {
      return false;
    }
  }

  // With `by_hand`: tells of what has ended. True when there was anything.
  bool poll() {
    if (!completion_.poll()) return false;
    compare_clocks();
    return true;
  }

  void put(std::size_t at, fronta::detail::data_block& numbers) override {
    auto& p = *places_[at];
    p.context().require_alive("an array was scattered to it");
    lone_stream(p.shared_context()).put(numbers);
  }

  stream* open_stream(node& n) override {
    auto& p = place_of(n);
    auto& d = p.context().on();
    auto& x = *n.extra();
    auto* l = static_cast<lane*>(std::exchange(x.lane_given, nullptr));
    try {
      if (d.fault_code() != 0) p.context().require_alive("task \"" + n.name() + "\" began");
      const auto inputs = issued_inputs(n);
      if (l == nullptr) l = p.take(n, inputs);
      if (l == nullptr) return nullptr;
      d.make_current();
      l->leave_mark(n, inputs);
      for (const auto& input : inputs) l->go_behind(*input.on, input.ticket);
      d.make_current();
      auto made = std::make_unique<run>(*l, n, l->opened + 1);
      if (x.timed) l->timed.store(true, std::memory_order_relaxed);
      if (trace::on()) made->trace_begin();
      l->begin(l->opened + 1);
      l->current = made.get();
      l->shown().begin(*made);
      x.at_device_end = std::move(made);
      l->unfinished.fetch_add(1, std::memory_order_seq_cst);
      x.lane = l;
      x.lane_ticket = ++l->opened;
      if (hangs_) hangs_->wake();
      return &l->shown();
    } catch (...) {
      if (l != nullptr) {
        if (p.times() != nullptr) d.mark_work(0);
        p.let_go(*l);
      }
      throw;
    }
  }
  bool close_stream(stream& s, node& n, fronta::detail::data_block* wanted) noexcept override {
    auto& shown = static_cast<lane_stream&>(s);
    auto& l = shown.of;
    const auto& of = l.of();
    const bool on_device_alone = !shown.gives_to_host();
    if (wanted != nullptr) l.current->send_to_host(*wanted);
    shown.end();
    l.close(n);
    // Memory counts not only when tasks are ahead: it goes back on a worker, after the device has
    // ended.
    return on_device_alone && of.unfinished() <= most_ahead && of.context().has_room();
  }

 private:
  void compare_clocks() noexcept {
    for (const auto& p : places_) {
      if (p->times() != nullptr) p->times()->compare();
    }
  }
  static std::vector<issued_input> issued_inputs(node& n) {
    std::vector<issued_input> found;
    n.visit_inputs(
        [](void* context, node& input) {
          if (!input.readable_early()) return;
          const auto& x = *input.extra();
          static_cast<std::vector<issued_input>*>(context)->push_back(
              {static_cast<lane*>(x.lane), x.lane_ticket, &input});
        },
        &found);
    return found;
  }
  place& place_of(const node& n) const {
    const auto number = n.extra()->held.device_place;
    for (std::size_t i = 0; i < places_.size(); ++i) {
      if (host_->place_number(i) == number) return *places_[i];
    }
    throw std::logic_error("gpu: task \"" + n.name() + "\" came to a place that is none of these");
  }

  // How many tasks a device may have enqueued before others wait for the end of their inputs; they
  // also do when half of its memory is taken.
  static constexpr std::size_t most_ahead = 128;
  static constexpr std::size_t unwanted = std::size_t{1} << 50;  // of a lost device

  completion completion_;
  const bool by_hand_;
  std::vector<std::unique_ptr<place>> places_;
  std::optional<hang_watch> hangs_;
  std::optional<detail::clock_keeper> keeper_;
  backend_host* host_ = nullptr;
};

// The way that arrays go: pageable memory, through the rings of pinned chunks.
std::vector<fronta::detail::device_host::timed_copy> device_backend::time_copies(std::size_t at) {
  constexpr std::size_t bytes = std::size_t{8} << 20;
  constexpr int times = 3;
  auto& on = places_[at]->context();
  auto& d = on.on();
  std::vector<timed_copy> found;
  void* there = nullptr;
  try {
    on.require_alive("its copies were timed");
    const detail::current_device here(d);
    there = d.allocate(on.arrivals(), bytes);
    std::vector<std::byte> numbers(bytes);
    const auto time = [&](bool to_host, auto&& copy) {
      const auto began = std::chrono::steady_clock::now();
      copy();
      found.push_back({to_host, bytes, std::chrono::steady_clock::now() - began});
    };
    for (int i = -1; i < times; ++i) {
      if (i == 0) found.clear();  // the first pins memory
      time(false, [&] {
        on.uploads().upload(on.arrivals(), there, numbers.data(), bytes);
        static_cast<void>(on.synchronize(on.arrivals()));
      });
      time(true, [&] { on.downloads().download(on.arrivals(), numbers.data(), there, bytes); });
    }
    if (lost(at)) found.clear();
  } catch (const std::exception&) {
    found.clear();  // no memory, or no device: then nothing is known of it
  }
  if (there != nullptr) d.deallocate(on.arrivals(), there);
  return found;
}

}  // namespace

std::unique_ptr<backend> detail::make_device_backend(std::vector<std::shared_ptr<device>> devices,
                                                     int streams, completion_options how,
                                                     const options& watched, const char* who,
                                                     std::function<bool()>* poll) {
  if (streams < 1) {
    throw std::invalid_argument(std::string(who) + ": streams is " + std::to_string(streams) +
                                "; give at least 1");
  }
  if (watched.hang_timeout.value() < std::chrono::milliseconds(1)) {
    throw std::invalid_argument(std::string(who) +
                                ": hang_timeout is below 1 ms; give more, or leave it out");
  }
  auto made = std::make_unique<device_backend>(std::move(devices), streams, how, watched);
  if (poll != nullptr) *poll = [b = made.get()] { return b->poll(); };
  return made;
}

std::unique_ptr<backend> make_backend(cuda config) {
  const auto& found = cuda_probe();
  if (config.devices.empty()) {
    config.devices.resize(
        std::max<std::size_t>(found.devices.size(), 1));  // 0 says why there is none
    std::iota(config.devices.begin(), config.devices.end(), 0);
  }
  std::vector<std::shared_ptr<device>> devices;
  devices.reserve(config.devices.size());
  for (const int index : config.devices) devices.push_back(open_cuda_device(index));
  return detail::make_device_backend(std::move(devices), config.streams, config.completion,
                                     config.options, "gpu::cuda");
}

namespace detail {

std::vector<std::shared_ptr<device>> devices_of(const std::shared_ptr<simulation>& all) {
  std::vector<std::shared_ptr<device>> devices;
  devices.reserve(static_cast<std::size_t>(all->count()));
  for (int i = 0; i < all->count(); ++i) devices.emplace_back(all, &all->at(i));
  return devices;
}

}  // namespace detail

std::unique_ptr<backend> make_backend(const simulated& config) {
  if (config.time.mode == simulated_time::kind::virtual_) {
    throw std::invalid_argument(
        "gpu::simulated: virtual time stands still unless somebody steps it; use "
        "gpu::virtual_devices, or give real or scaled time");
  }
  return detail::make_device_backend(detail::devices_of(std::make_shared<simulation>(config)),
                                     config.streams, config.completion, config.options,
                                     "gpu::simulated");
}

}  // namespace fronta::gpu
