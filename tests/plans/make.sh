#!/bin/sh
# Makes the golden plans of one server version: tests/plans/pg<major>/<case>.json and, of the same statements in text format, <case>.txt,
# of every file in tests/plans/cases, each in databases of its own. CASES=name makes those of one file.
#
#   tests/plans/make.sh /usr/lib/postgresql/15/bin     starts a server of its own, removes it afterwards
#   tests/plans/make.sh 'host=/tmp port=5432 user=me'  works in a new database of a running server, removes that afterwards
#
# Needs psql on the PATH (or PSQL=...). As root the server runs as the user postgres (or PGRUNAS=...).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
psql=${PSQL:-psql}
# Not in a longer directory for temporary files: the name of a socket in it has to stay short.
work=$(TMPDIR=/tmp mktemp -d)
server=

stop() {
    # The job is the function that runs the server; the server's own process is the first line of its pid file.
    [ -n "$server" ] && kill -INT "$(head -n 1 "$work/data/postmaster.pid")" && wait "$server"
    rm -rf "$work"
}
trap stop EXIT

as_server_user() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid="${PGRUNAS:-postgres}" --regid="${PGRUNAS:-postgres}" --clear-groups "$@"
    else
        "$@"
    fi
}

if [ -d "$1" ]; then
    [ "$(id -u)" = 0 ] && chown "${PGRUNAS:-postgres}" "$work"
    cd "$work"
    as_server_user "$1/initdb" -D "$work/data" -U postgres -A trust --no-sync --no-locale -E UTF8 >"$work/initdb.log" 2>&1
    as_server_user "$1/postgres" -D "$work/data" -k "$work" -c listen_addresses= -c fsync=off -c autovacuum=off \
        -c full_page_writes=off -c max_wal_size=1GB >"$work/log" 2>&1 &
    server=$!
    base="host=$work user=postgres"
    tries=0
    until "$psql" -XAtq -d "$base dbname=postgres" -c 'select 1' >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || { cat "$work/log" >&2; exit 1; }
        sleep 0.1
    done
else
    base=$1
fi

database=plans_$$
major=$("$psql" -XAtq -d "$base dbname=postgres" -c "select current_setting('server_version_num')::int / 10000")
out=$here/pg$major
mkdir -p "$out"
status=0
in_text='s/format json/format text/; s/^\(\\o .*\)\.json$/\1.txt/'
for cases in "$here"/cases/${CASES:-*}.sql; do
    for edit in '' "$in_text"; do
        "$psql" -XAtq -d "$base dbname=postgres" -c "drop database if exists $database" -c "create database $database"
        sed "$edit" "$cases" | "$psql" -XAtq -v ON_ERROR_STOP=1 -v out="$out" -d "$base dbname=$database" -f - || status=$?
    done
done
"$psql" -XAtq -d "$base dbname=postgres" -c "drop database if exists $database"
exit $status
