// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/array.hpp>
#include <fronta/detail/arguments.hpp>
#include <fronta/gpu/device.hpp>
#include <fronta/gpu/errors.hpp>
#include <fronta/gpu/readback.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__CUDACC__)
#define FRONTA_HOST_DEVICE __host__ __device__
#else
#define FRONTA_HOST_DEVICE
#endif

namespace fronta::gpu {

/// Device memory as a kernel sees it: a pointer and a number of elements. Owns nothing.
template <class T>
class view {
 public:
  using element_type = T;

  view() = default;
  FRONTA_HOST_DEVICE view(T* data, std::size_t size) noexcept : data_(data), size_(size) {}
  template <class U>
    requires(std::is_same_v<const U, T>)
  FRONTA_HOST_DEVICE view(view<U> other) noexcept  // NOLINT(google-explicit-constructor): as span
      : data_(other.data()), size_(other.size()) {}
  [[nodiscard]] FRONTA_HOST_DEVICE T* data() const noexcept { return data_; }
  [[nodiscard]] FRONTA_HOST_DEVICE std::size_t size() const noexcept { return size_; }
  [[nodiscard]] FRONTA_HOST_DEVICE bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] FRONTA_HOST_DEVICE T* begin() const noexcept { return data_; }
  [[nodiscard]] FRONTA_HOST_DEVICE T* end() const noexcept { return data_ + size_; }
  FRONTA_HOST_DEVICE T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

namespace detail {

// A device, for as long as the executor or memory of it exists.
class device_context;

class scratch;
class task_memory;

// A piece of device memory. Shared by handles; the last one's thread frees it.
class block {
 public:
  block(std::shared_ptr<device_context> on, void* data, std::size_t bytes) noexcept;
  ~block();
  block(const block&) = delete;
  block& operator=(const block&) = delete;
  [[nodiscard]] void* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] const device_context& on() const noexcept { return *on_; }
  [[nodiscard]] device_context& context() const noexcept { return *on_; }
  [[nodiscard]] const std::shared_ptr<device_context>& shared_context() const noexcept {
    return on_;
  }

 private:
  std::shared_ptr<device_context> on_;
  void* data_;
  std::size_t bytes_;
};

[[noreturn]] void throw_wrong_device(const device_context& has, const device_context& wanted);
[[noreturn]] void throw_sizes(const char* verb, std::size_t to, std::size_t from);
class array_copy;

// Puts what is enqueued from now on behind a task that is filling an array. False where it cannot.
class stream_order {
 public:
  virtual bool go_behind(const fronta::detail::data_fill& f) = 0;

 protected:
  ~stream_order() = default;
};

// The stream of the GPU task whose host part the calling thread runs; invalid_state_error if none.
[[nodiscard]] stream& stream_for_view();

}  // namespace detail

/// Numbers in the memory of one device, shared by cheap handles: what GPU tasks give each other.
/// The task that allocated it writes it; when that task is done it is only read. It goes with the
/// last handle, and not before the device has ended every task that used it. May outlive the
/// executor.
template <class T>
class buffer {
  static_assert(std::is_trivially_copyable_v<T>, "buffer<T> holds plain numbers and structs");

 public:
  buffer() = default;
  [[nodiscard]] std::size_t size() const noexcept {
    return block_ != nullptr ? block_->bytes() / sizeof(T) : 0;
  }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size() * sizeof(T); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

 private:
  friend class stream;
  explicit buffer(std::shared_ptr<detail::block> b) noexcept : block_(std::move(b)) {}
  std::shared_ptr<detail::block> block_;
};

template <class T>
struct device_data<buffer<T>> : std::true_type {};

/// The size of a grid, or of its blocks.
struct extent {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
};

/// Work in two versions. `on_device(native_stream, grid, block, args...)` enqueues it on a CUDA
/// stream and returns CUDA's error code; `nullptr` where there is none. `on_host(args...)` does it
/// on a simulated device, whole.
template <class OnDevice, class OnHost>
struct kernel {
  OnDevice on_device;
  OnHost on_host;
  const char* name = "kernel";
  work_cost cost = {};
};

