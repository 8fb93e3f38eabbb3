// Threads that share loops. A loop's iterations are taken one by one, so a thread that does not get
// its core takes none, and the caller does them all itself.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <immintrin.h>

class Pool {
 public:
  // Never destroyed: its threads sleep until the process ends.
  static Pool& instance() {
    static Pool* pool = new Pool;
    return *pool;
  }

  // Hold while loops run; a second caller, who does not get it, runs its loops alone.
  std::unique_lock<std::mutex> try_own() { return {owner_, std::try_to_lock}; }

  // Call `body(i)` for each i below `count` on at most `num_threads` threads, this one included.
  template <class Body>
  void parallel(int count, int num_threads, const Body& body) {
    if (count < 2 || num_threads < 2) {
      for (int i = 0; i < count; ++i) body(i);
      return;
    }
    publish(count, num_threads - 1, &Pool::call<Body>, &body);
    for (uint64_t ticket = ticket_.load(); index_of(ticket) < unsigned(count);)
      if (ticket_.compare_exchange_weak(ticket, ticket + 1)) {
        body(int(index_of(ticket)));
        num_done_.fetch_add(1, std::memory_order_release);
        ticket = ticket_.load();
      }
    while (num_done_.load(std::memory_order_acquire) < count) _mm_pause();
  }

 private:
  using Call = void (*)(const void*, int);
  static constexpr int kIndexBits = 24;
  static constexpr uint64_t kClosed = (uint64_t(1) << kIndexBits) - 1;
  static constexpr int kSpins = 20000;  // some hundred microseconds: longer than between two loops

  template <class Body>
  static void call(const void* body, int i) {
    (*static_cast<const Body*>(body))(i);
  }

  static unsigned index_of(uint64_t ticket) { return unsigned(ticket & kClosed); }

  void publish(int count, int num_helpers, Call call, const void* body) {
    start(num_helpers);
    const uint64_t next = ((ticket_.load() >> kIndexBits) + 1) << kIndexBits;
    ticket_.store(next | kClosed);  // a thread that still looks at the last loop finds it shut
    count_.store(count, std::memory_order_relaxed);
    num_wanted_.store(num_helpers, std::memory_order_relaxed);
    call_.store(call, std::memory_order_relaxed);
    body_.store(body, std::memory_order_relaxed);
    num_done_.store(0, std::memory_order_relaxed);
    ticket_.store(next);
    if (num_asleep_.load() > 0) {
      std::lock_guard<std::mutex> lock(sleep_);
      wake_.notify_all();
    }
  }

  // Where the system grants no more threads, there are fewer helpers.
  void start(int num_helpers) {
    try {
      for (; num_helpers_ < num_helpers; ++num_helpers_)
        std::thread(&Pool::help, this, num_helpers_).detach();
    } catch (const std::system_error&) {
    }
  }

  void help(int number) {
    for (;;)
      if (!take(number)) wait(number);
  }

  // Do one iteration of the loop that is open. Taking the ticket proves that what was read of the
  // loop belongs to it: before another loop is written, the ticket changes.
  bool take(int number) {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    const int count = count_.load(std::memory_order_relaxed);
    const int num_wanted = num_wanted_.load(std::memory_order_relaxed);
    const Call call = call_.load(std::memory_order_relaxed);
    const void* body = body_.load(std::memory_order_relaxed);
    if (index_of(ticket) >= unsigned(count) || number >= num_wanted) return false;
    if (ticket_.compare_exchange_strong(ticket, ticket + 1)) {
      call(body, int(index_of(ticket)));
      num_done_.fetch_add(1, std::memory_order_release);
    }
    return true;
  }

  bool is_open(int number) const {
    return index_of(ticket_.load()) < unsigned(count_.load()) && number < num_wanted_.load();
  }

  void wait(int number) {
    for (int spin = 0; spin < kSpins; ++spin) {
      if (is_open(number)) return;
      _mm_pause();
    }
    std::unique_lock<std::mutex> lock(sleep_);
    ++num_asleep_;
    wake_.wait(lock, [&] { return is_open(number); });
    --num_asleep_;
  }

  std::mutex owner_, sleep_;
  std::condition_variable wake_;
  int num_helpers_ = 0;  // of the owner
  alignas(64) std::atomic<uint64_t> ticket_{kClosed};
  std::atomic<int> count_{0}, num_wanted_{0};
  std::atomic<Call> call_{nullptr};
  std::atomic<const void*> body_{nullptr};
  alignas(64) std::atomic<int> num_done_{0};
  std::atomic<int> num_asleep_{0};
};
