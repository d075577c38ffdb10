# FaceQL with ONNX Runtime and the standard model pack. No key is in the image: without FACEQL_API_KEY it refuses
# to listen to the network, and says so.

FROM node:22-bookworm-slim AS graphiql
WORKDIR /build
COPY web/graphiql/package.json web/graphiql/package-lock.json web/graphiql/.npmrc ./
RUN npm ci
COPY web/graphiql .
RUN npm run build

FROM rust:1.95-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# Models first: they change less often than the code, and their layer is kept.
COPY models models
RUN python3 models/prepare.py --home /opt/faceql --only library pack
COPY . .
COPY --from=graphiql /build/dist web/graphiql/dist
RUN cargo build --release --locked --bin faceql

# The same Debian as above, and with it the same glibc.
FROM debian:bookworm-slim
# Certificates, for an encoding service behind https.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group faceql \
    && install --directory --owner=faceql --group=faceql --mode=0700 /data
COPY --from=build /opt/faceql/lib /opt/faceql/lib
COPY --from=build /opt/faceql/packs /opt/faceql/packs
COPY --from=build /build/LICENSE-MIT /build/LICENSE-APACHE /opt/faceql/
COPY --from=build /build/target/release/faceql /usr/local/bin/faceql

ENV FACEQL_LISTEN=0.0.0.0:8080 \
    FACEQL_ONNX_RUNTIME=/opt/faceql/lib/libonnxruntime.so \
    FACEQL_MODEL_PACK=/opt/faceql/packs/standard \
    DATABASE_URL=sqlite:/data/faceql.db \
    FACEQL_BLOB_FOLDER=/data/blobs \
    FACEQL_SECRET_FILE=/data/secret

USER faceql
WORKDIR /data
VOLUME /data
EXPOSE 8080
# bash opens the socket itself, so the image needs no client. Both `serve` and `encoder` answer here.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /health/live HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 204 '"]
ENTRYPOINT ["faceql"]
CMD ["serve"]
