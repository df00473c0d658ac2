// SPDX-License-Identifier: Apache-2.0
#include "router.hpp"

#include <fronta/detail/yield_point.hpp>
#include <fronta/errors.hpp>
#include <fronta/trace.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace fronta::detail {
namespace {

const task_options& options_of(const node& n) { return n.extra()->options; }

// How many bytes rather move than that a task waits for one before it: 100 µs of copying.
constexpr double bytes_for_a_turn = 1 << 20;
// … than that a GPU task waits for one before it on the device: 5 µs at 25 GB/s.
constexpr double bytes_for_a_gpu_turn = 1 << 17;
// From so many on a copy is no matter of latency.
constexpr std::size_t tells_bandwidth = std::size_t{1} << 18;

void tell_tag(trace::event_kind kind, const node& n, const reservation::entry& e) noexcept {
  const auto units = std::clamp<std::int64_t>(e.units, 0, 0xFFFF'FFFF);
  trace::detail::tell(
      kind, n, trace::tag_amount{e.place, static_cast<std::uint32_t>(units)}.argument(), e.tag);
}

}  // namespace

router::router(const resources& executor_wide) {
  for (const auto& e : executor_wide.entries()) {
    executor_wide_.push_back({e.tag, e.value.units(), 0});
  }
}

// ---- Places.

template <class Tags>
auto* router::find(Tags& tags, const std::string& name) {
  const auto at = std::ranges::find(tags, name, &tag::name);
  return at != tags.end() ? &*at : nullptr;
}

std::int32_t router::add_place(const place_info& info, backend& owner, std::size_t local_place) {
  const std::lock_guard lock(mutex_);
  for (const auto& p : places_) {
    if (p.owner != nullptr && p.name == info.name) {
      throw std::invalid_argument("executor: two places are named \"" + info.name +
                                  "\"; give each backend a name of its own");
    }
  }
  place p;
  p.name = info.name;
  p.owner = p.made_by = &owner;
  p.local = local_place;
  p.hosts = owner.hosts_plain_tasks();
  p.devices = owner.devices() != nullptr;
  p.pool = owner.reserves_at_start();
  for (const auto& e : info.offers.entries()) p.tags.push_back({e.tag, e.value.units(), 0});
  places_.push_back(std::move(p));
  return static_cast<std::int32_t>(places_.size() - 1);
}

void router::change_place(std::int32_t index, const resources& offers) {
  const std::lock_guard lock(mutex_);
  auto& p = places_.at(static_cast<std::size_t>(index));
  for (auto& t : p.tags) t.total = 0;
  for (const auto& e : offers.entries()) {
    if (auto* known = find(p.tags, e.tag)) {
      known->total = e.value.units();  // below what is in use: negative until it comes back
    } else {
      p.tags.push_back({e.tag, e.value.units(), 0});
    }
  }
}

void router::remove_place(std::int32_t index) {
  const std::lock_guard lock(mutex_);
  places_.at(static_cast<std::size_t>(index)).owner = nullptr;
}

std::vector<place_status> router::places() const {
  const std::lock_guard lock(mutex_);
  std::vector<place_status> result;
  for (const auto& p : places_) {
    if (p.owner == nullptr) continue;
    std::vector<resources::entry> offers;
    for (const auto& t : p.tags) {
      if (t.total > 0) offers.push_back({t.name, amount::from_units(t.total)});
    }
    result.push_back({p.name, resources(std::move(offers)), p.hosts});
  }
  return result;
}

std::optional<std::int32_t> router::find_place(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].owner != nullptr && places_[i].name == name) {
      return static_cast<std::int32_t>(i);
    }
  }
  return std::nullopt;
}

backend* router::owner_of(std::int32_t index) const {
  const std::lock_guard lock(mutex_);
  if (index < 0 || static_cast<std::size_t>(index) >= places_.size()) return nullptr;
  return places_[static_cast<std::size_t>(index)].owner;
}

std::pair<backend*, std::size_t> router::launching_place(std::int32_t index) const {
  const std::lock_guard lock(mutex_);
  const auto& p = places_[static_cast<std::size_t>(index)];
  return {p.made_by, p.local};
}

backend* router::backend_of(const std::string& place_name) const {
  const auto at = find_place(place_name);
  return at ? owner_of(*at) : nullptr;
}

std::optional<router::target> router::only_pool() const {
  const std::lock_guard lock(mutex_);
  const place* only = nullptr;
  for (const auto& p : places_) {
    if (!p.hosts) continue;
    if (only != nullptr || !p.pool) return std::nullopt;
    only = &p;
  }
  if (only == nullptr) return std::nullopt;
  return target{only->owner, only->local, static_cast<std::int32_t>(only - places_.data()),
                nullptr};
}

std::string router::place_of(const node& n, std::int32_t default_place) const {
  const std::lock_guard lock(mutex_);
  std::int32_t host = default_place;
  std::string text;
  if (n.routed) {
    const auto& held = n.extra()->held;
    if (held.host_place >= 0) host = held.host_place;
    if (held.device_place >= 0) {
      text = " " + places_[static_cast<std::size_t>(held.device_place)].name;
    }
  }
  if (host < 0) return text;
  return places_[static_cast<std::size_t>(host)].name + text;
}

// ---- Which places could do it.

bool router::place::lost() const noexcept {
  return devices && owner != nullptr && owner->devices()->lost(local);
}

bool router::place::simulated() const noexcept {
  return devices && owner != nullptr && owner->devices()->simulated(local);
}

