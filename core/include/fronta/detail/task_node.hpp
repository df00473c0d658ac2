// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/arguments.hpp>
#include <fronta/detail/node_cache.hpp>
#include <fronta/detail/state.hpp>
#include <fronta/detail/task_data.hpp>
#include <fronta/detail/worker.hpp>

#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace fronta::detail {

// Callable and arguments, as submitted.
template <class F, class... Arguments>
struct body {
  template <class G, class... Args>
  explicit body(std::in_place_t, G&& g, Args&&... args)
      : fn(std::forward<G>(g)), arguments(std::forward<Args>(args)...) {}

  // A callable that takes what it is given is plain; else it is one for a stream, or has one body
  // of each kind.
  static constexpr bool plain =
      !is_gpu_function<F>::value && call_with<F, types<>, typename Arguments::passed...>::ok;
  static constexpr bool both = !plain && bodies_of<F>::two;
  static constexpr bool on_gpu = !plain && !both;
  static constexpr auto call_type() {
    if constexpr (both) {
      return std::type_identity<call_of_both<F, typename Arguments::passed...>>();
    } else {
      return std::type_identity<call_with<typename unwrapped<F>::type,
                                          std::conditional_t<on_gpu, types<gpu::stream&>, types<>>,
                                          typename Arguments::passed...>>();
    }
  }
  using call = typename decltype(call_type())::type;
  using result = typename decltype(call::result())::type;
  static constexpr bool can_repeat = call::as_lvalue && (Arguments::can_repeat && ...);
  static constexpr bool can_keep = copyable_v<F>;
  static constexpr bool bound_input = (lies_on_one_device<Arguments> || ...);

  // A copy of callable and arguments from which the task can be submitted anew.
  template <class Executor>
  class kept final : public typed_recipe<result> {
   public:
    kept(const body& b, Executor ex, task_options given)
        : parts_{b.fn, b.arguments}, executor_(ex), options_(std::move(given)) {
      options_.key.clear();  // else a retry would find the task that it is to repeat
    }
    kept(const kept&) = delete;
    kept& operator=(const kept&) = delete;
    ~kept() noexcept override { destroy_quietly(parts_); }
    future<result> run_again() override {
      auto inputs = parts_.arguments;
      std::apply([](auto&... a) { (retry_failed(a), ...); }, inputs);
      return std::apply(
          [&](auto&... a) { return executor_.submit(options_, F(parts_.fn), as_submitted(a)...); },
          inputs);
    }

   private:
    template <class A>
    static void retry_failed(A& argument) {
      if constexpr (requires { argument.retry_failed(); }) argument.retry_failed();
    }
    template <class A>
    static decltype(auto) as_submitted(A& argument) {
      return argument.as_submitted();
    }
    struct parts {
      F fn;
      std::tuple<Arguments...> arguments;
    };
    union {
      parts parts_;
    };
    Executor executor_;
    task_options options_;
  };
  template <class Executor>
  static std::shared_ptr<recipe> keep_recipe(const body& b, Executor ex,
                                             const task_options& options) {
    return std::make_shared<kept<Executor>>(b, ex, options);
  }

  static result apply(F& f, std::tuple<Arguments...>& args) {
    return std::apply(
        [&](Arguments&... a) -> result {
          if constexpr (sizeof...(Arguments) == 0) {
            return invoke(f);
          } else {
            return std::apply(
                [&]<class... Ps>(Ps&&... ps) -> result {
                  return invoke(f, std::forward<Ps>(ps)...);
                },
                std::tuple_cat(a.pass()...));
          }
        },
        args);
  }
  template <class... Ps>
  static result invoke(F& f, Ps&&... ps) {
    if constexpr (both) {
      // Where the run has a stream, it is on a device.
      if (this_context->stream != nullptr) {
        return invoke_with<typename call::gpu>(f.gpu(), *this_context->stream,
                                               std::forward<Ps>(ps)...);
      }
      return invoke_with<typename call::cpu>(f.cpu(), std::forward<Ps>(ps)...);
    } else if constexpr (is_gpu_function<F>::value) {
      return invoke_with<call>(f.fn, *this_context->stream, std::forward<Ps>(ps)...);
    } else if constexpr (on_gpu) {
      return invoke_with<call>(f, *this_context->stream, std::forward<Ps>(ps)...);
    } else {
      return invoke_with<call>(f, std::forward<Ps>(ps)...);
    }
  }
  template <class Call, class G, class... Ps>
  static result invoke_with(G& f, Ps&&... ps) {
    if constexpr (Call::as_lvalue) {
      return static_cast<result>(std::invoke(f, std::forward<Ps>(ps)...));
    } else {
      return static_cast<result>(std::invoke(std::move(f), std::forward<Ps>(ps)...));
    }
  }

