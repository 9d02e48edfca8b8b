# Connects again and again and prints a line whenever the outcome changes, until it has changed to "works" twice.
# Arguments: seconds until it gives up, address of the server. The format is that of probe.sh.
limit=$1 server=$2
now() { read -r up rest </proc/uptime; echo "${up%.*}${up#*.}0"; }
began=$(now) before='' works=0
while [ $(($(now) - began)) -le $((limit * 1000)) ]; do
  said=$(/agnhost connect "$server:8080" --timeout=1s 2>&1) && code=0 || code=$?
  case "$code $said" in
    '0 '*) outcome=allowed ;;
    *' REFUSED'* | *' TIMEOUT'*) outcome=denied ;;
    *) outcome=error ;;
  esac
  if [ "$outcome" != "$before" ]; then
    before=$outcome
    printf 'policy\t%s\t%s\t%s\n' "$code" "$(($(now) - began))" "$said"
    if [ "$outcome" = allowed ]; then works=$((works + 1)); fi
  fi
  [ "$works" -lt 2 ] || exit 0
  sleep 0.1
done