const void* router::place::memory() const noexcept {
  return devices && owner != nullptr ? owner->devices()->memory(local) : nullptr;
}

const router::place* router::device_of(candidate c) const noexcept {
  const auto* const p = c.device >= 0 ? &places_[static_cast<std::size_t>(c.device)] : nullptr;
  return p != nullptr && p->devices ? p : nullptr;
}

bool router::on_device(const node& n, candidate c) const noexcept {
  return n.extra()->chooses ? device_of(c) != nullptr : n.extra()->on_gpu;
}

// Calls `use(place, tag, units)` for each tag of the task, from the device's place before the
// host's before the executor's (-1). False when a tag is nowhere, or the device gives none.
template <class Self, class Use>
bool router::split(Self& self, const node& n, candidate c, Use&& use) {
  auto& host = self.places_[static_cast<std::size_t>(c.host)];
  auto* const device = c.device >= 0 ? &self.places_[static_cast<std::size_t>(c.device)] : nullptr;
  const auto& needs = options_of(n).needs;
  bool device_used = false;
  for (const auto& e : needs.entries()) {
    const auto units = e.value.units();
    if (e.tag == "cpu") continue;
    auto from = c.device;
    auto* t = device != nullptr ? find(device->tags, e.tag) : nullptr;
    if (t != nullptr) {
      device_used = true;
    } else if (from = c.host, t = find(host.tags, e.tag); t == nullptr) {
      from = -1;
      t = find(self.executor_wide_, e.tag);
    }
    if (t == nullptr && n.extra()->fell_back && self.of_devices_alone(e.tag)) continue;
    if (t == nullptr || !use(from, *t, units)) return false;
  }
  // A pool counts its cpu shares itself, when a worker picks the task.
  if (auto* const cpu = find(host.tags, "cpu")) {
    const auto units = n.extra()->cpu_units;
    if (host.pool ? cpu->total < units : !use(c.host, *cpu, units)) return false;
  }
  return device == nullptr || device_used || self.on_device(n, c);
}

template <class Each>
void router::candidates(const node& n, Each&& each) const {
  static const std::string anywhere;
  const auto& x = *n.extra();
  const auto& named = options_of(n).place_on;
  const bool was_device = x.fell_back && std::ranges::any_of(places_, [&](const place& p) {
                            return p.devices && p.name == named;
                          });
  const auto& only = was_device ? anywhere : named;
  const auto bound = x.bound_to;
  const bool on_gpu = x.on_gpu || x.chooses;
  const bool plain = x.chooses ? bound < 0 : !x.on_gpu;
  const auto count = static_cast<std::int32_t>(places_.size());
  for (std::int32_t h = 0; h < count; ++h) {
    const auto& host = places_[static_cast<std::size_t>(h)];
    if (!host.hosts || host.owner == nullptr || (!plain && !host.pool)) continue;
    if (plain && (only.empty() || only == host.name)) each(candidate{h, -1});
    for (std::int32_t d = 0; d < count; ++d) {
      const auto& device = places_[static_cast<std::size_t>(d)];
      if (device.hosts || device.owner == nullptr) continue;
      if (device.devices && on_gpu) {
        if (!host.pool) continue;
      } else if (!plain || (device.devices && x.two_bodies)) {
        continue;  // a plain task may hold a device; one that has a body for it would run that
      }
      if (bound >= 0 && d != bound) continue;
      if (only.empty() || only == host.name || only == device.name) each(candidate{h, d});
    }
  }
}

// Devices that are lost are for tasks that can go nowhere else, and fail there.
bool router::avoids(const node& n, candidate c) const {
  const auto* const device = device_of(c);
  if (device == nullptr || !device->lost()) return false;
  bool elsewhere = false;
  candidates(n, [&](candidate other) {
    const auto* const p = device_of(other);
    elsewhere = elsewhere || ((p == nullptr || !p->lost()) && feasible(n, other));
  });
  return elsewhere;
}

bool router::of_devices_alone(const std::string& name) const {
  bool of_device = false;
  for (const auto& p : places_) {
    if (p.owner == nullptr || find(p.tags, name) == nullptr) continue;
    if (!p.devices) return false;
    of_device = true;
  }
  return of_device;
}

bool router::all_lost(const node& n) const {
  const std::lock_guard lock(mutex_);
  bool other = false;
  bool lost = false;
  candidates(n, [&](candidate c) {
    const auto* const p = device_of(c);
    const bool is_lost = p != nullptr && p->lost();
    lost = lost || is_lost;
    other = other || (!is_lost && feasible(n, c));
  });
  return lost && !other;
}

bool router::on_device_alone(node& n) const {
  const std::lock_guard lock(mutex_);
  auto& x = *n.extra();
  if (options_of(n).needs.find("gpu") != nullptr) return true;
  const auto possible = [&](bool on_gpu) {
    bool any = false;
    x.on_gpu = on_gpu;
    candidates(n, [&](candidate c) { any = any || feasible(n, c); });
    x.on_gpu = false;
    return any;
  };
  return !possible(false) && possible(true);
}

bool router::feasible(const node& n, candidate c) const {
  return split(*this, n, c, [](std::int32_t /*place*/, const tag& t, std::int64_t units) {
    return t.total >= units;
  });
}

