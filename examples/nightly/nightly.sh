#!/usr/bin/env bash
# One night, for cron. Says nothing when every gate passed; otherwise prints the summary, which cron mails.
#
#   MODELMETRY         the program; default: what is on the path, or .venv/bin beside this project
#   MODELMETRY_CONFIG  the job; default: nightly.yaml beside this script
#   MODELMETRY_OUT     folder of all nights; default: nights beside this script
#   MODELMETRY_SECRET  the secret; default: what nights.secret holds, beside that folder, made on the first night
set -euo pipefail
umask 077

# Cron knows no profile: everything is found from here.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
config=${MODELMETRY_CONFIG:-$here/nightly.yaml}
out=${MODELMETRY_OUT:-$here/nights}
program=${MODELMETRY:-$(command -v modelmetry || echo "$here/../../.venv/bin/modelmetry")}
[ -x "$program" ] || { echo "$program: no such program; set MODELMETRY" >&2; exit 2; }

mkdir -p "$out"
if [ -z "${MODELMETRY_SECRET:-}" ]; then
  # Keep a copy of this file: without it, no earlier fresh test can be made again.
  [ -s "$out.secret" ] || head -c 32 /dev/urandom | base64 >"$out.secret"
  MODELMETRY_SECRET=$(cat "$out.secret")
fi
export MODELMETRY_SECRET

# The date is taken once, so that a night that runs past midnight stays one night.
night=$(date -u +%F)
code=0
"$program" nightly "$config" --out "$out" --date "$night" >"$out/last.log" 2>&1 || code=$?
if [ "$code" -ne 0 ]; then
  if [ "$code" -eq 5 ] && [ -f "$out/$night/summary.md" ]; then
    cat "$out/$night/summary.md"
  else
    tail -n 20 "$out/last.log"
  fi
fi
exit "$code"
