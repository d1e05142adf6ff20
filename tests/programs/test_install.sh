#!/bin/sh
# Somebody else's project uses kindling: installed, by find_package and by pkg-config, and as a part of
# its own sources.
#
#     test_install.sh CMAKE BUILD-FOLDER SOURCE-FOLDER COMPILER
#
# The library is not built again: what stands in the build folder is installed into a folder that
# goes away, and as a subproject it is only configured, and the consumer's own source compiled.
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

if command -v pkg-config >/dev/null; then
  export PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig"
  # shellcheck disable=SC2046 # lists of options
  step 'building with pkg-config' "$compiler" $(pkg-config --cflags kindling) "$consumer/consumer.cpp" \
    -o by_pkg_config $(pkg-config --libs kindling) && trains ./by_pkg_config
else
  echo 'without pkg-config'
fi

for way in subdirectory fetch; do
  configure $way -DWAY=$way "-DKINDLING_SOURCE=$source" || continue
  "$cmake" --build $way --target help >targets
  grep -E '(tests_f32|fashion_mnist|look_inside|bench)(:| |$)' targets && fail "$way: more than the library"
  leaks $way && fail "$way: flags of kindling are everywhere"
  grep '"command"' $way/compile_commands.json | grep 'consumer.cpp' | grep -e -Wall && fail "$way: -Wall"
done
step 'compiling as a subproject' "$cmake" --build subdirectory \
  --target CMakeFiles/consumer.dir/consumer.cpp.o

[ "$failures" = 0 ] && echo 'all as expected'
[ "$failures" = 0 ]
