# syntax=docker/dockerfile:1
# bitsweep as an image: `docker build -t bitsweep .`; for NVIDIA GPUs `docker build --build-arg CUDA=1 -t bitsweep:cuda .`
# Both stages are of the same distribution, so that the libraries of the one are those of the other.
ARG CUDA=0
ARG CUDA_VERSION=12.8.1

FROM ubuntu:22.04 AS build-0
FROM nvidia/cuda:${CUDA_VERSION}-devel-ubuntu22.04 AS build-1
FROM ubuntu:22.04 AS run-0
FROM nvidia/cuda:${CUDA_VERSION}-runtime-ubuntu22.04 AS run-1

FROM build-${CUDA} AS build
ARG CUDA
ARG RUST_VERSION=1.95.0
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates curl g++ make cmake libopenblas-dev \
 && rm -rf /var/lib/apt/lists/*
ENV PATH=/root/.cargo/bin:$PATH
RUN curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs \
    | sh -s -- -y --profile minimal --default-toolchain ${RUST_VERSION}
WORKDIR /src
COPY . .
# The target folder is a cache of the builder, so what is wanted is copied out of it.
RUN --mount=type=cache,target=/root/.cargo/registry --mount=type=cache,target=/src/target,id=target-${CUDA} \
    cargo build --release --locked --features "otlp$([ "$CUDA" = 0 ] || echo ,cuda)" \
 && install -D -s target/release/bitsweep /out/bitsweep

FROM run-${CUDA}
# What bitsweep is linked with, and the certificates of the system for TLS.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates libopenblas0-pthread libgomp1 libstdc++6 tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin bitsweep \
 && install -d -o bitsweep -g bitsweep /cache /spool
COPY --from=build /out/bitsweep /usr/local/bin/bitsweep
USER 10001:10001
ENV HOME=/tmp BITSWEEP_CACHE_DIR=/cache/blobs BITSWEEP_SCRATCH=/cache/scratch BITSWEEP_SPOOL=/spool
# A worker starts processes of its own; tini reaps those whose parent is gone.
ENTRYPOINT ["/usr/bin/tini", "--", "bitsweep"]
CMD ["--help"]
