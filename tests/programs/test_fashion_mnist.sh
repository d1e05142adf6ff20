#!/bin/sh
# The program from outside: what it prints where, how it ends, and what it leaves behind.
#
#     test_fashion_mnist.sh PROGRAM
set -u
program=$1
weights=$(CDPATH='' cd -- "$(dirname -- "$0")/../fixtures" && pwd -P)/weights.safetensors
. "$(dirname -- "$0")/checks.sh"

# refused STATUS TEXT ARGUMENTS...: ends with that status, says so in one line that holds the text
# (besides the line that names the machine), and prints no result.
refused() {
  expected=$1 text=$2
  shift 2
  start --no-stats "$@"
  [ "$status" = "$expected" ] || fail "$*: status $status, expected $expected"
  [ "$(grep -vc '^kindling: \|^epoch \|^ *[0-9]* *train ' stderr)" = 1 ] || fail "$*: one line expected: $(cat stderr)"
  grep -qF -- "$text" stderr || fail "$*: '$text' expected: $(cat stderr)"
  [ ! -s stdout ] || fail "$*: nothing expected on stdout: $(cat stdout)"
}

refused 2 'not expected: --bogus' --bogus
refused 2 '--epochs: Value 0 not in range' --epochs 0
refused 2 '--epochs: Value many not in range' --epochs many
refused 2 '--lr: Value -1: above 0, at most 1000000 expected' --lr -1
refused 2 '--lr: Value nan: above 0, at most 1000000 expected' --lr nan
refused 2 '--lr: Value 0: above 0, at most 1000000 expected' --lr 0
refused 2 '--batch-size: Value 0 not in range' --batch-size 0
refused 2 '--threads: Value 0 not in range' --threads 0
refused 2 '--recipe: no recipe foo; there are quick, lesson16, ' --recipe foo
refused 2 '--hold-out: Value 60000 not in range' --hold-out 60000
refused 2 '--seed: Value -1 is negative' --seed -1
refused 2 '--seed: Value 010: a whole number expected, such as 8' --seed 010
refused 2 '--seed: Value 99999999999999999999: a whole number expected, such as 8' --seed 99999999999999999999
refused 2 '--epochs: Value 010: a whole number expected, such as 8' --epochs 010
# A last batch of one image, which has no statistics, is found out before the training.
refused 1 '59905 training images in batches of 512 leave a batch of one' --hold-out 95
refused 1 '; --batch-size 513 or --hold-out 96 would do' --hold-out 95
refused 1 '; --batch-size 60000 would do' --batch-size 59999
refused 1 '; --batch-size 2 would do' --batch-size 1
refused 1 'not found; looked in nowhere' --data nowhere
refused 1 'at lr 1000: try a smaller lr' --recipe sgd --lr 1000
echo 'not a folder' >file
refused 1 '[out] cannot make the folder "file"' --out file
refused 1 '[out] cannot make the folder "file/below"' --out file/below
refused 1 'cannot write' --out /proc/self
[ "$(cat file)" = 'not a folder' ] || fail 'a file in the way was touched'

# A data set that is cut off names the file.
mkdir cut
for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
  printf '\0\0\10\1\0\0\0\5\1\2\3' >cut/$name-ubyte
done
refused 1 'cut/train-' --data cut

# A disk that is full: files may not grow beyond 20 blocks of 512 bytes. No picture is left, whole or
# half, and no temporary file.
(
  ulimit -f 20
  trap '' XFSZ
  start --recipe lesson16 --no-progress --out full
  [ "$status" = 1 ] && grep -q 'cannot write' stderr
) || fail "a full disk: $(cat stderr)"
[ -z "$(find full -name '*.png' -o -name '.*' -type f)" ] || fail "a full disk left $(ls -A full)"

# Into a file: plain lines, and the result alone on stdout.
start --recipe lesson16 --out one --threads 1
[ "$status" = 0 ] || fail "lesson16: status $status: $(cat stderr)"
grep -qx 'accuracy 0\.[0-9]\{4\}' stdout || fail "lesson16: stdout is $(cat stdout)"
LC_ALL=C grep -q '[[:cntrl:]]' stderr && fail 'lesson16: control characters in a file'
grep -qx 'all there is to see: one/report.html' stderr || fail "lesson16: stderr is $(cat stderr)"
grep -q '"batches":59,' one/report.html || fail 'lesson16: another page'
head -n 1 one/history.csv | grep -qx 'epoch,split,loss,accuracy,seconds' || fail 'history.csv: header'
[ "$(wc -l <one/history.csv)" = 3 ] || fail 'history.csv: three lines expected'

