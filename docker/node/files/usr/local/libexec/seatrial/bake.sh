# Runs in a container of the node image with a volume at /store: imports the archive of images, unpacked, and leaves containerd's
# store under /var/lib/containerd with every layer's content outside of /var (minikube copies /var into a volume at each
# start; links are copied in no time, and the programs stay in the page cache from run to run).
# Arguments: archive with the images, folder that holds the Kubernetes binaries, Kubernetes version with its v.
set -eu
archive=$1 binaries=$2 version=$3
layers=/kind/layers store=/store/containerd

containerd --root "$store" --state /run/bake --address /run/bake.sock --log-level warn &
engine=$!
tries=0
until ctr -a /run/bake.sock version >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { echo "containerd did not answer within 20 s" >&2; exit 1; }
  sleep 0.2
done
ctr -a /run/bake.sock -n k8s.io images import --all-platforms "$archive" >/dev/null
ctr -a /run/bake.sock -n k8s.io images ls -q
kill "$engine"
wait "$engine" || true

mkdir -p "$layers" /var/lib/containerd
for snapshot in "$store"/io.containerd.snapshotter.v1.overlayfs/snapshots/*; do
  id=${snapshot##*/}
  cp -a "$snapshot/fs" "$layers/$id"
  rm -rf "$snapshot/fs"
  ln -s "$layers/$id" "$snapshot/fs"
done
# The packed layers are not needed once they are unpacked: containers start from snapshots, and nothing is pushed from here.
find "$store/io.containerd.content.v1.content/blobs" -type f -size +64k -delete
cp -a "$store/." /var/lib/containerd/

mkdir -p "/var/lib/minikube/binaries/$version"
for name in kubelet kubeadm kubectl; do
  ln -sf "$binaries/$name" "/var/lib/minikube/binaries/$version/$name"
done