bool router::available(const node& n, candidate c, std::span<node* const> lenders) const {
  return split(*this, n, c,
               [&](std::int32_t from, const tag& t, std::int64_t units) {
                 if (t.available() >= units) return true;
                 if (lenders.empty() || from != c.device) return false;
                 auto lent = t.available();
                 for (const auto* lender : lenders) {
                   for (const auto& e : lender->extra()->held.taken) {
                     if (!lends(*lender, e, c.device, t)) continue;
                     lent += e.turn != nullptr ? e.turn->units() : e.units;
                   }
                 }
                 return lent >= units && !wanted_above(n, c.device, t);
               }) &&
         claimed_before(n, c) == nullptr;
}

// The inputs of a GPU task that are issued and not done: when its host part begins, the device is
// told to go on behind them. One that has timed out since is not among them, and fails the task
// instead.
std::vector<node*> router::lenders_of(node& n) {
  std::vector<node*> lenders;
  const auto& x = *n.extra();
  // Relaxed: they were counted before the task became ready, and are looked at below.
  if (!x.on_gpu || x.late_inputs.load(std::memory_order_relaxed) <= 1 ||
      options_of(n).needs.entries().empty()) {
    return lenders;
  }
  n.visit_pending_inputs(
      [](void* context, node& input) {
        if (!input.readable_early() || !input.extra()->held.held) return;
        auto& found = *static_cast<std::vector<node*>*>(context);
        // An input that was given twice lends once.
        if (std::ranges::find(found, &input) == found.end()) found.push_back(&input);
      },
      &lenders, true);
  return lenders;
}

// Only the last in the succession has nobody on the device who is to have it first.
bool router::lends(const node& lender, const reservation::entry& e, std::int32_t device,
                   const tag& t) {
  return e.place == device && e.tag == t.name &&
         (e.turn == nullptr || e.turn->holders.back().task == &lender);
}

// Whether a waiting task of higher priority could use the tag there: what comes back is for that.
bool router::wanted_above(const node& n, std::int32_t device, const tag& t) const {
  for (const auto& [key, q] : waiting_) {
    for (const auto& [rank, above] : q.tasks) {
      if (above->priority <= n.priority || options_of(*above).needs.find(t.name) == nullptr) break;
      if (above->current() != phase::pending) continue;
      bool there = false;
      candidates(*above, [&](candidate c) {
        there = there || (c.device == device && feasible(*above, c));
      });
      if (there) return true;
      break;  // the rest of the queue is alike
    }
  }
  return false;
}

// Older tasks that were passed over too often have claims.
const std::string* router::claimed_before(const node& n, candidate c) const {
  if (claims_ == 0) return nullptr;
  const auto& mine = options_of(n).needs;
  const auto sequence = n.extra()->sequence != 0 ? n.extra()->sequence : next_sequence_;
  const std::pair rank(-static_cast<std::int64_t>(n.priority), sequence);
  for (const auto& [key, q] : waiting_) {
    if (!q.claims || q.tasks.empty()) continue;
    const auto& [its_rank, task] = *q.tasks.begin();
    // Only to what goes before it: two tasks with claims must not yield to each other.
    if (its_rank >= rank) continue;
    const auto& first = *task;
    for (const auto& e : options_of(first).needs.entries()) {
      if (mine.find(e.tag) == nullptr) continue;
      const bool same_device = q.claimed.device >= 0 && q.claimed.device == c.device;
      const bool same_host = q.claimed.host == c.host && q.claimed.device < 0;
      if (same_device || same_host || find(executor_wide_, e.tag) != nullptr) return &e.tag;
    }
  }
  return nullptr;
}

bool router::has_place(const node& n) const {
  const std::lock_guard lock(mutex_);
  bool possible = false;
  candidates(n, [&](candidate c) { possible = possible || feasible(n, c); });
  return possible;
}

late_keepers router::waiting() const {
  late_keepers all;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, q] : waiting_) {
    for (const auto& [order, n] : q.tasks) {
      all.nodes.push_back(n);
      n->add_keeper();
    }
  }
  return all;
}

std::string router::restrictions(const node& n) const {
  const std::lock_guard lock(mutex_);
  if (std::ranges::none_of(places_, [](const place& p) { return p.owner != nullptr && p.hosts; })) {
    return {};
  }
  const auto& o = options_of(n);
  return o.needs.to_string() + (o.place_on.empty() ? "" : " on \"" + o.place_on + '"');
}