# The same bits, whatever the number of threads, and the second time.
for threads in 1 2 4; do
  start --recipe lesson16 --out again --threads $threads
  for picture in color_dim dead_chart stats updates losses predictions confusion top_losses batch; do
    cmp one/$picture.png again/$picture.png || fail "$threads threads: $picture.png differs"
  done
  for run in one again; do cut -d, -f1-4 $run/history.csv >$run.csv; done
  cmp one.csv again.csv || fail "$threads threads: history.csv differs"
done

# Judged by training images that were held out; and all the pictures are there.
start --recipe lesson16-mended --hold-out 13000 --out held
[ "$status" = 0 ] || fail "hold-out: status $status: $(cat stderr)"
[ "$(ls held)" = "$(printf '%s\n' batch.png best.safetensors color_dim.png confusion.png \
  dead_chart.png history.csv history.jsonl last.safetensors losses.png predictions.png report.html stats.png top_losses.png updates.png)" ] ||
  fail "hold-out: there is $(ls held)"
tr -d '"\\' <held/last.safetensors | grep -aq 'training-rows:47000,validation-batches:7,validation-rows:13000' ||
  fail 'hold-out: other rows'
refused 1 'hold-out 13000 there, 0 here' --resume held/last.safetensors --hold-out 0 --out other

# An ensemble has a folder for each model, and goes on from the checkpoint of any: with what lies in the
# folders beside it, and anew where there is nothing. A hundred images will do, whatever they show.
mkdir small
for set in train t10k; do
  { printf '\0\0\10\3\0\0\0\144\0\0\0\34\0\0\0\34' && head -c 78400 "$program"; } \
    >small/$set-images-idx3-ubyte
  { printf '\0\0\10\1\0\0\0\144' && yes "$(printf '\1\2\3\4\5\6\7\10\11')" | head -c 100 | tr '\n' '\0'; } \
    >small/$set-labels-idx1-ubyte
done
ensemble() { start --no-stats --no-progress --data small "$@"; }
ensemble --recipe copy-ensemble --epochs 2 --batch-size 25 --out pair
[ "$status" = 0 ] || fail "ensemble: status $status: $(cat stderr)"
[ "$(sed 's/0\.[0-9]*$//' stdout | tr '\n' ';')" = 'accuracy ;accuracy ;accuracy together ;' ] ||
  fail "ensemble: stdout is $(cat stdout)"
cp stdout pair.txt
# What is written for TensorBoard changes no result; where there is nothing left to train, nothing is written.
ensemble --recipe copy-ensemble --epochs 2 --batch-size 25 --out watched --tensorboard board
cmp stdout pair.txt || fail "tensorboard: another result: $(cat stdout)"
ensemble --resume watched/2/last.safetensors --tensorboard board
[ "$(find board/1 board/2 -name 'events.out.tfevents.*' -size +1k | wc -l)" = 2 ] ||
  fail "tensorboard: there is $(find board)"
[ "$(find board -type f | wc -l)" = 2 ] || fail "tensorboard: there is $(find board)"
refused 1 '[events] "file/below": cannot be made' --tensorboard file/below --data small --out unseen
cp -r pair alone
rm -r alone/2
for from in pair/2/last alone/1/best; do
  ensemble --resume $from.safetensors
  [ "$status" = 0 ] || fail "ensemble: going on from $from: status $status: $(cat stderr)"
  cmp stdout pair.txt || fail "ensemble: going on from $from says $(cat stdout)"
done
# What lies beside and is of a shorter training is not gone on from.
ensemble --recipe copy-ensemble --epochs 1 --batch-size 25 --out short
mkdir mixed && cp -r pair/1 mixed/1 && cp -r short/2 mixed/2
ensemble --resume mixed/1/last.safetensors
cmp stdout pair.txt || fail "ensemble: beside a shorter one, status $status: $(cat stdout stderr)"
mkdir moved && cp pair/2/last.safetensors moved
refused 1 'in the folder of its model, 2, expected' --resume moved/last.safetensors --data small

