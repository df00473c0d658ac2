// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/stream.hpp>

#include <fronta/detail/worker.hpp>

#include "array_copy.hpp"
#include "context.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <limits>
#include <stdexcept>
#include <string>

namespace fronta::gpu {
namespace {

// Of every device since compute capability 3.0.
constexpr unsigned most_blocks_x = 0x7FFF'FFFF;
constexpr unsigned most_blocks_yz = 0xFFFF;
constexpr unsigned most_threads = 1'024;
constexpr unsigned most_threads_z = 64;

constexpr int invalid_value = 1;

// Up to here bytes go through pinned memory of the task's own.
constexpr std::size_t small_upload = std::size_t{64} << 10;

// A new block's only handle.
struct array_handle {
  explicit array_handle(fronta::detail::data_block* b) noexcept : of(b) {}
  ~array_handle() {
    if (of != nullptr) of->drop_handle();
  }
  array_handle(const array_handle&) = delete;
  array_handle& operator=(const array_handle&) = delete;
  fronta::detail::data_block* pass_on() noexcept { return std::exchange(of, nullptr); }
  fronta::detail::data_block* of;
};

// Both ends: a block may be pinned in part.
bool all_pinned(const device& d, const void* at, std::size_t bytes) {
  return d.is_pinned(at) && d.is_pinned(static_cast<const std::byte*>(at) + bytes - 1);
}

std::string to_string(extent e) {
  return std::to_string(e.x) + " x " + std::to_string(e.y) + " x " + std::to_string(e.z);
}

}  // namespace

namespace detail {

block::block(std::shared_ptr<device_context> on, void* data, std::size_t bytes) noexcept
    : on_(std::move(on)), data_(data), bytes_(bytes) {}

block::~block() {
  on_->on().deallocate(on_->frees(), data_);
  on_->freed();
}

void throw_wrong_device(const device_context& has, const device_context& wanted) {
  throw launch_error("gpu::stream: a buffer of " + has.place() + " was given to a stream of " +
                         wanted.place() +
                         "; copy it to the host and from there, or run the task "
                         "where the buffer is (.place_on)",
                     invalid_value, wanted.place());
}

void throw_sizes(const char* verb, std::size_t to, std::size_t from) {
  throw std::invalid_argument(std::string("gpu::stream::") + verb + ": " + std::to_string(from) +
                              " elements do not go into " + std::to_string(to) +
                              "; give a range of the same size");
}

}  // namespace detail

stream::stream(std::shared_ptr<detail::device_context> on, stream_handle s) noexcept
    : context_(std::move(on)), device_(&context_->on()), handle_(s) {}

void stream::use(const std::shared_ptr<detail::block>& b) const {
  if (&b->on() != context_.get()) detail::throw_wrong_device(b->on(), *context_);
  memory_->use(b);
}

void stream::check(const char* name, extent grid, extent block) const {
  const auto refuse = [&](const std::string& why) {
    throw launch_error(std::string("gpu::stream::launch: kernel \"") + name + "\" has " + why,
                       invalid_value, context_->place());
  };
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) {
    refuse("an empty grid (" + to_string(grid) + "); launch nothing where there is nothing to do");
  }
  if (block.x == 0 || block.y == 0 || block.z == 0) {
    refuse("empty blocks (" + to_string(block) + "); give at least 1 x 1 x 1 threads");
  }
  if (grid.x > most_blocks_x || grid.y > most_blocks_yz || grid.z > most_blocks_yz) {
    refuse("a grid of " + to_string(grid) +
           " blocks; at most 2147483647 x 65535 x 65535 are possible, so let each thread do more");
  }
  if (std::size_t{block.x} * block.y * block.z > most_threads || block.z > most_threads_z) {
    refuse("blocks of " + to_string(block) +
           " threads; at most 1024 together and 64 in z are possible, so use more blocks");
  }
}

void stream::enqueue(std::unique_ptr<work> w) { device_->enqueue(handle_, std::move(w)); }

std::shared_ptr<detail::block> stream::make_block(std::size_t elements, std::size_t each) {
  const auto bytes = checked_bytes(elements, each);
  return bytes != 0 ? make_block_on(handle_, bytes) : nullptr;
}

std::size_t stream::checked_bytes(std::size_t elements, std::size_t each) const {
  const auto bytes = elements * each;
  if (elements != 0 && bytes / elements != each) {
    throw device_bad_alloc(
        "gpu::stream::allocate: " + std::to_string(elements) + " elements of " +
            std::to_string(each) + " bytes are more than any device has; ask for less",
        std::numeric_limits<std::size_t>::max(), device_->memory().free_bytes, {});
  }
  return bytes;
}

