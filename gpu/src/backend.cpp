// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/backend.hpp>

#include <fronta/detail/worker.hpp>
#include <fronta/detail/yield_point.hpp>
#include <fronta/gpu/cuda.hpp>

#include "context.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
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
};

// A GPU task from the end of its host part to that of its work.
class run final : public completion_entry {
 public:
  run(lane& on, node& task, std::uint64_t ticket)
      : lane_(on), task_(task), name_(task.name()), ticket_(ticket) {
    if (task.extra()->timed) began_ = task.host->now();
  }
  void completed(completion_outcome outcome) noexcept override;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const lane& on() const noexcept { return lane_; }
  [[nodiscard]] std::uint64_t ticket() const noexcept { return ticket_; }

 private:
  lane& lane_;
  node& task_;  // kept by its own entry's keeper
  std::string name_;
  std::uint64_t ticket_;
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

// A device as a place.
class place {
 public:
  place(std::shared_ptr<detail::device_context> on, completion& c, int streams, bool crumbs);
  ~place();
  place(const place&) = delete;
  place& operator=(const place&) = delete;

  [[nodiscard]] detail::device_context& context() const noexcept { return *context_; }
  [[nodiscard]] const std::shared_ptr<detail::device_context>& shared_context() const noexcept {
    return context_;
  }
  [[nodiscard]] completion& done() const noexcept { return completion_; }
  // A lane for a host part, held by it, of the priority's class: one that ends with an input, so
  // that nothing has to be waited for; else of those that nobody holds the one with the least
  // unfinished tasks. Null: all are held, and the task was put among those that wait.
  lane* take(node& n, const std::vector<issued_input>& inputs);
  // The next that waits gets it.
  void let_go(lane& l) noexcept;
  [[nodiscard]] std::size_t unfinished() const noexcept;

  void begin(run& r);
  void end(run& r) noexcept;
  // The exception of a task that was on the device when it went.
  [[nodiscard]] std::exception_ptr fault(const run& of) noexcept;
  // Gives the device up when a task of it has run for so long.
  void look_for_hang(std::chrono::nanoseconds limit);

 private:
  void add_lane(bool crumbs, int priority);
  void tell_suspects();

  std::shared_ptr<detail::device_context> context_;
  completion& completion_;
  std::vector<std::unique_ptr<lane>> lanes_;

  std::mutex lanes_mutex_;
  // Guarded by lanes_mutex_. Tasks without a lane by class, each with its entry's keeper: none
  // waits while a lane of its class is free.
  std::array<std::deque<node*>, 3> waiting_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<run*> in_flight_;
  // Once there is a fault: who may have caused it, what those are told, and the others.
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
      : stream(on, s), of_device(std::move(on)), of(l) {}
  void begin(node& n, std::uint64_t ticket);
  void end() noexcept { memory_->all_enqueued(); }
  [[nodiscard]] bool gives_to_host() const noexcept { return memory_->gives_to_host(); }
  std::shared_ptr<detail::device_context> of_device;
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
      const fronta::detail::blocking_section section;
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
  lane(place& of, stream_handle s, int priority, completion::watched_stream& watched,
       bool with_crumbs)
      : place_(of),
        handle_(s),
        priority_(priority),
        watched_(watched),
        shown_(of.shared_context(), s, *this) {
    if (with_crumbs) crumbs_.emplace(of.context().on());
  }
  ~lane() {
    place_.done().remove(watched_);
    auto& d = place_.context().on();
    if (mark_ != nullptr) d.destroy_event(mark_);
    d.destroy_stream(handle_);
  }
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  [[nodiscard]] place& of() const noexcept { return place_; }
  [[nodiscard]] int priority() const noexcept { return priority_; }
  [[nodiscard]] const std::optional<crumbs>& words() const noexcept { return crumbs_; }
  [[nodiscard]] lane_stream& shown() noexcept { return shown_; }

  // From before a host part begins until its ticket is enqueued. Guarded by the place's
  // lanes_mutex_.
  bool held = false;
  std::atomic<std::size_t> unfinished{0};
  // The holder's.
  std::unique_ptr<run> current;
  std::uint64_t opened = 0;  // host parts so far
  // Nanoseconds: when work of it was last seen to end. Kept once a timed task has come.
  std::atomic<std::int64_t> last_end{0};
  std::atomic<bool> timed{false};

