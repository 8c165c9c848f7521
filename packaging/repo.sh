#!/bin/sh
# repo.sh: makes dist/repo, a signed apt repository of all packages in dist, or
# adds them to the one that is there. MUSTER_REPO_KEY is the fingerprint of the key
# to sign with, in GNUPGHOME; without it a throwaway key is made in dist/repo-key.
# MUSTER_REPO_URL is where boards will find it.
set -eu
umask 022
cd "$(dirname "$0")/.."

if [ -z "${MUSTER_REPO_KEY:-}" ]; then
	echo "repo.sh: MUSTER_REPO_KEY is not set: signing with the throwaway key in dist/repo-key" >&2
	export GNUPGHOME="$PWD/dist/repo-key"
	MUSTER_REPO_KEY='Muster throwaway repository key'
	trap 'gpgconf --kill all' EXIT
	if [ ! -d "$GNUPGHOME" ]; then
		mkdir -p -m 0700 "$GNUPGHOME"
		gpg --batch --quiet --passphrase '' --quick-generate-key "$MUSTER_REPO_KEY" ed25519 sign never
	fi
fi

mkdir -p dist/repo/pool
cp -p dist/muster_*.deb dist/repo/pool/
cd dist/repo

# The lists are made aside, so that the old ones stand until the new ones are whole.
rm -rf lists.new
for arch in arm64 amd64 armhf; do
	lists=lists.new/stable/main/binary-$arch
	mkdir -p "$lists"
	apt-ftparchive --arch "$arch" packages pool >"$lists/Packages"
	gzip -9nk "$lists/Packages"
done
apt-ftparchive \
	-o APT::FTPArchive::Release::Origin=Muster \
	-o APT::FTPArchive::Release::Label=Muster \
	-o APT::FTPArchive::Release::Suite=stable \
	-o APT::FTPArchive::Release::Codename=stable \
	-o APT::FTPArchive::Release::Architectures='amd64 arm64 armhf' \
	-o APT::FTPArchive::Release::Components=main \
	release lists.new/stable >Release.new
mv Release.new lists.new/stable/Release
gpg --batch --quiet --local-user "$MUSTER_REPO_KEY" --clearsign \
	--output lists.new/stable/InRelease lists.new/stable/Release
gpg --batch --quiet --armor --export "$MUSTER_REPO_KEY" >muster.asc
[ -s muster.asc ]
rm -rf lists.old
[ ! -d dists ] || mv dists lists.old
mv lists.new dists
rm -rf lists.old

cp ../../packaging/52muster 52muster
cat >muster.sources <<SOURCES
Types: deb
URIs: ${MUSTER_REPO_URL:-file:$PWD}
Suites: stable
Components: main
Signed-By: /etc/apt/keyrings/muster.asc
SOURCES
