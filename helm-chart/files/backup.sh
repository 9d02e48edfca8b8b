# Dumps the database $PGDATABASE into the folder $BACKUPS and keeps the newest $KEEP dumps.
#
# A dump gets its name only after it was read back, and its checksum stands beside it by then: whatever bears a name can be
# restored.
set -eu

partial="$(mktemp "$BACKUPS/.partial.XXXXXX")"
trap 'rm -f "$partial"' EXIT

# The policies of a new pod need a moment to reach the node. Whatever still stands in the way then, pg_dump names.
deadline=$(($(date +%s) + 60))
until pg_isready --quiet --timeout=2 || [ "$(date +%s)" -ge "$deadline" ]; do sleep 1; done
pg_dump --format=custom --no-owner --no-privileges --file="$partial"
pg_restore --list "$partial" > /dev/null

name="$PGDATABASE-$(date -u +%Y%m%dT%H%M%SZ).dump"
sum="$(sha256sum < "$partial")"
echo "${sum%% *}  $name" > "$BACKUPS/$name.sha256"
mv "$partial" "$BACKUPS/$name"
echo "backup: $name, $(wc -c < "$BACKUPS/$name") bytes, sha256 ${sum%% *}"

# What a killed run left behind; no run takes a day.
find "$BACKUPS" -name '.partial.*' -mtime +0 -exec rm -f {} \;
# Names sort by time: the oldest come first.
set -- "$BACKUPS/$PGDATABASE"-[0-9]*Z.dump
while [ "$#" -gt "$KEEP" ]; do
  rm -f "$1" "$1.sha256"
  shift
done
