#!/bin/sh
# What can be done with what was trained, from outside: eval, predict, export, lr-find, summary.
#
#     test_commands.sh PROGRAM
set -u
program=$1
. "$(dirname -- "$0")/checks.sh"

succeeds() {
  start "$@"
  [ "$status" = 0 ] || fail "$*: status $status: $(cat stderr)"
}
# refused STATUS TEXT ARGUMENTS...: ends with that status and one line that holds the text.
refused() {
  expected=$1 text=$2
  shift 2
  start "$@"
  [ "$status" = "$expected" ] || fail "$*: status $status, expected $expected"
  [ "$(grep -vc '^kindling: ' stderr)" = 1 ] || fail "$*: one line expected: $(cat stderr)"
  grep -qF -- "$text" stderr || fail "$*: '$text' expected: $(cat stderr)"
  [ ! -s stdout ] || fail "$*: nothing expected on stdout: $(cat stdout)"
}

# The command line: what is mistyped is met with what was meant, and help fits a screen.
refused 2 'no command trian; did you mean train?' trian
refused 2 'no command nothing-like-it (' nothing-like-it
refused 2 'not expected: --recpie; did you mean --recipe?' --recpie quick
refused 2 'best50; did you mean resnet?' train --recipe resent
refused 2 'photos is required' predict
refused 2 '--to is required' export
succeeds --help
for command in train eval predict report export lr-find summary recipes; do
  grep -q "^  $command " stdout || fail "--help: no $command"
  "$program" $command --help | grep -q -- '--json' || fail "$command --help: no --json"
done
for command in '' train eval predict report export lr-find summary recipes; do
  "$program" $command --help | awk 'length > 80 || NR > 24' | grep . && fail "$command --help: more than a screen"
done
succeeds --version
grep -qx 'fashion_mnist [0-9]*\.[0-9]*\.[0-9]*' stdout || fail "--version: $(cat stdout)"
succeeds recipes
[ "$(cut -d' ' -f1 stdout | sed -n 1p)" = quick ] || fail "recipes: $(sed -n 1p stdout)"

# A training as JSON, and the same model judged again: the very same accuracy, in words and as JSON.
succeeds --recipe sgd --epochs 1 --no-stats --no-progress --json
accuracy=$(sed -n 's/.*"accuracy":\(0\.[0-9]*\).*/\1/p' stdout)
[ "$(wc -l <stdout)" = 1 ] && [ -n "$accuracy" ] || fail "--json: $(cat stdout)"
succeeds eval
grep -qx "accuracy $(printf %.4f "$accuracy")" stdout || fail "eval: $accuracy expected: $(cat stdout)"
# The accuracy is the mean recall, because every class has as many images.
awk -v a="$accuracy" '$2 == 1000 || $3 == 1000 { sum += $(NF - 1); n++ }
  END { exit !(n == 10 && sum / n - a < 1e-4 && a - sum / n < 1e-4) }' stdout || fail "recalls: $(cat stdout)"
succeeds eval --json --out judged
grep -q "\"accuracy\":$accuracy," stdout || fail "eval --json: $(cat stdout)"
[ "$(ls judged)" = "$(printf '%s\n' confusion.png predictions.png top_losses.png)" ] || fail "eval: $(ls judged)"
# Judged by training images, which the model knows, and by two models that are the same one.
succeeds eval --hold-out 1000
[ "$(awk '$3 ~ /^[0-9]+$/ { n += $3 } $2 ~ /^[0-9]+$/ { n += $2 } END { print n }' stdout)" = 1000 ] || fail "hold-out: $(cat stdout)"
succeeds eval --from out/best.safetensors --from out/last.safetensors --json
grep -q "\"accuracy\":$accuracy," stdout || fail "eval of two: $(cat stdout)"

# The weights alone judge the same; a model of another recipe says so.
succeeds export --to weights.safetensors
succeeds eval --from weights.safetensors --json
grep -q "\"accuracy\":$accuracy," stdout || fail "eval of the export: $(cat stdout)"
succeeds export --to weights.npz
[ "$(head -c 2 weights.npz)" = PK ] && grep -q '^[0-9]* arrays' stdout || fail "export for NumPy: $(cat stdout)"
refused 2 'weights.onnx: a name that ends in .safetensors or .npz expected' export --to weights.onnx
refused 1 'not of the model of recipe resnet, but of recipe sgd' eval --from weights.safetensors --recipe resnet
refused 1 'there is no such file: train first, or name one with --from' eval --from nowhere.safetensors
refused 2 'from' export --from out/best.safetensors --from out/last.safetensors --to x.safetensors
refused 1 "cannot write 'no/where.safetensors'" export --to no/where.safetensors

# Photos: the picture of the batch will do, whatever it is taken for.
cp out/batch.png 'a photo.png'
succeeds predict 'a photo.png' out/losses.png --out seen
[ "$(grep -c '%' stdout)" = 6 ] && [ -f seen/photos.png ] || fail "predict: $(cat stdout)"
grep -qx 'a photo.png' stdout || fail "predict: $(cat stdout)"
succeeds predict 'a photo.png' --json
grep -q '^\[{"photo":"a photo.png","best":\[{"class":"' stdout || fail "predict --json: $(cat stdout)"
refused 1 '"out/history.csv": is neither PNG nor JPEG' predict 'a photo.png' out/history.csv
refused 1 'no/photo.png"' predict no/photo.png

succeeds lr-find --recipe sgd --out found
grep -q '^suggested lr [0-9.e-]*$' stdout && [ -f found/lr_find.png ] || fail "lr-find: $(cat stdout)"
succeeds summary --recipe resnet --batch-size 64
# 1 -> 8: 72 + 576 + 8, and so on: what PyTorch counts for the course's ResNet.
grep -q '^all .* 1,228,908 ' stdout || fail "summary: $(tail -n 1 stdout)"
succeeds summary --recipe fast90 --json
grep -q '"parameters":640,' stdout || fail "summary --json: $(cat stdout)"

finish
