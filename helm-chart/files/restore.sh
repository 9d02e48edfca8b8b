# Replaces the database $PGDATABASE by the dump $FILE of the folder $BACKUPS.
#
# The dump is restored into a database of its own first, which then takes the place of the old one in one transaction: a restore
# that fails changes nothing. PostgreSQL refuses the exchange while anybody is connected, so nobody writes what would be lost.
set -eu

new=restore_new
old=restore_old
export PGOPTIONS=--client-min-messages=warning

fail() {
  echo "restore: $*" >&2
  exit 1
}

clean() {
  dropdb --if-exists --maintenance-db=template1 "$new"
  dropdb --if-exists --maintenance-db=template1 "$old"
}

# From template1, which is never the database to be replaced.
exchange() {
  psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --single-transaction --dbname=template1 \
    --command="ALTER DATABASE \"$PGDATABASE\" RENAME TO $old" --command="ALTER DATABASE $new RENAME TO \"$PGDATABASE\""
}

cd "$BACKUPS"
if [ ! -f "$FILE" ]; then
  set -- *.dump
  [ -f "$1" ] || set -- none
  fail "there is no $FILE among the backups; there are: $*"
fi
if [ -f "$FILE.sha256" ]; then
  sha256sum -c "$FILE.sha256" > /dev/null || fail "$FILE is not what was written: its checksum is another one"
else
  echo "restore: no checksum stands beside $FILE"
fi

# The policies of a new pod need a moment to reach the node. Whatever still stands in the way then, dropdb names.
deadline=$(($(date +%s) + 120))
until pg_isready --quiet --timeout=2 || [ "$(date +%s)" -ge "$deadline" ]; do sleep 1; done
clean
trap clean EXIT
createdb --maintenance-db=template1 --template=template0 "$new"
pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --dbname="$new" "$FILE"

# Pods that are being stopped need a while to let go.
deadline=$(($(date +%s) + 60))
until exchange; do
  [ "$(date +%s)" -lt "$deadline" ] || fail "$PGDATABASE is still in use: stop every pod that is connected to it, then try again"
  sleep 2
done
clean
echo "restore: $PGDATABASE is what $FILE holds"
