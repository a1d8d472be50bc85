/* The C interface from a host's side: one attention on the emulated device, and what it answers to wrong use. */
#include <attune/attune.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

static void expect(int holds, const char* what, int line) {
  if (!holds) {
    fprintf(stderr, "line %d: %s\n  last error: %s\n", line, what, attune_last_error());
    ++failures;
  }
}
#define EXPECT(condition) expect((condition), #condition, __LINE__)
#define EXPECT_REFUSED(call, status, text)                                                                             \
  do {                                                                                                                 \
    EXPECT((call) == (status));                                                                                        \
    EXPECT(strstr(attune_last_error(), text) != NULL);                                                                 \
  } while (0)

enum { q_len = 5, kv_len = 40, q_heads = 2, kv_heads = 1, dim = 16 };

static attune_tensor bf16(void* data, const int64_t* shape) {
  attune_tensor tensor = {0};
  tensor.data = data;
  tensor.ndim = 4;
  tensor.dtype_code = 4;
  tensor.dtype_bits = 16;
  tensor.dtype_lanes = 1;
  tensor.shape = shape;
  return tensor;
}

/* A buffer of `count` elements of two bytes, all of the given bits. */
static void* filled(attune_engine* engine, size_t count, uint16_t bits, const char* name) {
  uint16_t* host = malloc(count * 2);
  void* data = NULL;
  for (size_t n = 0; n < count; ++n)
    host[n] = bits;
  EXPECT(attune_allocate(engine, count * 2, name, &data) == ATTUNE_OK);
  EXPECT(attune_copy_to_device(engine, data, host, count * 2) == ATTUNE_OK);
  free(host);
  return data;
}

