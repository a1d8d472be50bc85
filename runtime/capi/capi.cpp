#include "attune/attune.h"

#include "attune/attune.hpp"
#include "runtime/capi/Convert.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

using namespace attune;

struct attune_engine {
  Engine engine;
  std::string device_name;
};
struct attune_plan {
  Plan plan;
};

namespace {

thread_local std::string last_error;

/// The one place where exceptions become status codes.
template <class Body>
attune_status guarded(Body&& body) noexcept {
  const auto failed = [](attune_status status, const char* text) {
    try {
      last_error = text;
    } catch (const std::bad_alloc&) {
      last_error.clear();
    }
    return status;
  };
  try {
    body();
    return ATTUNE_OK;
  } catch (const UserError& error) {
    return failed(error.kind == UserError::Kind::Unsupported ? ATTUNE_UNSUPPORTED : ATTUNE_INVALID_ARGUMENT,
                  error.what());
  } catch (const CacheMiss& error) {
    return failed(ATTUNE_NOT_FOUND, error.what());
  } catch (const DeviceError& error) {
    return failed(ATTUNE_UNAVAILABLE, error.what());
  } catch (const std::bad_alloc&) {
    return failed(ATTUNE_UNAVAILABLE, "out of memory");
  } catch (const std::exception& error) {
    return failed(ATTUNE_INTERNAL, error.what());
  } catch (...) {
    return failed(ATTUNE_INTERNAL, "an exception of unknown type");
  }
}

} // namespace

const char* attune_version(void) { return ATTUNE_VERSION; }

const char* attune_status_name(attune_status status) {
  switch (status) {
  case ATTUNE_OK:
    return "ATTUNE_OK";
  case ATTUNE_INVALID_ARGUMENT:
    return "ATTUNE_INVALID_ARGUMENT";
  case ATTUNE_UNSUPPORTED:
    return "ATTUNE_UNSUPPORTED";
  case ATTUNE_NOT_FOUND:
    return "ATTUNE_NOT_FOUND";
  case ATTUNE_UNAVAILABLE:
    return "ATTUNE_UNAVAILABLE";
  case ATTUNE_INTERNAL:
    return "ATTUNE_INTERNAL";
  }
  return "unknown status";
}

const char* attune_last_error(void) { return last_error.c_str(); }

attune_status attune_engine_create(const attune_engine_options* given, attune_engine** engine) {
  return guarded([&] {
    capi::cleared(engine, "engine");
    const auto options = capi::sized(given, "attune_engine_options");
    if (options.schedules != ATTUNE_TUNED && options.schedules != ATTUNE_COST_MODEL)
      throw UserError(UserError::Kind::Invalid, "attune_engine_options.schedules " + std::to_string(options.schedules),
                      "it is one of attune_schedules", "use ATTUNE_TUNED or ATTUNE_COST_MODEL");
    CacheOptions cache;
    if (options.cache_folder)
      cache.folder = options.cache_folder;
    if (options.warn)
      cache.warn = [warn = options.warn, user = options.user](std::string_view text) {
        warn(std::string(text).c_str(), user);
      };
    std::shared_ptr<Device> device = openDevice(options.device ? options.device : "auto");
    std::string name = device->properties().name;
    *engine = options.schedules == ATTUNE_COST_MODEL
                  ? new attune_engine{Engine(std::move(device), costModel(), std::move(cache)), std::move(name)}
                  : new attune_engine{Engine(std::move(device), std::move(cache)), std::move(name)};
  });
}
void attune_engine_destroy(attune_engine* engine) { delete engine; }
const char* attune_engine_device(const attune_engine* engine) { return engine ? engine->device_name.c_str() : ""; }

attune_status attune_plan_create(attune_engine* engine, const char* spec, const attune_plan_options* given,
                                 attune_plan** plan) {
  return guarded([&] {
    capi::cleared(plan, "plan");
    capi::present(engine, "engine"), capi::present(spec, "spec"), capi::present(given, "options");
    const auto options = capi::sized(given, "attune_plan_options");
    const std::string_view text = spec;
    const AttentionSpec parsed = text.find('{') == std::string_view::npos ? preset(text) : specFromJson(text);
    PrepareOptions prepare{.splits = options.splits, .mode = capi::mode(options.mode)};
    if (options.schedule)
      prepare.schedule = scheduleFromText(options.schedule);
    *plan = new attune_plan{engine->engine.prepare(parsed,
                                                   {.batch = options.batch ? options.batch : 1,
                                                    .q_len = options.q_len,
                                                    .kv_len = options.kv_len,
                                                    .q_total = options.q_total},
                                                   prepare)};
  });
}
void attune_plan_destroy(attune_plan* plan) { delete plan; }
int32_t attune_plan_splits(const attune_plan* plan) { return plan ? plan->plan.splits() : 0; }
int32_t attune_plan_specialized(const attune_plan* plan) { return plan && plan->plan.specialized(); }
void attune_plan_wait(const attune_plan* plan) {
  if (plan)
    plan->plan.wait();
}