# Stopped by a signal behind a batch: the status says which, one line says how to go on, and whoever
# does what it says has the same pictures, history and numbers as if nothing had been.
stop() {
  env --default-signal=INT "$program" --recipe lesson16 --no-progress --save-every 3 --out "$2" \
    >stdout 2>stderr </dev/null &
  pid=$!
  while [ ! -e "$2/last.safetensors" ] && kill -0 $pid 2>/dev/null; do sleep 0.02; done
  kill -s "$1" $pid
  wait $pid
  status=$?
  [ "$(grep -vc '^kindling: ' stderr)" = 1 ] || fail "$1: one line expected: $(cat stderr)"
  [ ! -s stdout ] || fail "$1: nothing expected on stdout: $(cat stdout)"
  again=$(sed -n 's/^fashion_mnist: stopped; to go on: //p' stderr)
}
# What a safetensors file holds behind its header.
numbers() { tail -c "+$((9 + $(od -An -tu8 -N8 "$1")))" "$1"; }

stop TERM 'größe 形'
[ "$status" = 143 ] || fail "SIGTERM: status $status"
case $again in *"--resume 'größe 形/last.safetensors' --save-every 3") ;; *) fail "to go on: $again" ;; esac
eval "$again" >stdout 2>stderr || fail "going on: $(cat stderr)"
grep -q '^accuracy ' stdout && [ -s 'größe 形/report.html' ] || fail "going on: $(cat stdout stderr)"
stop INT "the other's"
[ "$status" = 130 ] || fail "SIGINT: status $status"
case $again in *"--resume 'the other'\\''s/last.safetensors' --save-every 3") ;; *) fail "to go on: $again" ;; esac
cp -r "the other's" halfway
grep -q '"ending":"ended early, in epoch 1 of 1, training batch ' "the other's/report.html" ||
  fail 'SIGINT: no page that says so'
eval "$again" >stdout 2>stderr || fail "going on: $(cat stderr)"
cmp stdout - <<END || fail 'going on: another result'
accuracy $(sed -n 's/.*,valid,[^,]*,//p' one.csv | awk '{ printf "%.4f", $1 }')
END
cut -d, -f1-4 "the other's/history.csv" | cmp - one.csv || fail 'going on: history.csv differs'
for picture in color_dim dead_chart stats updates losses predictions confusion top_losses batch; do
  cmp one/$picture.png "the other's/$picture.png" || fail "going on: $picture.png differs"
done
numbers one/last.safetensors >one.bin
numbers "the other's/last.safetensors" | cmp - one.bin || fail 'going on: other numbers'

# A disk that is full when the next checkpoint is due: the one before is left as it was.
cp halfway/last.safetensors before.safetensors
(
  ulimit -f 20
  trap '' XFSZ
  start --resume halfway/last.safetensors --save-every 1 --no-progress
  [ "$status" = 1 ] && grep -q "cannot write 'halfway/last.safetensors'" stderr
) || fail "a full disk: $(cat stderr)"
cmp halfway/last.safetensors before.safetensors || fail 'a full disk: the checkpoint is lost'
[ -z "$(find halfway -name '*.tmp')" ] || fail "a full disk left $(ls -A halfway)"
# A table or a picture that goes to a full device.
for result in history.csv stats.png; do
  mkdir -p device && ln -s /dev/full device/$result
  start --resume one/last.safetensors --out device
  [ "$status" = 1 ] || fail "$result: /dev/full: status $status"
  grep -q "cannot write 'device/$result': No space left on device" stderr || fail "$(cat stderr)"
  rm device/$result
done

# What cannot be gone on from.
refused 1 '"nowhere.safetensors": there is no such file' --resume nowhere.safetensors
refused 1 'holds weights alone' --resume "$weights"
head -c 5000 before.safetensors >cut.safetensors
refused 1 '"cut.safetensors": ' --resume cut.safetensors
refused 1 'recipe lesson16 there, quick here' --resume before.safetensors --recipe quick --out other
refused 1 'epochs 1 there, 2 here' --resume before.safetensors --epochs 2 --out other
cp one/history.csv kept.csv
refused 1 'epochs 1 there, 2 here' --resume before.safetensors --epochs 2 --out one
cmp one/history.csv kept.csv || fail 'a training that was refused: history.csv differs'

finish
