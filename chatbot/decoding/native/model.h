// What Python hands over; the structures of kernels.py mirror these field by field.
#pragma once

#include <cstdint>

extern "C" {

struct Norm {
  const float *weight, *bias;
  float epsilon;
};

// `x Wᵀ + b`, with weights in panels: [panel][width / 4][48 channels][4], each with 128 added.
struct Linear {
  const uint8_t* weight;
  const float *scale, *bias;  // of a channel; the bias may be null
  int64_t width, height;         // numbers in, numbers out
};

struct Block {
  Norm norms[2];
  Linear qkv, out, up, down;
};

struct Model {
  const Block* blocks;
  Norm norm;
  Linear head;
  int64_t num_blocks, num_heads, width;
};

// A row's keys and then its values, bfloat16 (2, blocks, heads, num_positions, head width).
struct Row {
  uint16_t* memory;
  int64_t num_positions;
};

// Tokens `begin` to `end` of a step, behind `past` that lie in a row of the cache already.
struct Span {
  int64_t row, past, begin, end;
};

struct Batch {
  float* x;  // (num_tokens, width) embeddings, which are changed
  const Span* spans;  // they cover the tokens in order
  const Row* rows;
  float* logits;  // (num_spans, height of the head) of each span's last token
  int64_t num_tokens, num_spans, num_rows;
};

// Rows of floats, `stride` apart.
struct Logits {
  const float* values;
  int64_t num_rows, width, stride;
};
}

static inline int first_wrong(const Model& model, const Batch& batch) {
  int64_t reached = 0;
  for (int64_t i = 0; i < batch.num_spans; ++i) {
    const Span& span = batch.spans[i];
    const bool has_row = span.row >= 0 && span.row < batch.num_rows;
    const bool goes_on = span.begin == reached && span.end > span.begin && span.past >= 0;
    if (!has_row || !goes_on) return int(i + 1);
    if (span.past + span.end - span.begin > batch.rows[span.row].num_positions) return int(i + 1);
    reached = span.end;
  }
  const bool is_known = model.num_blocks > 0 && model.width % (16 * model.num_heads) == 0;
  return is_known && reached == batch.num_tokens ? 0 : int(batch.num_spans + 1);
}