void router::check(const node& n, const char* verb) const {
  const std::lock_guard lock(mutex_);
  const auto& o = options_of(n);
  bool possible = false;
  candidates(n, [&](candidate c) { possible = possible || feasible(n, c); });
  if (possible) return;
  if (elastic_) return;  // it may appear
  const std::string task = std::string(verb) + ": task \"" + n.name() + "\" ";
  if (n.extra()->on_gpu && !n.extra()->chooses &&
      std::ranges::none_of(places_, [](const place& p) { return p.devices && p.owner; })) {
    throw unsatisfiable_error(task +
                                  "takes a gpu::stream, and no place of this executor has streams; "
                                  "give it gpu::simulated, or gpu::cuda where there is a GPU",
                              "gpu", amount(1), {});
  }
  const bool hosted =
      std::ranges::any_of(places_, [](const place& p) { return p.hosts && p.owner != nullptr; });
  if (!hosted) {
    throw unsatisfiable_error(task +
                                  "finds no place that runs tasks; give the executor a "
                                  "backend with workers, such as cpu::threads",
                              "cpu", amount::from_units(n.extra()->cpu_units), {});
  }
  if (!o.place_on.empty()) {
    const bool known = std::ranges::any_of(
        places_, [&](const place& p) { return p.owner != nullptr && p.name == o.place_on; });
    if (!known) {
      throw unsatisfiable_error(task + "is to run on \"" + o.place_on +
                                    "\", which is no place of this executor; see "
                                    "executor::places()",
                                o.place_on, amount(1), {});
    }
  }
  // Name the tag whose largest offer falls short, else the last one: they do not come together.
  auto missing = o.needs.entries().empty() ? resources::entry{"cpu", 1} : o.needs.entries().back();
  std::int64_t largest = 0;
  for (const auto& e : o.needs.entries()) {
    std::int64_t best = 0;
    const auto consider = [&](const std::vector<tag>& tags) {
      if (const auto* t = find(tags, e.tag)) best = std::max(best, t->total);
    };
    consider(executor_wide_);
    for (const auto& p : places_) {
      if (p.owner != nullptr && (o.place_on.empty() || p.name == o.place_on || !p.hosts)) {
        consider(p.tags);
      }
    }
    if (best < e.value.units()) {
      missing = e;
      largest = best;
      break;
    }
    if (&e == &o.needs.entries().back()) largest = best;
  }
  const auto offer = amount::from_units(largest);
  std::string what = task + "needs {\"" + missing.tag + "\", " + missing.value.to_string() + "}";
  what += offer < missing.value
              ? ", and the largest offer of one place is " + offer.to_string() +
                    "; ask for less, or add a place that offers it"
              : ", and no place offers it together with its other needs; ask for less, or drop "
                "place_on";
  throw unsatisfiable_error(what, missing.tag, missing.value, offer);
}

void router::check_preferred(const node& n, const char* verb) const {
  const std::lock_guard lock(mutex_);
  const auto& prefer = options_of(n).prefer;
  std::string known;
  for (const auto& p : places_) {
    if (p.owner == nullptr) continue;
    if (p.name == prefer) return;
    known += (known.empty() ? "" : ", ") + p.name;
  }
  if (elastic_) return;  // it may appear
  throw std::invalid_argument(std::string(verb) + ": task \"" + n.name() + "\" prefers \"" +
                              prefer +
                              "\", which is no place of this executor; name one of its places (" +
                              known + "), or drop .prefer");
}

// ---- Choosing.

std::size_t router::missing_bytes(const node& n, candidate c) const {
  const auto* const device = device_of(c);
  const auto& data = n.extra()->data;
  const void* const memory = device != nullptr ? device->memory() : nullptr;
  std::size_t bytes = device != nullptr ? data.other_bytes : 0;
  for (const auto& a : data.arrays) {
    const bool there =
        device != nullptr ? std::ranges::find(a.memories, memory) != a.memories.end() : a.on_host;
    if (!there) bytes += a.bytes;
  }
  return bytes;
}

router::score router::score_of(const node& n, candidate c) const {
  const auto& host = places_[static_cast<std::size_t>(c.host)];
  const auto* device = c.device >= 0 ? &places_[static_cast<std::size_t>(c.device)] : nullptr;
  score result;
  const auto load = static_cast<double>(host.owner->load());
  const auto* cpu = find(host.tags, "cpu");
  const double shares =
      cpu != nullptr ? std::max(1.0, amount::from_units(cpu->total).value()) : 1.0;
  const auto& prefer = options_of(n).prefer;
  const bool chooses = n.extra()->chooses;
  if (!prefer.empty() &&
      ((prefer == host.name && load <= shares && !(chooses && on_device(n, c))) ||
       (device != nullptr && prefer == device->name))) {
    result.preferred = 1e15;
  }
  if (chooses) {
    // What would have to be copied, and the work that is in the way of either body.
    result.inputs = -static_cast<double>(missing_bytes(n, c));
    if (on_device(n, c)) {
      result.load =
          -bytes_for_a_gpu_turn * static_cast<double>(device->owner->load_at(device->local));
    } else if (load > shares) {
      result.load = -bytes_for_a_turn * (load - shares) / shares;
    }
    result.load -= 1e-3 * load;
    return result;
  }
  // Where most input bytes lie, unless tasks queue up there; then the emptier device; then the
  // shorter queue.
  result.inputs = static_cast<double>(n.extra()->bytes_at(c.host) +
                                      (c.device >= 0 ? n.extra()->bytes_at(c.device) : 0));
  if (device != nullptr) {
    for (const auto& e : options_of(n).needs.entries()) {
      if (const auto* t = find(device->tags, e.tag); t != nullptr && t->total > 0) {
        result.load += static_cast<double>(t->available()) / static_cast<double>(t->total);
      }
    }
  }
  if (n.extra()->on_gpu) {
    if (std::ranges::find(n.extra()->drawn_to, c.device) != n.extra()->drawn_to.end()) {
      result.inputs += 1e12;
    }
    result.load -=
        bytes_for_a_gpu_turn * static_cast<double>(device->owner->load_at(device->local));
  }
  if (load > shares) result.load -= bytes_for_a_turn * (load - shares) / shares;
  result.load -= 1e-3 * load;
  return result;
}

