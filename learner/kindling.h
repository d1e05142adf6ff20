#pragma once

/// Everything a training program needs.
#include "data/fashion_mnist.h"                  // IWYU pragma: export
#include "data/synthetic.h"                      // IWYU pragma: export
#include "engine/anomaly.h"                      // IWYU pragma: export
#include "engine/engine.h"                       // IWYU pragma: export
#include "learner/callbacks/activation_stats.h"  // IWYU pragma: export
#include "learner/callbacks/checkpoint_cb.h"     // IWYU pragma: export
#include "learner/callbacks/completion.h"        // IWYU pragma: export
#include "learner/callbacks/lr_finder.h"         // IWYU pragma: export
#include "learner/callbacks/metrics_cb.h"        // IWYU pragma: export
#include "learner/callbacks/progress.h"          // IWYU pragma: export
#include "learner/callbacks/sched_cb.h"          // IWYU pragma: export
#include "learner/callbacks/single_batch.h"      // IWYU pragma: export
#include "learner/callbacks/terminate_on_nan.h"  // IWYU pragma: export
#include "learner/callbacks/train_cb.h"          // IWYU pragma: export
#include "learner/files/state_dict.h"            // IWYU pragma: export
#include "learner/stop_signals.h"                // IWYU pragma: export
#include "nn/hooks.h"                            // IWYU pragma: export
#include "nn/init.h"                             // IWYU pragma: export
#include "nn/loss.h"                             // IWYU pragma: export
#include "nn/models.h"                           // IWYU pragma: export
#include "nn/norm.h"                             // IWYU pragma: export
#include "nn/pool.h"                             // IWYU pragma: export
