// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace fronta::test {

/// The far end of a fake CUPTI: a shared library that FRONTA_CUPTI may name. It records what the
/// fake driver does, which the process must have loaded, and delivers nothing but when flushed. The
/// environment variable FRONTA_FAKE_CUPTI_VERSION gives its version (130001).
class fake_cupti {
 public:
  struct options {
    /// Its clock against the steady one, in nanoseconds, and by how much it runs faster.
    std::int64_t offset = 0;
    double drift = 0;
    bool marks_last = false;  ///< the external correlation comes after what it is for
    bool incomplete = false;  ///< a flush delivers nothing unless forced, as while a kernel runs
    bool without_times = false;
  };
  /// `kinds` of activity that are enabled, buffers that it was given and has.
  struct state {
    int subscribers = 0;
    int kinds = 0;
    int buffers = 0;
    friend bool operator==(const state&, const state&) = default;
  };

  fake_cupti() = default;
  fake_cupti(const fake_cupti&) = delete;
  fake_cupti& operator=(const fake_cupti&) = delete;

  virtual void set(const options& o) = 0;
  /// The next call of that name returns the code; of `cuptiActivityEnable` the n-th from now on.
  virtual void fail(const std::string& call, int code, int nth = 1) = 0;
  /// Counts so many records as dropped.
  virtual void drop(std::size_t records) = 0;
  virtual state now() = 0;
  /// How many external correlations the calling thread has begun and not ended.
  virtual std::size_t depth() = 0;

 protected:
  ~fake_cupti() = default;
};

/// What the library exports.
using fake_cupti_function = fake_cupti*();
constexpr const char* fake_cupti_symbol = "fronta_fake_cupti";

}  // namespace fronta::test
