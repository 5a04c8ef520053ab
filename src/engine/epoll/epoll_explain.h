/*
 * What the engine epoll uses of this kernel, feature by feature; see engine_ops.
 */
#pragma once

#include "engine/engine.h"

void epoll_explain(engine_feature_fn *report, void *context);
