/* Attune's C interface: for hosts that link or load a library and share no C++ with it. libattune_c.so exports these
 * functions and nothing else.
 *
 * Handles are opaque. Structs begin with their size, so that they can grow: zero one, set struct_size, set what you
 * need; zero means the default. Functions return a status whose numbers never change; attune_last_error() has the text
 * (value, rule, remedy), and what a failed function was to return is then NULL or 0. All functions may be called from
 * any thread. Destroying NULL does nothing.
 *
 * On a GPU everything lives in the device's primary context, the CUDA runtime's: pointers and streams of a host that
 * uses the runtime, or has retained that context, may be passed. Functions make it current while they run and leave the
 * caller's as it was. */
/* NOLINTBEGIN(modernize-*,readability-identifier-naming): C has rules of its own */
#ifndef ATTUNE_ATTUNE_H
#  define ATTUNE_ATTUNE_H

#  include <stddef.h>
#  include <stdint.h>

#  if defined(__GNUC__)
#    define ATTUNE_API __attribute__((visibility("default")))
#  else
#    define ATTUNE_API
#  endif

#  ifdef __cplusplus
extern "C" {
#  endif

typedef enum attune_status {
  ATTUNE_OK = 0,
  ATTUNE_INVALID_ARGUMENT = 1, /* no system could do it: 28 q heads on 5 kv heads, a tensor of another shape */
  ATTUNE_UNSUPPORTED = 2,      /* well-formed, but beyond a stated limit: decline, and take another kernel */
  ATTUNE_NOT_FOUND = 3,        /* ATTUNE_CACHE_ONLY, and a kernel is in no cache */
  ATTUNE_UNAVAILABLE = 4,      /* the machine: no driver, no NVRTC, no memory, a kernel that failed */
  ATTUNE_INTERNAL = 5          /* a bug of Attune */
} attune_status;

/* "0.1.0" */
ATTUNE_API const char* attune_version(void);
/* "ATTUNE_UNSUPPORTED" */
ATTUNE_API const char* attune_status_name(attune_status status);
/* What the last call of this thread that did not return ATTUNE_OK has to say. Valid until its next call. Never NULL. */
ATTUNE_API const char* attune_last_error(void);

/* Makes kernels on demand and launches them, on one device. */
typedef struct attune_engine attune_engine;

/* How an engine chooses schedules. */
typedef enum attune_schedules {
  ATTUNE_TUNED =
      0, /* as recorded by `attune tune` or `attune precompute` in the cache, or installed; else by a model */
  ATTUNE_COST_MODEL = 1 /* by the model alone, whatever is recorded */
} attune_schedules;

typedef struct attune_engine_options {
  size_t struct_size;
  const char* device;       /* NULL: "auto". "cuda:0", "emulated", "emulated:sm_90" */
  const char* cache_folder; /* NULL: $ATTUNE_CACHE_DIR, else $XDG_CACHE_HOME/attune, else ~/.cache/attune. "": none */
  void (*warn)(const char* text, void* user); /* NULL: a line on stderr. Called from any thread */
  void* user;
  int32_t schedules; /* attune_schedules */
} attune_engine_options;

/* `options` may be NULL. */
ATTUNE_API attune_status attune_engine_create(const attune_engine_options* options, attune_engine** engine);
ATTUNE_API void attune_engine_destroy(attune_engine* engine);
/* "NVIDIA H200", "emulated sm_80". Lives as long as the engine. */
ATTUNE_API const char* attune_engine_device(const attune_engine* engine);

/* Compiled, loaded kernels for one spec and shapes, with their workspace. It may outlive its engine. Launches of one
 * plan that splits the keys must not overlap. */
typedef struct attune_plan attune_plan;

/* What attune_plan_create does about kernels that are not loaded. */
typedef enum attune_mode {
  ATTUNE_BLOCKING = 0,   /* loads or compiles them */
  ATTUNE_CACHE_ONLY = 1, /* loads them, or returns ATTUNE_NOT_FOUND */
  /* Returns at once with a plan that launches other kernels of the spec, if some are loaded: all serve any lengths,
   * with another schedule only slower. A thread of the engine makes the plan's own, and launches take those from then
   * on. Blocks if none is loaded: create one plan per spec while starting. Bits may change when kernels do, so the spec
   * must say "deterministic": false. */
  ATTUNE_BACKGROUND = 2
} attune_mode;

typedef struct attune_plan_options {
  size_t struct_size;
  int64_t batch;         /* 0: 1 */
  int64_t q_len, kv_len; /* positions per sequence; varlen: of the longest one. A plan serves shorter ones too */
  int64_t q_total;       /* varlen: rows of Q at most */
  const char* schedule;  /* NULL: chosen. "q_tile=128 kv_tile=64 warps=8 stages=2 pack_gqa=0 split_kv=0" */
  int32_t splits;        /* chunks of the keys; 0: chosen */
  int32_t mode;          /* attune_mode */
} attune_plan_options;

/* Compiles, loads and allocates whatever launches need. `options` is not NULL. Lengths of 0 are legal: a launch without
 * queries does nothing, and one without keys writes zeros to O. `spec`: JSON, {"q_heads": 28, "kv_heads": 4,
 * "head_dim": 128, "causal": true}, or the name of a preset, "qwen2.5-7b". */
ATTUNE_API attune_status attune_plan_create(attune_engine* engine, const char* spec, const attune_plan_options* options,
                                            attune_plan** plan);
ATTUNE_API void attune_plan_destroy(attune_plan* plan);
ATTUNE_API int32_t attune_plan_splits(const attune_plan* plan);
/* 0 while it launches kernels of another schedule (ATTUNE_BACKGROUND). */
ATTUNE_API int32_t attune_plan_specialized(const attune_plan* plan);
/* Waits until it has its own kernels, or will not get them. To be called before a graph captures a launch, since a
 * graph keeps the kernels that it has seen. */
ATTUNE_API void attune_plan_wait(const attune_plan* plan);

/* What became of an engine's requests for kernels; attune.hpp's CacheCounters says what each counts. */
typedef struct attune_counters {
  size_t struct_size;
  uint64_t hits, loads, compiles, waits;
  uint64_t general, specialized, failed; /* plans in background mode */
} attune_counters;
ATTUNE_API attune_status attune_engine_counters(const attune_engine* engine, attune_counters* counters);

/* The kernels that an engine has made or loaded, and the records that chose them, as one block of memory, so that one
 * process compiles and others load: they import it and create plans with ATTUNE_CACHE_ONLY. A file of it is what
 * `attune cache import` takes. */
ATTUNE_API attune_status attune_cache_export(const attune_engine* engine, void** data, size_t* bytes);
ATTUNE_API void attune_cache_release(void* data);
/* Checks all of it before it takes anything; `taken` (or NULL) says how many entries were new. Kernels are code: import
 * only what a process that you trust has exported. */
ATTUNE_API attune_status attune_cache_import(attune_engine* engine, const void* data, size_t bytes, size_t* taken);

/* A tensor in device memory that the caller owns. The layout is DLPack's DLTensor: a DLTensor* may be cast. Types: code
 * 4 with 16 bits is bf16; code 2 with 16 or 32 bits fp16 or fp32; code 0 with 32 bits int32; code 10 with 8 bits
 * fp8_e4m3. The device is not looked at. */
typedef struct attune_tensor {
  void* data;
  int32_t device_type, device_id;
  int32_t ndim;
  uint8_t dtype_code, dtype_bits;
  uint16_t dtype_lanes; /* 1 */
  const int64_t* shape;
  const int64_t* strides; /* in elements; NULL: contiguous */
  uint64_t byte_offset;
} attune_tensor;

typedef struct attune_tensors {
  size_t struct_size;
  /* (batch, length, heads, dim), or as the spec's layout says; varlen: (total, heads, dim). All of the spec's dtype,
   * but O of fp8_e4m3 is bf16. */
  const attune_tensor *q, *k, *v, *o;
  /* fp32 (batch, q_heads, q_len); varlen: (q_heads, total). May be NULL only if the spec says "outputs": ["o"] */
  const attune_tensor* lse;
  const attune_tensor *cu_seqlens_q, *cu_seqlens_k;       /* varlen: int32 (batch + 1) */
  const attune_tensor* alibi_slopes;                      /* fp32 (q_heads) or (batch, q_heads) */
  const attune_tensor* sink;                              /* fp32 (q_heads) */
  const attune_tensor *q_descale, *k_descale, *v_descale; /* fp8_e4m3: fp32 (batch, kv_heads) */
} attune_tensors;

/* Starts the plan's kernels on `stream` (a CUstream or cudaStream_t, or NULL). It does not compile, load, allocate or
 * synchronise, and may be captured in a graph, which plan and tensors must then outlive. */
ATTUNE_API attune_status attune_launch(attune_engine* engine, const attune_plan* plan, const attune_tensors* tensors,
                                       void* stream);

/* Memory of the engine's device, for hosts that have no runtime of their own, and for the emulated device. `name` is
 * what messages call the buffer. */
ATTUNE_API attune_status attune_allocate(attune_engine* engine, size_t bytes, const char* name, void** data);
ATTUNE_API void attune_free(attune_engine* engine, void* data);
ATTUNE_API attune_status attune_copy_to_device(attune_engine* engine, void* to, const void* from, size_t bytes);
/* Waits for all work of the device first. */
ATTUNE_API attune_status attune_copy_to_host(attune_engine* engine, void* to, const void* from, size_t bytes);
ATTUNE_API attune_status attune_synchronize(attune_engine* engine);

#  ifdef __cplusplus
}
#  endif

#endif
/* NOLINTEND(modernize-*,readability-identifier-naming) */
