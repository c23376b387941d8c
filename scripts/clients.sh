#!/usr/bin/env bash
# Makes environments of clients of EMR that nobody here wrote, from locked versions only. Where nothing changed, it has
# nothing to do.
#
#   scripts/clients.sh NAME...   build/clients/NAME, from requirements/clients-NAME.txt: prints where its programs are
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() { printf 'clients: %s\n' "$*" >&2 && exit 1; }

# What an environment was made from. Its programs hold its path, so it does not survive a move.
fingerprint() { pwd && cksum "$lock" scripts/clients.sh; }

[[ -x .venv/bin/uv ]] || fail "uv, which makes them, is not here. Type: make setup"
for name; do
    lock=requirements/clients-$name.txt made=build/clients/$name
    [[ -f $lock ]] || fail "There is no $lock, but there are:" requirements/clients-*.txt
    if [[ $(cat "$made/made-from" 2>/dev/null) != "$(fingerprint)" ]]; then
        .venv/bin/uv venv --quiet --clear --python .venv/bin/python "$made"
        VIRTUAL_ENV=$made .venv/bin/uv pip sync --quiet --require-hashes --build-constraints requirements/tools.txt "$lock"
        fingerprint >"$made/made-from"
    fi
    echo "$PWD/$made/bin"
done
