// SPDX-License-Identifier: Apache-2.0
#include <fronta/annotate.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <gmock/gmock.h>

#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>

namespace {

using namespace std::chrono_literals;
using fronta::annotate;
using fronta::current_annotation;
using fronta::resources;
using fronta::task_options;
using fronta::time_limit;

static_assert(!std::is_copy_constructible_v<annotate>);

// What a submit with these options would use here.
task_options merged(task_options own) {
  if (const auto* outer = current_annotation()) fronta::detail::merge_options(own, *outer);
  return own;
}

TEST(Annotate, HoldsUntilItsScopeEndsAlsoByAnException) {
  EXPECT_EQ(current_annotation(), nullptr);
  try {
    const annotate a{{.retries = 3}};
    EXPECT_EQ(current_annotation()->retries, 3);
    throw std::runtime_error("leaves the scope");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(current_annotation(), nullptr);
  }
}

TEST(Annotate, InnerBeatsOuterAndTheRestShinesThrough) {
  const annotate outer{{.name = "outer", .retries = 3, .priority = 1}};
  {
    const annotate inner{{.name = "inner", .priority = 2}};
    EXPECT_EQ(current_annotation()->name, "inner");
    EXPECT_EQ(current_annotation()->priority, 2);
    EXPECT_EQ(current_annotation()->retries, 3);
  }
  EXPECT_EQ(current_annotation()->name, "outer");
}

TEST(Annotate, AnExplicitOptionBeatsEveryScope) {
  const annotate a{{.name = "scope",
                    .needs = {{"gpu", 1}},
                    .retries = 3,
                    .priority = 1,
                    .timeout = 1s,
                    .key = "scope",
                    .place_on = "cpu",
                    .prefer = "cpu"}};
  const auto o = merged({.name = "own",
                         .needs = {{"licence", 1}},
                         .retries = 1,
                         .priority = 2,
                         .timeout = 2s,
                         .key = "own",
                         .place_on = "own",
                         .prefer = "own"});
  EXPECT_EQ(o.name, "own");
  EXPECT_EQ(o.needs, (resources{{"licence", 1}}));
  EXPECT_EQ(o.retries, 1);
  EXPECT_EQ(o.priority, 2);
  EXPECT_EQ(o.timeout, time_limit(2s));
  EXPECT_EQ(o.key, "own");
  EXPECT_EQ(o.place_on, "own");
  EXPECT_EQ(o.prefer, "own");
}

TEST(Annotate, AnExplicitZeroNoneOrForEverBeatsAScope) {
  const annotate a{{.needs = {{"gpu", 1}},
                    .retries = 3,
                    .backoff = fronta::backoff(1s),
                    .priority = 5,
                    .timeout = 1s}};
  const auto o = merged({.needs = fronta::no_needs,
                         .retries = 0,
                         .backoff = fronta::backoff(),
                         .priority = 0,
                         .timeout = time_limit::none()});
  EXPECT_TRUE(o.needs.given());
  EXPECT_TRUE(o.needs.empty());
  EXPECT_EQ(o.retries, 0);
  EXPECT_EQ(o.backoff, fronta::backoff());
  EXPECT_EQ(o.priority, 0);
  EXPECT_TRUE(o.timeout->infinite());
}

// Whether a recipe is kept is of the call alone: it makes code for each callable.
TEST(Annotate, EveryOptionButKeepThatIsLeftOpenComesFromTheScope) {
  const std::stop_source source;
  const annotate a{{.name = "n",
                    .needs = {{"gpu", 1}},
                    .retries = 3,
                    .retry_if = [](const std::exception_ptr&) { return false; },
                    .backoff = fronta::backoff(1s),
                    .priority = 5,
                    .timeout = 1s,
                    .stop = source.get_token(),
                    .key = "k",
                    .place_on = "p",
                    .prefer = "q",
                    .keep = fronta::keep::recipe}};
  const auto o = merged({});
  EXPECT_EQ(o.name, "n");
  EXPECT_EQ(o.needs, (resources{{"gpu", 1}}));
  EXPECT_EQ(o.retries, 3);
  ASSERT_TRUE(o.retry_if);
  EXPECT_FALSE(o.retry_if(nullptr));
  EXPECT_EQ(o.backoff, fronta::backoff(1s));
  EXPECT_EQ(o.priority, 5);
  EXPECT_EQ(o.timeout, time_limit(1s));
  EXPECT_EQ(o.stop, source.get_token());
  EXPECT_EQ(o.key, "k");
  EXPECT_EQ(o.place_on, "p");
  EXPECT_EQ(o.prefer, "q");
  EXPECT_EQ(o.keep, fronta::keep::nothing);
}

TEST(Annotate, HoldsForTasksSubmittedInItAlone) {
  fronta::executor ex{fronta::cpu::threads{.workers = 1}};
  const auto name = [] { return fronta::this_task::name(); };
  fronta::future<std::string> inside;
  {
    const annotate a{{.name = "annotated"}};
    inside = ex.submit(name);
    EXPECT_EQ(ex.submit({.name = "own"}, name).get(), "own");
  }
  EXPECT_EQ(inside.get(), "annotated") << "captured at submit";
  EXPECT_EQ(ex.submit(name).get(), "unnamed");
}

TEST(Annotate, BelongsToItsThread) {
  const annotate a{{.retries = 3}};
  const task_options* elsewhere = current_annotation();
  std::jthread([&] { elsewhere = current_annotation(); }).join();
  EXPECT_EQ(elsewhere, nullptr);
}

TEST(Annotate, IsNotCarriedIntoTasks) {
  fronta::executor ex{fronta::cpu::threads{.workers = 1}};
  const annotate a{{.retries = 3}};
  EXPECT_TRUE(ex.submit([] { return current_annotation() == nullptr; }).get());
}

}  // namespace