std::shared_ptr<detail::block> stream::make_block_on(stream_handle s, std::size_t bytes) {
  memory_->reserve();
  auto* const p = context_->allocate(s, bytes, *memory_);
  std::shared_ptr<detail::block> made;
  try {
    made = std::make_shared<detail::block>(context_, p, bytes);
  } catch (...) {
    device_->deallocate(s, p);
    throw;
  }
  // Also when nobody uses it: freed before it is there, the stream would find it gone.
  memory_->use(made);
  return made;
}

// ---- From the host. Large pieces go through the ring, on a stream that waits for no kernel.

void stream::upload(stream_handle s, detail::block& to, const void* from) {
  try {
    if (to.bytes() <= small_upload) {
      device_->copy(s, to.data(), memory_->hold(from, to.bytes()), to.bytes(),
                    copy_kind::to_device);
    } else {
      context_->uploads().upload(s, to.data(), from, to.bytes());
    }
  } catch (...) {
    if (s != handle_) static_cast<void>(context_->synchronize(s));  // what it writes is freed
    throw;
  }
}

void stream::go_behind(stream_handle s) {
  if (s == handle_) return;
  auto* const e = context_->take_event();
  try {
    device_->record(s, e);
    device_->wait(handle_, e);
  } catch (...) {
    context_->give_event(e);
    throw;
  }
  context_->give_event(e);
}

// Waits, so that what it took can be told.
void stream::upload_measured(stream_handle s, detail::block& to, const void* from,
                             const std::source_location& at) {
  pageable_copy c{.at = at,
                  .place = context_->place(),
                  .simulated = simulated(),
                  .kind = copy_kind::to_device,
                  .bytes = to.bytes()};
  if (!context_->synchronize(s)) context_->require_alive("memory was copied to it");
  const auto begin = std::chrono::steady_clock::now();
  upload(s, to, from);
  if (!context_->synchronize(s)) context_->require_alive("memory was copied to it");
  c.took = std::chrono::steady_clock::now() - begin;
  try {
    c.pinned = context_->uploads().direct_upload(s, to.data(), from, to.bytes());
  } catch (const std::exception&) {
    static_cast<void>(context_->synchronize(s));  // no number is told, but the copy stands
  }
  context_->pageable()->tell(c);
}

std::shared_ptr<detail::block> stream::uploaded(const void* from, std::size_t elements,
                                                std::size_t each, const std::source_location& at) {
  const auto bytes = checked_bytes(elements, each);
  if (bytes == 0) return nullptr;
  if (all_pinned(*device_, from, bytes)) {
    auto made = make_block_on(handle_, bytes);
    device_->copy(handle_, made->data(), from, bytes, copy_kind::to_device);
    return made;
  }
  auto* const through = bytes > small_upload ? context_->arrivals() : handle_;
  auto made = make_block_on(through, bytes);
  if (auto* const told = context_->pageable(); told != nullptr && told->first(at, bytes)) {
    upload_measured(through, *made, from, at);
  } else {
    upload(through, *made, from);
  }
  go_behind(through);
  return made;
}

// ---- Arrays.

fronta::detail::data_block* stream::new_array(std::size_t elements, std::size_t each) {
  const auto bytes = checked_bytes(elements, each);
  if (bytes == 0) return nullptr;
  array_handle made(new fronta::detail::remote_block(bytes));
  auto memory = make_block_on(handle_, bytes);
  const std::lock_guard lock(made.of->mutex);
  made.of->filling = memory_->filling();
  add_copy(*made.of, std::move(memory), nullptr);
  return made.pass_on();
}

// With the block's mutex held, as the following ones.
detail::array_copy* stream::find_here(const fronta::detail::data_block& b) const {
  const auto at = std::ranges::find(b.copies, static_cast<const void*>(context_.get()),
                                    &fronta::detail::data_copy::memory);
  return at != b.copies.end() ? static_cast<detail::array_copy*>(at->get()) : nullptr;
}

// `arrives_on`: the stream that is copying the numbers; null where this task writes them.
detail::array_copy& stream::add_copy(fronta::detail::data_block& b,
                                     std::shared_ptr<detail::block> memory,
                                     stream_handle arrives_on) {
  b.copies.reserve(b.copies.size() + 1);
  event_handle arrived = nullptr;
  if (arrives_on != nullptr) {
    arrived = context_->take_event();
    try {
      device_->record(arrives_on, arrived);
    } catch (...) {
      context_->give_event(arrived);
      throw;
    }
  }
  auto made = std::make_unique<detail::array_copy>(b, std::move(memory), arrived);
  context_->arrays().add(*made);
  auto& added = *made;
  b.copies.push_back(std::move(made));
  context_->tell(trace::event_kind::placed, b.bytes());
  return added;
}

