// GPT-2 on a CPU with int8 products (VNNI) and bfloat16 keys and values, behind a plain C interface.
//
// A row's result depends on that row alone: integer sums are exact, and sums of floats run in an
// order that no neighbour changes, on any number of threads.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include <immintrin.h>

#include "model.h"
#include "pool.h"

#define INLINE static inline __attribute__((always_inline))

namespace {
constexpr int kPanel = 48;       // output channels that are packed together
constexpr float kTiny = 1e-12f;  // a row of zeros has scale zero, and 0 / 0 is no number

enum class Finish { kPlain, kGelu, kAdd };

// Quantised rows.
struct Rows {
  int8_t* values;
  long stride, count;
  float* scales;
  int32_t* totals;
};

// Weights that will be needed next: some bytes are fetched at each step of the product under way.
struct Ahead {
  const uint8_t* from;
  long step;
};

inline void fetch(const uint8_t* from, long num_bytes) {
  for (long i = 0; i < num_bytes; i += 64)
    _mm_prefetch(reinterpret_cast<const char*>(from + i), _MM_HINT_T0);
}

inline long num_panels(const Linear& layer) { return (layer.height + kPanel - 1) / kPanel; }
inline long panel_bytes(const Linear& layer) { return (layer.width + 3) / 4 * 4 * kPanel; }
}  // namespace

#ifdef __clang__
#define WITH(names) _Pragma(TEXT(clang attribute push(__attribute__((target(names))), apply_to = function)))
#define END_WITH _Pragma("clang attribute pop")
#else
#define WITH(names) _Pragma("GCC push_options") _Pragma(TEXT(GCC target(names)))
#define END_WITH _Pragma("GCC pop_options")
#endif
#define TEXT(...) #__VA_ARGS__
#define PICK __builtin_shufflevector

WITH("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")
namespace wide {
constexpr int kLanes = 16;
#include "rows.inc"
#include "avx512.inc"
#include "attention.inc"
#include "products.inc"
#include "forward.inc"
#include "vocabulary.inc"
}  // namespace wide
END_WITH

WITH("avx2,fma,avxvnni")
namespace narrow {
constexpr int kLanes = 8;
#include "rows.inc"
#include "avx2.inc"
#include "attention.inc"
#include "products.inc"
#include "forward.inc"
#include "vocabulary.inc"
}  // namespace narrow
END_WITH

namespace {
enum Level { kNarrow = 1, kWide = 2 };
}

extern "C" {
// Whether this processor has what a level is made of.
int kernels_can(int level) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
  if (level == kNarrow) return __builtin_cpu_supports("avxvnni") != 0;
  return level == kWide && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

// `count` rows of a layer's width, one behind the other, to rows of its height.
void kernels_linear(int level, const Linear* layer, const float* rows, long count, int num_threads,
                    float* to) {
  (level == kWide ? wide::linear : narrow::linear)(*layer, rows, count, num_threads, to);
}

// The `count` largest of each row, with their ids; `count` is at most the width, no logit is NaN.
void kernels_largest(int level, const Logits* logits, long count, int num_threads, float* values,
                     int64_t* ids) {
  (level == kWide ? wide::largest_of : narrow::largest_of)(*logits, count, num_threads, values,
                                                           ids);
}

// Σ e^((logit - peak) / temperature) of each row.
void kernels_weight(int level, const Logits* logits, const float* peaks,
                    const float* temperatures, int num_threads, float* totals) {
  (level == kWide ? wide::weight : narrow::weight)(*logits, peaks, temperatures, num_threads,
                                                   totals);
}

// One step: see `Batch`. Returns 0, or the place in the batch, from 1, of what is out of bounds.
int kernels_step(int level, const Model* model, const Batch* batch, int num_threads) {
  if (const int wrong = first_wrong(*model, *batch)) return wrong;
  (level == kWide ? wide::step : narrow::step)(*model, *batch, num_threads);
  return 0;
}
}
