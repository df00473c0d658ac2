// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/annotate.hpp>
#include <fronta/array.hpp>
#include <fronta/cpu/threads.hpp>
#include <fronta/cpus.hpp>
#include <fronta/errors.hpp>
#include <fronta/executor.hpp>
#include <fronta/future.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/gpu/cuda.hpp>
#include <fronta/gpu/kernels.hpp>
#include <fronta/map.hpp>
#include <fronta/resources.hpp>
#include <fronta/rng.hpp>
#include <fronta/task_options.hpp>
#include <fronta/task_scope.hpp>
#include <fronta/this_task.hpp>
#include <fronta/variants.hpp>
#include <fronta/wait.hpp>

/// All of Fronta that was built.
namespace fronta {

/// An executor over everything this machine has: its usable CPUs, and the CUDA devices that the
/// driver shows.
[[nodiscard]] executor local_executor(executor_options options = {});

}  // namespace fronta