// The stream on which the numbers would come here. From the host on one that others need not wait
// for.
stream_handle stream::source_stream(const fronta::detail::data_block& b) const {
  return find_here(b) == nullptr && b.is_on_host() ? context_->arrivals() : handle_;
}

void stream::copy_here(detail::block& to, fronta::detail::data_block& from, stream_handle through) {
  // From this device, the host or another device, whichever is first: by speed.
  auto* found = find_here(from);
  if (through != handle_ || (found == nullptr && from.is_on_host())) {
    upload(through, to, from.on_host());
    return;
  }
  if (found == nullptr) found = static_cast<detail::array_copy*>(from.any_copy());
  auto& source = *found;
  source.numbers()->context().require_alive("its arrays were copied");
  source.go_behind(*device_, handle_);
  memory_->use(source.numbers());
  const bool same = source.memory() == context_.get();
  device_->copy(handle_, to.data(), source.numbers()->data(), to.bytes(),
                same ? copy_kind::on_device : copy_kind::between);
}

void stream::go_behind_filling(const fronta::detail::data_block& b) {
  if (!b.being_filled() || memory_->fills(b)) return;
  if (order_ != nullptr && order_->go_behind(*b.filling)) return;
  throw invalid_state_error(
      "gpu::stream: the array is being filled by a task that has not ended, and this one is not "
      "behind it on the device; take the array through that task's future");
}

void stream::wait_for_filling(const fronta::detail::data_block& b) {
  go_behind_filling(b);
  synchronize();
}

void* stream::bring(fronta::detail::data_block& b) {
  if (b.bytes() == 0) return nullptr;
  const auto use_here = [&]() -> void* {
    go_behind_filling(b);
    memory_->keep(b);
    auto* const here = find_here(b);
    if (here == nullptr) return nullptr;
    here->go_behind(*device_, handle_);
    memory_->use(here->numbers());
    context_->arrays().used(*here);
    return here->numbers()->data();
  };
  stream_handle through = nullptr;
  {
    const std::lock_guard lock(b.mutex);
    if (auto* const data = use_here()) return data;
    through = source_stream(b);
  }
  // Not under the mutex, since it may wait for other tasks.
  auto memory = make_block_on(through, b.bytes());
  const std::lock_guard lock(b.mutex);
  if (auto* const data = use_here()) return data;
  copy_here(*memory, b, through);
  auto& here = add_copy(b, std::move(memory), through);
  if (through != handle_) here.go_behind(*device_, handle_);
  return here.numbers()->data();
}

void* stream::bring_to_write(fronta::detail::data_block*& b) {
  if (!b->sole_handle(memory_->own_handles(*b))) {
    array_handle made(new fronta::detail::remote_block(b->bytes()));
    stream_handle through = nullptr;
    {
      const std::lock_guard lock(b->mutex);
      through = source_stream(*b);
    }
    auto memory = make_block_on(through, b->bytes());
    const std::lock_guard new_lock(made.of->mutex);
    {
      const std::lock_guard lock(b->mutex);
      go_behind_filling(*b);
      memory_->keep(*b);
      copy_here(*memory, *b, through);
    }
    go_behind(through);
    made.of->filling = memory_->filling();
    auto* const data = add_copy(*made.of, std::move(memory), nullptr).numbers()->data();
    std::exchange(b, made.pass_on())->drop_handle();
    return data;
  }
  auto* const data = bring(*b);
  {
    const std::lock_guard lock(b->mutex);
    b->filling = memory_->filling();
    b->forget_host();
    std::erase_if(b->copies, [&](const auto& c) { return c->memory() != context_.get(); });
  }
  memory_->let_go(*b);  // from now on it fills it
  return data;
}

void stream::synchronize() {
  if (!context_->synchronize(handle_)) context_->require_alive("a host part waited for it");
}

stream& detail::stream_for_view() {
  const auto* const c = fronta::detail::this_context;
  if (c == nullptr || c->stream == nullptr) {
    throw invalid_state_error(
        "array: a gpu::view of it exists only in the host part of a GPU task; take gpu::stream& as "
        "the callable's first parameter");
  }
  return *c->stream;
}

void stream::copy_back(void* to, const void* from, std::size_t bytes,
                       const std::source_location& at) {
  if (bytes == 0) return;
  if (all_pinned(*device_, to, bytes)) {
    memory_->fills_host();
    device_->copy(handle_, to, from, bytes, copy_kind::to_host);
    return;
  }
  device_->copy(handle_, memory_->stage(*context_, to, bytes), from, bytes, copy_kind::to_host);
  if (auto* const told = context_->pageable(); told != nullptr && told->first(at, bytes)) {
    memory_->tell(from, at);
  }
}

}  // namespace fronta::gpu
