#pragma once

#include "learner/examples/fashion_mnist/options.h"

namespace kindling {

// What fashion_mnist can do, one function a command: each does all of it and prints its result to
// stdout, as JSON when the options ask for that. They throw what goes wrong.

void train(const Options& options);            ///< train.cpp
void evaluate(const Options& options);         ///< use.cpp
void report(const Options& options);           ///< report.cpp
void predict(const Options& options);          ///< predict.cpp
void find_lr(const Options& options);          ///< look.cpp
void summarize_model(const Options& options);  ///< look.cpp
void export_weights(const Options& options);   ///< use.cpp
void list_recipes(const Options& options);     ///< look.cpp

}  // namespace kindling
