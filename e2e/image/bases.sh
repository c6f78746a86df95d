# Makes the two images that deploy/Dockerfile starts from, under its names for them, of Debian's packages
# and this machine's Rust: no registry of images is asked. run.sh sources it.

mapfile -t bases < <(grep -oP '^FROM (--platform=\S+ )?\K\S+/\S+' deploy/Dockerfile)
((${#bases[@]} == 2)) || give_up "deploy/Dockerfile has other bases than e2e/image/bases.sh makes"

sysroot=$(rustc --print sysroot)
rust=$(rustc --version)
[[ ${bases[0]} =~ /rust:([0-9.]+)-bookworm$ && $rust == "rustc ${BASH_REMATCH[1]}."* ]] ||
  give_up "deploy/Dockerfile builds with ${bases[0]}, and this machine with $rust"

# Made again when this file or Rust changes.
made_of=$(sha256sum <e2e/image/bases.sh)$rust

# Into an empty folder, also after a failure that left half of it; never into what that half has mounted.
install_debian() {
  find "$1" -xdev -mindepth 1 -delete &&
    debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates,netbase,tzdata,xz-utils bookworm "$1" \
      >"$cache/debootstrap.log" 2>&1
}

# rust:…-bookworm: Debian with a C compiler, for which the build mounts this machine's Rust.
make_builder() {
  local root=$1 certificates=/etc/ssl/certs/ca-certificates.crt
  retried install_debian "$root" ||
    give_up "debootstrap failed: $(df -h "$root"; tail -n 20 "$cache/debootstrap.log" "$root/debootstrap/debootstrap.log")"
  # crates.io may be reached by way of a proxy that this machine trusts.
  ! [[ -e $certificates ]] || cp "$certificates" "$root$certificates"
}

# distroless/static-debian12:nonroot, of the packages that its own build takes: they lie where
# debootstrap left them.
make_runtime() {
  local root=$1 packages=$2/var/cache/apt/archives name home=home/nonroot
  for name in base-files ca-certificates netbase tzdata; do
    dpkg-deb --extract "$packages/${name}"_*.deb "$root"
  done
  cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  echo "nonroot:x:65532:65532:nonroot:/$home:/sbin/nologin" >"$root/etc/passwd"
  echo 'nonroot:x:65532:' >"$root/etc/group"
  install -d -o 65532 -g 65532 -m 700 "$root/$home"
}

made() {
  local label='{{index .OCIv1.Config.Labels "made-of"}}'
  [[ $(buildah inspect --type image --format "$label" "$1" 2>/dev/null) == "$made_of" ]]
}

if ! made "${bases[0]}" || ! made "${bases[1]}"; then
  builder=$(buildah from scratch) runtime=$(buildah from scratch)
  builder_root=$(buildah mount "$builder") runtime_root=$(buildah mount "$runtime")
  make_builder "$builder_root"
  make_runtime "$runtime_root" "$builder_root"
  # Each layer of the storage driver vfs is a copy of all.
  rm -rf "$builder_root"/var/{cache/apt,lib/apt/lists}/* "$builder_root"/usr/share/{doc,locale,man}/*

  buildah config --label "made-of=$made_of" --env CARGO_HOME=/usr/local/cargo \
    --env PATH=/usr/local/cargo/bin:/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$builder"
  buildah config --label "made-of=$made_of" --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --user 65532 "$runtime"
  buildah commit --quiet --rm "$builder" "${bases[0]}" >/dev/null
  buildah commit --quiet --rm "$runtime" "${bases[1]}" >/dev/null
fi
