# One static binary in an empty image: no shell, no package manager, no root.
FROM golang:1.26.8-alpine AS build
WORKDIR /src
# The modules first: they change seldom, so this layer is mostly cached.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=image
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/hubbub ./cmd/hubbub \
 && mkdir -p /out/own/data && mkdir -m 1777 /out/own/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/hubbub /hubbub
# 65532 is nobody in particular; these two folders are all it may write to.
COPY --from=build --chown=65532:65532 /out/own/ /
USER 65532:65532
# Inside a container the loopback address would be reachable by nobody. The
# private listener keeps its default, 127.0.0.1:9090, for that very reason.
ENV HUBBUB_LISTEN=:8080 HUBBUB_DATA=/data
VOLUME /data
EXPOSE 8080
# Alive, not ready: a node that waits for its database must not be restarted.
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s CMD ["/hubbub", "healthcheck"]
ENTRYPOINT ["/hubbub"]
