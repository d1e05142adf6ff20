#!/bin/sh
# Somebody else's project uses kindling: installed, by find_package and by pkg-config, and as a part of
# its own sources.
#
#     test_install.sh CMAKE BUILD-FOLDER SOURCE-FOLDER COMPILER
#
# The library is not built again: what stands in the build folder is installed into a folder that
# goes away, and as a subproject it is only configured, and the consumer's own source compiled. A long test
# (KINDLING_LONG=1) builds it as the part of another project that own_program.md shows, and runs that.
set -u
cmake=$1 build=$2 source=$3 compiler=$4
consumer=$source/tests/consumer
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

# step WHAT COMMAND...: quiet unless it fails.
step() {
  what=$1
  shift
  "$@" >log 2>&1 || { fail "$what: $(tail -n 30 log)"; return 1; }
}
configure() { # FOLDER OPTIONS...
  folder=$1
  shift
  step "configuring $folder" "$cmake" -S "$consumer" -B "$folder" -G Ninja \
    "-DCMAKE_CXX_COMPILER=$compiler" -DCMAKE_BUILD_TYPE=None "$@"
}
# trains PROGRAM: it runs, and leaves what it should.
trains() {
  rm -f color_dim.png model.safetensors
  [ "$("$1" | tail -n 1)" = 'trained 10 parameters' ] || fail "$1 does not train"
  [ -s color_dim.png ] && [ -s model.safetensors ] || fail "$1 leaves no files"
}
# leaks FOLDER: what has nothing to do with kindling is compiled as if it were not there.
leaks() {
  grep '"command"' "$1/compile_commands.json" | grep 'consumer.cpp' |
    grep -q -e -DEIGEN_DONT_PARALLELIZE || fail "$1: without the definitions that the headers need"
  grep '"command"' "$1/compile_commands.json" | grep 'bystander.cpp' |
    grep -e -march -e -W -e -O -e -fopenmp -e -std -e EIGEN
}

step 'installing' "$cmake" --install "$build" --prefix "$work/first" || exit 1
mv first prefix # what is installed may be moved
[ -f prefix/include/kindling/learner/kindling.h ] || fail 'no learner/kindling.h'
find prefix -name '*flat_json*' -o -name '*example*' -o -name '*.cpp' | grep . && fail 'too much is installed'
grep -rn "$source\|$build" prefix --include='*.cmake' --include='*.pc' && fail 'a path of this machine'

if configure package "-DCMAKE_PREFIX_PATH=$work/prefix"; then
  step 'building with the package' "$cmake" --build package --target consumer && trains package/consumer
  leaks package && fail 'flags of the package are everywhere'
fi
step 'a version of the same minor number' "$cmake" -S "$consumer" -B other -G Ninja \
  "-DCMAKE_CXX_COMPILER=$compiler" "-DCMAKE_PREFIX_PATH=$work/prefix"
sed 's/find_package(kindling 0.1/find_package(kindling 0.2/' "$consumer/CMakeLists.txt" >CMakeLists.txt
cp "$consumer"/*.cpp .
"$cmake" -S . -B newer "-DCMAKE_CXX_COMPILER=$compiler" "-DCMAKE_PREFIX_PATH=$work/prefix" >log 2>&1 &&
  fail 'version 0.2 was asked for, and taken to be there'

for way in subdirectory fetch; do
  configure $way -DWAY=$way "-DKINDLING_SOURCE=$source" || continue
  "$cmake" --build $way --target help >targets
  grep -E '(tests_f32|fashion_mnist|look_inside|bench)(:| |$)' targets && fail "$way: more than the library"
  leaks $way && fail "$way: flags of kindling are everywhere"
  grep '"command"' $way/compile_commands.json | grep 'consumer.cpp' | grep -e -Wall && fail "$way: -Wall"
done
step 'compiling as a subproject' "$cmake" --build subdirectory \
  --target CMakeFiles/consumer.dir/consumer.cpp.o

# What the page on a program of one's own says, word for word.
page=$source/learner/examples/book/own_program.md
code() { "$source/tests/programs/code_of.sh" "$page" "$@"; }
mkdir -p mine fetched
code mine/mine.cpp
code mine/CMakeLists.txt cmake 1
code by_pkg_config.sh sh 1
code fetch.cmake cmake 2
# same PROGRAM: it trains, and what it reads from its file says the same.
same() {
  rm -f mine.safetensors
  "$1" >said 2>log && grep -q '^the sum of all scores: ' said && [ -s mine.safetensors ] || fail "$1: $(cat said log)"
}
if command -v pkg-config >/dev/null; then
  sed -i "s|^export .*|export PKG_CONFIG_PATH='$work/prefix/lib/pkgconfig'|; s|^g++ |'$compiler' |" by_pkg_config.sh
  step 'pkg-config as the page says' sh by_pkg_config.sh && same mine/by_pkg_config
else
  echo 'skipped: what pkg-config says (Debian: pkg-config)'
fi
step 'configuring as the page says' "$cmake" -S mine -B mine/build -G Ninja -DCMAKE_BUILD_TYPE=Release \
  "-DCMAKE_CXX_COMPILER=$compiler" "-DCMAKE_PREFIX_PATH=$work/prefix"
cp mine/mine.cpp fetched
awk 'NR == FNR { lines = lines $0 "\n"; next } /^find_package/ { printf "%s", lines; next } 1' \
  fetch.cmake mine/CMakeLists.txt >fetched/CMakeLists.txt
step 'configuring what the page fetches' "$cmake" -S fetched -B fetched/build -G Ninja \
  -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_COMPILER=$compiler" "-DKINDLING_SOURCE=$source"
if [ -n "${KINDLING_LONG:-}" ]; then
  step 'building as the page says' "$cmake" --build mine/build && same mine/build/mine
  step 'building what the page fetches' "$cmake" --build fetched/build && same fetched/build/mine
else
  echo 'skipped: the projects of the page are only configured, KINDLING_LONG=1 builds them'
fi

[ "$failures" = 0 ] && echo 'all as expected'
[ "$failures" = 0 ]
