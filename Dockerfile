# Image of meterline: the program and its C libraries, no shell, no package manager.
# Not run here: no container engine is available where this tree is tested. There it is checked
# by hadolint; the build is as in docs/install.md, and `meterline health` has
# tests.
#
#   docker build -t meterline --build-arg METERLINE_BUILD_COMMIT=$(git rev-parse --short HEAD) .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges \
#     -v meterline-data:/var/lib/meterline -v ./meterline.toml:/etc/meterline/meterline.toml:ro \
#     -p 8080:8080 meterline
#
# docs/install.md describes the configuration that a container needs.
FROM rust:1.91-slim-bookworm AS build
# Versions of the build tools do not change the program.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ make perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# zlib is built in: the image below has none.
ENV LIBZ_SYS_STATIC=1
# The commit that `meterline --version` shows; the context has no .git.
ARG METERLINE_BUILD_COMMIT
RUN cargo build --profile release --locked --bin meterline --no-default-features --features sqlite,questdb,kafka,parquet \
    && install -d -o 65532 -g 65532 -m 0700 /data \
    && strip --strip-all target/release/meterline

# glibc, libgcc and libz; user 65532 is "nonroot" there.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/meterline /usr/bin/meterline
COPY --from=build /src/LICENSE /usr/share/doc/meterline/LICENSE
COPY --from=build --chown=65532:65532 /data /var/lib/meterline
USER 65532:65532
ENV METERLINE_CONFIG=/etc/meterline/meterline.toml \
    METERLINE_DATA_DIRECTORY=/var/lib/meterline
VOLUME ["/var/lib/meterline"]
EXPOSE 8080 8081
# The service stops within 20 seconds; give it 30 (docker stop --time 30).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=1m --start-interval=1s \
    CMD ["/usr/bin/meterline", "health"]
ENTRYPOINT ["/usr/bin/meterline"]
CMD ["run"]