attune_status attune_engine_counters(const attune_engine* engine, attune_counters* given) {
  return guarded([&] {
    capi::present(engine, "engine"), capi::present(given, "counters");
    capi::sized(given, "attune_counters"); // its size is one that we know
    const CacheCounters c = engine->engine.cacheCounters();
    const attune_counters all{.struct_size = given->struct_size,
                              .hits = c.hits,
                              .loads = c.loads,
                              .compiles = c.compiles,
                              .waits = c.waits,
                              .general = c.general,
                              .specialized = c.specialized,
                              .failed = c.failed};
    std::memcpy(given, &all, std::min(given->struct_size, sizeof all));
  });
}

attune_status attune_cache_export(const attune_engine* engine, void** data, size_t* bytes) {
  return guarded([&] {
    capi::cleared(data, "data"), capi::cleared(bytes, "bytes");
    capi::present(engine, "engine");
    const std::string blob = engine->engine.exportCache();
    auto copy = std::make_unique<char[]>(blob.size());
    std::memcpy(copy.get(), blob.data(), blob.size());
    *bytes = blob.size();
    *data = copy.release();
  });
}
void attune_cache_release(void* data) { delete[] static_cast<char*>(data); }
attune_status attune_cache_import(attune_engine* engine, const void* data, size_t bytes, size_t* taken) {
  return guarded([&] {
    if (taken)
      *taken = 0;
    capi::present(engine, "engine"), capi::present(data, "data");
    const std::size_t entries = engine->engine.importCache({static_cast<const char*>(data), bytes});
    if (taken)
      *taken = entries;
  });
}

attune_status attune_launch(attune_engine* engine, const attune_plan* plan, const attune_tensors* given, void* stream) {
  return guarded([&] {
    capi::present(engine, "engine"), capi::present(plan, "plan"), capi::present(given, "tensors");
    const auto t = capi::sized(given, "attune_tensors");
    engine->engine.launch(plan->plan,
                          {.q = capi::tensor("q", t.q),
                           .k = capi::tensor("k", t.k),
                           .v = capi::tensor("v", t.v),
                           .o = capi::tensor("o", t.o),
                           .lse = capi::tensor("lse", t.lse),
                           .cu_seqlens_q = capi::tensor("cu_seqlens_q", t.cu_seqlens_q),
                           .cu_seqlens_k = capi::tensor("cu_seqlens_k", t.cu_seqlens_k),
                           .alibi_slopes = capi::tensor("alibi_slopes", t.alibi_slopes),
                           .sink = capi::tensor("sink", t.sink),
                           .q_descale = capi::tensor("q_descale", t.q_descale),
                           .k_descale = capi::tensor("k_descale", t.k_descale),
                           .v_descale = capi::tensor("v_descale", t.v_descale)},
                          stream);
  });
}

attune_status attune_allocate(attune_engine* engine, size_t bytes, const char* name, void** data) {
  return guarded([&] {
    capi::cleared(data, "data");
    capi::present(engine, "engine");
    // NOLINTNEXTLINE(performance-no-int-to-ptr): C hosts hold device addresses as pointers
    *data = reinterpret_cast<void*>(engine->engine.device().allocate(bytes, name ? name : "buffer"));
  });
}
void attune_free(attune_engine* engine, void* data) {
  if (engine && data)
    engine->engine.device().release(reinterpret_cast<DevicePtr>(data));
}
attune_status attune_copy_to_device(attune_engine* engine, void* to, const void* from, size_t bytes) {
  return guarded([&] {
    capi::present(engine, "engine");
    if (bytes > 0)
      capi::present(from, "from"), capi::present(to, "to");
    engine->engine.device().copyToDevice(reinterpret_cast<DevicePtr>(to), {static_cast<const std::byte*>(from), bytes});
  });
}
attune_status attune_copy_to_host(attune_engine* engine, void* to, const void* from, size_t bytes) {
  return guarded([&] {
    capi::present(engine, "engine");
    if (bytes > 0)
      capi::present(from, "from"), capi::present(to, "to");
    engine->engine.device().synchronize();
    engine->engine.device().copyToHost({static_cast<std::byte*>(to), bytes}, reinterpret_cast<DevicePtr>(from));
  });
}
attune_status attune_synchronize(attune_engine* engine) {
  return guarded([&] {
    capi::present(engine, "engine");
    engine->engine.device().synchronize();
  });
}