int main(void) {
  attune_engine_options engine_options = {0};
  attune_engine* engine = NULL;
  engine_options.struct_size = sizeof engine_options;
  engine_options.device = "emulated";
  EXPECT(attune_engine_create(&engine_options, &engine) == ATTUNE_OK);
  EXPECT(strcmp(attune_engine_device(engine), "emulated sm_80") == 0);

  attune_plan_options shapes = {0};
  attune_plan* plan = NULL;
  shapes.struct_size = sizeof shapes;
  shapes.batch = 1, shapes.q_len = q_len, shapes.kv_len = kv_len, shapes.splits = 1;
  const char* spec = "{\"q_heads\": 2, \"kv_heads\": 1, \"head_dim\": 16, \"causal\": true}";
  EXPECT(attune_plan_create(engine, spec, &shapes, &plan) == ATTUNE_OK);
  EXPECT(attune_plan_splits(plan) == 1);

  /* V is all ones, so O is too */
  void* q = filled(engine, q_len * q_heads * dim, 0x3c00, "q");
  void* k = filled(engine, kv_len * kv_heads * dim, 0x3c00, "k");
  void* v = filled(engine, kv_len * kv_heads * dim, 0x3f80, "v");
  void* o = filled(engine, q_len * q_heads * dim, 0, "o");
  void* lse = NULL;
  EXPECT(attune_allocate(engine, q_heads * q_len * 4, "lse", &lse) == ATTUNE_OK);
  const int64_t q_shape[] = {1, q_len, q_heads, dim}, k_shape[] = {1, kv_len, kv_heads, dim},
                lse_shape[] = {1, q_heads, q_len};
  attune_tensor q_tensor = bf16(q, q_shape), k_tensor = bf16(k, k_shape), v_tensor = bf16(v, k_shape),
                o_tensor = bf16(o, q_shape), lse_tensor = bf16(lse, lse_shape);
  lse_tensor.ndim = 3, lse_tensor.dtype_code = 2, lse_tensor.dtype_bits = 32;
  attune_tensors tensors = {0};
  tensors.struct_size = sizeof tensors;
  tensors.q = &q_tensor, tensors.k = &k_tensor, tensors.v = &v_tensor, tensors.o = &o_tensor, tensors.lse = &lse_tensor;
  EXPECT(attune_launch(engine, plan, &tensors, NULL) == ATTUNE_OK);
  uint16_t result[q_len * q_heads * dim];
  EXPECT(attune_copy_to_host(engine, result, o, sizeof result) == ATTUNE_OK);
  for (size_t n = 0; n < sizeof result / sizeof *result; ++n)
    EXPECT(result[n] == 0x3f80);

  /* refusals: value, rule, remedy */
  EXPECT_REFUSED(attune_copy_to_device(engine, o, NULL, 2), ATTUNE_INVALID_ARGUMENT, "from is NULL");
  EXPECT_REFUSED(attune_copy_to_host(engine, NULL, o, 2), ATTUNE_INVALID_ARGUMENT, "to is NULL");
  EXPECT(attune_copy_to_host(engine, NULL, NULL, 0) == ATTUNE_OK);
  o_tensor.dtype_code = 2;
  EXPECT_REFUSED(attune_launch(engine, plan, &tensors, NULL), ATTUNE_INVALID_ARGUMENT, "o of fp16");
  o_tensor.dtype_bits = 8;
  EXPECT_REFUSED(attune_launch(engine, plan, &tensors, NULL), ATTUNE_INVALID_ARGUMENT, "DLPack type code 2, 8 bits");
  o_tensor = bf16(o, q_shape);
  tensors.lse = NULL;
  EXPECT_REFUSED(attune_launch(engine, plan, &tensors, NULL), ATTUNE_INVALID_ARGUMENT, "lse");
  tensors.struct_size = 0;
  EXPECT_REFUSED(attune_launch(engine, plan, &tensors, NULL), ATTUNE_INVALID_ARGUMENT, "attune_tensors.struct_size 0");
  EXPECT_REFUSED(attune_launch(engine, NULL, &tensors, NULL), ATTUNE_INVALID_ARGUMENT, "plan is NULL");

  attune_plan* other = NULL;
  EXPECT_REFUSED(attune_plan_create(engine, "{\"q_heads\": 28, \"kv_heads\": 5, \"head_dim\": 128}", &shapes, &other),
                 ATTUNE_INVALID_ARGUMENT, "28");
  EXPECT_REFUSED(attune_plan_create(engine, "qwen2.5-8b", &shapes, &other), ATTUNE_INVALID_ARGUMENT, "qwen2.5-7b");
  EXPECT_REFUSED(attune_plan_create(engine, "{\"q_heads\": 2, \"head_dim\": 512}", &shapes, &other), ATTUNE_UNSUPPORTED,
                 "512");
  shapes.mode = ATTUNE_CACHE_ONLY;
  EXPECT_REFUSED(attune_plan_create(engine, "{\"q_heads\": 2, \"head_dim\": 24, \"softcap\": 12.25}", &shapes, &other),
                 ATTUNE_NOT_FOUND, "attune precompute");
  shapes.mode = 7;
  EXPECT_REFUSED(attune_plan_create(engine, spec, &shapes, &other), ATTUNE_INVALID_ARGUMENT, "attune_mode");
  shapes.mode = ATTUNE_BACKGROUND;
  EXPECT_REFUSED(attune_plan_create(engine, spec, &shapes, &other), ATTUNE_INVALID_ARGUMENT, "deterministic");
  other = plan; /* what failed returns nothing, not what was there */
  EXPECT(attune_plan_create(engine, spec, NULL, &other) == ATTUNE_INVALID_ARGUMENT);
  EXPECT(other == NULL);
  void* memory = q;
  EXPECT(attune_allocate(NULL, 16, "none", &memory) == ATTUNE_INVALID_ARGUMENT);
  EXPECT(memory == NULL);

  /* a plan that launches at once, under another schedule than its own */
  const char* free_spec =
      "{\"q_heads\": 2, \"kv_heads\": 1, \"head_dim\": 16, \"causal\": true, \"deterministic\": false}";
  shapes.batch = 0; /* the default: one */
  shapes.schedule = "q_tile=64 kv_tile=32 warps=4 stages=1 pack_gqa=0 split_kv=0";
  EXPECT(attune_plan_create(engine, free_spec, &shapes, &other) == ATTUNE_OK);
  o_tensor = bf16(o, q_shape);
  tensors.struct_size = sizeof tensors, tensors.lse = &lse_tensor;
  EXPECT(attune_launch(engine, other, &tensors, NULL) == ATTUNE_OK);
  attune_plan_wait(other);
  EXPECT(attune_plan_specialized(other) == 1);
  EXPECT(attune_launch(engine, other, &tensors, NULL) == ATTUNE_OK);
  attune_plan_destroy(other), other = NULL;
  shapes.batch = 1, shapes.schedule = NULL;
  attune_counters counters = {0};
  counters.struct_size = sizeof counters;
  EXPECT(attune_engine_counters(engine, &counters) == ATTUNE_OK);
  EXPECT(counters.general == 1 && counters.specialized == 1 && counters.failed == 0);
  EXPECT(counters.compiles + counters.loads == 2);

  /* kernels for another process, by way of memory */
  void* blob = NULL;
  size_t blob_bytes = 0, taken = 0;
  EXPECT(attune_cache_export(engine, &blob, &blob_bytes) == ATTUNE_OK);
  attune_engine* rank = NULL;
  engine_options.cache_folder = "";
  EXPECT(attune_engine_create(&engine_options, &rank) == ATTUNE_OK);
  shapes.mode = ATTUNE_CACHE_ONLY;
  EXPECT(attune_plan_create(rank, spec, &shapes, &other) == ATTUNE_NOT_FOUND);
  EXPECT(attune_cache_import(rank, blob, blob_bytes, &taken) == ATTUNE_OK);
  EXPECT(taken == 2);
  EXPECT(attune_plan_create(rank, spec, &shapes, &other) == ATTUNE_OK);
  EXPECT_REFUSED(attune_cache_import(rank, blob, blob_bytes - 1, NULL), ATTUNE_INVALID_ARGUMENT, "bundle");
  attune_plan_destroy(other), other = NULL;
  attune_engine_destroy(rank);
  attune_cache_release(blob);
  attune_cache_release(NULL);

  attune_engine* nowhere = NULL;
  engine_options.device = "cuda:77";
  EXPECT(attune_engine_create(&engine_options, &nowhere) == ATTUNE_UNAVAILABLE);
  engine_options.device = "abacus";
  EXPECT_REFUSED(attune_engine_create(&engine_options, &nowhere), ATTUNE_INVALID_ARGUMENT, "abacus");
  engine_options.device = "emulated", engine_options.schedules = 2;
  EXPECT_REFUSED(attune_engine_create(&engine_options, &nowhere), ATTUNE_INVALID_ARGUMENT, "ATTUNE_COST_MODEL");
  EXPECT(nowhere == NULL);
  EXPECT(strcmp(attune_status_name(ATTUNE_NOT_FOUND), "ATTUNE_NOT_FOUND") == 0);
  EXPECT(attune_version()[0] != '\0');

  /* a caller with a newer header: fine as long as what we do not know is zero */
  struct {
    attune_engine_options known;
    int64_t added;
  } newer;
  memset(&newer, 0, sizeof newer);
  newer.known.struct_size = sizeof newer;
  newer.known.device = "emulated";
  EXPECT(attune_engine_create(&newer.known, &nowhere) == ATTUNE_OK);
  attune_engine_destroy(nowhere);
  newer.added = 1;
  EXPECT_REFUSED(attune_engine_create(&newer.known, &nowhere), ATTUNE_UNSUPPORTED, "newer version");

  /* nothing to do is legal: without keys O is zeros */
  attune_plan_options none = {0};
  none.struct_size = sizeof none;
  EXPECT(attune_plan_create(engine, spec, &none, &other) == ATTUNE_OK);
  attune_plan_destroy(other), other = NULL;
  none.q_len = q_len;
  EXPECT(attune_plan_create(engine, "{\"q_heads\": 2, \"kv_heads\": 1, \"head_dim\": 16, \"outputs\": [\"o\"]}", &none,
                            &other) == ATTUNE_OK);
  const int64_t no_shape[] = {1, 0, kv_heads, dim};
  attune_tensor no_keys = bf16(k, no_shape);
  tensors.struct_size = sizeof tensors;
  tensors.k = tensors.v = &no_keys, tensors.lse = NULL;
  EXPECT(attune_launch(engine, other, &tensors, NULL) == ATTUNE_OK);
  EXPECT(attune_copy_to_host(engine, result, o, sizeof result) == ATTUNE_OK);
  for (size_t n = 0; n < sizeof result / sizeof *result; ++n)
    EXPECT(result[n] == 0);
  tensors.k = &k_tensor, tensors.v = &v_tensor;
  attune_plan_destroy(other), other = NULL;

  attune_free(engine, q), attune_free(engine, k), attune_free(engine, v), attune_free(engine, o),
      attune_free(engine, lse);
  attune_engine_destroy(engine);
  attune_plan_destroy(plan); /* it may outlive its engine */
  attune_plan_destroy(NULL);
  attune_plan_wait(NULL);
  attune_engine_destroy(NULL);
  attune_free(NULL, NULL);
  if (failures == 0)
    puts("ok");
  return failures != 0;
}
