#!/bin/sh
# Makes the golden logs of one server version: what servers write about the statements of statements.sql, with auto_explain.
#
#   tests/logs/make.sh /usr/lib/postgresql/15/bin     writes tests/logs/pg15/*, removes its server afterwards
#
# Plans in text format under one prefix, in JSON format under another; each as stderr, csvlog and (from 15) jsonlog.
# Needs psql on the PATH (or PSQL=...). As root the server runs as the user postgres (or PGRUNAS=...).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
psql=${PSQL:-psql}
# Not in a longer directory for temporary files: the name of a socket in it has to stay short.
work=$(TMPDIR=/tmp mktemp -d)
server=

stop_server() {
    [ -z "$server" ] && return
    # The job is the function that runs the server; the server's own process is the first line of its pid file.
    kill -INT "$(head -n 1 "$work/data/postmaster.pid")"
    wait "$server" || true
    server=
}
trap 'stop_server; rm -rf "$work"' EXIT

as_server_user() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid="${PGRUNAS:-postgres}" --regid="${PGRUNAS:-postgres}" --clear-groups "$@"
    else
        "$@"
    fi
}

[ "$(id -u)" = 0 ] && chown "${PGRUNAS:-postgres}" "$work"
cd "$work"
as_server_user "$1/initdb" -D "$work/data" -U postgres -A trust --no-sync --no-locale -E UTF8 >"$work/initdb.log" 2>&1
major=$(cat "$work/data/PG_VERSION")
out=$here/pg$major
mkdir -p "$out"
destinations=stderr,csvlog
[ "$major" -ge 15 ] && destinations=$destinations,jsonlog

# make FORMAT PREFIX
make() {
    as_server_user "$1/postgres" -D "$work/data" -k "$work" -c listen_addresses= -c fsync=off -c autovacuum=off -c jit=off \
        -c max_parallel_workers_per_gather=0 -c compute_query_id=on -c timezone=UTC -c log_timezone=UTC -c logging_collector=on \
        -c log_destination="$destinations" -c log_directory="$work/logs" -c log_filename="$2.log" -c log_line_prefix="$3" >"$work/out" 2>&1 &
    server=$!
    base="host=$work user=postgres dbname=postgres application_name=golden"
    tries=0
    until "$psql" -XAtq -d "$base" -c 'select 1' >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || { cat "$work/out" >&2; exit 1; }
        sleep 0.1
    done
    "$psql" -XAtq -v format="$2" -d "$base" -f "$here/statements.sql" >"$work/psql.out" 2>&1
    stop_server
    for ending in log csv json; do
        [ -f "$work/logs/$2.$ending" ] && cp "$work/logs/$2.$ending" "$out/$2.$ending"
    done
    chmod 644 "$out"/*
}

make "$1" text '%m [%p] '
make "$1" json 'at=%n %u@%d [%p] %Q '
