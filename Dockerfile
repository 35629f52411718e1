# The gateway as a container image: docs/serve.md, "In a container".
#   docker build -t rtsp-webrtc-gateway .
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends cmake ca-certificates
WORKDIR /src
COPY . .
RUN cargo build --locked --release --package serve \
    && strip target/release/rtsp-webrtc-gateway \
    && scripts/rootfs.sh /rootfs target/release/rtsp-webrtc-gateway

FROM scratch
COPY --from=build /rootfs /
USER 65532:65532
# HTTP and WHEP by TCP; media by UDP, and by TCP where a network lets no UDP pass.
EXPOSE 8889/tcp 5000/udp 5000/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=5s \
    CMD ["/rtsp-webrtc-gateway", "health", "--config", "/etc/rtsp-webrtc-gateway/gateway.toml"]
ENTRYPOINT ["/rtsp-webrtc-gateway"]
CMD ["--config", "/etc/rtsp-webrtc-gateway/gateway.toml"]
