// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

namespace fronta::test {

/// Before the process first looks for CUDA: its kernels are loaded at once and its streams get a
/// queue each, since a test waits on the host for one kernel while another keeps the device. Also
/// keeps the contexts of all devices, so that tests do not each make their own.
void prepare_cuda();

/// Whether kernels of tests run on the CUDA devices of this process: where they are compiled, and
/// on the fake driver (gpu/fake_driver.hpp), where they are functions of the host.
bool test_kernels_run();
/// Gives the function to the fake driver if that is in use; else returns no code.
std::optional<int> enqueue_on_fake(void* native_stream, const std::function<void()>& f);

/// Enqueues a kernel on a CUDA stream, for the device that is current, that has the host call `f`
/// and ends when it has. `f` runs in a thread of its own, so it may wait for whatever it likes.
/// Where it throws, the kernel stores to an illegal address. Returns CUDA's error code; 98 in a
/// build without kernels.
int call_from_device(void* native_stream, std::function<void()> f);

}  // namespace fronta::test
