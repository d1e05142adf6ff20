#!/bin/sh
# The race in planted_race is found every time.
#
#     test_planted_race.sh PROGRAM
found=0
for time in 1 2 3 4 5 6 7 8 9 10; do
  "$1" 2>&1 | grep -q 'WARNING: ThreadSanitizer: data race' && found=$((found + 1))
done
echo "found $found of 10"
[ "$found" = 10 ]