/// Where a GPU task enqueues its work: a task is one when its callable takes a `gpu::stream&` in
/// front of its arguments. The callable, the host part, runs on a CPU worker and returns without
/// waiting; the task is done when everything that it enqueued has ended. Callable and arguments
/// live until then, so work may refer to them.
/// ```
/// auto sum = ex.submit([](fronta::gpu::stream& s, const std::vector<float>& v) {
///   auto on_device = s.to_device(std::span(v));
///   …
/// }, values);
/// ```
/// Of one host part alone; it must not block (`allocate`, `read` and their kin may wait for other
/// tasks to give memory back, with the cpu share lent). Errors are `launch_error` for a call that
/// was wrong in itself, `device_lost_error` and `device_bad_alloc`.
class stream {
 public:
  stream(std::shared_ptr<detail::device_context> on, stream_handle s) noexcept;
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  [[nodiscard]] device& on() const noexcept { return *device_; }
  [[nodiscard]] bool simulated() const noexcept { return device_->properties().simulated; }
  /// The CUstream (a cudaStream_t), for libraries that take one; null on a simulated device.
  [[nodiscard]] void* native() const noexcept { return device_->native(handle_); }

  /// Uninitialised memory on this device.
  template <class T>
  [[nodiscard]] buffer<T> allocate(std::size_t size) {
    return buffer<T>(make_block(size, sizeof(T)));
  }
  /// A copy on this device. Of pageable memory the bytes are taken before it returns; pinned memory
  /// (`device::allocate_pinned`) is read by the device itself and must live until the task is done.
  template <class T, std::size_t N>
  [[nodiscard]] auto to_device(std::span<T, N> from,
                               std::source_location at = std::source_location::current()) {
    return buffer<std::remove_const_t<T>>(uploaded(from.data(), from.size(), sizeof(T), at));
  }
  /// Copies back; the numbers are there when the task is done, and nothing waits for them before.
  /// So `to` must live until then; with a `.timeout` until the device has ended the task all the
  /// same.
  template <class T, std::size_t N, class U>
  void to_host(std::span<T, N> to, const buffer<U>& from,
               std::source_location at = std::source_location::current()) {
    static_assert(std::is_same_v<T, U>, "to_host: the element types differ");
    if (to.size() != from.size()) detail::throw_sizes("to_host", to.size(), from.size());
    copy_back(to.data(), data_of(from), to.size_bytes(), at);
  }
  /// The memory, to be read; to be written by the task that allocated it. `launch_error` for memory
  /// of another device.
  template <class T>
  [[nodiscard]] view<const T> read(const buffer<T>& b) const {
    return {static_cast<const T*>(data_of(b)), b.size()};
  }
  template <class T>
  [[nodiscard]] view<T> write(buffer<T>& b) const {
    return {static_cast<T*>(data_of(b)), b.size()};
  }

  /// An array of uninitialised numbers on this device; this task writes it, what it returns of it
  /// others read.
  template <class T>
  [[nodiscard]] array<T> make_array(std::size_t size) {
    return array<T>(new_array(size, sizeof(T)));
  }
  /// The numbers on this device. Where they are not, they are copied here, from the host or from
  /// another device, and stay until the device needs the room. Host parameters of the type
  /// `view<const T>` take an array in the same way.
  template <class T>
  [[nodiscard]] view<const T> read(const array<T>& a) {
    return {static_cast<const T*>(a.block_ != nullptr ? bring(*a.block_) : nullptr), a.size()};
  }
  /// The numbers on this device, to be changed by this task: in place when `a` is the last handle
  /// and no work still reads it, else in a copy that `a` then names. Copies elsewhere are
  /// forgotten, and spans of the host's with them.
  template <class T>
  [[nodiscard]] view<T> write(array<T>& a) {
    if (a.empty()) return {};
    return {static_cast<T*>(bring_to_write(a.block_)), a.size()};
  }

  /// Enqueues a kernel; `args` are copied. `launch_error` for an empty or too large grid or block,
  /// and on a real device for a kernel without a device version.
  template <class OnDevice, class OnHost, class... Args>
  void launch(const kernel<OnDevice, OnHost>& k, extent grid, extent block, Args... args) {
    check(k.name, grid, block);
    enqueue(std::make_unique<launched<OnDevice, OnHost, Args...>>(k, grid, block, args...));
  }
  /// Enqueues anything. What it gives the host is there when the task is done; an array whose
  /// numbers it writes on the host must not be returned, since others may read that before.
  void enqueue(std::unique_ptr<work> w);

