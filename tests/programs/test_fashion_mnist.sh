#!/bin/sh
# The program from outside: what it prints where, how it ends, and what it leaves behind.
#
#     test_fashion_mnist.sh PROGRAM
set -u
program=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# Runs the program with these arguments; leaves stdout, stderr and the status in stdout, stderr, $status.
start() {
  "$program" "$@" >stdout 2>stderr </dev/null
  status=$?
}

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
refused 2 '--lr: Value -1 not in range' --lr -1
refused 2 '--lr: Value nan not in range' --lr nan
refused 2 '--lr: Value 0 not in range' --lr 0
refused 2 '--batch-size: Value 0 not in range' --batch-size 0
refused 2 '--threads: Value 0 not in range' --threads 0
refused 2 '--recipe: foo not in {quick,lesson16}' --recipe foo
refused 2 '--seed: Value -1 is negative' --seed -1
refused 1 'not found; looked in nowhere' --data nowhere
refused 1 'at lr 1000: try a smaller lr' --lr 1000
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
head -n 1 one/history.csv | grep -qx 'epoch,split,loss,accuracy,seconds' || fail 'history.csv: header'
[ "$(wc -l <one/history.csv)" = 3 ] || fail 'history.csv: three lines expected'

# The same bits, whatever the number of threads, and the second time.
for threads in 1 2 4; do
  start --recipe lesson16 --out again --threads $threads
  for picture in color_dim dead_chart stats losses predictions; do
    cmp one/$picture.png again/$picture.png || fail "$threads threads: $picture.png differs"
  done
  for run in one again; do cut -d, -f1-4 $run/history.csv >$run.csv; done
  cmp one.csv again.csv || fail "$threads threads: history.csv differs"
done

[ "$failures" = 0 ] && echo 'all as expected'
[ "$failures" = 0 ]
