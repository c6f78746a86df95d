# Builds deploy/Dockerfile without a container engine or a registry. run.sh and deploy/dist.sh source it after
# suite.sh; all that is built stays in target/image, for both.

((EUID == 0)) || give_up "it needs root, for a root file system that belongs to root"
need rustc buildah debootstrap xz
cache=$PWD/target/image
mkdir -p "$cache"

# Without overlays each layer is a copy of all: slow and large.
driver=vfs
! grep -qw overlay /proc/filesystems || driver=overlay
buildah() { command buildah --storage-driver "$driver" --root "$cache/$driver" --runroot "$cache/run-$driver" "$@"; }
end_image() {
  end_started
  buildah rm --all >/dev/null
}
trap end_image EXIT
buildah rm --all >/dev/null
source e2e/image/bases.sh

revision=$(git rev-parse HEAD)
committed=$(git log -1 --format=%ct)
registry=$(realpath -m "${CARGO_HOME:-$HOME/.cargo}")/registry
mkdir -p "$registry"
# build [OPTION…]: with this machine's Rust, and its crates: what is here is not downloaded again. Times
# that are written down are that of the commit.
build() {
  buildah build --isolation chroot --pull-never --layers --format docker --file deploy/Dockerfile \
    --volume "$sysroot:/usr/local/rust:ro" --volume "$registry:/usr/local/cargo/registry" \
    --build-arg GATEWAY_REVISION="$revision" --build-arg SOURCE_DATE_EPOCH="$committed" "$@" .
}
# build_image [OPTION…]: as localhost/gateway. The stages that are not in the image have names too, or what they built
# would be cleared away as dangling.
build_image() {
  build --target build --tag localhost/build "$@" &&
    build --target sbom --tag localhost/sbom "$@" &&
    build --tag localhost/gateway "$@"
}
