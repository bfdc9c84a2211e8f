#!/bin/sh
# A wrong include must not compile. Takes each layer's own compile command and asks the compiler what it can see.
# usage: layers.sh BUILD-DIR SOURCE-DIR
set -eu
build=$1 src=$2/src
all="base net http policy store gate origin config edge control cli"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

sees() {
    case $1 in
    base) echo base ;;
    net) echo base net ;;
    http) echo base net http ;;
    policy) echo base net http policy ;;
    store) echo base net store ;;
    gate) echo base net http policy store gate ;;
    origin) echo base net http policy origin ;;
    config) echo base net http policy store gate origin config ;;
    edge) echo base net http policy store gate origin config edge ;;
    control) echo base net http policy store gate origin config edge control ;;
    cli) echo "$all" ;;
    esac
}

# The compiler and the flags of some file of the layer, without its input and outputs.
command_of() {
    sed -nE "s|^ *\"command\": \"(.*) -MD .* -c [^ ]*src/$1/[^ ]*\.c\",?\$|\1|p" "$build/compile_commands.json" |
        sed 's/\\"/"/g' | head -1
}

header_of() { (cd "$src" && find "$1" -name '*.h' | LC_ALL=C sort | head -1); }

compiles() { # LAYER HEADER
    printf '#include "%s"\n' "$2" >"$work/probe.c"
    (cd "$build" && eval "$(command_of "$1")" -fsyntax-only "$work/probe.c") >"$work/said" 2>&1
}

check() { # LAYER OTHER
    header=$(header_of "$2")
    [ -n "$header" ] || return 0
    case " $(sees "$1") " in *" $2 "*) want=compiles ;; *) want=fails ;; esac
    got=fails
    ! compiles "$1" "$header" || got=compiles
    # A refusal must be the include's, or the test would be content with any broken flag.
    if [ $got = fails ] && ! grep -q "$header: No such file" "$work/said"; then got="breaks otherwise"; fi
    if [ "$got" != $want ]; then
        echo "layers: $1 including \"$header\": $got, should be: $want"
        head -3 "$work/said"
        failed=1
    fi
}

for layer in $all; do
    if [ -z "$(command_of "$layer")" ]; then
        [ -z "$(find "$src/$layer" -name '*.c')" ] || { echo "layers: no compile command for $layer"; failed=1; }
        continue
    fi
    for other in $all; do check "$layer" "$other"; done
done
exit $failed
