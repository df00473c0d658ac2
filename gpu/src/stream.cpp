// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/stream.hpp>

#include "context.hpp"

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

std::string to_string(extent e) {
  return std::to_string(e.x) + " x " + std::to_string(e.y) + " x " + std::to_string(e.z);
}

}  // namespace

namespace detail {

block::block(std::shared_ptr<device_context> on, void* data, std::size_t bytes) noexcept
    : on_(std::move(on)), data_(data), bytes_(bytes) {}

block::~block() { on_->on().deallocate(on_->frees(), data_); }

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
  const auto bytes = elements * each;
  if (elements != 0 && bytes / elements != each) {
    throw device_bad_alloc(
        "gpu::stream::allocate: " + std::to_string(elements) + " elements of " +
            std::to_string(each) + " bytes are more than any device has; ask for less",
        std::numeric_limits<std::size_t>::max(), device_->memory().free_bytes, {});
  }
  if (bytes == 0) return nullptr;
  auto* const p = device_->allocate(handle_, bytes);
  std::shared_ptr<detail::block> made;
  try {
    made = std::make_shared<detail::block>(context_, p, bytes);
  } catch (...) {
    device_->deallocate(handle_, p);
    throw;
  }
  // Also when nobody uses it: freed before it is there, the stream would find it gone.
  memory_->use(made);
  return made;
}

void stream::copy_bytes(void* to, const void* from, std::size_t bytes, copy_kind kind) {
  if (bytes != 0) device_->copy(handle_, to, from, bytes, kind);
}

void stream::copy_back(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  auto* const staged = memory_->stage(*context_, to, bytes);
  device_->copy(handle_, staged, from, bytes, copy_kind::to_host);
}

}  // namespace fronta::gpu
