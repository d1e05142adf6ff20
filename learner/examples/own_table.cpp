// A table of one's own: numbers in a CSV file, and in its last column what a model should say.
//
//     own_table            writes three spirals into spirals.csv, and learns them
//     own_table FILE       learns what is in there

#include "learner/examples/example.h"
#include "learner/examples/spirals.h"
#include "learner/kindling.h"

using namespace kindling;

int main(int argc, char** argv) {
  return run_example("own_table", [&] {
    const std::filesystem::path file = argc > 1 ? argv[1] : "spirals.csv";
    if (argc == 1) write_spirals(file, 500);

    const CsvDataset table = load_csv(file);
    const Split data = random_split(table.data, 0.2);
    const Index features = std::ssize(table.features), classes = std::ssize(table.classes);
    nn::Sequential model{nn::make<nn::BatchNorm1d>(features),  // brings columns to one scale
                         nn::make<nn::Linear>(features, 64),  nn::make<nn::SiLU>(),
                         nn::make<nn::Linear>(64, 64),        nn::make<nn::SiLU>(),
                         nn::make<nn::Linear>(64, classes)};

    MetricsCB metrics;
    metrics.add<metrics::Accuracy>("accuracy");
    metrics.log = nullptr;
    BatchSchedCB schedule(one_cycle({.max = 0.02}));
    // A last batch of one row has no deviation, by which the batch norm could divide.
    const DataLoader train(data.train, 32, true, data.train.size() % 32 == 1);
    TrainLearner learn(model, {train, DataLoader(data.valid, 64)}, nn::CrossEntropyLoss(),
                       {.cbs = {&metrics, &schedule}, .opt_func = optimizer<nn::AdamW>()});
    learn.fit(20);
    std::printf("%d rows of %d classes, accuracy %.4f\n", static_cast<int>(table.data.size()),
                static_cast<int>(classes), metrics.history().back()["accuracy"]);
  });
}
