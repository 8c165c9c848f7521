#!/bin/sh
# changelog.sh VERSION MAINTAINER: prints the newest section of CHANGELOG.md as
# the Debian changelog of that version. SOURCE_DATE_EPOCH says its date.
set -eu

echo "muster ($1) stable; urgency=medium"
echo
awk '/^## /{n++} n==1 && /^- /{print substr($0, 3)}' CHANGELOG.md | while read -r line; do
	echo "$line" | fold -s -w 74 | sed -e '1s/^/  * /' -e '2,$s/^/    /' -e 's/ *$//'
done
echo
echo " -- $2  $(date -u -R -d "@$SOURCE_DATE_EPOCH")"