  F fn;
  std::tuple<Arguments...> arguments;
};

// The edges of the inputs: embedded when their number is known, else one block. They outlive
// callable and arguments, since an input may be about to fire one.
template <std::ptrdiff_t Known>
struct edge_store {
  static constexpr std::size_t embedded = static_cast<std::size_t>(Known);
  void reserve(std::size_t) noexcept {}
  [[nodiscard]] std::size_t count() const noexcept { return embedded; }
  dependency edges[embedded];
};
template <>
struct edge_store<0> {
  static constexpr std::size_t embedded = 0;
};
template <>
struct edge_store<-1> {
  static constexpr std::size_t embedded = 0;
  void reserve(std::size_t n) {
    edges = std::make_unique<dependency[]>(n);
    size = n;
  }
  [[nodiscard]] std::size_t count() const noexcept { return size; }
  std::unique_ptr<dependency[]> edges;
  std::size_t size = 0;
};

template <class... Arguments>
inline constexpr std::ptrdiff_t known_sources =
    // NOLINTNEXTLINE(misc-redundant-expression): a fold over two equal ones
    ((Arguments::sources < 0) || ...) ? -1 : (std::ptrdiff_t{0} + ... + Arguments::sources);

template <class F, class... Arguments>
class task_node final : public state<typename body<F, Arguments...>::result> {
 public:
  using body_type = body<F, Arguments...>;
  using result = typename body_type::result;
  static constexpr std::ptrdiff_t known = known_sources<Arguments...>;
  static constexpr std::size_t embedded_keepers = edge_store<known>::embedded;
  // Only inputs whose handles stay where they are, so that their edges can be found again.
  template <class A>
  static constexpr bool reads_early() {
    if constexpr (!body_type::plain && known > 0 && requires { A::reads_early; }) {
      return A::reads_early;
    } else {
      return false;
    }
  }

  // How many parameters the arguments before the I-th make.
  template <std::size_t I>
  static constexpr std::size_t parameters_before() {
    return []<std::size_t... Before>(std::index_sequence<Before...>) {
      return (std::size_t{0} + ... +
              count_of(typename std::tuple_element_t<Before, std::tuple<Arguments...>>::passed()));
    }(std::make_index_sequence<I>());
  }
  // Whether a run may leave nothing of callable or arguments for a further one.
  template <std::size_t I>
  static constexpr bool uses_up() {
    using argument = std::tuple_element_t<I, std::tuple<Arguments...>>;
    return call_uses_up<typename unwrapped<F>::type,
                        parameters_before<I>() + (body_type::on_gpu ? 1 : 0),
                        typename movable_object<argument>::type>();
  }
  static constexpr bool runs_once() {
    return !body_type::call::as_lvalue || []<std::size_t... I>(std::index_sequence<I...>) {
      return (uses_up<I>() || ...);
    }(std::index_sequence_for<Arguments...>());
  }

  // Whether the callable takes the array of the I-th argument as numbers on the host, as far as its
  // type says.
  template <std::size_t I>
  static constexpr bool looks_on_host() {
    using argument = std::tuple_element_t<I, std::tuple<Arguments...>>;
    if constexpr (!body_type::on_gpu && argument::sources == 1 &&
                  passes_array<typename argument::passed>) {
      return takes_span<parameters_before<I>()>(parameters_of<F>());
    } else {
      return false;
    }
  }

  // One reader for the future to be handed out, one keeper for the queue entry.
  template <class... Init>
  static task_node* make(std::uint32_t readers, Init&&... init) {
    void* const memory = allocate_for<task_node>();
    try {
      return ::new (memory) task_node(readers, std::forward<Init>(init)...);
    } catch (...) {
      free_for<task_node>(memory);
      throw;
    }
  }