  /// The only element of the view, for the host: see `gpu::readback`.
  template <class T>
  [[nodiscard]] gpu::readback<std::remove_const_t<T>> readback(view<T> one) {
    auto cell = std::make_shared<detail::readback_cell<std::remove_const_t<T>>>();
    hand_back(cell, cell->bytes, one.data(), one.size(), sizeof(T));
    return gpu::readback<std::remove_const_t<T>>(std::move(cell));
  }
  /// Thrust's algorithms, in <fronta/gpu/thrust.cuh> and <fronta/gpu/host_thrust.hpp>.
  template <class Body>
  void thrust(Body body, const work_cost& cost = {});
  template <class Body>
  void host_thrust(Body body, const work_cost& cost = {});

 private:
  friend class detail::scratch;
  template <class OnDevice, class OnHost, class... Args>
  class launched final : public work {
   public:
    launched(const kernel<OnDevice, OnHost>& k, extent grid, extent block, Args... args)
        : kernel_(k), grid_(grid), block_(block), args_(args...) {}
    int enqueue(void* native_stream) override {
      if constexpr (std::is_null_pointer_v<OnDevice>) {
        return no_device_version;
      } else {
        return std::apply(
            [&](const Args&... a) { return kernel_.on_device(native_stream, grid_, block_, a...); },
            args_);
      }
    }
    void run_on_host() override { std::apply(kernel_.on_host, args_); }
    [[nodiscard]] work_cost cost() const noexcept override { return kernel_.cost; }
    [[nodiscard]] const char* name() const noexcept override { return kernel_.name; }

   private:
    kernel<OnDevice, OnHost> kernel_;
    extent grid_;
    extent block_;
    std::tuple<Args...> args_;
  };
  static constexpr int no_device_version = 98;  // CUDA's invalid device function

  template <class T>
  [[nodiscard]] void* data_of(const buffer<T>& b) const {
    if (b.block_ == nullptr) return nullptr;
    use(b.block_);
    return b.block_->data();
  }
  // Keeps it until the task's work has ended.
  void use(const std::shared_ptr<detail::block>& b) const;
  void check(const char* name, extent grid, extent block) const;
  [[nodiscard]] std::shared_ptr<detail::block> make_block(std::size_t elements, std::size_t each);
  [[nodiscard]] std::size_t checked_bytes(std::size_t elements, std::size_t each) const;
  [[nodiscard]] std::shared_ptr<detail::block> make_block_on(stream_handle s, std::size_t bytes);
  void upload(stream_handle s, detail::block& to, const void* from);
  [[nodiscard]] std::shared_ptr<detail::block> uploaded(const void* from, std::size_t elements,
                                                        std::size_t each,
                                                        const std::source_location& at);
  void upload_measured(stream_handle s, detail::block& to, const void* from,
                       const std::source_location& at);
  void go_behind(stream_handle s);
  void copy_back(void* to, const void* from, std::size_t bytes, const std::source_location& at);
  [[nodiscard]] fronta::detail::data_block* new_array(std::size_t elements, std::size_t each);
  [[nodiscard]] void* bring_to_write(fronta::detail::data_block*& b);
  [[nodiscard]] detail::array_copy* find_here(const fronta::detail::data_block& b) const;
  detail::array_copy& add_copy(fronta::detail::data_block& b, std::shared_ptr<detail::block> memory,
                               stream_handle arrives_on);
  [[nodiscard]] stream_handle source_stream(const fronta::detail::data_block& b) const;
  void copy_here(detail::block& to, fronta::detail::data_block& from, stream_handle through);
  void go_behind_filling(const fronta::detail::data_block& b);
  void wait_for_filling(const fronta::detail::data_block& b);
  friend class detail::array_copy;
  void hand_back(std::shared_ptr<detail::arrival> cell, void* to, const void* from,
                 std::size_t elements, std::size_t bytes);

  std::shared_ptr<detail::device_context> context_;
  device* device_;
  stream_handle handle_;

 protected:
  [[nodiscard]] void* bring(fronta::detail::data_block& b);
  // Blocks until the device has come to the stream's present end.
  void synchronize();
  // Of the task whose host part has the stream.
  detail::task_memory* memory_ = nullptr;
  detail::stream_order* order_ = nullptr;
};

/// Makes a GPU task of a callable that could be called without a stream as well, such as a generic
/// one: `ex.submit(gpu::task([](auto& s, auto... args) { … }), …)`.
template <class F>
[[nodiscard]] fronta::detail::gpu_function<std::decay_t<F>> task(F&& fn) {
  return {std::forward<F>(fn)};
}

}  // namespace fronta::gpu

template <class T>
fronta::array<T>::operator fronta::gpu::view<const T>() const {
  return gpu::detail::stream_for_view().read(*this);
}