std::optional<router::choice> router::choose(node& n, std::int32_t host) const {
  auto lenders = lenders_of(n);
  const bool weighs = n.extra()->chooses || n.extra()->timed;
  std::vector<candidate> possible;
  std::optional<candidate> best;
  double best_score = 0;
  candidates(n, [&](candidate c) {
    if ((host >= 0 && c.host != host) || !available(n, c, lenders) || avoids(n, c)) return;
    if (weighs) possible.push_back(c);
    const auto s = score_of(n, c).sum();
    if (!best || s > best_score) {
      best = c;
      best_score = s;
    }
  });
  if (!best) return std::nullopt;
  if (!weighs) return choice{*best, std::move(lenders), nullptr, host};
  auto [at, why] = weigh_all(n, possible, *best);
  return choice{at, std::move(lenders), std::move(why), host};
}

// Of several that would have done the best one's greatest lead over the next says it.
trace::route_reason router::reason_for(const node& n, const choice& chosen) const {
  using enum trace::route_reason;
  const auto& x = *n.extra();
  if (x.fell_back) return fell_back;
  if (x.chooses) return body;
  if (!options_of(n).place_on.empty()) return named;
  if (x.bound_to >= 0) return bound;
  bool elsewhere = false;
  std::optional<score> next;
  candidates(n, [&](candidate c) {
    if (chosen.asked >= 0 && c.host != chosen.asked) return;
    if ((c.host == chosen.at.host && c.device == chosen.at.device) || !feasible(n, c)) return;
    elsewhere = true;
    if (!available(n, c, chosen.lenders) || avoids(n, c)) return;
    const auto s = score_of(n, c);
    if (!next || s.sum() > next->sum()) next = s;
  });
  if (!elsewhere) return chosen.asked >= 0 ? x.sent_for : only;
  if (!next) return tags;
  const auto mine = score_of(n, chosen.at);
  const std::array leads{std::pair(mine.preferred - next->preferred, preferred),
                         std::pair(mine.inputs - next->inputs, inputs),
                         std::pair(mine.load - next->load, load)};
  const auto& greatest =
      *std::ranges::max_element(leads, {}, [](const auto& l) { return l.first; });
  return greatest.first > 0 ? greatest.second : first;
}

// Where least is missing. Empty where no place could run it at present.
std::string_view router::missing_tag(const node& n) const {
  std::string_view found;
  std::optional<std::int64_t> least;
  candidates(n, [&](candidate c) {
    if (!feasible(n, c)) return;
    std::int64_t missing = 0;
    std::string_view first;
    static_cast<void>(split(*this, n, c, [&](std::int32_t, const tag& t, std::int64_t units) {
      if (t.available() >= units) return true;
      missing += units - t.available();
      if (first.empty()) first = t.name;
      return true;
    }));
    if (first.empty()) {
      if (const auto* const claimed = claimed_before(n, c)) first = *claimed;
    }
    if (first.empty() || (least && *least <= missing)) return;
    least = missing;
    found = first;
  });
  return found;
}

cost_model::kind router::kind_of(const node& n) {
  const auto& data = n.extra()->data;
  auto bytes = data.other_bytes;
  for (const auto& a : data.arrays) bytes += a.bytes;
  return {n.extra()->kind, cost_model::size_of(bytes)};
}

cost_model::body router::body_at(const node& n, candidate c) const {
  if (!on_device(n, c)) return cost_model::body::cpu;
  return device_of(c)->simulated() ? cost_model::body::simulated_gpu : cost_model::body::gpu;
}

cost_model::candidate router::weigh(const node& n, candidate c) const {
  cost_model::candidate w;
  w.runs = body_at(n, c);
  auto& about = w.about;
  about.missing = missing_bytes(n, c);
  const auto add_copy = [&](std::int32_t end, bool to_host, std::size_t bytes) {
    const auto time = model_.copy_time(end, to_host, bytes);
    about.copy += time.value_or(std::chrono::nanoseconds(0));
    about.copy_known = about.copy_known && time.has_value();
  };
  if (w.runs == cost_model::body::cpu) {
    // A worker is about to run it, so nothing is in its way.
    about.place = places_[static_cast<std::size_t>(c.host)].name;
    for (const auto& a : n.extra()->data.arrays) {
      if (a.on_host) continue;
      const auto from = std::ranges::find_if(places_, [&](const place& p) {
        return p.devices && std::ranges::find(a.memories, p.memory()) != a.memories.end();
      });
      add_copy(static_cast<std::int32_t>(from - places_.begin()), true, a.bytes);
    }
    return w;
  }
  const auto& device = *device_of(c);
  about.place = device.name;
  about.simulated = device.simulated();
  if (about.missing != 0) add_copy(c.device, false, about.missing);
  about.ahead = std::chrono::nanoseconds(device.expected);
  const auto load = device.lost() ? 0 : device.owner->load_at(device.local);
  w.tasks_ahead = load - std::min(load, device.timed);
  return w;
}

// The chosen place with the reason. Of a task without a choice that of the score, which goes by
// data where there is one.
std::pair<router::candidate, std::shared_ptr<const placement>> router::weigh_all(
    const node& n, std::span<const candidate> possible, candidate by_score) const {
  const auto& o = options_of(n);
  std::vector<cost_model::candidate> weighed;
  weighed.reserve(possible.size());
  std::size_t chosen = 0;
  for (const auto& c : possible) {
    if (c.host == by_score.host && c.device == by_score.device) chosen = weighed.size();
    weighed.push_back(weigh(n, c));
  }
  placement p;
  p.why = n.extra()->chooses ? placement::reason::data : placement::reason::tags;
  if (n.extra()->timed) {
    const auto best = model_.choose(kind_of(n), weighed);
    if (n.extra()->chooses && o.prefer.empty()) {
      chosen = best.chosen;
      p.why = best.why;
    }
  }
  p.options.push_back(std::move(weighed[chosen].about));
  for (std::size_t i = 0; i < weighed.size(); ++i) {
    if (i != chosen) p.options.push_back(std::move(weighed[i].about));
  }
  return {possible[chosen], std::make_shared<const placement>(std::move(p))};
}