  // Call before the node is shared; `connect` then registers it with its inputs. May throw.
  void prepare_inputs() {
    if constexpr (known != 0) {
      std::size_t count = 0;
      each([&](node&) { ++count; });
      store_.reserve(count);
    }
  }
  // Makes the node ready now or when its inputs are.
  void connect() noexcept {
    if constexpr (known != 0) {
      if (const auto count = store_.count(); count != 0) {
        this->add_keepers(count - edge_store<known>::embedded);  // the embedded ones' exist
        input_registration inputs(*this, count);
        auto* e = &store_.edges[0];
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          (std::get<I>(body_.arguments).each([&](node& source) {
            e->looks_on_host = looks_on_host<I>();
            inputs.add(*e++, source, reads_early<Arguments>());
          }),
           ...);
        }(std::index_sequence_for<Arguments...>());
        inputs.end();
        return;
      }
    }
    this->host->make_ready(*this, false);
  }
  // A repeated run passes copies of the arguments.
  void repeatable() noexcept { repeatable_ = true; }
  [[nodiscard]] const body_type& peek() const noexcept { return body_; }

 private:
  template <class... Init>
  explicit task_node(std::uint32_t readers, Init&&... init)
      : state<result>(readers, 1 + edge_store<known>::embedded),
        body_(std::in_place, std::forward<Init>(init)...) {
    this->early_value = !body_type::plain && gpu::device_data<result>::value;
    this->device_bound = !body_type::plain && gpu::device_bound<result>::value;
    this->device_movable = gpu::device_data<result>::value && !gpu::device_bound<result>::value;
  }
  ~task_node() {
    if (!gone_) destroy_quietly(body_);
  }

  run_result run() override {
    try {
      this->emplace_from([this]() -> result {
        if constexpr (body_type::can_repeat && sizeof...(Arguments) != 0) {
          if (repeatable_) {
            if constexpr (body_type::plain) {
              auto copy = body_.arguments;
              return body_type::apply(body_.fn, copy);
            } else {
              // Work on the device may refer to them until it has ended.
              passed_ = std::make_unique<std::tuple<Arguments...>>(body_.arguments);
              return body_type::apply(body_.fn, *passed_);
            }
          }
        }
        return body_type::apply(body_.fn, body_.arguments);
      });
      return run_result::value;
    } catch (const reschedule_request&) {
      if constexpr (runs_once()) {
        if (!repeatable_) {
          this->store_error(cannot_run_again(*this));
          return run_result::error;
        }
      }
      return run_result::reschedule;
    } catch (...) {
      auto error = std::current_exception();
      if (!error) throw;  // no C++ exception: pthread_exit or a cancelled thread
      this->store_error(std::move(error));
      return run_result::error;
    }
  }
  void destroy_body() noexcept override {
    gone_ = true;
    if constexpr (!body_type::plain) passed_.reset();
    destroy_quietly(body_);
  }
  void unlink_inputs() noexcept override {
    if constexpr (known != 0) {
      if (store_.count() == 0) return;
      auto* e = &store_.edges[0];
      std::size_t unlinked = 0;
      each([&](node& source) { unlinked += source.remove_edge(*e++) ? 1 : 0; });
      this->drop_keepers(unlinked);
    }
  }
  void visit_inputs(void (*visit)(void*, node&), void* context) override {
    if constexpr (known != 0) each([&](node& source) { visit(context, source); });
  }
  void visit_data(data_visitor& to) override {
    if constexpr (body_type::both) {
      std::apply([&](const Arguments&... a) { (visit_argument(a, to), ...); }, body_.arguments);
    }
  }
  void destroy() noexcept override {
    this->~task_node();
    free_for<task_node>(this);
  }

  template <class Visit>
  void each(Visit&& visit) const {
    std::apply([&](const Arguments&... a) { (a.each(visit), ...); }, body_.arguments);
  }

  union {
    body_type body_;
  };
  [[no_unique_address]] edge_store<known> store_;
  // What a run that may be repeated was called with.
  [[no_unique_address]] std::conditional_t<body_type::plain, nothing,
                                           std::unique_ptr<std::tuple<Arguments...>>> passed_;
  bool repeatable_ = false;
  bool gone_ = false;
};

}  // namespace fronta::detail
