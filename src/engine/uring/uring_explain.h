/*
 * What the engine uring uses of this kernel, and what not, feature by feature; see engine_ops.
 */
#pragma once

#include "engine/engine.h"

void uring_explain(engine_feature_fn *report, void *context);
