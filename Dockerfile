# syntax=docker/dockerfile:1
# The gateway in a small image: the binary, the C library, the system's authorities and time zones; no shell, no package manager, no root.
#
#   docker build -t unskew-gateway .
#   docker run --rm unskew-gateway key new     # a key, and what the gateway is told of it
#   docker run --rm -p 127.0.0.1:50051:50051 -v unskew:/data -e APP__AUTH__KEYS='[{name = "…", sha256 = "…", scopes = ["read"]}]' unskew-gateway
#
# tests/operations/test_image.py holds this file to the repository: the version of Rust, and that all that is compiled is copied.

# That of rust-toolchain.toml.
ARG RUST_VERSION=1.95.0

FROM rust:${RUST_VERSION}-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock build.rs ./
COPY proto proto
COPY config config
COPY src src
COPY engine engine
# Members of the workspace, which cargo wants to see; of them nothing is compiled.
COPY client/native client/native
COPY fuzz fuzz
COPY scripts/bench-client scripts/bench-client
COPY tests/engine-runner tests/engine-runner
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --profile dist --locked --package unskew-gateway \
    && install -D --strip target/dist/unskew-gateway /out/unskew-gateway \
    && mkdir /out/data

# The same release of Debian as that of the stage above: the same C library. `nonroot` has the user id 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/unskew-gateway /usr/local/bin/unskew-gateway
# A new volume takes the owner of the folder.
COPY --from=build --chown=65532:65532 /out/data /data
WORKDIR /data
VOLUME /data
# In a container loopback reaches nobody.
ENV APP__SERVER__ADDRESS=0.0.0.0:50051 \
    APP__STORE__URL=embedded:/data/store \
    APP__TELEMETRY__LOG_FORMAT=json
EXPOSE 50051
# `/readyz`: it serves, and its store answers.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/unskew-gateway", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/unskew-gateway"]
CMD ["serve"]
