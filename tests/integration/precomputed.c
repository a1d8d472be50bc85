/* The same through the C interface: with records the kernel is in the cache, and the model alone wants another.
 * usage: precomputed SPEC Q_LEN KV_LEN */
#include <attune/attune.h>

#include <stdio.h>
#include <stdlib.h>

static attune_status prepare(int schedules, char** words) {
  attune_engine_options options = {0};
  attune_plan_options shapes = {0};
  attune_engine* engine = NULL;
  attune_plan* plan = NULL;
  attune_status status;
  options.struct_size = sizeof options;
  options.device = "emulated";
  options.schedules = schedules;
  shapes.struct_size = sizeof shapes;
  shapes.q_len = atoll(words[2]);
  shapes.kv_len = atoll(words[3]);
  shapes.mode = ATTUNE_CACHE_ONLY;
  status = attune_engine_create(&options, &engine);
  if (status == ATTUNE_OK)
    status = attune_plan_create(engine, words[1], &shapes, &plan);
  printf("%s %s\n", attune_status_name(status), status == ATTUNE_OK ? "" : attune_last_error());
  attune_plan_destroy(plan);
  attune_engine_destroy(engine);
  return status;
}

int main(int count, char** words) {
  (void)count;
  return prepare(ATTUNE_TUNED, words) != ATTUNE_OK || prepare(ATTUNE_COST_MODEL, words) != ATTUNE_NOT_FOUND;
}
