#!/bin/sh
# The benchmarks from outside: test_bench.sh PATH-TO-PROGRAM. What it refuses, and that a case is
# checked, timed and written down.
set -u
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() { echo "test_bench: $*"; failures=$((failures + 1)); }

# refused STATUS TEXT ARGUMENTS: one line on stderr that holds TEXT, nothing on stdout.
refused() {
  want=$1 text=$2
  shift 2
  "$program" "$@" >stdout 2>stderr
  [ $? = "$want" ] || fail "$*: status $want expected"
  [ "$(wc -l <stderr)" = 1 ] || fail "$*: one line expected: $(cat stderr)"
  grep -qF -- "$text" stderr || fail "$*: '$text' expected: $(cat stderr)"
  [ ! -s stdout ] || fail "$*: nothing expected on stdout: $(cat stdout)"
}

refused 2 'not expected: --bogus' --bogus
refused 2 '--threads: Value 0 not in range' --threads 0
refused 2 '--rounds: Value -1 not in range' --rounds -1
refused 1 "no case matches 'nothing'; --list names them" --filter nothing
refused 1 "no case matches '2048.*bT' in the quick run; 2 of --full do" --filter '2048.*bT'
refused 1 "'(' is no regular expression" --filter '('
echo 'not a folder' >file
refused 1 'cannot make the folder of "file/bench.json"' --json file/bench.json

"$program" --list --full >all 2>stderr || fail "--list: $(cat stderr)"
"$program" --list >quick 2>stderr || fail "--list: $(cat stderr)"
[ "$(sort all | uniq -d)" = '' ] || fail "two cases of one name: $(sort all | uniq -d)"
[ "$(wc -l <quick)" -gt 50 ] && [ "$(wc -l <all)" -gt "$(wc -l <quick)" ] ||
  fail "--list: $(wc -l <quick) of $(wc -l <all) cases are quick"

"$program" --filter 'one-number|1-8,5x5.*stride2/dw|x512x10/' --rounds 1 --threads 1 >stdout 2>stderr ||
  fail "status $?: $(cat stdout stderr)"
for case in step/one-number conv/conv10/1-8,5x5,28x28,stride2/dw 'matmul/1024x512x10/a\*b'; do
  grep -q "^$case  *[0-9.]* [mun]s " stdout || fail "no row $case: $(cat stdout)"
  grep -q "\"name\": \"$case\"" out/bench.json || fail "no $case in out/bench.json"
done
grep -q 'WRONG\|wrong' stdout && fail "wrong results: $(cat stdout)"
[ "$(head -c 4 out/roofline.png | tail -c 3)" = PNG ] || fail 'out/roofline.png is no picture'

[ "$failures" = 0 ] && echo 'all as expected'
[ "$failures" = 0 ]