void router::ran(const node& n, std::chrono::nanoseconds took) {
  const std::lock_guard lock(mutex_);
  const auto& x = *n.extra();
  const candidate at{x.held.host_place, x.held.device_place};
  // Copies of its data are no part of the run: they are reckoned by where that is.
  if (x.on_gpu) took -= std::min(took, std::chrono::nanoseconds(x.expected_copy));
  model_.ran(kind_of(n), body_at(n, at), took);
}

void router::moved(std::int32_t at, bool to_host, std::size_t bytes,
                   std::chrono::nanoseconds took) {
  const std::lock_guard lock(mutex_);
  model_.moved(at, to_host, bytes, took);
}

void router::fetched(const void* memory, std::size_t bytes, std::chrono::nanoseconds took) {
  if (memory == nullptr || bytes < tells_bandwidth) return;
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].memory() != memory) continue;
    model_.moved(static_cast<std::int32_t>(i), true, bytes, took);
  }
}

placement router::explain(const node& n, std::int32_t default_place) const {
  const std::lock_guard lock(mutex_);
  placement p;
  auto host = default_place;
  if (!n.routed) {
    p.why = placement::reason::pool;
  } else {
    const auto& x = *n.extra();
    if (x.why != nullptr) {
      p = *x.why;
    } else if (!x.held.held && n.current() == phase::pending) {
      return p;
    } else {
      p.why = placement::reason::tags;
    }
    host = x.on_gpu ? x.held.device_place : x.held.host_place;
  }
  if (p.options.empty() && host >= 0 && static_cast<std::size_t>(host) < places_.size()) {
    const auto& at = places_[static_cast<std::size_t>(host)];
    p.options.push_back({.place = at.name, .simulated = at.simulated()});
  }
  return p;
}

router::target router::target_of(node& n, candidate c) const {
  const auto& p = places_[static_cast<std::size_t>(c.host)];
  return {p.owner, p.local, c.host, &n};
}

void router::reserve(node& n, const choice& chosen) {
  const auto c = chosen.at;
  const bool traced = trace::on();
  if (traced) {
    const auto why = chosen.by_waiter ? trace::route_reason::waiter : reason_for(n, chosen);
    trace::detail::emit(trace::event_kind::route, n,
                        trace::route_choice{c.host, c.device, why}.argument());
  }
  auto& held = n.extra()->held;
  held.host_place = c.host;
  held.device_place = c.device;
  auto& x = *n.extra();
  x.on_gpu = on_device(n, c);
  // Where the value will lie.
  n.made_at = static_cast<std::int16_t>(x.on_gpu ? c.device : c.host);
  held.taken.clear();
  held.taken.reserve(options_of(n).needs.entries().size() + 1);
  if (x.timed) {
    model_.began(kind_of(n), body_at(n, c));
    const auto& expected = chosen.why->options.front();
    x.expected_copy = expected.copy.count();
    x.expected = x.expected_copy + expected.run.value_or(std::chrono::nanoseconds(0)).count();
    if (x.on_gpu) {
      auto& device = places_[static_cast<std::size_t>(c.device)];
      device.expected += x.expected;
      ++device.timed;
    }
  }
  held.held = true;  // if there is no memory, what was taken goes back with the task
  static_cast<void>(split(*this, n, c, [&](std::int32_t from, tag& t, std::int64_t units) {
    // What inputs have first, even if there is more: it could not be used before they end.
    if (from == c.device) {
      for (auto* lender : chosen.lenders) units -= follow(n, *lender, from, t, units);
    }
    if (units == 0) return true;
    held.taken.push_back({from, t.name, units});
    t.used += units;
    if (traced) tell_tag(trace::event_kind::acquire, n, held.taken.back());
    return true;
  }));
  // What a fallback says of the device is not replaced.
  if (chosen.why != nullptr && !x.fell_back) x.why = chosen.why;
  if (x.chooses) {
    trace::detail::emit(trace::event_kind::choose, n, static_cast<std::uint64_t>(chosen.why->why));
  }
}

// Has `n` take its turn behind `lender` with up to `wanted` of what that has of the tag; how much.
std::int64_t router::follow(node& n, node& lender, std::int32_t device, const tag& t,
                            std::int64_t wanted) {
  std::int64_t got = 0;
  auto& taken = n.extra()->held.taken;
  for (auto& e : lender.extra()->held.taken) {
    if (got == wanted) break;
    if (!lends(lender, e, device, t)) continue;
    if (e.turn == nullptr) {
      auto made = std::make_shared<succession>();
      made->holders.push_back({&lender, e.units});
      e.turn = std::move(made);
    }
    const auto units = std::min(wanted - got, e.turn->units());
    taken.push_back({device, t.name, 0});
    e.turn->holders.push_back({&n, units});
    taken.back().units = units;
    taken.back().turn = e.turn;
    got += units;
    if (trace::on()) {
      tell_tag(trace::event_kind::acquire, n, taken.back());
      trace::detail::tell(trace::event_kind::follow, n, lender.path, t.name);
    }
  }
  return got;
}

