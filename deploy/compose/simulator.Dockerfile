# The Feishu simulator as an image, for trying out: releases have none. compose.yaml builds it.

FROM docker.io/library/rust:1.95-bookworm AS build
WORKDIR /src
# With a target, if only the host's own, these flags are for the program and not for macros, which
# cannot be static.
ENV CARGO_BUILD_TARGET=host-tuple \
    RUSTFLAGS="-C target-feature=+crt-static"

COPY Cargo.toml Cargo.lock ./
COPY allocator/Cargo.toml allocator/
COPY simulator simulator
COPY tests/harness/Cargo.toml tests/harness/
COPY tests/redis/Cargo.toml tests/redis/
# Cargo wants to find the sources of the other packages, but does not build them.
RUN mkdir -p src allocator/src tests/harness/src tests/redis/src e2e/prove benches/steps && \
    touch src/lib.rs allocator/src/lib.rs tests/harness/src/lib.rs tests/redis/src/lib.rs e2e/prove/main.rs benches/steps/main.rs && \
    cargo build --locked --release --package feishu-simulator && \
    install -D --target-directory=/image/usr/local/bin target/*/release/feishu-simulator

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 8090
ENTRYPOINT ["/usr/local/bin/feishu-simulator"]
