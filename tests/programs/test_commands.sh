#!/bin/sh
# What can be done with what was trained, from outside: eval, predict, export, lr-find, summary.
#
#     test_commands.sh PROGRAM PHOTOGRAPHER
set -u
program=$1 photographer=$2
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
refused 2 'not expected: --verson; did you mean --version?' --verson
refused 2 'no command help; did you mean --help?' help
refused 2 'the command comes first, in front of its options: fashion_mnist eval ...' --recipe quick eval
refused 2 'the command comes first, in front of its options: fashion_mnist eval ...' --from x eval
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
  "$program" $command --help | grep -A 3 '^Example\|Examples:' | grep -q 'fashion_mnist ' ||
    fail "$command --help: no example"
done
succeeds --version
grep -qx 'fashion_mnist [0-9]*\.[0-9]*\.[0-9]*' stdout || fail "--version: $(cat stdout)"
succeeds recipes
[ "$(cut -d' ' -f1 stdout | sed -n 1p)" = quick ] || fail "recipes: $(sed -n 1p stdout)"

# Where a result cannot be written: a full device, a pipe that nobody reads, no stdout at all.
for words in recipes --help --version 'summary --recipe lesson16'; do
  "$program" $words >/dev/full 2>stderr
  [ $? = 1 ] && grep -q 'error: .*cannot write the result' stderr || fail "$words into /dev/full: $(cat stderr)"
done
{ sleep 1; "$program" recipes 2>stderr; echo $? >piped; } | true
case $(cat piped) in 1 | 141) ;; *) fail "recipes into a closed pipe: status $(cat piped)" ;; esac
"$program" recipes 2>stderr >&- && fail 'recipes without a stdout: status 0'

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
refused 1 'no/photo.png"' predict no/photo.png
# One that cannot be read does not keep the others from being seen.
start predict out/history.csv 'a photo.png' no/photo.png
[ "$status" = 1 ] || fail "predict: two of three: status $status"
[ "$(grep -c '%' stdout)" = 3 ] && grep -qx 'a photo.png' stdout || fail "predict: one of three: $(cat stdout)"
grep -q '"out/history.csv": is neither PNG nor JPEG' stderr && grep -q '"no/photo.png"' stderr ||
  fail "predict: two of three: $(cat stderr)"
tail -n 1 stderr | grep -qx 'fashion_mnist: error: \[predict\] 2 of 3 photos cannot be read' ||
  fail "predict: two of three: $(cat stderr)"
# A name may hold anything; control characters are not sent to a terminal.
odd=$(printf 'odd\033[31m\nname.png')
cp 'a photo.png' "$odd"
succeeds predict "$odd"
[ "$(head -n 1 stdout)" = 'odd\x1b[31m\x0aname.png' ] || fail "an odd name: $(head -n 2 stdout)"
# More of them than a model sees at once, and than a picture has room for: each the same.
# shellcheck disable=SC2046 # 300 words
succeeds predict $(yes out/batch.png | head -n 300) --out many
[ "$(wc -l <stdout)" = 1200 ] && [ "$(sort -u stdout | wc -l)" = 4 ] || fail "300 photos: $(sort -u stdout)"
grep -qx 'the first 40 of 300 photos as the model sees them: many/photos.png' stderr || fail "300 photos: $(cat stderr)"

# It says of a photo of a test image what it says of the image. One image may be on the edge, since a
# photo is cut and scaled anew, and after one epoch the model is easily moved.
mkdir taken
"$photographer" sgd out/best.safetensors taken >expected 2>stderr || fail "photographer: $(cat stderr)"
photos=$(wc -l <expected)
[ "$photos" -ge 24 ] || fail "photos of six classes or more expected: $(cat expected)"
# shellcheck disable=SC2046 # names without blanks
succeeds predict $(cut -f 1 expected) --json
sed 's/},{"photo"/}\n{"photo"/g' stdout |
  sed -n 's/.*"photo":"\([^"]*\)","best":\[{"class":"\([^"]*\)".*/\1\t\2/p' >said
same=$(grep -cxFf expected said)
[ "$(wc -l <said)" = "$photos" ] && [ "$same" -ge $((photos - 4)) ] ||
  fail "predict: $same of $photos photos as their images: $(diff expected said)"

# Colours: of the best guess and of "error:", on a terminal that knows them, unless they are unwanted.
shown() { script -qec "$*" typescript >/dev/null 2>&1 </dev/null; }
colours() { grep -c "$(printf '\033')" typescript; }
export TERM=xterm SHELL=/bin/sh
unset NO_COLOR
if command -v script >/dev/null; then
  shown "'$program' predict out/batch.png"
  grep -q "$(printf '^  \033\[1;32m *[0-9.]* %%  .*\033\[0m.$')" typescript || fail "predict: no colour: $(cat -v typescript)"
  [ "$(colours)" = 1 ] || fail "predict: more colours than one: $(cat -v typescript)"
  shown "'$program' --bogus"
  grep -q "$(printf '^fashion_mnist: \033\[1;31merror:\033\[0m not expected: --bogus')" typescript ||
    fail "an error: no colour: $(cat -v typescript)"
  shown "NO_COLOR=1 '$program' predict out/batch.png; NO_COLOR=1 '$program' --bogus"
  [ "$(colours)" = 0 ] && grep -q 'error: not expected' typescript || fail "NO_COLOR=1: $(cat -v typescript)"
else
  echo 'skipped: colours on a terminal (Debian: bsdutils)'
fi
start predict out/batch.png no/photo.png
grep -q "$(printf '\033')" stdout stderr && fail 'colours into a file'

# Names in any letters.
mkdir 'größe 形'
cp out/batch.png 'größe 形/写真.png'
succeeds predict 'größe 形/写真.png' --out 'größe 形'
grep -qx 'größe 形/写真.png' stdout && [ -s 'größe 形/photos.png' ] || fail "names in any letters: $(cat stdout stderr)"

succeeds lr-find --recipe sgd --out found
grep -q '^suggested lr [0-9.e-]*$' stdout && [ -f found/lr_find.png ] || fail "lr-find: $(cat stdout)"
succeeds summary --recipe resnet --batch-size 64
# 1 -> 8: 72 + 576 + 8, and so on: what PyTorch counts for the course's ResNet.
grep -q '^all .* 1,228,908 ' stdout || fail "summary: $(tail -n 1 stdout)"
succeeds summary --recipe fast90 --json
grep -q '"parameters":640,' stdout || fail "summary --json: $(cat stdout)"

finish