void router::give_back(node& n) {
  auto& held = n.extra()->held;
  if (!held.held) return;
  held.held = false;
  if (const auto& x = *n.extra(); x.timed) {
    model_.ended(kind_of(n), body_at(n, {held.host_place, held.device_place}));
    if (x.on_gpu) {
      auto& device = places_[static_cast<std::size_t>(held.device_place)];
      device.expected -= x.expected;
      --device.timed;
    }
  }
  for (const auto& t : held.taken) {
    auto& tags = t.place >= 0 ? places_[static_cast<std::size_t>(t.place)].tags : executor_wide_;
    const auto freed = t.turn != nullptr ? t.turn->leave(n) : t.units;
    if (auto* mine = find(tags, t.tag)) mine->used -= freed;
    if (trace::on()) tell_tag(trace::event_kind::release, n, t);
  }
  held.taken.clear();
}

// After a reservation: its canceller may have looked for it before it was made. Then drops both it
// and the entry's keeper.
bool router::ended_meanwhile(node& n) {
  if (n.current() == phase::pending) return false;
  give_back(n);
  n.drop_keeper();
  return true;
}

std::string router::signature(const node& n) {
  const auto& o = options_of(n);
  auto alike = o.needs.to_string() + '\n' + o.place_on;
  const auto& x = *n.extra();
  if (x.chooses) {
    alike += "\neither";
  } else if (x.two_bodies) {
    alike += x.on_gpu ? "\ndevice" : "\nhost";
  }
  if (const auto bound = x.bound_to; bound >= 0) alike += '\n' + std::to_string(bound);
  return alike;
}

void router::park(node& n) {
  auto& x = *n.extra();
  if (x.sequence == 0) x.sequence = next_sequence_++;
  const auto order = std::pair(-static_cast<std::int64_t>(n.priority), x.sequence);
  if (!waiting_[signature(n)].tasks.emplace(order, &n).second) {
    // A waiter ran it meanwhile, and now it runs again: the old entry, with its keeper, serves.
    n.drop_keeper();
  }
  if (trace::on()) {
    trace::detail::tell(trace::event_kind::enqueue, n,
                        static_cast<std::uint64_t>(trace::queue::tags), missing_tag(n));
  }
}

// `n` got its amounts: every older waiting task that shares a tag with it was passed over.
void router::passed_over(const node& n) {
  const auto& mine = options_of(n).needs;
  const auto sequence = n.extra()->sequence != 0 ? n.extra()->sequence : next_sequence_;
  for (auto& [key, q] : waiting_) {
    if (q.tasks.empty()) continue;
    auto& first = *q.tasks.begin()->second;
    if (first.extra()->sequence > sequence || first.priority < n.priority || q.claims) continue;
    const auto& theirs = options_of(first).needs.entries();
    if (std::ranges::none_of(
            theirs, [&](const auto& e) { return e.tag != "cpu" && mine.find(e.tag) != nullptr; })) {
      continue;
    }
    if (++first.extra()->passed_over < patience) continue;
    // It claims the place where least is missing.
    std::optional<candidate> best;
    std::int64_t best_missing = 0;
    candidates(first, [&](candidate c) {
      if (!feasible(first, c)) return;
      std::int64_t missing = 0;
      static_cast<void>(split(*this, first, c, [&](std::int32_t, const tag& t, std::int64_t units) {
        missing += std::max<std::int64_t>(0, units - t.available());
        return true;
      }));
      if (!best || missing < best_missing) {
        best = c;
        best_missing = missing;
      }
    });
    if (best) {
      q.claims = true;
      q.claimed = *best;
      ++claims_;
    }
  }
}

void router::drop_claim(queue& q) {
  if (!q.claims) return;
  q.claims = false;
  --claims_;
}

void router::note_inputs(node& n, input_places inputs) {
  const std::lock_guard lock(mutex_);
  auto& x = *n.extra();
  x.input_bytes = std::move(inputs.bytes);
  x.drawn_to = std::move(inputs.draw);
  const auto is_device = [&](std::int32_t at) {
    return at >= 0 && static_cast<std::size_t>(at) < places_.size() &&
           places_[static_cast<std::size_t>(at)].devices &&
           places_[static_cast<std::size_t>(at)].owner != nullptr;
  };
  if (!(x.on_gpu || x.chooses) || !is_device(inputs.bound)) return;
  const auto& only = options_of(n).place_on;
  // Who names a device may only want to hand things on there.
  if (std::ranges::any_of(places_, [&](const place& p) { return p.devices && p.name == only; })) {
    return;
  }
  const auto name = [&](std::int32_t at) {
    return '"' + places_[static_cast<std::size_t>(at)].name + '"';
  };
  if (is_device(inputs.also_bound)) {
    throw unsatisfiable_error(
        "task \"" + n.name() + "\": its inputs lie on " + name(inputs.bound) + " and " +
            name(inputs.also_bound) +
            ", and a buffer is of use on its own device alone; copy one through the host with "
            "stream::to_host and stream::to_device",
        places_[static_cast<std::size_t>(inputs.also_bound)].name, amount(1), {});
  }
  x.bound_to = inputs.bound;
  bool possible = false;
  candidates(n, [&](candidate c) { possible = possible || feasible(n, c); });
  if (possible || elastic_) return;
  throw unsatisfiable_error("task \"" + n.name() + "\": its input lies on " + name(inputs.bound) +
                                ", where there will never be " + options_of(n).needs.to_string() +
                                "; ask for less, or copy the input through the host",
                            places_[static_cast<std::size_t>(inputs.bound)].name, amount(1), {});
}

