set -euo pipefail
PATH=$BINARIES:$PATH

# CI runs the targets themselves; here they must exist.
make() { for target in "$@"; do grep -q "^$target:" Makefile; done; }
# What is built and drawn is in the repository; how to is the reader's choice.
cargo() { :; }
python3() { test "$*" = docs/pictures/draw; }
resvg() { cp docs/pictures/portrait.png "$2"; }
sqlite3() { if command -v sqlite3 >/dev/null; then command sqlite3 "$@"; fi; }

# A response without errors.
curl() {
    local response
    response=$(command curl --silent --show-error --fail-with-body "$@") || { echo "$response"; return 1; }
    echo "$response"
    case $response in *'"errors"'* | *'"rejected":[{'*) return 1 ;; esac
}

# Ids and digests are the reader's own; a server is stopped as soon as it listens.
faceql() {
    local arguments=() argument
    for argument in "$@"; do
        case $argument in
            key_*) argument=$(command faceql keys list | grep -o 'key_[0-9a-z]*' | head -1) ;;
            *…) argument=$(command faceql audit head) ;;
        esac
        arguments+=("$argument")
    done
    case $1 in
        serve | encoder) serve_until_listening "${arguments[@]}" ;;
        *) command faceql "${arguments[@]}" ;;
    esac
}

serve_until_listening() {
    local log server
    log=$(mktemp)
    FACEQL_LISTEN=127.0.0.1:0 command faceql "$@" 2>"$log" &
    server=$!
    until grep -q 'http://127.0.0.1' "$log"; do
        kill -0 "$server" 2>/dev/null || { cat "$log" >&2; return 1; }
        sleep 0.1
    done
    kill -TERM "$server"
    wait "$server"
    rm "$log"
}
