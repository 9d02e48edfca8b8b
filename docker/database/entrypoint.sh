#!/bin/sh
# Make the database where there is none, then become what the arguments name, usually postgres, as PID 1.
#
# The official image's entry point starts as root and changes user; this one never is root. It is the same on every base image,
# and an interrupted first start leaves nothing half made: the data directory appears by one rename.
set -eu

fail() {
    echo "todo-database: $*" >&2
    exit 2
}

make_database() {
    [ -n "${POSTGRES_PASSWORD:-}" ] || fail "the environment variable POSTGRES_PASSWORD is not set; a new database needs it"
    user="${POSTGRES_USER:-postgres}"
    database="${POSTGRES_DB:-$user}"
    case "$user$database" in
        *[!a-zA-Z0-9_]*) fail "POSTGRES_USER and POSTGRES_DB may hold only letters, digits and _" ;;
    esac

    new="$PGDATA.new"
    rm -rf "$new"
    umask 077
    password_file="$(mktemp)"
    printf '%s\n' "$POSTGRES_PASSWORD" > "$password_file"
    # Local connections need no password: whoever is inside this container can read the files anyway.
    initdb --pgdata="$new" --username="$user" --pwfile="$password_file" --encoding=UTF8 --locale=C \
        --auth-local=trust --auth-host=scram-sha-256
    rm -f "$password_file"
    echo "host all all all scram-sha-256" >> "$new/pg_hba.conf"
    if [ "$database" != postgres ]; then
        echo "CREATE DATABASE \"$database\"" | postgres --single -D "$new" postgres > /dev/null
    fi
    mv "$new" "$PGDATA"
}

if [ "${1:-}" = postgres ]; then
    [ -n "${PGDATA:-}" ] || fail "the environment variable PGDATA is not set"
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        make_database
    fi
    # A volume's group ownership may have widened it, and PostgreSQL refuses a data directory that others can read.
    chmod 0700 "$PGDATA"
    unset POSTGRES_PASSWORD
    shift
    set -- postgres -c "listen_addresses=*" -c "shared_buffers=64MB" "$@"
fi
exec "$@"