void router::fall_back(node& n, std::string failure) {
  const std::lock_guard lock(mutex_);
  give_back(n);  // as what it was; who waits for that is served when it is released
  auto& x = *n.extra();
  placement why{.why = placement::reason::fell_back, .failure = std::move(failure)};
  x.why = std::make_shared<const placement>(std::move(why));
  trace::detail::emit(trace::event_kind::fall_back, n,
                      static_cast<std::uint64_t>(x.held.device_place));
  x.on_gpu = x.chooses = false;
  x.fell_back = true;
  x.bound_to = -1;
}

void router::note_data(node& n, input_data data) {
  const std::lock_guard lock(mutex_);
  n.extra()->data = std::move(data);
}

std::optional<router::target> router::route(node& n) {
  const std::lock_guard lock(mutex_);
  // If it fits, then no waiting task of the same needs did, or it would have been served; or it
  // takes its turn behind an input of its own.
  const auto best = choose(n, -1);
  if (!best) {
    park(n);
    return std::nullopt;
  }
  // Pools reserve when a worker picks the task, together with the cpu share.
  if (!places_[static_cast<std::size_t>(best->at.host)].pool) {
    reserve(n, *best);
    if (ended_meanwhile(n)) return std::nullopt;
    passed_over(n);
  } else {
    auto& x = *n.extra();
    x.held.host_place = best->at.host;
    x.sent_for = trace::on() ? reason_for(n, *best) : trace::route_reason::untold;
  }
  return target_of(n, best->at);
}

task_host::claim_result router::claim(node& n, std::int32_t at, bool inline_waiter) {
  using result = task_host::claim_result;
  const std::lock_guard lock(mutex_);
  if (!n.inputs_done() || n.current() != phase::pending) return result::gone;
  auto& x = *n.extra();
  if (inline_waiter && x.cpu_units != amount::scale) return result::gone;
  const bool had = x.held.held;
  if (had && x.held.host_place != at && inline_waiter) return result::gone;
  if (had) return n.try_claim(phase::running) ? result::claimed : result::gone;
  auto best = choose(n, at);
  if (!best) {
    if (!inline_waiter) park(n);
    return result::parked;
  }
  best->by_waiter = inline_waiter && x.held.host_place != at;
  reserve(n, *best);
  passed_over(n);
  yield_point();
  if (n.try_claim(phase::running)) return result::claimed;
  give_back(n);
  return result::gone;
}

std::vector<router::target> router::release(node& n) {
  late_keepers ended;
  const std::lock_guard lock(mutex_);
  give_back(n);
  return serve(ended);
}

std::vector<router::target> router::look_again() {
  late_keepers ended;
  const std::lock_guard lock(mutex_);
  return serve(ended);
}

std::vector<router::target> router::serve(late_keepers& ended) {
  std::vector<target> ready;
  // All memory first: a task that has left its queue must not be lost.
  std::size_t count = 0;
  for (const auto& [key, q] : waiting_) count += q.tasks.size();
  ended.nodes.reserve(count);
  ready.reserve(count);
  for (;;) {
    // Of the queues' first tasks that fit, the one of highest priority, then the oldest.
    queue* from = nullptr;
    choice to;
    for (auto& [key, q] : waiting_) {
      while (!q.tasks.empty() && q.tasks.begin()->second->current() != phase::pending) {
        ended.nodes.push_back(q.tasks.begin()->second);
        q.tasks.erase(q.tasks.begin());
        drop_claim(q);
      }
      if (q.tasks.empty()) continue;
      if (from != nullptr && from->tasks.begin()->first < q.tasks.begin()->first) continue;
      if (auto c = choose(*q.tasks.begin()->second, -1)) {
        from = &q;
        to = std::move(*c);
      }
    }
    if (from == nullptr) break;
    auto& n = *from->tasks.begin()->second;
    try {
      reserve(n, to);
    } catch (...) {
      give_back(n);
      if (ready.empty()) throw;
      break;  // those first; it is looked at again when they end
    }
    from->tasks.erase(from->tasks.begin());
    drop_claim(*from);
    passed_over(n);
    // Cancelled in between: its canceller may have looked for the reservation before it was made.
    if (n.current() != phase::pending) {
      give_back(n);
      ended.nodes.push_back(&n);
      continue;
    }
    ready.push_back(target_of(n, to.at));
  }
  std::erase_if(waiting_, [](const auto& entry) { return entry.second.tasks.empty(); });
  return ready;
}

std::vector<node*> router::take_waiting() {
  const std::lock_guard lock(mutex_);
  std::vector<node*> all;
  for (auto& [key, q] : waiting_) {
    for (auto& [order, n] : q.tasks) all.push_back(n);
  }
  waiting_.clear();
  claims_ = 0;
  return all;
}

bool router::could_start(const node& n, std::span<node* const> stuck, std::string& missing) const {
  const std::lock_guard lock(mutex_);
  bool possible = false;
  candidates(n, [&](candidate c) {
    possible =
        possible || split(*this, n, c, [&](std::int32_t from, const tag& t, std::int64_t units) {
          std::int64_t kept = 0;
          for (const auto* other : stuck) {
            if (other->host != n.host || !other->routed) continue;
            for (const auto& e : other->extra()->held.taken) {
              if (e.place == from && e.tag == t.name) kept += e.units;
            }
          }
          if (t.total - kept >= units) return true;
          missing = t.name;
          return false;
        });
  });
  return possible || elastic_;
}

}  // namespace fronta::detail
