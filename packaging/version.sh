#!/bin/sh
# Prints the Debian version of this tree, so that any two commits of a branch
# sort as they were made: 1.2.3~rc.1 < 1.2.3 < 1.2.3+5.gSHA < 1.2.4, and all of
# them after 0~dev.N+gSHA, which is used before the first tag.
# Needs the whole history: in a shallow clone N is too small.
set -eu

sha=$(git rev-parse --short=12 HEAD) || {
	echo "version.sh: no git repository here: set DEB_VERSION" >&2
	exit 1
}
if tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null); then
	# Debian takes what follows the last "-" for its own revision.
	version=$(printf '%s' "${tag#v}" | tr - '~')
	since=$(git rev-list --count "$tag..HEAD")
	[ "$since" = 0 ] || version="$version+$since.g$sha"
else
	version="0~dev.$(git rev-list --count HEAD)+g$sha"
fi
git --no-optional-locks diff --quiet HEAD || version="$version+dirty"
echo "$version"
