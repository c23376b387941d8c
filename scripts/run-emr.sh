#!/usr/bin/env bash
# The life of a cluster on this machine, from creation to termination: bronze to gold as EMR steps, on s3://.
#
#   scripts/run-emr.sh [SETTING=VALUE...]   further settings, such as emr.release=emr-7.14.0
#   MONTHS='*'                              the flights of all of 2013; without it those of January
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
export LAKEGATE_LOCAL_EMR=$work/emr LAKEGATE_ENV=local-emr
sets=()
for each; do sets+=(--set "$each"); done

run() {
    printf '\n$ %s\n' "$*"
    "$@"
}

trap 'lakegate local-emr stop >/dev/null; rm -rf "$work"' EXIT
run lakegate local-emr start
eval "$(lakegate local-emr env)"
mkdir -p "$work/landing/flights"
cp data/nycflights13/*.csv* "$work/landing"
cp data/nycflights13/flights/flights-2013-${MONTHS:-01}.csv.gz "$work/landing/flights"
run lakegate local-emr upload "$work/landing" s3://lakegate/landing
run lakegate package ${sets[@]+"${sets[@]}"}
run lakegate cluster create --yes --wait ${sets[@]+"${sets[@]}"}
run lakegate submit flights report --follow --on-failure cancel-and-wait ${sets[@]+"${sets[@]}"} | tee "$work/submitted"
for step in $(grep -oE '^s-[A-Z0-9]+' "$work/submitted" | uniq | head -2); do
    run lakegate logs "$step" | tail -n 22
done
run lakegate cluster terminate --yes
run lakegate local-emr stop
printf '\nFrom the start to the stop: %s s\n' "$SECONDS"