  bool go_behind(const fronta::detail::data_fill& f) override {
    if (f.by != &place_.done() || !f.enqueued()) return false;
    go_behind(issued_input{static_cast<lane*>(f.on), f.ticket});
    return true;
  }
  // For the holder: what is enqueued from now on starts behind the input. Without a call to the
  // device where it does so anyway.
  void go_behind(const issued_input& input) {
    if (input.on == this) return;
    auto at = std::ranges::find(behind_, input.on, &issued_input::on);
    if (at == behind_.end()) at = behind_.insert(at, {input.on, 0});
    if (at->ticket >= input.ticket) return;
    auto& other = *input.on;
    const std::lock_guard lock(other.mark_mutex_);
    if (other.marked_ < input.ticket) other.renew_mark();
    place_.context().on().make_current();
    place_.context().on().wait(handle_, other.mark_);
    at->ticket = other.marked_;
  }

  // What is enqueued from now on is the task's.
  void begin(std::uint64_t ticket) {
    if (crumbs_) crumbs_->begin(handle_, ticket);
  }
  void close() noexcept {
    try {
      if (crumbs_) crumbs_->end(handle_, current->ticket());
    } catch (const std::exception&) {
      // Only of a lost device; then the task has not ended.
    }
    place_.done().notify(watched_, *current.release());
    fronta::detail::yield_point();
    closed_.fetch_add(1, std::memory_order_release);
    place_.let_go(*this);
  }

 private:
  // With mark_mutex_ held. A task is issued after its lane was closed, so the mark covers it.
  void renew_mark() {
    auto& d = place_.context().on();
    d.make_current();
    if (mark_ == nullptr) mark_ = d.create_event(false);
    const auto covered = closed_.load(std::memory_order_acquire);
    d.record(handle_, mark_);
    marked_ = covered;
  }

