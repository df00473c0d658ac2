// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fronta::test {

/// The far end of a fake CUDA driver: a shared library that FRONTA_CUDA_DRIVER may name. It does
/// copies, fills and word writes at once, in the calling thread, and insists on the context that a
/// call needs; or, asynchronous, each stream has a thread that does them in its order, and calls
/// are not noted. What a process finds when it looks for CUDA is steered by environment variables:
///   FRONTA_FAKE_VERSION  the driver's version (13000)
///   FRONTA_FAKE_DEVICES  how many devices there are (2)
///   FRONTA_FAKE_INIT     what cuInit returns (0)
///   FRONTA_FAKE_LACKS    an entry point that is not there
///   FRONTA_FAKE_ASYNCHRONOUS  1: streams have threads
///   FRONTA_FAKE_MEMORY   bytes of each device (1 MiB)
///   FRONTA_FAKE_BUSY     1: devices cannot be opened, as when somebody has them alone
/// The rest by these functions, which any thread may call.
class fake_driver {
 public:
  struct options {
    bool busy = false;           ///< streams and events are never done
    bool capturing = false;      ///< streams are in capture
    bool contexts_gone = false;  ///< none can be made current
    bool words_by_stream = true;
    bool pools = true;
    std::size_t memory = 1 << 20;  ///< of each device
  };
  struct counts {
    int contexts = 0;
    int streams = 0;
    int events = 0;
    int pools = 0;
    int blocks = 0;
    int pinned = 0;
    int modules = 0;
    friend bool operator==(const counts&, const counts&) = default;
  };

  fake_driver() = default;
  fake_driver(const fake_driver&) = delete;
  fake_driver& operator=(const fake_driver&) = delete;

  virtual void set(const options& o) = 0;
  /// The n-th call of that name from now on (from 1) returns the code; a sticky one then stays.
  virtual void fail(const std::string& call, int nth, int code) = 0;
  /// Back to default options, no failures, no current context in the calling thread.
  virtual void heal() = 0;
  /// All calls since the last time, each with what matters of its arguments, but for those that
  /// read or set the current context.
  virtual std::vector<std::string> take_calls() = 0;
  virtual counts alive() = 0;
  /// What a device sees a piece of pinned memory at. Not its host address.
  virtual std::uint64_t device_address(const void* pinned) = 0;
  /// The device whose context is current in the calling thread; -1 for none.
  virtual int current_device() = 0;
  /// As another library would.
  virtual void make_current(int device) = 0;
  /// What a kernel is to a real stream, a CUstream; asynchronous alone. Where it throws, it breaks
  /// the devices. Returns an error code.
  virtual int enqueue(void* stream, std::function<void()> kernel) = 0;

  /// What a stream has done, unless asynchronous, with the steady clock before and after, in
  /// nanoseconds.
  struct activity {
    enum class kind { kernel, to_device, to_host, on_device, between, fill } what;
    int device;
    std::uint64_t bytes;
    std::int64_t begin;
    std::int64_t end;
  };
  virtual int device_of(const void* context) = 0;
  /// Is told of each, in the thread that enqueued it; or nobody.
  virtual void observe(void (*by)(const activity& a)) = 0;

 protected:
  ~fake_driver() = default;
};

/// What the library exports.
using fake_driver_function = fake_driver*();
constexpr const char* fake_driver_symbol = "fronta_fake_driver";

}  // namespace fronta::test
