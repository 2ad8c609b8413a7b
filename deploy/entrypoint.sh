#!/bin/sh
# Each file /run/secrets/VOUCH_X becomes the variable VOUCH_X: passwords stay out of the container's definition.
set -eu
for file in /run/secrets/VOUCH_*; do
  [ -r "$file" ] || continue
  export "$(basename "$file")=$(cat "$file")"
done
exec node --disable-warning=ExperimentalWarning "/vouch/$SERVICE/src/main.ts" "$@"
