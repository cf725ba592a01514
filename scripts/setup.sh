#!/bin/sh
# Fill .venv with the locked packages and with headgate itself, editable.
#
#   scripts/setup.sh runtime    what `headgate` needs to run
#   scripts/setup.sh dev        what its tests and checks need on top
#
# Needs a Python of 3.11 or later and nothing else: uv does the work when it is on the PATH, pip
# otherwise. Every package is checked against the hashes in requirements/.
set -eu
cd "$(dirname "$0")/.."
venv=.venv

fail() {
    echo "setup: $*" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    # A name on the PATH is not enough: version managers leave stand-ins that only print an error.
    for python in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if is_new_enough "$python"; then
            echo "$python"
            return
        fi
    done
    fail "no Python 3.11 or later found; install one, or name it: make setup PYTHON=/path/to/python3"
}

make_venv() {
    if command -v uv >/dev/null; then
        uv venv --quiet --allow-existing --python "${PYTHON:->=3.11}" "$venv"
        return
    fi
    python=$(find_python)
    if "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        "$python" -m venv "$venv"
    elif "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --without-pip "$venv" # filled from outside, see install()
    else
        fail "$python has neither venv nor pip; install them (Debian: python3-venv), or install uv"
    fi
}

install() {
    if command -v uv >/dev/null; then
        uv pip install --quiet --python "$venv/bin/python" "$@"
    elif "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    else
        "$(find_python)" -m pip --python "$venv/bin/python" \
            install --quiet --disable-pip-version-check "$@"
    fi
}

is_new_enough "$venv/bin/python" || make_venv

case "${1:-}" in
runtime)
    echo "Installing headgate into $venv ..."
    install --require-hashes -r requirements/build.txt -r requirements/runtime.txt
    # The build tools come from the lock too, so nothing is fetched that no hash vouches for.
    install --no-deps --no-build-isolation --editable .
    ;;
dev)
    echo "Installing the tests' and checks' tools into $venv ..."
    install --require-hashes -r requirements/dev.txt
    ;;
*)
    fail "say which: runtime or dev"
    ;;
esac
