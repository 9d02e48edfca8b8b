# Probes side by side, each until it works; prints "name <TAB> exit code <TAB> milliseconds <TAB> what it said".
# Arguments: seconds until it gives up, namespace, address of the Service, node port. $NODE is the node's address.
limit=$1 namespace=$2 service=$3 node_port=$4
now() { read -r up rest </proc/uptime; echo "${up%.*}${up#*.}0"; }
began=$(now)
try() {
  name=$1
  shift
  while :; do
    said=$("$@" 2>&1) && code=0 || code=$?
    spent=$(($(now) - began))
    if [ "$code" -eq 0 ] || [ "$spent" -gt $((limit * 1000)) ]; then break; fi
    sleep 0.1
  done
  printf '%s\t%s\t%s\t%s\n' "$name" "$code" "$spent" "$(echo "$said" | tr '\t\n' '  ')"
}
# wget's own -T ends in a segmentation fault in Debian 12's busybox.
names() { nslookup -timeout=1 -retry=1 kubernetes.default.svc.cluster.local. && nslookup -timeout=1 -retry=1 "server.$namespace.svc.cluster.local."; }
try dns names &
try api /agnhost connect kubernetes.default.svc.cluster.local:443 --timeout=2s &
try service timeout 3 wget -q -O - "http://$service/hostname" &
try nodeport timeout 3 wget -q -O - "http://$NODE:$node_port/hostname" &
wait
