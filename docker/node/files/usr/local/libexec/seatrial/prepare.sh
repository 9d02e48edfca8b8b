# Runs once, while the node image is built: users, units, containerd's configuration.
set -eu

chmod 0755 /usr/local/bin/*  # a wheel need not keep modes

# minikube logs in as "docker" by key and uses sudo without a password.
groupadd -f docker
useradd -m -s /bin/bash -g docker -G sudo docker
usermod -p '*' docker
install -d -m 0700 -o docker -g docker /home/docker/.ssh
echo '%sudo ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/20-nopasswd
chmod 0440 /etc/sudoers.d/20-nopasswd
printf 'UseDNS no\nUsePAM no\nPrintMotd no\nPasswordAuthentication no\n' >/etc/ssh/sshd_config.d/10-node.conf
# The control plane's name comes from /etc/hosts, before any name server is asked.
sed -i 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf

# containerd: minikube edits lines that exist, so the file starts from the default. A node without CAP_SYS_RESOURCE may not
# lower OOM scores: this line is written without blanks, which minikube's own edit does not match.
mkdir -p /etc/containerd /opt/cni
ln -s /usr/lib/cni /opt/cni/bin
containerd config default \
  | sed -e 's/^\( *\)restrict_oom_score_adj = .*/\1restrict_oom_score_adj=true/' \
        -e 's|^\( *\)sandbox_image = .*|\1sandbox_image = "registry.k8s.io/pause:3.10.1"|' \
        -e 's|^\( *\)enable_unprivileged_ports = .*|\1enable_unprivileged_ports = true|' \
  >/etc/containerd/config.toml
printf 'runtime-endpoint: unix:///run/containerd/containerd.sock\n' >/etc/crictl.yaml

# Only what a node needs is started: every other unit costs start time.
systemctl set-default multi-user.target
systemctl enable containerd.service
systemctl disable ssh.service  # the entrypoint starts sshd before systemd
# Every `systemctl daemon-reload` runs all generators, and minikube reloads half a dozen times.
rm -f /lib/systemd/system-generators/* /lib/systemd/user-generators/*
for unit in getty.target console-getty.service systemd-logind.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
            systemd-user-sessions.service systemd-remount-fs.service systemd-modules-load.service systemd-udevd.service \
            systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-timesyncd.service \
            systemd-networkd.service systemd-resolved.service systemd-journal-flush.service systemd-random-seed.service \
            systemd-firstboot.service systemd-machine-id-commit.service systemd-sysusers.service systemd-hwdb-update.service \
            apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer systemd-tmpfiles-clean.timer \
            dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
            sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount e2scrub_reap.service rc-local.service networking.service; do
  ln -sf /dev/null "/etc/systemd/system/$unit"
done
rm -f /etc/machine-id /var/lib/dbus/machine-id
touch /etc/machine-id
rm -rf /usr/share/doc /usr/share/man /usr/share/locale /var/cache/apt /var/lib/apt/lists
