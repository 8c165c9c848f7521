#!/bin/sh
# build.sh [ARCH…]: writes dist/muster_VERSION_ARCH.deb for arm64, amd64 and
# armhf, or for those that are named. Needs Go, git and the usual tools of a
# Linux system, nothing of Debian's. The same sources and the same Go give the
# same bytes; where there is no git, DEB_VERSION and SOURCE_DATE_EPOCH say what
# it would have said.
set -eu
umask 022
cd "$(dirname "$0")/.."

export LC_ALL=C TZ=UTC
DEB_VERSION=${DEB_VERSION:-$(packaging/version.sh)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export DEB_VERSION SOURCE_DATE_EPOCH
MAINTAINER='Muster maintainers <maintainers@example.com>'
export MAINTAINER

# Whatever the builder's shell says, a package is built one way.
unset GOOS GOARCH GOEXPERIMENT
export CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' GOAMD64=v1 GOARM64=v8.0 GOARM=6
build() { # GOARCH FILE
	GOARCH=$1 go build -ldflags "-s -w -buildid= -X main.version=$DEB_VERSION" -o "$2" ./cmd/agent
}

mkdir -p dist
stage=$(mktemp -d dist/stage.XXXXXX)
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' HUP INT TERM

# What the commands themselves know comes from an agent of this machine.
build "$(go env GOHOSTARCH)" "$stage/agent"
mkdir "$stage/man"
"$stage/agent" man "$stage/man"
cp packaging/man/muster.yaml.5 "$stage/man"
gzip -9n "$stage"/man/*
for shell in bash zsh fish; do "$stage/agent" completion $shell >"$stage/completion.$shell"; done
for unit in muster muster-profile; do
	"$stage/agent" service print --bin /usr/bin/agent --unit $unit >"$stage/$unit.service"
done
# A secret that comes with a package would be no secret.
"$stage/agent" profile new --boards 4 --seed 10.0.0.211 |
	sed 's/^secret: .*/secret: "mst1-…" # "agent profile new" makes one for your fleet/' >"$stage/profile.yaml"
if grep -qE 'mst1-[A-Za-z0-9_-]' "$stage/profile.yaml"; then
	echo "build.sh: the sample profile holds a secret" >&2
	exit 1
fi
packaging/changelog.sh "$DEB_VERSION" "$MAINTAINER" | gzip -9n >"$stage/changelog.gz"

for arch in ${*:-arm64 amd64 armhf}; do
	goarch=$arch NOTE=.
	if [ "$arch" = armhf ]; then
		goarch=arm
		NOTE=".
On 32-bit ARM this is experimental: etcd is not tested there by its makers."
	fi
	mkdir "$stage/$arch"
	build $goarch "$stage/$arch/agent"
	GOARCH=$goarch packaging/copyright.sh >"$stage/$arch/copyright"
	ARCH=$arch STAGE=$stage NOTE=$NOTE go tool -modfile=tools/go.mod nfpm package \
		--config packaging/nfpm.yaml --packager deb --target "dist/muster_${DEB_VERSION}_$arch.deb"
done