  place& place_;
  stream_handle handle_;
  int priority_;
  completion::watched_stream& watched_;
  std::optional<crumbs> crumbs_;
  lane_stream shown_;
  std::atomic<std::uint64_t> closed_{0};  // host parts that have enqueued all of their work
  std::vector<issued_input> behind_;      // the holder's: what this lane has waited for
  std::mutex mark_mutex_;
  // Guarded by mark_mutex_: an event behind the lane's first `marked_` tasks.
  event_handle mark_ = nullptr;
  std::uint64_t marked_ = 0;
};

void lane_stream::begin(node& n, std::uint64_t ticket) {
  auto memory =
      std::make_unique<detail::task_memory>(of_device, n.name(), &of.of().done(), &of, ticket);
  memory_ = memory.get();
  order_ = &of;
  n.extra()->at_device_end = std::move(memory);
}

void run::completed(completion_outcome outcome) noexcept {
  auto& of = lane_.of();
  auto error = outcome == completion_outcome::fault ? of.fault(*this) : nullptr;
  auto& task = task_;
  if (lane_.timed.load(std::memory_order_relaxed)) {
    const auto now = task.host->now();
    // What was ahead of it on the lane is not its own time.
    const std::chrono::steady_clock::time_point before(std::chrono::nanoseconds(
        lane_.last_end.exchange(now.time_since_epoch().count(), std::memory_order_relaxed)));
    if (began_) task.extra()->device_time = now - std::max(*began_, before);
  }
  of.end(*this);
  lane_.unfinished.fetch_sub(1, std::memory_order_relaxed);
  delete this;
  fronta::detail::end_device_run(task, std::move(error));
}

place::place(std::shared_ptr<detail::device_context> on, completion& c, int streams, bool crumbs)
    : context_(std::move(on)), completion_(c) {
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
      lanes_.push_back(std::make_unique<lane>(*this, made, priority, watched, crumbs));
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

void place::begin(run& r) {
  const std::lock_guard lock(mutex_);
  in_flight_.push_back(&r);
}

void place::end(run& r) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase(in_flight_, &r);
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
  std::vector<const run*> found;
  bool told_apart = false;
  for (const auto* r : in_flight_) {
    const auto& words = r->on().words();
    told_apart = words.has_value();
    if (!told_apart) break;
    if (words->begun() >= r->ticket() && words->ended() < r->ticket()) found.push_back(r);
  }
  if (found.empty()) {  // what has ended broke it, or there are no words
    told_apart = false;
    found.assign(in_flight_.begin(), in_flight_.end());
  }
  std::vector<std::string> suspects;
  suspects.reserve(found.size());
  std::string names;
  for (const auto* r : found) {
    suspects.push_back(r->name());
    names += (names.empty() ? "\"" : ", \"") + r->name() + '"';
  }
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
      {
        const std::lock_guard lock(mutex_);
        for (const auto* r : in_flight_) {
          if (&r->on() == lanes_[i].get() && r->ticket() == begun)
            name = "task \"" + r->name() + '"';
        }
      }
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
      : completion_(how) {
    const bool crumbs = watched.breadcrumbs || !watched.hang_timeout.infinite();
    for (std::size_t i = 0; i < devices.size(); ++i) {
      auto context = std::make_shared<detail::device_context>(std::move(devices[i]),
                                                              "gpu:" + std::to_string(i));
      places_.push_back(std::make_unique<place>(std::move(context), completion_, streams, crumbs));
    }
    if (!watched.hang_timeout.infinite()) hangs_.emplace(places_, watched.hang_timeout.value());
  }

  std::vector<place_info> start(backend_host& host) override {
    host_ = &host;
    std::vector<place_info> infos;
    infos.reserve(places_.size());
    for (const auto& p : places_) infos.push_back({p->context().place(), {{"gpu", 1}}});
    return infos;
  }
  // The lanes go with this object: a worker may be about to let go of one.
  void stop() noexcept override {}

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
      for (const auto& input : inputs) l->go_behind(input);
      d.make_current();
      l->current = std::make_unique<run>(*l, n, l->opened + 1);
      if (x.timed) l->timed.store(true, std::memory_order_relaxed);
      l->shown().begin(n, l->opened + 1);
      l->begin(l->opened + 1);
      p.begin(*l->current);
      l->unfinished.fetch_add(1, std::memory_order_seq_cst);
      x.lane = l;
      x.lane_ticket = ++l->opened;
      if (hangs_) hangs_->wake();
      return &l->shown();
    } catch (...) {
      if (l != nullptr) {
        l->current.reset();
        p.let_go(*l);
      }
      throw;
    }
  }
  bool close_stream(stream& s, node&) noexcept override {
    auto& shown = static_cast<lane_stream&>(s);
    auto& l = shown.of;
    const auto& of = l.of();
    const bool on_device_alone = !shown.gives_to_host();
    shown.end();
    l.close();
    if (!on_device_alone || of.unfinished() > most_ahead) return false;
    // Not only when tasks are ahead: memory goes back on a worker, after the device has ended.
    const auto memory = of.context().on().memory();
    return memory.free_bytes >= memory.total_bytes / 2;
  }

 private:
  static std::vector<issued_input> issued_inputs(node& n) {
    std::vector<issued_input> found;
    n.visit_inputs(
        [](void* context, node& input) {
          if (!input.readable_early()) return;
          const auto& x = *input.extra();
          static_cast<std::vector<issued_input>*>(context)->push_back(
              {static_cast<lane*>(x.lane), x.lane_ticket});
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
  std::vector<std::unique_ptr<place>> places_;
  std::optional<hang_watch> hangs_;
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

std::unique_ptr<backend> make(std::vector<std::shared_ptr<device>> devices, int streams,
                              completion_options how, const options& watched, const char* who) {
  if (streams < 1) {
    throw std::invalid_argument(std::string(who) + ": streams is " + std::to_string(streams) +
                                "; give at least 1");
  }
  if (watched.hang_timeout.value() < std::chrono::milliseconds(1)) {
    throw std::invalid_argument(std::string(who) +
                                ": hang_timeout is below 1 ms; give more, or leave it out");
  }
  return std::make_unique<device_backend>(std::move(devices), streams, how, watched);
}

}  // namespace

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
  return make(std::move(devices), config.streams, config.completion, config.options, "gpu::cuda");
}

std::unique_ptr<backend> make_backend(const simulated& config) {
  if (config.time.mode == simulated_time::kind::virtual_) {
    throw std::invalid_argument(
        "gpu::simulated: virtual time stands still unless somebody steps it; give an executor real "
        "or scaled time");
  }
  const auto all = std::make_shared<simulation>(config);
  std::vector<std::shared_ptr<device>> devices;
  devices.reserve(static_cast<std::size_t>(all->count()));
  for (int i = 0; i < all->count(); ++i) {
    devices.emplace_back(all, &all->at(i));  // the simulation lives as long as one of its devices
  }
  return make(std::move(devices), config.streams, config.completion, config.options,
              "gpu::simulated");
}

}  // namespace fronta::gpu
