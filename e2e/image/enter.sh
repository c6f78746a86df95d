#!/usr/bin/env bash
# enter.sh ROOT HOSTS RESOLV_CONF [NAME=VALUE…] COMMAND…: runs the command in the file system ROOT as
# container engines do in Kubernetes' restricted mode: read-only, without capabilities, as an unprivileged user, with
# these variables only, and with /proc and two files of the engine's. All mounts end with the command.

set -euo pipefail
[[ ${ENTERED:-} ]] || ENTERED=1 exec unshare --mount --propagation private "$0" "$@"

root=$1 hosts=$2 resolv=$3
shift 3
mount --bind "$root" "$root"
mount --bind "$hosts" "$root/etc/hosts"
mount --bind "$resolv" "$root/etc/resolv.conf"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"

# What nothing_left_behind of .ci/run looks for.
variables=(${CHECK_RUN:+"CHECK_RUN=$CHECK_RUN"})
while [[ $1 == *=* ]]; do variables+=("$1") && shift; done
exec setpriv --no-new-privs env --ignore-environment "${variables[@]}" \
  "$(command -v chroot)" --userspec=65532:65532 --groups= "$root" "$@"
